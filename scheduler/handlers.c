/* One function per event. */
#include "base/ensure.h"
#include "policy/node.h"
#include "policy/notice.h"
#include "scheduler/arrays.h"
#include "scheduler/blamed.h"
#include "scheduler/lifecycle.h"
#include "scheduler/news.h"
#include "scheduler/retrying.h"
#include "scheduler/view.h"

static void on_pod(struct core *core, struct event *event) {
    pods_put(core, &event->pod);
}

static void on_pod_gone(struct core *core, struct event *event) {
    pods_gone(core, event->gone.namespace, event->gone.name, event->gone.version);
}

static void on_node(struct core *core, struct event *event) {
    ledger_put_node(core->ledger, event->node);
    blamed_node_put(core, event->node->name);
    core->pass_needed = true;
}

static void on_node_gone(struct core *core, struct event *event) {
    ledger_remove_node(core->ledger, event->gone.name);
    core->pass_needed = true;
}

static void on_quota(struct core *core, struct event *event) {
    ledger_put_quota(core->ledger, event->quota);
    core->pass_needed = true;
}

static void on_quota_gone(struct core *core, struct event *event) {
    ledger_remove_quota(core->ledger, event->gone.namespace, event->gone.name);
    core->pass_needed = true;
}

static void on_limit_range(struct core *core, struct event *event) {
    view_put_limit_range(core, event->limit_range);
}

static void on_limit_range_gone(struct core *core, struct event *event) {
    view_remove_limit_range(core, event->gone.namespace, event->gone.name);
}

static void on_lost(struct core *core, struct event *event) {
    core->counts.lost[event->synced.part] = true;
}

/* Of those that wait, what grew before the nodes were known. */
static void refit_all(struct core *core) {
    struct entry *entry;

    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (job_state_is_waiting((enum job_state)entry->state)) {
            retrying_refit(core, entry);
        }
    }
}

static void on_synced(struct core *core, struct event *event) {
    core->counts.lost[event->synced.part] = false;
    core->counts.synced[event->synced.part] = !event->synced.denied;
    core->counts.denied[event->synced.part] = event->synced.denied;
    core->pass_needed = true;
    if (event->synced.part == CLUSTER_NODES && !event->synced.denied) {
        refit_all(core);
    }
    if (event->synced.part == CLUSTER_PODS && !event->synced.denied && !core->adopted) {
        lifecycle_adopt(core);
    }
}

static void on_started(struct core *core, struct event *event) {
    attempt_started(core, &event->started);
}

static void on_deleted(struct core *core, struct event *event) {
    pods_deleted(core, &event->deleted);
}

static void on_news(struct core *core, struct event *event) {
    news_take(core, &event->news);
}

/* It says what pods are that jobs asked for already: the next start needs it before the cluster
 * has told anything. */
static void on_class(struct core *core, struct event *event) {
    struct queue_change change = {
        .kind = event->class.json != NULL ? CHANGE_FACT_PUT : CHANGE_FACT_DROP,
        .fact = {.kind = FACT_RUNTIME_CLASS, .key = outbox_text(&core->outbox, event->class.name)}};

    if (event->class.json != NULL) {
        change.fact.value.runtime_class.json = outbox_text(&core->outbox, event->class.json);
    }
    outbox_add_change(&core->outbox, &change);
}

static void on_cancel(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_cancel)(core, event);
}

static void on_retry(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_retry)(core, event);
}

static void on_forget(struct core *core, struct event *event) {
    requests_forget(core, event);
}

static void on_hold(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_hold)(core, event);
}

static void on_release(struct core *core, struct event *event) {
    (event->whole ? arrays_order : requests_release)(core, event);
}

/* The start time-out may be shorter now. */
static void on_settings(struct core *core, struct event *event) {
    struct entry *entry;

    core_apply_settings(core, &event->settings);
    for (uint64_t id = 0; (entry = entries_next(&core->entries, id)) != NULL; id = entry->id) {
        if (entry->state == JOB_STARTING) {
            lifecycle_tick(core, entry);
        }
    }
}

static void on_lease(struct core *core, struct event *event) {
    core->counts.lease_lost = !event->lease_held;
    core->pass_needed = true;
}

static void on_outlook(struct core *core, struct event *event) {
    alarms_foresee(core, &event->outlook);
}

static void on_notice_sent(struct core *core, struct event *event) {
    notices_sent(core, &event->notice_sent);
}

static void reply_notice(struct core *core, uint64_t token, bool found) {
    if (token != 0) {
        outbox_add_reply(&core->outbox,
                         &(struct reply){.token = token,
                                         .code = found ? OK : ERR_NOT_FOUND,
                                         .text = found ? "" : "there is no such notification"});
    }
}

static void on_notice_retry(struct core *core, struct event *event) {
    reply_notice(core, event->token, notices_retry(core, event->notice));
}

static void on_notice_drop(struct core *core, struct event *event) {
    reply_notice(core, event->token, notices_drop(core, event->notice));
}

static void on_report(struct core *core, struct event *event) {
    notices_report(core, &event->report);
}

static void on_application(struct core *core, struct event *event) {
    attempt_application(core, &event->application);
}

static void on_applications(struct core *core, struct event *event) {
    attempt_applications(core, event->applications_denied);
}

static void on_drain(struct core *core, struct event *event) {
    (void)event;
    core->counts.draining = true;
    core->pass_needed = true;
}

static void on_schedule(struct core *core, struct event *event) {
    schedules_act(core, event);
}

static void (*const handlers[EVENT_KIND_COUNT])(struct core *core, struct event *event) = {
    [EVENT_SUBMIT] = requests_submit,
    [EVENT_CANCEL] = on_cancel,
    [EVENT_HOLD] = on_hold,
    [EVENT_RELEASE] = on_release,
    [EVENT_RETRY] = on_retry,
    [EVENT_FORGET] = on_forget,
    [EVENT_POD] = on_pod,
    [EVENT_POD_GONE] = on_pod_gone,
    [EVENT_NEWS] = on_news,
    [EVENT_CLASS] = on_class,
    [EVENT_NODE] = on_node,
    [EVENT_NODE_GONE] = on_node_gone,
    [EVENT_QUOTA] = on_quota,
    [EVENT_QUOTA_GONE] = on_quota_gone,
    [EVENT_LIMIT_RANGE] = on_limit_range,
    [EVENT_LIMIT_RANGE_GONE] = on_limit_range_gone,
    [EVENT_APPLICATION] = on_application,
    [EVENT_APPLICATIONS] = on_applications,
    [EVENT_SYNCED] = on_synced,
    [EVENT_STARTED] = on_started,
    [EVENT_DELETED] = on_deleted,
    [EVENT_SETTINGS] = on_settings,
    [EVENT_LEASE] = on_lease,
    [EVENT_LOST] = on_lost,
    [EVENT_DRAIN] = on_drain,
    [EVENT_OUTLOOK] = on_outlook,
    [EVENT_NOTICE_SENT] = on_notice_sent,
    [EVENT_NOTICE_RETRY] = on_notice_retry,
    [EVENT_NOTICE_DROP] = on_notice_drop,
    [EVENT_REPORT] = on_report,
    [EVENT_SCHEDULE] = on_schedule,
    [EVENT_ZONE] = schedules_replace_zone,
};

void handlers_apply(struct core *core, struct event *event) {
    ENSURE(event->kind < EVENT_KIND_COUNT);
    handlers[event->kind](core, event);
}
