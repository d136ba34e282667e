#include "scheduler/daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "k8s/payload.h"
#include "k8s/runtime_class.h"
#include "queue/queue.h"
#include "scheduler/demand_classes.h"
#include "scheduler/settings.h"

struct load {
    struct daemon *daemon;
    struct demands demands; /* by the numbers of specs */
    struct demand_classes classes;
    struct runtime_classes *runtime_classes; /* as they were when the daemon ended */
    struct attempt attempt;                  /* the job's last one */
    char *texts[6];
    uint64_t unreadable;
};

static int keep_attempt(void *context, const struct attempt *attempt) {
    struct load *load = context;
    const char *texts[6] = {attempt->pod_name, attempt->pod_uid, attempt->node,
                            attempt->message,  attempt->cause,   attempt->charge};

    load->attempt = *attempt;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(load->texts[i]);
        load->texts[i] = mem_copy_text(texts[i]);
    }
    load->attempt.pod_name = load->texts[0];
    load->attempt.pod_uid = load->texts[1];
    load->attempt.node = load->texts[2];
    load->attempt.message = load->texts[3];
    load->attempt.cause = load->texts[4];
    load->attempt.charge = load->texts[5];
    return OK;
}

static int build_demand(struct load *load, const struct job *job, const struct buf *text,
                        struct demand **out_demand, struct field_error *error) {
    struct payload *payload = NULL;
    int r = payload_read(job->kind, text->data, text->bytes, job->namespace, &payload, error);

    if (r == OK) {
        payload_set_runtime_classes(payload, load->runtime_classes);
        r = payload_demand(payload, core_resource_names(load->daemon->core), out_demand, error);
    }
    payload_destroy(payload);
    return r;
}

/* The slow way: from the job's spec. */
static struct demand *read_demand(struct load *load, const struct queue_job *stored) {
    struct daemon *daemon = load->daemon;
    const struct job *job = stored->job;
    unsigned char hash[SPEC_HASH_BYTES] = {0};
    const struct demand_key key = {
        .kind = job->kind, .namespace = job->namespace, .spec_hash = hash};
    struct demand *demand;
    struct field_error error = {0};
    struct buf text;

    memcpy(hash, &stored->spec, sizeof stored->spec);
    demand = demands_get(&load->demands, &key);
    if (demand != NULL) {
        return demand;
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    if (queue_get_spec(daemon->queue, job->id, &text) == OK) {
        demand = demands_get_alike(&load->demands, &key, text.data, text.bytes);
        if (demand == NULL && build_demand(load, job, &text, &demand, &error) == OK) {
            demands_put(&load->demands, &key, text.data, text.bytes, demand);
        }
    }
    buf_finish(&text);
    if (demand == NULL) {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "job=%" PRIu64 " event=spec_unreadable error=\"%s\"", job->id, error.error.text);
    }
    return demand;
}

static struct demand *load_demand(struct load *load, const struct queue_job *stored) {
    struct demand *demand = demand_classes_get(&load->classes, stored->demand);

    if (demand == NULL) {
        demand = read_demand(load, stored);
        if (demand != NULL) {
            demand_classes_learn(&load->classes, stored->demand, demand);
        }
    }
    return demand;
}

static int load_class(void *context, uint64_t number, const void *bytes, size_t count) {
    struct load *load = context;

    demand_classes_add(&load->classes, number, bytes, count);
    return OK;
}

/* One that can't be read adds nothing; the cluster tells it again. */
static int load_runtime_class(void *context, const struct fact *fact) {
    const char *json = fact->value.runtime_class.json;
    struct field_error error = {0};
    struct load *load = context;

    (void)!runtime_classes_put(load->runtime_classes, fact->key, json, strlen(json), &error);
    return OK;
}

/* Its record was damaged. Its pod, found by its labels, tells the rest. */
static void rebuild_attempt(struct load *load, const struct job *job) {
    load->attempt =
        (struct attempt){.job_id = job->id,
                         .number = job->attempt,
                         .pod_name = "",
                         .pod_uid = "",
                         .node = "",
                         .admitted_us = job->admitted_us,
                         .created_us = job->state == JOB_SUBMITTING ? 0 : job->admitted_us,
                         .started_us = job->started_us,
                         .exit_code = -1,
                         .message = ""};
    log_warn(&load->daemon->log, load->daemon->started_us,
             "job=%" PRIu64 " attempt=%" PRIu32
             " event=attempt_rebuilt action=\"its pod is found by its labels\"",
             job->id, job->attempt);
}

static int load_job(void *context, const struct queue_job *stored) {
    const struct job *job = stored->job;
    struct load *load = context;
    struct demand *demand = NULL;
    bool has_attempt;

    load->attempt = (struct attempt){0};
    if (job->attempt > 0) {
        int r = queue_each_attempt(load->daemon->queue, job->id, keep_attempt, load);

        if (r < 0) {
            return r;
        }
    }
    if (job_state_is_active(job->state) && load->attempt.number != job->attempt) {
        rebuild_attempt(load, job);
    }
    has_attempt = load->attempt.number > 0;
    if (!job_state_is_final(job->state)) {
        demand = load_demand(load, stored);
        load->daemon->has_applications |= job->for_operator;
    }
    core_load_job(load->daemon->core, job, demand, has_attempt ? &load->attempt : NULL);
    demand_destroy(demand);
    return OK;
}

static void tell_loaded(struct daemon *daemon) {
    log_info(&daemon->log, daemon->started_us,
             "event=queue_loaded uid=%s jobs=%" PRIu64 " seed=%" PRIu64, queue_uid(daemon->queue),
             queue_next_id(daemon->queue) - 1, daemon->seed);
    if (queue_migrated_from(daemon->queue) != 0) {
        log_warn(&daemon->log, daemon->started_us,
                 "event=queue_migrated from_format=%" PRIu32
                 " action=\"its records were written anew; an earlier nightshift can't read them\"",
                 queue_migrated_from(daemon->queue));
    }
}

static int read_array(struct load *load, const struct fact *fact, struct error *error) {
    struct daemon *daemon = load->daemon;
    struct field_error field = {0};
    struct demand *demand = NULL;
    struct spec spec = {.row = NULL};
    struct buf text;
    struct job first;
    int64_t id = 0;
    int r = text_parse_int64(fact->key, &id);

    if (r < 0 || !core_job(daemon->core, (uint64_t)id, &first)) {
        return error_set(error, ERR_CORRUPT, "its first element is not there");
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    r = queue_get_spec(daemon->queue, first.id, &text);
    r = r < 0 ? r : build_demand(load, &first, &text, &demand, &field);
    if (r == OK) {
        spec.text = text.data;
        spec.bytes = text.bytes;
        digest_sha256(text.data, text.bytes, spec.hash);
        r = core_load_array(daemon->core, fact, &spec, demand);
    }
    demand_destroy(demand);
    buf_finish(&text);
    return r < 0 ? error_set(error, r, "%s",
                             field.error.text[0] != '\0' ? field.error.text : err_sentence(r))
                 : OK;
}

/* What is there of it goes on. */
static int load_array(void *context, const struct fact *fact) {
    struct load *load = context;
    struct daemon *daemon = load->daemon;
    struct error error = {0};

    if (read_array(load, fact, &error) < 0) {
        log_error(&daemon->log, daemon->started_us,
                  "job=%s event=array_unreadable made=%" PRIu64 " error=\"%s\" action=\"its other "
                  "elements are lost: submit them again\"",
                  fact->key, fact->value.array.made, error.text);
    }
    return OK;
}

static int load_array_cancel(void *context, const struct fact *fact) {
    struct daemon *daemon = context;

    if (core_load_array_cancel(daemon->core, fact) < 0) {
        log_error(&daemon->log, daemon->started_us,
                  "array=%s event=cancel_unreadable action=\"the array goes on: cancel it again\"",
                  fact->key);
    }
    return OK;
}

static void doubt_usage_if_damaged(struct daemon *daemon, uint64_t damaged) {
    struct queue_stats stats = {0};

    if (damaged > 0 || queue_get_stats(daemon->queue, &stats) < 0 || stats.quarantined > 0) {
        core_doubt_usage(daemon->core);
    }
}

int daemon_load_queue(struct daemon *daemon, struct error *error) {
    struct load load = {.daemon = daemon, .runtime_classes = runtime_classes_create()};
    uint64_t damaged = 0;
    int r;

    runtime_classes_set_state(load.runtime_classes, RUNTIME_CLASSES_ACCEPTED);
    daemon->core = core_create(&(struct core_options){
        .next_id = queue_next_id(daemon->queue),
        .seed = rng_next(&daemon->rng),
        .settings = core_settings_of(&daemon->config),
    });
    daemon_apply_lists(daemon);
    r = daemon_load_facts(daemon);
    if (r == OK) {
        r = queue_each_fact(daemon->queue, FACT_RUNTIME_CLASS, load_runtime_class, &load, &damaged);
    }
    if (r == OK) {
        r = queue_each_demand(daemon->queue, load_class, &load);
    }
    if (r == OK) {
        r = queue_each_stored(daemon->queue, load_job, &load, &damaged);
    }
    doubt_usage_if_damaged(daemon, damaged);
    if (r == OK) {
        r = queue_each_fact(daemon->queue, FACT_ARRAY, load_array, &load, &damaged);
    }
    if (r == OK) {
        r = queue_each_fact(daemon->queue, FACT_ARRAY_CANCEL, load_array_cancel, daemon, &damaged);
    }
    demand_classes_finish(&load.classes);
    demands_finish(&load.demands);
    runtime_classes_destroy(load.runtime_classes);
    for (size_t i = 0; i < ARRAY_LEN(load.texts); i++) {
        free(load.texts[i]);
    }
    if (r < 0) {
        return error_set(error, r, "can't read the queue: %s", err_sentence(r));
    }
    tell_loaded(daemon);
    damage_report_opening(daemon);
    return OK;
}
