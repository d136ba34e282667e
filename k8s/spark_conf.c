#include "k8s/spark_conf.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "k8s/codec_json.h"

#define BYTES_PER_MIB   ((int64_t)1 << 20)
#define FACTOR_MAX      1000.0
#define CONF_ROOM_FIRST 32
#define SPARK_BYTES_MAX ((int64_t)1 << 60)

static void entry_finish(struct spark_conf_entry *entry) {
    free(entry->key);
    free(entry->value);
    free(entry->path);
}

void spark_conf_finish(struct spark_conf *conf) {
    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; i < conf->count; i++) {
        entry_finish(&conf->entries[i]);
    }
    free(conf->entries);
    *conf = (struct spark_conf){0};
}

/* The first entry whose key is not before the one asked for. */
static size_t lower_bound(const struct spark_conf *conf, const char *key) {
    size_t low = 0;
    size_t high = conf->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(conf->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct spark_conf *conf, size_t at, const char *key) {
    return at < conf->count && strcmp(conf->entries[at].key, key) == 0;
}

static void insert_at(struct spark_conf *conf, size_t at, const char *key) {
    if (conf->count == conf->room) {
        conf->room = conf->room == 0 ? CONF_ROOM_FIRST : conf->room * 2;
        conf->entries = mem_grow(conf->entries, conf->room, sizeof *conf->entries);
    }
    memmove(&conf->entries[at + 1], &conf->entries[at], (conf->count - at) * sizeof *conf->entries);
    conf->entries[at] = (struct spark_conf_entry){.key = mem_copy_text(key)};
    conf->count++;
}

int spark_conf_set(struct spark_conf *conf, const char *key, const char *value, const char *path) {
    size_t at = lower_bound(conf, key);
    struct spark_conf_entry *entry;
    char *new_value = mem_copy_text(value); /* The old one may be what we copy. */
    char *new_path = mem_copy_text(path);

    if (!is_at(conf, at, key)) {
        if (conf->count == LIMIT_SPARK_CONF_KEYS) {
            free(new_value);
            free(new_path);
            return ERR_FULL;
        }
        insert_at(conf, at, key);
    }
    entry = &conf->entries[at];
    free(entry->value);
    free(entry->path);
    entry->value = new_value;
    entry->path = new_path;
    return OK;
}

void spark_conf_remove(struct spark_conf *conf, const char *key) {
    size_t at = lower_bound(conf, key);

    if (is_at(conf, at, key)) {
        entry_finish(&conf->entries[at]);
        conf->count--;
        memmove(&conf->entries[at], &conf->entries[at + 1],
                (conf->count - at) * sizeof *conf->entries);
    }
}

const struct spark_conf_entry *spark_conf_find(const struct spark_conf *conf, const char *key) {
    size_t at = lower_bound(conf, key);

    return is_at(conf, at, key) ? &conf->entries[at] : NULL;
}

const char *spark_conf_get(const struct spark_conf *conf, const char *key) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);

    return entry != NULL ? entry->value : NULL;
}

const struct spark_conf_entry *spark_conf_next(const struct spark_conf *conf, const char *prefix,
                                               size_t *at) {
    size_t here = *at == 0 ? lower_bound(conf, prefix) : *at;

    if (here >= conf->count || !text_starts_with(conf->entries[here].key, prefix)) {
        return NULL;
    }
    *at = here + 1;
    return &conf->entries[here];
}

int spark_conf_fail(const struct spark_conf_entry *entry, struct field_error *error, int code,
                    const char *format, ...) {
    va_list args;

    if (error == NULL || error->error.code != OK) {
        return code;
    }
    (void)text_copy(error->path, sizeof error->path, entry->path);
    va_start(args, format);
    (void)error_set_v(&error->error, code, format, args);
    va_end(args);
    return code;
}

int spark_size_parse(const char *text, int64_t bytes_per_bare, int64_t *out_bytes) {
    static const struct {
        const char *suffix;
        int power;
    } units[] = {
        {"b", 0},   {"k", 10}, {"kb", 10}, {"m", 20}, {"mb", 20}, {"g", 30},
        {"gb", 30}, {"t", 40}, {"tb", 40}, {"p", 50}, {"pb", 50},
    };
    size_t digits = strspn(text, "0123456789");
    const char *suffix = text + digits;
    int64_t bytes = suffix[0] == '\0' ? bytes_per_bare : 0;
    int64_t number = 0;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcasecmp(suffix, units[i].suffix) == 0) {
            bytes = (int64_t)1 << units[i].power;
        }
    }
    if (digits == 0 || bytes == 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < digits; i++) {
        int64_t digit = text[i] - '0';

        if (number > (SPARK_BYTES_MAX / bytes - digit) / 10) {
            return ERR_FULL;
        }
        number = number * 10 + digit;
    }
    *out_bytes = number * bytes;
    return OK;
}

static int get_size_mib(const struct spark_conf *conf, const char *key, int64_t bytes_per_bare,
                        int64_t *out_mib, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);
    int64_t bytes;
    int r;

    if (entry == NULL) {
        return OK;
    }
    r = spark_size_parse(entry->value, bytes_per_bare, &bytes);
    if (r == ERR_FULL) {
        return spark_conf_fail(entry, error, r, "%s: \"%s\" is too large", key, entry->value);
    }
    if (r < 0) {
        return spark_conf_fail(entry, error, r,
                               "%s: \"%s\" is not a Spark size: whole numbers with b, k, m, g, t "
                               "or p, such as 512m or 4g (Kubernetes' Mi and Gi are not known "
                               "to Spark)",
                               key, entry->value);
    }
    *out_mib = bytes / BYTES_PER_MIB;
    return OK;
}

int spark_conf_get_mib(const struct spark_conf *conf, const char *key, int64_t *out_mib,
                       struct field_error *error) {
    return get_size_mib(conf, key, BYTES_PER_MIB, out_mib, error);
}

int spark_conf_get_bytes_as_mib(const struct spark_conf *conf, const char *key, int64_t *out_mib,
                                struct field_error *error) {
    return get_size_mib(conf, key, 1, out_mib, error);
}

static int get_int(const struct spark_conf *conf, const char *key, int64_t least, int64_t most,
                   int64_t *out_value, struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);
    int64_t value;

    if (entry == NULL) {
        return OK;
    }
    if (text_parse_int64(entry->value, &value) < 0 || value < least || value > most) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "%s: \"%s\" is not a whole number from %lld to %lld", key,
                               entry->value, (long long)least, (long long)most);
    }
    *out_value = value;
    return OK;
}

int spark_conf_get_count(const struct spark_conf *conf, const char *key, int64_t least,
                         int64_t *out_count, struct field_error *error) {
    return get_int(conf, key, least, INT32_MAX, out_count, error);
}

int spark_conf_get_port(const struct spark_conf *conf, const char *key, int64_t *out_port,
                        struct field_error *error) {
    return get_int(conf, key, 1, UINT16_MAX, out_port, error);
}

int spark_conf_get_bool(const struct spark_conf *conf, const char *key, bool *out_value,
                        struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);

    if (entry == NULL) {
        return OK;
    }
    if (strcasecmp(entry->value, "true") != 0 && strcasecmp(entry->value, "false") != 0) {
        return spark_conf_fail(entry, error, ERR_INVALID, "%s: \"%s\" is not true or false", key,
                               entry->value);
    }
    *out_value = strcasecmp(entry->value, "true") == 0;
    return OK;
}

int spark_conf_get_factor(const struct spark_conf *conf, const char *key, double *out_factor,
                          struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);
    double factor;
    char *end;

    if (entry == NULL) {
        return OK;
    }
    factor = strtod(entry->value, &end);
    if (!isdigit((unsigned char)entry->value[0]) || *end != '\0' || !isfinite(factor) ||
        factor > FACTOR_MAX) {
        return spark_conf_fail(entry, error, ERR_INVALID, "%s: \"%s\" is not a factor such as 0.1",
                               key, entry->value);
    }
    *out_factor = factor;
    return OK;
}

int spark_conf_get_milli(const struct spark_conf *conf, const char *key, int64_t *out_milli,
                         struct field_error *error) {
    const struct spark_conf_entry *entry = spark_conf_find(conf, key);
    int64_t milli;

    if (entry == NULL) {
        return OK;
    }
    if (quantity_parse_milli(entry->value, &milli) < 0 || milli <= 0) {
        return spark_conf_fail(entry, error, ERR_INVALID,
                               "%s: \"%s\" is not a quantity above 0, such as 500m, 1.5 or 4Gi",
                               key, entry->value);
    }
    *out_milli = milli;
    return OK;
}
