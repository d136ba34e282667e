#include "cli/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define TRIES           3
#define CONNECT_SECONDS 10L
#define ANSWER_SECONDS  120L
#define TOKEN_BYTES     4096

struct http {
    CURL *curl;
    char *socket_path; /* NULL: https */
    char *base;        /* "http://localhost", "https://host:port" */
    char *token_header;
    char *ca_file;
    char words[CURL_ERROR_SIZE]; /* of the last failure; "" if curl says no more than its code */
};

static int read_token(const char *path, char **out_header, struct error *error) {
    char token[TOKEN_BYTES];
    FILE *file = fopen(path, "re");
    size_t count;

    if (file == NULL) {
        return error_set(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                         strerror(errno));
    }
    count = fread(token, 1, sizeof token - 1, file);
    (void)fclose(file);
    token[count] = '\0';
    token[strcspn(token, " \t\r\n")] = '\0';
    if (token[0] == '\0') {
        return error_set(error, ERR_INVALID, "%s: there is no token in it", path);
    }
    *out_header = mem_format("Authorization: Bearer %s", token);
    return OK;
}

/* Split the address. ERR_INVALID for anything but a unix socket and https. */
static int take_server(struct http *http, const char *server, struct error *error) {
    if (text_starts_with(server, "unix:")) {
        const char *path = server + 5;

        path += text_starts_with(path, "//") ? 2 : 0;
        http->socket_path = mem_copy_text(path);
        http->base = mem_copy_text("http://localhost");
        return OK;
    }
    if (server[0] == '/') {
        http->socket_path = mem_copy_text(server);
        http->base = mem_copy_text("http://localhost");
        return OK;
    }
    if (text_starts_with(server, "https://") && server[8] != '\0') {
        size_t length = strlen(server);

        while (server[length - 1] == '/') {
            length--;
        }
        http->base = mem_copy_text_n(server, length);
        return OK;
    }
    return error_set(error, ERR_INVALID, "server %s: expected unix:PATH or https://HOST:PORT",
                     server);
}

int http_open(const struct http_place *place, struct http **out_http, struct error *error) {
    struct http *http = mem_alloc(1, sizeof *http);
    int r = take_server(http, place->server, error);

    if (r == OK && place->token_file != NULL && http->socket_path == NULL) {
        r = read_token(place->token_file, &http->token_header, error);
    }
    if (r == OK) {
        http->ca_file = mem_copy_text(place->ca_file);
        http->curl = curl_easy_init();
        r = http->curl != NULL ? OK : error_set(error, ERR_NO_MEMORY, "libcurl does not start");
    }
    if (r != OK) {
        http_close(http);
        return r;
    }
    *out_http = http;
    return OK;
}

void http_close(struct http *http) {
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        free(http->socket_path);
        free(http->base);
        free(http->token_header);
        free(http->ca_file);
        free(http);
    }
}

void http_add_query(struct buf *path, const char *name, const char *value) {
    static const char safe[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~,";

    if (value == NULL || value[0] == '\0') {
        return;
    }
    buf_add_char(path, strchr(buf_text(path), '?') != NULL ? '&' : '?');
    buf_add_text(path, name);
    buf_add_char(path, '=');
    for (; *value != '\0'; value++) {
        if (strchr(safe, *value) != NULL) {
            buf_add_char(path, *value);
        } else {
            buf_add_format(path, "%%%02X", (unsigned char)*value);
        }
    }
}

struct receiver {
    struct http *http;
    const struct http_call *call;
    struct buf *body;
    bool enough;
};

static size_t on_write(char *bytes, size_t size, size_t count, void *context) {
    struct receiver *receiver = context;
    long status = 0;

    count *= size;
    (void)curl_easy_getinfo(receiver->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (receiver->call->on_bytes != NULL && status == 200) {
        receiver->enough = !receiver->call->on_bytes(receiver->call->context, bytes, count);
        return receiver->enough ? 0 : count;
    }
    buf_add(receiver->body, bytes, count);
    return receiver->body->full ? 0 : count;
}

static struct curl_slist *headers_of(const struct http *http, const struct http_call *call) {
    struct curl_slist *list = NULL;
    char line[LIMIT_IDEMPOTENCY_KEY_BYTES + 32];

    if (http->token_header != NULL) {
        list = curl_slist_append(list, http->token_header);
    }
    if (call->content_type != NULL) {
        (void)snprintf(line, sizeof line, "Content-Type: %s", call->content_type);
        list = curl_slist_append(list, line);
    }
    if (call->idempotency_key != NULL) {
        (void)snprintf(line, sizeof line, "Idempotency-Key: %s", call->idempotency_key);
        list = curl_slist_append(list, line);
    }
    return curl_slist_append(list, "Expect:");
}

static void set_up(struct http *http, const struct http_call *call, struct receiver *receiver,
                   const char *url, struct curl_slist *headers) {
    CURL *curl = http->curl;

    curl_easy_reset(curl);
    http->words[0] = '\0';
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->words);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->on_bytes != NULL ? 0L : ANSWER_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, receiver);
    if (http->socket_path != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, http->socket_path);
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    }
    if (http->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    }
    if (strcmp(call->method, "DELETE") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
    if (strcmp(call->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                               call->body != NULL ? (const char *)call->body : "");
    }
}

/* Was the request perhaps received, its answer lost? */
static bool is_lost(CURLcode code) {
    return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
           code == CURLE_PARTIAL_FILE || code == CURLE_OPERATION_TIMEDOUT;
}

/* Why there was no answer: the system's words if it has any, for curl's say less. */
static int tell_failure(const struct http *http, CURLcode code, const struct buf *body,
                        struct error *error) {
    const char *where = http->socket_path != NULL ? http->socket_path : http->base;
    long number = 0;

    (void)curl_easy_getinfo(http->curl, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number != 0) {
        return error_set(error, number == EACCES || number == EPERM ? ERR_DENIED : ERR_IO,
                         "%s: %s%s", where, strerror((int)number),
                         number == ENOENT || number == ECONNREFUSED ? "; is nightshiftd running?"
                                                                    : "");
    }
    return error_set(error, ERR_IO, "%s: %s", where,
                     body->full               ? "its answer is too large"
                     : http->words[0] != '\0' ? http->words
                                              : curl_easy_strerror(code));
}

static void tell_type(const struct http *http, const struct http_call *call) {
    const char *type = NULL;

    (void)curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
    if (call->out_content_type != NULL && type != NULL) {
        (void)snprintf(call->out_content_type, HTTP_TYPE_BYTES, "%s", type);
    }
}

int http_perform(struct http *http, const struct http_call *call, int *out_status,
                 struct buf *out_body, struct error *error) {
    struct receiver receiver = {.http = http, .call = call, .body = out_body};
    struct curl_slist *headers = headers_of(http, call);
    char *url = mem_format("%s%s", http->base, call->path);
    CURLcode code = CURLE_OK;
    long status = 0;
    int tries = 0, r = OK;

    do {
        buf_clear(out_body);
        set_up(http, call, &receiver, url, headers);
        code = curl_easy_perform(http->curl);
    } while (is_lost(code) && call->idempotency_key != NULL && ++tries < TRIES);
    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && !receiver.enough) {
        r = tell_failure(http, code, out_body, error);
    } else {
        *out_status = (int)status;
        tell_type(http, call);
    }
    curl_slist_free_all(headers);
    free(url);
    return r;
}
