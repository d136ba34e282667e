/* Records of the queue: whatever decodes was encoded so, byte for byte. */
#include "queue/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind the checksum: a body that anybody may have written. */
static void check_fields(const struct field_table *table, const uint8_t *body, size_t count) {
    void *value = mem_alloc(1, table->bytes);
    struct buf again;

    if (fields_decode(table, body, count, value) == OK) {
        buf_init(&again, 2 * count + 1);
        fields_encode(&again, table, value);
        ENSURE(again.bytes == count);
        ENSURE(count == 0 || memcmp(again.data, body, count) == 0);
        buf_finish(&again);
    }
    free(value);
}

static void check_terms(const uint8_t *body, size_t count) {
    struct job job = {0};
    struct buf again;

    if (record_decode_terms(body, count, &job) == OK) {
        buf_init(&again, 2 * count + 1);
        record_encode_terms(&again, &job);
        ENSURE(again.bytes == count);
        ENSURE(count == 0 || memcmp(again.data, body, count) == 0);
        buf_finish(&again);
    }
}

/* In front of it: bytes from a disk. */
static void check_records(const uint8_t *data, size_t size) {
    struct stored_job job;
    struct attempt attempt;
    struct job_event event;
    struct submission submission;
    union fact_value value;
    const void *content;
    size_t count;
    uint64_t users;

    (void)!record_decode_job(1, data, size, &job);
    (void)!record_decode_attempt(1, 1, data, size, &attempt);
    (void)!record_decode_event(1, 0, data, size, &event);
    (void)!record_decode_submission("key", data, size, &submission);
#define DECODE_FACT(name, number, type, member) \
    (void)!record_decode_fact(name, "key", data, size, &value);
    FACT_LIST(DECODE_FACT)
#undef DECODE_FACT
    (void)!record_decode_content(SHELF_SPECS, 1, data, size, &content, &count);
    (void)!record_decode_users(SHELF_SPECS, 1, data, size, &users);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct field_table *const tables[] = {record_fields(RECORD_OF_ATTEMPT),
                                                record_fields(RECORD_OF_EVENT),
                                                record_fields(RECORD_OF_SUBMISSION),
#define FACT_FIELDS(name, number, type, member) fact_fields(name),
                                                FACT_LIST(FACT_FIELDS)
#undef FACT_FIELDS
    };

    if (size == 0) {
        return 0;
    }
    check_records(data, size);
    check_fields(tables[data[0] % ARRAY_LEN(tables)], data + 1, size - 1);
    check_terms(data + 1, size - 1);
    return 0;
}
