/* sim/rest_parts.h - what the files of the REST layer share. For sim/rest.h's sources only. */
#ifndef SIM_REST_PARTS_H
#define SIM_REST_PARTS_H

#include "sim/rest.h"
#include "sim/selector.h"

struct json_t;

#define SIM_CONTENT_JSON "application/json"
#define SIM_CONTENT_TEXT "text/plain; charset=utf-8"

/* One request on its way. */
struct sim_call {
    struct sim_rest *rest;
    const struct sim_request *request;
    struct sim_target target;
    struct sim_response *response;
    enum sim_form form; /* that the client accepts */
    bool dry_run;
};

/* JSON of this value (taken) with this code. */
void sim_call_json(struct sim_call *call, int code, struct json_t *value_take);

/* One object of the target's resource (taken), in the form that the client asked for. */
void sim_call_object(struct sim_call *call, int code, struct json_t *object_take);

void sim_call_text(struct sim_call *call, int code, const char *text);
void sim_call_refuse(struct sim_call *call, struct json_t *status_take);

/* The body as a JSON object; NULL, and the call is refused, when it's none. */
struct json_t *sim_call_body(struct sim_call *call, const char *kind);

/* Labels and fields of the query; false, and the call is refused, when one doesn't parse. */
bool sim_call_selectors(struct sim_call *call, struct sim_selector *out_labels,
                        struct sim_selector *out_fields);

/* NULL for all namespaces, as the store has it. */
const char *sim_call_namespace(const struct sim_call *call);

/* resourceVersion of the query: 0 if it's absent. False, and the call is refused, if it's no
 * number. */
bool sim_call_version(struct sim_call *call, int64_t *out_version);

/* sim/rest_list.c */
void sim_call_list(struct sim_call *call);

/* sim/rest_write.c */
void sim_call_create(struct sim_call *call);
void sim_call_update(struct sim_call *call);
void sim_call_patch(struct sim_call *call);
void sim_call_delete(struct sim_call *call);
void sim_call_delete_collection(struct sim_call *call);

/* sim/rest_pod.c */
void sim_call_bind(struct sim_call *call);
void sim_call_evict(struct sim_call *call);
void sim_call_log(struct sim_call *call);

/* sim/discovery.c: paths outside of resources; false when there is no such path. */
bool sim_call_discovery(struct sim_call *call);

#endif
