/* scheduler/outbox.h - what a turn asks for, being collected.
 *
 * Owns the lists and the texts in them until the next turn clears it.
 */
#ifndef SCHEDULER_OUTBOX_H
#define SCHEDULER_OUTBOX_H

#include "base/error.h"
#include "scheduler/event.h"

/* Zeroed is empty and ready. */
struct outbox {
    struct queue_change *changes;
    size_t change_count;
    size_t change_room;
    struct command *commands;
    size_t command_count;
    size_t command_room;
    struct reply *replies;
    size_t reply_count;
    size_t reply_room;
    char **texts;
    size_t text_count;
    size_t text_room;
};

void outbox_finish(struct outbox *outbox);
void outbox_clear(struct outbox *outbox);

void outbox_add_change(struct outbox *outbox, const struct queue_change *change);
void outbox_add_command(struct outbox *outbox, const struct command *command);
void outbox_add_reply(struct outbox *outbox, const struct reply *reply);

/* Texts that live as long as the lists. */
const char *outbox_text(struct outbox *outbox, const char *text);
const struct spec *outbox_spec(struct outbox *outbox,
                               const struct spec *spec); /* not what it has */
const char *outbox_format(struct outbox *outbox, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
