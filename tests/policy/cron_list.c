/* cron_list ZONE LINE FROM UNTIL: the seconds since 1970 at which a cron line is due, as cronie has
 * it; to be compared with what a cron daemon does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/zone_file.h"
#include "policy/cron.h"
#include "policy/zone.h"

#define FILE_BYTES_MAX 65536

/* NULL if there is no such zone. */
static struct zone *read_zone(const char *name, struct error *error) {
    static const char folder[] = "/usr/share/zoneinfo";
    struct zone *zone = NULL;
    char path[256];
    char bytes[FILE_BYTES_MAX];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file != NULL) {
        if (zone_file_parse(name, bytes, fread(bytes, 1, sizeof bytes, file), error, &zone) < 0) {
            zone = NULL;
        }
        (void)fclose(file);
    }
    return zone;
}

int main(int argc, char **argv) {
    struct error error = {0};
    struct cron cron;
    struct cron_time time;
    struct zone *zone = argc == 5 ? read_zone(argv[1], &error) : NULL;
    int64_t until_s;

    if (zone == NULL || cron_parse(argv[2], CRON_CRONIE, &error, &cron) < 0) {
        (void)fprintf(stderr, "cron_list: ZONE LINE FROM UNTIL; %s\n", error.text);
        return 2;
    }
    time = (struct cron_time){.time_s = strtoll(argv[3], NULL, 10), .civil_s = CRON_FROM};
    until_s = strtoll(argv[4], NULL, 10);
    while (cron_next(&cron, zone, cron_policy_of(CRON_CRONIE), &time, &time) &&
           time.time_s < until_s) {
        printf("%" PRId64 "\n", time.time_s);
    }
    zone_destroy(zone);
    return 0;
}
