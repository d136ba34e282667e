#include "config/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "policy/deadline.h"

/* One value, what it must be, and who hears of it. */
struct check {
    const struct field *field;
    struct text_node *value;
    const struct trail *trail;
    struct problems *problems;
};

#define COMPLAIN(c, ...) \
    problems_add_at((c)->problems, node_place((c)->value), (c)->trail, __VA_ARGS__)

static bool is_scalar(const struct text_node *node) {
    return node->kind != NODE_LIST && node->kind != NODE_OBJECT && node->kind != NODE_NULL;
}

static const char *kind_text(const struct text_node *node) {
    switch (node->kind) {
    case NODE_LIST:
        return "a list";
    case NODE_OBJECT:
        return "an object";
    case NODE_NULL:
        return "empty";
    case NODE_BOOL:
    case NODE_INT:
    case NODE_NUMBER:
    case NODE_TEXT:
        break;
    }
    return node->plain ? "a plain value" : "a text in quotes";
}

/* Saying what stands there helps more than saying of what kind it is. */
static void wrong_kind(const struct check *c, const char *wanted) {
    const struct text_node *value = c->value;

    if (is_scalar(value) && value->text[0] != '\0' && strlen(value->text) <= 40) {
        COMPLAIN(c, value->plain ? "must be %s, not %s" : "must be %s, not the text \"%s\"", wanted,
                 value->text);
    } else {
        COMPLAIN(c, "must be %s, not %s", wanted, kind_text(value));
    }
}

/* Unquoted 5 or true, where a text belongs, is the text "5" or "true". */
static bool become_text(const struct check *c) {
    if (!is_scalar(c->value)) {
        wrong_kind(c, "text");
        return false;
    }
    c->value->kind = NODE_TEXT;
    return true;
}

/* Scalars, a function per type. */

static void check_text(const struct check *c) {
    (void)become_text(c);
}

static void check_label(const struct check *c) {
    if (become_text(c) && !text_is_dns_label(c->value->text)) {
        COMPLAIN(c, "\"%s\" is not a name: 1 to 63 of a-z, 0-9 and -, not - at either end",
                 c->value->text);
    }
}

static void check_labels(const struct check *c) {
    const char *at;
    size_t length;

    if (!become_text(c)) {
        return;
    }
    for (at = c->value->text;; at += length + 1) {
        char *name;
        bool ok;

        length = strcspn(at, ",");
        name = mem_copy_text_n(at, length);
        ok = text_is_dns_label(name);
        free(name);
        if (!ok) {
            COMPLAIN(c,
                     "\"%s\" is not a name, nor names joined by commas: 1 to 63 of a-z, 0-9 "
                     "and -, not - at either end",
                     c->value->text);
            return;
        }
        if (at[length] == '\0') {
            return;
        }
    }
}

static void check_subdomain(const struct check *c) {
    if (become_text(c) && !text_is_dns_subdomain(c->value->text)) {
        COMPLAIN(c,
                 "\"%s\" is not a name: 1 to 253 of a-z, 0-9, - and ., a letter or digit at "
                 "both ends",
                 c->value->text);
    }
}

static void check_label_value(const struct check *c) {
    if (become_text(c) && (c->value->text[0] == '\0' || !text_is_label_value(c->value->text))) {
        COMPLAIN(c,
                 "\"%s\" is not a name: 1 to 63 of letters, digits, -, _ and ., a letter or "
                 "digit at both ends",
                 c->value->text);
    }
}

static void check_bool(const struct check *c) {
    if (c->value->kind != NODE_BOOL) {
        wrong_kind(c, "true or false");
    }
}

static void check_int(const struct check *c) {
    const struct field *field = c->field;
    int64_t value;

    if (c->value->kind != NODE_INT) {
        wrong_kind(c, "a whole number");
        return;
    }
    value = node_int(c->value);
    if ((field->min != 0 || field->max != 0) && (value < field->min || value > field->max)) {
        COMPLAIN(c, "must be between %" PRId64 " and %" PRId64 ", not %" PRId64, field->min,
                 field->max, value);
    }
}

static void check_number(const struct check *c) {
    if (c->value->kind != NODE_INT && c->value->kind != NODE_NUMBER) {
        wrong_kind(c, "a number");
    } else if (node_number(c->value) < (double)c->field->min) {
        COMPLAIN(c, "must be at least %" PRId64 ", not %s", c->field->min, c->value->text);
    }
}

static void check_quantity(const struct check *c) {
    int64_t milli;
    int64_t units;

    if (!become_text(c)) {
        return;
    }
    if (quantity_parse_units(c->value->text, &units) == ERR_INVALID) {
        COMPLAIN(c, "\"%s\" is not a quantity; write it like 500m, 2 or 4Gi", c->value->text);
    } else if (quantity_parse_units(c->value->text, &units) != OK) {
        COMPLAIN(c, "\"%s\" is too large", c->value->text);
    } else if (quantity_parse_milli(c->value->text, &milli) == OK && milli < 0) {
        COMPLAIN(c, "must not be negative, not %s", c->value->text);
    }
}

/* Digits and perhaps one of Spark's units. */
static bool is_spark_memory(const char *text) {
    static const char *const units[] = {"",  "b",  "k", "kb", "m", "mb",
                                        "g", "gb", "t", "tb", "p", "pb"};
    size_t digits = strspn(text, "0123456789");

    for (size_t i = 0; digits > 0 && digits < 19 && i < ARRAY_LEN(units); i++) {
        if (strcasecmp(text + digits, units[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_memory(const struct check *c) {
    if (become_text(c) && !is_spark_memory(c->value->text)) {
        COMPLAIN(c, "\"%s\" is not a size as Spark writes it; write it like 512m or 4g",
                 c->value->text);
    }
}

static void check_number_text(const struct check *c) {
    enum node_kind kind;

    if (!become_text(c)) {
        return;
    }
    kind = node_plain_kind(c->value->text);
    if (kind != NODE_INT && kind != NODE_NUMBER) {
        COMPLAIN(c, "\"%s\" is not a number; write it like 0.1", c->value->text);
    }
}

static void check_duration(const struct check *c) {
    int64_t us;

    if (!is_scalar(c->value)) {
        wrong_kind(c, "a duration like 90s, 15m or 1h30m");
    } else if (text_parse_duration_us(c->value->text, &us) != OK || us < 0) {
        COMPLAIN(c, "\"%s\" is not a duration; write it like 90s, 15m or 1h30m", c->value->text);
    } else {
        c->value->kind = NODE_TEXT;
    }
}

static void check_deadline(const struct check *c) {
    struct deadline deadline;

    if (become_text(c) && deadline_parse(c->value->text, &deadline) != OK) {
        COMPLAIN(c,
                 "\"%s\" is not a deadline; write it like 06:00, +1d 06:00 or "
                 "2026-12-24T06:00:00+01:00",
                 c->value->text);
    }
}

static size_t word_count(const char *const *words) {
    size_t count = 0;

    while (words[count] != NULL) {
        count++;
    }
    return count;
}

static void check_word(const struct check *c) {
    const char *const *words = c->field->words;
    size_t count = word_count(words);
    struct buf all;

    if (!become_text(c)) {
        return;
    }
    buf_init(&all, ERROR_TEXT_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], c->value->text) == 0) {
            buf_finish(&all);
            return;
        }
        buf_add_format(&all, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
    }
    COMPLAIN(c, "must be %s, not \"%s\"", buf_text(&all), c->value->text);
    buf_finish(&all);
}

static void check_int_or_text(const struct check *c) {
    if (!is_scalar(c->value)) {
        wrong_kind(c, "a number or text");
    } else if (c->value->kind != NODE_INT) {
        c->value->kind = NODE_TEXT;
    }
}

/* Maps: keys by one rule, values by another. */

static bool is_object(const struct check *c) {
    if (c->value->kind != NODE_OBJECT) {
        wrong_kind(c, "an object (key: value)");
        return false;
    }
    return true;
}

static void check_members(const struct check *c, bool (*key_ok)(const char *key),
                          void (*check_value)(const struct check *c)) {
    static const struct field of_map = {.type = FIELD_TEXT};

    if (!is_object(c)) {
        return;
    }
    for (uint32_t i = 0; i < c->value->count; i++) {
        struct text_node *member = &c->value->items[i];
        struct trail trail = {c->trail, member->key, 0};
        struct check inner = {&of_map, member, &trail, c->problems};

        if (key_ok != NULL && !key_ok(member->key)) {
            problems_add_at(c->problems, member->key_place, &trail,
                            "\"%s\" is not a key: at most 63 of letters, digits, -, _ and . after "
                            "an optional domain and /",
                            member->key);
        }
        check_value(&inner);
    }
}

static void check_text_map(const struct check *c) {
    check_members(c, NULL, check_text);
}

static void check_any_label_value(const struct check *c) {
    if (become_text(c) && !text_is_label_value(c->value->text)) {
        COMPLAIN(c,
                 "\"%s\" is not a label: at most 63 of letters, digits, -, _ and ., a letter or "
                 "digit at both ends",
                 c->value->text);
    }
}

static void check_label_map(const struct check *c) {
    check_members(c, text_is_label_key, check_any_label_value);
}

static void check_annotations(const struct check *c) {
    check_members(c, text_is_label_key, check_text);
}

/* Kubernetes takes a name without a prefix only if it is one of its own. */
static void check_resource_names(const struct check *c) {
    static const char *const known[] = {"cpu", "memory", "ephemeral-storage", "storage", "pods"};

    for (uint32_t i = 0; i < c->value->count; i++) {
        const struct text_node *member = &c->value->items[i];
        bool is_known = strchr(member->key, '/') != NULL ||
                        text_starts_with(member->key, "hugepages-") ||
                        text_starts_with(member->key, "attachable-volumes-");

        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            is_known = is_known || strcmp(member->key, known[k]) == 0;
        }
        if (!is_known) {
            schema_unknown(member, &(struct trail){c->trail, member->key, 0}, known,
                           ARRAY_LEN(known), c->problems);
        }
    }
}

static void check_quantity_map(const struct check *c) {
    check_members(c, text_is_label_key, check_quantity);
    if (c->value->kind == NODE_OBJECT) {
        check_resource_names(c);
    }
}

/* Lists and objects. */

static void check_items(const struct check *c, void (*check_item)(const struct check *c)) {
    if (c->value->kind != NODE_LIST) {
        wrong_kind(c, "a list");
        return;
    }
    for (uint32_t i = 0; i < c->value->count; i++) {
        struct trail trail = {c->trail, NULL, i};
        struct check inner = {c->field, &c->value->items[i], &trail, c->problems};

        check_item(&inner);
    }
}

static void check_texts(const struct check *c) {
    check_items(c, check_text);
}

static void check_object(const struct check *c) {
    if (is_object(c)) {
        schema_check(c->field->object, c->value, c->trail, c->problems);
    }
}

static void check_objects(const struct check *c) {
    check_items(c, check_object);
}

static void check_opaque(const struct check *c) {
    (void)is_object(c);
}

static void check_opaques(const struct check *c) {
    check_items(c, check_opaque);
}

static void check_ignored(const struct check *c) {
    (void)c;
}

static void check_refused(const struct check *c) {
    problems_add_at(c->problems, c->value->key_place, c->trail, "%s",
                    c->field->words != NULL ? c->field->words[0] : "not supported by this version");
}

void schema_check_field(const struct field *field, struct text_node *value,
                        const struct trail *trail, struct problems *problems) {
    static void (*const checks[FIELD_TYPE_COUNT])(const struct check *c) = {
        [FIELD_TEXT] = check_text,
        [FIELD_LABEL] = check_label,
        [FIELD_LABELS] = check_labels,
        [FIELD_SUBDOMAIN] = check_subdomain,
        [FIELD_LABEL_VALUE] = check_label_value,
        [FIELD_BOOL] = check_bool,
        [FIELD_INT] = check_int,
        [FIELD_NUMBER] = check_number,
        [FIELD_QUANTITY] = check_quantity,
        [FIELD_MEMORY] = check_memory,
        [FIELD_NUMBER_TEXT] = check_number_text,
        [FIELD_DURATION] = check_duration,
        [FIELD_DEADLINE] = check_deadline,
        [FIELD_WORD] = check_word,
        [FIELD_INT_OR_TEXT] = check_int_or_text,
        [FIELD_TEXT_MAP] = check_text_map,
        [FIELD_LABEL_MAP] = check_label_map,
        [FIELD_ANNOTATIONS] = check_annotations,
        [FIELD_QUANTITY_MAP] = check_quantity_map,
        [FIELD_TEXTS] = check_texts,
        [FIELD_OBJECT] = check_object,
        [FIELD_OBJECTS] = check_objects,
        [FIELD_OPAQUE] = check_opaque,
        [FIELD_OPAQUES] = check_opaques,
        [FIELD_IGNORED] = check_ignored,
        [FIELD_REFUSED] = check_refused,
    };
    struct check c = {field, value, trail, problems};

    ENSURE(field->type < FIELD_TYPE_COUNT);
    if (field->object != NULL && field->type != FIELD_OBJECTS && value->kind == NODE_OBJECT) {
        schema_check(field->object, value, trail, problems);
    } else {
        checks[field->type](&c);
    }
}

void schema_unknown(const struct text_node *member, const struct trail *trail,
                    const char *const *names, size_t name_count, struct problems *problems) {
    const char *meant = text_closest(member->key, names, name_count);

    if (meant != NULL) {
        problems_add_at(problems, member->key_place, trail, "unknown field (did you mean \"%s\"?)",
                        meant);
    } else {
        problems_add_at(problems, member->key_place, trail, "unknown field");
    }
}

/* No object has more fields than this, so suggestions need no memory. */
#define FIELD_NAMES_MAX 128

static void unknown_field(const struct schema *schema, const struct text_node *member,
                          const struct trail *trail, struct problems *problems) {
    const char *names[FIELD_NAMES_MAX];
    size_t count = 0;

    ENSURE(schema->field_count <= FIELD_NAMES_MAX);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].type != FIELD_REFUSED) {
            names[count++] = schema->fields[i].name;
        }
    }
    schema_unknown(member, trail, names, count, problems);
}

static const struct field *find_field(const struct schema *schema, const char *name) {
    for (size_t i = 0; i < schema->field_count; i++) {
        const char *known = schema->fields[i].name;

        if (known[0] == name[0] && strcmp(known, name) == 0) {
            return &schema->fields[i];
        }
    }
    return NULL;
}

static void drop_nulls(struct text_node *object) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < object->count; i++) {
        if (object->items[i].kind != NODE_NULL) {
            object->items[kept++] = object->items[i];
        }
    }
    object->count = kept;
}

static void check_required(const struct schema *schema, const struct text_node *object,
                           const struct trail *trail, struct problems *problems) {
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        struct trail missing = {trail, field->name, 0};

        if (field->required && node_member(object, field->name) == NULL) {
            problems_add_at(problems, object->key_place, &missing, "missing; it is required");
        }
    }
}

void schema_check(const struct schema *schema, struct text_node *object, const struct trail *trail,
                  struct problems *problems) {
    ENSURE(object->kind == NODE_OBJECT);
    for (uint32_t i = 0; i < object->count; i++) {
        struct text_node *member = &object->items[i];
        struct trail inner = {trail, member->key, 0};
        const struct field *field = find_field(schema, member->key);

        if (field == NULL) {
            unknown_field(schema, member, &inner, problems);
        } else if (member->kind != NODE_NULL) {
            schema_check_field(field, member, &inner, problems);
        }
    }
    drop_nulls(object);
    check_required(schema, object, trail, problems);
}
