/* policy/plan_pass.h - what the files of policy/plan share: a pass under way.
 *
 * plan_shapes.c keeps the shapes; plan.c walks their order and asks limits, quotas and nodes;
 * plan_blocked.c says what a job that can't start means for those behind it. plan_look.c says what
 * a pass does about instants, plan_ends.c and plan_running.c know what ends when, plan_backfill.c
 * reserves in time and plan_kept.c keeps what was promised from pass to pass; plan_brief.c is what
 * passes in between do. plan_outcome.c tells what came of it, and plan_check.c checks it.
 */
#ifndef POLICY_PLAN_PASS_H
#define POLICY_PLAN_PASS_H

#include "policy/place.h"
#include "policy/plan.h"
#include "policy/plan_kept.h"
#include "policy/profile.h"

/* Why a shape is not on offer, and so when it will be again. */
enum plan_aside {
    PLAN_OFFERED,
    PLAN_EMPTY,          /* it has no jobs left */
    PLAN_WAITS_QUOTA,    /* for a change in its namespace: on the namespace's list */
    PLAN_WAITS_PASS,     /* for the next pass: on the plan's list */
    PLAN_WAITS_NODES,    /* for other nodes than there are: on the plan's list */
    PLAN_WAITS_SETTINGS, /* for other limits, or for a change of its own */
};

/* A reason that a shape has, or one that is to be used again: blocked shapes come and go with every
 * pass, and allocating their reasons would cost more than finding them. */
struct plan_reason {
    struct reason reason;
    struct plan_reason *next; /* of those to be used again */
};

struct plan_state {
    const struct plan_shape *shape; /* NULL: the number is free */
    const struct demand *demand;    /* as it was looked at */
    bool is_refused;
    enum plan_aside aside;
    size_t started;          /* of its jobs, in this pass */
    uint64_t pass;           /* the first to see what is on offer */
    size_t promised;         /* of those behind them */
    int64_t runtime_us;      /* of the job that was looked at last; 0: unknown */
    uint64_t waits_id;       /* the job that its reason is about */
    struct place_miss miss;  /* how its gang did not fit when nothing was kept from it, */
    uint64_t placed_epoch;   /* plan->nodes_epoch in which empty nodes could hold it, */
    uint64_t found_epoch;    /* and a way to place it on them was found */
    uint64_t told;           /* the look in or after which it got its reason */
    uint64_t seen;           /* the look that came to it, */
    uint64_t searched;       /* to an instant for it, */
    uint64_t through;        /* and to the last of the jobs behind its promised ones */
    bool keeps;              /* something from those behind it, in each pass anew */
    uint64_t miss_version;   /* with the nodes as of this room_version(); 0: it did, or not tried */
    struct plan_reason *own; /* its reason; NULL: PLAN_EMPTY, or it was not looked at yet */
};

/* Numbers of shapes. */
struct plan_list {
    uint32_t *numbers;
    size_t count;
    size_t room;
};

/* What passes did to a namespace. */
struct plan_namespace {
    struct usage started; /* by this pass */
    struct usage kept;    /* the shares of jobs that wait for nodes */
    uint64_t kept_for;    /* the first of those; 0: none */
    uint64_t blocked_by;  /* the job that shuts it; 0: it is open */
    enum reason_code blocked_code;
    bool is_promised; /* the first job that quota stops has a promise */
    bool is_reserved; /* some job has one */
    bool reopens;     /* with the next pass, whatever changes, */
    bool watches;     /* or with the next that looks for instants */
    bool is_touched;  /* in plan->touched */
    uint64_t version; /* the ledger's, when it was last looked at */
    struct plan_list waiting;
};

/* Jobs were stopped for it: it is promised an instant, first of its kind or not. */
struct plan_favoured {
    uint64_t job_id;
    bool is_seen; /* in this pass */
};

/* What runs, as far as its ends count. */
enum plan_ends_phase {
    PLAN_ENDS_UNKNOWN,
    PLAN_ENDS_SAMPLED, /* to see which ones count */
    PLAN_ENDS_READ,
    PLAN_ENDS_KNOWN,
};

struct plan_ends {
    enum plan_ends_phase phase;
    uint64_t job_id;  /* sampled or read up to this one */
    uint64_t changes; /* as of these: ledger_job_changes(), */
    uint64_t nodes;   /* ledger_nodes_version() */
    int64_t last_us;  /* later ends don't count */
    int64_t *sample;
    size_t sample_count;
    size_t sample_room;
    size_t stride; /* one of so many is in the sample */
    size_t seen;
    uint64_t *ids; /* room to collect some */
    size_t id_count;
    size_t id_room;
};

/* A look at everything: policy/plan_look.c. */
struct plan_look {
    bool is_under_way;
    bool is_first;      /* this pass begins it */
    bool is_started;    /* it came to the first shapes */
    bool is_done;       /* with this pass */
    bool is_large;      /* the last one took more than an event may */
    bool is_wanted;     /* something has happened since it began */
    uint64_t number;    /* from 1 */
    uint64_t last_done; /* the last one that came to everybody it comes to */
    int64_t begun_us;
    int64_t next_us; /* the next one may begin then */
    enum plan_backfill_mode mode;
    size_t passes;
    size_t put_off;         /* passes that did something else, since the last slice */
    size_t work;            /* steps, before this pass */
    size_t steps;           /* of this pass, beside the profile's, */
    uint64_t profile_steps; /* and those when it began */
    size_t steps_max;
    bool is_firm;     /* every blocked job so far has its instant */
    size_t tries;     /* to find an instant */
    size_t looked_at; /* shapes, behind the first promise */
};

/* Promises. */
struct plan_backfill_state {
    struct profile *profile; /* NULL: never needed */
    bool is_loaded;
    bool has_ends; /* something is expected to end */
    struct plan_ends ends;
    struct plan_look look;
    size_t promises;
    bool is_brief;     /* this pass looks for no instants, */
    bool is_sliced;    /* looks at everything are: what was seen in one slice waits in the next */
    size_t looked_at;  /* shapes, of a brief one, */
    size_t shapes_max; /* at most */
    uint64_t *kinds;   /* of nodes for which a blocked job was first */
    size_t kind_count;
    struct plan_kept kept;
    struct plan_favoured *favoured; /* of all passes */
    size_t favoured_count;
    struct profile_run *runs; /* room to collect some */
    size_t run_count;
    size_t run_room;
};

/* A job that waits for quota or nodes. */
struct plan_blocked {
    uint32_t number; /* its shape's */
    uint64_t job_id;
    bool is_kept; /* its share of the quotas is in namespace->kept */
};

struct plan_preempt_state {
    struct plan_blocked blocked[16]; /* the first of the last pass, in order */
    size_t blocked_count;
    struct place place;
    uint64_t *chosen; /* job ids */
};

struct plan {
    struct share *share;
    struct order *order;
    struct order_settings settings;
    plan_eligible_fn *eligible_us;
    const void *context;

    struct plan_state *states; /* by number */
    size_t state_count;
    struct plan_reason *spare; /* as many as there were at most, less those in use */
    struct plan_list free_numbers;
    struct plan_list next_pass; /* PLAN_WAITS_PASS */
    struct plan_list for_nodes; /* PLAN_WAITS_NODES */
    struct plan_namespace *namespaces;
    size_t namespace_count;
    size_t *touched; /* namespaces to clear before the next pass */
    size_t touched_count;
    size_t *shut; /* namespaces that are */
    size_t shut_count;
    uint64_t *node_blockers; /* by node of the share tree: the job that shuts it */
    size_t node_blocker_count;

    struct plan_start *starts;
    size_t start_count;
    size_t start_room;
    struct place_run *runs;
    size_t run_count;
    size_t run_room;
    size_t *run_ends;   /* by start */
    struct reason rest; /* of what the pass did not come to */
    uint64_t pass;      /* how many there were */
    bool is_running;

    struct plan_backfill_state backfill;
    struct plan_preempt_state preempt;
    struct resources capacity; /* of all nodes */

    struct place *place;    /* the ledger's room; NULL until the pass needs it */
    uint64_t nodes_version; /* when PLAN_WAITS_NODES last had their chance */
    bool nodes_known;
    uint64_t nodes_epoch; /* new with other nodes, and other settings */
};

/* --- plan_shapes.c --------------------------------------------------------------------------- */

/* The job of the shape that is looked at. */
uint64_t plan_next_job(const struct plan *plan, uint32_t number);

/* The shape's next job may start, as far as we know; or there is none. */
void plan_offer(struct plan *plan, uint32_t number);

/* The same for a shape that waits; its reason stays until it is looked at. */
void plan_offer_again(struct plan *plan, uint32_t number);

/* The shape waits, for a reason of its own. */
void plan_set_aside(struct plan *plan, uint32_t number, enum plan_aside aside,
                    const struct reason *reason);
void plan_forget_reason(struct plan *plan, struct plan_state *state);

/* The shape's next job is looked at too, though the first is blocked. */
void plan_offer_behind(struct plan *plan, uint32_t number);

/* The shape waits as it did; and so do as many of its jobs as are promised something, and the next
 * one is on offer, if there is one. */
void plan_pass_over(struct plan *plan, uint32_t number);
void plan_pass_over_promised(struct plan *plan, uint32_t number, size_t promised);

uint64_t plan_where(const struct demand *demand);

void plan_need_namespace(struct plan *plan, size_t index);

/* --- plan.c ---------------------------------------------------------------------------------- */

/* The charge of one job of the shape. */
struct share_charge plan_charge(const struct plan_shape *shape);

/* Its namespace, which this pass changes. */
struct plan_namespace *plan_touch(struct plan *plan, const struct plan_shape *shape);

struct quota_answer plan_ask_quotas(const struct plan *plan, const struct plan_input *input,
                                    const struct plan_shape *shape, bool with_kept);

/* plan->place, with the pods that are on their way. */
void plan_load_nodes(struct plan *plan, const struct ledger *ledger);

/* --- plan_backfill.c ------------------------------------------------------------------------- */

enum plan_promise {
    PLAN_PROMISED,   /* an instant, noted in the reason: others keep clear of it */
    PLAN_NOT_FIRST,  /* none, and it need not keep anything from others: one before it does */
    PLAN_UNPROMISED, /* no instant can be seen */
};

/* For the job that is looked at, and blocked. */
enum plan_promise plan_promise_quota(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason);
enum plan_promise plan_promise_nodes(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, const struct place_miss *miss,
                                     struct reason *reason);

/* For a job that would be in the way of a promise. */
enum plan_promise plan_promise_later(struct plan *plan, const struct plan_input *input,
                                     uint32_t number, struct reason *reason);

/* Of a shape whose first job has a promise: the job behind it. */
void plan_promise_behind(struct plan *plan, const struct plan_input *input, uint32_t number);

/* For plan_kept.c: what is asked of the profile for a job, and something is reserved for one, or no
 * more. */
struct profile_ask plan_backfill_ask(const struct plan *plan, const struct plan_input *input,
                                     const struct plan_state *state,
                                     const struct usage **out_charged);
void plan_backfill_reserve(struct plan *plan, const struct plan_promised *promised);
void plan_backfill_unreserve(struct plan *plan, const struct plan_promised *promised);

/* A job could start now, but for a promise that it would be in the way of: by quota; and by nodes,
 * unless it was placed clear of what is promised. */
bool plan_delays_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct reason *out_reason);
bool plan_delays_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                       struct reason *out_reason);
bool plan_is_reserving(const struct plan *plan);

/* A job waits without an instant of its own: what is reserved for those behind it is kept from
 * others, but not promised, for it goes before them. */
void plan_backfill_unreserved(struct plan *plan);

/* The last of plan->starts has started. */
void plan_backfill_started(struct plan *plan, const struct plan_input *input);

/* Have enough shapes been looked at behind a promise? */
bool plan_backfill_is_tired(struct plan *plan, const struct plan_input *input);

/* Does time alone make a difference to a job that quota stops? */
bool plan_backfill_watches(const struct plan *plan);

void plan_backfill_begin(struct plan *plan, const struct plan_input *input);
void plan_backfill_end(struct plan *plan, const struct plan_input *input, bool is_complete);
void plan_backfill_finish(struct plan_backfill_state *state);

/* Would the quotas hold the shape's next job with these charged, clear of what is promised? */
bool plan_check_quotas(struct plan *plan, const struct plan_input *input, uint32_t number,
                       const struct usage *const *charged, size_t count);

/* Lower nodes like the pass's to what promises to others leave to the next job; and lift. */
void plan_keep_clear(struct plan *plan, const struct plan_input *input, uint32_t number,
                     struct place *place);
void plan_keep_clear_end(struct plan *plan, struct place *place);

/* The job is promised an instant from now on, whether it is the first of its kind or not. */
void plan_favour(struct plan *plan, uint64_t job_id);

/* Others see that it is promised, and who comes later is not the first of its kind. */
void plan_backfill_note(struct plan *plan, const struct plan_promised *promised);

/* --- plan_look.c ----------------------------------------------------------------------------- */

/* Says what this pass is: brief, or a slice of a look at everything. */
void plan_look_begin(struct plan *plan, const struct plan_input *input);

/* Has the pass done what it may? */
bool plan_look_is_spent(const struct plan *plan);

/* The look came to this shape before, and nothing has changed for it. */
bool plan_look_passes_over(struct plan *plan, const struct plan_input *input, uint32_t number);

/* The shape was looked at, and nothing of it starts. */
void plan_look_saw(struct plan *plan, uint32_t number);

/* The pass is over; has the look come to everybody it comes to? */
void plan_look_end(struct plan *plan, const struct plan_input *input, bool is_done);

bool plan_is_brief(const struct plan *plan);

/* --- plan_brief.c ---------------------------------------------------------------------------- */

/* What is known in a brief pass. */
void plan_brief_load(struct plan *plan, const struct plan_input *input);

/* Does the job fit beside what is promised to others? plan_brief_place() takes the room. */
bool plan_brief_quotas(struct plan *plan, const struct plan_input *input, uint32_t number);
bool plan_brief_place(struct plan *plan, const struct plan_input *input, uint32_t number);

/* What it would be in the way of. */
struct reason plan_brief_delay(const struct plan *plan, int64_t runtime_us);

/* --- plan_ends.c ----------------------------------------------------------------------------- */

/* What runs is read, or brought up to date. False: not all of it yet. */
bool plan_ends_refresh(struct plan *plan, const struct plan_input *input);
void plan_ends_finish(struct plan_ends *ends);

/* --- plan_running.c -------------------------------------------------------------------------- */

/* The profile is filled: once in a pass, when the first job is blocked. */
void plan_backfill_load(struct plan *plan, const struct plan_input *input);

/* When a job of that run time that starts then is through. */
int64_t plan_backfill_end_of(int64_t runtime_us, int64_t at_us);

/* A start of this pass will end too. */
void plan_backfill_add_start(struct plan *plan, const struct plan_input *input, size_t start);

/* One more to state->runs. */
void plan_backfill_add_run(struct plan_backfill_state *state, uint32_t node, uint32_t count,
                           const struct resources *requests);

/* Runs of a placed gang, each with what its group requests, to state->runs. */
void plan_backfill_take_runs(struct plan_backfill_state *state, const struct demand *demand,
                             const struct place_run *runs, size_t count);

/* --- plan_preempt.c -------------------------------------------------------------------------- */

/* The job that is looked at waits for quota or nodes. */
void plan_note_blocked(struct plan *plan, uint32_t number, uint64_t job_id, bool is_kept);
void plan_preempt_finish(struct plan_preempt_state *state);

/* --- plan_blocked.c -------------------------------------------------------------------------- */

/* The job that order_next() gave can't start, as the answer says: why it waits, and what that keeps
 * from those behind it. */
void plan_blocked_by_limit(struct plan *plan, uint32_t number, const struct share_answer *answer);
void plan_blocked_by_quota(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct quota_answer *answer);
void plan_blocked_by_nodes(struct plan *plan, const struct plan_input *input, uint32_t number,
                           const struct place_miss *miss);
void plan_blocked_by_promise(struct plan *plan, const struct plan_input *input, uint32_t number,
                             struct reason *reason);

/* Is all kept for somebody, so that nobody further can start? */
bool plan_blocked_all(const struct plan *plan);

/* Before a pass: what was kept in the last one is free again. */
void plan_blocked_begin(struct plan *plan, const struct plan_input *input);

/* Why a shape that is on offer was not looked at. */
struct reason plan_blocked_why(const struct plan *plan, uint32_t number);

#endif
