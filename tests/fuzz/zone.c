/* Time zone files: what is taken keeps its promises about walls and instants. */
#include <stdint.h>

#include "base/ensure.h"
#include "config/zone_file.h"
#include "policy/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_S INT64_C(86399)

static void check(const struct zone *zone, int64_t time_s) {
    int64_t civil_s = zone_civil_s(zone, time_s);
    int64_t times_s[2];
    size_t count = zone_instants(zone, civil_s, times_s);

    ENSURE(zone_civil_s(zone, zone_reach(zone, civil_s)) >= civil_s);
    ENSURE(zone_reach(zone, civil_s) <= time_s);
    for (size_t i = 0; i < count; i++) {
        ENSURE(zone_civil_s(zone, times_s[i]) == civil_s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error error = {0};
    struct zone *zone = NULL;

    if (zone_file_parse("Fuzz/Zone", data, size, &error, &zone) != OK) {
        ENSURE(error.code != OK);
        return 0;
    }
    for (int64_t time_s = -STEP_S * 1000; time_s < STEP_S * 100000; time_s += STEP_S * 1997) {
        check(zone, time_s);
    }
    zone_destroy(zone);
    return 0;
}
