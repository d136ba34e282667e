#include "scheduler/submission.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/wire.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/rfc3339.h"
#include "base/rng.h"
#include "base/seal.h"
#include "config/manifest.h"
#include "config/zones.h"
#include "k8s/payload.h"
#include "policy/demand.h"
#include "policy/zone.h"
#include "scheduler/class_watch.h"
#include "scheduler/daemon.h"
#include "scheduler/front_team.h"
#include "scheduler/known_manifests.h"
#include "scheduler/schedule_circles.h"
#include "scheduler/secret_keys.h"
#include "scheduler/submission_after.h"

/* Of one List so many kinds of manifests at most are read once more, so as to know them. */
#define REMEMBERED_OF_A_REQUEST 16

/* Of a work's memory, when its own room is used up. */
struct work_block {
    struct work_block *next;
};

#define WORK_ROOM_BYTES 600 /* for most of those that have one job */

struct submission_work {
    struct known_manifests *known;   /* what was read; NULL if all was known: */
    struct known_manifests **knowns; /* one for each job */
    size_t known_count;
    struct new_job *jobs;
    size_t job_count;
    bool is_new;    /* a job's specification was not known */
    bool is_unlike; /* nor one that differs in its arguments alone */
    struct new_schedule *schedules;
    size_t schedule_count;
    const char *submitter;
    const char *key; /* NULL: none */
    unsigned char request_hash[SPEC_HASH_BYTES];
    const char *namespace;      /* of jobs that do not say theirs */
    struct new_after **afters;  /* of the manifests; NULL: none */
    size_t after_count;         /* manifests that were looked at */
    const char *priority_class; /* of jobs that do not say theirs */
    struct after_said said;     /* what all jobs wait for, beside what the manifests say */
    bool denied;                /* a job is for a team that the caller has no right to */
    bool unread;                /* what it waits for can't be looked up now */
    struct work_block *blocks;  /* lists and texts that the room does not hold */
    size_t room_used;
    _Alignas(8) char room[WORK_ROOM_BYTES];
};

/* Zeroed memory that lives as long as the work. */
static void *work_room(struct submission_work *work, size_t bytes) {
    const size_t wanted = (bytes + 7) / 8 * 8;
    struct work_block *block;

    if (wanted <= sizeof work->room - work->room_used) {
        work->room_used += wanted;
        return memset(work->room + work->room_used - wanted, 0, wanted);
    }
    block = mem_alloc(1, sizeof *block + wanted);
    block->next = work->blocks;
    work->blocks = block;
    return block + 1;
}

static const char *keep_text(struct submission_work *work, const char *text) {
    const size_t bytes = strlen(text) + 1;

    return memcpy(work_room(work, bytes), text, bytes);
}

static const char *either(const char *first, const char *second) {
    return first[0] != '\0' ? first : second;
}

static int64_t unless_unset(int64_t said, int64_t otherwise) {
    return said != MANIFEST_UNSET ? said : otherwise;
}

static uint32_t ttl_s(const struct manifest *manifest, const struct config *config) {
    int64_t ttl = unless_unset(manifest->ttl_s, config->ttl_us / CLOCK_US_PER_SECOND);

    return ttl < JOB_TTL_NEVER ? (uint32_t)ttl : JOB_TTL_NEVER;
}

static struct retry_policy retry_of(const struct manifest *manifest, const struct config *config) {
    return (struct retry_policy){
        .always = manifest->runs_again,
        .retries_max = (uint32_t)unless_unset(manifest->retries_max, config->retries_max),
        .infra_retries_max =
            (uint32_t)unless_unset(manifest->infra_retries_max, config->infra_retries_max),
        .backoff_first_us = unless_unset(manifest->backoff_first_us, config->backoff_first_us),
        .backoff_max_us = unless_unset(manifest->backoff_max_us, config->backoff_max_us),
        .rules = manifest->retry_rules,
    };
}

/* What a job is made of: a manifest, and what its own text says instead, if the manifest is that of
 * a text like it. */
struct source {
    const struct manifest *manifest;
    const char *name;
    const char *payload;
    size_t payload_bytes;
    const unsigned char *hash; /* of the payload; NULL: to be computed */
    const unsigned char *like; /* of a payload that asks for the same; NULL: none is known */
};

static struct source source_of(const struct manifest *manifest) {
    return (struct source){.manifest = manifest,
                           .name = manifest->name,
                           .payload = manifest->payload,
                           .payload_bytes = manifest->payload_bytes};
}

static struct demand *known_demand(struct daemon *daemon, struct submission_work *work,
                                   const struct source *source, const struct demand_key *key) {
    const struct demand_key like = {
        .kind = key->kind, .namespace = key->namespace, .spec_hash = source->like};
    struct demand *demand = demands_get(&daemon->demands, source->like != NULL ? &like : key);

    if (demand == NULL) {
        work->is_new = true;
        demand = demands_get_alike(&daemon->demands, key, source->payload, source->payload_bytes);
    }
    return demand;
}

static int read_payload(struct daemon *daemon, const struct source *source,
                        const struct new_job *job, struct payload **out_payload,
                        struct field_error *error) {
    int r = payload_read(job->kind, source->payload, source->payload_bytes, job->namespace,
                         out_payload, error);

    if (r == OK) {
        payload_set_runtime_classes(*out_payload, class_watch_classes(daemon->class_watch));
    }
    return r;
}

/* The demand of a spec; NULL if it has problems. */
static struct demand *demand_of(struct daemon *daemon, struct submission_work *work,
                                const struct source *source, const struct new_job *job,
                                struct problems *problems) {
    const struct demand_key key = {
        .kind = job->kind, .namespace = job->namespace, .spec_hash = job->spec.hash};
    struct demand *demand = known_demand(daemon, work, source, &key);
    struct payload *payload = NULL;
    struct field_error field = {0};

    if (demand != NULL) {
        return demand;
    }
    work->is_unlike = true;
    if (read_payload(daemon, source, job, &payload, &field) < 0 ||
        payload_demand(payload, core_resource_names(daemon->core), &demand, &field) < 0) {
        manifest_explain(source->manifest, field.path, field.error.text, problems);
    } else {
        demands_put(&daemon->demands, &key, source->payload, source->payload_bytes, demand);
    }
    payload_destroy(payload);
    return demand;
}

/* Is there a way to run it here at all? Problems get the place in the text. */
static struct demand *read_demand(struct daemon *daemon, struct submission_work *work,
                                  const struct source *source, const struct new_job *job,
                                  struct problems *problems) {
    struct demand *demand = demand_of(daemon, work, source, job, problems);
    struct error error = {0};

    if (demand != NULL && core_check_possible(daemon->core, job->namespace, demand, &error) < 0) {
        manifest_explain(source->manifest, "spec", error.text, problems);
    }
    return demand;
}

static int32_t priority_of(const struct manifest *manifest, const struct new_job *job,
                           const struct config *config) {
    const struct team_class *of_class = team_set_class(&config->teams, job->priority_class);

    return manifest->has_priority || of_class == NULL ? manifest->priority : of_class->priority;
}

/* By when, as an instant; 0: whenever, or it has a problem: what is over already is a mistake. */
static int64_t resolve(const struct daemon *daemon, const struct deadline *deadline,
                       const char *path, struct position place, struct problems *problems) {
    const struct zone *zone = daemon->config.windows->home;
    char text[RFC3339_BYTES_MAX];
    int64_t now_us, by_us;

    if (deadline->kind == DEADLINE_NONE) {
        return 0;
    }
    now_us = daemon_now(daemon).now_us;
    by_us = deadline_us(deadline, deadline_day_of(now_us, zone), zone);
    if (by_us > now_us) {
        return by_us;
    }
    rfc3339_print(by_us, text);
    problems_add(problems, place, path, "%s is over already%s", text,
                 deadline->kind == DEADLINE_OFFSET
                     ? "; of tomorrow it is written +1d, a space and the time"
                     : "");
    return 0;
}

/* What the manifest says; a deadline that is not of a run of a schedule is an instant. */
static void describe(struct daemon *daemon, const struct submission_work *work,
                     const struct source *source, struct new_job *job, struct problems *problems) {
    const struct manifest *manifest = source->manifest;
    const struct config *config = &daemon->config;
    bool is_run = manifest->schedule != NULL;

    *job = (struct new_job){
        .name = source->name,
        .namespace = either(manifest->namespace, work->namespace),
        .window = manifest->window,
        .pod_name = manifest->pod_name,
        .kind = manifest->kind,
        .hold = manifest->hold,
        .for_operator = manifest->for_operator,
        .ttl_s = ttl_s(manifest, config),
        .retry = retry_of(manifest, config),
        .expected_runtime_us = manifest->expected_runtime_us,
        .max_runtime_us = manifest->max_runtime_us,
        .warn_runtime_us = manifest->warn_runtime_us,
        .start_by_us = is_run ? 0
                              : resolve(daemon, &manifest->start_by, "startBy",
                                        manifest->start_by_place, problems),
        .start_miss = manifest->start_miss,
        .finish_by_us = is_run ? 0
                               : resolve(daemon, &manifest->finish_by, "finishBy",
                                         manifest->finish_by_place, problems),
        .preemptible = manifest->preemptible,
        .spec = {.text = source->payload, .bytes = source->payload_bytes},
    };
    if (is_run && manifest->rows.count > 0) {
        job->array = manifest->rows.indices;
        job->element_count = manifest->rows.count;
    }
    job->priority_class = either(manifest->priority_class, work->priority_class);
    job->priority = priority_of(manifest, job, config);
    if (source->hash != NULL) {
        memcpy(job->spec.hash, source->hash, sizeof job->spec.hash);
    } else {
        digest_sha256(job->spec.text, job->spec.bytes, job->spec.hash);
    }
}

static void keep_demand(struct new_job *job) {
    if (job->demand != NULL) {
        job->spec.demand = job->demand->origin;
        job->spec.demand_bytes = sizeof job->demand->origin;
    }
}

static bool is_served(const struct config *config, const char *namespace) {
    for (size_t i = 0; i < config->namespace_count; i++) {
        if (strcmp(config->namespaces[i], namespace) == 0) {
            return true;
        }
    }
    return config->namespace_count == 0;
}

static void read_job(struct daemon *daemon, const struct api_call *call,
                     struct submission_work *work, const struct source *source,
                     struct problems *problems, struct new_job *job) {
    const struct manifest *manifest = source->manifest;
    struct error error = {0};

    describe(daemon, work, source, job, problems);
    job->hold = job->hold || call->hold;
    job->team = keep_text(work, front_team_of(daemon, call, manifest, job->namespace));
    if (job->spec.bytes > LIMIT_SPEC_BYTES) {
        problems_add(problems, manifest->place, "",
                     "the job's specification has %zu bytes, more than %d", job->spec.bytes,
                     LIMIT_SPEC_BYTES);
        return;
    }
    if (!is_served(&daemon->config, job->namespace)) {
        manifest_explain(manifest, "metadata.namespace",
                         "this scheduler does not serve that namespace "
                         "(kubernetes.namespaces of its configuration)",
                         problems);
        return;
    }
    if (!front_check_team(daemon, manifest, job, problems)) {
        return;
    }
    if (!front_permits(daemon, call, job->team)) {
        work->denied = true;
        problems_add(problems, manifest->place, "", "%s may not submit for team %s",
                     call->identity.user, job->team);
        return;
    }
    if (core_check_window(daemon->core, job->window,
                          job->expected_runtime_us > 0 ? job->expected_runtime_us
                                                       : job->max_runtime_us,
                          &error) < 0) {
        problems_add(problems, manifest->window_place, "", "%s", error.text);
        return;
    }
    job->demand = read_demand(daemon, work, source, job, problems);
    keep_demand(job);
}

static void read_after(struct daemon *daemon, struct submission_work *work,
                       const struct manifest_set *set, size_t manifest, struct new_job *job,
                       struct problems *problems) {
    const bool is_schedule = set->items[manifest].schedule != NULL;
    struct submission_afters afters = {
        .set = set, .manifest = manifest, .said = is_schedule ? NULL : &work->said.refs};

    submission_find_after(daemon, job->namespace, &afters, problems);
    work->unread = work->unread || afters.unread;
    work->afters[work->after_count++] = afters.items;
    job->after = afters.items;
    job->after_count = afters.count;
}

/* --- Schedules ------------------------------------------------------------------------------- */

/* What it says beside what it makes. ERR_INVALID: there is no such time zone. */
static int describe_schedule(const struct daemon *daemon, const struct manifest *manifest,
                             struct error *error, struct new_schedule *out) {
    const struct schedule_text *said = manifest->schedule;

    out->namespace = out->job.namespace;
    out->name = manifest->name;
    out->cron = said->cron;
    out->rule = said->rule;
    out->start_by = manifest->start_by;
    out->finish_by = manifest->finish_by;
    out->succeeded_max = said->succeeded_max;
    out->failed_max = said->failed_max;
    out->text = said->document;
    return zones_load(daemon->config.zoneinfo_dir, either(said->zone, daemon->config.zone), error,
                      &out->zone);
}

/* One of another team's is not to be replaced by whoever can't delete it. */
static void check_owner(const struct daemon *daemon, const struct api_call *call,
                        struct submission_work *work, const struct manifest *manifest,
                        struct problems *problems) {
    const struct new_schedule *schedule = &work->schedules[work->schedule_count - 1];
    char *key = mem_format("%s/%s", schedule->namespace, schedule->name);
    struct core_schedule old;

    if (core_schedule(daemon->core, key, &old) &&
        !front_permits(daemon, call, old.made->job.team)) {
        work->denied = true;
        problems_add(problems, manifest->place, "",
                     "there is a schedule %s of team %s, to which %s has no right", key,
                     old.made->job.team, call->identity.user);
    }
    free(key);
}

/* A schedule's name is short beside what a record holds, but there may be a thousand of them. */
static void check_after(const struct manifest *manifest, const struct new_job *job,
                        struct problems *problems) {
    struct buf text;

    buf_init(&text, AFTER_TEXT_BYTES);
    for (size_t i = 0; i < job->after_count; i++) {
        after_print(&job->after[i].item, &text);
    }
    if (text.full) {
        problems_add(problems, manifest->after.items[0].place, "",
                     "waits for more than a job's record holds (%d bytes)", AFTER_TEXT_BYTES);
    }
    buf_finish(&text);
}

static void read_schedule(struct daemon *daemon, const struct api_call *call,
                          struct submission_work *work, size_t place, struct problems *problems) {
    const struct manifest *manifest = &work->known->set.items[place];
    const struct source source = source_of(manifest);
    size_t at = work->schedule_count++;
    struct new_schedule *schedule = &work->schedules[at];
    struct error error = {0};

    read_job(daemon, call, work, &source, problems, &schedule->job);
    if (describe_schedule(daemon, manifest, &error, schedule) < 0) {
        problems_add(problems, manifest->schedule->zone_place, "", "%s", error.text);
    }
    read_after(daemon, work, &work->known->set, place, &schedule->job, problems);
    check_after(manifest, &schedule->job, problems);
    schedule_circles_check(daemon->core, schedule->job.namespace, &work->known->set, place,
                           problems);
    check_owner(daemon, call, work, manifest, problems);
}

/* What the call lends and the work needs for longer. */
struct work_texts {
    const char *submitter, *key, *namespace, *priority_class;
};

static struct submission_work *create_work(const struct work_texts *texts) {
    struct submission_work *work = mem_grow(NULL, 1, sizeof *work);

    memset(work, 0, offsetof(struct submission_work, room));
    work->submitter = keep_text(work, texts->submitter);
    work->key = texts->key[0] != '\0' ? keep_text(work, texts->key) : NULL;
    work->namespace = keep_text(work, texts->namespace);
    work->priority_class = keep_text(work, texts->priority_class);
    return work;
}

/* All in one piece. */
static void make_lists(struct submission_work *work, size_t jobs, size_t manifests,
                       size_t schedules) {
    work->jobs =
        work_room(work, jobs * sizeof *work->jobs + manifests * sizeof(struct new_after *) +
                            schedules * sizeof *work->schedules);
    work->schedules = (struct new_schedule *)(void *)(work->jobs + jobs);
    work->afters = (struct new_after **)(void *)(work->schedules + schedules);
}

static int load_schedule(struct daemon *daemon, struct submission_work *work,
                         const struct fact *fact, struct error *error) {
    const struct fact_schedule *stored = &fact->value.schedule;
    const struct manifest *manifest = &work->known->set.items[0];
    const struct source source = source_of(manifest);
    struct new_schedule schedule = {.creator = stored->submitter,
                                    .created_us = stored->created_us,
                                    .changed_us = stored->changed_us};
    struct problems problems = {0};
    int r;

    describe(daemon, work, &source, &schedule.job, &problems);
    schedule.job.team = stored->team;
    schedule.job.demand = demand_of(daemon, work, &source, &schedule.job, &problems);
    make_lists(work, 0, 1, 0);
    read_after(daemon, work, &work->known->set, 0, &schedule.job, &problems);
    keep_demand(&schedule.job);
    r = describe_schedule(daemon, manifest, error, &schedule);
    if (r == OK && problems.count > 0) {
        r = error_set(error, ERR_INVALID, "%s", problems.items[0].message);
    }
    if (r == OK) {
        core_load_schedule(daemon->core, &schedule);
    }
    zone_destroy(schedule.zone);
    demand_destroy(schedule.job.demand);
    problems_finish(&problems);
    return r;
}

/* Whose secrets are sealed: of jobs in this namespace, if they don't say another. */
struct sealing {
    const struct daemon *daemon;
    const char *namespace;
};

static char *seal(void *context, const char *namespace, const char *place, const void *secret,
                  size_t bytes, struct error *error) {
    const struct sealing *sealing = context;
    const struct secret_keys at = daemon_secret_keys(sealing->daemon);
    unsigned char nonce[SEAL_NONCE_BYTES];
    struct seal_keys keys;
    char *sealed = NULL;
    char *whole_place;

    if (secret_keys_need(&at, &keys, error) == OK) {
        whole_place = mem_format("%s/%s", either(namespace, sealing->namespace), place);
        rng_secret(nonce, sizeof nonce);
        sealed = seal_close(&keys.items[0], nonce, whole_place, secret, bytes);
        free(whole_place);
        seal_wipe(&keys, sizeof keys);
    }
    return sealed;
}

/* Without a sealer, of texts that were stored. */
static struct manifest_defaults defaults_of(const struct daemon *daemon,
                                            const struct manifest_sealer *sealer) {
    return (struct manifest_defaults){.sealer = sealer,
                                      .spark_image = daemon->config.spark_image,
                                      .spark_max_executors = daemon->config.spark_max_executors,
                                      .spark_reserve = daemon->config.spark_reserve,
                                      .spark_version = daemon->config.spark_version};
}

int submission_load_schedule(struct daemon *daemon, const struct fact *fact, struct error *error) {
    const struct manifest_defaults defaults = defaults_of(daemon, NULL);
    const char *text = fact->value.schedule.text;
    struct problems problems = {0};
    char *namespace = mem_copy_text_n(fact->key, strcspn(fact->key, "/"));
    struct submission_work *work =
        create_work(&(struct work_texts){.submitter = "",
                                         .key = "",
                                         .namespace = namespace,
                                         .priority_class = daemon->config.default_priority_class});
    int r;

    free(namespace);
    work->known = known_manifests_create();
    r = manifest_set_parse_with(&defaults, text, strlen(text), &work->known->set, &problems);
    if (r < 0) {
        r = error_set(error, r, "%s: %s", problems.items[0].path, problems.items[0].message);
    } else if (work->known->set.count != 1 || work->known->set.items[0].schedule == NULL) {
        r = error_set(error, ERR_CORRUPT, "its text is no schedule");
    } else {
        r = load_schedule(daemon, work, fact, error);
    }
    problems_finish(&problems);
    submission_destroy(work);
    return r;
}

/* --- Whole submissions ----------------------------------------------------------------------- */

static void refuse(struct api_call *call, int code, struct problems *problems) {
    struct wire_detail *details = mem_alloc(problems->count, sizeof *details);
    char message[128];

    (void)snprintf(message, sizeof message, "the manifest is refused, nothing was submitted");
    if (problems->dropped > 0) {
        (void)snprintf(message, sizeof message,
                       "the manifest is refused, nothing was submitted; it has %zu more problem%s",
                       problems->dropped, problems->dropped == 1 ? "" : "s");
    }
    problems_sort(problems);
    for (size_t i = 0; i < problems->count; i++) {
        details[i] = (struct wire_detail){.file = call->file,
                                          .line = problems->items[i].place.line,
                                          .column = problems->items[i].place.column,
                                          .path = problems->items[i].path,
                                          .message = problems->items[i].message};
    }
    api_reply_details(call, code, message, details, problems->count);
    free(details);
    problems_finish(problems);
}

static struct submission_work *begin_work(const struct daemon *daemon,
                                          const struct api_call *call) {
    struct submission_work *work = create_work(&(struct work_texts){
        .submitter = call->identity.user,
        .key = call->idempotency_key,
        .namespace = either(call->default_namespace, daemon->config.default_namespace),
        .priority_class = daemon->config.default_priority_class,
    });

    memcpy(work->request_hash, call->body_sha256, sizeof work->request_hash);
    return work;
}

/* The other rows' jobs are like the first one's but for names and rows. Elements that have nothing
 * but their indices are made by the core. */
static void repeat_job(struct submission_work *work, const struct manifest *manifest) {
    struct new_job *first = &work->jobs[work->job_count - 1];
    const struct new_job like = *first;

    if (manifest->rows.texts == NULL) {
        first->array = manifest->rows.indices;
        first->element_count = manifest->rows.count;
        return;
    }
    manifest_job(&work->known->set, manifest, 0, &first->name, &first->spec.row);
    first->array = manifest->rows.indices;
    for (size_t i = 1; i < manifest->rows.count; i++) {
        struct new_job *job = &work->jobs[work->job_count++];

        *job = like;
        job->demand = like.demand != NULL ? demand_share(like.demand) : NULL;
        job->array = manifest->rows.indices;
        job->array_place = i;
        manifest_job(&work->known->set, manifest, i, &job->name, &job->spec.row);
    }
}

static void read_jobs(struct daemon *daemon, const struct api_call *call,
                      struct submission_work *work, struct problems *problems) {
    const struct manifest_set *set = &work->known->set;
    size_t schedule_count = 0;
    size_t count = 0;

    after_said_read(call->after_jobs, problems, &work->said);
    if (problems->count > 0) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        count += manifest_written_count(&set->items[i]);
        schedule_count += set->items[i].schedule != NULL;
    }
    if (count > (size_t)daemon->config.jobs_per_request_max) {
        problems_add(problems, set->items[set->count - 1].place, "",
                     "%zu jobs in one request; at most %" PRId64
                     " are taken (limits.jobsPerRequest): send them in several",
                     count, daemon->config.jobs_per_request_max);
        return;
    }
    make_lists(work, count, set->count, schedule_count);
    for (size_t i = 0; i < set->count; i++) {
        const struct source source = source_of(&set->items[i]);
        size_t at = work->job_count;

        if (set->items[i].schedule != NULL) {
            read_schedule(daemon, call, work, i, problems);
            continue;
        }
        work->job_count++;
        read_job(daemon, call, work, &source, problems, &work->jobs[at]);
        read_after(daemon, work, set, i, &work->jobs[at], problems);
        if (set->items[i].rows.count > 0) {
            repeat_job(work, &set->items[i]);
        }
    }
}

/* --- Texts like those that were read before -------------------------------------------------- */

struct named_list {
    struct named_text *items;
    size_t count;
};

/* Are they all known? In a List, one that waits for another may mean one that stands beside it. */
static bool find_known(struct daemon *daemon, struct submission_work *work,
                       const struct named_list *list) {
    work->knowns = work_room(work, list->count * sizeof(struct known_manifests *));
    for (size_t i = 0; i < list->count; i++) {
        struct known_manifests *known = known_texts_get(&daemon->known_texts, &list->items[i]);

        if (known == NULL) {
            return false;
        }
        work->knowns[work->known_count++] = known;
        if (list->count > 1 && known->set.items[0].after.count > 0) {
            return false;
        }
    }
    return true;
}

/* Room for each job's name, and for its payload if that is its own. */
static char *make_known_texts(struct submission_work *work, const struct named_list *list) {
    size_t bytes = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct named_text *named = &list->items[i];

        bytes += named->name.bytes + 1;
        if (!known_manifests_has_payload(work->knowns[i], named)) {
            bytes += known_manifests_payload_bytes(work->knowns[i], named);
        }
    }
    return work_room(work, bytes);
}

/* Its texts are written at *at, which moves behind them. */
static struct source known_source(const struct known_manifests *known,
                                  const struct named_text *named, char **at) {
    struct source source = source_of(&known->set.items[0]);

    source.name = memcpy(*at, named->text + named->name.at, named->name.bytes);
    *at += named->name.bytes + 1; /* The room is zeroed. */
    if (known_manifests_has_payload(known, named)) {
        source.hash = known->spec_hash;
        return source;
    }
    source.like = known->spec_hash;
    source.payload_bytes = known_manifests_payload_bytes(known, named);
    known_manifests_print_payload(known, named, *at);
    source.payload = *at;
    *at += source.payload_bytes;
    return source;
}

static void read_known(struct daemon *daemon, const struct api_call *call,
                       struct submission_work *work, const struct named_list *list,
                       struct problems *problems) {
    char *at;

    make_lists(work, list->count, list->count, 0);
    at = make_known_texts(work, list);
    for (size_t i = 0; i < list->count && problems->count == 0; i++) {
        const struct source source = known_source(work->knowns[i], &list->items[i], &at);

        work->job_count++;
        read_job(daemon, call, work, &source, problems, &work->jobs[i]);
        read_after(daemon, work, &work->knowns[i]->set, 0, &work->jobs[i], problems);
    }
}

/* Texts that are known but for names and arguments; NULL: not all are, or there is something to
 * complain of. */
static struct submission_work *recognise(struct daemon *daemon, const struct api_call *call,
                                         const struct named_list *list) {
    struct problems problems = {0};
    struct submission_work *work;
    bool is_known;

    if (list->count == 0 || list->count > (size_t)daemon->config.jobs_per_request_max) {
        return NULL;
    }
    work = begin_work(daemon, call);
    is_known = find_known(daemon, work, list);
    if (is_known) {
        read_known(daemon, call, work, list, &problems);
    }
    if (!is_known || problems.count > 0) { /* Their places are those of another text. */
        submission_destroy(work);
        work = NULL;
    }
    problems_finish(&problems);
    return work;
}

/* A job that is as its text says but for what may differ. A text with secrets is not kept. */
static bool can_be_known(const struct manifest_set *set) {
    return set->count == 1 && set->documents.plain_json && set->items[0].schedule == NULL &&
           set->items[0].rows.count == 0 && !set->items[0].has_secrets;
}

static void remember_one(struct daemon *daemon, struct known_manifests *known,
                         const struct named_text *named) {
    const struct manifest *manifest = &known->set.items[0];

    if (can_be_known(&known->set)) {
        digest_sha256(manifest->payload, manifest->payload_bytes, known->spec_hash);
        known_texts_put(&daemon->known_texts, named, known);
    }
}

/* Of a List's items those that are not known are read once more, each by itself. */
static void remember_item(struct daemon *daemon, const struct named_text *named) {
    const struct manifest_defaults defaults = defaults_of(daemon, NULL); /* It has no secrets. */
    struct known_manifests *known = known_manifests_create();
    struct problems problems = {0};

    if (manifest_set_parse_with(&defaults, named->text, named->bytes, &known->set, &problems) ==
        OK) {
        remember_one(daemon, known, named);
    }
    problems_finish(&problems);
    known_manifests_destroy(known);
}

/* One that came again, or differs only in name or arguments from one that did: more may come. */
static void remember(struct daemon *daemon, const struct submission_work *work,
                     const struct named_list *list) {
    size_t left = REMEMBERED_OF_A_REQUEST;

    for (size_t i = 0; i < list->count && left > 0 && !work->is_unlike; i++) {
        const struct named_text *named = &list->items[i];
        struct known_manifests *known = NULL;

        if (named->like != NULL) {
            continue; /* And what it was like may be forgotten by now. */
        }
        known = known_texts_get(&daemon->known_texts, named);
        if (known == NULL && (named->argument_count > 0 || !work->is_new)) {
            left--;
            if (list->count == 1) {
                remember_one(daemon, work->known, named);
            } else {
                remember_item(daemon, named);
            }
        }
        known_manifests_destroy(known);
    }
}

/* --- Reading --------------------------------------------------------------------------------- */

/* NULL: the call is ended. */
static struct submission_work *read_text(struct daemon *daemon, struct api_call *call) {
    struct submission_work *work = begin_work(daemon, call);
    struct sealing sealing = {daemon, work->namespace};
    const struct manifest_sealer sealer = {.context = &sealing, .seal = seal};
    const struct manifest_defaults defaults = defaults_of(daemon, &sealer);
    struct problems problems = {0};

    work->known = known_manifests_create();
    if (manifest_set_parse_with(&defaults, call->body, call->body_bytes, &work->known->set,
                                &problems) == OK) {
        read_jobs(daemon, call, work, &problems);
    }
    if (problems.count > 0) {
        refuse(call, work->denied ? ERR_DENIED : work->unread ? ERR_BUSY : ERR_INVALID, &problems);
        submission_destroy(work);
        return NULL;
    }
    return work;
}

struct submission_work *submission_read(struct daemon *daemon, struct api_call *call) {
    struct named_list list = {0};
    struct submission_work *work;

    (void)named_texts_find(&daemon->known_texts, call->body, call->body_bytes, &list.items,
                           &list.count);
    work = call->after_jobs[0] == '\0' ? recognise(daemon, call, &list) : NULL;
    if (work == NULL) {
        work = read_text(daemon, call);
        if (work != NULL) {
            remember(daemon, work, &list);
        }
    }
    free(list.items);
    return work;
}

struct submit_event submission_event(const struct submission_work *work) {
    struct submit_event event = {.jobs = work->jobs,
                                 .count = work->job_count,
                                 .schedules = work->schedules,
                                 .schedule_count = work->schedule_count,
                                 .submitter = work->submitter,
                                 .key = work->key};

    memcpy(event.request_hash, work->request_hash, sizeof event.request_hash);
    return event;
}

void submission_destroy(void *value) {
    struct submission_work *work = value;

    for (size_t i = 0; i < work->job_count; i++) {
        demand_destroy(work->jobs[i].demand);
    }
    for (size_t i = 0; i < work->after_count; i++) {
        free(work->afters[i]);
    }
    for (size_t i = 0; i < work->schedule_count; i++) {
        demand_destroy(work->schedules[i].job.demand);
        zone_destroy(work->schedules[i].zone);
    }
    for (size_t i = 0; i < work->known_count; i++) {
        known_manifests_destroy(work->knowns[i]);
    }
    known_manifests_destroy(work->known);
    after_said_finish(&work->said);
    for (struct work_block *block = work->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(work);
}
