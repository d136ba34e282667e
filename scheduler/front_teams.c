/* What the front door says of teams: the tree with its arithmetic, and metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "policy/order.h"
#include "policy/share.h"
#include "scheduler/daemon.h"
#include "scheduler/front_view.h"

#define NUMBER_BYTES 32
#define TEXT_BYTES   256

/* Texts of one answer's team. */
struct team_texts {
    char weight[NUMBER_BYTES];
    char share[NUMBER_BYTES];
    char running[NUMBER_BYTES];
    char used[NUMBER_BYTES];
    char holds[TEXT_BYTES];
    char limits[TEXT_BYTES];
};

static void print_number(double number, char out_text[NUMBER_BYTES]) {
    (void)snprintf(out_text, NUMBER_BYTES, "%.4f", number);
}

/* One more "cpu 20", with a comma before it. */
static void add_text(char out_text[TEXT_BYTES], const char *text) {
    const size_t used = strlen(out_text);

    (void)snprintf(out_text + used, TEXT_BYTES - used, "%s%s", used > 0 ? ", " : "", text);
}

static void add_amount(const struct resource_names *names, const char *what, size_t kind,
                       int64_t amount, char out_text[TEXT_BYTES]) {
    char quantity[QUANTITY_BYTES_MAX];
    char text[TEXT_BYTES];

    resource_print(names, kind, amount, quantity);
    (void)snprintf(text, sizeof text, "%s%s %s", what, resource_name(names, kind), quantity);
    add_text(out_text, text);
}

static void print_holds(const struct resource_names *names, const struct resources *running,
                        char out_text[TEXT_BYTES]) {
    out_text[0] = '\0';
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if (running->amount[i] != 0 && i != RESOURCE_PODS) {
            add_amount(names, "", i, running->amount[i], out_text);
        }
    }
}

static void add_amounts(const struct resource_names *names, const char *what,
                        const struct share_amounts *amounts, char out_text[TEXT_BYTES]) {
    for (size_t i = 0; i < RESOURCE_KIND_MAX; i++) {
        if ((amounts->set & RESOURCE_BIT(i)) != 0) {
            add_amount(names, what, i, amounts->amounts.amount[i], out_text);
        }
    }
}

static void print_limits(const struct resource_names *names, const struct share_limits *limits,
                         char out_text[TEXT_BYTES]) {
    char text[TEXT_BYTES];

    out_text[0] = '\0';
    if (limits->running_max != SHARE_UNLIMITED) {
        (void)snprintf(text, sizeof text, "%lld running", (long long)limits->running_max);
        add_text(out_text, text);
    }
    if (limits->waiting_max != SHARE_UNLIMITED) {
        (void)snprintf(text, sizeof text, "%lld waiting", (long long)limits->waiting_max);
        add_text(out_text, text);
    }
    add_amounts(names, "", &limits->resources_max, out_text);
    add_amounts(names, "nominal ", &limits->nominal, out_text);
    add_amounts(names, "borrowing ", &limits->borrowing_max, out_text);
}

static struct wire_team team_on_wire(struct daemon *daemon, uint32_t node,
                                     struct team_texts *texts) {
    const struct share *share = core_share(daemon->core);
    const struct resource_names *names = core_resource_names(daemon->core);
    const struct share_node_info info = share_node(share, node);
    const struct share_parts parts = share_explain(share, node, daemon_now(daemon).now_us);

    (void)snprintf(texts->weight, sizeof texts->weight, "%g", parts.weight);
    print_number(parts.share, texts->share);
    print_number(parts.running, texts->running);
    print_number(parts.used, texts->used);
    print_holds(names, info.running, texts->holds);
    print_limits(names, info.limits, texts->limits);
    return (struct wire_team){
        .name = info.name,
        .parent = node == SHARE_ROOT ? "" : share_node(share, info.parent).name,
        .kind = node == SHARE_ROOT ? "all"
                : info.is_user     ? "user"
                                   : "team",
        .depth = info.depth,
        .weight = texts->weight,
        .share = texts->share,
        .running = texts->running,
        .used = texts->used,
        .resource = parts.kind != RESOURCE_NONE ? resource_name(names, parts.kind) : "",
        .is_borrowing = share_is_borrowing(share, node),
        .running_jobs = info.running_jobs,
        .waiting_jobs = info.waiting_jobs,
        .holds = texts->holds,
        .limits = texts->limits,
    };
}

/* Parents before their children, those by name. */
static void add_below(struct daemon *daemon, uint32_t node, struct wire_team *items,
                      struct team_texts *texts, size_t *count) {
    const struct share_node_info info = share_node(core_share(daemon->core), node);

    items[*count] = team_on_wire(daemon, node, &texts[*count]);
    (*count)++;
    for (size_t i = 0; i < info.child_count; i++) {
        add_below(daemon, info.children[i], items, texts, count);
    }
}

void front_teams(struct daemon *daemon, struct buf *out_json) {
    const size_t room = share_node_count(core_share(daemon->core));
    struct wire_team *items = mem_alloc(room, sizeof *items);
    struct team_texts *texts = mem_alloc(room, sizeof *texts);
    size_t count = 0;

    add_below(daemon, SHARE_ROOT, items, texts, &count);
    wire_encode_team_list(out_json, &(struct wire_team_list){.items = items,
                                                             .item_count = count,
                                                             .mode = daemon->config.mode,
                                                             .now_us = daemon_now(daemon).now_us});
    free(items);
    free(texts);
}

/* --- Metrics --------------------------------------------------------------------------------- */

/* Teams alone: users would be too many lines. */
static void add_metric(const struct daemon *daemon, struct buf *out_text, const char *name,
                       const char *help,
                       double (*value)(const struct share *share, uint32_t node, int64_t now_us)) {
    const struct share *share = core_share(daemon->core);
    const int64_t now_us = daemon_now(daemon).now_us;

    buf_add_format(out_text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    for (uint32_t i = 1; i < share_node_count(share); i++) {
        if (share_node_exists(share, i) && !share_node(share, i).is_user) {
            buf_add_format(out_text, "%s{team=\"%s\"} %.6g\n", name, share_node(share, i).name,
                           value(share, i, now_us));
        }
    }
}

static double used_of(const struct share *share, uint32_t node, int64_t now_us) {
    return share_explain(share, node, now_us).used;
}

static double running_of(const struct share *share, uint32_t node, int64_t now_us) {
    return share_explain(share, node, now_us).running;
}

static double jobs_of(const struct share *share, uint32_t node, int64_t now_us) {
    (void)now_us;
    return (double)share_node(share, node).running_jobs;
}

void front_team_metrics(const struct daemon *daemon, struct buf *out_text) {
    if (daemon->core == NULL) {
        return;
    }
    add_metric(daemon, out_text, "nightshift_team_share",
               "Running and used part of the cluster, by weight; the lowest goes first.",
               share_value);
    add_metric(daemon, out_text, "nightshift_team_running",
               "Part of the cluster's dominant resource that runs.", running_of);
    add_metric(daemon, out_text, "nightshift_team_used",
               "Part of it that ran on average, decayed by the half-life.", used_of);
    add_metric(daemon, out_text, "nightshift_team_running_jobs", "Jobs that run.", jobs_of);
}
