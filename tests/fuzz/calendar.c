/* iCalendar files: whatever they hold, a bounded list of days or words. */
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/days.h"
#include "config/ics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = mem_copy_text_n((const char *)data, size);
    struct error error = {0};
    struct days days = {0};

    if (ics_read(text, &days, &error) != OK) {
        ENSURE(error.code != OK);
    }
    ENSURE(days.count <= LIMIT_CALENDAR_DAYS);
    days_settle(&days);
    for (size_t i = 1; i < days.count; i++) {
        ENSURE(days.items[i - 1] < days.items[i]);
    }
    days_finish(&days);
    free(text);
    return 0;
}
