#include "api/call.h"

#include <string.h>
#include <strings.h>

#include "api/report.h"
#include "base/civil.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/text.h"
#include "policy/job.h"

#define ON(route)    (UINT64_C(1) << (route))
#define LIST_DEFAULT 100
#define WORD_BYTES   64

_Static_assert(API_ROUTE_COUNT <= 64, "a bit for each route");

static int bad(struct error *error, const char *name, const char *wanted) {
    (void)error_set(error, ERR_INVALID, "parameter %s: expected %s", name, wanted);
    return 400;
}

static int take_text(const char *name, const char *value, const char **out_text,
                     struct error *error) {
    if (strlen(value) > LIMIT_NAME_BYTES) {
        return bad(error, name, "at most 253 bytes");
    }
    *out_text = value;
    return 0;
}

static int take_bool(const char *name, const char *value, bool *out_value, struct error *error) {
    if (value[0] == '\0' || strcmp(value, "true") == 0 || strcmp(value, "1") == 0) {
        *out_value = true;
    } else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0) {
        *out_value = false;
    } else {
        return bad(error, name, "true or false");
    }
    return 0;
}

static int take_number(const char *name, const char *value, int64_t min, int64_t max,
                       int64_t *out_number, struct error *error) {
    int64_t number = 0;

    if (text_parse_int64(value, &number) != OK || number < min || number > max) {
        return bad(error, name, "a whole number in its range");
    }
    *out_number = number;
    return 0;
}

static int take_file(struct api_call *call, const char *value, struct error *error) {
    return take_text("file", value, &call->file, error);
}

static bool takes_manifests(enum api_route route) {
    return route == API_SUBMIT || route == API_SIMULATE;
}

static int take_namespace(struct api_call *call, const char *value, struct error *error) {
    return take_text("namespace", value,
                     takes_manifests(call->route) ? &call->default_namespace : &call->namespace,
                     error);
}

static int take_team(struct api_call *call, const char *value, struct error *error) {
    return take_text("team", value,
                     takes_manifests(call->route) ? &call->default_team : &call->team, error);
}

static int take_name(struct api_call *call, const char *value, struct error *error) {
    return take_text("name", value, &call->name, error);
}

static int take_selector(struct api_call *call, const char *value, struct error *error) {
    return take_text("selector", value, &call->selector, error);
}

static int take_brief(struct api_call *call, const char *value, struct error *error) {
    return take_bool("brief", value, &call->brief, error);
}

static int take_after_jobs(struct api_call *call, const char *value, struct error *error) {
    (void)error; /* Whatever fits an address may be said. */
    call->after_jobs = value;
    return 0;
}

static int take_hold(struct api_call *call, const char *value, struct error *error) {
    return take_bool("hold", value, &call->hold, error);
}

static int take_dry_run(struct api_call *call, const char *value, struct error *error) {
    return take_bool("dryRun", value, &call->dry_run, error);
}

static int take_forecast(struct api_call *call, const char *value, struct error *error) {
    return take_bool("forecast", value, &call->forecast, error);
}

static int take_follow(struct api_call *call, const char *value, struct error *error) {
    return take_bool("follow", value, &call->follow, error);
}

static int take_states(struct api_call *call, const char *value, struct error *error) {
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        char word[WORD_BYTES] = "";
        enum job_state state;

        if (length < sizeof word) {
            memcpy(word, value, length);
        }
        if (job_state_parse(word, &state) != OK) {
            return bad(error, "state", "states such as QUEUED,RUNNING");
        }
        call->states |= 1u << state;
        value += length;
        value += *value == ',' ? 1 : 0;
    }
    return 0;
}

static int take_limit(struct api_call *call, const char *value, struct error *error) {
    int64_t limit = 0;
    int status = take_number("limit", value, 1, INT64_MAX, &limit, error);

    call->limit = limit < LIMIT_API_LIST_ITEMS ? (size_t)limit : LIMIT_API_LIST_ITEMS;
    return status;
}

static int take_continue(struct api_call *call, const char *value, struct error *error) {
    int64_t id = 0;
    int status = take_number("continue", value, 0, INT64_MAX, &id, error);

    call->after_id = (uint64_t)id;
    return status;
}

static int take_after(struct api_call *call, const char *value, struct error *error) {
    return take_number("after", value, -1, INT64_MAX, &call->after_sequence, error);
}

static int take_attempt(struct api_call *call, const char *value, struct error *error) {
    int64_t attempt = 0;
    int status = take_number("attempt", value, 0, UINT32_MAX, &attempt, error);

    call->attempt = (uint32_t)attempt;
    return status;
}

static int take_tail(struct api_call *call, const char *value, struct error *error) {
    return take_number("tail", value, 0, INT32_MAX, &call->tail_lines, error);
}

static int take_ui_path(struct api_call *call, const char *value, struct error *error) {
    if (value[0] != '/' || strstr(value, "..") != NULL) {
        return bad(error, "path", "a path that begins with / and holds no ..");
    }
    call->ui_path = value;
    return OK;
}

static int take_executor(struct api_call *call, const char *value, struct error *error) {
    int64_t executor = 0;
    int status = take_number("executor", value, 1, UINT32_MAX, &executor, error);

    call->executor = (uint32_t)executor;
    return status;
}

static int take_since(struct api_call *call, const char *value, struct error *error) {
    return take_text("since", value, &call->since, error);
}

static int take_until(struct api_call *call, const char *value, struct error *error) {
    return take_text("until", value, &call->until, error);
}

static int take_format(struct api_call *call, const char *value, struct error *error) {
    for (int i = 0; report_form_texts[i] != NULL; i++) {
        if (strcmp(report_form_texts[i], value) == 0) {
            call->report_form = i;
            return 0;
        }
    }
    return bad(error, "format", "json, text or html");
}

static int take_next(struct api_call *call, const char *value, struct error *error) {
    return take_number("next", value, 0, LIMIT_API_LIST_ITEMS, &call->next_count, error);
}

static int take_date(struct api_call *call, const char *value, struct error *error) {
    int64_t days;

    if (civil_parse_date(value, &days) != OK) {
        return bad(error, "date", "a date such as 2026-12-24");
    }
    call->business_date = (int32_t)days;
    call->has_date = true;
    return 0;
}

static const struct parameter {
    const char *name;
    uint64_t routes;
    int (*take)(struct api_call *call, const char *value, struct error *error);
} parameters[] = {
    {"file", ON(API_SUBMIT) | ON(API_SIMULATE), take_file},
    {"namespace",
     ON(API_SUBMIT) | ON(API_SIMULATE) | ON(API_LIST) | ON(API_FORECAST) | ON(API_SCHEDULES),
     take_namespace},
    {"team", ON(API_SUBMIT) | ON(API_SIMULATE) | ON(API_LIST) | ON(API_FORECAST), take_team},
    {"next", ON(API_SCHEDULE), take_next},
    {"date", ON(API_SCHEDULE_TRIGGER), take_date},
    {"brief", ON(API_SUBMIT) | ON(API_SHOW), take_brief},
    {"hold", ON(API_SUBMIT), take_hold},
    {"after", ON(API_SUBMIT) | ON(API_SIMULATE), take_after_jobs},
    {"dryRun", ON(API_SUBMIT), take_dry_run},
    {"name", ON(API_LIST) | ON(API_FORGET), take_name},
    {"selector", ON(API_LIST), take_selector},
    {"state", ON(API_LIST), take_states},
    {"limit", ON(API_LIST) | ON(API_FORECAST), take_limit},
    {"continue", ON(API_LIST), take_continue},
    {"forecast", ON(API_WHY), take_forecast},
    {"follow", ON(API_EVENTS) | ON(API_LOGS), take_follow},
    {"after", ON(API_EVENTS), take_after},
    {"attempt", ON(API_LOGS), take_attempt},
    {"tail", ON(API_LOGS), take_tail},
    {"executor", ON(API_LOGS), take_executor},
    {"window", ON(API_REPORT) | ON(API_REPORT_SEND), take_name},
    {"since", ON(API_REPORT) | ON(API_REPORT_SEND), take_since},
    {"until", ON(API_REPORT) | ON(API_REPORT_SEND), take_until},
    {"format", ON(API_REPORT) | ON(API_REPORT_SEND), take_format},
    {"path", ON(API_UI), take_ui_path},
};

static const struct parameter *parameter_of(enum api_route route, const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if ((parameters[i].routes & ON(route)) != 0 && strcmp(parameters[i].name, name) == 0) {
            return &parameters[i];
        }
    }
    return NULL;
}

static int take_parameters(struct api_call *call, const struct http_request *request,
                           struct error *error) {
    unsigned seen = 0;

    for (size_t i = 0; i < http_query_count(request); i++) {
        const char *name, *value;
        const struct parameter *parameter;
        unsigned bit;
        int status;

        http_query_at(request, i, &name, &value);
        parameter = parameter_of(call->route, name);
        if (parameter == NULL) {
            (void)error_set(error, ERR_INVALID, "there is no parameter %.40s here", name);
            return 400;
        }
        bit = 1u << (parameter - parameters);
        if ((seen & bit) != 0) {
            return bad(error, name, "it only once");
        }
        seen |= bit;
        status = parameter->take(call, value, error);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* Is one of a header's comma-separated media types this one (parameters aside)? */
static bool lists_type(const char *header, const char *type) {
    size_t length = strlen(type);

    while (*header != '\0') {
        header += strspn(header, " \t,");
        if (strncasecmp(header, type, length) == 0 && strchr(" \t,;", header[length]) != NULL) {
            return true;
        }
        header += strcspn(header, ",");
    }
    return false;
}

static bool takes_answer(enum api_route route, const char *accept) {
    static const char *const json[] = {"*/*", "application/*", "application/json",
                                       "application/x-ndjson"};
    static const char *const text[] = {"*/*", "text/*", "text/plain"};
    bool is_text =
        (ON(route) & (ON(API_LOGS) | ON(API_METRICS) | ON(API_READY) | ON(API_HEALTH))) != 0;
    const char *const *types = is_text ? text : json;
    size_t count = is_text ? ARRAY_LEN(text) : ARRAY_LEN(json);

    if (accept[0] == '\0') {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (lists_type(accept, types[i])) {
            return true;
        }
    }
    return (ON(route) & (ON(API_REPORT) | ON(API_REPORT_SEND))) != 0;
}

/* YAML or JSON: the parser of manifests takes one for the other, so no type is fine too. */
static bool is_manifest_type(const char *type) {
    static const char *const types[] = {"application/json", "application/yaml",
                                        "application/x-yaml", "text/yaml", "text/x-yaml"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (lists_type(type, types[i])) {
            return true;
        }
    }
    return type[0] == '\0';
}

static const char *header_or_empty(const struct http_request *request, const char *name) {
    const char *value = http_header(request, name);

    return value != NULL ? value : "";
}

static int take_idempotency_key(struct api_call *call, const struct http_request *request,
                                struct error *error) {
    const char *key = http_header(request, "Idempotency-Key");
    size_t length = 0;

    if (key == NULL) {
        return 0;
    }
    while (key[length] > ' ' && key[length] < 0x7f) {
        length++;
    }
    if (length == 0 || length > LIMIT_IDEMPOTENCY_KEY_BYTES || key[length] != '\0') {
        (void)error_set(error, ERR_INVALID,
                        "Idempotency-Key: expected 1 to %d printable ASCII characters",
                        LIMIT_IDEMPOTENCY_KEY_BYTES);
        return 400;
    }
    call->idempotency_key = key;
    digest_sha256(call->body, call->body_bytes, call->body_sha256);
    return 0;
}

static int take_body(struct api_call *call, const struct http_request *request,
                     struct error *error) {
    if (!is_manifest_type(header_or_empty(request, "Content-Type"))) {
        (void)error_set(error, ERR_INVALID, "send application/yaml or application/json");
        return 415;
    }
    call->body = http_body(request, &call->body_bytes);
    if (call->body_bytes == 0) {
        (void)error_set(error, ERR_INVALID, "the body is empty: send a manifest");
        return 400;
    }
    return take_idempotency_key(call, request, error);
}

int call_decode(struct api_call *call, const struct http_request *request, struct error *error) {
    int status;

    call->body = call->file = call->default_namespace = call->default_team = "";
    call->idempotency_key = call->namespace = call->team = call->name = "";
    call->selector = call->after_jobs = "";
    call->since = call->until = "";
    call->limit = LIST_DEFAULT;
    call->after_sequence = -1;
    call->tail_lines = -1;
    call->ui_path = "";
    if (!takes_answer(call->route, header_or_empty(request, "Accept"))) {
        (void)error_set(error, ERR_INVALID, "there is no answer in a type that Accept lists");
        return 406;
    }
    status = take_parameters(call, request, error);
    if (status == 0 && takes_manifests(call->route)) {
        status = take_body(call, request, error);
    }
    return status;
}
