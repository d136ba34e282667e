#include "base/digest.h"

#include <string.h>

#include "base/error.h"
#include "tests/test.h"

TEST(digest_sha256__gives_the_published_examples) {
    static const struct {
        const char *what;
        const char *text;
        const char *want;
    } rows[] = {
        {"nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"FIPS 180-2, B.1", "abc",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"FIPS 180-2, B.2", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char digest[DIGEST_BYTES];
        char hex[2 * DIGEST_BYTES + 1];

        digest_sha256(rows[i].text, strlen(rows[i].text), digest);
        digest_print_hex(digest, sizeof digest, hex);
        CHECK_STR(hex, rows[i].want, rows[i].what);
    }
}
