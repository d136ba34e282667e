/* policy/room_inside.h - what the files of policy/room.h share. */
#ifndef POLICY_ROOM_INSIDE_H
#define POLICY_ROOM_INSIDE_H

#include "base/map.h"
#include "policy/room.h"

/* Pods to come of one kind: a reservation's group, or one unbound pod. */
struct coming {
    const struct pod_demand *pod; /* the ledger's, until it says otherwise */
    const struct resources *requests;
    uint32_t wanted;
    uint32_t placed;
    bool is_anti;           /* its pods have anti-affinity */
    struct place_run *runs; /* the nodes they are counted on */
    size_t run_count;
};

/* All that comes for one job, or one unbound pod. */
struct expected {
    uint64_t id;     /* job id, or order of arrival */
    uint64_t job_id; /* 0: foreign */
    bool unbound;
    bool touched;
    struct resources *requests; /* copies, by coming: what was taken has to be given back */
    struct coming *comings;
    size_t coming_count;
};

/* A pool, and the nodes that it may still grow to: they are searched after all others. */
struct grown_pool {
    struct node_pool about;
    struct node growth; /* what each of them is */
    uint32_t members;
    uint32_t *numbers; /* of its growths */
    uint32_t count;
};

struct room {
    struct ledger *ledger; /* changed by notes of what is placed anew alone */
    struct place place;
    struct place empty; /* the same nodes under the same numbers */
    struct grown_pool *pools;
    size_t pool_count;
    struct resources *load; /* by node: what is expected there */
    size_t load_room;
    struct map jobs; /* id -> struct expected */
    struct map unbound;
    struct expected **touched;
    size_t touched_count;
    size_t touched_room;
    struct ledger_node **touched_nodes;
    size_t touched_node_count;
    size_t touched_node_room;
    uint32_t *dropped; /* nodes of both places that are no more like this */
    size_t dropped_count;
    size_t dropped_room;
    struct node **gone; /* what those were */
    size_t gone_count;
    size_t gone_room;
    size_t short_count;               /* of expected with pods that found no room */
    uint64_t version;                 /* of what is free */
    struct place_resident *antis;     /* place->antis, and */
    struct place_resident *residents; /* place->residents */
    size_t expected_antis;            /* comings with anti-affinity */
    size_t antis_room;
    size_t residents_room;
    bool stale;         /* all nodes are to be made anew */
    bool nodes_changed; /* some came, went, or are different */
    bool is_settled;    /* nodes were, since the last refresh: there may be room for pods to come */
};

/* room.c */
void room_touch(struct room *room, struct expected *expected);

/* room_nodes.c: both places have the ledger's nodes of now, and what pools may grow. Rewinds the
 * place if there is anything to do; expected pods whose nodes are gone are touched. */
void room_settle_nodes(struct room *room);
void room_drop_nodes(struct room *room);

/* room_expected.c */
void room_expected_clear(struct expected *expected); /* counted nowhere any more */
void room_take_back(struct room *room, struct expected *expected);
void room_settle_touched(struct room *room);
void room_touch_misplaced(struct room *room, bool crowded);
void room_find_antis(struct room *room);
void room_load_company(void *context, struct place *place);
void room_hold_for_short(struct room *room);
void room_verify_expected(const struct room *room);

#endif
