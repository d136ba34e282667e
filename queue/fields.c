#include "queue/fields.h"

#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "queue/fields_walk.h"

#define TAG_MAX 127

/* --- Members --------------------------------------------------------------------------------- */

static uint64_t fold(int64_t value) {
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unfold(uint64_t folded) {
    return (int64_t)((folded >> 1) ^ ((folded & 1) != 0 ? UINT64_MAX : 0));
}

/* Any number's 64 bits; unsigned ones are the same bits. */
static int64_t load_number(const struct field *field, const void *value) {
    switch ((enum field_type)field->type) {
    case FIELD_ENUM:
    case FIELD_U32:
        return (int64_t)field_load_u32(value, field->at);
    case FIELD_I32:
        return (int32_t)field_load_u32(value, field->at);
    default:
        return field_load_i64(value, field->at);
    }
}

static int64_t absent_number(const struct field *field, const void *value) {
    if (field->type == FIELD_SINCE) {
        return field->absent == FIELD_AS_BASE ? field_load_i64(value, field->base) : 0;
    }
    return field->absent;
}

static void store_number(const struct field *field, void *value, int64_t number) {
    char *at = (char *)value + field->at;
    uint32_t narrow = (uint32_t)number;

    switch ((enum field_type)field->type) {
    case FIELD_ENUM:
    case FIELD_U32:
    case FIELD_I32:
        memcpy(at, &narrow, sizeof narrow);
        break;
    default:
        memcpy(at, &number, sizeof number);
    }
}

/* --- Encoding -------------------------------------------------------------------------------- */

static void put_varint(struct buf *out, uint64_t value) {
    unsigned char raw[10];
    size_t count = 0;

    while (value >= 0x80) {
        raw[count++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    raw[count++] = (unsigned char)value;
    buf_add(out, raw, count);
}

static void encode_number(struct buf *out, const struct field *field, const void *value) {
    int64_t number = load_number(field, value);

    switch ((enum field_type)field->type) {
    case FIELD_I32:
    case FIELD_I64:
        put_varint(out, fold(number));
        break;
    case FIELD_SINCE: /* The distance of any two wraps around, and back. */
        put_varint(
            out, fold((int64_t)((uint64_t)number - (uint64_t)field_load_i64(value, field->base))));
        break;
    default:
        ENSURE(field->type != FIELD_ENUM || (uint64_t)number < field->bound);
        put_varint(out, (uint64_t)number);
    }
}

static size_t longest_text(const struct field *field) {
    return field->type == FIELD_LONG_TEXT ? LIMIT_SCHEDULE_BYTES : LIMIT_RECORD_TEXT_BYTES;
}

/* At most so many bytes that no character is cut. */
static size_t cut_text(const struct field *field, const char *text, size_t bytes) {
    ENSURE(field->type != FIELD_LONG_TEXT || bytes <= LIMIT_SCHEDULE_BYTES);
    if (bytes > longest_text(field)) {
        bytes = LIMIT_RECORD_TEXT_BYTES;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
            bytes--;
        }
    }
    return bytes;
}

static void encode_text(struct buf *out, const struct field *field, const void *value) {
    const char *text = field_load_text(value, field->at);

    buf_add(out, text, cut_text(field, text, strlen(text)));
    buf_add_char(out, '\0');
}

static bool all_zero(const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool field_is_zero(const struct field *field, const void *value) {
    return all_zero((const unsigned char *)value + field->at, field->bound);
}

static void encode_series(struct buf *out, const struct field *field, const void *value) {
    uint32_t count = field_load_u32(value, field->base);

    ENSURE(count <= field->bound);
    put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        put_varint(out, fold(field_load_i64(value, field->at + i * sizeof(int64_t))));
    }
}

void field_encode(struct buf *out, const struct field *field, const void *value) {
    ENSURE(field->tag <= TAG_MAX);
    buf_add_char(out, (char)field->tag);
    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        break; /* The tag says it. */
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        encode_text(out, field, value);
        break;
    case FIELD_BYTES:
        buf_add(out, (const char *)value + field->at, field->bound);
        break;
    case FIELD_SERIES:
        encode_series(out, field, value);
        break;
    default:
        encode_number(out, field, value);
    }
}

void fields_encode(struct buf *out, const struct field_table *table, const void *value) {
    for (size_t i = 0; i < table->count; i++) {
        ENSURE(i == 0 || table->rows[i - 1].tag < table->rows[i].tag);
        if (!field_is_absent(&table->rows[i], value)) {
            field_encode(out, &table->rows[i], value);
        }
    }
}

/* --- Decoding -------------------------------------------------------------------------------- */

/* Reads forward; once something is wrong everything after is 0 or "" and ok is false. */
struct reader {
    const unsigned char *at;
    const unsigned char *end;
    bool ok;
};

static uint64_t get_varint(struct reader *reader) {
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint64_t byte = *reader->at++;

        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            /* One way to write a number: no empty byte at its end, no bit beyond the last. */
            reader->ok = reader->ok && (byte != 0 || shift == 0) && (shift < 63 || byte == 1);
            return reader->ok ? value : 0;
        }
    }
    reader->ok = false;
    return 0;
}

static bool is_in_range(const struct field *field, uint64_t raw, int64_t number) {
    switch ((enum field_type)field->type) {
    case FIELD_ENUM:
        return raw < field->bound;
    case FIELD_U32:
        return raw <= UINT32_MAX;
    case FIELD_I32:
        return number >= INT32_MIN && number <= INT32_MAX;
    default:
        return true;
    }
}

static void decode_number(struct reader *reader, const struct field *field, void *value) {
    uint64_t raw = get_varint(reader);
    int64_t number = (int64_t)raw;

    if (field->type == FIELD_I32 || field->type == FIELD_I64) {
        number = unfold(raw);
    } else if (field->type == FIELD_SINCE) {
        number = (int64_t)((uint64_t)unfold(raw) + (uint64_t)field_load_i64(value, field->base));
    }
    if (!reader->ok || !is_in_range(field, raw, number) || number == absent_number(field, value)) {
        reader->ok = false;
        return;
    }
    store_number(field, value, number);
}

static void decode_text(struct reader *reader, const struct field *field, void *value) {
    const char *text = (const char *)reader->at;
    const unsigned char *end = memchr(reader->at, '\0', (size_t)(reader->end - reader->at));

    if (end == NULL || end == reader->at || (size_t)(end - reader->at) > longest_text(field)) {
        reader->ok = false;
        return;
    }
    memcpy((char *)value + field->at, &text, sizeof text);
    reader->at = end + 1;
}

static void decode_bytes(struct reader *reader, const struct field *field, void *value) {
    if ((size_t)(reader->end - reader->at) < field->bound || all_zero(reader->at, field->bound)) {
        reader->ok = false;
        return;
    }
    memcpy((char *)value + field->at, reader->at, field->bound);
    reader->at += field->bound;
}

static void decode_series(struct reader *reader, const struct field *field, void *value) {
    uint64_t count = get_varint(reader);
    uint32_t kept = (uint32_t)count;

    if (count == 0 || count > field->bound) {
        reader->ok = false;
        return;
    }
    memcpy((char *)value + field->base, &kept, sizeof kept);
    for (size_t i = 0; i < count; i++) {
        int64_t number = unfold(get_varint(reader));

        memcpy((char *)value + field->at + i * sizeof number, &number, sizeof number);
    }
}

static void decode_field(struct reader *reader, const struct field *field, void *value) {
    const bool set = true;

    switch ((enum field_type)field->type) {
    case FIELD_BOOL:
        memcpy((char *)value + field->at, &set, sizeof set);
        break;
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        decode_text(reader, field, value);
        break;
    case FIELD_BYTES:
        decode_bytes(reader, field, value);
        break;
    case FIELD_SERIES:
        decode_series(reader, field, value);
        break;
    default:
        decode_number(reader, field, value);
    }
}

/* What a record without the field means. A base is an earlier row, so it is there by now. */
static void set_absent(const struct field *field, void *value) {
    static const char *const no_text = "";
    char *at = (char *)value + field->at;

    switch ((enum field_type)field->type) {
    case FIELD_TEXT:
    case FIELD_LONG_TEXT:
        memcpy(at, &no_text, sizeof no_text);
        break;
    case FIELD_BOOL:
        memset(at, 0, sizeof(bool));
        break;
    case FIELD_BYTES:
        memset(at, 0, field->bound);
        break;
    case FIELD_SERIES:
        memset((char *)value + field->base, 0, sizeof(uint32_t));
        memset(at, 0, field->bound * sizeof(int64_t));
        break;
    default:
        store_number(field, value, absent_number(field, value));
    }
}

int fields_decode(const struct field_table *table, const void *bytes, size_t count,
                  void *out_value) {
    struct reader reader = {.at = bytes, .end = (const unsigned char *)bytes + count, .ok = true};

    for (size_t i = 0; i < table->count; i++) {
        if (reader.ok && reader.at < reader.end && *reader.at == table->rows[i].tag) {
            reader.at++;
            decode_field(&reader, &table->rows[i], out_value);
        } else {
            set_absent(&table->rows[i], out_value);
        }
    }
    return reader.ok && reader.at == reader.end ? OK : ERR_CORRUPT;
}
