#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/json_print.h"
#include "sim/collection.h"
#include "sim/json.h"
#include "sim/rest_parts.h"
#include "sim/status.h"
#include "sim/table.h"
#include "sim/version.h"

#define FUTURE_WAIT_US (3 * CLOCK_US_PER_SECOND)
#define TOKEN_VERSION  "meta.k8s.io/v1"

/* One list being made. */
struct listing {
    struct sim_call *call;
    const struct sim_collection *collection;
    const char *namespace; /* NULL: all */
    struct sim_selector labels;
    struct sim_selector fields;
    int64_t limit;         /* 0: none */
    int64_t version;       /* resourceVersion to report */
    char *start_namespace; /* owned; NULL: from the beginning */
    char *start_name;
    struct buf items;
    json_t *rows; /* of a table, else NULL */
    size_t shown;
    size_t passed;        /* matching or not */
    char *last_namespace; /* of the last object shown */
    char *last_name;
    bool cut; /* the limit was reached and there is more */
};

static void listing_finish(struct listing *listing) {
    sim_selector_finish(&listing->labels);
    sim_selector_finish(&listing->fields);
    free(listing->start_namespace);
    free(listing->start_name);
    free(listing->last_namespace);
    free(listing->last_name);
    buf_finish(&listing->items);
    json_decref(listing->rows);
}

/* Continue tokens: base64 of {"v":...,"rv":296,"start":"page-0\u0000"}, the start after the
 * collection's own prefix. */

static char *token_of(const struct listing *listing, int64_t version, const char *namespace,
                      const char *name) {
    char *key =
        listing->namespace != NULL ? mem_copy_text(name) : mem_format("%s/%s", namespace, name);
    char *text = mem_format("{\"v\":\"%s\",\"rv\":%" PRId64 ",\"start\":\"%s\\u0000\"}",
                            TOKEN_VERSION, version, key);
    char *token = base64_encode(text, strlen(text), BASE64_URL);

    free(key);
    free(text);
    return token;
}

static json_t *bad_token(void) {
    return sim_status_bad_request("invalid continue token: continue key is not valid: invalid "
                                  "character '\\u0081' looking for beginning of value");
}

/* The token's text ends in NUL, which jansson only takes when told to. */
static json_t *decode_token(const char *token) {
    size_t bytes;
    char *text;
    json_t *value;

    if (base64_decode(token, BASE64_URL, &text, &bytes) != OK) {
        return NULL;
    }
    value = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL);
    free(text);
    return value;
}

static json_t *expired_token(const struct listing *listing) {
    json_t *status = sim_status(
        410, "Expired", NULL, NULL,
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list.");
    char *fresh = token_of(listing, -1, listing->start_namespace, listing->start_name);

    sim_json_set_text(json_object_get(status, "metadata"), "continue", fresh);
    free(fresh);
    return status;
}

/* NULL or an owned refusal. */
static json_t *read_token(struct listing *listing, const char *token) {
    json_t *value = decode_token(token);
    const char *start = sim_json_text(value, "start");
    int64_t version = sim_json_int(value, "rv", 0);
    const char *slash;

    if (start == NULL) {
        json_decref(value);
        return bad_token();
    }
    slash = listing->namespace == NULL ? strchr(start, '/') : NULL;
    if (slash != NULL) {
        listing->start_namespace = mem_copy_text_n(start, (size_t)(slash - start));
        listing->start_name = mem_copy_text(slash + 1);
    } else {
        listing->start_namespace =
            mem_copy_text(listing->namespace == NULL ? "" : listing->namespace);
        listing->start_name = mem_copy_text(start);
    }
    json_decref(value);
    if (version > 0 && version < listing->collection->compacted_number) {
        return expired_token(listing);
    }
    if (version > 0) {
        listing->version = version; /* Pages of one list are as of one version. */
    }
    return NULL;
}

/* resourceVersion. */

static void answer_future(struct sim_call *call, int64_t wanted, int64_t newest) {
    json_t *status = sim_status(
        504, "Timeout", NULL, NULL,
        "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, wanted, newest);

    json_object_set_new(status, "details",
                        json_pack("{s:[{s:s, s:s}], s:i}", "causes", "reason",
                                  "ResourceVersionTooLarge", "message",
                                  "Too large resource version", "retryAfterSeconds", 1));
    sim_call_refuse(call, status);
    call->response->wait_us = FUTURE_WAIT_US;
}

static bool check_version(struct listing *listing) {
    struct sim_call *call = listing->call;
    const char *match = sim_request_parameter(call->request, "resourceVersionMatch");
    int64_t wanted;

    if (!sim_call_version(call, &wanted)) {
        return false;
    }
    if (wanted > listing->version) {
        answer_future(call, wanted, listing->version);
        return false;
    }
    if (match != NULL && strcmp(match, "Exact") == 0) {
        const struct sim_collection *collection = listing->collection;

        /* We keep no old states: an exact version is there only while nothing has changed. */
        if (wanted < collection->compacted_number ||
            sim_collection_log_after(collection, wanted) != collection->log_end) {
            sim_call_refuse(call,
                            sim_status(410, "Expired", NULL, NULL,
                                       "The resourceVersion for the provided list is too old."));
            return false;
        }
        listing->version = wanted;
    }
    return true;
}

/* Items. */

static void show(struct listing *listing, struct sim_version *version) {
    const struct sim_resource *resource = listing->call->target.resource;
    size_t bytes;
    const char *text;

    if (listing->rows != NULL) {
        json_array_append_new(
            listing->rows,
            sim_table_row(resource, version->object,
                          sim_request_parameter(listing->call->request, "includeObject"),
                          listing->call->request->now_us));
        return;
    }
    if (listing->items.bytes > 0) {
        buf_add_char(&listing->items, ',');
    }
    if (listing->call->form == SIM_FORM_METADATA) {
        json_t *partial = sim_partial_metadata(version->object);

        json_print_add(&listing->items, partial);
        json_decref(partial);
        return;
    }
    text = sim_version_text(version, &bytes);
    if (resource->is_custom) {
        buf_add_format(&listing->items, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",",
                       sim_resource_api_version(resource), resource->kind);
        text++;
        bytes--;
    }
    buf_add(&listing->items, text, bytes);
}

static bool selects(const struct listing *listing, const struct sim_version *version) {
    return sim_selector_matches(&listing->labels, version->object) &&
           sim_selector_matches(&listing->fields, version->object);
}

/* False when the limit ends the list here. */
static bool list_shelf(struct listing *listing, const struct sim_shelf *shelf) {
    size_t at = 0;
    int order;

    if (listing->start_name != NULL && strcmp(shelf->namespace, listing->start_namespace) == 0) {
        at = sim_shelf_find(shelf, listing->start_name, &order) + (order == 0 ? 1 : 0);
        /* If that object is gone, its place is where the next one stands. */
        listing->passed += at;
    }
    for (; at < shelf->count; at++) {
        struct sim_version *version = shelf->slots[at].version;

        if (!selects(listing, version)) {
            listing->passed++;
            continue;
        }
        if (listing->limit > 0 && (int64_t)listing->shown == listing->limit) {
            listing->cut = true;
            return false;
        }
        listing->passed++;
        show(listing, version);
        listing->shown++;
        free(listing->last_name);
        listing->last_name = mem_copy_text(shelf->slots[at].name);
        free(listing->last_namespace);
        listing->last_namespace = mem_copy_text(shelf->namespace);
    }
    return true;
}

static void list_shelves(struct listing *listing) {
    const struct sim_collection *collection = listing->collection;

    if (listing->namespace != NULL) {
        const struct sim_shelf *shelf = sim_collection_shelf(collection, listing->namespace);

        if (shelf != NULL) {
            (void)list_shelf(listing, shelf);
        }
        return;
    }
    for (size_t i = 0; i < collection->shelf_count; i++) {
        const struct sim_shelf *shelf = &collection->shelves[i];

        if (listing->start_namespace != NULL &&
            strcmp(shelf->namespace, listing->start_namespace) < 0) {
            listing->passed += shelf->count;
            continue;
        }
        if (!list_shelf(listing, shelf)) {
            return;
        }
    }
}

static json_t *list_metadata(const struct listing *listing) {
    json_t *metadata = json_object();
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, listing->version);
    sim_json_set_text(metadata, "resourceVersion", text);
    if (listing->cut) {
        size_t total = sim_store_count(listing->call->rest->store,
                                       listing->call->target.resource->id, listing->namespace);
        char *token =
            token_of(listing, listing->version, listing->last_namespace, listing->last_name);

        sim_json_set_text(metadata, "continue", token);
        free(token);
        if (listing->labels.count == 0 && listing->fields.count == 0) {
            sim_json_set_int(metadata, "remainingItemCount", (int64_t)(total - listing->passed));
        }
    }
    return metadata;
}

static void answer_table(struct listing *listing) {
    json_t *table = sim_table_begin(listing->call->target.resource);

    json_object_set_new(table, "metadata", list_metadata(listing));
    json_object_set(table, "rows", listing->rows);
    sim_call_json(listing->call, 200, table);
}

static void answer_items(struct listing *listing) {
    const struct sim_resource *resource = listing->call->target.resource;
    struct buf *out = &listing->call->response->body;
    json_t *metadata = list_metadata(listing);

    listing->call->response->code = 200;
    listing->call->response->content_type = SIM_CONTENT_JSON;
    if (listing->call->form == SIM_FORM_METADATA) {
        buf_add_text(out,
                     "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\"");
    } else {
        buf_add_format(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\"", resource->kind,
                       sim_resource_api_version(resource));
    }
    buf_add_text(out, ",\"metadata\":");
    json_print_add(out, metadata);
    buf_add_text(out, ",\"items\":[");
    buf_add(out, buf_text(&listing->items), listing->items.bytes);
    buf_add_text(out, "]}\n");
    json_decref(metadata);
}

void sim_call_list(struct sim_call *call) {
    const char *token = sim_request_parameter(call->request, "continue");
    const char *limit = sim_request_parameter(call->request, "limit");
    struct listing listing = {
        .call = call,
        .collection = sim_store_collection(call->rest->store, call->target.resource->id),
        .namespace = sim_call_namespace(call),
        .version = sim_store_version(call->rest->store),
        .rows = call->form == SIM_FORM_TABLE ? json_array() : NULL,
    };
    json_t *refusal = NULL;

    buf_init(&listing.items, call->response->body.bytes_max);
    if (limit != NULL && text_parse_int64(limit, &listing.limit) != OK) {
        listing.limit = 0;
    }
    if (token != NULL && token[0] != '\0') {
        refusal = read_token(&listing, token);
    }
    if (refusal != NULL) {
        sim_call_refuse(call, refusal);
    } else if (check_version(&listing) &&
               sim_call_selectors(call, &listing.labels, &listing.fields)) {
        list_shelves(&listing);
        if (listing.rows != NULL) {
            answer_table(&listing);
        } else {
            answer_items(&listing);
        }
    }
    listing_finish(&listing);
}
