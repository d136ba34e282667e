#include "k8s/kube_transfer.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/kube_access.h"

#define KEEPALIVE_IDLE_S     15L
#define KEEPALIVE_INTERVAL_S 5L
#define UNACKNOWLEDGED_MS    20000u
#define UPLOAD_BUFFER_BYTES  (16L * LIMIT_KIB)
#define STREAM_BUFFER_BYTES  (64L * LIMIT_KIB)
#define OBJECT_BUFFER_BYTES  (4L * LIMIT_KIB)
#define STREAM_ERROR_BYTES   (64 * LIMIT_KIB)

struct kube_transfer {
    CURL *easy;
    const struct kube_call *call;
    void *bytes_context;
    void *owner;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char *url;
    struct buf body;
    size_t sent;
    bool heard;
    bool stream_refused; /* on_bytes did not take them */
    char words[CURL_ERROR_SIZE];
};

/* --- Callbacks -------------------------------------------------------------------------------- */

static long http_code(CURL *easy) {
    long code = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    struct kube_transfer *transfer = context;
    const struct kube_call *call = transfer->call;
    long code = http_code(transfer->easy);

    count *= size;
    transfer->heard = true;
    if (call->on_bytes != NULL && code >= 200 && code < 300) {
        if (call->on_bytes(transfer->bytes_context, bytes, count) != OK) {
            transfer->stream_refused = true;
            return 0; /* Less than came: curl ends the transfer. */
        }
        return count;
    }
    buf_add(&transfer->body, bytes, count);
    return transfer->body.full ? 0 : count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    struct kube_transfer *transfer = context;

    (void)bytes;
    transfer->heard = true;
    return size * count;
}

static size_t on_send(char *out, size_t size, size_t count, void *context) {
    struct kube_transfer *transfer = context;
    size_t left = transfer->call->body_bytes - transfer->sent;
    size_t part = size * count < left ? size * count : left;

    memcpy(out, transfer->call->body + transfer->sent, part);
    transfer->sent += part;
    return part;
}

/* curl would send a request again by itself when a kept connection dies before the answer. That
 * is not its decision: once bytes of the body have left, the server may have acted. */
static int on_rewind(void *context, curl_off_t offset, int origin) {
    struct kube_transfer *transfer = context;

    if (offset != 0 || origin != SEEK_SET || transfer->sent > 0) {
        return CURL_SEEKFUNC_FAIL;
    }
    return CURL_SEEKFUNC_OK;
}

/* A peer that vanished is noticed within seconds, also while we wait for its answer. */
static int on_new_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
    unsigned limit_ms = UNACKNOWLEDGED_MS;

    (void)context;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    return CURL_SOCKOPT_OK;
}

/* --- Setting up ------------------------------------------------------------------------------- */

/* The first refusal sticks. */
struct setup {
    CURL *easy;
    CURLcode code;
    const char *what;
};

static void note(struct setup *setup, CURLcode code, const char *what) {
    if (setup->code == CURLE_OK && code != CURLE_OK) {
        setup->code = code;
        setup->what = what;
    }
}

#define SET(setup, option, value) \
    note((setup), curl_easy_setopt((setup)->easy, CURLOPT_##option, (value)), #option)

static void set_blob(struct setup *setup, CURLoption option, const char *data, size_t bytes) {
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)data, .len = bytes, .flags = CURL_BLOB_COPY};

    note(setup, curl_easy_setopt(setup->easy, option, &blob), "certificate or key");
}

static void set_client_certificate(struct setup *setup, const struct kube_access *access,
                                   const struct credential *credential) {
    const struct kube_material *cert = &access->client_cert;
    const struct kube_material *key = &access->client_key;

    if (credential->cert_pem != NULL) {
        set_blob(setup, CURLOPT_SSLCERT_BLOB, credential->cert_pem, strlen(credential->cert_pem));
        set_blob(setup, CURLOPT_SSLKEY_BLOB, credential->key_pem, strlen(credential->key_pem));
        return;
    }
    if (cert->data != NULL) {
        set_blob(setup, CURLOPT_SSLCERT_BLOB, cert->data, cert->data_bytes);
    } else if (cert->file != NULL) {
        SET(setup, SSLCERT, cert->file);
    }
    if (key->data != NULL) {
        set_blob(setup, CURLOPT_SSLKEY_BLOB, key->data, key->data_bytes);
    } else if (key->file != NULL) {
        SET(setup, SSLKEY, key->file);
    }
}

/* A CA of the kubeconfig stands alone: the system's are not trusted beside it. */
static void set_ca(struct setup *setup, const struct kube_access *access) {
    if (access->ca.data != NULL) {
        set_blob(setup, CURLOPT_CAINFO_BLOB, access->ca.data, access->ca.data_bytes);
        SET(setup, CAINFO, NULL);
        SET(setup, CAPATH, NULL);
    } else if (access->ca.file != NULL) {
        SET(setup, CAINFO, access->ca.file);
        SET(setup, CAPATH, NULL);
    }
}

static void set_tls(struct setup *setup, const struct kube_access *access,
                    const struct credential *credential) {
    SET(setup, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(setup, SSL_VERIFYPEER, access->insecure_skip_tls_verify ? 0L : 1L);
    SET(setup, SSL_VERIFYHOST, access->insecure_skip_tls_verify ? 0L : 2L);
    set_ca(setup, access);
    set_client_certificate(setup, access, credential);
}

static void set_connection(struct setup *setup, const struct kube_transfer_options *options) {
    const struct kube_access *access = options->access;

    SET(setup, NOSIGNAL, 1L);
    SET(setup, PROTOCOLS_STR, "http,https");
    SET(setup, FOLLOWLOCATION, 0L);
    SET(setup, HTTP_VERSION,
        options->http1_only ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    /* Wait for the one connection rather than open another, if it may turn out to be HTTP/2. TLS
     * tells at once; plain HTTP only with its first answer, which a watch may owe for ever. */
    SET(setup, PIPEWAIT, text_starts_with(access->server, "https:") ? 1L : 0L);
    SET(setup, CONNECTTIMEOUT_MS,
        (long)((options->connect_us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS));
    SET(setup, TCP_NODELAY, 1L);
    SET(setup, TCP_KEEPALIVE, 1L);
    SET(setup, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    SET(setup, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    SET(setup, SOCKOPTFUNCTION, on_new_socket);
    SET(setup, SUPPRESS_CONNECT_HEADERS, 1L); /* What a proxy says is no answer of the server. */
    /* "" keeps curl from looking for a proxy in the environment. */
    SET(setup, PROXY, access->proxy_url == NULL ? "" : access->proxy_url);
}

/* curl takes them anew for each transfer. Objects are small; an upload's can't be smaller. */
static void set_buffers(struct setup *setup, const struct kube_call *call) {
    SET(setup, UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    if (call->on_bytes != NULL) {
        SET(setup, BUFFERSIZE, STREAM_BUFFER_BYTES);
    } else if (call->answer_bytes_max == 0) {
        SET(setup, BUFFERSIZE, OBJECT_BUFFER_BYTES);
    }
}

static void set_method(struct setup *setup, struct kube_transfer *transfer) {
    static const char *const names[KUBE_METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    const struct kube_call *call = transfer->call;

    if (call->body != NULL) {
        SET(setup, POST, 1L);
        SET(setup, POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        SET(setup, READFUNCTION, on_send);
        SET(setup, READDATA, transfer);
        SET(setup, SEEKFUNCTION, on_rewind);
        SET(setup, SEEKDATA, transfer);
    }
    if (call->method != KUBE_GET || call->body != NULL) {
        SET(setup, CUSTOMREQUEST, names[call->method]);
    }
}

/* Where the server's URL has its host, port and path. */
struct url_parts {
    const char *host;
    size_t host_bytes;
    char port[8];
    const char *path; /* "" or "/prefix" */
};

static struct url_parts split_url(const char *server) {
    struct url_parts parts = {0};
    const char *host = strstr(server, "://");
    size_t bytes;

    ENSURE(host != NULL); /* kubeconfig checks it. */
    host += 3;
    bytes = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    parts.host = host;
    parts.host_bytes = bytes < strlen(host) ? bytes : strlen(host);
    parts.path = host + parts.host_bytes;
    if (*parts.path == ':') {
        bytes = strcspn(parts.path + 1, "/");
        (void)snprintf(parts.port, sizeof parts.port, "%.*s", (int)bytes, parts.path + 1);
        parts.path += 1 + bytes;
    } else {
        (void)snprintf(parts.port, sizeof parts.port, "%s",
                       text_starts_with(server, "https") ? "443" : "80");
    }
    return parts;
}

static void add_header(struct kube_transfer *transfer, const char *name, const char *value) {
    char *line = mem_format("%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);

    ENSURE(longer != NULL);
    transfer->headers = longer;
    explicit_bzero(line, strlen(line));
    free(line);
}

/* The name in the certificate differs from the name to connect to: the URL takes the former,
 * because TLS and the check of the certificate follow the URL. */
static void set_other_tls_name(struct setup *setup, struct kube_transfer *transfer,
                               const struct kube_access *access) {
    struct url_parts parts = split_url(access->server);
    char *route = mem_format("::%.*s:%s", (int)parts.host_bytes, parts.host, parts.port);
    char *host = mem_format("%.*s:%s", (int)parts.host_bytes, parts.host, parts.port);

    transfer->connect_to = curl_slist_append(NULL, route);
    SET(setup, CONNECT_TO, transfer->connect_to);
    add_header(transfer, "Host", host);
    free(route);
    free(host);
}

static void set_url(struct setup *setup, struct kube_transfer *transfer,
                    const struct kube_access *access) {
    const struct kube_call *call = transfer->call;
    const char *mark = call->query == NULL ? "" : "?";
    const char *query = call->query == NULL ? "" : call->query;

    if (access->tls_server_name == NULL) {
        transfer->url = mem_format("%s%s%s%s", access->server, call->path, mark, query);
    } else {
        struct url_parts parts = split_url(access->server);

        transfer->url = mem_format("https://%s:%s%s%s%s%s", access->tls_server_name, parts.port,
                                   parts.path, call->path, mark, query);
        set_other_tls_name(setup, transfer, access);
    }
    SET(setup, URL, transfer->url);
}

static void set_headers(struct setup *setup, struct kube_transfer *transfer,
                        const struct kube_transfer_options *options) {
    const struct kube_call *call = options->call;

    add_header(transfer, "Accept", "application/json");
    add_header(transfer, "User-Agent",
               options->user_agent == NULL ? "nightshift" : options->user_agent);
    if (call->body != NULL) {
        add_header(transfer, "Content-Type",
                   call->content_type == NULL ? "application/json" : call->content_type);
        add_header(transfer, "Expect", ""); /* No waiting for "100 Continue". */
    }
    if (options->credential->token != NULL) {
        char *value = mem_format("Bearer %s", options->credential->token);

        add_header(transfer, "Authorization", value);
        explicit_bzero(value, strlen(value));
        free(value);
    }
    SET(setup, HTTPHEADER, transfer->headers);
}

static void set_callbacks(struct setup *setup, struct kube_transfer *transfer) {
    SET(setup, PRIVATE, transfer);
    SET(setup, ERRORBUFFER, transfer->words);
    SET(setup, WRITEFUNCTION, on_body);
    SET(setup, WRITEDATA, transfer);
    SET(setup, HEADERFUNCTION, on_header);
    SET(setup, HEADERDATA, transfer);
}

static size_t body_bytes_max(const struct kube_call *call) {
    if (call->on_bytes != NULL) {
        return STREAM_ERROR_BYTES;
    }
    return call->answer_bytes_max == 0 ? LIMIT_KUBE_OBJECT_BYTES : call->answer_bytes_max;
}

int kube_transfer_create(const struct kube_transfer_options *options,
                         struct kube_transfer **out_transfer, struct error *error) {
    struct setup setup = {.easy = curl_easy_init()};
    struct kube_transfer *transfer;

    if (setup.easy == NULL) {
        return error_set(error, ERR_NO_MEMORY, "curl is out of memory");
    }
    transfer = mem_alloc(1, sizeof *transfer);
    transfer->easy = setup.easy;
    transfer->call = options->call;
    transfer->bytes_context = options->bytes_context;
    transfer->owner = options->owner;
    buf_init(&transfer->body, body_bytes_max(options->call));
    set_connection(&setup, options);
    set_tls(&setup, options->access, options->credential);
    set_buffers(&setup, options->call);
    set_method(&setup, transfer);
    set_url(&setup, transfer, options->access);
    set_headers(&setup, transfer, options);
    set_callbacks(&setup, transfer);
    if (setup.code != CURLE_OK) {
        kube_transfer_destroy(transfer);
        return error_set(error, setup.code == CURLE_OUT_OF_MEMORY ? ERR_NO_MEMORY : ERR_INVALID,
                         "%s: curl can't use it: %s", setup.what, curl_easy_strerror(setup.code));
    }
    *out_transfer = transfer;
    return OK;
}

void kube_transfer_destroy(struct kube_transfer *transfer) {
    if (transfer == NULL) {
        return;
    }
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    buf_finish(&transfer->body);
    free(transfer->url);
    free(transfer);
}

void *kube_transfer_easy(struct kube_transfer *transfer) {
    return transfer->easy;
}

void *kube_transfer_owner(void *easy) {
    char *transfer = NULL;

    (void)curl_easy_getinfo((CURL *)easy, CURLINFO_PRIVATE, &transfer);
    ENSURE(transfer != NULL);
    return ((struct kube_transfer *)(void *)transfer)->owner;
}

/* --- Reading out ------------------------------------------------------------------------------ */

/* False as long as curl has not begun to send: then the server can't have acted. */
static bool may_have_been_sent(const struct kube_transfer *transfer) {
    curl_off_t begun_us = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
    return begun_us > 0 || transfer->sent > 0 || transfer->heard;
}

static struct kube_status status_from_answer(struct kube_transfer *transfer) {
    struct kube_reply reply = {.http_code = (int)http_code(transfer->easy)};
    curl_off_t retry_after_s = 0;
    char text[24];

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (retry_after_s > 0) {
        (void)snprintf(text, sizeof text, "%lld", (long long)retry_after_s);
        reply.retry_after = text;
    }
    reply.body = buf_text(&transfer->body);
    reply.body_bytes = transfer->body.bytes;
    return kube_status_from_reply(&reply);
}

static const char *words_of(const struct kube_transfer *transfer, CURLcode code) {
    return transfer->words[0] == '\0' ? curl_easy_strerror(code) : transfer->words;
}

/* The one translation of curl's codes. */
static struct kube_status status_from_curl(struct kube_transfer *transfer, CURLcode code) {
    const char *words = words_of(transfer, code);

    if (code == CURLE_OUT_OF_MEMORY) {
        return kube_status_of(KUBE_LOST, KUBE_EXECUTION_UNKNOWN, "curl is out of memory");
    }
    if (transfer->body.full) {
        return kube_status_of(KUBE_TOO_LARGE, KUBE_EXECUTED, "the answer is larger than %zu bytes",
                              transfer->body.bytes_max);
    }
    if (transfer->stream_refused) {
        return kube_status_of(KUBE_LOST, KUBE_EXECUTED, "the stream's reader did not take it");
    }
    if (!may_have_been_sent(transfer)) {
        return kube_status_of(KUBE_UNREACHABLE, KUBE_NOT_EXECUTED, "no connection: %s", words);
    }
    return kube_status_of(KUBE_LOST, KUBE_EXECUTION_UNKNOWN, "the answer got lost: %s", words);
}

struct kube_status kube_transfer_status(struct kube_transfer *transfer, int curl_code) {
    if (curl_code == CURLE_OK) {
        return status_from_answer(transfer);
    }
    return status_from_curl(transfer, (CURLcode)curl_code);
}

struct kube_status kube_transfer_status_timed_out(struct kube_transfer *transfer) {
    if (!may_have_been_sent(transfer)) {
        return kube_status_of(KUBE_UNREACHABLE, KUBE_NOT_EXECUTED,
                              "no connection before the deadline");
    }
    return kube_status_of(KUBE_TIMEOUT, KUBE_EXECUTION_UNKNOWN, "no answer before the deadline");
}

bool kube_transfer_heard(const struct kube_transfer *transfer) {
    return transfer->heard;
}

const char *kube_transfer_body(const struct kube_transfer *transfer, size_t *out_bytes) {
    *out_bytes = transfer->body.bytes;
    return buf_text(&transfer->body);
}

const char *kube_transfer_content_type(struct kube_transfer *transfer) {
    const char *type = NULL;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    return type == NULL ? "" : type;
}

int kube_transfer_http_version(struct kube_transfer *transfer) {
    long version = 0;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
    case CURL_HTTP_VERSION_1_1:
        return 11;
    case CURL_HTTP_VERSION_2_0:
        return 20;
    default:
        return 0;
    }
}
