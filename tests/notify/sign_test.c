#include "notify/sign.h"

#include <string.h>

#include "tests/test.h"

/* By Python: hmac.new(secret, b"1795384800.u-7-12." + body, "sha256").hexdigest() */
TEST(sign__is_what_others_compute) {
    static const struct {
        const char *what;
        const char *secret;
        const char *body;
        const char *want;
    } rows[] = {
        {"a body", "shared secret", "{\"a\":1}",
         "sha256=5d95b2f18a2895c4a243ab9dcb645c6eba1d471177998408746eee79bb808969"},
        {"nothing", "shared secret", "",
         "sha256=452107cd3cb185e34211f284c8ee4e62f014df74bfd46a7e9cec5fb1acb32c1c"},
        {"another secret", "x", "{\"a\":1}",
         "sha256=0f18b56c996efbaa714703599c03765cf2a210d796fce2c1b3bbadd81fbf6ed0"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[SIGN_TEXT_BYTES];

        sign(rows[i].secret, strlen(rows[i].secret),
             &(struct sign_of){.time_s = 1795384800,
                               .id = "u-7-12",
                               .body = rows[i].body,
                               .body_bytes = strlen(rows[i].body)},
             text);
        CHECK_STR(text, rows[i].want, rows[i].what);
    }
}
