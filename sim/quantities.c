#include "sim/quantities.h"

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "base/quantity.h"
#include "sim/json.h"
#include "sim/status.h"

static json_t *refuse(const char *kind) {
    return sim_status_bad_request(
        "%s in version \"v1\" cannot be handled as a %s: quantities must match the regular "
        "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        kind, kind);
}

/* The canonical text; false when it's no quantity. */
static bool canonical(const json_t *value, char out_text[QUANTITY_BYTES_MAX]) {
    char number[QUANTITY_BYTES_MAX];

    if (json_is_string(value)) {
        return quantity_canonical(json_string_value(value), out_text) == OK;
    }
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.9f", json_real_value(value));
    } else {
        return false;
    }
    return quantity_canonical(number, out_text) == OK;
}

struct json_t *sim_quantities_decode(const char *kind, struct json_t *list) {
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(list, next, key, value) {
        char text[QUANTITY_BYTES_MAX];

        if (!canonical(value, text)) {
            return refuse(kind);
        }
        sim_json_set_text(list, key, text);
    }
    return NULL;
}

struct json_t *sim_quantities_decode_limits(struct json_t *limit_range) {
    static const char *const lists[] = {"max", "min", "default", "defaultRequest",
                                        "maxLimitRequestRatio"};
    json_t *item;
    size_t i;

    json_array_foreach(sim_json_at(limit_range, "spec.limits"), i, item) {
        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
            json_t *refusal = sim_quantities_decode("LimitRange", json_object_get(item, lists[k]));

            if (refusal != NULL) {
                return refusal;
            }
        }
    }
    return NULL;
}

struct json_t *sim_quantities_decode_node(struct json_t *node) {
    json_t *refusal = sim_quantities_decode("Node", sim_json_at(node, "status.capacity"));

    if (refusal != NULL) {
        return refusal;
    }
    return sim_quantities_decode("Node", sim_json_at(node, "status.allocatable"));
}

static int64_t milli_or_zero(const char *text) {
    int64_t milli = 0;

    if (quantity_parse_milli(text, &milli) != OK) {
        int64_t units = 0;

        /* Bytes beyond the range of thousandths. */
        return quantity_parse_units(text, &units) == OK ? INT64_MAX : 0;
    }
    return milli;
}

int sim_quantities_compare(const char *a, const char *b) {
    int64_t left = milli_or_zero(a);
    int64_t right = milli_or_zero(b);

    return (left > right) - (left < right);
}
