/* Whatever a server sends as a line of a watch, a page of a list or an answer. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "k8s/kube_status.h"
#include "k8s/watch_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct json_slice slice, const char *text, size_t bytes) {
    ENSURE(slice.at >= text);
    ENSURE(slice.at + slice.bytes <= text + bytes);
}

static void walk_items(struct json_slice items, const char *text, size_t bytes) {
    struct json_cursor cursor = json_scan_members(items);
    struct json_slice key;
    struct json_slice item;

    while (json_scan_next(&cursor, &key, &item)) {
        struct object_meta meta;

        check_inside(item, text, bytes);
        if (object_meta_parse(item, &meta) == OK) {
            ENSURE(meta.name[0] != '\0');
            ENSURE(meta.uid[0] != '\0');
        }
    }
    /* list_page_parse() has walked over the whole text before. */
    ENSURE(!cursor.failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct kube_reply reply = {
        .http_code = 300 + (int)(size % 300), .body = text, .body_bytes = size};
    struct kube_status status = kube_status_from_reply(&reply);
    struct watch_event event;
    struct list_page page;
    char token[4096];

    ENSURE(status.outcome != KUBE_OK);
    ENSURE(status.message[0] != '\0');
    ENSURE(kube_status_from_object(text, size).outcome != KUBE_OK);
    if (watch_event_parse(text, size, &event) == OK) {
        check_inside(event.object, text, size);
        ENSURE(event.type == WATCH_ERROR || event.meta.version[0] != '\0');
    }
    if (list_page_parse(text, size, &page) == OK && page.items.bytes > 0) {
        check_inside(page.items, text, size);
        walk_items(page.items, text, size);
    }
    (void)list_page_fresh_token(text, size, token);
    return 0;
}
