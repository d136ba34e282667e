#include "scheduler/demands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"
#include "policy/demand.h"

static char *text_of(const struct demand_key *key) {
    char hash[2 * SPEC_HASH_BYTES + 1];

    for (size_t i = 0; i < SPEC_HASH_BYTES; i++) {
        (void)snprintf(hash + 2 * i, 3, "%02x", (unsigned)key->spec_hash[i]);
    }
    return mem_format("%s %d %s", hash, (int)key->kind, key->namespace);
}

void demands_finish(struct demands *demands) {
    struct map_entry *item;

    if (demands == NULL) {
        return;
    }
    for (size_t at = 0; (item = map_next(&demands->by_key, &at)) != NULL;) {
        demand_destroy(item->value);
    }
    map_finish(&demands->by_key);
}

struct demand *demands_get(const struct demands *demands, const struct demand_key *key) {
    char *text = text_of(key);
    struct demand *demand = map_get(&demands->by_key, text);

    free(text);
    return demand != NULL ? demand_share(demand) : NULL;
}

void demands_put(struct demands *demands, const struct demand_key *key, struct demand *demand) {
    char *text = text_of(key);

    if (demands->by_key.count >= LIMIT_DEMANDS_KEPT) {
        demands_finish(demands);
    }
    demand_destroy(map_put(&demands->by_key, text, demand_share(demand)));
    free(text);
}
