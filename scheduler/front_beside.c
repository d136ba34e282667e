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
    call->job_id += place;
    return true;
}

bool front_means_array(const struct api_call *call, const struct job *job) {
    return call->job_index < 0 && job->array[0] != '\0' && job->array_id == job->id;
}

/* The elements that are known, by state: as ranges, as far as these go. */
static void list_elements(const struct daemon *daemon, const struct core_array *array,
                          const struct indices *indices, struct front_beside *beside) {
    struct indices *of = mem_alloc(JOB_STATE_COUNT, sizeof *of);

    for (uint64_t place = 0; place < array->count; place++) {
        struct job job;

        if (core_job(daemon->core, array->first_id + place, &job)) {
            (void)indices_add(&of[job.state], indices_at(indices, place));
        }
    }
    for (size_t state = 0; state < JOB_STATE_COUNT; state++) {
        struct buf text;

        if (array->states[state] == 0) {
            continue;
        }
        buf_init(&text, INDICES_TEXT_BYTES);
        indices_print(&of[state], &text);
        buf_add_text(&text, of[state].count < array->states[state] ? ",..." : "");
        beside->elements[beside->element_count++] =
            (struct wire_elements){.state = job_state_text((enum job_state)state),
                                   .count = (int64_t)array->states[state],
                                   .indices = buf_take_text(&text)};
    }
    free(of);
}

static void fill_elements(const struct daemon *daemon, const struct job *job,
                          struct front_beside *beside, struct wire_job *wire) {
    struct core_array array;
    struct indices indices;

    if (!core_array(daemon->core, job->id, &array) || !read_indices(array.indices, &indices)) {
        return;
    }
    beside->elements = mem_alloc(JOB_STATE_COUNT, sizeof *beside->elements);
    list_elements(daemon, &array, &indices, beside);
    wire->elements = beside->elements;
    wire->element_count = beside->element_count;
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
