#include "policy/order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "policy/share.h"
#include "tests/test.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define T0     (1000 * DAY)
#define CORE   1000

/* --- One order, several modes ---------------------------------------------------------------- */

/* A job, and who has it. */
struct waiting {
    const char *team;
    const char *user;
    size_t namespace_index;
    int32_t tier;
    int32_t priority;
    int64_t eligible_s;
    int64_t running; /* cores that its user runs already */
};

/* Offer all, take them one by one, and give the order as "3 1 2", jobs numbered from 1. */
static void take_all(struct order *order, size_t count, char *out_text, size_t bytes_max) {
    size_t used = 0;
    uint32_t shape;

    out_text[0] = '\0';
    order_begin(order, T0);
    while ((shape = order_next(order)) != ORDER_NONE) {
        CHECK(used < bytes_max, "room");
        used += (size_t)snprintf(out_text + used, bytes_max - used, "%s%u", used > 0 ? " " : "",
                                 shape + 1);
        order_withdraw(order, shape);
        CHECK_EQ(order_offered_job(order, shape), 0, "withdrawn");
    }
    (void)count;
}

TEST(order_next__goes_by_the_mode) {
    static const struct {
        const char *what;
        struct waiting jobs[6];
        int64_t aging_s;
        const char *fifo;
        const char *priority;
        const char *fair;
    } rows[] = {
        {"nobody", {{0}}, 0, "", "", ""},
        {"equal jobs go by id, equal shares by name",
         {{"b", "x", 0, 0, 0, 0, 0},
          {"a", "z", 1, 0, 0, 0, 0},
          {"b", "x", 2, 0, 0, 0, 0},
          {"a", "y", 2, 0, 0, 0, 0}},
         0,
         "1 2 3 4",
         "1 2 3 4",
         "4 2 1 3"},
        {"priority is for one's own jobs, where it is fair",
         {{"a", "x", 0, 0, 0, 0, 0}, {"b", "y", 1, 0, 9, 0, 0}, {"a", "x", 0, 0, 5, 0, 0}},
         0,
         "1 2 3",
         "2 3 1",
         "3 1 2"},
        {"a tier goes before everything",
         {{"a", "x", 0, 0, 9, 0, 0}, {"b", "y", 1, 1, 0, 0, 50}, {"a", "x", 0, -1, 99, 0, 0}},
         0,
         "1 2 3",
         "2 1 3",
         "2 1 3"},
        {"the lower share goes first",
         {{"a", "x", 0, 0, 9, 0, 20}, {"b", "y", 1, 0, 0, 0, 10}, {"c", "z", 1, 0, 0, 0, 5}},
         0,
         "1 2 3",
         "1 2 3",
         "3 2 1"},
        {"in the team too",
         {{"a", "x", 0, 0, 9, 0, 20}, {"a", "y", 0, 0, 0, 0, 10}, {"b", "z", 1, 0, 0, 0, 25}},
         0,
         "1 2 3",
         "1 2 3",
         "3 2 1"},
        {"without aging, age decides among equals",
         {{"a", "x", 0, 0, 0, 30, 0}, {"a", "x", 1, 0, 0, 20, 0}, {"a", "x", 2, 0, 1, 90, 0}},
         0,
         "1 2 3",
         "3 1 2",
         "3 2 1"},
        {"a point of priority is worth a minute",
         {{"a", "x", 0, 0, 0, 0, 0}, {"a", "x", 0, 0, 1, 59, 0}, {"a", "x", 0, 0, 1, 61, 0}},
         60,
         "1 2 3",
         "2 3 1",
         "2 1 3"},
        {"the largest numbers do not overflow",
         {{"a", "x", 0, 0, -1000000000, 0, 0}, {"a", "x", 0, 0, 1000000000, 0, 0}},
         100000,
         "1 2",
         "2 1",
         "2 1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int mode = 0; mode < ORDER_MODE_COUNT; mode++) {
            struct share *share = share_create();
            struct order *order = order_create(share);
            const struct resources capacity = {{[RESOURCE_CPU] = 100 * CORE}};
            const char *want = mode == ORDER_FIFO       ? rows[i].fifo
                               : mode == ORDER_PRIORITY ? rows[i].priority
                                                        : rows[i].fair;
            char text[64];
            size_t count = 0;

            order_configure(order, &(struct order_settings){.mode = (enum order_mode)mode,
                                                            .aging_us = rows[i].aging_s * SECOND});
            share_set_capacity(share, &capacity);
            share_name_namespace(share, 9, "ns");
            for (; count < ARRAY_LEN(rows[i].jobs) && rows[i].jobs[count].team != NULL; count++) {
                const struct waiting *job = &rows[i].jobs[count];
                const struct resources requests = {{[RESOURCE_CPU] = job->running * CORE}};
                const uint32_t node = share_hold(share, job->team, job->user);

                order_add(order, (uint32_t)count,
                          &(struct order_shape){.namespace_index = job->namespace_index,
                                                .node = node,
                                                .tier = job->tier,
                                                .priority = job->priority,
                                                .where = count * 7 % 3});
                if (job->running > 0) {
                    share_charge(share,
                                 &(struct share_charge){
                                     .node = node, .namespace_index = 9, .requests = &requests},
                                 1, T0);
                }
            }
            for (int round = 0; round < 2; round++) { /* The same again, from the other end. */
                for (size_t j = 0; j < count; j++) {
                    const size_t at = round == 0 ? j : count - 1 - j;

                    order_offer(order, (uint32_t)at, at + 1,
                                T0 + rows[i].jobs[at].eligible_s * SECOND);
                }
                take_all(order, count, text, sizeof text);
                CHECK_STR(text, want, rows[i].what);
            }
            order_destroy(order);
            share_destroy(share);
        }
    }
}

TEST(order_next__skips_what_is_shut) {
    struct share *share = share_create();
    struct order *order = order_create(share);
    const uint32_t x = share_hold(share, "a", "x");
    const uint32_t y = share_hold(share, "b", "y");
    const struct order_shape shapes[] = {
        {.node = x, .namespace_index = 0},
        {.node = x, .namespace_index = 1},
        {.node = y, .namespace_index = 0},
        {.node = y, .namespace_index = 1, .tier = 3},
    };
    char text[64];

    for (int mode = 0; mode < ORDER_MODE_COUNT; mode++) {
        order_configure(order, &(struct order_settings){.mode = (enum order_mode)mode});
        for (uint32_t i = 0; i < ARRAY_LEN(shapes); i++) {
            order_add(order, i, &shapes[i]);
            order_offer(order, i, i + 1, 0);
        }
        order_begin(order, T0);
        order_shut_namespace(order, 0);
        order_shut_node(order, share_parent(share, x));
        CHECK_EQ(order_next(order), 3, "of b, in namespace 1");
        CHECK_EQ(order_shut_by(order, x), share_parent(share, x), "the team shuts its user");
        CHECK_EQ(order_shut_by(order, y), SHARE_NONE, "not the other team's");
        order_withdraw(order, 3);
        CHECK_EQ(order_next(order), ORDER_NONE, "all others are shut");
        order_open_namespace(order, 0);
        CHECK_EQ(order_next(order), 2, "of b, in namespace 0");
        take_all(order, 4, text, sizeof text);
        CHECK_STR(text, "1 2 3", "a new pass opens the team");
    }
    order_destroy(order);
    share_destroy(share);
}

/* --- Nothing but what is on offer counts ------------------------------------------------------ */

/* However it came about, the order is that of an order that was just made. */
TEST(order_next__does_not_depend_on_history) {
    enum {
        SHAPES = 60,
        USERS = 8
    };

    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct share *share = share_create();
        struct order *old = order_create(share);
        const enum order_mode mode = (enum order_mode)(seed % ORDER_MODE_COUNT);
        const struct order_settings settings = {.mode = mode, .aging_us = MINUTE};
        const struct resources capacity = {{[RESOURCE_CPU] = 100 * CORE}};
        struct order_shape shapes[SHAPES];
        uint32_t users[USERS];
        int64_t now_us = T0;
        struct rng rng;

        rng_init(&rng, seed);
        share_set_capacity(share, &capacity);
        share_name_namespace(share, 5, "ns");
        order_configure(old, &settings);
        for (size_t i = 0; i < USERS; i++) {
            char name[2] = {(char)('a' + i % 3), '\0'};
            char user[2] = {(char)('p' + i), '\0'};

            users[i] = share_hold(share, name, user);
        }
        for (uint32_t i = 0; i < SHAPES; i++) {
            shapes[i] = (struct order_shape){.namespace_index = rng_below(&rng, 5),
                                             .node = users[rng_below(&rng, USERS)],
                                             .tier = (int32_t)rng_below(&rng, 2),
                                             .priority = (int32_t)rng_below(&rng, 3),
                                             .where = rng_below(&rng, 4)};
            order_add(old, i, &shapes[i]);
        }
        for (size_t pass = 0; pass < 40; pass++) {
            struct order *fresh = order_create(share);

            for (uint32_t i = 0; i < SHAPES; i++) {
                if (rng_below(&rng, 3) == 0) {
                    order_offer(old, i, 1 + rng_below(&rng, 9) * SHAPES + i,
                                now_us - (int64_t)rng_below(&rng, 500) * SECOND);
                } else if (rng_below(&rng, 4) == 0) {
                    order_withdraw(old, i);
                }
            }
            for (size_t i = 0; i < 5; i++) {
                if (rng_below(&rng, 4) == 0) {
                    order_shut_namespace(old, i);
                } else {
                    order_open_namespace(old, i);
                }
            }
            now_us += (int64_t)rng_below(&rng, 3) * HOUR;
            order_configure(fresh, &settings);
            for (uint32_t i = 0; i < SHAPES; i++) {
                order_add(fresh, i, &shapes[i]);
                if (order_offered_job(old, i) != 0) {
                    order_offer(fresh, i, order_offered_job(old, i), order_offered_since(old, i));
                }
            }
            for (size_t i = 0; i < 5; i++) {
                if (order_namespace_is_shut(old, i)) {
                    order_shut_namespace(fresh, i);
                }
            }
            order_begin(old, now_us);
            order_begin(fresh, now_us);
            for (size_t take = 0; take < SHAPES; take++) {
                const uint32_t shape = order_next(old);
                const struct resources requests = {{[RESOURCE_CPU] = CORE}};

                CHECK_EQ(shape, order_next(fresh), "the same next one");
                if (shape == ORDER_NONE) {
                    break;
                }
                if (rng_below(&rng, 2) == 0) { /* It starts. */
                    share_charge(share,
                                 &(struct share_charge){.node = shapes[shape].node,
                                                        .namespace_index = 5,
                                                        .requests = &requests},
                                 1, now_us);
                    order_charged(old, shape);
                    order_charged(fresh, shape);
                } else if (rng_below(&rng, 5) == 0) {
                    const uint32_t node = share_parent(share, shapes[shape].node);

                    order_shut_node(old, node);
                    order_shut_node(fresh, node);
                } else if (rng_below(&rng, 8) == 0) {
                    order_shut_where(old, shapes[shape].where, 1);
                    order_shut_where(fresh, shapes[shape].where, 1);
                }
                order_withdraw(old, shape);
                order_withdraw(fresh, shape);
                if (rng_below(&rng, 10) == 0) {
                    break;
                }
            }
            order_destroy(fresh);
        }
        order_destroy(old);
        share_destroy(share);
    }
}
