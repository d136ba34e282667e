/* tests/fake/world.h - a small cluster and a small disk in virtual time, from one seed.
 *
 * Far less than kubesim, and fast: thousands of seeds in a minute. It admits pods by quota as
 * the real one does, binds them by room, runs them for a while, lets some fail, delays and
 * repeats what its watches tell, loses requests and replies, and can kill and restart the
 * scheduler between commit and act. After each turn it checks what must always hold.
 */
#ifndef TESTS_FAKE_WORLD_H
#define TESTS_FAKE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/plan_settings.h"

struct world;

/* What may go wrong, each in thousandths of the times it could. */
struct world_options {
    uint64_t seed;
    unsigned jobs;
    unsigned nodes;
    unsigned request_lost; /* never carried out */
    unsigned reply_lost;   /* carried out, and not told */
    unsigned pod_fails;    /* its program ends with an error */
    unsigned pod_vanishes; /* deleted by hand while it runs */
    unsigned node_dies;    /* per hundred steps: pods of a node vanish */
    unsigned cancel;       /* a job is cancelled at some moment */
    unsigned crash;        /* the daemon dies between commit and act, or after */
    unsigned foreign;      /* somebody else takes quota and room for a while */
    unsigned gives_up;     /* a start is over before anything is created: the next attempt's turn */
    unsigned pause;        /* the leader is stopped amid its commands: another one takes over */
    unsigned deadlines;    /* a job has some, and forecasts say anything of them */
    unsigned after;        /* a submission is of jobs that wait for each other, or of an array */
    unsigned classes;      /* a pod fails in any of the ways there are, with events that tell; what
                              fails alike is stopped, and nodes that failed several are avoided */
    unsigned always;       /* a job runs again whenever it ends, until it is cancelled */
    unsigned schedule;     /* not so: a schedule makes a job each minute, for so many minutes */
    unsigned names;        /* a job gives its pod a name, which others want, too: strangers also */
    unsigned windows;      /* a job names windows, which open for 10 minutes and shut for 3 */
    /* How jobs are planned. */
    enum plan_backfill_mode backfill;
    enum plan_preemption_mode preemption; /* classes, and half of the jobs can be stopped */
    unsigned estimated;                   /* a job says how long it runs: about right */
    /* Exactly one, counted from 1 over starts and deletions, or over turns; 0: none. */
    unsigned nth_request_lost;
    unsigned nth_reply_lost;
    unsigned nth_turn_dies; /* the daemon dies between its commit and its commands */
};

struct world_totals {
    unsigned promises; /* jobs that started after one */
    unsigned preemptions;
    unsigned growths; /* arrays that were made in several turns */
    unsigned alarms;  /* told of deadlines */
    unsigned told;    /* notifications that a receiver got, repeats included */
    unsigned reruns;  /* runs after the first of jobs that run again and again */
    unsigned skips;   /* jobs that had to start earlier */
    unsigned held;    /* breakers that opened */
    unsigned blamed;  /* nodes that failed several jobs */
    unsigned asked;   /* events of pods that were read */
    unsigned waited;  /* turns in which a job waited for the name of its pod */
    unsigned taken;   /* creations that found the name taken */
    unsigned requests;
    unsigned turns;
    unsigned takeovers;
    unsigned late;   /* commands of a stopped leader that arrived after the takeover */
    unsigned fenced; /* commands that one wanted to send when it woke, and did not */
};

/* Run to the end; what did not hold ends the process with the seed in the text. */
struct world_totals world_run(const struct world_options *options);

#endif
