#include "base/quantity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* A quantity is worked out exactly, in billionths, as a natural number of this many 32-bit
 * limbs: 100 digits times an exbibyte fit with room to spare. */
#define LIMB_COUNT   16
#define LIMB_DIGITS  9 /* 10^9 < 2^32 */
#define DIGIT_MAX    100
#define EXPONENT_MAX 1000 /* Past it, everything is too large or rounds to one unit. */
#define NANO_DIGITS  9

struct natural {
    uint32_t limbs[LIMB_COUNT]; /* least significant first */
};

enum family {
    FAMILY_DECIMAL,
    FAMILY_BINARY,
    FAMILY_EXPONENT,
};

struct amount {
    struct natural nano;
    enum family family;
    bool negative;
};

struct suffix {
    const char *text;
    int exponent; /* of ten, or of two */
};

static const struct suffix decimal_suffixes[] = {
    {"n", -9}, {"u", -6}, {"m", -3}, {"", 0},   {"k", 3},
    {"M", 6},  {"G", 9},  {"T", 12}, {"P", 15}, {"E", 18},
};

static const struct suffix binary_suffixes[] = {
    {"", 0}, {"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60},
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_zero(const struct natural *n) {
    static const struct natural zero;

    return memcmp(n, &zero, sizeof zero) == 0;
}

/* n = n * factor + addend; false when it does not fit. */
static bool multiply(struct natural *n, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        carry += (uint64_t)n->limbs[i] * factor;
        n->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

/* n = n / divisor; the remainder. */
static uint32_t divide(struct natural *n, uint32_t divisor) {
    uint64_t rest = 0;

    for (size_t i = LIMB_COUNT; i-- > 0;) {
        rest = (rest << 32) | n->limbs[i];
        n->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

/* 10^exponent or, if that is more than a limb holds, the largest power that fits. */
static uint32_t limb_of_tens(int exponent, int *out_digits) {
    uint32_t power = 1;
    int digits = 0;

    for (; digits < exponent && digits < LIMB_DIGITS; digits++) {
        power *= 10;
    }
    *out_digits = digits;
    return power;
}

/* n = n * 10^exponent, rounded up. */
static bool scale_by_ten(struct natural *n, int exponent) {
    bool lost = false;
    int digits;

    for (; exponent > 0 && !is_zero(n); exponent -= digits) {
        if (!multiply(n, limb_of_tens(exponent, &digits), 0)) {
            return false;
        }
    }
    for (; exponent < 0 && !is_zero(n); exponent += digits) {
        lost = divide(n, limb_of_tens(-exponent, &digits)) != 0 || lost;
    }
    return !lost || multiply(n, 1, 1);
}

/* n = n * 2^exponent, for the exponents of the binary suffixes: multiples of ten. */
static bool scale_by_two(struct natural *n, int exponent) {
    for (; exponent > 0; exponent -= 10) {
        if (!multiply(n, 1024, 0)) {
            return false;
        }
    }
    return true;
}

static bool to_int64(const struct natural *n, bool negative, int64_t *out_value) {
    const uint64_t low = n->limbs[0] | (uint64_t)n->limbs[1] << 32;
    struct natural high = *n;

    high.limbs[0] = 0;
    high.limbs[1] = 0;
    if (!is_zero(&high) || low > (uint64_t)INT64_MAX) {
        return false;
    }
    *out_value = negative ? -(int64_t)low : (int64_t)low;
    return true;
}

static const struct suffix *find_suffix(const struct suffix *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].text, text) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* "3", "+3", "-3", and nothing after it. */
static bool parse_exponent(const char *text, int *out_exponent) {
    const bool negative = *text == '-';
    int value = 0;

    text += *text == '-' || *text == '+';
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_digit(*text)) {
            return false;
        }
        value = value * 10 + (*text - '0');
        value = value > EXPONENT_MAX ? EXPONENT_MAX : value;
    }
    *out_exponent = negative ? -value : value;
    return true;
}

static bool parse_suffix(const char *text, enum family *out_family, int *out_exponent) {
    const struct suffix *suffix = find_suffix(decimal_suffixes, ARRAY_LEN(decimal_suffixes), text);

    *out_family = FAMILY_DECIMAL;
    if (suffix == NULL) {
        suffix = find_suffix(binary_suffixes, ARRAY_LEN(binary_suffixes), text);
        *out_family = FAMILY_BINARY;
    }
    if (suffix != NULL) {
        *out_exponent = suffix->exponent;
        return true;
    }
    *out_family = FAMILY_EXPONENT;
    return (*text == 'e' || *text == 'E') && parse_exponent(text + 1, out_exponent);
}

/* The digits before the suffix, without their point. */
static int parse_number(const char **at, struct natural *out_number, int *out_fraction_digits) {
    struct natural number = {{0}};
    const char *text = *at;
    bool point = false;
    int fraction_digits = 0;
    int digits = 0;

    for (; is_digit(*text) || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        fraction_digits += point;
        if (++digits > DIGIT_MAX || !multiply(&number, 10, (uint32_t)(*text - '0'))) {
            return ERR_FULL;
        }
    }
    if (digits == 0) {
        return ERR_INVALID;
    }
    *at = text;
    *out_number = number;
    *out_fraction_digits = fraction_digits;
    return OK;
}

static int parse_amount(const char *text, struct amount *out_amount) {
    struct amount amount = {.negative = *text == '-'};
    struct natural units;
    int64_t whole;
    int fraction_digits;
    int exponent;
    bool fits = true;
    int r;

    text += *text == '-' || *text == '+';
    r = parse_number(&text, &amount.nano, &fraction_digits);
    if (r < 0) {
        return r;
    }
    if (!parse_suffix(text, &amount.family, &exponent)) {
        return ERR_INVALID;
    }
    if (amount.family == FAMILY_BINARY) {
        fits = scale_by_two(&amount.nano, exponent);
        exponent = 0;
    }
    if (!fits || !scale_by_ten(&amount.nano, exponent - fraction_digits + NANO_DIGITS)) {
        return ERR_FULL;
    }
    units = amount.nano;
    if (!scale_by_ten(&units, -NANO_DIGITS) || !to_int64(&units, amount.negative, &whole)) {
        return ERR_FULL;
    }
    *out_amount = amount;
    return OK;
}

static int parse_scaled(const char *text, int digits_after_point, int64_t *out_value) {
    struct amount amount;
    int r = parse_amount(text, &amount);

    if (r < 0) {
        return r;
    }
    if (!scale_by_ten(&amount.nano, digits_after_point - NANO_DIGITS) ||
        !to_int64(&amount.nano, amount.negative, out_value)) {
        return ERR_FULL;
    }
    return OK;
}

int quantity_parse_milli(const char *text, int64_t *out_milli) {
    return parse_scaled(text, 3, out_milli);
}

int quantity_parse_units(const char *text, int64_t *out_units) {
    return parse_scaled(text, 0, out_units);
}

/* The number and its sign in front of the suffix. */
static void print_number(struct natural n, bool negative, const char *suffix,
                         char out_text[QUANTITY_BYTES_MAX]) {
    char digits[32]; /* INT64_MAX in billionths has 28. */
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + divide(&n, 10));
    } while (!is_zero(&n) && at > 0);
    (void)snprintf(out_text, QUANTITY_BYTES_MAX, "%s%.31s%.7s", negative ? "-" : "", digits + at,
                   suffix);
}

/* n * 10^exponent with the exponent a multiple of three, as large as it divides exactly. */
static int canonical_decimal(struct natural *n, int exponent) {
    struct natural shorter = *n;

    while (!is_zero(n) && divide(&shorter, 10) == 0) {
        *n = shorter;
        exponent++;
    }
    while (exponent % 3 != 0) {
        (void)multiply(n, 10, 0);
        exponent--;
    }
    return exponent;
}

static void print_decimal(struct natural n, int exponent, bool negative, enum family family,
                          char out_text[QUANTITY_BYTES_MAX]) {
    char suffix[16] = "";

    if (is_zero(&n)) {
        print_number(n, false, "", out_text);
        return;
    }
    exponent = canonical_decimal(&n, exponent);
    while (exponent > 18 && family == FAMILY_DECIMAL) {
        (void)multiply(&n, 1000, 0);
        exponent -= 3;
    }
    if (family == FAMILY_EXPONENT && exponent != 0) {
        (void)snprintf(suffix, sizeof suffix, "e%d", exponent);
    } else {
        (void)snprintf(suffix, sizeof suffix, "%s", decimal_suffixes[(exponent + 9) / 3].text);
    }
    print_number(n, negative, suffix, out_text);
}

static void print_binary(struct natural n, bool negative, char out_text[QUANTITY_BYTES_MAX]) {
    struct natural shorter = n;
    size_t level = 0;

    while (level + 1 < ARRAY_LEN(binary_suffixes) && !is_zero(&n) && divide(&shorter, 1024) == 0) {
        n = shorter;
        level++;
    }
    print_number(n, negative, binary_suffixes[level].text, out_text);
}

static struct natural magnitude(int64_t value) {
    const uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    return (struct natural){{(uint32_t)size, (uint32_t)(size >> 32)}};
}

void quantity_print_milli(int64_t milli, char out_text[QUANTITY_BYTES_MAX]) {
    print_decimal(magnitude(milli), -3, milli < 0, FAMILY_DECIMAL, out_text);
}

void quantity_print_bytes(int64_t bytes, char out_text[QUANTITY_BYTES_MAX]) {
    print_binary(magnitude(bytes), bytes < 0, out_text);
}

void quantity_print_units(int64_t units, char out_text[QUANTITY_BYTES_MAX]) {
    print_decimal(magnitude(units), 0, units < 0, FAMILY_DECIMAL, out_text);
}

/* The whole number, if it is one and at least 1024: only those are printed in binary. */
static bool whole_binary(const struct amount *amount, struct natural *out_units) {
    struct natural units = amount->nano;
    struct natural kibis;

    for (int i = 0; i < NANO_DIGITS; i++) {
        if (divide(&units, 10) != 0) {
            return false;
        }
    }
    kibis = units;
    (void)divide(&kibis, 1024);
    *out_units = units;
    return !is_zero(&kibis);
}

int quantity_canonical(const char *text, char out_text[QUANTITY_BYTES_MAX]) {
    struct amount amount;
    struct natural units;
    int r = parse_amount(text, &amount);

    if (r < 0) {
        return r;
    }
    if (amount.family == FAMILY_BINARY && whole_binary(&amount, &units)) {
        print_binary(units, amount.negative, out_text);
        return OK;
    }
    print_decimal(amount.nano, -NANO_DIGITS, amount.negative,
                  amount.family == FAMILY_EXPONENT ? FAMILY_EXPONENT : FAMILY_DECIMAL, out_text);
    return OK;
}
