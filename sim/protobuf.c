#include "sim/protobuf.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "sim/json.h"
#include "sim/protobuf_schema.h"

#define MAGIC       "k8s"
#define MAGIC_BYTES 4             /* with its NUL */
#define SECONDS_MAX 253402300799U /* the end of the year 9999 */

/* --- The wire -------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *at;
    const uint8_t *end;
};

enum wire {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
};

/* One field as it stands there. */
struct token {
    uint32_t number;
    enum wire wire;
    uint64_t value;     /* of a varint */
    struct bytes bytes; /* of the others */
};

static int read_varint(struct bytes *in, uint64_t *out_value) {
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return OK;
        }
    }
    return ERR_INVALID;
}

static int take(struct bytes *in, uint64_t count, struct bytes *out) {
    if (count > (uint64_t)(in->end - in->at)) {
        return ERR_INVALID;
    }
    *out = (struct bytes){in->at, in->at + count};
    in->at += count;
    return OK;
}

static int read_token(struct bytes *in, struct token *out_token) {
    struct token token = {0};
    uint64_t tag = 0;
    int r = read_varint(in, &tag);

    if (r < 0) {
        return r;
    }
    token.number = (uint32_t)(tag >> 3);
    token.wire = (enum wire)(tag & 7);
    switch (token.wire) {
    case WIRE_VARINT:
        r = read_varint(in, &token.value);
        break;
    case WIRE_FIXED64:
        r = take(in, 8, &token.bytes);
        break;
    case WIRE_FIXED32:
        r = take(in, 4, &token.bytes);
        break;
    case WIRE_BYTES:
        r = read_varint(in, &token.value);
        r = r < 0 ? r : take(in, token.value, &token.bytes);
        break;
    default:
        r = ERR_INVALID;
    }
    if (r == OK) {
        *out_token = token;
    }
    return r;
}

/* --- Values ---------------------------------------------------------------------------------- */

static const char *characters(struct bytes bytes) {
    return bytes.at != NULL ? (const char *)bytes.at : "";
}

/* NULL: it is no UTF-8. */
static json_t *text_of(struct bytes bytes) {
    return json_stringn(characters(bytes), (size_t)(bytes.end - bytes.at));
}

static json_t *base64_of(struct bytes bytes) {
    char *text = base64_encode(characters(bytes), (size_t)(bytes.end - bytes.at), BASE64_USUAL);
    json_t *value = json_string(text);

    free(text);
    return value;
}

/* Of messages that hold scalars alone: the field with this number, or a zero. */
static int find(struct bytes in, uint32_t number, struct token *out_token) {
    struct token token;
    int r;

    *out_token = (struct token){0};
    while (in.at < in.end) {
        r = read_token(&in, &token);
        if (r < 0) {
            return r;
        }
        if (token.number == number) {
            *out_token = token;
        }
    }
    return OK;
}

static int read_time(struct bytes in, const struct protobuf_field *field, json_t *into) {
    char text[RFC3339_BYTES_MAX];
    struct token seconds;
    struct token nanos;

    if (find(in, 1, &seconds) < 0 || find(in, 2, &nanos) < 0 || seconds.value > SECONDS_MAX ||
        nanos.value >= 1000000000) {
        return ERR_INVALID;
    }
    if (seconds.value == 0) { /* Not set. */
        return OK;
    }
    (field->type == PROTOBUF_TIME ? rfc3339_print : rfc3339_print_us)(
        (int64_t)seconds.value * 1000000 + (int64_t)nanos.value / 1000, text);
    sim_json_set_text(into, field->name, text);
    return OK;
}

static int read_int_or_text(struct bytes in, json_t **out_value) {
    struct token type;
    struct token number;
    struct token text;

    if (find(in, 1, &type) < 0 || find(in, 2, &number) < 0 || find(in, 3, &text) < 0) {
        return ERR_INVALID;
    }
    *out_value = type.value == 0 ? json_integer((json_int_t)number.value) : text_of(text.bytes);
    return *out_value == NULL ? ERR_INVALID : OK;
}

static int read_map_entry(struct bytes in, enum protobuf_type type, json_t *map) {
    struct token key;
    struct token value;
    char *name;
    int r = ERR_INVALID;

    if (find(in, 1, &key) < 0 || find(in, 2, &value) < 0) {
        return ERR_INVALID;
    }
    name = mem_format("%.*s", (int)(key.bytes.end - key.bytes.at), characters(key.bytes));
    if (json_object_set_new(map, name,
                            type == PROTOBUF_BYTES_MAP ? base64_of(value.bytes)
                                                       : text_of(value.bytes)) == 0) {
        r = OK;
    }
    free(name);
    return r;
}

/* --- Messages -------------------------------------------------------------------------------- */

static int read_message(struct bytes in, const struct protobuf_message *message, json_t *into);

static const struct protobuf_field *field_of(const struct protobuf_message *message,
                                             uint32_t number) {
    for (size_t i = 0; i < message->count; i++) {
        if (message->fields[i].number == number) {
            return &message->fields[i];
        }
    }
    return NULL;
}

static enum wire wire_of(const struct protobuf_field *field) {
    return field->type == PROTOBUF_INT || field->type == PROTOBUF_BOOL ? WIRE_VARINT : WIRE_BYTES;
}

static bool is_zero(const struct token *token) {
    return token->wire == WIRE_VARINT ? token->value == 0 : token->bytes.at == token->bytes.end;
}

/* A new value, or NULL for one that can't be read. */
static json_t *value_of(const struct protobuf_field *field, const struct token *token) {
    json_t *value = NULL;

    switch (field->type) {
    case PROTOBUF_TEXT:
        return text_of(token->bytes);
    case PROTOBUF_INT:
        return json_integer((json_int_t)token->value);
    case PROTOBUF_BOOL:
        return json_boolean(token->value != 0);
    case PROTOBUF_INT_OR_TEXT:
        return read_int_or_text(token->bytes, &value) == OK ? value : NULL;
    default:
        value = json_object();
        if (read_message(token->bytes, field->message, value) < 0) {
            json_decref(value);
            value = NULL;
        }
        return value;
    }
}

static int put(json_t *into, const struct protobuf_field *field, json_t *value_take) {
    if (value_take == NULL) {
        return ERR_INVALID;
    }
    if (!field->repeated) {
        json_object_set_new(into, field->name, value_take);
        return OK;
    }
    if (json_object_get(into, field->name) == NULL) {
        json_object_set_new(into, field->name, json_array());
    }
    json_array_append_new(json_object_get(into, field->name), value_take);
    return OK;
}

static int read_field(const struct token *token, const struct protobuf_field *field, json_t *into) {
    if (token->wire != wire_of(field)) {
        return ERR_INVALID;
    }
    if (field->name == NULL) {
        return read_message(token->bytes, field->message, into);
    }
    switch (field->type) {
    case PROTOBUF_TEXT_MAP:
    case PROTOBUF_BYTES_MAP:
        return read_map_entry(token->bytes, field->type, sim_json_make_object(into, field->name));
    case PROTOBUF_TIME:
    case PROTOBUF_MICRO_TIME:
        return read_time(token->bytes, field, into);
    case PROTOBUF_MESSAGE:
        return put(into, field, value_of(field, token));
    default: /* Go's encoder writes zeros that JSON leaves out. */
        return is_zero(token) && !field->keeps_zero && !field->repeated
                   ? OK
                   : put(into, field, value_of(field, token));
    }
}

/* The messages do not contain themselves, so this ends. */
static int read_message(struct bytes in, const struct protobuf_message *message, json_t *into) {
    struct token token;
    int r = OK;

    while (r == OK && in.at < in.end) {
        const struct protobuf_field *field;

        r = read_token(&in, &token);
        field = r == OK ? field_of(message, token.number) : NULL;
        if (field != NULL) {
            r = read_field(&token, field, into);
        }
    }
    return r;
}

/* --- The envelope ---------------------------------------------------------------------------- */

static int read_type(struct bytes in, json_t *object) {
    struct token version;
    struct token kind;

    if (find(in, 1, &version) < 0 || find(in, 2, &kind) < 0 ||
        json_object_set_new(object, "apiVersion", text_of(version.bytes)) < 0 ||
        json_object_set_new(object, "kind", text_of(kind.bytes)) < 0) {
        return ERR_INVALID;
    }
    return OK;
}

int sim_protobuf_read(const char *data, size_t bytes, struct json_t **out_object) {
    const struct protobuf_message *message;
    struct bytes in = {(const uint8_t *)data, (const uint8_t *)data + bytes};
    json_t *object = json_object();
    struct token type;
    struct token raw;
    int r = ERR_INVALID;

    if (bytes < MAGIC_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0) {
        goto out;
    }
    in.at += MAGIC_BYTES;
    if (find(in, 1, &type) < 0 || find(in, 2, &raw) < 0 || read_type(type.bytes, object) < 0) {
        goto out;
    }
    message = protobuf_message_of(sim_json_text(object, "kind"));
    r = message == NULL ? ERR_NOT_FOUND : read_message(raw.bytes, message, object);
    if (r == OK) {
        *out_object = json_incref(object);
    }
out:
    json_decref(object);
    return r;
}
