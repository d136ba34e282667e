#include "policy/preempt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/test.h"

#define VICTIMS_MAX 10
#define KINDS       2

/* A job that needs so much of each kind; a victim gives back so much. */
struct need {
    struct preempt_victim victims[VICTIMS_MAX];
    int64_t gives[VICTIMS_MAX][KINDS];
    int64_t needs[KINDS];
    size_t count;
    size_t asked;
};

static bool fits(void *context, const uint32_t *chosen, size_t count) {
    struct need *need = context;

    need->asked++;
    for (size_t k = 0; k < KINDS; k++) {
        int64_t sum = 0;

        for (size_t i = 0; i < count; i++) {
            sum += need->gives[chosen[i]][k];
        }
        if (sum < need->needs[k]) {
            return false;
        }
    }
    return true;
}

static size_t choose(struct need *need, size_t checks_max, uint32_t *out_chosen) {
    const struct preempt_ask ask = {.victims = need->victims,
                                    .count = need->count,
                                    .fits = fits,
                                    .context = need,
                                    .checks_max = checks_max};

    need->asked = 0;
    return preempt_choose(&ask, out_chosen);
}

TEST(preempt_choose__takes_lower_tiers_then_fewer_pods_then_less_work) {
    static const struct {
        const char *what;
        struct {
            int32_t tier;
            uint32_t pods;
            int64_t ran_us;
            int64_t gives;
        } victims[4];
        int64_t needs;
        const char *want;
    } rows[] = {
        {"one is enough: the one that ran for less time",
         {{0, 1, 50, 4}, {0, 1, 20, 4}, {0, 1, 70, 4}},
         4,
         "1"},
        {"fewer pods, though more work is lost", {{0, 1, 900, 4}, {0, 2, 1, 4}}, 4, "0"},
        {"two small ones before one with more pods",
         {{0, 5, 1, 8}, {0, 1, 9, 4}, {0, 1, 9, 4}},
         8,
         "1 2"},
        {"a lower tier, though it has more pods", {{1, 1, 1, 8}, {0, 9, 99, 8}}, 8, "1"},
        {"as few of the higher tier as can be: many of the lower besides",
         {{1, 1, 1, 4}, {1, 2, 1, 8}, {0, 3, 1, 2}, {0, 3, 1, 2}},
         8,
         "0 2 3"},
        {"not even all of them", {{0, 1, 1, 3}, {0, 1, 1, 3}}, 8, ""},
        {"who gives nothing stays", {{0, 1, 1, 0}, {0, 4, 9, 8}}, 8, "1"},
        {"fewer pods, though they ran for longer", {{0, 2, 10, 8}, {0, 1, 30, 8}}, 8, "1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct need need = {.needs = {rows[i].needs, 0}};
        uint32_t chosen[VICTIMS_MAX];
        char got[64] = "";
        size_t count;

        for (size_t v = 0; v < 4 && rows[i].victims[v].pods > 0; v++) {
            need.victims[need.count] = (struct preempt_victim){.job_id = v + 1,
                                                               .tier = rows[i].victims[v].tier,
                                                               .pods = rows[i].victims[v].pods,
                                                               .ran_us = rows[i].victims[v].ran_us};
            need.gives[need.count++][0] = rows[i].victims[v].gives;
        }
        count = choose(&need, 1000, chosen);
        for (size_t v = 0; v < count; v++) {
            (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%" PRIu32,
                           v > 0 ? " " : "", chosen[v]);
        }
        CHECK_STR(got, rows[i].want, rows[i].what);
    }
}

/* Another arithmetic of the same rule: pods by tier, as digits of one large number. */
static double weight(const struct need *need, unsigned set) {
    double pods = 0;
    double lost = 0;

    for (size_t i = 0; i < need->count; i++) {
        if ((set >> i & 1) != 0) {
            double digit = need->victims[i].pods;

            for (int32_t tier = 0; tier < need->victims[i].tier; tier++) {
                digit *= 1000;
            }
            pods += digit;
            lost += (double)need->victims[i].pods * (double)need->victims[i].ran_us;
        }
    }
    return pods * 1e6 + lost; /* Below 2^53: pods < 1e9 at three tiers, work < 1e6. */
}

static unsigned best_of_all(struct need *need) {
    unsigned best = 0;

    for (unsigned set = 1; set < 1u << need->count; set++) {
        uint32_t chosen[VICTIMS_MAX];
        size_t count = 0;

        for (size_t i = 0; i < need->count; i++) {
            if ((set >> i & 1) != 0) {
                chosen[count++] = (uint32_t)i;
            }
        }
        if (fits(need, chosen, count) && (best == 0 || weight(need, set) < weight(need, best))) {
            best = set;
        }
    }
    return best;
}

static struct need random_need(struct rng *rng) {
    struct need need = {.count = 1 + rng_below(rng, VICTIMS_MAX - 1)};

    for (size_t i = 0; i < need.count; i++) {
        need.victims[i] = (struct preempt_victim){.job_id = i + 1,
                                                  .tier = (int32_t)rng_below(rng, 3),
                                                  .pods = 1 + (uint32_t)rng_below(rng, 5),
                                                  .ran_us = (int64_t)rng_below(rng, 1000)};
        for (size_t k = 0; k < KINDS; k++) {
            need.gives[i][k] = (int64_t)rng_below(rng, 6);
        }
    }
    for (size_t k = 0; k < KINDS; k++) {
        need.needs[k] = (int64_t)rng_below(rng, 12);
    }
    need.needs[0]++; /* At least one has to go. */
    return need;
}

TEST(preempt_choose__is_the_best_of_all_sets) {
    struct rng rng;
    unsigned found = 0;

    rng_init(&rng, 5);
    for (int round = 0; round < 3000; round++) {
        struct need need = random_need(&rng);
        uint32_t chosen[VICTIMS_MAX];
        const size_t count = choose(&need, 1u << VICTIMS_MAX, chosen);
        const unsigned best = best_of_all(&need);
        unsigned set = 0;

        for (size_t i = 0; i < count; i++) {
            set |= 1u << chosen[i];
        }
        CHECK_EQ(set == 0, best == 0, "one is found if there is one");
        CHECK(weight(&need, set) <= weight(&need, best), "none is better");
        found += best != 0;
    }
    CHECK(found > 1000, "there mostly is one");
}

TEST(preempt_choose__spares_whom_it_can_when_questions_run_out) {
    struct rng rng;

    rng_init(&rng, 6);
    for (int round = 0; round < 3000; round++) {
        struct need need = random_need(&rng);
        uint32_t chosen[VICTIMS_MAX];
        const size_t count = choose(&need, 2, chosen);

        CHECK(need.asked <= 2 + 3 + need.count, "so many questions and no more");
        CHECK(count == 0 || fits(&need, chosen, count), "it fits");
        CHECK_EQ(count == 0, best_of_all(&need) == 0, "one is found if there is one");
        for (size_t i = 0; i < count; i++) {
            uint32_t others[VICTIMS_MAX];
            size_t left = 0;

            for (size_t j = 0; j < count; j++) {
                if (j != i) {
                    others[left++] = chosen[j];
                }
            }
            CHECK(left == 0 || !fits(&need, others, left), "nobody can be spared");
        }
    }
}
