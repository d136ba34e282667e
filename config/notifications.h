/* config/notifications.h - who is told of what, from a configuration.
 *
 *     notifications:
 *       giveUp: 6h                            # what could not be sent for so long is put aside
 *       receivers:
 *         - name: oncall
 *           webhook: {url: "https://hooks.example.com/x", secretFile: /etc/nightshift/hook.key}
 *         - name: chat
 *           slack: {urlFile: /etc/nightshift/slack.url}
 *         - name: mail
 *           email:
 *             server: smtp://mail.example.com:587
 *             from: nightshift@example.com
 *             to: [data@example.com]
 *             userFile: /etc/nightshift/mail.user
 *             passwordFile: /etc/nightshift/mail.password
 *         - name: pods
 *           kubernetes: {}                    # an Event of the job's pod
 *       routes:
 *         - {receivers: [oncall], events: [failed, missed], teams: [red]}
 *         - {receivers: [mail, pods], events: [failed, missed, risk]}
 *       reports:
 *         - {at: "07:00", receivers: [mail]}
 *
 * Secrets are read from their files when something is sent, never kept and never shown.
 */
#ifndef CONFIG_NOTIFICATIONS_H
#define CONFIG_NOTIFICATIONS_H

#include <stdbool.h>

#include "config/node.h"
#include "policy/notice.h"

enum receiver_kind {
    RECEIVER_WEBHOOK,
    RECEIVER_SLACK,
    RECEIVER_EMAIL,
    RECEIVER_KUBERNETES,
};

/* Texts are owned and never NULL; "" is "not set". */
struct receiver_setting {
    char *name;
    enum receiver_kind kind;
    char *url; /* or the mail server's */
    char *url_file;
    char *secret_file;
    char *ca_file;
    char *from;
    char **to;
    size_t to_count;
    char *user_file;
    char *password_file;
    bool allow_plain; /* mail without TLS, to a relay that has none */
};

/* A report of the 24 hours before it, each day. */
struct report_setting {
    int32_t time_s;     /* on the wall clock at home */
    uint64_t receivers; /* bits, by their place in the list */
    char *window;       /* of this window's jobs; "": of all */
};

struct notification_set {
    struct receiver_setting *receivers;
    size_t receiver_count;
    struct notice_routes *routes; /* shared by who needs it longer; never NULL once read */
    struct report_setting *reports;
    size_t report_count;
};

/* The members of the root that are read here: a list ended by NULL. */
extern const char *const notifications_members[];

/* Read from the root of a configuration, which may be NULL. */
void notifications_read(struct text_node *root, struct notification_set *out_set,
                        struct problems *problems);
void notifications_finish(struct notification_set *set);

/* NULL: there is none of that name. */
const struct receiver_setting *notifications_find(const struct notification_set *set,
                                                  const char *name);

#endif
