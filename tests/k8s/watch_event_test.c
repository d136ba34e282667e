#include "k8s/watch_event.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fake/recorded.h"
#include "tests/test.h"

TEST(watch_event_parse__reads_every_line_of_a_recorded_watch) {
    struct recorded recorded = recorded_load("05-watch-pods-added-modified-deleted-bookmark");
    unsigned counts[WATCH_ERROR + 1] = {0};
    char *rest = recorded.body;
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        struct watch_event event;

        if (*line == '\0') {
            continue;
        }
        CHECK_OK(watch_event_parse(line, strlen(line), &event), line);
        counts[event.type]++;
        CHECK(event.meta.version[0] != '\0', "KUBE 7: a bookmark has a version and no name");
        CHECK_EQ(event.meta.name[0] == '\0', event.type == WATCH_BOOKMARK, "a name");
        CHECK_EQ(*event.object.at, '{', "the object's bytes");
        CHECK_EQ(event.object.at[event.object.bytes - 1], '}', "all of them");
    }
    CHECK(counts[WATCH_PUT] > 2, "ADDED and MODIFIED");
    CHECK(counts[WATCH_DELETED] > 0, "DELETED");
    CHECK(counts[WATCH_BOOKMARK] > 0, "BOOKMARK");
    recorded_finish(&recorded);
}

TEST(watch_event_parse__refuses_what_is_no_event) {
    static const char *const lines[] = {
        "",
        "x",
        "null",
        "{}",
        "{\"type\":\"ADDED\"}",
        "{\"type\":\"ADDED\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":[]}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":7,"
        "\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"added\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"123456789012345678901234567890123456789\"}}}",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct watch_event event;

        CHECK_EQ(watch_event_parse(lines[i], strlen(lines[i]), &event), ERR_INVALID, lines[i]);
    }
}

TEST(list_page_parse__reads_recorded_pages) {
    static const struct {
        const char *recorded;
        size_t want_items;
        bool is_last;
    } rows[] = {
        {"06-pods-list-page1", 2, false},
        {"06-pods-list-page2", 2, false},
        {"05-pods-list-empty", 0, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recorded recorded = recorded_load(rows[i].recorded);
        struct list_page page;
        struct json_cursor cursor;
        struct json_slice key;
        struct json_slice item;
        size_t items = 0;

        CHECK_OK(list_page_parse(recorded.body, strlen(recorded.body), &page), rows[i].recorded);
        cursor = json_scan_members(page.items);
        while (json_scan_next(&cursor, &key, &item)) {
            struct object_meta meta;

            CHECK_OK(object_meta_parse(item, &meta), rows[i].recorded);
            CHECK_STR(meta.namespace_, "team-a", rows[i].recorded);
            items++;
        }
        CHECK(!cursor.failed, rows[i].recorded);
        CHECK_EQ(items, rows[i].want_items, rows[i].recorded);
        CHECK_EQ(page.continue_token[0] == '\0', rows[i].is_last, rows[i].recorded);
        recorded_finish(&recorded);
    }
}

TEST(list_page_fresh_token__is_in_the_410_of_a_continued_list_alone) {
    struct recorded expired = recorded_load("10-pods-list-410-continue-expired");
    struct recorded exact = recorded_load("10-pods-list-410-exact-rv");
    char token[4096] = "";

    CHECK(list_page_fresh_token(expired.body, strlen(expired.body), token), "KUBE 5: a token");
    CHECK(strncmp(token, "eyJ2Ijoi", 8) == 0, token);
    CHECK(!list_page_fresh_token(exact.body, strlen(exact.body), token), "KUBE 5: none");
    recorded_finish(&expired);
    recorded_finish(&exact);
}
