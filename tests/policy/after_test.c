#include "policy/after.h"

#include <string.h>

#include "base/buf.h"
#include "tests/test.h"

/* The table of docs/manual/dependencies.md: where one job stands, and what those that wait for it
 * make of it. */
TEST(after_judge__holds_the_table_of_the_manual) {
    static const struct {
        const char *what;
        enum job_state state;
        bool has_run;
        enum after_verdict want[AFTER_ON_COUNT]; /* success, failure, any, start */
    } rows[] = {
        {"held", JOB_HELD, false, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_WAITS}},
        {"queued", JOB_QUEUED, false, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_WAITS}},
        {"starting", JOB_STARTING, false, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_WAITS}},
        {"running", JOB_RUNNING, true, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_MET}},
        {"to be retried", JOB_RETRY_WAIT, true, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_MET}},
        {"succeeded", JOB_SUCCEEDED, true, {AFTER_MET, AFTER_BROKEN, AFTER_MET, AFTER_MET}},
        {"failed", JOB_FAILED, true, {AFTER_BROKEN, AFTER_MET, AFTER_MET, AFTER_MET}},
        {"never ran", JOB_FAILED, false, {AFTER_BROKEN, AFTER_MET, AFTER_MET, AFTER_BROKEN}},
        {"rejected", JOB_REJECTED, false, {AFTER_BROKEN, AFTER_MET, AFTER_MET, AFTER_BROKEN}},
        {"cancelled", JOB_CANCELLED, true, {AFTER_BROKEN, AFTER_BROKEN, AFTER_MET, AFTER_MET}},
        {"cancelled early",
         JOB_CANCELLED,
         false,
         {AFTER_BROKEN, AFTER_BROKEN, AFTER_MET, AFTER_BROKEN}},
        {"skipped", JOB_SKIPPED, false, {AFTER_BROKEN, AFTER_BROKEN, AFTER_MET, AFTER_BROKEN}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct after_tally tally = {.total = 1};

        after_count(&tally, rows[i].state, rows[i].has_run, 1);
        for (unsigned on = 0; on < AFTER_ON_COUNT; on++) {
            CHECK_EQ(after_judge(&tally, (enum after_on)on), rows[i].want[on], rows[i].what);
        }
        after_count(&tally, rows[i].state, rows[i].has_run, -1);
        CHECK_EQ(after_judge(&tally, AFTER_ANY), AFTER_WAITS, "counted out again");
    }
}

/* Three elements: how the whole stands. */
TEST(after_judge__of_an_array_waits_for_all_of_it) {
    static const struct {
        const char *what;
        struct after_tally tally;
        enum after_verdict want[AFTER_ON_COUNT];
    } rows[] = {
        {"no run of the schedule yet", {0}, {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_WAITS}},
        {"two succeeded, one runs",
         {.total = 3, .ran = 3, .succeeded = 2},
         {AFTER_WAITS, AFTER_WAITS, AFTER_WAITS, AFTER_MET}},
        {"one failed already",
         {.total = 3, .ran = 2, .succeeded = 1, .failed = 1},
         {AFTER_BROKEN, AFTER_WAITS, AFTER_WAITS, AFTER_WAITS}},
        {"all are through, one failed",
         {.total = 3, .ran = 3, .succeeded = 2, .failed = 1},
         {AFTER_BROKEN, AFTER_MET, AFTER_MET, AFTER_MET}},
        {"all succeeded",
         {.total = 3, .ran = 3, .succeeded = 3},
         {AFTER_MET, AFTER_BROKEN, AFTER_MET, AFTER_MET}},
        {"one was cancelled before it ran",
         {.total = 3, .ran = 1, .cancelled = 1, .never_ran = 1},
         {AFTER_BROKEN, AFTER_WAITS, AFTER_WAITS, AFTER_BROKEN}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned on = 0; on < AFTER_ON_COUNT; on++) {
            CHECK_EQ(after_judge(&rows[i].tally, (enum after_on)on), rows[i].want[on],
                     rows[i].what);
        }
    }
}

/* What was read, written again: each item. */
static void rewrite(const char *text, struct buf *out, size_t *out_items, bool *out_failed) {
    struct after_reader reader = {.at = text};
    struct after_item item;

    *out_items = 0;
    while (after_next(&reader, &item)) {
        after_print(&item, out);
        ++*out_items;
    }
    *out_failed = reader.failed;
}

TEST(after_next__reads_what_after_print_writes) {
    static const struct {
        const char *text;
        size_t items;
        const char *again; /* NULL: damaged */
    } rows[] = {
        {"", 0, ""},
        {"17", 1, "17"},
        {"17:success:skip", 1, "17"},
        {"17:failure", 1, "17:failure"},
        {"17:success:wait", 1, "17:success:wait"},
        {"20-23:any", 4, "20:any,21:any,22:any,23:any"},
        {"100+50:start", 1, "100+50:start"},
        {"100*50", 1, "100*50"},
        {"7+1", 1, "7+1"},
        {"load@20779:any:fail,9pm@20779", 2, "load@20779:any:fail,9pm@20779"},
        {"0", 0, NULL},
        {"17:maybe", 0, NULL},
        {"17:any:never", 0, NULL},
        {"17-17", 0, NULL},
        {"17+0", 0, NULL},
        {"load", 0, NULL},
        {"17:anything", 0, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf again;
        size_t items;
        bool failed;

        buf_init(&again, AFTER_TEXT_BYTES);
        rewrite(rows[i].text, &again, &items, &failed);
        CHECK_EQ(failed, rows[i].again == NULL, rows[i].text);
        CHECK_EQ(items, rows[i].items, rows[i].text);
        CHECK_STR(buf_text(&again), rows[i].again != NULL ? rows[i].again : "", rows[i].text);
        buf_finish(&again);
    }
}
