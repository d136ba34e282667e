#include "base/text.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define LABEL_BYTES_MAX     63
#define SUBDOMAIN_BYTES_MAX 253

/* Longer texts than this are not misspelt words of ours. */
#define CLOSEST_BYTES_MAX 64

bool text_copy(char *out_text, size_t bytes_max, const char *text) {
    const size_t bytes = strlen(text);
    const size_t kept = bytes < bytes_max ? bytes : bytes_max - 1;

    if (bytes_max == 0) {
        return false;
    }
    memcpy(out_text, text, kept);
    out_text[kept] = '\0';
    return kept == bytes;
}

bool text_starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *text, const char *suffix) {
    const size_t text_bytes = strlen(text);
    const size_t suffix_bytes = strlen(suffix);

    return text_bytes >= suffix_bytes && strcmp(text + text_bytes - suffix_bytes, suffix) == 0;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_lower(char byte) {
    return byte >= 'a' && byte <= 'z';
}

static bool is_alphanumeric(char byte) {
    return is_digit(byte) || is_lower(byte) || (byte >= 'A' && byte <= 'Z');
}

/* Digits at *at, moved past them; the value is negative so that INT64_MIN has a place. */
static int parse_digits(const char **at, int64_t *out_negative) {
    const char *text = *at;
    int64_t value = 0;

    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *text - '0', &value)) {
            return ERR_INVALID;
        }
    }
    if (text == *at) {
        return ERR_INVALID;
    }
    *at = text;
    *out_negative = value;
    return OK;
}

int text_parse_int64(const char *text, int64_t *out_value) {
    const bool negative = *text == '-';
    int64_t value;

    text += negative;
    if (parse_digits(&text, &value) < 0 || *text != '\0') {
        return ERR_INVALID;
    }
    if (!negative && value == INT64_MIN) {
        return ERR_INVALID;
    }
    *out_value = negative ? value : -value;
    return OK;
}

/* Largest first; "ms" is told from "m" by trying the longer name first when parsing. */
static const struct {
    const char *name;
    int64_t us;
} units[] = {
    {"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)}, {"m", INT64_C(60000000)},
    {"s", INT64_C(1000000)},     {"ms", INT64_C(1000)},
};

static bool parse_unit(const char **at, int64_t *out_us) {
    for (size_t i = ARRAY_LEN(units); i-- > 0;) {
        if (text_starts_with(*at, units[i].name)) {
            *at += strlen(units[i].name);
            *out_us = units[i].us;
            return true;
        }
    }
    return false;
}

int text_parse_duration_us(const char *text, int64_t *out_us) {
    int64_t sum_us = 0;

    do {
        int64_t negative;
        int64_t unit_us;

        if (parse_digits(&text, &negative) < 0 || !parse_unit(&text, &unit_us) ||
            __builtin_mul_overflow(negative, unit_us, &negative) ||
            __builtin_sub_overflow(sum_us, negative, &sum_us)) {
            return ERR_INVALID;
        }
    } while (*text != '\0');
    *out_us = sum_us;
    return OK;
}

void text_print_duration(int64_t us, char out_text[32]) {
    const char *sign = us < 0 ? "-" : "";
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    size_t at = 0;

    if (rest == 0) {
        (void)snprintf(out_text, 32, "0s");
        return;
    }
    if (rest < 1000) {
        rest = 1000; /* Something is not nothing. */
    }
    while (rest < (uint64_t)units[at].us) {
        at++;
    }
    int printed = snprintf(out_text, 32, "%s%llu%s", sign,
                           (unsigned long long)(rest / (uint64_t)units[at].us), units[at].name);
    rest %= (uint64_t)units[at].us;
    if (at + 1 < ARRAY_LEN(units) && rest >= (uint64_t)units[at + 1].us) {
        (void)snprintf(out_text + printed, (size_t)(32 - printed), "%llu%s",
                       (unsigned long long)(rest / (uint64_t)units[at + 1].us), units[at + 1].name);
    }
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, both short. */
static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
    size_t rows[3][CLOSEST_BYTES_MAX + 1];

    for (size_t j = 0; j <= b_bytes; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            row[j] = least(above[j], row[j - 1]) + 1;
            row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_bytes % 3][b_bytes];
}

const char *text_closest(const char *text, const char *const *candidates, size_t count) {
    const size_t bytes = strlen(text);
    const char *best = NULL;
    size_t best_distance = 2 + bytes / 4;

    for (size_t i = 0; bytes <= CLOSEST_BYTES_MAX && i < count; i++) {
        const size_t candidate_bytes = strlen(candidates[i]);
        size_t edits;

        if (candidate_bytes > CLOSEST_BYTES_MAX) {
            continue;
        }
        edits = distance(text, bytes, candidates[i], candidate_bytes);
        if (edits < best_distance) {
            best = candidates[i];
            best_distance = edits;
        }
    }
    return best;
}

static bool is_dns_byte(char byte) {
    return is_lower(byte) || is_digit(byte);
}

/* One label of the first `bytes` bytes. */
/* A label of whatever length. */
static bool is_dns_part(const char *text, size_t bytes) {
    if (bytes == 0 || !is_dns_byte(text[0]) || !is_dns_byte(text[bytes - 1])) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (!is_dns_byte(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

bool text_is_dns_label(const char *text) {
    const size_t bytes = strlen(text);

    return bytes <= LABEL_BYTES_MAX && is_dns_part(text, bytes);
}

/* Of the first `bytes` bytes. Kubernetes bounds the whole, not each label. */
static bool is_dns_subdomain(const char *text, size_t bytes) {
    size_t start = 0;

    if (bytes > SUBDOMAIN_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i <= bytes; i++) {
        if (i == bytes || text[i] == '.') {
            if (!is_dns_part(text + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return true;
}

bool text_is_dns_subdomain(const char *text) {
    return is_dns_subdomain(text, strlen(text));
}

bool text_is_label_value(const char *text) {
    const size_t bytes = strlen(text);

    if (bytes == 0) {
        return true;
    }
    if (bytes > LABEL_BYTES_MAX || !is_alphanumeric(text[0]) || !is_alphanumeric(text[bytes - 1])) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (!is_alphanumeric(text[i]) && strchr("-_.", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool text_is_label_key(const char *text) {
    const char *slash = strchr(text, '/');

    if (slash != NULL && !is_dns_subdomain(text, (size_t)(slash - text))) {
        return false;
    }
    text = slash != NULL ? slash + 1 : text;
    return *text != '\0' && text_is_label_value(text);
}

size_t text_utf8_bytes(const char *text) {
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t bytes;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *at = (const unsigned char *)text;

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max) {
            continue;
        }
        if (forms[i].bytes > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max)) {
            return 0;
        }
        for (size_t more = 2; more < forms[i].bytes; more++) {
            if (at[more] < 0x80 || at[more] > 0xbf) {
                return 0;
            }
        }
        return forms[i].bytes;
    }
    return 0;
}

#define WORD_ONES  (UINT64_MAX / 0xff)
#define WORD_HIGHS (WORD_ONES * 0x80)

/* The first byte is the lowest, on every machine. */
static uint64_t word_at(const char *text) {
    uint64_t word;

    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

/* 0 if no byte is a quote, backslash or control character; else the lowest bit that is set is in
 * the first that is. */
static uint64_t special_bytes(uint64_t word) {
    const uint64_t quotes = word ^ WORD_ONES * '"';
    const uint64_t backslashes = word ^ WORD_ONES * '\\';

    return (((quotes - WORD_ONES) & ~quotes) | ((backslashes - WORD_ONES) & ~backslashes) |
            ((word - WORD_ONES * 0x20) & ~word)) &
           WORD_HIGHS;
}

size_t text_plain_bytes(const char *text, size_t bytes) {
    size_t at = 0;

    for (; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
        uint64_t special = special_bytes(word_at(text + at));

        if (special != 0) {
            return at + (size_t)__builtin_ctzll(special) / 8;
        }
    }
    while (at < bytes && (unsigned char)text[at] >= 0x20 && text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

bool text_is_ascii(const char *text, size_t bytes) {
    uint64_t seen = 0;
    size_t at = 0;

    for (; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
        seen |= word_at(text + at);
    }
    for (; at < bytes; at++) {
        seen |= (unsigned char)text[at];
    }
    return (seen & WORD_HIGHS) == 0;
}

bool text_equal_constant_time(const void *a, const void *b, size_t count) {
    const volatile unsigned char *left = a;
    const volatile unsigned char *right = b;
    unsigned char difference = 0;

    for (size_t i = 0; i < count; i++) {
        difference = (unsigned char)(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}
