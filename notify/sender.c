#include "notify/sender.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/kube_pool.h"

#define WHOLE_MS   30000L
#define CONNECT_MS 10000L
#define HEARD_MAX  200 /* bytes of an answer that are shown */

struct sending {
    struct sending *next;
    struct sending *before;
    struct sender *sender;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *recipients;
    char *body;
    size_t body_bytes;
    size_t sent;
    char heard[HEARD_MAX + 1];
    size_t heard_bytes;
    char words[CURL_ERROR_SIZE];
    bool is_mail;
    send_done *done;
    void *context;
};

struct sender {
    struct kube_pool *pool;
    struct sending *first;
};

/* --- Callbacks -------------------------------------------------------------------------------- */

static size_t on_read(char *out, size_t size, size_t count, void *context) {
    struct sending *sending = context;
    size_t left = sending->body_bytes - sending->sent;
    size_t part = size * count < left ? size * count : left;

    memcpy(out, sending->body + sending->sent, part);
    sending->sent += part;
    return part;
}

/* The beginning of what the receiver says, as one clean line. */
static size_t on_write(char *bytes, size_t size, size_t count, void *context) {
    struct sending *sending = context;

    for (size_t i = 0; i < size * count && sending->heard_bytes < HEARD_MAX; i++) {
        sending->heard[sending->heard_bytes++] =
            (char)(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : ' ');
    }
    return size * count;
}

/* --- One order -------------------------------------------------------------------------------- */

static void sending_destroy(struct sending *sending) {
    struct sender *sender = sending->sender;

    if (sending->before != NULL) {
        sending->before->next = sending->next;
    } else {
        sender->first = sending->next;
    }
    if (sending->next != NULL) {
        sending->next->before = sending->before;
    }
    curl_easy_cleanup(sending->easy);
    curl_slist_free_all(sending->headers);
    curl_slist_free_all(sending->recipients);
    free(sending->body);
    free(sending);
}

/* The first refusal sticks. */
struct setup {
    CURL *easy;
    CURLcode code;
};

static void note(struct setup *setup, CURLcode code) {
    setup->code = setup->code == CURLE_OK ? code : setup->code;
}

#define SET(setup, option, value) \
    note((setup), curl_easy_setopt((setup)->easy, CURLOPT_##option, (value)))

static struct curl_slist *add_text(struct curl_slist *list, const char *text) {
    struct curl_slist *longer = curl_slist_append(list, text);

    ENSURE(longer != NULL);
    return longer;
}

static void set_connection(struct setup *setup, struct sending *sending,
                           const struct send_order *order) {
    SET(setup, URL, order->url);
    SET(setup, PRIVATE, sending);
    SET(setup, ERRORBUFFER, sending->words);
    SET(setup, NOSIGNAL, 1L);
    SET(setup, PROTOCOLS_STR, "http,https,smtp,smtps");
    SET(setup, FOLLOWLOCATION, 0L);
    SET(setup, PROXY, "");
    SET(setup, TIMEOUT_MS, WHOLE_MS);
    SET(setup, CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(setup, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(setup, SSL_VERIFYPEER, 1L);
    SET(setup, SSL_VERIFYHOST, 2L);
    if (order->ca_file != NULL && order->ca_file[0] != '\0') {
        SET(setup, CAINFO, order->ca_file);
        SET(setup, CAPATH, NULL);
    }
    SET(setup, WRITEFUNCTION, on_write);
    SET(setup, WRITEDATA, sending);
}

static void set_http(struct setup *setup, struct sending *sending, const struct send_order *order) {
    sending->headers = add_text(NULL, "Content-Type: application/json");
    sending->headers = add_text(sending->headers, "Expect:");
    for (size_t i = 0; i < order->header_count; i++) {
        sending->headers = add_text(sending->headers, order->headers[i]);
    }
    SET(setup, HTTPHEADER, sending->headers);
    SET(setup, USERAGENT, "nightshift");
    SET(setup, POSTFIELDS, sending->body);
    SET(setup, POSTFIELDSIZE_LARGE, (curl_off_t)sending->body_bytes);
}

static void set_mail(struct setup *setup, struct sending *sending, const struct send_order *order) {
    for (size_t i = 0; i < order->to_count; i++) {
        sending->recipients = add_text(sending->recipients, order->to[i]);
    }
    SET(setup, MAIL_FROM, order->from);
    SET(setup, MAIL_RCPT, sending->recipients);
    SET(setup, UPLOAD, 1L);
    SET(setup, INFILESIZE_LARGE, (curl_off_t)sending->body_bytes);
    SET(setup, READFUNCTION, on_read);
    SET(setup, READDATA, sending);
    SET(setup, USE_SSL, (long)(order->allow_plain ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (order->user[0] != '\0') {
        SET(setup, USERNAME, order->user);
        SET(setup, PASSWORD, order->password);
    }
}

int sender_send(struct sender *sender, const struct send_order *order, send_done *done,
                void *context, struct error *error) {
    struct sending *sending = mem_alloc(1, sizeof *sending);
    struct setup setup = {.easy = curl_easy_init(), .code = CURLE_OK};

    if (setup.easy == NULL) {
        free(sending);
        return error_set(error, ERR_NO_MEMORY, "no memory for a connection");
    }
    *sending = (struct sending){.sender = sender,
                                .next = sender->first,
                                .easy = setup.easy,
                                .body = mem_alloc(order->body_bytes + 1, 1),
                                .body_bytes = order->body_bytes,
                                .is_mail = text_starts_with(order->url, "smtp"),
                                .done = done,
                                .context = context};
    memcpy(sending->body, order->body, order->body_bytes);
    if (sender->first != NULL) {
        sender->first->before = sending;
    }
    sender->first = sending;
    set_connection(&setup, sending, order);
    if (sending->is_mail) {
        set_mail(&setup, sending, order);
    } else {
        set_http(&setup, sending, order);
    }
    if (setup.code != CURLE_OK || kube_pool_add(sender->pool, setup.easy) != OK) {
        sending_destroy(sending);
        return error_set(error, ERR_INVALID, "can't be sent: %s", curl_easy_strerror(setup.code));
    }
    return OK;
}

/* --- The end of one --------------------------------------------------------------------------- */

/* SMTP answers 4xx to what may be tried again, and HTTP 5xx. */
static enum send_result judge(const struct sending *sending, long code) {
    if (code >= 200 && code < 300) {
        return SEND_DONE;
    }
    if (sending->is_mail) {
        return code >= 500 && code < 600 ? SEND_REFUSED : SEND_FAILED;
    }
    return code == 0 || code == 408 || code == 425 || code == 429 || code >= 500 ? SEND_FAILED
                                                                                 : SEND_REFUSED;
}

/* Which failures of curl's no repeat will mend. */
static enum send_result judge_curl(const struct sending *sending, CURLcode code, long answer) {
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
        return SEND_REFUSED;
    default:
        return sending->is_mail && answer >= 500 ? SEND_REFUSED : SEND_FAILED;
    }
}

static void on_done(void *context, void *easy, int curl_code) {
    struct sending *sending = NULL;
    enum send_result result;
    curl_off_t retry_after_s = 0;
    char *message;
    long code = 0;

    (void)context;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &sending);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    (void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (curl_code == CURLE_OK) {
        result = judge(sending, code);
        message = mem_format("answered %ld %s", code, sending->heard);
    } else {
        result = judge_curl(sending, (CURLcode)curl_code, code);
        message =
            mem_format("%s", sending->words[0] != '\0' ? sending->words
                                                       : curl_easy_strerror((CURLcode)curl_code));
    }
    sending->done(sending->context, result, message,
                  (int64_t)(retry_after_s < 3600 ? retry_after_s : 3600) * CLOCK_US_PER_SECOND);
    free(message);
    sending_destroy(sending);
}

/* --- The sender ------------------------------------------------------------------------------- */

struct sender *sender_create(struct poller *poller) {
    struct sender *sender = mem_alloc(1, sizeof *sender);

    sender->pool = kube_pool_create(poller, on_done, sender);
    ENSURE(sender->pool != NULL);
    return sender;
}

void sender_destroy(struct sender *sender) {
    if (sender == NULL) {
        return;
    }
    while (sender->first != NULL) {
        kube_pool_remove(sender->pool, sender->first->easy);
        sending_destroy(sender->first);
    }
    kube_pool_destroy(sender->pool);
    free(sender);
}
