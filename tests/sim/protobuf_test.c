#include "sim/protobuf.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/test.h"

/* Messages as their bytes: a tag is (number << 3 | wire type), 0 a varint, 2 counted bytes. */
struct message {
    unsigned char bytes[512];
    size_t count;
};

static void add(struct message *out, const void *bytes, size_t count) {
    CHECK(out->count + count <= sizeof out->bytes, "small messages");
    memcpy(out->bytes + out->count, bytes, count);
    out->count += count;
}

static void add_varint(struct message *out, uint64_t value) {
    do {
        unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

        add(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void add_number(struct message *out, unsigned number, uint64_t value) {
    add_varint(out, number << 3);
    add_varint(out, value);
}

static void add_bytes(struct message *out, unsigned number, const void *bytes, size_t count) {
    add_varint(out, number << 3 | 2);
    add_varint(out, count);
    add(out, bytes, count);
}

static void add_text(struct message *out, unsigned number, const char *text) {
    add_bytes(out, number, text, strlen(text));
}

static void add_message(struct message *out, unsigned number, const struct message *part) {
    add_bytes(out, number, part->bytes, part->count);
}

static void add_pair(struct message *out, unsigned number, const char *key, const char *value) {
    struct message pair = {0};

    add_text(&pair, 1, key);
    add_text(&pair, 2, value);
    add_message(out, number, &pair);
}

static struct message envelope(const char *version, const char *kind, const struct message *raw) {
    struct message out = {0};
    struct message type = {0};

    add(&out, "k8s", 4);
    add_text(&type, 1, version);
    add_text(&type, 2, kind);
    add_message(&out, 1, &type);
    add_message(&out, 2, raw);
    add_text(&out, 3, "");
    add_text(&out, 4, "");
    return out;
}

static int read_message(const struct message *message, json_t **out_object) {
    char *copy =
        mem_alloc(message->count + 1, 1); /* Exact, so that a sanitizer sees a step over. */
    int r;

    memcpy(copy, message->bytes, message->count);
    r = sim_protobuf_read(copy, message->count, out_object);
    free(copy);
    return r;
}

static void check_json(const struct message *message, const char *want, const char *what) {
    json_t *object = NULL;
    json_t *wanted = json_loads(want, 0, NULL);

    CHECK(wanted != NULL, "the row's own JSON");
    CHECK_OK(read_message(message, &object), what);
    if (!json_equal(object, wanted)) {
        char *text = json_dumps(object, JSON_SORT_KEYS);

        CHECK_STR(text, want, what);
        free(text);
    }
    json_decref(object);
    json_decref(wanted);
}

/* As a controller creates one: Go writes empty fields, too. */
static struct message a_service(void) {
    struct message metadata = {0};
    struct message owner = {0};
    struct message port = {0};
    struct message named_port = {0};
    struct message target = {0};
    struct message named_target = {0};
    struct message spec = {0};
    struct message raw = {0};
    struct message empty = {0};

    add_text(&owner, 1, "SparkApplication");
    add_text(&owner, 3, "pi");
    add_text(&owner, 4, "u-1");
    add_text(&owner, 5, "sparkoperator.k8s.io/v1beta2");
    add_number(&owner, 6, 1);
    add_number(&owner, 7, 0);
    add_text(&metadata, 1, "pi-ui-svc");
    add_text(&metadata, 2, "");
    add_text(&metadata, 3, "default");
    add_number(&metadata, 7, 0);
    add_message(&metadata, 8, &empty); /* creationTimestamp, not set */
    add_pair(&metadata, 11, "a/b", "c");
    add_pair(&metadata, 11, "d", "");
    add_message(&metadata, 13, &owner);
    add_text(&metadata, 14, "keep");
    add_text(&metadata, 14, "this");
    add_number(&target, 1, 0);
    add_number(&target, 2, 4040);
    add_text(&target, 3, "");
    add_text(&port, 1, "spark-driver-ui-port");
    add_text(&port, 2, "TCP");
    add_number(&port, 3, 4040);
    add_message(&port, 4, &target);
    add_number(&port, 5, 0);
    add_number(&named_target, 1, 1);
    add_text(&named_target, 3, "http");
    add_number(&named_port, 3, 80);
    add_message(&named_port, 4, &named_target);
    add_message(&spec, 1, &port);
    add_message(&spec, 1, &named_port);
    add_pair(&spec, 2, "spark-role", "driver");
    add_text(&spec, 3, "");
    add_text(&spec, 4, "ClusterIP");
    add_number(&spec, 13, 0);
    add_number(&spec, 99, 7); /* of a version to come */
    add_message(&raw, 1, &metadata);
    add_message(&raw, 2, &spec);
    add_message(&raw, 3, &empty);
    return envelope("v1", "Service", &raw);
}

TEST(protobuf_read__gives_the_json_that_the_client_would_have_sent) {
    struct message service = a_service();

    check_json(
        &service,
        "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"pi-ui-svc\","
        "\"namespace\":\"default\",\"labels\":{\"a/b\":\"c\",\"d\":\"\"},"
        "\"ownerReferences\":[{\"kind\":\"SparkApplication\",\"name\":\"pi\",\"uid\":\"u-1\","
        "\"apiVersion\":\"sparkoperator.k8s.io/v1beta2\",\"controller\":true,"
        "\"blockOwnerDeletion\":false}],\"finalizers\":[\"keep\",\"this\"]},"
        "\"spec\":{\"ports\":[{\"name\":\"spark-driver-ui-port\",\"protocol\":\"TCP\","
        "\"port\":4040,\"targetPort\":4040},{\"port\":80,\"targetPort\":\"http\"}],"
        "\"selector\":{\"spark-role\":\"driver\"},\"type\":\"ClusterIP\"}}",
        "a Service");
}

TEST(protobuf_read__knows_what_zero_means_where) {
    struct message options = {0};
    struct message preconditions = {0};
    struct message message;

    add_number(&options, 1, 0);
    add_text(&preconditions, 1, "u-1");
    add_message(&options, 2, &preconditions);
    add_text(&options, 4, "Background");
    add_text(&options, 5, "All");
    message = envelope("v1", "DeleteOptions", &options);
    check_json(&message,
               "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0,"
               "\"preconditions\":{\"uid\":\"u-1\"},\"propagationPolicy\":\"Background\","
               "\"dryRun\":[\"All\"]}",
               "no grace at all is not the default one");
}

TEST(protobuf_read__reads_maps_of_bytes_times_and_inline_messages) {
    struct message metadata = {0};
    struct message time = {0};
    struct message map = {0};
    struct message paths = {0};
    struct message path = {0};
    struct message value = {0};
    struct message rule = {0};
    struct message spec = {0};
    struct message ingress = {0};
    struct message message;

    add_number(&time, 1, 1763856000);
    add_number(&time, 2, 0);
    add_message(&metadata, 8, &time);
    add_message(&map, 1, &metadata);
    add_pair(&map, 2, "k", "v");
    add_pair(&map, 3, "b", "\x01\x02");
    message = envelope("v1", "ConfigMap", &map);
    check_json(&message,
               "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"creationTimestamp\":"
               "\"2025-11-23T00:00:00Z\"},\"data\":{\"k\":\"v\"},\"binaryData\":{\"b\":\"AQI=\"}}",
               "a ConfigMap");
    add_text(&path, 1, "/");
    add_message(&paths, 1, &path);
    add_message(&value, 1, &paths);
    add_text(&rule, 1, "h");
    add_message(&rule, 2, &value);
    add_message(&spec, 3, &rule);
    add_message(&ingress, 2, &spec);
    message = envelope("networking.k8s.io/v1", "Ingress", &ingress);
    check_json(&message,
               "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"spec\":{\"rules\":"
               "[{\"host\":\"h\",\"http\":{\"paths\":[{\"path\":\"/\"}]}}]}}",
               "a rule's value is inline");
}

/* A negative time or one past all years is nobody's; a lease's has six digits, always. */
TEST(protobuf_read__prints_times_as_json_has_them) {
    static const struct {
        const char *what;
        uint64_t seconds;
        uint64_t nanos;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"six digits", 1763856000, 5000, "2025-11-23T00:00:00.000005Z"},
        {"whole seconds too", 1763856000, 0, "2025-11-23T00:00:00.000000Z"},
        {"after all years", 253402300800, 0, NULL},
        {"before all years", UINT64_MAX, 0, NULL},
        {"no nanoseconds", 1, 1000000000, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct message time = {0};
        struct message spec = {0};
        struct message lease = {0};
        struct message message;
        json_t *object = NULL;

        add_number(&time, 1, rows[i].seconds);
        add_number(&time, 2, rows[i].nanos);
        add_message(&spec, 4, &time);
        add_message(&lease, 2, &spec);
        message = envelope("coordination.k8s.io/v1", "Lease", &lease);
        if (rows[i].want == NULL) {
            CHECK_EQ(read_message(&message, &object), ERR_INVALID, rows[i].what);
            continue;
        }
        CHECK_OK(read_message(&message, &object), rows[i].what);
        CHECK_STR(json_string_value(json_object_get(json_object_get(object, "spec"), "renewTime")),
                  rows[i].want, rows[i].what);
        json_decref(object);
    }
}

TEST(protobuf_read__refuses_what_is_cut_off_or_strange) {
    struct message service = a_service();
    struct message empty = {0};
    struct message strange = envelope("v1", "Binding", &empty);
    struct message text = {.bytes = "{\"kind\":\"Service\"}", .count = 18};
    json_t *object = NULL;

    for (size_t count = 0; count < service.count; count++) {
        struct message cut = service;

        cut.count = count;
        if (read_message(&cut, &object) == OK) { /* Cut between two fields of the envelope. */
            json_decref(object);
            object = NULL;
        }
    }
    for (size_t at = 4; at < service.count; at++) {
        struct message spoilt = service;

        spoilt.bytes[at] ^= 0xff;
        if (read_message(&spoilt, &object) == OK) {
            json_decref(object);
            object = NULL;
        }
    }
    service.count -= 8;
    CHECK_EQ(read_message(&service, &object), ERR_INVALID, "cut off in the message");
    CHECK_EQ(read_message(&strange, &object), ERR_NOT_FOUND, "a kind that nobody knows");
    CHECK_EQ(read_message(&text, &object), ERR_INVALID, "JSON");
    CHECK(object == NULL, "nothing is given");
}
