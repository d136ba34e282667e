#include "scheduler/outbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"

/* Room for one more of `size` bytes each. */
static void *grown(void *items, size_t count, size_t *room, size_t size) {
    if (count < *room) {
        return items;
    }
    *room = *room > 0 ? *room * 2 : 32;
    return mem_grow(items, *room, size);
}

void outbox_clear(struct outbox *outbox) {
    for (size_t i = 0; i < outbox->text_count; i++) {
        free(outbox->texts[i]);
    }
    outbox->change_count = 0;
    outbox->command_count = 0;
    outbox->reply_count = 0;
    outbox->text_count = 0;
}

void outbox_finish(struct outbox *outbox) {
    if (outbox == NULL) {
        return;
    }
    outbox_clear(outbox);
    free(outbox->changes);
    free(outbox->commands);
    free(outbox->replies);
    free(outbox->texts);
    *outbox = (struct outbox){0};
}

void outbox_add_change(struct outbox *outbox, const struct queue_change *change) {
    outbox->changes =
        grown(outbox->changes, outbox->change_count, &outbox->change_room, sizeof *outbox->changes);
    outbox->changes[outbox->change_count++] = *change;
}

void outbox_add_command(struct outbox *outbox, const struct command *command) {
    outbox->commands = grown(outbox->commands, outbox->command_count, &outbox->command_room,
                             sizeof *outbox->commands);
    outbox->commands[outbox->command_count++] = *command;
}

void outbox_add_reply(struct outbox *outbox, const struct reply *reply) {
    outbox->replies =
        grown(outbox->replies, outbox->reply_count, &outbox->reply_room, sizeof *outbox->replies);
    outbox->replies[outbox->reply_count++] = *reply;
}

static const char *keep(struct outbox *outbox, char *text) {
    outbox->texts =
        grown(outbox->texts, outbox->text_count, &outbox->text_room, sizeof *outbox->texts);
    outbox->texts[outbox->text_count++] = text;
    return text;
}

const char *outbox_text(struct outbox *outbox, const char *text) {
    return keep(outbox, mem_copy_text(text == NULL ? "" : text));
}

const struct spec *outbox_spec(struct outbox *outbox, const struct spec *spec) {
    return (const struct spec *)(const void *)keep(outbox, mem_copy(spec, sizeof *spec));
}

const char *outbox_format(struct outbox *outbox, const char *format, ...) {
    char text[LIMIT_MESSAGE_BYTES + 1];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return outbox_text(outbox, text);
}
