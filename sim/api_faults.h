/* sim/api_faults.h - how the simulated API server misbehaves, on demand.
 *
 * Rules match requests or watch events by verb, resource and namespace and act a number
 * of times, with a probability, after a number of matches that are let pass. Drawn from
 * a seeded rng: equal seeds and equal requests give equal faults.
 *
 *   latency          delay                 requests wait
 *   error            code, retryAfter      not executed; 429 is text/plain, the rest a Status
 *   reset            the connection breaks before the request is executed
 *   lose-reply       it's executed, and then the connection breaks
 *   hang             no answer, ever
 *   slow-headers     delay                 it's executed, and the answer waits
 *   slow-body        delay                 the same, between the answer's head and its end
 *   cut-body         it's executed, and the connection breaks inside the answer
 *   garbage          it's executed, and the answer is no JSON; a watch says something else first
 *   drop-event       a watch event is left out         duplicate-event   it comes twice
 *   reorder-event    it comes after the next one       truncate-event    half of it, and the end
 *   expire-watch     open and new watches get a 410    cut-watch         their connection breaks
 *   silence-watch    they stay open and say nothing more
 */
#ifndef SIM_API_FAULTS_H
#define SIM_API_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct api_faults;
struct json_t;
struct sim_target;

enum api_fault_kind {
    API_FAULT_LATENCY,
    API_FAULT_ERROR,
    API_FAULT_RESET,
    API_FAULT_LOSE_REPLY,
    API_FAULT_HANG,
    API_FAULT_SLOW_HEADERS,
    API_FAULT_SLOW_BODY,
    API_FAULT_CUT_BODY,
    API_FAULT_GARBAGE,
    API_FAULT_DROP_EVENT,
    API_FAULT_DUPLICATE_EVENT,
    API_FAULT_REORDER_EVENT,
    API_FAULT_TRUNCATE_EVENT,
    API_FAULT_EXPIRE_WATCH,
    API_FAULT_CUT_WATCH,
    API_FAULT_SILENCE_WATCH,
    API_FAULT_KIND_COUNT,
};

struct api_faults *api_faults_create(uint64_t seed);
void api_faults_destroy(struct api_faults *faults);

/* True for a name of the list above. */
bool api_faults_knows(const char *name);

/* {"fault", "verb", "resource", "subresource", "namespace", "name" (a part of it), "count" (1; -1:
 * for ever), "probability" (1), "skip" (0), "delay" ("200ms"), "code" (500), "retryAfter"
 * (seconds)}. ERR_INVALID: says what is wrong. */
int api_faults_add(struct api_faults *faults, const struct json_t *rule,
                   struct error *error) MUST_CHECK;
void api_faults_clear(struct api_faults *faults);

/* True if a rule asks for a name: a create's is in its body, and has to be read for it. */
bool api_faults_by_name(const struct api_faults *faults);

/* What happens to one request. */
struct api_fault_plan {
    int64_t delay_us;
    int code; /* 0: none */
    int retry_after_seconds;
    bool reset;
    bool lose_reply;
    bool hang;
    int64_t answer_us; /* the answer waits */
    int64_t body_us;   /* and so does its second half */
    bool cut_body;
    bool garbage;
};
struct api_fault_plan api_faults_of_request(struct api_faults *faults,
                                            const struct sim_target *target);

/* Does a rule of this kind (an event's or a watch's) act now on a watch of this target? */
bool api_faults_act(struct api_faults *faults, enum api_fault_kind kind,
                    const struct sim_target *target);

/* The rules as JSON with how often each has acted. New. */
struct json_t *api_faults_json(const struct api_faults *faults);

#endif
