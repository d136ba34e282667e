/* scheduler/notices.h - what receivers are to be told: from the event that causes it to its end.
 *
 * Private to scheduler/core. A notice is made with its event and stored in the same commit (a fact,
 * FACT_NOTICE), once for each receiver; sent by a command once that is done; dropped when it was
 * sent, so told at least once. Each receiver has a line of its own: while it fails, one notice
 * after the other is tried, with a growing wait. What could not be sent for too long, or is
 * refused, is put aside until a person decides (dead).
 */
#ifndef SCHEDULER_NOTICES_H
#define SCHEDULER_NOTICES_H

#include "base/map.h"
#include "scheduler/event.h"

struct core;
struct entry;

struct notice;

struct receiver_line {
    char *name;
    struct notice *first; /* waits to be sent, in this order */
    struct notice *last;
    uint32_t in_flight;
    uint32_t failures; /* in a row */
    int64_t due_us;    /* monotonic: not asked before */
};

/* Zeroed is empty and ready. */
struct notices {
    struct map by_number; /* -> struct notice */
    struct receiver_line *lines;
    size_t line_count;
    uint64_t next_number;
    size_t dead_count;
    uint64_t dropped; /* for want of room */
    uint64_t sent;
};

void notices_finish(struct notices *notices);

/* An event of the job was written, and this is its sequence number. */
void notices_take(struct core *core, const struct entry *entry, const char *kind, const char *text,
                  uint32_t sequence);

/* Ask for those to be sent whose time has come. */
void notices_tick(struct core *core);
int64_t notices_wake_after_us(const struct core *core);

void notices_sent(struct core *core, const struct notice_sent_event *sent);

/* A person has decided; false: there is none of that number. */
bool notices_retry(struct core *core, uint64_t number);
bool notices_drop(struct core *core, uint64_t number);

/* Its receivers are to be told of a report: the daemon makes it when it is sent. */
void notices_report(struct core *core, const struct report_event *report);

#endif
