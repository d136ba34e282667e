#include "k8s/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "tests/k8s/rig.h"
#include "tests/test.h"

/* An object's JSON, and lines and pages made of it. */
#define META(name, uid, version)                                              \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"" uid \
    "\",\"resourceVersion\":\"" version "\"}}"
#define LINE(type, name, uid, version) \
    "{\"type\":\"" type "\",\"object\":" META(name, uid, version) "}\n"
#define BOOKMARK(version)                                                                    \
    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":" \
    "\"" version "\",\"creationTimestamp\":null}}}\n"
#define ERROR_410                                                                            \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":" \
    "\"Expired\",\"code\":410,\"message\":\"too old resource version: 372 (383)\"}}\n"
#define PAGE(version, token, items)                                      \
    "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version \
    "\",\"continue\":\"" token "\"},\"items\":[" items "]}\n"

#define LIST_STEP(the_body) \
    { .expect = "pods?limit=", .status = 200, .body = (the_body) }
#define WATCH_STEP(version, the_body)                                                    \
    .expect = "watch=true", .expect_too = "resourceVersion=" version "&", .status = 200, \
    .body = (the_body), .chunked = true

/* What the owner was told, as text: "+a/u1 -b/u2 SYNCED LOST:GONE". */
struct world {
    struct rig rig;
    struct reflector *reflector;
    struct buf told;
    const char *wanted;
    bool is_reached;
};

static void sink(void *context, const struct reflector_event *event) {
    struct world *world = context;

    switch (event->type) {
    case REFLECTOR_UPSERT:
        CHECK_EQ(*event->json, '{', "the object");
        buf_add_format(&world->told, "+%s/%s ", event->name, event->uid);
        break;
    case REFLECTOR_DELETE:
        buf_add_format(&world->told, "-%s/%s ", event->name, event->uid);
        break;
    case REFLECTOR_SYNCED:
        buf_add_text(&world->told, "SYNCED ");
        break;
    case REFLECTOR_LOST:
        buf_add_format(&world->told, "LOST:%s ", kube_outcome_name(event->status.outcome));
        break;
    }
    world->is_reached = strcmp(buf_text(&world->told), world->wanted) == 0;
}

static const struct reflector_options quick = {
    .resource = KUBE_PODS,
    .namespace_ = "n",
    .clock = clock_sample,
    .sink = sink,
    .page_limit = 2,
    .backoff_min_us = 2000,
    .backoff_max_us = 50000,
};

static void world_open_with(struct world *world, const struct script_step *steps, size_t count,
                            struct reflector_options options) {
    *world = (struct world){.wanted = ""};
    buf_init(&world->told, 4096);
    rig_open(&world->rig, steps, count);
    options.context = world;
    options.kube = world->rig.kube;
    options.poller = poll_poller_of(world->rig.loop);
    options.rng = &world->rig.rng;
    world->reflector = reflector_create(&options);
}

static void world_open(struct world *world, const struct script_step *steps, size_t count,
                       int64_t progress_us) {
    struct reflector_options options = quick;

    options.progress_us = progress_us;
    world_open_with(world, steps, count, options);
}

static void world_close(struct world *world) {
    reflector_destroy(world->reflector);
    rig_close(&world->rig);
    buf_finish(&world->told);
}

/* Wait until the owner was told exactly this, and nothing more for a moment. */
static bool settles_at(struct world *world, const char *wanted) {
    int64_t end_us = clock_sample().mono_us + 5 * CLOCK_US_PER_SECOND;

    world->wanted = wanted;
    world->is_reached = strcmp(buf_text(&world->told), wanted) == 0;
    while (!world->is_reached && clock_sample().mono_us < end_us) {
        poll_poller_round(world->rig.loop, 10000);
    }
    rig_idle(&world->rig, 30000);
    return strcmp(buf_text(&world->told), wanted) == 0;
}

struct row {
    const char *what;
    struct script_step steps[8];
    const char *want;
    int64_t progress_us;
    const char *want_asked; /* a part of the server's log, or NULL */
};

static void play(const struct row *row) {
    struct world world;
    size_t count = 0;
    char *log;

    while (count < ARRAY_LEN(row->steps) &&
           (row->steps[count].expect != NULL || row->steps[count].fixture != NULL)) {
        count++;
    }
    world_open(&world, row->steps, count, row->progress_us);
    if (!settles_at(&world, row->want)) {
        CHECK_STR(buf_text(&world.told), row->want, row->what);
    }
    log = script_server_log(world.rig.server);
    if (row->want_asked != NULL && strstr(log, row->want_asked) == NULL) {
        CHECK_STR(log, row->want_asked, row->what);
    }
    CHECK_EQ(script_server_unused(world.rig.server), 0, row->what);
    free(log);
    world_close(&world);
}

static void play_all(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        play(&rows[i]);
    }
}

/* The last step of a row holds its watch, so that nothing follows. */

TEST(reflector__lists_in_pages_and_watches_from_there) {
    static const struct row rows[] = {
        {"pages, then events",
         {LIST_STEP(PAGE("10", "t1", META("a", "u1", "3") "," META("b", "u2", "4"))),
          {.expect = "continue=t1", .status = 200, .body = PAGE("10", "", META("c", "u3", "5"))},
          {WATCH_STEP("10", LINE("ADDED", "d", "u4", "11") LINE("MODIFIED", "a", "u1", "12")
                                LINE("DELETED", "b", "u2", "13")),
           .then = THEN_HOLD}},
         "+a/u1 +b/u2 +c/u3 SYNCED +d/u4 +a/u1 -b/u2 ",
         0,
         "GET /api/v1/namespaces/n/pods?watch=true&allowWatchBookmarks=true&resourceVersion=10&"
         "timeoutSeconds="},
        {"an empty list, items null",
         {LIST_STEP("{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":null}"),
          {WATCH_STEP("7", ""), .then = THEN_HOLD}},
         "SYNCED ",
         0,
         NULL},
        {"recorded pages of a real server",
         {{.expect = "pods?limit=2 ", .fixture = "06-pods-list-page1"},
          {.expect = "continue=", .fixture = "06-pods-list-page2"},
          {.expect = "continue=", .fixture = "05-pods-list-empty"},
          {WATCH_STEP("296", ""), .then = THEN_HOLD}},
         "+gen-bpd5v/f4a5afb5-e58c-4f24-9917-f561d630df6f "
         "+page-0/71d1d11f-5277-4bfd-aa0b-952b9af87a01 "
         "+page-1/faf67cbf-2eaf-488a-b72f-2b9e7c676c59 "
         "+page-2/c6c71010-98b5-4754-8481-8283ad826d6d "
         "SYNCED ",
         0,
         NULL},
    };

    play_all(rows, ARRAY_LEN(rows));
}

TEST(reflector__goes_on_where_a_watch_ended) {
    static const struct row rows[] = {
        {"the server ends the watch in order",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11"))},
          {WATCH_STEP("11", LINE("ADDED", "b", "u2", "12")), .then = THEN_HOLD}},
         "SYNCED +a/u1 +b/u2 ",
         0,
         NULL},
        {"KUBE 7: a bookmark moves the version",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11") BOOKMARK("50") BOOKMARK("50"))},
          {WATCH_STEP("50", ""), .then = THEN_HOLD}},
         "SYNCED +a/u1 ",
         0,
         NULL},
        {"KUBE 7: chunk borders anywhere",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11") BOOKMARK("12")
                                LINE("DELETED", "a", "u1", "13")),
           .piece = 1, .then = THEN_HOLD}},
         "SYNCED +a/u1 -a/u1 ",
         0,
         NULL},
        {"a reset in the middle of a line: the half is no event",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11") LINE("ADDED", "b", "u2", "12")),
           .body_bytes = 150, .then = THEN_RESET},
          {WATCH_STEP("11", LINE("ADDED", "b", "u2", "12")), .then = THEN_HOLD}},
         "SYNCED +a/u1 +b/u2 ",
         0,
         NULL},
        {"a line without its end at the end of the stream is no event",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11") "{\"type\":\"ADD")},
          {WATCH_STEP("11", ""), .then = THEN_HOLD}},
         "SYNCED +a/u1 ",
         0,
         NULL},
        {"duplicated and late events",
         {LIST_STEP(PAGE("10", "", META("a", "u1", "9"))),
          {WATCH_STEP("10",
                      LINE("MODIFIED", "a", "u1", "12") LINE("MODIFIED", "a", "u1", "12")
                          LINE("MODIFIED", "a", "u1", "11") LINE("DELETED", "a", "u1", "13")
                              LINE("MODIFIED", "a", "u1", "12") LINE("DELETED", "a", "u1", "13")),
           .then = THEN_HOLD}},
         "+a/u1 SYNCED +a/u1 -a/u1 ",
         0,
         NULL},
        {"the same name, another object",
         {LIST_STEP(PAGE("10", "", META("a", "u1", "9"))),
          {WATCH_STEP("10", LINE("ADDED", "a", "u2", "12") LINE("DELETED", "a", "u1", "11")),
           .then = THEN_HOLD}},
         "+a/u1 SYNCED -a/u1 +a/u2 ",
         0,
         NULL},
        {"KUBE 17: a silent watch is cut",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11")), .then = THEN_HOLD},
          {WATCH_STEP("11", LINE("ADDED", "b", "u2", "12")), .then = THEN_HOLD}},
         "SYNCED +a/u1 +b/u2 ",
         150000,
         NULL},
    };

    play_all(rows, ARRAY_LEN(rows));
}

TEST(reflector__lists_again_when_its_version_is_gone) {
    static const struct row rows[] = {
        {"KUBE 5: an ERROR event in a 200",
         {LIST_STEP(PAGE("10", "", META("a", "u1", "3") "," META("b", "u2", "4"))),
          {.expect = "watch=true", .fixture = "10-watch-ERROR-410"},
          LIST_STEP(PAGE("400", "", META("b", "u2", "4") "," META("c", "u3", "390"))),
          {WATCH_STEP("400", ""), .then = THEN_HOLD}},
         "+a/u1 +b/u2 SYNCED +c/u3 -a/u1 SYNCED ",
         0,
         NULL},
        {"KUBE 5: HTTP 410",
         {LIST_STEP(PAGE("10", "", META("a", "u1", "3"))),
          {.expect = "watch=true", .fixture = "10-pods-list-410-exact-rv"},
          LIST_STEP(PAGE("400", "", META("a", "u1", "3"))),
          {WATCH_STEP("400", ""), .then = THEN_HOLD}},
         "+a/u1 SYNCED SYNCED ",
         0,
         NULL},
        {"KUBE 5: an expired continue token brings a fresh one",
         {LIST_STEP(PAGE("10", "t1", META("a", "u1", "3"))),
          {.expect = "continue=t1", .fixture = "10-pods-list-410-continue-expired"},
          {.expect = "continue=eyJ2Ijoi",
           .status = 200,
           .body = PAGE("400", "", META("b", "u2", "300"))},
          {WATCH_STEP("10", LINE("MODIFIED", "b", "u2", "299") LINE("DELETED", "a", "u1", "200")),
           .then = THEN_HOLD}},
         "+a/u1 +b/u2 SYNCED -a/u1 ",
         0,
         NULL},
        {"a continue token that is refused without a fresh one",
         {LIST_STEP(PAGE("10", "t1", META("a", "u1", "3"))),
          {.expect = "continue=t1", .fixture = "10-pods-list-410-exact-rv"},
          LIST_STEP(PAGE("11", "", META("b", "u2", "4"))),
          {WATCH_STEP("11", ""), .then = THEN_HOLD}},
         "+a/u1 LOST:GONE +b/u2 -a/u1 SYNCED ",
         0,
         NULL},
        {"KUBE 6: watches from the future are silent, a list ends it",
         {LIST_STEP(PAGE("900", "", META("a", "u1", "3"))),
          {.expect = "watch=true",
           .expect_too = "resourceVersion=900&",
           .fixture = "06-watch-future-rv",
           .then = THEN_HOLD,
           .times = 2},
          LIST_STEP(PAGE("20", "", META("a", "u1", "3"))),
          {WATCH_STEP("20", BOOKMARK("21")), .then = THEN_HOLD}},
         "+a/u1 SYNCED LOST:TIMEOUT SYNCED ",
         200000,
         NULL},
    };

    play_all(rows, ARRAY_LEN(rows));
}

TEST(reflector__says_when_it_is_blind_and_recovers) {
    static const struct row rows[] = {
        {"garbage once is repaired without a word",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11") "what?\n"), .then = THEN_HOLD},
          {WATCH_STEP("11", LINE("ADDED", "b", "u2", "12")), .then = THEN_HOLD}},
         "SYNCED +a/u1 +b/u2 ",
         0,
         NULL},
        /* curl itself repeats the first of the three, which came on a kept connection. */
        {"a broken watch that breaks again is lost, and a list repairs it",
         {LIST_STEP(PAGE("10", "", META("a", "u1", "3"))),
          {.expect = "watch=true", .raw = "", .then = THEN_RESET, .times = 3},
          LIST_STEP(PAGE("20", "", META("a", "u1", "3"))),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "+a/u1 SYNCED LOST:LOST SYNCED ",
         0,
         NULL},
        {"a list that is none",
         {LIST_STEP("[]"),
          LIST_STEP("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{}]}"),
          LIST_STEP("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[1 2]}"),
          LIST_STEP(PAGE("20", "", META("a", "u1", "3"))),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "LOST:LOST LOST:LOST LOST:LOST +a/u1 SYNCED ",
         0,
         NULL},
        {"no right to list: said at once",
         {{.expect = "limit=2", .fixture = "02-403-rbac"},
          LIST_STEP(PAGE("20", "", "")),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "LOST:FORBIDDEN SYNCED ",
         0,
         NULL},
        {"KUBE 16: a list without etcd",
         {{.expect = "limit=2", .fixture = "11-get-504-etcd-down"},
          LIST_STEP(PAGE("20", "", "")),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "LOST:TIMEOUT SYNCED ",
         0,
         NULL},
        {"the first list breaks inside its body",
         {{.expect = "limit=2",
           .status = 200,
           .body = PAGE("20", "", META("a", "u1", "3")),
           .body_bytes = 60,
           .then = THEN_RESET},
          LIST_STEP(PAGE("20", "", META("a", "u1", "3"))),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "LOST:LOST +a/u1 SYNCED ",
         0,
         NULL},
        {"watches that end as soon as they begin do not make it spin",
         {LIST_STEP(PAGE("10", "", "")),
          {WATCH_STEP("10", ""), .times = 2},
          LIST_STEP(PAGE("11", "", "")),
          {WATCH_STEP("11", ""), .then = THEN_HOLD}},
         "SYNCED LOST:LOST SYNCED ",
         0,
         NULL},
    };

    play_all(rows, ARRAY_LEN(rows));
}

TEST(reflector__waits_as_long_as_a_throttling_server_says) {
    static const struct row rows[] = {
        {"KUBE 4: text/plain with Retry-After: 1",
         {{.expect = "limit=2", .fixture = "12-429-apf-reject-list"},
          LIST_STEP(PAGE("20", "", "")),
          {WATCH_STEP("20", ""), .then = THEN_HOLD}},
         "LOST:THROTTLED SYNCED ",
         0,
         NULL},
    };
    int64_t began_us = clock_sample().mono_us;

    play_all(rows, ARRAY_LEN(rows));
    CHECK(clock_sample().mono_us - began_us >= 1000000, "a second, as it said");
}

TEST(reflector_resync__lists_again_when_asked) {
    static const struct script_step steps[] = {
        LIST_STEP(PAGE("10", "", META("a", "u1", "3") "," META("b", "u2", "4"))),
        {WATCH_STEP("10", ""), .then = THEN_HOLD},
        LIST_STEP(PAGE("20", "", META("b", "u2", "4"))),
        {WATCH_STEP("20", ""), .then = THEN_HOLD},
    };
    struct world world;

    world_open(&world, steps, ARRAY_LEN(steps), 0);
    CHECK(!reflector_is_synced(world.reflector), "not before the first list");
    CHECK(settles_at(&world, "+a/u1 +b/u2 SYNCED "), buf_text(&world.told));
    CHECK(reflector_is_synced(world.reflector), "synced");
    CHECK_EQ(reflector_figures(world.reflector).objects, 2, "two");
    reflector_resync(world.reflector);
    CHECK(settles_at(&world, "+a/u1 +b/u2 SYNCED -a/u1 SYNCED "), buf_text(&world.told));
    CHECK_EQ(reflector_figures(world.reflector).objects, 1, "one is left");
    CHECK_EQ(reflector_figures(world.reflector).lists, 2, "two lists");
    CHECK_EQ(reflector_figures(world.reflector).watches, 2, "two watches");
    world_close(&world);
}

TEST(reflector_pause__says_nothing_until_it_is_resumed_and_goes_on_from_there) {
    static const struct script_step steps[] = {
        LIST_STEP(PAGE("10", "", META("a", "u1", "5"))),
        {WATCH_STEP("10", LINE("ADDED", "b", "u2", "11")), .then = THEN_HOLD},
        {WATCH_STEP("11", LINE("ADDED", "c", "u3", "12")), .then = THEN_HOLD},
        LIST_STEP(PAGE("13", "", META("a", "u1", "5") "," META("d", "u4", "13"))),
        {WATCH_STEP("13", ""), .then = THEN_HOLD},
    };
    struct world world;

    world_open(&world, steps, ARRAY_LEN(steps), 0);
    CHECK(settles_at(&world, "+a/u1 SYNCED +b/u2 "), "before");
    reflector_pause(world.reflector);
    reflector_pause(world.reflector);
    CHECK(settles_at(&world, "+a/u1 SYNCED +b/u2 "), "paused");
    reflector_resume(world.reflector);
    reflector_resume(world.reflector);
    CHECK(settles_at(&world, "+a/u1 SYNCED +b/u2 +c/u3 "), "from where it was");
    reflector_pause(world.reflector);
    reflector_resync(world.reflector);
    reflector_hasten(world.reflector);
    CHECK(settles_at(&world, "+a/u1 SYNCED +b/u2 +c/u3 "), "a list that waits");
    reflector_resume(world.reflector);
    CHECK(settles_at(&world, "+a/u1 SYNCED +b/u2 +c/u3 +d/u4 -b/u2 -c/u3 SYNCED "), "and comes");
    world_close(&world);
}

TEST(reflector__lists_again_now_and_then) {
    static const struct script_step steps[] = {
        LIST_STEP(PAGE("10", "", META("a", "u1", "3") "," META("b", "u2", "4"))),
        {WATCH_STEP("10", ""), .then = THEN_HOLD},
        LIST_STEP(PAGE("20", "", META("b", "u2", "4"))),
        {WATCH_STEP("20", ""), .then = THEN_HOLD},
        LIST_STEP(PAGE("30", "", META("b", "u2", "5"))),
        {WATCH_STEP("30", ""), .then = THEN_HOLD},
    };
    struct reflector_options options = quick;
    struct world world;
    int64_t began_us = clock_sample().mono_us;

    options.resync_us = 300000;
    world_open_with(&world, steps, ARRAY_LEN(steps), options);
    CHECK(settles_at(&world, "+a/u1 +b/u2 SYNCED -a/u1 SYNCED +b/u2 SYNCED "),
          "what its watch left out, with nobody asking");
    CHECK(clock_sample().mono_us - began_us >= 2 * 240000, "20 % more or less, not sooner");
    world_close(&world);
}

TEST(reflector_hasten__ends_a_rest_that_another_s_success_makes_pointless) {
    static const struct {
        const char *what;
        const char *fixture;
        const char *told;
        bool hastened;
    } rows[] = {
        {"KUBE 16: a server without its store may be well again", "11-get-504-etcd-down",
         "LOST:TIMEOUT ", true},
        {"no right to list: a person must give it", "02-403-rbac", "LOST:FORBIDDEN ", false},
        {"KUBE 4: it said how long to wait", "12-429-apf-reject-list", "LOST:THROTTLED ", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct script_step steps[] = {
            {.expect = "limit=2", .fixture = rows[i].fixture},
            LIST_STEP(PAGE("20", "", "")),
            {WATCH_STEP("20", ""), .then = THEN_HOLD},
        };
        struct reflector_options options = quick;
        struct world world;

        options.backoff_min_us = options.backoff_max_us = 3600 * CLOCK_US_PER_SECOND;
        world_open_with(&world, steps, ARRAY_LEN(steps), options);
        CHECK(settles_at(&world, rows[i].told), rows[i].what);
        reflector_hasten(world.reflector);
        rig_idle(&world.rig, 400000);
        CHECK_EQ(reflector_is_synced(world.reflector), rows[i].hastened, rows[i].what);
        reflector_hasten(world.reflector); /* It does not rest, or may not be hastened. */
        rig_idle(&world.rig, 10000);
        CHECK_EQ(reflector_is_synced(world.reflector), rows[i].hastened, rows[i].what);
        world_close(&world);
    }
}

TEST(reflector__takes_pages_that_are_too_large_in_halves) {
    struct script_step steps[4] = {
        {.expect = "limit=2 ", .status = 200},
        {.expect = "limit=1 ", .status = 200, .body = PAGE("10", "", META("a", "u1", "3"))},
        {WATCH_STEP("10", ""), .then = THEN_HOLD},
    };
    size_t bytes = LIMIT_KUBE_LIST_BYTES + 1;
    struct world world;
    char *huge = mem_alloc(1, bytes + 1);

    memset(huge, ' ', bytes);
    steps[0].body = huge;
    world_open(&world, steps, 3, 0);
    CHECK(settles_at(&world, "+a/u1 SYNCED "), buf_text(&world.told));
    world_close(&world);
    free(huge);
}

TEST(reflector__bounds_a_watch_line) {
    struct script_step steps[4] = {
        LIST_STEP(PAGE("10", "", "")),
        {WATCH_STEP("10", ""), .then = THEN_HOLD},
        {WATCH_STEP("10", LINE("ADDED", "a", "u1", "11")), .then = THEN_HOLD},
    };
    size_t bytes = LIMIT_KUBE_OBJECT_BYTES + 10;
    struct world world;
    char *huge = mem_alloc(1, bytes + 1);

    memset(huge, 'x', bytes);
    steps[1].body = huge;
    world_open(&world, steps, 3, 0);
    CHECK(settles_at(&world, "SYNCED +a/u1 "), buf_text(&world.told));
    CHECK_EQ(reflector_figures(world.reflector).failures, 1, "one failure");
    world_close(&world);
    free(huge);
}
