/* The small languages of fields: cron lines, indices, rules of retries, deadlines, dates and
 * durations. The first byte chooses one; what prints again reads as the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/civil.h"
#include "base/ensure.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/cron.h"
#include "policy/deadline.h"
#include "policy/indices.h"
#include "policy/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PRINT_BYTES 65536

static void check_cron(const char *text, enum cron_dialect dialect) {
    struct error error = {0};
    struct cron cron;

    if (cron_parse(text, dialect, &error, &cron) != OK) {
        ENSURE(error.code != OK && error.text[0] != '\0');
        return;
    }
    for (int64_t civil_s = 0; civil_s < 400 * INT64_C(86400); civil_s += 7 * 3600 + 60) {
        (void)cron_matches(&cron, civil_s);
    }
}

static void check_cron_of_cronie(const char *text) {
    check_cron(text, CRON_CRONIE);
}

static void check_cron_of_kubernetes(const char *text) {
    check_cron(text, CRON_KUBERNETES);
}

static void check_indices(const char *text) {
    struct indices indices, again;
    struct error error = {0};
    struct buf out;
    uint64_t place;
    int r;

    if (indices_parse(text, &indices, &error) != OK) {
        ENSURE(error.code != OK && error.text[0] != '\0');
        return;
    }
    ENSURE(indices.count > 0 && indices.range_count > 0);
    ENSURE(indices_find(&indices, indices_at(&indices, indices.count - 1), &place));
    ENSURE(place == indices.count - 1);
    buf_init(&out, PRINT_BYTES);
    indices_print(&indices, &out);
    r = indices_parse(buf_text(&out), &again, &error);
    ENSURE(r == OK);
    ENSURE(again.count == indices.count && again.running_max == indices.running_max);
    ENSURE(indices_at(&again, again.count / 2) == indices_at(&indices, again.count / 2));
    buf_finish(&out);
}

static void check_retry(const char *text) {
    struct retry_rules rules, again;
    struct buf first, second;
    int r;

    if (retry_rules_parse(text, &rules) != OK) {
        return;
    }
    buf_init(&first, PRINT_BYTES);
    buf_init(&second, PRINT_BYTES);
    retry_rules_print(&rules, &first);
    r = retry_rules_parse(buf_text(&first), &again);
    ENSURE(r == OK);
    retry_rules_print(&again, &second);
    ENSURE(strcmp(buf_text(&first), buf_text(&second)) == 0);
    buf_finish(&first);
    buf_finish(&second);
}

static void check_deadline(const char *text) {
    struct deadline deadline;

    if (deadline_parse(text, &deadline) == OK) {
        ENSURE(deadline.days <= DEADLINE_DAYS_MAX);
        (void)deadline_us(&deadline, 20000, NULL);
    }
}

static void check_date(const char *text) {
    int64_t days, again;
    char printed[32];

    if (civil_parse_date(text, &days) == OK) {
        int r;

        civil_print_date(days, printed);
        r = civil_parse_date(printed, &again);
        ENSURE(r == OK && days == again);
    }
}

static void check_duration(const char *text) {
    int64_t us;

    if (text_parse_duration_us(text, &us) == OK) {
        ENSURE(us >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const checks[])(const char *text) = {
        check_cron_of_cronie, check_cron_of_kubernetes, check_indices,
        check_retry,          check_deadline,           check_date,
        check_duration};
    char *text;

    if (size == 0) {
        return 0;
    }
    text = mem_copy_text_n((const char *)data + 1, size - 1);
    checks[(data[0] - '0' + 256u) % ARRAY_LEN(checks)](text);
    free(text);
    return 0;
}
