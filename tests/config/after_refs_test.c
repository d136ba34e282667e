#include "config/after_refs.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "config/manifest.h"
#include "tests/test.h"

#define JOB(name, more)                                                            \
    "---\napiVersion: nightshift/v1\nkind: BatchJob\nmetadata: {name: " name "}\n" \
    "spec:\n  pod: {spec: {containers: [{name: c, image: i}]}}\n" more
#define LABELLED(name, label, more)                                                              \
    "---\napiVersion: nightshift/v1\nkind: BatchJob\nmetadata: {name: " name ", labels: {" label \
    "}}\n"                                                                                       \
    "spec:\n  pod: {spec: {containers: [{name: c, image: i}]}}\n" more
#define SCHEDULE(name, more)                                                       \
    "---\napiVersion: nightshift/v1\nkind: Schedule\nmetadata: {name: " name "}\n" \
    "spec:\n  cron: 0 2 * * *\n  template:\n    spec:\n"                           \
    "      pod: {spec: {containers: [{name: c, image: i}]}}\n" more
#define POD(name, annotations)                                                              \
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " name ", annotations: {" annotations \
    "}}\nspec: {containers: [{name: c, image: i}]}\n"

static void print_ref(const struct manifest_set *set, const struct after_ref *ref,
                      struct buf *out) {
    static const char *const kinds[] = {"", "schedule ", "labels "};

    buf_add_format(out, " %s%s%s", ref->each ? "each " : "", kinds[ref->target],
                   ref->name != NULL ? ref->name : "");
    for (uint32_t i = 0; ref->labels != NULL && i < ref->labels->count; i++) {
        buf_add_format(out, "%s=%s;", ref->labels->items[i].key, ref->labels->items[i].text);
    }
    if (ref->index >= 0) {
        buf_add_format(out, "_%" PRId64, ref->index);
    }
    buf_add_format(out, ":%s:%s", after_on_texts[ref->on], after_otherwise_texts[ref->otherwise]);
    if (ref->here != AFTER_NOT_HERE) {
        buf_add_format(out, "=%s", set->items[ref->here].name);
    }
}

/* What each job waits for, or the problems. */
static void read_as_text(const char *text, struct buf *out) {
    struct manifest_set set = {0};
    struct problems problems = {0};

    if (manifest_set_parse(text, strlen(text), &set, &problems) == OK) {
        for (size_t i = 0; i < set.count; i++) {
            buf_add_text(out, set.items[i].name);
            for (size_t k = 0; k < set.items[i].after.count; k++) {
                print_ref(&set, &set.items[i].after.items[k], out);
            }
            if (set.items[i].rows.count > 0) {
                buf_add_format(out, " [%s]", set.items[i].rows.indices);
            }
            buf_add_char(out, '\n');
        }
    } else {
        problems_print(&problems, "f", out);
    }
    manifest_set_destroy(&set);
    problems_finish(&problems);
}

static const struct {
    const char *what;
    const char *text;
    const char *want;
} rows[] = {
    {"an object, with what is usual", JOB("a", "") JOB("b", "  after: [{job: a}]\n"),
     "a\nb a:success:skip=a\n"},
    {"all of it", JOB("b", "  after:\n  - {job: 12_7, on: any, otherwise: wait}\n"),
     "b 12_7:any:wait\n"},
    {"an id that is a number", JOB("b", "  after: [{job: 12}, 13]\n"),
     "b 12:success:skip 13:success:skip\n"},
    {"texts", JOB("a", "") JOB("b", "  after: [\"a:failure\", 'each/x:start:fail', schedule/s]\n"),
     "a\nb a:failure:skip=a each x:start:fail schedule s:success:skip\n"},
    {"a text of many", JOB("b", "  after: \"1:any, 2_3,label/app=etl\"\n"),
     "b 1:any:skip 2_3:success:skip labels app=etl;:success:skip\n"},
    {"a selector", JOB("b", "  after: [{selector: {app: etl, tier: \"1\"}}]\n"),
     "b labels app=etl;tier=1;:success:skip\n"},
    {"a later document", JOB("b", "  after: [a]\n") JOB("a", ""), "b a:success:skip=a\na\n"},
    {"annotations of others' kinds",
     POD("a", "nightshift/array: 0-4%2") POD("b", "nightshift/after: 'a_3:any,9'"),
     "a [0-4%2]\nb a_3:any:skip=a 9:success:skip\n"},
    {"an annotation wins over the spec",
     "---\napiVersion: nightshift/v1\nkind: BatchJob\n"
     "metadata: {name: b, annotations: {nightshift/after: \"7\"}}\n"
     "spec:\n  after: [8]\n  pod: {spec: {containers: [{name: c, image: i}]}}\n",
     "b 7:success:skip\n"},
    {"an array", JOB("a", "  array: 0-10:2,20%3\n"), "a [0-10:2,20%3]\n"},
    {"of one", JOB("a", "  array: 5\n"), "a [5]\n"},
    {"a circle of three",
     JOB("a", "  after: [c]\n") JOB("b", "  after: [a]\n") JOB("c", "  after: [{job: b}]\n"),
     "f:14:11: jobs wait for each other in a circle: a (line 7) -> c (line 21) -> b (line 14) -> "
     "a\n"},
    {"itself", JOB("a", "  after: [a]\n"),
     "f:7:11: jobs wait for each other in a circle: a (line 7) -> a\n"},
    {"a circle through labels",
     LABELLED("a", "g: x", "  after: [{selector: {g: y}}]\n")
         LABELLED("b", "g: y", "  after: [{selector: {g: z}}, {selector: {g: x}}]\n"),
     "f:14:31: jobs wait for each other in a circle: a (line 7) -> b (line 14) -> a\n"},
    {"labels of one's own are no circle",
     LABELLED("a", "g: x", "  after: [{selector: {g: x}}]\n") LABELLED("b", "g: x", ""),
     "a labels g=x;:success:skip\nb\n"},
    {"a name of two", JOB("a", "") JOB("a", "") JOB("b", "  after: [a]\n"),
     "f:19:11: 2 jobs of this file are called a; which is meant?\n"},
    {"schedules of one file, and a job of the same name",
     JOB("s", "") SCHEDULE("s", "") SCHEDULE("t", "      after: [schedule/s, schedule/u:any]\n"),
     "s\ns\nt schedule s:success:skip=s schedule u:any:skip\n"},
    {"schedules in a circle",
     SCHEDULE("s", "      after: [schedule/t]\n") SCHEDULE("t", "      after: [{schedule: s}]\n"),
     "f:20:15: jobs wait for each other in a circle: s (line 10) -> t (line 20) -> s\n"},
    {"a schedule behind a job", JOB("a", "") SCHEDULE("t", "      after: [a]\n"),
     "f:16:15: the runs of a schedule wait for runs of other schedules, not for jobs: write "
     "schedule: NAME\n"},
    {"a schedule of arrays", SCHEDULE("t", "      array: 0-9\n"), "t [0-9]\n"},
    {"and of one that is none", SCHEDULE("t", "      array: 9-0\n"),
     "f:10:14: spec.array: the range 9-0 goes down\n"},
    {"no word of ours", JOB("b", "  after: [\"a:maybe\"]\n"),
     "f:7:11: spec.after[0]: \"a:maybe\" is not TARGET:ON:OTHERWISE, where ON is success, failure, "
     "any or start, and OTHERWISE skip, fail or wait\n"},
    {"not that either", JOB("b", "  after: [{job: a, on: maybe}]\n"),
     "f:7:24: spec.after[0].on: must be success, failure, any or start, not \"maybe\"\n"},
    {"a member we don't know", JOB("b", "  after: [{jobs: a}]\n"),
     "f:7:12: spec.after[0].jobs: unknown field (did you mean \"job\"?)\n"},
    {"two at once", JOB("b", "  after: [{job: a, schedule: s}]\n"),
     "f:7:11: spec.after[0]: must have exactly one of job, schedule and selector\n"},
    {"no name", JOB("b", "  after: [A_x]\n"),
     "f:7:11: spec.after[0]: \"A_x\" is neither a job's name nor an id, such as load, 12 or "
     "12_7\n"},
    {"each of one element", JOB("b", "  after: [each/a_3]\n"),
     "f:7:11: spec.after[0]: one element can't be waited for element by element\n"},
    {"neither list nor text", JOB("b", "  after: {job: a}\n"),
     "f:7:3: spec.after: must be a list of what the job waits for\n"},
    {"indices that are none", JOB("a", "  array: 5-1\n"),
     "f:7:10: spec.array: the range 5-1 goes down\n"},
    {"too many of them", JOB("a", "  array: 0-1000000\n"),
     "f:7:10: spec.array: has 1000001 elements, more than 1000000; submit it in several\n"},
    {"a name that leaves no room",
     JOB("a23456789012345678901234567890123456789012345678901234567890123", "  array: 0-9\n"),
     "f:2:1: metadata.name: \"a23456789012345678901234567890123456789012345678901234567890123\" "
     "with an index would have more than 63 characters\n"},
    {"an array with rows",
     JOB("a", "  array: 0-9\n") "---\napiVersion: nightshift/v1\nkind: Rows\nspec: {rows: [[]]}\n",
     "f:7:3: spec.array: the rows behind it make it an array already\n"},
};

TEST(after__is_read_from_specs_and_annotations_or_complained_of) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text;

        buf_init(&text, 8192);
        read_as_text(rows[i].text, &text);
        CHECK_STR(buf_text(&text), rows[i].want, rows[i].what);
        buf_finish(&text);
    }
}

/* A walk of ten thousand steps, and back: no recursion. */
TEST(after__finds_the_circle_at_the_end_of_a_long_line) {
    struct problems problems = {0};
    struct manifest_set set = {0};
    struct buf text;

    buf_init(&text, 8 * 1024 * 1024);
    for (int i = 0; i < 9999; i++) {
        buf_add_format(
            &text,
            "---\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"j%d\","
            "\"annotations\":{\"nightshift/after\":\"j%d\"}},\"spec\":{\"containers\":"
            "[{\"name\":\"c\",\"image\":\"i\"}]}}\n",
            i, (i + 1) % 9999);
    }
    CHECK_EQ(manifest_set_parse(buf_text(&text), text.bytes, &set, &problems), ERR_INVALID,
             "a circle");
    CHECK_EQ(problems.count, 1, "of one, told once");
    buf_finish(&text);
    problems_finish(&problems);
}
