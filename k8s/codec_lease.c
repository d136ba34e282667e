#include "k8s/codec_lease.h"

#include "base/rfc3339.h"
#include "base/text.h"
#include "k8s/codec_json.h"
#include "k8s/json_build.h"
#include "k8s/json_document.h"

#define ADDRESS_KEY "nightshift/address"

static int read_text(const struct json_at *parent, const char *key, char *out, size_t room,
                     struct field_error *error) {
    struct json_at at = json_at_key(parent, key);
    const char *text = "";
    int r = json_get_text(&at, &text, error);

    if (r == OK) {
        (void)text_copy(out, room, text);
    }
    return r;
}

static int read_spec(const struct json_at *spec, struct lease *lease, struct field_error *error) {
    struct json_at acquired = json_at_key(spec, "acquireTime");
    struct json_at renewed = json_at_key(spec, "renewTime");
    struct json_at duration = json_at_key(spec, "leaseDurationSeconds");
    struct json_at transitions = json_at_key(spec, "leaseTransitions");
    int r = read_text(spec, "holderIdentity", lease->holder, sizeof lease->holder, error);

    r = r < 0 ? r : json_get_time_us(&acquired, &lease->acquired_us, error);
    r = r < 0 ? r : json_get_time_us(&renewed, &lease->renewed_us, error);
    r = r < 0 ? r : json_get_int64(&duration, &lease->duration_s, error);
    return r < 0 ? r : json_get_int64(&transitions, &lease->transitions, error);
}

int codec_lease_read(const char *json, size_t bytes, struct lease *out_lease,
                     struct field_error *error) {
    struct lease lease = {0};
    struct json_document document;
    struct json_at top, meta, spec, notes;
    int r = json_read_object(json, bytes, LIMIT_KUBE_OBJECT_BYTES, &document, error);

    if (r < 0) {
        return r;
    }
    top = json_at_document(&document);
    meta = json_at_key(&top, "metadata");
    spec = json_at_key(&top, "spec");
    notes = json_at_key(&meta, "annotations");
    r = read_text(&meta, "resourceVersion", lease.version, sizeof lease.version, error);
    r = r < 0 ? r : read_text(&notes, ADDRESS_KEY, lease.address, sizeof lease.address, error);
    r = r < 0 ? r : read_spec(&spec, &lease, error);
    if (r == OK && lease.version[0] == '\0') {
        r = json_fail(&meta, error, ERR_INVALID, "it has no resourceVersion");
    }
    json_document_finish(&document);
    if (r == OK) {
        *out_lease = lease;
    }
    return r;
}

static void put_time(struct json_t *object, const char *key, int64_t time_us) {
    char text[RFC3339_BYTES_MAX];

    rfc3339_print_us(time_us, text);
    json_put_text(object, key, text);
}

static struct json_t *spec_of(const struct lease *lease) {
    struct json_t *spec = json_new_object();

    json_put_text(spec, "holderIdentity", lease->holder);
    json_put_int(spec, "leaseDurationSeconds", lease->duration_s);
    put_time(spec, "acquireTime", lease->acquired_us);
    put_time(spec, "renewTime", lease->renewed_us);
    json_put_int(spec, "leaseTransitions", lease->transitions);
    return spec;
}

static struct json_t *notes_of(const struct lease *lease) {
    struct json_t *notes = json_new_object();

    json_put_text(notes, ADDRESS_KEY, lease->address);
    return notes;
}

char *codec_lease_create_body(const struct lease *lease, const char *name, const char *namespace_) {
    struct json_t *object = json_new_object();
    struct json_t *meta = json_new_object();

    json_put_text(meta, "name", name);
    json_put_text(meta, "namespace", namespace_);
    json_put_take(meta, "annotations", notes_of(lease));
    json_put_text(object, "apiVersion", "coordination.k8s.io/v1");
    json_put_text(object, "kind", "Lease");
    json_put_take(object, "metadata", meta);
    json_put_take(object, "spec", spec_of(lease));
    return json_print_take(object);
}

char *codec_lease_patch_body(const struct lease *lease) {
    struct json_t *object = json_new_object();
    struct json_t *meta = json_new_object();

    json_put_text(meta, "resourceVersion", lease->version);
    json_put_take(meta, "annotations", notes_of(lease));
    json_put_take(object, "metadata", meta);
    json_put_take(object, "spec", spec_of(lease));
    return json_print_take(object);
}
