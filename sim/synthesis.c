#include "sim/synthesis.h"

#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/rng.h"

#define NAMES_OF_A_TEAM 8
#define GAP_MEAN_S      75.0 /* at night: a third */
#define RUN_MEDIAN_S    420.0
#define TWO_PI          6.283185307179586

/* A job that comes again and again. */
struct recurring {
    double median_s;
    unsigned executors;
    unsigned cpus; /* of each */
};

static const char *const teams[] = {"ads", "billing", "features", "logs", "reports", "search"};

static double normal(struct rng *rng) {
    double u = 1 - rng_unit(rng); /* Not 0. */

    return sqrt(-2 * log(u)) * cos(TWO_PI * rng_unit(rng));
}

static void make_recurring(struct rng *rng,
                           struct recurring out[ARRAY_LEN(teams) * NAMES_OF_A_TEAM]) {
    for (size_t i = 0; i < ARRAY_LEN(teams) * NAMES_OF_A_TEAM; i++) {
        out[i] = (struct recurring){
            .median_s = RUN_MEDIAN_S * exp(1.2 * normal(rng)),
            .executors = 1u << rng_below(rng, 5),
            .cpus = 1u << rng_below(rng, 3),
        };
    }
}

/* The first teams have more to do than the last. */
static size_t draw_team(struct rng *rng) {
    double u = rng_unit(rng);

    return (size_t)(u * u * (double)ARRAY_LEN(teams));
}

static double gap_s(struct rng *rng, double at_s) {
    double hour = fmod(at_s / 3600, 24);
    double mean_s = hour >= 22 || hour < 6 ? GAP_MEAN_S / 3 : GAP_MEAN_S;

    return -mean_s * log(1 - rng_unit(rng));
}

static void write_job(struct rng *rng, const struct recurring *kind, size_t team, size_t which,
                      double at_s, struct buf *out) {
    double run_s = fmax(1, kind->median_s * exp(0.35 * normal(rng)));

    buf_add_format(out, "{\"submit\": %.0f, \"runtime\": %.0f, \"team\": \"%s\", ", at_s, run_s,
                   teams[team]);
    if (rng_below(rng, 3) == 0) {
        buf_add_format(out, "\"expected\": %.0f, ", run_s * (1 + 2 * rng_unit(rng)));
    }
    buf_add_format(out,
                   "\"name\": \"%s-%c\", \"pods\": [{\"cpu\": 1, \"memory\": \"2Gi\"}, "
                   "{\"count\": %u, \"cpu\": %u, \"memory\": \"%uGi\"}]}\n",
                   teams[team], (char)('a' + which), kind->executors, kind->cpus, 4 * kind->cpus);
}

void synthesis_write(size_t jobs, uint64_t seed, struct buf *out) {
    struct recurring kinds[ARRAY_LEN(teams) * NAMES_OF_A_TEAM];
    struct rng rng;
    double at_s = 20 * 3600;

    rng_init(&rng, seed);
    make_recurring(&rng, kinds);
    for (size_t i = 0; i < jobs; i++) {
        size_t team = draw_team(&rng);
        size_t which = rng_below(&rng, NAMES_OF_A_TEAM);

        at_s += gap_s(&rng, at_s);
        write_job(&rng, &kinds[team * NAMES_OF_A_TEAM + which], team, which, at_s, out);
    }
}
