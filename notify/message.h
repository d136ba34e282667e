/* notify/message.h - what a receiver is told, in its words: JSON, Slack's, an e-mail, an Event.
 *
 * Pure: a value in, bytes out. Texts come from people and programs, so each form escapes them.
 */
#ifndef NOTIFY_MESSAGE_H
#define NOTIFY_MESSAGE_H

#include <stdint.h>

#include "base/buf.h"

struct notify_message {
    const char *id;         /* the same in each repeat */
    const char *class_text; /* "failed" */
    const char *kind;       /* the event's: "finish_missed" */
    const char *text;
    uint64_t job_id; /* 0: of no job, and what follows is "" */
    const char *name;
    const char *namespace;
    const char *team;
    const char *state;
    uint32_t attempt;
    int64_t at_us;
    const char *html; /* of a report; NULL: none */
};

/* Our own: docs/manual/notifications.md is the reference. */
void notify_json(const struct notify_message *message, struct buf *out);

/* {"text": "..."} as Slack, Mattermost and Teams' connectors take it. */
void notify_slack(const struct notify_message *message, struct buf *out);

struct notify_addresses {
    const char *from;
    const char *const *to;
    size_t to_count;
};

/* RFC 5322, lines ended by CR LF, UTF-8 in quoted headers and base64. */
void notify_email(const struct notify_message *message, const struct notify_addresses *addresses,
                  int64_t now_us, struct buf *out);

/* A core/v1 Event about this pod, or about the job's namespace if pod_uid is ""; its name follows
 * from the id, so that a repeat collides. */
void notify_event(const struct notify_message *message, const char *pod_name, const char *pod_uid,
                  struct buf *out);

#endif
