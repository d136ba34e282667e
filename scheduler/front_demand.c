#include "scheduler/front_demand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/quantity.h"
#include "k8s/payload.h"
#include "policy/demand.h"
#include "policy/resources.h"
#include "scheduler/core.h"
#include "scheduler/daemon.h"

static void add_amounts(const struct resource_names *names, const struct resources *resources,
                        struct buf *out) {
    const char *between = " ";

    for (size_t kind = 0; kind < RESOURCE_KIND_MAX; kind++) {
        char amount[QUANTITY_BYTES_MAX];

        if (resources->amount[kind] != 0) {
            resource_print(names, kind, resources->amount[kind], amount);
            buf_add_format(out, "%s%s %s", between, resource_name(names, kind), amount);
            between = ", ";
        }
    }
}

/* Storage in bytes, all others counts. */
static void add_objects(const struct demand *demand, struct buf *out) {
    for (size_t i = 0; i < demand->object_count; i++) {
        const struct object_demand *object = &demand->objects[i];
        const char *storage = strstr(object->key, "requests.storage");
        char amount[QUANTITY_BYTES_MAX];

        if (storage != NULL) {
            quantity_print_bytes(object->amount, amount);
            buf_add_format(out, ", %s %s", object->key, amount);
        } else {
            buf_add_format(out, ", %s %" PRId64, object->key, object->amount);
        }
    }
}

static void add_sum(struct daemon *daemon, const struct payload *payload, struct buf *out) {
    struct resource_names *names = core_resource_names(daemon->core);
    struct field_error error = {0};
    struct demand *demand = NULL;

    if (payload_demand(payload, names, &demand, &error) < 0) {
        return; /* It was possible once: the names of resources are full since. */
    }
    buf_add_text(out, "all requests:");
    add_amounts(names, &demand->requests, out);
    add_objects(demand, out);
    buf_add_text(out, "\nall limits:");
    add_amounts(names, &demand->limits, out);
    buf_add_char(out, '\n');
    demand_destroy(demand);
}

void front_demand_make(struct daemon *daemon, const struct job *job,
                       struct front_demand *out_demand) {
    struct payload *payload = NULL;
    struct field_error error = {0};
    struct buf text;
    char *line;

    *out_demand = (struct front_demand){0};
    if (daemon_read_payload(daemon, job, &payload, &error) < 0) {
        return;
    }
    buf_init(&text, LIMIT_SPEC_BYTES);
    payload_explain(payload, &text);
    add_sum(daemon, payload, &text);
    payload_destroy(payload);
    out_demand->text = buf_take_text(&text);
    buf_finish(&text);
    line = out_demand->text;
    for (char *end;
         out_demand->count < FRONT_DEMAND_LINES_MAX && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        *end = '\0';
        out_demand->lines[out_demand->count++].text = line;
    }
}

void front_demand_finish(struct front_demand *demand) {
    free(demand->text);
}
