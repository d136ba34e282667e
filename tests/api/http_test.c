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

static char *filled(size_t bytes) {
    char *text = malloc(bytes + 1);

    CHECK(text != NULL, "memory");
    for (size_t i = 0; i < bytes; i++) {
        text[i] = (char)('a' + i % 23);
    }
    text[bytes] = '\0';
    return text;
}

TEST(http__holds_its_limits_on_the_wire) {
    static const struct {
        const char *what;
        const char *before;
        size_t count; /* of bytes in the middle */
        const char *after;
        int want_status;
    } rows[] = {
        {"a long URL", "GET /", 3000, " HTTP/1.1\r\n" HOST "\r\n", 414},
        {"a header of 20 KiB", "GET /hello HTTP/1.1\r\n" HOST "X: ", 20 * 1024, "\r\n\r\n", 431},
        {"a token of 3000 bytes", "GET /hello HTTP/1.1\r\n" HOST "Authorization: Bearer ", 3000,
         "\r\n\r\n", 200},
    };
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct client client = client_open(&fixture, (enum door)door);
            char *middle = filled(rows[i].count);

            client_send(&client, rows[i].before);
            (void)client_try_send(&client, middle, rows[i].count);
            (void)client_try_send(&client, rows[i].after, strlen(rows[i].after));
            client_expect(&client, "", rows[i].want_status, rows[i].what);
            client_close(&client);
            free(middle);
        }
    }
    fixture_stop(&fixture);
}

TEST(http__refuses_many_headers) {
    struct fixture fixture;
    struct client client;

    start(&fixture);
    client = client_open(&fixture, DOOR_TCP);
    client_send(&client, "GET /hello HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 3000; i++) {
        if (!client_try_send(&client, "a: b\r\n", 6)) {
            break;
        }
    }
    client_expect(&client, "", 431, "3000 tiny headers");
    client_close(&client);
    fixture_stop(&fixture);
}

static void send_post(struct client *client, const char *body, size_t bytes, bool chunked) {
    char head[200];

    snprintf(head, sizeof head,
             chunked ? "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
                     : "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
             bytes);
    client_send(client, head);
    client_send_bytes(client, body, bytes);
    client_send(client, chunked ? "\r\n0\r\n\r\n" : "");
}

TEST(http__takes_and_gives_large_bodies) {
    const size_t bytes = 8 << 20;
    char *body = filled(bytes);
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        struct client client = client_open(&fixture, (enum door)door);

        for (int chunked = 0; chunked < 2; chunked++) {
            struct answer answer;

            send_post(&client, body, bytes, chunked == 1);
            answer = client_answer(&client);
            CHECK_EQ(answer.status, 201, door_names[door]);
            CHECK_EQ(answer.body_bytes, bytes, door_names[door]);
            CHECK(memcmp(answer.body, body, bytes) == 0, door_names[door]);
            answer_free(&answer);
        }
        client_close(&client);
    }
    fixture_stop(&fixture);
    free(body);
}

/* The client pours without reading; it must still read why it was refused. */
TEST(http__lets_a_blasting_client_read_its_refusal) {
    const size_t bytes = 10 << 20;
    char *body = filled(bytes);
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            struct client client = client_open(&fixture, (enum door)door);

            client_send(&client, chunked == 1 ? "POST /echo HTTP/1.1\r\n" HOST
                                                "Transfer-Encoding: chunked\r\n\r\nA00000\r\n"
                                              : "POST /echo HTTP/1.1\r\n" HOST
                                                "Content-Length: 10485760\r\n\r\n");
            (void)client_try_send(&client, body, chunked == 1 ? 9500000 : 600000);
            client_expect(&client, "", 413, door_names[door]);
            client_close(&client);
        }
    }
    fixture_stop(&fixture);
    free(body);
}

TEST(http__bounds_all_bodies_together) {
    struct fixture_options options = fixture_options();
    char *body = filled(600000);
    struct fixture fixture;
    struct client first;
    struct client second;

    options.limits.body_bytes_all = 1000000;
    fixture_start(&fixture, &options);
    first = client_open(&fixture, DOOR_TCP);
    second = client_open(&fixture, DOOR_TCP);
    client_send(&first, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 600001\r\n\r\n");
    client_send_bytes(&first, body, 600000);
    fixture_await(&fixture, "tcp", 2, "both are there");
    client_send(&second, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n");
    (void)client_try_send(&second, body, 600000);
    client_expect(&second, "", 503, "the second is too much");
    client_expect(&first, "x", 201, "the first goes through");
    client_close(&second);
    second = client_open(&fixture, DOOR_TCP);
    send_post(&second, body, 600000, false);
    client_expect(&second, "", 201, "there is room again");
    client_close(&first);
    client_close(&second);
    fixture_stop(&fixture);
    free(body);
}

TEST(http__keeps_connections) {
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        struct client client = client_open(&fixture, (enum door)door);

        for (int i = 0; i < 200; i++) {
            client_expect(&client, GET("/hello"), 200, door_names[door]);
        }
        for (int i = 0; i < 100; i++) {
            client_expect(&client,
                          "POST /defer?ms=0 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 200,
                          door_names[door]);
        }
        client_close(&client);
    }
    fixture_stop(&fixture);
}

TEST(http__says_what_becomes_of_the_connection) {
    static const struct {
        const char *what;
        const char *request;
        const char *want_header; /* NULL: no Connection header */
        bool want_end;
    } rows[] = {
        {"HTTP/1.1", GET("/hello"), NULL, false},
        {"HTTP/1.1 that closes", "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
         "Connection: close", true},
        {"HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n", "Connection: close", true},
        {"HTTP/1.0 that keeps", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "Connection: keep-alive", false},
        {"the owner closes", GET("/last"), "Connection: close", true},
        {"a refusal", "GET /hello HTTP/1.1\r\n\r\n", "Connection: close", true},
        {"a stream of HTTP/1.0", "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "Connection: close", true},
        {"an offer of another protocol",
         "GET /hello HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", NULL,
         false},
    };
    struct fixture fixture;

    start(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client client = client_open(&fixture, DOOR_TCP);
        struct answer answer;

        client_send(&client, rows[i].request);
        answer = client_answer(&client);
        if (rows[i].want_header != NULL) {
            CHECK(strstr(answer.head, rows[i].want_header) != NULL, rows[i].what);
        } else {
            CHECK(strstr(answer.head, "Connection:") == NULL, rows[i].what);
        }
        CHECK_EQ(client_sees_end(&client, 100 * FIXTURE_MS), rows[i].want_end, rows[i].what);
        answer_free(&answer);
        client_close(&client);
    }
    fixture_stop(&fixture);
}

TEST(http__answers_HEAD_without_a_body) {
    static const struct {
        const char *what;
        const char *request;
        const char *want_header;
    } rows[] = {
        {"an answer", "HEAD /hello HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 5\r\n"},
        {"a stream", "HEAD /stream HTTP/1.1\r\n" HOST "\r\n", "Transfer-Encoding: chunked\r\n"},
    };
    struct fixture fixture;
    struct client client;

    start(&fixture);
    client = client_open(&fixture, DOOR_TCP);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer answer;

        client_send(&client, rows[i].request);
        answer = client_answer_of_head(&client);
        CHECK_EQ(answer.status, 200, rows[i].what);
        CHECK(strstr(answer.head, rows[i].want_header) != NULL, rows[i].what);
        answer_free(&answer);
        client_expect(&client, GET("/hello"), 200, "the next answer follows at once");
    }
    client_close(&client);
    fixture_stop(&fixture);
}

TEST(http__answers_pipelined_requests_in_order) {
    static const char pair[] =
        "POST /defer?ms=2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET("/hello");
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        struct client client = client_open(&fixture, (enum door)door);
        char many[60 * sizeof GET("/hello")] = "";

        for (int i = 0; i < 50; i++) {
            snprintf(many + strlen(many), sizeof many - strlen(many), "%s", GET("/hello"));
        }
        client_send(&client, many);
        for (int i = 0; i < 50; i++) {
            client_expect(&client, "", 200, "50 at once");
        }
        for (int i = 0; i < 10; i++) {
            client_send(&client, pair);
        }
        for (int i = 0; i < 20; i++) {
            struct answer answer = client_answer(&client);

            CHECK_STR(answer.body, i % 2 == 0 ? "deferred" : "hello", door_names[door]);
            answer_free(&answer);
        }
        client_close(&client);
    }
    fixture_stop(&fixture);
}

/* More is pipelined than the server reads ahead. */
TEST(http__answers_a_long_pipeline) {
    const size_t count = 4000;
    struct fixture fixture;
    struct client client;
    char *many = malloc(count * sizeof GET("/last-but-not-there"));
    size_t bytes = 0;

    start(&fixture);
    CHECK(many != NULL, "memory");
    for (size_t i = 0; i < count; i++) {
        memcpy(many + bytes, GET("/hello"), sizeof GET("/hello") - 1);
        bytes += sizeof GET("/hello") - 1;
    }
    client = client_open(&fixture, DOOR_TLS);
    client_send(&client, GET("/defer?ms=20"));
    client_send_bytes(&client, many, bytes);
    client_expect(&client, "", 200, "the first holds the rest up");
    for (size_t i = 0; i < count; i++) {
        client_expect(&client, "", 200, "each gets its answer");
    }
    client_close(&client);
    free(many);
    fixture_stop(&fixture);
}

TEST(http__tells_a_patient_client_to_continue) {
    static const struct {
        const char *what;
        const char *head;
        const char *body;
        int want_first;
        int want_second; /* 0: none */
    } rows[] = {
        {"continue",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc",
         100, 201},
        {"too long",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n",
         "", 413, 0},
        {"refused by the owner",
         "POST /secret HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "",
         401, 0},
        {"the body is here already",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", "",
         201, 0},
        {"HTTP/1.0 can't expect",
         "POST /echo HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc", 201, 0},
    };
    struct fixture fixture;

    start(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client client = client_open(&fixture, DOOR_TLS);

        client_send(&client, rows[i].head);
        if (rows[i].want_first != 201) {
            client_expect(&client, "", rows[i].want_first, rows[i].what);
        }
        client_expect(&client, rows[i].body,
                      rows[i].want_second != 0    ? rows[i].want_second
                      : rows[i].want_first == 201 ? 201
                                                  : 0,
                      rows[i].what);
        client_close(&client);
    }
    fixture_stop(&fixture);
}
