#include "policy/resources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"

static const char *const fixed_names[RESOURCE_FIXED_COUNT] = {
    [RESOURCE_CPU] = "cpu",
    [RESOURCE_MEMORY] = "memory",
    [RESOURCE_EPHEMERAL_STORAGE] = "ephemeral-storage",
    [RESOURCE_PODS] = "pods",
};

void resource_names_finish(struct resource_names *names) {
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        free(names->extended[i]);
    }
    *names = (struct resource_names){0};
}

static size_t kind_count(const struct resource_names *names) {
    return RESOURCE_FIXED_COUNT + names->extended_count;
}

const char *resource_name(const struct resource_names *names, size_t kind) {
    ENSURE(kind < kind_count(names));
    return kind < RESOURCE_FIXED_COUNT ? fixed_names[kind] : names->extended[kind];
}

size_t resource_find(const struct resource_names *names, const char *name) {
    for (size_t kind = 0; kind < kind_count(names); kind++) {
        if (strcmp(resource_name(names, kind), name) == 0) {
            return kind;
        }
    }
    return RESOURCE_NONE;
}

int resource_intern(struct resource_names *names, const char *name, size_t *out_kind) {
    size_t kind = resource_find(names, name);

    if (kind == RESOURCE_NONE) {
        if (!text_is_label_key(name)) {
            return ERR_INVALID;
        }
        kind = kind_count(names);
        if (kind == RESOURCE_KIND_MAX) {
            return ERR_FULL;
        }
        names->extended[kind] = mem_copy_text(name);
        names->extended_count++;
    }
    *out_kind = kind;
    return OK;
}

static bool is_bytes(const struct resource_names *names, size_t kind) {
    return kind == RESOURCE_MEMORY || kind == RESOURCE_EPHEMERAL_STORAGE ||
           text_starts_with(resource_name(names, kind), "hugepages-");
}

int resource_parse(const struct resource_names *names, size_t kind, const char *quantity,
                   int64_t *out_amount) {
    int64_t amount;
    int r;

    ENSURE(kind < kind_count(names));
    r = kind == RESOURCE_CPU ? quantity_parse_milli(quantity, &amount)
                             : quantity_parse_units(quantity, &amount);
    if (r < 0) {
        return r;
    }
    if (amount < 0) {
        return ERR_INVALID;
    }
    *out_amount = amount;
    return OK;
}

void resource_print(const struct resource_names *names, size_t kind, int64_t amount,
                    char out_text[QUANTITY_BYTES_MAX]) {
    if (kind == RESOURCE_CPU) {
        quantity_print_milli(amount, out_text);
    } else if (is_bytes(names, kind)) {
        quantity_print_bytes(amount, out_text);
    } else {
        quantity_print_units(amount, out_text);
    }
}

char *resources_write(const struct resource_names *names, const struct resources *amounts,
                      uint16_t kinds) {
    struct buf text;

    buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < kind_count(names); i++) {
        if ((kinds & RESOURCE_BIT(i)) != 0 && amounts->amount[i] != 0) {
            buf_add_format(&text, "%s%s=%" PRId64, text.bytes > 0 ? "," : "",
                           resource_name(names, i), amounts->amount[i]);
        }
    }
    return buf_take_text(&text);
}

/* Of one of them. */
static int read_amount(struct resource_names *names, char *text, struct resources *amounts) {
    char *equals = strchr(text, '=');
    int64_t amount;
    size_t kind;
    int r = ERR_INVALID;

    if (equals != NULL && text_parse_int64(equals + 1, &amount) == OK) {
        *equals = '\0';
        r = resource_intern(names, text, &kind);
    }
    if (r == OK) {
        amounts->amount[kind] = amount;
    }
    return r;
}

int resources_read(struct resource_names *names, const char *text, struct resources *amounts) {
    struct resources read = *amounts;
    char *copy = mem_copy_text(text);
    char *rest = NULL;
    int r = OK;

    for (char *one = strtok_r(copy, ",", &rest); one != NULL && r == OK;
         one = strtok_r(NULL, ",", &rest)) {
        r = read_amount(names, one, &read);
    }
    free(copy);
    if (r == OK) {
        *amounts = read;
    }
    return r;
}

int64_t amount_add(int64_t a, int64_t b) {
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum)) {
        return b > 0 ? INT64_MAX : INT64_MIN;
    }
    return sum;
}

int64_t amount_subtract(int64_t a, int64_t b) {
    int64_t difference;

    if (__builtin_sub_overflow(a, b, &difference)) {
        return b < 0 ? INT64_MAX : INT64_MIN;
    }
    return difference;
}

int64_t amount_multiply(int64_t a, int64_t b) {
    int64_t product;

    if (__builtin_mul_overflow(a, b, &product)) {
        return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
    }
    return product;
}

void resources_add(struct resources *sum, const struct resources *more) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        sum->amount[i] = amount_add(sum->amount[i], more->amount[i]);
    }
}

void resources_add_times(struct resources *sum, const struct resources *more, int64_t times) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        sum->amount[i] = amount_add(sum->amount[i], amount_multiply(more->amount[i], times));
    }
}

void resources_subtract(struct resources *sum, const struct resources *less) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        sum->amount[i] = amount_subtract(sum->amount[i], less->amount[i]);
    }
}

void resources_max(struct resources *most, const struct resources *other) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (other->amount[i] > most->amount[i]) {
            most->amount[i] = other->amount[i];
        }
    }
}

bool resources_equal(const struct resources *a, const struct resources *b) {
    return memcmp(a->amount, b->amount, sizeof a->amount) == 0;
}

size_t resources_first_short(const struct resources *need, const struct resources *free) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (need->amount[i] > 0 && need->amount[i] > free->amount[i]) {
            return i;
        }
    }
    return RESOURCE_NONE;
}

bool resources_fit(const struct resources *need, const struct resources *free) {
    return resources_first_short(need, free) == RESOURCE_NONE;
}
