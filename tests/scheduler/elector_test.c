#include "scheduler/elector.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/test.h"

#define S CLOCK_US_PER_SECOND

static const struct elector_settings settings = {
    .lease_us = 15 * S, .renew_us = 10 * S, .retry_us = 2 * S};

/* --- The table: one elector, told what it reads ---------------------------------------------- */

/* At a second, a step is expected and answered; or (WAIT) nothing is sent. */
struct move {
    int64_t at_s;
    enum elector_step step;
    enum elector_result result;
    const char *holder; /* of what is found: "me" is the elector's own */
    int64_t renewed_s;  /* of what is found */
    bool leads;         /* after it */
};

static struct instant at(int64_t seconds) {
    return (struct instant){.now_us = 1700000000 * S - seconds, .mono_us = seconds * S};
}

static struct lease lease_of(const struct move *move) {
    struct lease lease = {.renewed_us = move->renewed_s * S, .duration_s = 15, .transitions = 4};

    (void)snprintf(lease.holder, sizeof lease.holder, "%s", move->holder);
    (void)snprintf(lease.version, sizeof lease.version, "%d", (int)move->renewed_s);
    return lease;
}

static void play(const char *what, const struct move *moves, size_t count) {
    struct elector elector;

    elector_init(&elector, &settings, "me", "https://me");
    for (size_t i = 0; i < count; i++) {
        const struct move *move = &moves[i];
        struct lease lease = lease_of(move);
        struct lease wanted = {0};
        int64_t wake_us;
        char where[128];

        (void)snprintf(where, sizeof where, "%s, move %zu", what, i);
        CHECK_EQ(elector_next(&elector, at(move->at_s), 0, &wanted, &wake_us), move->step, where);
        if (move->step != ELECTOR_WAIT) {
            bool writes = move->step != ELECTOR_GET && move->result == ELECTOR_FOUND;

            elector_answer(&elector, at(move->at_s), move->result, writes ? &wanted : &lease);
        }
        CHECK_EQ(elector_leads(&elector, at(move->at_s).mono_us), move->leads, where);
    }
}

TEST(elector__follows_the_lease) {
    static const struct {
        const char *what;
        struct move moves[12];
    } rows[] = {
        {"no lease: it is made, and led for the renew deadline, not for the lease's duration",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true},
          {1, ELECTOR_WAIT, 0, "", 0, true},
          {2, ELECTOR_UPDATE, ELECTOR_FOUND, "me", 0, true},
          {4, ELECTOR_UPDATE, ELECTOR_FAILED, "", 0, true},
          {6, ELECTOR_GET, ELECTOR_FAILED, "", 0, true},
          {11, ELECTOR_GET, ELECTOR_FAILED, "", 0, true},
          {12, ELECTOR_WAIT, 0, "", 0, false}}},
        {"somebody else makes it first",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_CONFLICT, "", 0, false},
          {2, ELECTOR_GET, ELECTOR_FOUND, "it", 1, false},
          {3, ELECTOR_WAIT, 0, "", 0, false}}},
        {"another's lease is taken a whole duration after it was seen to change, and not before",
         {{0, ELECTOR_GET, ELECTOR_FOUND, "it", 1, false},
          {2, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false},
          {4, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false},
          {16, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false},
          {17, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false},
          {17, ELECTOR_UPDATE, ELECTOR_FOUND, "me", 0, true}}},
        {"what it says of its time is not believed: years old, it is waited for all the same",
         {{0, ELECTOR_GET, ELECTOR_FOUND, "it", -1000000, false},
          {14, ELECTOR_GET, ELECTOR_FOUND, "it", -1000000, false},
          {15, ELECTOR_GET, ELECTOR_FOUND, "it", -1000000, false},
          {15, ELECTOR_UPDATE, ELECTOR_FOUND, "me", 0, true}}},
        {"in the last moment it was renewed after all",
         {{0, ELECTOR_GET, ELECTOR_FOUND, "it", 1, false},
          {15, ELECTOR_GET, ELECTOR_FOUND, "it", 1, false},
          {15, ELECTOR_UPDATE, ELECTOR_CONFLICT, "", 0, false},
          {17, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false},
          {31, ELECTOR_GET, ELECTOR_FOUND, "it", 2, false}}},
        {"given away, it is taken at once",
         {{0, ELECTOR_GET, ELECTOR_FOUND, "", 1, false},
          {0, ELECTOR_UPDATE, ELECTOR_FOUND, "me", 0, true}}},
        {"a write whose answer is lost is not counted until it is repeated",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_FAILED, "", 0, false},
          {2, ELECTOR_GET, ELECTOR_FOUND, "me", 0, false},
          {2, ELECTOR_UPDATE, ELECTOR_FOUND, "me", 0, true}}},
        {"another took it while we could not see: no more from the first look on",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true},
          {2, ELECTOR_UPDATE, ELECTOR_CONFLICT, "", 0, true},
          {4, ELECTOR_GET, ELECTOR_FOUND, "it", 3, false}}},
        {"deleted by hand: not ours until it is made anew",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true},
          {2, ELECTOR_UPDATE, ELECTOR_MISSING, "", 0, false},
          {4, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {4, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true}}},
        {"deleted by hand while another had it: left to him for the rest of its time",
         {{0, ELECTOR_GET, ELECTOR_FOUND, "it", 1, false},
          {2, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {14, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {16, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {16, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true}}},
        {"stopped for an hour, it does not lead when it wakes, nor writes before it reads",
         {{0, ELECTOR_GET, ELECTOR_MISSING, "", 0, false},
          {0, ELECTOR_CREATE, ELECTOR_FOUND, "me", 0, true},
          {3600, ELECTOR_UPDATE, ELECTOR_CONFLICT, "", 0, false},
          {3602, ELECTOR_GET, ELECTOR_FOUND, "it", 3, false}}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = 0;

        while (count < ARRAY_LEN(rows[i].moves) && (rows[i].moves[count].holder != NULL)) {
            count++;
        }
        play(rows[i].what, rows[i].moves, count);
    }
}

static void read_as(struct elector *elector, int64_t seconds, const char *holder) {
    struct move move = {.holder = holder, .renewed_s = seconds};
    struct lease lease = lease_of(&move);
    struct lease wanted;
    int64_t wake_us;

    CHECK_EQ(elector_next(elector, at(seconds), 0, &wanted, &wake_us), ELECTOR_GET, "it looks");
    elector_answer(elector, at(seconds), ELECTOR_FOUND, &lease);
}

/* It is as it was. */
static void read_again(struct elector *elector, int64_t seconds) {
    struct lease lease = elector->seen;
    struct lease wanted;
    int64_t wake_us;

    CHECK_EQ(elector_next(elector, at(seconds), 0, &wanted, &wake_us), ELECTOR_GET, "it looks");
    elector_answer(elector, at(seconds), ELECTOR_FOUND, &lease);
}

TEST(elector__counts_a_write_from_when_it_was_sent) {
    struct elector elector;
    struct lease wanted;
    int64_t wake_us;

    elector_init(&elector, &settings, "me", "");
    read_as(&elector, 0, "");
    CHECK_EQ(elector_next(&elector, at(0), 0, &wanted, &wake_us), ELECTOR_UPDATE, "takes it");
    elector_answer(&elector, at(9), ELECTOR_FOUND, &wanted);
    CHECK(elector_leads(&elector, 9 * S), "nine seconds later it is known");
    CHECK(!elector_leads(&elector, 10 * S), "and one second is left");
}

TEST(elector__writes_what_others_can_read) {
    struct elector elector;
    struct lease wanted = {0};
    int64_t wake_us;

    elector_init(&elector, &settings, "me", "https://me:9");
    read_as(&elector, 0, "it");
    read_again(&elector, 15);
    CHECK_EQ(elector_next(&elector, at(15), 0, &wanted, &wake_us), ELECTOR_UPDATE, "takes it");
    CHECK_STR(wanted.holder, "me", "holder");
    CHECK_STR(wanted.address, "https://me:9", "where its clients find it");
    CHECK_EQ(wanted.transitions, 5, "one more than it was");
    CHECK_EQ(wanted.duration_s, 15, "duration");
    elector_answer(&elector, at(15), ELECTOR_FOUND, &wanted);
    elector_resign(&elector);
    CHECK(!elector_leads(&elector, 15 * S), "not from the moment it resigns");
    CHECK_EQ(elector_next(&elector, at(15), 0, &wanted, &wake_us), ELECTOR_UPDATE, "gives it away");
    CHECK_STR(wanted.holder, "", "nobody's");
    CHECK(!elector_has_resigned(&elector), "not yet");
    elector_answer(&elector, at(15), ELECTOR_FOUND, &wanted);
    CHECK(elector_has_resigned(&elector), "done");
    CHECK_EQ(elector_next(&elector, at(60), 0, &wanted, &wake_us), ELECTOR_WAIT, "and stays away");
}

TEST(elector__need_not_wait_for_the_dead) {
    struct elector elector;
    struct lease wanted;
    int64_t wake_us;

    elector_init(&elector, &settings, "me", "");
    read_as(&elector, 0, "it");
    elector_note_ended(&elector, "somebody");
    CHECK_EQ(elector_next(&elector, at(1), 0, &wanted, &wake_us), ELECTOR_WAIT, "another died");
    CHECK_EQ(wake_us, 2 * S, "the next look");
    elector_note_ended(&elector, "it");
    read_again(&elector, 1);
    CHECK_EQ(elector_next(&elector, at(1), 0, &wanted, &wake_us), ELECTOR_UPDATE, "it died");
    elector_answer(&elector, at(1), ELECTOR_CONFLICT, NULL);
    read_as(&elector, 3, "third");
    CHECK_EQ(elector_next(&elector, at(6), 0, &wanted, &wake_us), ELECTOR_GET,
             "a third one has it");
}

/* --- Three of them, one server, any trouble ------------------------------------------------- */

#define ELECTORS 3

/* One with its own clocks, which may stand still for a while, and one request under way. */
struct actor {
    struct elector elector;
    int64_t offset_us;
    int64_t parts_per_million; /* how much faster its clock is */
    int64_t paused_until_us;
    bool is_sent; /* the request is on its way, or carried out */
    bool is_lost; /* the answer will not come */
    int64_t arrives_us;
    int64_t answers_us;
    enum elector_step step;
    struct lease lease;
    enum elector_result result;
    bool is_carried_out;
};

/* A write that nobody waits for any more and that arrives all the same. */
struct ghost {
    int64_t arrives_us;
    enum elector_step step;
    struct lease lease;
};

struct duel {
    struct rng rng;
    struct ghost ghosts[16];
    size_t ghost_count;
    int64_t now_us;
    struct lease lease;
    bool exists;
    uint64_t version;
    struct actor actors[ELECTORS];
    bool peace;
    unsigned led; /* steps in which somebody did */
};

static struct instant clock_of(const struct duel *duel, const struct actor *actor) {
    int64_t mono_us = duel->now_us + duel->now_us / 1000000 * actor->parts_per_million;

    /* The clock on the wall says anything. */
    return (struct instant){.now_us = 1000 * S * (1 + (int64_t)(duel->now_us % 7)),
                            .mono_us = mono_us + actor->offset_us};
}

/* The server: a write must name the version it read. */
static enum elector_result serve(struct duel *duel, enum elector_step step, struct lease *lease) {
    if (step == ELECTOR_GET) {
        *lease = duel->lease;
        return duel->exists ? ELECTOR_FOUND : ELECTOR_MISSING;
    }
    if (step == ELECTOR_CREATE ? duel->exists : strcmp(duel->lease.version, lease->version) != 0) {
        return ELECTOR_CONFLICT;
    }
    (void)snprintf(lease->version, sizeof lease->version, "%d", (int)++duel->version);
    duel->lease = *lease;
    duel->exists = true;
    return ELECTOR_FOUND;
}

static void serve_ghosts(struct duel *duel) {
    for (size_t i = duel->ghost_count; i > 0; i--) {
        struct ghost *ghost = &duel->ghosts[i - 1];

        if (ghost->arrives_us <= duel->now_us) {
            (void)serve(duel, ghost->step, &ghost->lease);
            *ghost = duel->ghosts[--duel->ghost_count];
        }
    }
}

static void give_up(struct duel *duel, struct actor *actor) {
    if (actor->step != ELECTOR_GET && !actor->is_carried_out &&
        actor->arrives_us != CLOCK_NEVER_US && duel->ghost_count < ARRAY_LEN(duel->ghosts)) {
        duel->ghosts[duel->ghost_count++] = (struct ghost){
            .arrives_us = actor->arrives_us, .step = actor->step, .lease = actor->lease};
    }
}

static void act(struct duel *duel, struct actor *actor) {
    int64_t wake_us;
    struct lease lease;

    if (actor->is_sent && !actor->is_carried_out && actor->arrives_us <= duel->now_us) {
        actor->is_carried_out = true;
        actor->result = serve(duel, actor->step, &actor->lease);
    }
    if (actor->paused_until_us > duel->now_us) {
        return;
    }
    if (actor->is_sent && actor->answers_us <= duel->now_us) {
        actor->is_sent = false;
        give_up(duel, actor);
        elector_answer(&actor->elector, clock_of(duel, actor),
                       actor->is_lost ? ELECTOR_FAILED : actor->result, &actor->lease);
    }
    if (!actor->is_sent &&
        (actor->step = elector_next(&actor->elector, clock_of(duel, actor), rng_unit(&duel->rng),
                                    &lease, &wake_us)) != ELECTOR_WAIT) {
        bool slow = !duel->peace && rng_below(&duel->rng, 10) == 0;

        actor->lease = lease;
        actor->is_sent = true;
        actor->is_carried_out = false;
        actor->is_lost = !duel->peace && rng_below(&duel->rng, 5) == 0;
        actor->arrives_us =
            duel->now_us + (int64_t)rng_below(&duel->rng, (uint64_t)(slow ? 20 * S : S / 2));
        if (!duel->peace && rng_below(&duel->rng, 8) == 0) {
            actor->arrives_us = CLOCK_NEVER_US; /* The request itself is lost. */
            actor->is_lost = true;
        }
        actor->answers_us = actor->is_lost ? duel->now_us + 5 * S : actor->arrives_us + S / 10;
    }
    if (!duel->peace && rng_below(&duel->rng, 400) == 0) {
        actor->paused_until_us = duel->now_us + (int64_t)rng_below(&duel->rng, 60 * S);
    }
}

static void step(struct duel *duel, uint64_t seed) {
    unsigned leaders = 0;

    duel->now_us += 1 + (int64_t)rng_below(&duel->rng, S / 5);
    serve_ghosts(duel);
    for (size_t i = 0; i < ELECTORS; i++) {
        struct actor *actor = &duel->actors[i];

        act(duel, actor);
        leaders += elector_leads(&actor->elector, clock_of(duel, actor).mono_us);
    }
    if (leaders > 1) {
        char what[64];

        (void)snprintf(what, sizeof what, "seed %d", (int)seed);
        CHECK_EQ(leaders, 1, what);
    }
    duel->led += leaders;
}

static void run_duel(uint64_t seed, unsigned *led) {
    struct duel duel = {.now_us = S};
    unsigned before;

    rng_init(&duel.rng, seed);
    for (size_t i = 0; i < ELECTORS; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "e%zu", i);
        elector_init(&duel.actors[i].elector, &settings, name, "");
        duel.actors[i].offset_us = (int64_t)rng_below(&duel.rng, 1000000 * S);
        duel.actors[i].parts_per_million = (int64_t)rng_below(&duel.rng, 1000);
    }
    for (int i = 0; i < 5000; i++) {
        step(&duel, seed);
    }
    duel.peace = true;
    for (int64_t end_us = duel.now_us + 80 * S; duel.now_us < end_us;) {
        step(&duel, seed);
    }
    before = duel.led;
    for (int64_t end_us = duel.now_us + 60 * S; duel.now_us < end_us;) {
        unsigned was = duel.led;

        step(&duel, seed);
        CHECK_EQ(duel.led, was + 1, "in peace somebody leads at every moment");
    }
    *led += before > 500;
}

TEST_WITHIN(elector__never_leads_while_another_does, 60) {
    unsigned led = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        run_duel(seed, &led);
    }
    CHECK(led > 250, "and in trouble somebody leads most of the time");
}
