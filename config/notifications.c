#include "config/notifications.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/pod_schema.h"
#include "policy/deadline.h"

#define GIVE_UP_US (6 * 3600 * CLOCK_US_PER_SECOND)

const char *const notifications_members[] = {"notifications", NULL};

/* --- What may be written ---------------------------------------------------------------------- */

static const struct field webhook_fields[] = {
    FIELD("caFile", FIELD_TEXT),
    FIELD("secretFile", FIELD_TEXT),
    FIELD("url", FIELD_TEXT),
    FIELD("urlFile", FIELD_TEXT),
};
static const struct schema webhook = SCHEMA(webhook_fields);

static const struct field slack_fields[] = {
    FIELD("caFile", FIELD_TEXT),
    FIELD("url", FIELD_TEXT),
    FIELD("urlFile", FIELD_TEXT),
};
static const struct schema slack = SCHEMA(slack_fields);

static const struct field email_fields[] = {
    FIELD("allowPlain", FIELD_BOOL),    FIELD("caFile", FIELD_TEXT),
    FIELD_NEEDED("from", FIELD_TEXT),   FIELD("passwordFile", FIELD_TEXT),
    FIELD_NEEDED("server", FIELD_TEXT), FIELD_NEEDED("to", FIELD_TEXTS),
    FIELD("userFile", FIELD_TEXT),
};
static const struct schema email = SCHEMA(email_fields);

/* Nothing yet: where to is the job's own cluster. */
static const struct field kubernetes_fields[] = {FIELD("events", FIELD_REFUSED)};
static const struct schema kubernetes = SCHEMA(kubernetes_fields);

static const struct field receiver_fields[] = {
    FIELD_OF("email", FIELD_OBJECT, email),     FIELD_OF("kubernetes", FIELD_OBJECT, kubernetes),
    FIELD_NEEDED("name", FIELD_LABEL),          FIELD_OF("slack", FIELD_OBJECT, slack),
    FIELD_OF("webhook", FIELD_OBJECT, webhook),
};
static const struct schema receiver = SCHEMA(receiver_fields);

static const struct field route_fields[] = {
    FIELD_NEEDED("events", FIELD_TEXTS),
    FIELD_NEEDED("receivers", FIELD_TEXTS),
    FIELD("teams", FIELD_TEXTS),
};
static const struct schema route = SCHEMA(route_fields);

static const struct field report_fields[] = {
    FIELD_NEEDED("at", FIELD_DEADLINE),
    FIELD_NEEDED("receivers", FIELD_TEXTS),
    FIELD("window", FIELD_LABEL),
};
static const struct schema report = SCHEMA(report_fields);

static const struct field notifications_fields[] = {
    FIELD("giveUp", FIELD_DURATION),
    FIELD_OF("receivers", FIELD_OBJECTS, receiver),
    FIELD_OF("reports", FIELD_OBJECTS, report),
    FIELD_OF("routes", FIELD_OBJECTS, route),
};
static const struct schema notifications = SCHEMA(notifications_fields);

/* --- Receivers -------------------------------------------------------------------------------- */

struct reader {
    struct notification_set *set;
    struct problems *problems;
};

static char *text_of(const struct text_node *object, const char *key) {
    const struct text_node *node = node_member(object, key);

    return mem_copy_text(node != NULL ? node->text : "");
}

static bool has_one_of(const char *url, const char *const *schemes) {
    for (; *schemes != NULL; schemes++) {
        if (text_starts_with(url, *schemes) && strlen(url) > strlen(*schemes)) {
            return true;
        }
    }
    return false;
}

/* A line break would begin a header or a command of its own. */
static bool is_address(const char *text) {
    return strchr(text, '@') != NULL && strpbrk(text, "\r\n<> ") == NULL;
}

static void check_addresses(struct reader *reader, const struct receiver_setting *setting,
                            const struct text_node *node, const struct trail *trail) {
    bool good = is_address(setting->from) && setting->to_count > 0;

    for (size_t i = 0; i < setting->to_count; i++) {
        good = good && is_address(setting->to[i]);
    }
    if (!good) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "from and to are addresses such as data@example.com, and to has one");
    }
}

static void check_target(struct reader *reader, const struct receiver_setting *setting,
                         const struct text_node *node, const struct trail *trail) {
    static const char *const web[] = {"https://", "http://", NULL};
    static const char *const mail[] = {"smtp://", "smtps://", NULL};
    const bool is_mail = setting->kind == RECEIVER_EMAIL;

    if (setting->kind == RECEIVER_KUBERNETES) {
        return;
    }
    if ((setting->url[0] != '\0') == (setting->url_file[0] != '\0')) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "exactly one of url and urlFile says where to");
    } else if (setting->url[0] != '\0' && !has_one_of(setting->url, is_mail ? mail : web)) {
        problems_add_at(reader->problems, node_place(node), trail, "must begin with %s",
                        is_mail ? "smtp:// or smtps://" : "https:// or http://");
    }
    if (is_mail) {
        check_addresses(reader, setting, node, trail);
    }
    if ((setting->user_file[0] != '\0') != (setting->password_file[0] != '\0')) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "userFile and passwordFile go together");
    }
}

static char **texts_of(const struct text_node *list, size_t *out_count) {
    char **texts = mem_alloc((list != NULL ? list->count : 0) + (size_t)1, sizeof *texts);

    *out_count = list != NULL ? list->count : 0;
    for (size_t i = 0; i < *out_count; i++) {
        texts[i] = mem_copy_text(list->items[i].text);
    }
    return texts;
}

static void read_receiver(struct reader *reader, const struct text_node *node,
                          const struct trail *trail) {
    static const char *const kinds[] = {"webhook", "slack", "email", "kubernetes"};
    struct receiver_setting *setting = &reader->set->receivers[reader->set->receiver_count];
    const struct text_node *target = NULL;
    struct trail at = {trail, "", 0};
    unsigned found = 0;

    *setting = (struct receiver_setting){.name = text_of(node, "name")};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct text_node *member = node_member(node, kinds[i]);

        if (member != NULL) {
            setting->kind = (enum receiver_kind)i;
            target = member;
            at.key = kinds[i];
            found++;
        }
    }
    setting->url = text_of(target, setting->kind == RECEIVER_EMAIL ? "server" : "url");
    setting->url_file = text_of(target, "urlFile");
    setting->secret_file = text_of(target, "secretFile");
    setting->ca_file = text_of(target, "caFile");
    setting->from = text_of(target, "from");
    setting->to = texts_of(node_member(target, "to"), &setting->to_count);
    setting->user_file = text_of(target, "userFile");
    setting->password_file = text_of(target, "passwordFile");
    setting->allow_plain =
        node_member(target, "allowPlain") != NULL && node_bool(node_member(target, "allowPlain"));
    reader->set->receiver_count++;
    if (found != 1) {
        problems_add_at(reader->problems, node_place(node), trail,
                        "exactly one of webhook, slack, email and kubernetes says what it is");
    } else {
        check_target(reader, setting, target, &at);
    }
}

static void read_receivers(struct reader *reader, const struct text_node *list,
                           const struct trail *trail) {
    struct trail in_list = {trail, "receivers", 0};
    size_t count = list != NULL ? list->count : 0;

    reader->set->receivers = mem_alloc(count + 1, sizeof *reader->set->receivers);
    for (uint32_t i = 0; i < count; i++) {
        struct trail at = {&in_list, NULL, i};
        const char *name = node_member(&list->items[i], "name")->text;

        if (notifications_find(reader->set, name) != NULL) {
            problems_add_at(reader->problems, node_place(&list->items[i]), &at,
                            "there is a receiver \"%s\" already", name);
        }
        if (i == NOTICE_RECEIVERS_MAX) {
            problems_add_at(reader->problems, node_place(&list->items[i]), &at,
                            "more than %d receivers", NOTICE_RECEIVERS_MAX);
            return;
        }
        read_receiver(reader, &list->items[i], &at);
    }
}

/* --- Routes ----------------------------------------------------------------------------------- */

/* Bits of those that are named. */
static uint64_t read_names(struct reader *reader, const struct text_node *list,
                           const struct trail *trail) {
    struct trail in_list = {trail, "receivers", 0};
    uint64_t bits = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};
        const struct receiver_setting *found = notifications_find(reader->set, list->items[i].text);

        if (found == NULL) {
            problems_add_at(reader->problems, list->items[i].place, &at,
                            "there is no receiver \"%s\"", list->items[i].text);
        } else {
            bits |= UINT64_C(1) << (found - reader->set->receivers);
        }
    }
    return bits;
}

static uint32_t read_classes(struct reader *reader, const struct text_node *list,
                             const struct trail *trail) {
    const struct field word = {.type = FIELD_WORD, .words = notice_class_texts};
    struct trail in_list = {trail, "events", 0};
    uint32_t bits = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        struct trail at = {&in_list, NULL, i};

        schema_check_field(&word, &list->items[i], &at, reader->problems);
        for (size_t class = 0; class < NOTICE_CLASS_COUNT; class ++) {
            if (strcmp(notice_class_texts[class], list->items[i].text) == 0) {
                bits |= 1u << class;
            }
        }
        if ((bits & 1u << NOTICE_REPORT) != 0) {
            problems_add_at(reader->problems, list->items[i].place, &at,
                            "reports go where notifications.reports says");
            bits &= ~(1u << NOTICE_REPORT);
        }
    }
    return bits;
}

static void read_routes(struct reader *reader, const struct text_node *list,
                        const struct trail *trail) {
    struct notice_routes *routes = reader->set->routes;
    struct trail in_list = {trail, "routes", 0};
    size_t count = list != NULL ? list->count : 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct text_node *node = &list->items[i];
        struct notice_route *added = &routes->routes[routes->route_count++];
        struct trail at = {&in_list, NULL, i};

        *added = (struct notice_route){
            .classes = read_classes(reader, node_member(node, "events"), &at),
            .receivers = read_names(reader, node_member(node, "receivers"), &at),
        };
        added->teams = texts_of(node_member(node, "teams"), &added->team_count);
    }
}

static void read_reports(struct reader *reader, const struct text_node *list,
                         const struct trail *trail) {
    struct trail in_list = {trail, "reports", 0};
    size_t count = list != NULL ? list->count : 0;

    reader->set->reports = mem_alloc(count + 1, sizeof *reader->set->reports);
    for (uint32_t i = 0; i < count; i++) {
        const struct text_node *node = &list->items[i];
        struct deadline at = {.kind = DEADLINE_NONE};
        struct trail in_item = {&in_list, NULL, i};

        if (deadline_parse(node_member(node, "at")->text, &at) != OK ||
            at.kind != DEADLINE_OFFSET || at.days != 0) {
            problems_add_at(reader->problems, node_member(node, "at")->place, &in_item,
                            "a report is due each day at a time such as 07:00");
        }
        reader->set->reports[reader->set->report_count++] = (struct report_setting){
            .time_s = at.time_s,
            .receivers = read_names(reader, node_member(node, "receivers"), &in_item),
            .window = text_of(node, "window"),
        };
    }
}

static void read_all(struct reader *reader, const struct text_node *node,
                     const struct trail *trail) {
    const struct text_node *give_up = node_member(node, "giveUp");
    const struct text_node *list = node_member(node, "routes");
    struct notice_routes *routes = reader->set->routes;

    read_receivers(reader, node_member(node, "receivers"), trail);
    routes->routes =
        mem_alloc((list != NULL ? list->count : 0) + (size_t)1, sizeof *routes->routes);
    read_routes(reader, list, trail);
    read_reports(reader, node_member(node, "reports"), trail);
    routes->receivers = mem_alloc(reader->set->receiver_count + 1, sizeof *routes->receivers);
    for (size_t i = 0; i < reader->set->receiver_count; i++) {
        routes->receivers[routes->receiver_count++] = mem_copy_text(reader->set->receivers[i].name);
    }
    if (give_up != NULL && text_parse_duration_us(give_up->text, &routes->give_up_us) != OK) {
        routes->give_up_us = GIVE_UP_US; /* The schema lets only durations pass. */
    }
}

void notifications_read(struct text_node *root, struct notification_set *out_set,
                        struct problems *problems) {
    struct reader reader = {.set = out_set, .problems = problems};
    struct text_node *node = node_member_mutable(root, "notifications");
    struct trail trail = {NULL, "notifications", 0};
    size_t before = problems->count + problems->dropped;

    *out_set = (struct notification_set){.routes = notice_routes_create()};
    out_set->routes->give_up_us = GIVE_UP_US;
    if (node == NULL || node->kind == NODE_NULL) {
        return;
    }
    if (node->kind != NODE_OBJECT) {
        problems_add_at(problems, node_place(node), &trail, "must be an object (key: value)");
        return;
    }
    schema_check(&notifications, node, &trail, problems);
    if (problems->count + problems->dropped == before) {
        read_all(&reader, node, &trail);
    }
}

static void free_receiver(struct receiver_setting *setting) {
    char *const texts[] = {setting->name,        setting->url,          setting->url_file,
                           setting->secret_file, setting->ca_file,      setting->from,
                           setting->user_file,   setting->password_file};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        free(texts[i]);
    }
    for (size_t i = 0; i < setting->to_count; i++) {
        free(setting->to[i]);
    }
    free(setting->to);
}

void notifications_finish(struct notification_set *set) {
    for (size_t i = 0; i < set->receiver_count; i++) {
        free_receiver(&set->receivers[i]);
    }
    for (size_t i = 0; i < set->report_count; i++) {
        free(set->reports[i].window);
    }
    free(set->receivers);
    free(set->reports);
    notice_routes_destroy(set->routes);
    *set = (struct notification_set){0};
}

const struct receiver_setting *notifications_find(const struct notification_set *set,
                                                  const char *name) {
    for (size_t i = 0; i < set->receiver_count; i++) {
        if (strcmp(set->receivers[i].name, name) == 0) {
            return &set->receivers[i];
        }
    }
    return NULL;
}
