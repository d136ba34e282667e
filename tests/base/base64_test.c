#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

/* RFC 4648, section 10, and the letters in which the alphabets differ. */
TEST(base64__goes_there_and_back) {
    static const struct {
        const char *what;
        const char *data;
        const char *usual;
        const char *url;
    } rows[] = {
        {"nothing", "", "", ""},
        {"one byte", "f", "Zg==", "Zg"},
        {"two bytes", "fo", "Zm8=", "Zm8"},
        {"three bytes", "foo", "Zm9v", "Zm9v"},
        {"six bytes", "foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"letters 62 and 63", "\xfb\xff\xbf", "+/+/", "-_-_"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const enum base64_alphabet alphabet = i % 2 == 0 ? BASE64_USUAL : BASE64_URL;
        const char *want = i % 2 == 0 ? rows[i / 2].usual : rows[i / 2].url;
        const char *what = rows[i / 2].what;
        size_t length = strlen(rows[i / 2].data);
        char *text = base64_encode(rows[i / 2].data, length, alphabet);
        char *data;
        size_t bytes;

        CHECK_STR(text, want, what);
        CHECK_OK(base64_decode(text, alphabet, &data, &bytes), what);
        CHECK_EQ(bytes, length, what);
        CHECK_STR(data, rows[i / 2].data, what);
        free(data);
        free(text);
    }
}

TEST(base64_decode__takes_line_ends_and_no_padding_and_refuses_the_rest) {
    static const struct {
        const char *what;
        const char *text;
        const char *want; /* NULL: refused */
    } rows[] = {
        {"as files are wrapped", "Zm9v\r\nYm Fy\n", "foobar"},
        {"padding left out", "Zm8", "fo"},
        {"a letter of the other alphabet", "Zm-v", NULL},
        {"padding in the middle", "Zg==Zg==", NULL},
        {"too much padding", "Zm8==", NULL},
        {"padding alone", "===", NULL},
        {"a letter too few", "Zm9vY", NULL},
        {"no letter", "Zm9\x80", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *data = NULL;
        size_t bytes;
        int r = base64_decode(rows[i].text, BASE64_USUAL, &data, &bytes);

        CHECK_EQ(r, rows[i].want == NULL ? ERR_INVALID : OK, rows[i].what);
        CHECK_STR(data, rows[i].want, rows[i].what);
        free(data);
    }
}
