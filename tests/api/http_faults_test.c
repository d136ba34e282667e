/* What goes wrong on purpose: slow, silent, impatient and hostile clients, full tables. */
#include "api/http.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/api/http_fixture.h"
#include "tests/fake/poll_poller.h"
#include "tests/test.h"

#define HOST      "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define MANY      30

static void start(struct fixture *fixture) {
    struct fixture_options options = fixture_options();

    fixture_start(fixture, &options);
}

static void start_impatient(struct fixture *fixture) {
    struct fixture_options options = fixture_options_impatient();

    fixture_start(fixture, &options);
}

static void sleep_ms(int ms) {
    (void)poll(NULL, 0, ms);
}

/* Each client begins, then drips its text byte by byte until the server has had enough. All drip
 * side by side; progress must not buy time. */
TEST(http__cuts_off_slow_and_silent_clients) {
    static const struct {
        const char *what;
        const char *begin;
        const char *drip; /* repeated; "" is silence */
        int want_status;  /* 0: just closed */
    } rows[] = {
        {"a silent connection", "", "", 0},
        {"an idle connection", GET("/hello"), "", 200},
        {"empty lines", "", "\r\n", 0},
        {"a slow request line", "GET /", "a", 408},
        {"a slow header value", "GET / HTTP/1.1\r\nHost: ", "h", 408},
        {"slow header lines", "GET / HTTP/1.1\r\n" HOST, "a: b\r\n", 408},
        {"a stalled body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 999\r\n\r\nab", "", 408},
        {"a slow body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 999\r\n\r\n", "x", 408},
        {"slow chunks", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
         "1\r\nx\r\n", 408},
        {"a slow second request", GET("/hello") "GET /", "a", 200},
    };
    struct client clients[3][ARRAY_LEN(rows)];
    size_t dripped[3][ARRAY_LEN(rows)] = {{0}};
    struct fixture fixture;

    start_impatient(&fixture);
    for (int door = 0; door < 3; door++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            clients[door][i] = client_open(&fixture, (enum door)door);
            client_send(&clients[door][i], rows[i].begin);
        }
    }
    for (int round = 0; round < 35; round++) {
        for (int door = 0; door < 3; door++) {
            for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *drip = rows[i].drip;

                if (drip[0] != '\0') {
                    (void)client_try_send(&clients[door][i],
                                          &drip[dripped[door][i]++ % strlen(drip)], 1);
                }
            }
        }
        sleep_ms(20);
    }
    for (int door = 0; door < 3; door++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct client *client = &clients[door][i];
            char what[100];

            snprintf(what, sizeof what, "%s: %s", door_names[door], rows[i].what);
            /* What is dripped on after the end may reset the connection, and lose a 408. */
            if (rows[i].drip[0] == '\0') {
                client_expect(client, "", rows[i].want_status, what);
            }
            CHECK(client_sees_end(client, 3000 * FIXTURE_MS), what);
            client_close(client);
        }
    }
    CHECK_EQ(fixture_counter(&fixture, "timed_out"), 3 * ARRAY_LEN(rows), "each is counted");
    fixture_stop(&fixture);
}

/* The time for a head begins with its first byte, not with the idle time before it. */
TEST(http__gives_each_request_its_own_time) {
    struct fixture_options options = fixture_options_impatient();
    struct fixture fixture;
    struct client client;

    options.limits.idle_us = 600 * FIXTURE_MS;
    options.limits.header_us = 600 * FIXTURE_MS;
    fixture_start(&fixture, &options);
    client = client_open(&fixture, DOOR_TCP);
    client_expect(&client, GET("/hello"), 200, "the first");
    sleep_ms(400);
    client_send(&client, "GET /hello HTTP/1.1\r\n");
    sleep_ms(400);
    client_expect(&client, HOST "\r\n", 200, "begun late, and slow");
    client_close(&client);
    fixture_stop(&fixture);
}

/* The client reads its 408 because the server swallows what still comes. */
TEST(http__says_408_to_a_client_that_still_sends) {
    struct fixture fixture;
    struct client client;
    struct pollfd readable;

    start_impatient(&fixture);
    client = client_open(&fixture, DOOR_TCP);
    readable = (struct pollfd){.fd = client.fd, .events = POLLIN};
    client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 999\r\n\r\n");
    while (poll(&readable, 1, 20) == 0) {
        client_send(&client, "x");
    }
    client_send(&client, "x");
    client_expect(&client, "x", 408, "the body took too long");
    client_close(&client);
    fixture_stop(&fixture);
}

/* What outlives the idle limit: a held request and a stream. */
TEST(http__holds_and_streams_as_long_as_it_takes) {
    struct fixture fixture;
    struct client held;
    struct client streamed;

    start_impatient(&fixture);
    held = client_open(&fixture, DOOR_TLS);
    streamed = client_open(&fixture, DOOR_TLS);
    client_send(&held, GET("/defer?ms=900"));
    client_send(&streamed, GET("/stream?n=9&ms=100"));
    client_expect(&held, "", 200, "held");
    client_expect(&streamed, "", 200, "streamed");
    client_close(&held);
    client_close(&streamed);
    fixture_stop(&fixture);
}

/* Reads a little at a time, slower than the minimum rate, until the server gives up. */
static bool is_cut_off(struct client *client, int every_ms, int64_t limit_us) {
    int64_t end_us = mono_us() + limit_us;

    while (mono_us() < end_us) {
        char bytes[256];
        ssize_t got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);

        if (got == 0) {
            return true;
        }
        sleep_ms(every_ms);
        if (got < 0 && client->fd >= 0) {
            int error = 0;
            socklen_t bytes_of_error = sizeof error;

            (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &bytes_of_error);
            if (error != 0) {
                return true;
            }
        }
    }
    return false;
}

TEST(http__cuts_off_slow_readers) {
    static const struct {
        const char *what;
        const char *request;
        int every_ms;
    } rows[] = {
        {"a stalled reader of an answer", GET("/big?n=8000000"), 5000},
        {"a reader that sips", GET("/big?n=8000000"), 20},
        {"a stalled reader of a source", GET("/source?n=100000"), 5000},
        {"a stalled reader of a stream", GET("/stream?n=100000&ms=1&chunk=20000"), 5000},
    };
    struct client clients[ARRAY_LEN(rows)];
    struct fixture fixture;

    start_impatient(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clients[i] = client_open_slow(&fixture, DOOR_TCP);
        client_send(&clients[i], rows[i].request);
    }
    /* The sipper keeps sipping. */
    (void)is_cut_off(&clients[1], rows[1].every_ms, 1500 * FIXTURE_MS);
    fixture_await(&fixture, "tcp", 0, "all are cut off");
    CHECK(fixture_counter(&fixture, "dropped") == 2, "two were streams");
    CHECK_EQ(fixture_counter(&fixture, "closed"), 2, "their owners are told");
    CHECK(fixture_counter(&fixture, "writes_refused") > 0, "the source was held back");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_close(&clients[i]);
    }
    fixture_stop(&fixture);
}

/* Something leaves in each period, and less than the minimum. */
TEST(http__cuts_off_a_reader_below_the_rate) {
    struct fixture_options options = fixture_options_impatient();
    struct fixture fixture;
    struct client client;
    size_t bytes = 0;

    options.limits.send_bytes_min = 8 << 20;
    fixture_start(&fixture, &options);
    client = client_open(&fixture, DOOR_UNIX);
    client_send(&client, GET("/big?n=24000000"));
    while (!client.ended) {
        bytes += client_read(&client, 3000 * FIXTURE_MS);
        sleep_ms(1);
    }
    CHECK(bytes < 20000000, "cut off before the end");
    client_close(&client);
    fixture_stop(&fixture);
}

/* Slow, but fast enough: gets all of it. */
TEST(http__waits_for_a_reader_that_keeps_up_the_rate) {
    struct fixture_options options = fixture_options();
    struct fixture fixture;
    struct client client;
    size_t bytes = 0;

    options.limits.send_bytes_min = 1024;
    options.limits.send_us = 700 * FIXTURE_MS;
    fixture_start(&fixture, &options);
    client = client_open_slow(&fixture, DOOR_TCP);
    client_send(&client, GET("/big?n=1000000"));
    while (bytes < 1000000) {
        size_t got = client_read(&client, 3000 * FIXTURE_MS);

        CHECK(got > 0, "more comes");
        bytes += got;
        sleep_ms(bytes < 500000 ? 10 : 0);
    }
    client_close(&client);
    fixture_stop(&fixture);
}

TEST(http__gives_a_source_no_more_than_its_reader_takes) {
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < 3; door++) {
        struct client client = client_open(&fixture, (enum door)door);
        struct answer answer;

        client_send(&client, GET("/source?n=5000&chunk=1000"));
        answer = client_answer(&client);
        CHECK_EQ(answer.body_bytes, 5000005, door_names[door]);
        CHECK(answer.complete, door_names[door]);
        answer_free(&answer);
        client_expect(&client, GET("/hello"), 200, "and goes on");
        client_close(&client);
    }
    CHECK_EQ(fixture_counter(&fixture, "dropped"), 0, "nobody was dropped");
    fixture_stop(&fixture);
}

TEST(http__tells_the_owner_of_aborts_at_once) {
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < 3; door++) {
        struct client clients[50];

        for (int i = 0; i < 50; i++) {
            clients[i] = client_open(&fixture, (enum door)door);
            client_send(&clients[i],
                        i % 2 == 0 ? GET("/defer?ms=60000") : GET("/stream?n=1000&ms=10000"));
        }
        fixture_await(&fixture, "closed", 50 * door, "nobody has gone yet");
        for (int i = 0; i < 50; i++) {
            client_close(&clients[i]);
        }
        fixture_await(&fixture, "closed", 50 * (door + 1), "all have gone");
    }
    fixture_stop(&fixture);
}

/* Bytes that wait keep the server from reading the end; it finds out when it writes. */
TEST(http__writes_to_closed_connections_without_a_signal) {
    struct fixture fixture;

    start(&fixture);
    for (int door = 0; door < 3; door++) {
        struct client client = client_open(&fixture, (enum door)door);

        client_send(&client, GET("/stream?n=1000&ms=5") GET("/hello"));
        CHECK(client_read(&client, 3000 * FIXTURE_MS) > 0, "it streams");
        client_close(&client);
        fixture_await(&fixture, "closed", door + 1, door_names[door]);
    }
    fixture_stop(&fixture);
}

/* Requests that outlive their clients are still readable, and are ended in vain. */
TEST(http__keeps_gone_requests_for_their_owner) {
    struct fixture fixture;
    struct client clients[10];

    start(&fixture);
    for (int i = 0; i < 10; i++) {
        clients[i] = client_open(&fixture, i % 2 == 0 ? DOOR_TLS_CLIENT : DOOR_UNIX);
        client_send(&clients[i], GET("/defer?ms=200&late"));
    }
    sleep_ms(50); /* They are in the owner's hands. */
    for (int i = 0; i < 10; i++) {
        client_close(&clients[i]);
    }
    fixture_await(&fixture, "ended_late", 10, "all are ended after their clients");
    fixture_stop(&fixture);
}

TEST(http__ends_as_badly_as_it_is_told_to) {
    static const struct {
        const char *what;
        const char *request;
        bool want_reset;
    } rows[] = {
        {"abort at once", GET("/abort"), true},
        {"abort later", GET("/abort-later"), true},
        {"hang up", GET("/hang-up"), false},
    };
    struct fixture fixture;

    start(&fixture);
    for (int door = DOOR_TCP; door < DOOR_COUNT; door++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct client client = client_open(&fixture, (enum door)door);

            client_send(&client, rows[i].request);
            CHECK(client_sees_end(&client, 2000 * FIXTURE_MS), rows[i].what);
            CHECK_EQ(client.reset, rows[i].want_reset, rows[i].what);
            client_close(&client);
        }
    }
    fixture_stop(&fixture);
}

/* A client that is done sending has an answer that is ready; one that must wait is gone. */
TEST(http__takes_half_closed_clients_for_gone) {
    struct fixture fixture;
    struct client client;

    start(&fixture);
    for (int door = 0; door < 2; door++) {
        struct answer answer;

        client = client_open(&fixture, (enum door)door);
        client_send(&client, GET("/big?n=3000000"));
        CHECK_OK(shutdown(client.fd, SHUT_WR), "half");
        answer = client_answer(&client);
        CHECK_EQ(answer.body_bytes, 3000000, "the answer was ready");
        CHECK(client_sees_end(&client, 3000 * FIXTURE_MS), "the end follows");
        answer_free(&answer);
        client_close(&client);
    }
    client = client_open(&fixture, DOOR_TCP);
    client_send(&client, GET("/defer?ms=5000"));
    CHECK_OK(shutdown(client.fd, SHUT_WR), "half");
    CHECK(client_sees_end(&client, 3000 * FIXTURE_MS), "nobody waits for an answer");
    client_close(&client);
    fixture_stop(&fixture);
}

/* The network's clients fill their quota; the rest waits, the unix socket stays open. */
TEST(http__recovers_from_too_many_connections) {
    struct fixture_options options = fixture_options();
    struct client clients[MANY];
    struct client late;
    struct fixture fixture;

    options.limits.connections_network = MANY;
    options.limits.header_us = 60 * CLOCK_US_PER_SECOND;
    fixture_start(&fixture, &options);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_open(&fixture, DOOR_TCP);
        client_send(&clients[i], "GET /hello HTTP/1.1\r\n"); /* None of them is idle. */
    }
    fixture_await(&fixture, "tcp", MANY, "all are in");
    sleep_ms(100);
    late = client_open(&fixture, DOOR_TCP); /* The kernel's backlog takes it. */
    client_send(&late, GET("/hello"));
    CHECK_EQ(client_read(&late, 100 * FIXTURE_MS), 0, "one too many waits");
    CHECK_EQ(fixture_counter(&fixture, "tcp"), MANY, "no more than the limit");
    CHECK(fixture_counter(&fixture, "callbacks") < 500, "without a spin");
    client_close(&clients[0]);
    client_expect(&late, "", 200, "there is room again");
    client_close(&late);
    for (int i = 1; i < MANY; i++) {
        client_close(&clients[i]);
    }
    fixture_stop(&fixture);
}

TEST(http__keeps_a_quota_for_unix_clients) {
    struct fixture_options options = fixture_options();
    struct client clients[4];
    struct fixture fixture;
    struct client network;

    options.limits.connections_unix = 3;
    options.limits.header_us = 60 * CLOCK_US_PER_SECOND;
    fixture_start(&fixture, &options);
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open(&fixture, DOOR_UNIX);
        if (i < 3) {
            client_send(&clients[i], "GET /hello HTTP/1.1\r\n"); /* None of them is idle. */
            sleep_ms(50);
        }
    }
    client_send(&clients[3], GET("/hello"));
    CHECK_EQ(client_read(&clients[3], 100 * FIXTURE_MS), 0, "the fourth waits");
    network = client_open(&fixture, DOOR_TCP);
    client_expect(&network, GET("/hello"), 200, "the network has its own");
    client_close(&clients[0]);
    client_expect(&clients[3], "", 200, "the fourth is in");
    for (int i = 1; i < 4; i++) {
        client_close(&clients[i]);
    }
    client_close(&network);
    fixture_stop(&fixture);
}

/* Who has been silent for longest makes room for who comes. */
TEST(http__closes_idle_connections_for_new_ones) {
    struct fixture_options options = fixture_options();
    struct client clients[4];
    struct fixture fixture;
    struct client late;

    options.limits.connections_network = 4;
    options.limits.header_us = 60 * CLOCK_US_PER_SECOND;
    options.limits.idle_us = 60 * CLOCK_US_PER_SECOND;
    options.limits.idle_min_us = 40 * CLOCK_US_PER_MS;
    fixture_start(&fixture, &options);
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open(&fixture, DOOR_TCP);
        client_expect(&clients[i], GET("/hello"), 200, "all get in");
        sleep_ms(20);
    }
    client_expect(&clients[0], GET("/hello"), 200, "the first says something again");
    client_send(&clients[1], "GET /hello HTTP/1.1\r\n");
    sleep_ms(50);
    late = client_open(&fixture, DOOR_TCP);
    client_expect(&late, GET("/hello"), 200, "the next one gets in");
    CHECK(client_sees_end(&clients[2], 3000 * FIXTURE_MS), "for the one that was idle for longest");
    client_expect(&clients[1], "Host: x\r\n\r\n", 200, "one in a request stays");
    client_expect(&clients[0], GET("/hello"), 200, "and one that spoke lately");
    client_expect(&clients[3], GET("/hello"), 200, "and one that came later");
    for (int i = 0; i < 4; i++) {
        client_close(&clients[i]);
    }
    client_close(&late);
    fixture_stop(&fixture);
}

TEST(http__recovers_from_a_lack_of_descriptors) {
    struct fixture_options options = fixture_options();
    struct client clients[MANY];
    struct fixture fixture;
    int64_t callbacks;

    options.descriptors = 26;
    fixture_start(&fixture, &options);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_open(&fixture, i % 2 == 0 ? DOOR_TCP : DOOR_UNIX);
    }
    client_expect(&clients[0], GET("/hello"), 200, "the first is in");
    sleep_ms(300);
    for (int i = 0; i < MANY / 2; i++) {
        client_close(&clients[i]);
    }
    for (int i = MANY / 2; i < MANY; i++) {
        client_expect(&clients[i], GET("/hello"), 200, "all get in");
    }
    CHECK(fixture_counter(&fixture, "accept_failed") > 0, "it did run out");
    callbacks = fixture_counter(&fixture, "callbacks");
    CHECK(callbacks < 1000, "and did not spin");
    for (int i = MANY / 2; i < MANY; i++) {
        client_close(&clients[i]);
    }
    fixture_stop(&fixture);
}

TEST(http__is_quiet_when_nothing_happens) {
    struct fixture_options options = fixture_options();
    struct client clients[MANY];
    struct fixture fixture;
    int64_t before;

    fixture_start(&fixture, &options);
    for (int i = 0; i < MANY; i++) {
        clients[i] = client_open(&fixture, i % 2 == 0 ? DOOR_TLS : DOOR_UNIX);
        client_expect(&clients[i], i % 3 == 0 ? GET("/hello") : GET("/stats"), 200, "busy once");
    }
    sleep_ms(250); /* The sweep that the handshakes' deadlines asked for. */
    before = fixture_counter(&fixture, "callbacks");
    sleep_ms(300);
    CHECK(fixture_counter(&fixture, "callbacks") - before < 12, "hardly a callback");
    for (int i = 0; i < MANY; i++) {
        client_close(&clients[i]);
    }
    fixture_stop(&fixture);
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* The result of a handshake with these options of the client. */
static bool can_shake(const struct fixture *fixture, int min, int max, const char *protocols,
                      char *out_protocol) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct client client = client_open_raw(fixture, DOOR_TLS);
    SSL *ssl;
    bool done;

    SSL_CTX_set_security_level(ctx, 0);
    (void)SSL_CTX_set_min_proto_version(ctx, min);
    (void)SSL_CTX_set_max_proto_version(ctx, max);
    (void)SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (protocols != NULL) {
        (void)SSL_set_alpn_protos(ssl, (const unsigned char *)protocols,
                                  (unsigned)strlen(protocols));
    }
    (void)SSL_set_fd(ssl, client.fd);
    done = SSL_connect(ssl) == 1;
    if (done) {
        const unsigned char *chosen = NULL;
        unsigned length = 0;

        SSL_get0_alpn_selected(ssl, &chosen, &length);
        snprintf(out_protocol, 20, "%.*s", (int)length, (const char *)chosen);
    }
    client.ssl = ssl;
    client_close(&client);
    return done;
}

TEST(http__speaks_tls_1_2_and_1_3_only) {
    static const struct {
        const char *what;
        int min;
        int max;
        const char *protocols;
        const char *want_protocol; /* NULL: no handshake */
    } rows[] = {
        {"TLS 1.3", TLS1_3_VERSION, TLS1_3_VERSION, NULL, ""},
        {"TLS 1.2", TLS1_2_VERSION, TLS1_2_VERSION, NULL, ""},
        {"TLS 1.1", TLS1_1_VERSION, TLS1_1_VERSION, NULL, NULL},
        {"TLS 1.0", TLS1_VERSION, TLS1_VERSION, NULL, NULL},
        {"HTTP/2 or 1.1", TLS1_2_VERSION, TLS1_3_VERSION, "\x02h2\x08http/1.1", "http/1.1"},
        {"HTTP/2 alone", TLS1_2_VERSION, TLS1_3_VERSION, "\x02h2", NULL},
    };
    struct fixture fixture;

    start(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char protocol[20] = "";
        bool done = can_shake(&fixture, rows[i].min, rows[i].max, rows[i].protocols, protocol);

        CHECK_EQ(done, rows[i].want_protocol != NULL, rows[i].what);
        if (done) {
            CHECK_STR(protocol, rows[i].want_protocol, rows[i].what);
        }
    }
    fixture_stop(&fixture);
}

TEST(http__survives_what_is_no_handshake) {
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    struct fixture fixture;
    struct client client;

    start_impatient(&fixture);
    client = client_open_raw(&fixture, DOOR_TLS);
    client_expect(&client, GET("/hello"), 400, "plain HTTP is told so");
    client_close(&client);

    client = client_open_raw(&fixture, DOOR_TLS);
    client_send(&client, "garbage garbage garbage");
    CHECK(client_sees_end(&client, 3000 * FIXTURE_MS), "garbage");
    client_close(&client);

    client = client_open_raw(&fixture, DOOR_TLS);
    client_send_bytes(&client, hello, sizeof hello - 1);
    CHECK(!client_sees_end(&client, 150 * FIXTURE_MS), "a stalled handshake has some time");
    CHECK(client_sees_end(&client, 3000 * FIXTURE_MS), "but not for ever");
    client_close(&client);
    CHECK(fixture_counter(&fixture, "callbacks") < 100, "without a spin");
    fixture_stop(&fixture);
}

TEST(http__knows_its_peers) {
    struct fixture fixture;
    char want[200];

    start(&fixture);
    for (int door = 0; door < DOOR_COUNT; door++) {
        struct client client = client_open(&fixture, (enum door)door);
        struct answer answer;

        client_send(&client, GET("/peer"));
        answer = client_answer(&client);
        if (door == DOOR_UNIX) {
            snprintf(want, sizeof want, "0 %d %d %d unix - -", (int)getuid(), (int)getgid(),
                     (int)getpid());
        } else {
            snprintf(want, sizeof want, "%d -1 -1 -1 127.0.0.1:", door == DOOR_TCP ? 1 : 2);
        }
        CHECK_MEM(answer.body, want, strlen(want), door_names[door]);
        CHECK_EQ(strstr(answer.body, " client system:masters") != NULL, door == DOOR_TLS_CLIENT,
                 "the certificate's names");
        answer_free(&answer);
        client_close(&client);
    }
    fixture_stop(&fixture);
}

TEST(http__reloads_its_certificates) {
    struct fixture fixture;
    struct client client;
    char path[200];
    FILE *file;

    start(&fixture);
    client = client_open(&fixture, DOOR_TLS);
    make_certificate(fixture.folder, "server", "second");
    client_expect(&client, GET("/reload"), 200, "reloaded");
    client_expect(&client, GET("/hello"), 200, "the connection goes on");
    client_close(&client);
    client = client_open(&fixture, DOOR_TLS);
    {
        X509 *certificate = SSL_get1_peer_certificate(client.ssl);
        char name[100];

        X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof name);
        CHECK(strstr(name, "second") != NULL, "the new certificate is in use");
        X509_free(certificate);
    }
    snprintf(path, sizeof path, "%s/server.key", fixture.folder);
    file = fopen(path, "w");
    CHECK(file != NULL, path);
    CHECK_OK(fclose(file), path);
    client_expect(&client, GET("/reload"), 500, "a bad key is refused");
    client_close(&client);
    client = client_open(&fixture, DOOR_TLS);
    client_expect(&client, GET("/hello"), 200, "and all stays as it was");
    client_close(&client);
    fixture_stop(&fixture);
}

/* --- Draining --------------------------------------------------------------------------------- */

TEST(http__drains) {
    struct fixture_options options = fixture_options();
    struct fixture fixture;
    struct client idle;
    struct client held;
    struct client half;
    struct client drain;
    int status = -1;

    fixture_start(&fixture, &options);
    idle = client_open(&fixture, DOOR_TLS);
    client_expect(&idle, GET("/hello"), 200, "idle");
    held = client_open(&fixture, DOOR_TCP);
    client_send(&held, GET("/defer?ms=150"));
    half = client_open(&fixture, DOOR_TCP);
    client_send(&half, "GET /hello HTTP/1.1\r\n");
    fixture_await(&fixture, "tcp", 2, "both are there");
    drain = client_open(&fixture, DOOR_UNIX);
    client_expect(&drain, GET("/drain"), 200, "it begins");
    CHECK(client_sees_end(&idle, 3000 * FIXTURE_MS), "idle connections end at once");
    CHECK(access(fixture.socket_path, F_OK) != 0, "nobody new can come");
    CHECK(client_sees_end(&drain, 3000 * FIXTURE_MS), "this was its last answer");
    client_expect(&half, HOST "\r\n", 200, "what was begun is answered");
    client_expect(&held, "", 200, "what was held is answered");
    CHECK(client_sees_end(&held, 3000 * FIXTURE_MS), "and then it ends");
    CHECK(client_sees_end(&half, 3000 * FIXTURE_MS), "and then it ends");
    client_close(&idle);
    client_close(&held);
    client_close(&half);
    client_close(&drain);
    /* The server ends by itself, see on_drained in the fixture. */
    CHECK_EQ(waitpid(fixture.pid, &status, 0), fixture.pid, "the end");
    CHECK_EQ(status, 0, "a good end");
    (void)close(fixture.control);
}

/* --- Listening -------------------------------------------------------------------------------- */

static struct instant sample(void *owner) {
    (void)owner;
    return clock_sample();
}

static void ignore(struct http_request *request, void *owner) {
    (void)request;
    (void)owner;
}

TEST(http_listen__refuses_what_it_can_not_have) {
    struct poll_poller *loop = poll_poller_create();
    struct http_server_config config = {.poller = poll_poller_of(loop),
                                        .clock = sample,
                                        .on_request = ignore,
                                        .limits = http_limits_default()};
    struct http_server *server = http_server_create(&config);
    char path[200];
    char file[200];
    struct http_unix unix_socket = {.path = path};
    struct http_tls tls = {"/nonexistent", "/nonexistent", NULL, false};
    struct error error = {0};
    struct stat stat_of;
    uint16_t port = 0;
    FILE *plain;

    snprintf(path, sizeof path, "%s/s", test_folder());
    snprintf(file, sizeof file, "%s/plain", test_folder());
    CHECK_OK(http_listen_unix(server, &unix_socket, &error), error.text);
    CHECK_OK(stat(path, &stat_of), path);
    CHECK_EQ(stat_of.st_mode & 07777, 0600, "for its owner alone unless told otherwise");
    CHECK_EQ(http_listen_unix(server, &unix_socket, NULL), ERR_BUSY, "a live socket");
    plain = fopen(file, "w");
    CHECK(plain != NULL, file);
    CHECK_OK(fclose(plain), file);
    unix_socket.path = file;
    CHECK_EQ(http_listen_unix(server, &unix_socket, NULL), ERR_EXISTS, "a plain file");
    unix_socket.path = "/nonexistent/folder/s";
    CHECK_EQ(http_listen_unix(server, &unix_socket, NULL), ERR_IO, "no folder");
    unix_socket.path = path;
    unix_socket.group = "no such group";
    CHECK_OK(unlink(path), path);
    CHECK_EQ(http_listen_unix(server, &unix_socket, NULL), ERR_INVALID, "no such group");
    CHECK(access(path, F_OK) != 0, "nothing is left behind");
    CHECK_OK(http_listen_tcp(server, "127.0.0.1", 0, NULL, &port, &error), error.text);
    CHECK(port != 0, "the kernel chose");
    CHECK_EQ(http_listen_tcp(server, "127.0.0.1", port, NULL, NULL, NULL), ERR_BUSY, "in use");
    CHECK_EQ(http_listen_tcp(server, "300.0.0.1", 0, NULL, NULL, NULL), ERR_INVALID, "no address");
    CHECK_EQ(http_listen_tcp(server, "127.0.0.1", 0, &tls, NULL, &error), ERR_INVALID, "no files");
    CHECK(strstr(error.text, "/nonexistent") != NULL, "the file is named");
    http_server_destroy(server);
    poll_poller_destroy(loop);
}

TEST(http_listen__replaces_a_stale_socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct poll_poller *loop = poll_poller_create();
    struct http_server_config config = {.poller = poll_poller_of(loop),
                                        .clock = sample,
                                        .on_request = ignore,
                                        .limits = http_limits_default()};
    struct http_server *server = http_server_create(&config);
    struct http_unix unix_socket = {.path = address.sun_path, .mode = 0660, .group = "0"};
    struct error error = {0};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", test_folder());
    CHECK_OK(bind(fd, (struct sockaddr *)&address, sizeof address), "a server");
    CHECK_OK(close(fd), "that died");
    CHECK_OK(http_listen_unix(server, &unix_socket, &error), error.text);
    http_server_destroy(server);
    CHECK(access(address.sun_path, F_OK) != 0, "removed at the end");
    poll_poller_destroy(loop);
}
