#include "sim/amounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/tree.h"

void amounts_finish(struct amounts *set) {
    if (set != NULL) {
        free(set->items);
        *set = (struct amounts){0};
    }
}

/* Where the name is, or where it would go. */
static size_t place_of(const struct amounts *set, const char *name, bool *out_found) {
    size_t low = 0;
    size_t high = set->count;

    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(set->items[middle].name, name);

        if (order == 0) {
            *out_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct amount *amounts_find(const struct amounts *set, const char *name) {
    bool found;
    size_t at = place_of(set, name, &found);

    return found ? &set->items[at] : NULL;
}

int64_t amounts_value(const struct amounts *set, const char *name) {
    const struct amount *amount = amounts_find(set, name);

    return amount != NULL ? amount->value : 0;
}

static struct amount *insert_at(struct amounts *set, size_t at, const char *name) {
    struct amount *amount;

    if (set->count == set->room) {
        set->room = set->room == 0 ? 8 : set->room * 2;
        set->items = mem_grow(set->items, set->room, sizeof *set->items);
    }
    memmove(&set->items[at + 1], &set->items[at], (set->count - at) * sizeof *set->items);
    set->count++;
    amount = &set->items[at];
    *amount = (struct amount){0};
    (void)text_copy(amount->name, sizeof amount->name, name);
    return amount;
}

/* The member of this name, 0 if it is new. */
static struct amount *member(struct amounts *set, const char *name, bool binary) {
    bool found;
    size_t at = place_of(set, name, &found);
    struct amount *amount = found ? &set->items[at] : insert_at(set, at, name);

    if (amount->value == 0) {
        amount->binary = binary; /* A zero has no form of its own: it takes the other's. */
    }
    return amount;
}

void amounts_set(struct amounts *set, const char *name, int64_t value, bool binary) {
    struct amount *amount = member(set, name, binary);

    amount->value = value;
    amount->binary = binary;
}

void amounts_add(struct amounts *set, const char *name, int64_t value, bool binary) {
    struct amount *amount = member(set, name, binary);

    if (__builtin_add_overflow(amount->value, value, &amount->value)) {
        amount->value = value > 0 ? INT64_MAX : INT64_MIN;
    }
}

void amounts_add_all(struct amounts *set, const struct amounts *more) {
    for (size_t i = 0; i < more->count; i++) {
        amounts_add(set, more->items[i].name, more->items[i].value, more->items[i].binary);
    }
}

void amounts_raise(struct amounts *set, const char *name, int64_t value, bool binary) {
    struct amount *amount = member(set, name, binary);

    if (amount->value < value) {
        amount->value = value;
    }
}

void amounts_raise_all(struct amounts *set, const struct amounts *more) {
    for (size_t i = 0; i < more->count; i++) {
        amounts_raise(set, more->items[i].name, more->items[i].value, more->items[i].binary);
    }
}

static bool counts_milli(const char *name) {
    return strcmp(name, "cpu") == 0 || strcmp(name, "requests.cpu") == 0 ||
           strcmp(name, "limits.cpu") == 0;
}

int amount_parse(const char *name, const char *text, int64_t *out_value, bool *out_binary) {
    int64_t value;
    int r;

    if (strlen(name) >= AMOUNTS_NAME_BYTES_MAX) {
        return ERR_FULL;
    }
    r = counts_milli(name) ? quantity_parse_milli(text, &value)
                           : quantity_parse_units(text, &value);
    if (r != OK) {
        return r;
    }
    *out_value = value;
    *out_binary = strchr(text, 'i') != NULL;
    return OK;
}

/* Quantities may come as JSON numbers too: cpu: 2. */
static int parse_member(const char *name, const json_t *member, int64_t *out_value,
                        bool *out_binary) {
    char number[64];

    if (json_is_string(member)) {
        return amount_parse(name, json_string_value(member), out_value, out_binary);
    }
    if (json_is_integer(member)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(member));
        return amount_parse(name, number, out_value, out_binary);
    }
    if (json_is_real(member)) {
        (void)snprintf(number, sizeof number, "%.9g", json_real_value(member));
        return amount_parse(name, number, out_value, out_binary);
    }
    return ERR_INVALID;
}

void amounts_add_readable(struct amounts *set, const json_t *object) {
    const char *name;
    json_t *value;

    json_object_foreach(tree_walkable(object), name, value) {
        int64_t number;
        bool binary;

        if (parse_member(name, value, &number, &binary) == OK) {
            amounts_add(set, name, number, binary);
        }
    }
}

void amount_print(const struct amount *amount, char out_text[QUANTITY_BYTES_MAX]) {
    if (counts_milli(amount->name)) {
        quantity_print_milli(amount->value, out_text);
    } else if (amount->binary) {
        quantity_print_bytes(amount->value, out_text);
    } else {
        quantity_print_units(amount->value, out_text);
    }
}

json_t *amounts_json(const struct amounts *set) {
    json_t *object = json_object();

    ENSURE(object != NULL);
    for (size_t i = 0; i < set->count; i++) {
        char text[QUANTITY_BYTES_MAX];
        int r;

        amount_print(&set->items[i], text);
        r = json_object_set_new(object, set->items[i].name, json_string(text));
        ENSURE(r == 0);
    }
    return object;
}

void amounts_print(const struct amounts *set, struct buf *out) {
    for (size_t i = 0; i < set->count; i++) {
        char text[QUANTITY_BYTES_MAX];

        amount_print(&set->items[i], text);
        buf_add_format(out, "%s%s=%s", i > 0 ? "," : "", set->items[i].name, text);
    }
}
