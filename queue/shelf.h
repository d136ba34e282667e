/* queue/shelf.h - what many jobs share: terms, specs and demands, each stored once.
 *
 * Private to queue/. A shelf is three tables: contents by number, numbers by (a part of) the
 * content's hash, and the count of users of those that have more than one. A number is referred to
 * by as many job records as there are users; the last one takes the content with it.
 *
 * Two contents with one hash are both kept; the second is not found by later ones, that is all.
 */
#ifndef QUEUE_SHELF_H
#define QUEUE_SHELF_H

#include "queue/record.h"
#include "queue/store.h"

/* A shelf as commits use it: equal contents mostly come one after the other. What a desk knows
 * holds from commit to commit, and is forgotten when the tables may be otherwise. */
struct shelf_desk {
    enum shelf shelf;
    struct queue *queue;
    uint64_t number; /* of the latest; 0: none */
    uint64_t users;  /* of it, as the table has it; 0: not known */
    uint64_t more;   /* users of it, that are not written yet */
    struct buf content;
};

/* A content to be shared. */
struct shelf_content {
    const unsigned char *sha256; /* of a spec, SPEC_HASH_BYTES; NULL: to be computed */
    const void *bytes;
    size_t count;
};

void shelf_desk_init(struct shelf_desk *desk, struct queue *queue, enum shelf shelf);
void shelf_desk_finish(struct shelf_desk *desk);

/* The queue's own, one for each shelf. The latter two accept NULL. */
struct shelf_desk *shelf_desks_create(struct queue *queue);
void shelf_desks_destroy(struct shelf_desk *desks);
void shelf_desks_forget(struct shelf_desk *desks);

/* All give LMDB's codes. One more user of the content, which is added if it is new; one less. The
 * job's record says so after a take, and until after a drop: a damaged count is counted anew from
 * the records. */
int shelf_take(struct shelf_desk *desk, const struct shelf_content *content, uint64_t *out_number);
int shelf_drop(struct shelf_desk *desk, uint64_t number);

/* One more user of what was taken last; nothing was dropped since then. */
uint64_t shelf_take_again(struct shelf_desk *desk);

/* The content of a number is lost: give it this one. Its users stay. */
int shelf_restore(struct shelf_desk *desk, uint64_t number, const struct shelf_content *content);

/* Write what is not written yet. */
int shelf_flush(struct shelf_desk *desk);

/* Append a content; MDB_NOTFOUND, MDB_CORRUPTED. */
int shelf_read(struct queue *queue, enum shelf shelf, uint64_t number, struct buf *out);

/* The content's record itself, borrowed from the store until it changes; terms and demands only. */
int shelf_look(struct queue *queue, enum shelf shelf, uint64_t number, const void **out_bytes,
               size_t *out_count);

/* What is wrong on a shelf: contents that are damaged, not found by their hash, or counted for
 * another number of jobs than refer to them. */
struct shelf_check {
    enum shelf shelf;
    uint64_t (*users_of)(const void *users, uint64_t number); /* by the jobs' records */
    const void *users;
    void (*problem)(void *context, const char *text);
    void *context;
};

/* O(everything on it). */
int shelf_verify(struct queue *queue, const struct shelf_check *check) MUST_CHECK;

#endif
