#include "config/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "config/document.h"
#include "config/file.h"
#include "config/retry_rules.h"
#include "config/schema.h"
#include "config/settings.h"
#include "config/windows.h"

#define UNIX_PATH_BYTES_MAX 107 /* what sockaddr_un holds */
#define SETTING_DEPTH_MAX   8
#define RATE_MAX            1000000

/* Values. */

static void *value_at(struct config *config, const struct setting *setting) {
    return (char *)config + setting->offset;
}

static const void *const_value_at(const struct config *config, const struct setting *setting) {
    return (const char *)config + setting->offset;
}

static void set_text(struct config *config, const struct setting *setting, const char *text) {
    char **value = value_at(config, setting);

    free(*value);
    *value = mem_copy_text(text);
}

static void forget_namespaces(struct config *config) {
    for (size_t i = 0; i < config->namespace_count; i++) {
        free(config->namespaces[i]);
    }
    free(config->namespaces);
    config->namespaces = NULL;
    config->namespace_count = 0;
}

static void set_namespaces(struct config *config, const struct text_node *list) {
    forget_namespaces(config);
    if (list->kind != NODE_LIST || list->count == 0) {
        return;
    }
    config->namespaces = mem_alloc(list->count, sizeof *config->namespaces);
    for (uint32_t i = 0; i < list->count; i++) {
        config->namespaces[config->namespace_count++] = mem_copy_text(list->items[i].text);
    }
}

/* From a value that passed its check. */
static void store_value(struct config *config, const struct setting *setting,
                        const struct text_node *node) {
    void *value = value_at(config, setting);
    int result = OK;

    switch (setting->store) {
    case STORE_TEXT:
        set_text(config, setting, node->text);
        break;
    case STORE_BOOL:
        *(bool *)value = node_bool(node);
        break;
    case STORE_INT:
        *(int64_t *)value = node_int(node);
        break;
    case STORE_MODE:
        *(uint32_t *)value = (uint32_t)strtoul(node->text, NULL, 8);
        break;
    case STORE_DURATION:
        result = text_parse_duration_us(node->text, value);
        break;
    case STORE_BYTES:
        result = quantity_parse_units(node->text, value);
        break;
    case STORE_RATE:
        *(int64_t *)value = (int64_t)ceil(node_number(node) * 1000);
        break;
    case STORE_NAMESPACES:
        set_namespaces(config, node);
        break;
    }
    ENSURE(result == OK);
}

/* Checks beyond the table of types. */

static void check_mode(struct text_node *node, const struct trail *trail,
                       struct problems *problems) {
    size_t digits = strspn(node->text, "01234567");

    if (digits == 0 || digits > 4 || node->text[digits] != '\0' ||
        strtoul(node->text, NULL, 8) > 0777) {
        problems_add_at(problems, node->place, trail,
                        "\"%s\" is not a file mode; write it like 0660", node->text);
    }
}

static void check_namespaces(struct text_node *node, const struct trail *trail,
                             struct problems *problems) {
    static const struct field one = {.type = FIELD_LABEL};

    if (node->kind == NODE_TEXT && strcmp(node->text, "all") == 0) {
        return;
    }
    if (node->kind != NODE_LIST) {
        problems_add_at(problems, node_place(node), trail, "must be a list of names, or all");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        struct trail at = {trail, NULL, i};

        schema_check_field(&one, &node->items[i], &at, problems);
    }
}

static void check_rate(const struct text_node *node, const struct trail *trail,
                       struct problems *problems) {
    double rate = node_number(node);

    if (rate <= 0 || rate > RATE_MAX) {
        problems_add_at(problems, node->place, trail, "must be above 0 and at most %d, not %s",
                        RATE_MAX, node->text);
    }
}

static void check_bytes(const struct text_node *node, int64_t most, const struct trail *trail,
                        struct problems *problems) {
    int64_t bytes = 0;

    if (quantity_parse_units(node->text, &bytes) == OK && (bytes < LIMIT_KIB || bytes > most)) {
        problems_add_at(problems, node->place, trail,
                        "must be between 1Ki and %" PRId64 "Mi, not %s", most / LIMIT_MIB,
                        node->text);
    }
}

/* True if the value may be stored. */
static bool check_value(const struct setting *setting, struct text_node *node,
                        const struct trail *trail, struct problems *problems) {
    size_t before = problems->count + problems->dropped;

    schema_check_field(&setting->field, node, trail, problems);
    if (problems->count + problems->dropped > before) {
        return false;
    }
    if (setting->store == STORE_MODE) {
        check_mode(node, trail, problems);
    } else if (setting->store == STORE_NAMESPACES) {
        check_namespaces(node, trail, problems);
    } else if (setting->store == STORE_RATE) {
        check_rate(node, trail, problems);
    } else if (setting->store == STORE_BYTES) {
        check_bytes(node, setting->field.max, trail, problems);
    }
    return problems->count + problems->dropped == before;
}

/* Walking the file. prefix is the path of an object, with a dot at its end; "" for the root. */

static const struct setting *find_setting(const char *prefix, const char *key) {
    size_t length = strlen(prefix);

    /* A dotted key would match a longer name. */
    for (size_t i = 0; strchr(key, '.') == NULL && i < config_setting_count; i++) {
        const char *name = config_settings[i].field.name;

        if (text_starts_with(name, prefix) && strcmp(name + length, key) == 0) {
            return &config_settings[i];
        }
    }
    return NULL;
}

static bool is_group(const char *path_with_dot) {
    for (size_t i = 0; i < config_setting_count; i++) {
        if (text_starts_with(config_settings[i].field.name, path_with_dot)) {
            return true;
        }
    }
    return false;
}

/* Lists of objects have readers of their own. */
static bool is_list(const char *prefix, const char *key) {
    static const char *const *const lists[] = {windows_members, teams_members, node_pools_members,
                                               notifications_members};

    if (strcmp(prefix, "retry.") == 0 && strcmp(key, "classes") == 0) {
        return true;
    }
    for (size_t i = 0; prefix[0] == '\0' && i < ARRAY_LEN(lists); i++) {
        for (size_t j = 0; lists[i][j] != NULL; j++) {
            if (strcmp(lists[i][j], key) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void unknown_key(const char *prefix, const struct text_node *member,
                        const struct trail *trail, struct problems *problems) {
    size_t length = strlen(prefix);
    char **names = mem_alloc(config_setting_count, sizeof *names);
    size_t count = 0;

    for (size_t i = 0; i < config_setting_count; i++) {
        const char *name = config_settings[i].field.name;

        if (text_starts_with(name, prefix)) {
            names[count++] = mem_copy_text_n(name + length, strcspn(name + length, "."));
        }
    }
    schema_unknown(member, trail, (const char *const *)names, count, problems);
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static void read_group(struct config *config, struct text_node *object, const char *prefix,
                       const struct trail *trail, struct problems *problems);

static void read_member(struct config *config, struct text_node *member, const char *prefix,
                        const struct trail *trail, struct problems *problems) {
    const struct setting *setting = find_setting(prefix, member->key);
    char *group;

    if (is_list(prefix, member->key)) {
        return;
    }
    group = mem_format("%s%s.", prefix, member->key);
    if (setting != NULL) {
        if (member->kind != NODE_NULL && check_value(setting, member, trail, problems)) {
            store_value(config, setting, member);
        }
    } else if (strchr(member->key, '.') != NULL || !is_group(group)) {
        unknown_key(prefix, member, trail, problems);
    } else if (member->kind == NODE_OBJECT) {
        read_group(config, member, group, trail, problems);
    } else if (member->kind != NODE_NULL) {
        problems_add_at(problems, node_place(member), trail, "must be an object (key: value)");
    }
    free(group);
}

/* No deeper than the table is. */
static void read_group(struct config *config, struct text_node *object, const char *prefix,
                       const struct trail *trail, struct problems *problems) {
    for (uint32_t i = 0; i < object->count; i++) {
        struct trail at = {trail, object->items[i].key, 0};

        read_member(config, &object->items[i], prefix, &at, problems);
    }
}

/* What must hold between settings. */

static void complain(const struct text_node *root, const char *path, struct problems *problems,
                     const char *message) {
    struct position place = {0};

    if (root != NULL) {
        place = node_place(node_find(root, path, NULL));
    }
    problems_add(problems, place, path, "%s", message);
}

static bool is_address(const char *text) {
    const char *colon = strrchr(text, ':');
    int64_t port;

    return colon != NULL && colon > text && text_parse_int64(colon + 1, &port) == OK && port >= 0 &&
           port <= UINT16_MAX;
}

/* No door to the network without encryption and a name for whoever comes in. */
static void check_tcp(const struct config *config, const struct text_node *root,
                      struct problems *problems) {
    if (config->tcp_address[0] == '\0') {
        if (config->unix_path[0] == '\0') {
            complain(root, "listen", problems, "no door: neither unix.path nor tcp.address is set");
        }
        return;
    }
    if (!is_address(config->tcp_address)) {
        complain(root, "listen.tcp.address", problems, "must be host:port, like 0.0.0.0:8443");
    }
    if (config->tls_cert[0] == '\0') {
        complain(root, "listen.tcp.tls.cert", problems, "missing; TCP is served only with TLS");
    }
    if (config->tls_key[0] == '\0') {
        complain(root, "listen.tcp.tls.key", problems, "missing; TCP is served only with TLS");
    }
    if (config->tokens_file[0] == '\0') {
        complain(root, "listen.tcp.tokensFile", problems,
                 "missing; TCP is served only to bearers of tokens");
    }
}

static void check_kubernetes(const struct config *config, const struct text_node *root,
                             struct problems *problems) {
    if (config->in_cluster && config->kubeconfig[0] != '\0') {
        complain(root, "kubernetes.inCluster", problems, "contradicts kubernetes.kubeconfig");
    }
    if (config->kube_timeout_us <= 0) {
        complain(root, "kubernetes.requestTimeout", problems, "must be above 0");
    }
    if (config->watch_silence_us <= 0) {
        complain(root, "kubernetes.watchSilence", problems, "must be above 0");
    }
}

/* The gap between the two deadlines is what keeps two leaders apart. */
static void check_leader(const struct config *config, const struct text_node *root,
                         struct problems *problems) {
    if (config->lease_us <= 0 || config->lease_us % CLOCK_US_PER_SECOND != 0) {
        complain(root, "leader.leaseDuration", problems, "must be whole seconds, at least 1s");
    }
    if (config->lease_renew_us >= config->lease_us) {
        complain(root, "leader.renewDeadline", problems, "must be below leader.leaseDuration");
    }
    if (config->lease_retry_us <= 0 || config->lease_retry_us * 2 > config->lease_renew_us) {
        complain(root, "leader.retryPeriod", problems,
                 "must be above 0 and at most half of leader.renewDeadline");
    }
}

static void check_between(const struct config *config, const struct text_node *root,
                          struct problems *problems) {
    check_tcp(config, root, problems);
    if (strlen(config->unix_path) > UNIX_PATH_BYTES_MAX) {
        complain(root, "listen.unix.path", problems, "longer than the 107 bytes a socket may have");
    }
    if (config->data_dir[0] == '\0') {
        complain(root, "dataDir", problems, "must not be empty");
    }
    check_kubernetes(config, root, problems);
    check_leader(config, root, problems);
    if (config->backoff_first_us > config->backoff_max_us) {
        complain(root, "retry.backoff.initial", problems, "must not be above retry.backoff.max");
    }
    if (config->usage_half_life_us <= 0) {
        complain(root, "scheduling.usageHalfLife", problems, "must be above 0");
    }
    if (config->default_priority_class[0] != '\0' &&
        team_set_class(&config->teams, config->default_priority_class) == NULL) {
        complain(root, "scheduling.defaultPriorityClass", problems, "is none of priorityClasses");
    }
    if (config->start_timeout_us <= 0) {
        complain(root, "scheduling.startTimeout", problems, "must be above 0");
    }
}

static void fill_retry(struct config *config) {
    config->retry.growth =
        (struct retry_growth){.factor_permille = (int32_t)config->growth_percent * 10,
                              .ceiling_bytes = config->growth_ceiling_bytes};
    config->retry.avoid_half_life_us = config->avoid_half_life_us;
    config->retry.blame_above = (uint32_t)config->blame_above;
    config->retry.blame_avoid = retry_avoid_of(config->blame_avoid);
    config->retry.learnt_age_us = config->learnt_age_us;
    config->retry.breaker_jobs = (uint32_t)config->breaker_jobs;
    config->retry.breaker_team_jobs = (uint32_t)config->breaker_team_jobs;
    config->retry.breaker_pause_us = config->breaker_pause_us;
}

/* Public. */

void config_init_default(struct config *config) {
    *config = (struct config){0};
    retry_classes_init(&config->retry.classes);
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        struct text_node value = {.plain = true, .text = setting->initial};

        value.kind = node_plain_kind(value.text);
        store_value(config, setting, &value);
    }
    fill_retry(config);
}

static void read_classes(struct config *config, struct text_node *root, struct problems *problems) {
    static const struct field field = {
        .name = "classes", .type = FIELD_OBJECT, .object = &schema_retry_classes};
    struct text_node *retry = node_member_mutable(root, "retry");
    struct text_node *classes = retry != NULL ? node_member_mutable(retry, "classes") : NULL;
    struct trail in_retry = {NULL, "retry", 0};
    struct trail trail = {&in_retry, "classes", 0};
    size_t before = problems->count + problems->dropped;

    if (classes == NULL || classes->kind == NODE_NULL) {
        return;
    }
    schema_check_field(&field, classes, &trail, problems);
    if (problems->count + problems->dropped == before) {
        retry_classes_read(classes, &config->retry.classes);
    }
}

static int read_documents(const struct document_set *set, struct config *config,
                          struct problems *problems) {
    struct text_node *root = set->count > 0 ? &set->documents[0] : NULL;
    size_t before = problems->count;

    if (set->count > 1) {
        problems_add(problems, set->documents[1].place, "", "a second document; one is expected");
    }
    if (root != NULL && root->kind != NODE_OBJECT) {
        problems_add(problems, root->place, "", "must be an object (key: value)");
    } else if (root != NULL) {
        read_group(config, root, "", NULL, problems);
        teams_read(root, &config->teams, problems);
        notifications_read(root, &config->notifications, problems);
        node_pools_read(root, &config->node_pools, problems);
        read_classes(config, root, problems);
        fill_retry(config);
        config->windows = windows_read(
            root, &(struct windows_zones){.folder = config->zoneinfo_dir, .home = config->zone},
            problems);
    }
    if (problems->count == before) {
        check_between(config, root, problems);
    }
    return problems->count == before ? OK : ERR_INVALID;
}

int config_parse(const char *text, size_t bytes, struct config *out_config,
                 struct problems *problems) {
    struct document_set set = {0};
    struct config config;
    int result = document_set_parse(text, bytes, LIMIT_CONFIG_BYTES, &set, problems);

    config_init_default(&config);
    if (result == OK) {
        result = read_documents(&set, &config, problems);
    }
    problems_sort(problems);
    document_set_destroy(&set);
    if (result == OK) {
        *out_config = config;
    } else {
        config_finish(&config);
    }
    return result;
}

int config_load(const char *path, struct config *out_config, struct problems *problems) {
    struct buf text;
    int result;

    buf_init(&text, LIMIT_CONFIG_BYTES + 1);
    result = file_read(path, FILE_ANY_MODE, &text, problems);
    if (result == OK) {
        result = config_parse(buf_text(&text), text.bytes, out_config, problems);
    }
    buf_finish(&text);
    return result;
}

void config_finish(struct config *config) {
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config_setting_count; i++) {
        if (config_settings[i].store == STORE_TEXT) {
            free(*(char **)value_at(config, &config_settings[i]));
        }
    }
    forget_namespaces(config);
    notifications_finish(&config->notifications);
    window_set_destroy(config->windows);
    team_set_finish(&config->teams);
    pool_set_finish(&config->node_pools);
    *config = (struct config){0};
}

/* Printing. */

static void print_duration(int64_t us, struct buf *out) {
    static const struct {
        int64_t us;
        const char *name;
    } units[] = {
        {INT64_C(86400000000), "d"},
        {INT64_C(3600000000), "h"},
        {60000000, "m"},
        {1000000, "s"},
        {1000, "ms"},
    };
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && (us == 0 ? i < 3 : us % units[i].us != 0)) {
        i++;
    }
    buf_add_format(out, "%" PRId64 "%s", us / units[i].us, units[i].name);
}

static void print_namespaces(const struct config *config, struct buf *out) {
    if (config->namespace_count == 0) {
        buf_add_text(out, "all");
        return;
    }
    for (size_t i = 0; i < config->namespace_count; i++) {
        buf_add_text(out, i == 0 ? "[" : ", ");
        json_print_text(config->namespaces[i], out);
    }
    buf_add_char(out, ']');
}

static void print_text(const char *text, struct buf *out) {
    bool plain = text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz/._") == strlen(text) &&
                 text[0] != '.' && node_plain_kind(text) == NODE_TEXT;

    if (plain) {
        buf_add_text(out, text);
    } else {
        json_print_text(text, out);
    }
}

static void print_value(const struct config *config, const struct setting *setting,
                        struct buf *out) {
    const void *value = const_value_at(config, setting);
    char text[QUANTITY_BYTES_MAX];

    switch (setting->store) {
    case STORE_TEXT:
        print_text(*(char *const *)value, out);
        break;
    case STORE_BOOL:
        buf_add_text(out, *(const bool *)value ? "true" : "false");
        break;
    case STORE_INT:
        buf_add_format(out, "%" PRId64, *(const int64_t *)value);
        break;
    case STORE_MODE:
        buf_add_format(out, "\"%04o\"", *(const uint32_t *)value);
        break;
    case STORE_DURATION:
        print_duration(*(const int64_t *)value, out);
        break;
    case STORE_BYTES:
        quantity_print_bytes(*(const int64_t *)value, text);
        buf_add_text(out, text);
        break;
    case STORE_RATE:
        buf_add_format(out, "%.10g", (double)*(const int64_t *)value / 1000);
        break;
    case STORE_NAMESPACES:
        print_namespaces(config, out);
        break;
    }
}

/* The bytes of two paths that are the same groups: "a.b.c", "a.b.d" -> 4. */
static size_t common_groups(const char *a, const char *b) {
    size_t common = 0;

    for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
        if (a[i] == '.') {
            common = i + 1;
        }
    }
    return common;
}

static void indent(size_t depth, struct buf *out) {
    for (size_t i = 0; i < depth; i++) {
        buf_add_text(out, "  ");
    }
}

static size_t depth_of(const char *path, size_t bytes) {
    size_t depth = 0;

    for (size_t i = 0; i < bytes; i++) {
        depth += path[i] == '.';
    }
    return depth;
}

/* Open the groups that path has and the one before had not; its last name's start. */
static const char *open_groups(const char *path, const char *before, struct buf *out) {
    size_t at = common_groups(path, before);
    const char *dot;

    while ((dot = strchr(path + at, '.')) != NULL) {
        size_t depth = depth_of(path, at);

        if (depth == 0 && before[0] != '\0') {
            buf_add_char(out, '\n');
        }
        indent(depth, out);
        buf_add_format(out, "%.*s:\n", (int)(dot - path - (ptrdiff_t)at), path + at);
        at = (size_t)(dot - path) + 1;
    }
    return path + at;
}

void config_print(const struct config *config, struct buf *out) {
    const char *before = "";

    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        const char *path = setting->field.name;
        const char *name = open_groups(path, before, out);
        size_t depth = depth_of(path, (size_t)(name - path));

        indent(depth, out);
        buf_add_format(out, "# %s\n", setting->about);
        indent(depth, out);
        buf_add_format(out, "%s: ", name);
        print_value(config, setting, out);
        buf_add_char(out, '\n');
        before = path;
    }
}

static const char *type_text(const struct setting *setting) {
    switch (setting->store) {
    case STORE_TEXT:
        return setting->field.type == FIELD_WORD ? "word" : "text";
    case STORE_BOOL:
        return "true or false";
    case STORE_INT:
        return "whole number";
    case STORE_MODE:
        return "file mode";
    case STORE_DURATION:
        return "duration";
    case STORE_BYTES:
        return "quantity";
    case STORE_RATE:
        return "number";
    case STORE_NAMESPACES:
        return "list or `all`";
    }
    return "";
}

void config_print_manual(struct buf *out) {
    struct config config;

    config_init_default(&config);
    buf_add_text(out, "| setting | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];

        buf_add_format(out, "| `%s` | %s", setting->field.name, type_text(setting));
        if (setting->store == STORE_INT) {
            buf_add_format(out, ", %" PRId64 " to %" PRId64, setting->field.min,
                           setting->field.max);
        }
        buf_add_text(out, " | `");
        print_value(&config, setting, out);
        buf_add_format(out, "` | %s |\n", setting->about);
    }
    config_finish(&config);
}
