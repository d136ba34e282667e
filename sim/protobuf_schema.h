/* sim/protobuf_schema.h - which field of a message has which number. For sim/protobuf.c alone. */
#ifndef SIM_PROTOBUF_SCHEMA_H
#define SIM_PROTOBUF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protobuf_type {
    PROTOBUF_TEXT,
    PROTOBUF_INT,
    PROTOBUF_BOOL,
    PROTOBUF_MESSAGE,
    PROTOBUF_TIME,
    PROTOBUF_MICRO_TIME,
    PROTOBUF_INT_OR_TEXT,
    PROTOBUF_TEXT_MAP,
    PROTOBUF_BYTES_MAP, /* base64 in JSON */
};

struct protobuf_field {
    uint32_t number;
    const char *name; /* NULL: the message's fields stand in its parent, in JSON */
    enum protobuf_type type;
    const struct protobuf_message *message; /* of PROTOBUF_MESSAGE */
    bool repeated;
    bool keeps_zero; /* it is optional in Go: 0, false and "" are values, too */
};

struct protobuf_message {
    const struct protobuf_field *fields;
    size_t count;
};

/* NULL: not known. */
const struct protobuf_message *protobuf_message_of(const char *kind);

#endif
