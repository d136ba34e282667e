#include "queue/usage_check.h"

#include <stdio.h>
#include <string.h>

#include "tests/test.h"

#define HOUR INT64_C(3600000000)
#define T0   (1000 * HOUR)

/* Two hours after T0, with a half-life of an hour: 1 core for the first hour counts a quarter, 4
 * since the second hour's start a half; and there are 2 cores of others. A GPU alike. */
static struct fact usage_fact(void) {
    return (struct fact){.kind = FACT_USAGE,
                         .key = "red/ann",
                         .value.usage = {.updated_us = T0 + 2 * HOUR,
                                         .count = 8,
                                         .amounts = {4250, 0, 0, 0, 0, 0, 0, 0},
                                         .carried_count = 8,
                                         .carried = {2000},
                                         .half_life_us = HOUR}};
}

static struct fact gpu_fact(void) {
    return (struct fact){
        .kind = FACT_USAGE,
        .key = "red/ann\tnvidia.com/gpu",
        .value.usage = {
            .updated_us = T0 + 2 * HOUR, .count = 2, .amounts = {500, 0}, .half_life_us = HOUR}};
}

static const struct job job = {.id = 7, .team = "red", .submitter = "token:ann"};

static struct attempt over(void) {
    return (struct attempt){
        .cpu_milli = 1000, .charged_us = T0, .uncharged_us = T0 + HOUR, .charge = ""};
}

static struct attempt running(void) {
    return (struct attempt){
        .cpu_milli = 4000, .charged_us = T0 + HOUR, .charge = "nvidia.com/gpu=1"};
}

struct told {
    unsigned count;
    char last[512];
};

static void tell(void *context, const char *text) {
    struct told *told = context;

    told->count++;
    (void)snprintf(told->last, sizeof told->last, "%s", text);
}

static void look(const struct fact *facts, size_t fact_count, const struct attempt *attempts,
                 size_t attempt_count, struct told *out_told) {
    struct usage_check *check = usage_check_create();

    *out_told = (struct told){.count = 0};
    for (size_t i = 0; i < fact_count; i++) {
        usage_check_add_fact(check, &facts[i]);
    }
    for (size_t i = 0; i < attempt_count; i++) {
        usage_check_add_attempt(check, &job, &attempts[i]);
    }
    usage_check_tell(check, tell, out_told);
    usage_check_destroy(check);
}

TEST(usage_check__tells_each_difference) {
    struct {
        const char *what;
        struct fact facts[2];
        struct attempt attempts[2];
        unsigned want;
        const char *text;
    } rows[] = {
        {.what = "all is right"},
        {.what = "a millicore too much is used",
         .want = 1,
         .text = "usage of red/ann: cpu is 4251.000000, by what was charged it would be 4250.0"},
        {.what = "a hundredth of it", .want = 1},
        {.what = "memory that nobody was charged", .want = 1, .text = "usage of red/ann: memory"},
        {.what = "what is carried is another sum", .want = 1},
        {.what = "an attempt was longer", .want = 1},
        {.what = "an attempt was larger", .want = 1},
        {.what = "an attempt had no GPU", .want = 1, .text = "usage of red/ann: nvidia.com/gpu is"},
        {.what = "the books began later, without the first hour", .want = 1},
        {.what = "of an earlier version: nothing is known"},
        {.what = "an attempt of an earlier version: it is carried"},
        {.what = "what can't be read", .want = 3, .text = NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].facts[0] = usage_fact();
        rows[i].facts[1] = gpu_fact();
        rows[i].attempts[0] = over();
        rows[i].attempts[1] = running();
    }
    rows[1].facts[0].value.usage.amounts[0]++;
    rows[2].facts[0].value.usage.amounts[4] = 10000000;
    rows[3].facts[0].value.usage.amounts[1] = 1;
    rows[4].facts[0].value.usage.carried[0] = 1999;
    rows[5].attempts[0].uncharged_us += HOUR / 1000;
    rows[6].attempts[1].cpu_milli = 4001;
    rows[7].attempts[1].charge = "";
    rows[8].facts[0].value.usage.since_us = rows[8].facts[1].value.usage.since_us = T0 + HOUR;
    rows[9].facts[0].value.usage.half_life_us = rows[9].facts[1].value.usage.half_life_us = 0;
    rows[9].facts[0].value.usage.carried_count = 0;
    rows[10].attempts[0].charged_us = rows[10].attempts[0].uncharged_us = 0;
    rows[10].facts[0].value.usage.carried[0] = 2250;
    rows[11].attempts[1].charge = "?";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct told told;

        look(rows[i].facts, 2, rows[i].attempts, 2, &told);
        CHECK_EQ(told.count, rows[i].want, rows[i].what);
        if (rows[i].text != NULL) {
            CHECK(strncmp(told.last, rows[i].text, strlen(rows[i].text)) == 0, told.last);
        }
    }
}

TEST(usage_check__misses_the_record_of_who_is_charged) {
    const struct attempt attempts[] = {over(), running()};
    struct told told;

    look(NULL, 0, &attempts[0], 1, &told);
    CHECK_EQ(told.count, 0, "it was so long ago that its record went");
    look(NULL, 0, &attempts[1], 1, &told);
    CHECK_EQ(told.count, 1, "still charged");
    CHECK_STR(told.last, "usage of red/ann: there is none, though job 7 is charged to it", "text");
}
