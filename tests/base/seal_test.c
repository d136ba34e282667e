#include "base/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/test.h"

#define ONE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define TWO "//////////////////////////////////////////8="

static const unsigned char nonce[SEAL_NONCE_BYTES] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

static struct seal_keys keys_of(const char *text) {
    struct seal_keys keys = {.count = 0};
    struct error error = {0};

    CHECK_OK(seal_keys_parse(text, &keys, &error), error.text);
    return keys;
}

TEST(seal_keys_parse__takes_a_key_a_line) {
    static const struct {
        const char *what;
        const char *text;
        size_t want; /* 0: refused */
        const char *says;
    } rows[] = {
        {"one", ONE, 1, ""},
        {"with an end of line", ONE "\n", 1, ""},
        {"of another system", ONE "\r\n", 1, ""},
        {"two, and a remark", "# new\n" ONE "\n\n# old\n" TWO "\n", 2, ""},
        {"nothing", "", 0, "no key"},
        {"a remark alone", "# x\n", 0, "no key"},
        {"a short one", "AAAA\n", 0, "line 1: not 32 bytes"},
        {"a long one", ONE "\n" ONE "AAAA", 0, "line 2: not 32 bytes"},
        {"no base64", "(" ONE, 0, "line 1"},
        {"nine", ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE, 0,
         "line 9: more than 8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seal_keys keys = {.count = 0};
        struct error error = {0};
        int r = seal_keys_parse(rows[i].text, &keys, &error);

        CHECK_EQ(r, rows[i].want > 0 ? OK : ERR_INVALID, rows[i].what);
        CHECK_EQ(keys.count, rows[i].want, rows[i].what);
        CHECK_EQ(strstr(error.text, rows[i].says) != NULL, true, rows[i].what);
    }
}

TEST(seal_open__gives_back_what_was_closed) {
    static const struct {
        const char *what;
        const char *secret;
        size_t bytes;
    } rows[] = {
        {"text", "password", 8},
        {"nothing", "", 0},
        {"any bytes", "\0\1\377\0\n", 5},
    };
    const struct seal_keys keys = keys_of(TWO "\n" ONE "\n");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *sealed = seal_close(&keys.items[1], nonce, "a place", rows[i].secret, rows[i].bytes);
        struct error error = {0};
        char *secret = NULL;
        size_t bytes = 99;

        CHECK_EQ(seal_is_sealed(sealed), true, rows[i].what);
        CHECK_OK(seal_open(&keys, "a place", sealed, &secret, &bytes, &error), rows[i].what);
        CHECK_EQ(bytes, rows[i].bytes, rows[i].what);
        CHECK_EQ(memcmp(secret, rows[i].secret, bytes), 0, rows[i].what);
        CHECK_EQ(secret[bytes], '\0', rows[i].what);
        free(secret);
        free(sealed);
    }
}

/* NIST's algorithm by another's implementation (Python's cryptography): key ONE, the nonce above,
 * "spark/keytab" as associated data, "hunter2". */
TEST(seal_close__is_aes_256_gcm) {
    const struct seal_keys keys = keys_of(ONE);
    char *sealed = seal_close(&keys.items[0], nonce, "spark/keytab", "hunter2", 7);

    CHECK_STR(sealed, "sealed:1:630dcd2966c43366:CQgHBgUEAwIBAAAAOLjg4YbGFF5AdYdYgb+tLMIUusKhmbU=",
              "the whole text");
    free(sealed);
}

TEST(seal_open__refuses_what_is_not_its) {
    const struct seal_keys keys = keys_of(ONE);
    const struct seal_keys others = keys_of(TWO);
    char *sealed = seal_close(&keys.items[0], nonce, "here", "secret", 6);
    struct error error = {0};
    char *secret = NULL;
    size_t bytes = 0;

    CHECK_EQ(seal_open(&others, "here", sealed, &secret, &bytes, &error), ERR_NOT_FOUND,
             "another key");
    CHECK_EQ(strstr(error.text, keys.items[0].id) != NULL, true, "the missing key is named");
    CHECK_EQ(seal_open(&keys, "there", sealed, &secret, &bytes, &error), ERR_CORRUPT,
             "another place");
    free(sealed);
}

/* Each byte of the text, one bit changed: none opens, and none does harm. */
TEST(seal_open__refuses_a_changed_bit) {
    const struct seal_keys keys = keys_of(ONE);
    char *sealed = seal_close(&keys.items[0], nonce, "here", "password", 8);

    for (size_t i = 0; sealed[i] != '\0'; i++) {
        struct error error = {0};
        char *secret = NULL;
        size_t bytes = 0;
        const char was = sealed[i];

        sealed[i] = (char)(was ^ 1);
        CHECK_EQ(seal_open(&keys, "here", sealed, &secret, &bytes, &error) < 0, true, sealed);
        CHECK_EQ(secret == NULL, true, sealed);
        sealed[i] = '\0';
        CHECK_EQ(seal_open(&keys, "here", sealed, &secret, &bytes, &error) < 0, true, "cut");
        sealed[i] = was;
    }
    free(sealed);
}
