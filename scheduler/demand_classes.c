#include "scheduler/demand_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "policy/demand.h"

struct demand_class {
    unsigned char origin[DEMAND_ORIGIN_BYTES];
    struct demand *demand; /* NULL until a job has told it */
};

void demand_classes_finish(struct demand_classes *classes) {
    struct map_entry *item;

    if (classes == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&classes->by_number, &at)) != NULL;) {
        struct demand_class *class = item->value;

        demand_destroy(class->demand);
        free(class);
    }
    map_finish(&classes->by_number);
}

void demand_classes_add(struct demand_classes *classes, uint64_t number, const void *origin,
                        size_t bytes) {
    struct demand_class *class;

    if (bytes != DEMAND_ORIGIN_BYTES || map_get_id(&classes->by_number, number) != NULL) {
        return;
    }
    class = mem_alloc(1, sizeof *class);
    memcpy(class->origin, origin, sizeof class->origin);
    (void)map_put_id(&classes->by_number, number, class);
}

struct demand *demand_classes_get(const struct demand_classes *classes, uint64_t number) {
    const struct demand_class *class = map_get_id(&classes->by_number, number);

    return class != NULL && class->demand != NULL ? demand_share(class->demand) : NULL;
}

void demand_classes_learn(struct demand_classes *classes, uint64_t number, struct demand *demand) {
    struct demand_class *class = map_get_id(&classes->by_number, number);

    if (class != NULL && class->demand == NULL &&
        memcmp(class->origin, demand->origin, sizeof class->origin) == 0) {
        class->demand = demand_share(demand);
    }
}
