#include "scheduler/front_beside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/memory.h"
#include "policy/indices.h"
#include "scheduler/daemon.h"

/* --- Elements -------------------------------------------------------------------------------- */

static bool read_indices(const char *text, struct indices *out_indices) {
    struct error error = {0};

    return text != NULL && indices_parse(text, out_indices, &error) == OK;
}

bool front_find_element(const struct daemon *daemon, struct api_call *call) {
    struct core_array array;
    struct indices indices;
    uint64_t place;

    if (call->job_index < 0) {
        return true;
    }
    if (!core_array(daemon->core, call->job_id, &array) || !read_indices(array.indices, &indices) ||
        !indices_find(&indices, call->job_index, &place)) {
        api_reply_error(call, ERR_NOT_FOUND, "there is no element %" PRId64 " of an array %" PRIu64,
                        call->job_index, call->job_id);
        return false;
    }
    if (place >= array.count - array.unmade) {
        api_reply_error(call, ERR_BUSY,
                        "element %" PRId64 " of array %" PRIu64 " is being made: %" PRIu64
                        " of %" PRIu64 " are; ask again",
                        call->job_index, call->job_id, array.count - array.unmade, array.count);
        return false;
    }
    call->job_id += place;
    return true;
}

bool front_find_job(const struct daemon *daemon, const struct api_call *call, struct job *out_job) {
    struct core_array array;

    if (core_job(daemon->core, call->job_id, out_job)) {
        return true;
    }
    return call->job_index < 0 && core_array(daemon->core, call->job_id, &array) &&
           core_job(daemon->core, array.any_id, out_job);
}

bool front_means_array(const struct api_call *call, const struct job *job) {
    return call->job_index < 0 && job->array[0] != '\0' && job->array_id == call->job_id;
}

/* Those of an array that are known, by state: as ranges, as far as these go. Those that are to come
 * wait as they will. */
static void list_indices(const struct daemon *daemon, const struct core_array *array,
                         const struct indices *indices, struct indices of[JOB_STATE_COUNT]) {
    const uint64_t end_id = array->first_id + array->count;
    enum job_state state;
    uint64_t id = array->first_id - 1;

    while (core_next_state(daemon->core, id, &id, &state) && id < end_id) {
        (void)indices_add(&of[state], indices_at(indices, id - array->first_id));
    }
}

/* With those that have left the history. Of their states that is known which matters. */
static size_t count_of(const struct core_array *array, enum job_state state) {
    const struct fact_group *forgotten = &array->forgotten;

    return array->states[state] + (state == JOB_SUCCEEDED   ? forgotten->succeeded
                                   : state == JOB_FAILED    ? forgotten->failed
                                   : state == JOB_CANCELLED ? forgotten->cancelled
                                   : state == JOB_SKIPPED   ? forgotten->skipped
                                                            : 0);
}

/* of: of each state; NULL: only the counts are told. */
static void list_elements(const struct core_array *array, const struct indices *of,
                          struct front_beside *beside) {
    beside->elements = mem_alloc(JOB_STATE_COUNT, sizeof *beside->elements);
    for (size_t state = 0; state < JOB_STATE_COUNT; state++) {
        const size_t count = count_of(array, (enum job_state)state);
        struct buf text;

        if (count == 0) {
            continue;
        }
        buf_init(&text, INDICES_TEXT_BYTES);
        if (of != NULL) {
            indices_print(&of[state], &text);
            buf_add_text(&text, of[state].count < count ? ",..." : "");
        }
        beside->elements[beside->element_count++] =
            (struct wire_elements){.state = job_state_text((enum job_state)state),
                                   .count = (int64_t)count,
                                   .indices = buf_take_text(&text)};
    }
}

static void put_elements(const struct front_beside *beside, struct wire_job *wire) {
    wire->elements = beside->elements;
    wire->element_count = beside->element_count;
}

void front_beside_count(const struct daemon *daemon, const struct api_call *call,
                        const struct job *job, struct front_beside *out_beside,
                        struct wire_job *wire) {
    struct core_array array;

    *out_beside = (struct front_beside){.elements = NULL};
    if (front_means_array(call, job) && core_array(daemon->core, job->array_id, &array)) {
        list_elements(&array, NULL, out_beside);
        put_elements(out_beside, wire);
    }
}

static void fill_elements(const struct daemon *daemon, const struct job *job,
                          struct front_beside *beside, struct wire_job *wire) {
    struct core_array array;
    struct indices indices;
    struct indices *of;

    if (!core_array(daemon->core, job->array_id, &array) ||
        !read_indices(array.indices, &indices)) {
        return;
    }
    of = mem_alloc(JOB_STATE_COUNT, sizeof *of);
    list_indices(daemon, &array, &indices, of);
    list_elements(&array, of, beside);
    put_elements(beside, wire);
    free(of);
}

/* --- Neighbours ------------------------------------------------------------------------------ */

static const char *const stands_texts[] = {
    [AFTER_WAITS] = "waits",
    [AFTER_MET] = "met",
    [AFTER_BROKEN] = "never",
};

static struct wire_relation relation_on_wire(const struct graph_relation *relation) {
    const bool is_one = relation->tally.total <= 1 && !relation->item.is_array;

    return (struct wire_relation){
        .id = relation->id != 0 ? (int64_t)relation->id : WIRE_UNKNOWN,
        .name = relation->name,
        .state = is_one && relation->name != NULL ? job_state_text(relation->state) : "",
        .on = after_on_texts[relation->item.on],
        .otherwise = after_otherwise_texts[relation->item.otherwise],
        .stands = stands_texts[relation->verdict],
        .done = (int64_t)after_done(&relation->tally, relation->item.on),
        .total = (int64_t)relation->tally.total,
        .each = relation->item.each,
        .expected_us = relation->left_us > 0 ? relation->left_us : 0,
    };
}

static const struct wire_relation *take(struct front_beside *beside, size_t *at,
                                        const struct graph_relation *relations, size_t count) {
    struct wire_relation *first = &beside->relations[*at];

    for (size_t i = 0; i < count; i++) {
        beside->relations[(*at)++] = relation_on_wire(&relations[i]);
    }
    return count > 0 ? first : NULL;
}

static int64_t seconds(int64_t us) {
    return us == GRAPH_UNKNOWN_US ? WIRE_UNKNOWN : us / CLOCK_US_PER_SECOND;
}

void front_beside_fill(const struct daemon *daemon, const struct api_call *call,
                       const struct job *job, struct front_beside *out_beside,
                       struct wire_job *wire) {
    struct graph *graph = &out_beside->graph;
    size_t at = 0;

    *out_beside = (struct front_beside){.elements = NULL};
    if (front_means_array(call, job)) {
        fill_elements(daemon, job, out_beside, wire);
    }
    graph_around(daemon->core, job->id, graph);
    out_beside->relations =
        mem_alloc(graph->predecessor_count + graph->successor_count + graph->way_count,
                  sizeof *out_beside->relations);
    wire->predecessors = take(out_beside, &at, graph->predecessors, graph->predecessor_count);
    wire->predecessor_count = graph->predecessor_count;
    wire->successors = take(out_beside, &at, graph->successors, graph->successor_count);
    wire->successor_count = graph->successor_count;
    wire->critical = take(out_beside, &at, graph->way, graph->way_count);
    wire->critical_count = graph->way_count;
    wire->critical_seconds = seconds(graph->way_us);
    wire->slack_seconds = seconds(graph->slack_us);
}

void front_beside_finish(struct front_beside *beside) {
    for (size_t i = 0; i < beside->element_count; i++) {
        free((void *)(uintptr_t)beside->elements[i].indices);
    }
    free(beside->elements);
    free(beside->relations);
    graph_finish(&beside->graph);
}
