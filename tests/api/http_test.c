#include "api/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/api/http_fixture.h"
#include "tests/test.h"

#define HOST      "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static void start(struct fixture *fixture) {
    struct fixture_options options = fixture_options();

    fixture_start(fixture, &options);
}

/* One request on a connection of its own through each door, and its answer. */
TEST(http__answers_through_every_door) {
    static const struct {
        const char *what;
        const char *request;
        int want_status;
        const char *want_body; /* NULL: any */
    } rows[] = {
        {"GET", GET("/hello"), 200, "hello"},
        {"not found", GET("/nothing"), 404, "nothing here"},
        {"OPTIONS goes to the owner", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
        {"traversal is only a path", GET("/../../etc/passwd"), 404, NULL},
        {"escaped traversal", GET("/%2e%2e/etc/passwd"), 404, NULL},
        {"escaped slash", GET("/..%2f..%2fetc"), 400, NULL},
        {"POST", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd", 201, "abcd"},
        {"empty POST", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 201, ""},
        {"chunked POST",
         "POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
         201, "abcde"},
        {"deferred", GET("/defer"), 200, "deferred"},
        {"big", GET("/big?n=262144"), 200, NULL},
        {"stream", GET("/stream?n=3&ms=1&chunk=2"), 200, "xxxxxx"},
        {"source", GET("/source?n=2&chunk=1"), 200, "beginxx"},
        {"HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", 200, "hello"},
        {"HTTP/1.0 stream ends with the connection",
         "GET /stream?n=2&ms=1&chunk=1 HTTP/1.0\r\n\r\n", 200, "xx"},
        {"no content", GET("/last"), 204, ""},
        {"refused before its body",
         "POST /secret HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\nabc", 401, NULL},
        {"smuggling",
         "POST /echo HTTP/1.1\r\n" HOST
         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400, NULL},
        {"two lengths",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
         NULL},
        {"unknown method", "BREW /hello HTTP/1.1\r\n" HOST "\r\n", 501, NULL},
        {"unknown coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\n\r\n", 501,
         NULL},
        {"unknown version", "GET /hello HTTP/9.9\r\n" HOST "\r\n", 505, NULL},
        {"garbage", "\x01\x02\x03\r\n\r\n", 400, NULL},
        {"length too long", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\nabc",
         413, NULL},
        {"bad chunk", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
         400, NULL},
    };
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct client client = client_open(&fixture, (enum door)door);
            struct answer answer;
            char what[200];

            snprintf(what, sizeof what, "%s: %s", door_names[door], rows[i].what);
            client_send(&client, rows[i].request);
            answer = client_answer(&client);
            CHECK_EQ(answer.status, rows[i].want_status, what);
            CHECK(answer.complete, what);
            CHECK(strstr(answer.head, "\r\nDate: ") != NULL, what);
            CHECK(strstr(answer.head, "Evil") == NULL, what);
            if (rows[i].want_body != NULL) {
                CHECK_STR(answer.body, rows[i].want_body, what);
            }
            if (answer.status >= 400 && answer.status != 404) {
                CHECK(client_sees_end(&client, 2000 * FIXTURE_MS), what);
                CHECK(!client.reset, what);
            }
            answer_free(&answer);
            client_close(&client);
        }
    }
    fixture_stop(&fixture);
}
