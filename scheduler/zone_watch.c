#include "scheduler/daemon.h"

#include "config/windows.h"
#include "config/zones.h"
#include "policy/zone.h"
#include "scheduler/loop.h"

#define LOOK_AT_ZONES_US (15 * CLOCK_US_PER_SECOND)

/* Of schedules. One that has gone stays as it was. */
static void reload_zone(struct daemon *daemon, const char *name) {
    struct zone *zone = NULL;
    struct error error = {0};

    if (zones_load(daemon->config.zoneinfo_dir, name, &error, &zone) == OK) {
        inbox_add(&daemon->inbox, &(struct event){.kind = EVENT_ZONE, .zone = zone}, NULL, NULL);
    } else {
        log_error(&daemon->log, daemon_now(daemon).now_us,
                  "event=zone_lost zone=%s action=\"schedules go on by what was read before\" "
                  "error=\"%s\"",
                  name, error.text);
    }
}

static uint64_t schedule_zones_stamp(const struct daemon *daemon) {
    const struct zone *zone;
    uint64_t stamp = 0;

    for (size_t at = 0;
         daemon->core != NULL && (zone = core_next_zone(daemon->core, &at)) != NULL;) {
        stamp += zones_stamp(daemon->config.zoneinfo_dir, zone_name(zone));
    }
    return stamp;
}

static void look_at_schedule_zones(struct daemon *daemon) {
    uint64_t stamp = schedule_zones_stamp(daemon);
    const struct zone *zone;

    if (stamp == daemon->schedule_zones_stamp) {
        return;
    }
    daemon->schedule_zones_stamp = stamp;
    for (size_t at = 0; (zone = core_next_zone(daemon->core, &at)) != NULL;) {
        reload_zone(daemon, zone_name(zone));
    }
}

/* An update of tzdata moves windows and schedules: nobody thinks of telling us. */
static void on_look_at_zones(struct poller_timer *timer) {
    struct daemon *daemon = timer->owner;
    uint64_t stamp = windows_zones_stamp(daemon->config.windows, daemon->config.zoneinfo_dir);

    look_at_schedule_zones(daemon);
    if (stamp != daemon->zones_stamp) {
        daemon->zones_stamp = stamp; /* Once, even if it is refused. */
        log_info(&daemon->log, daemon_now(daemon).now_us, "event=tzdata_changed folder=%s",
                 daemon->config.zoneinfo_dir);
        daemon->reload_due = true;
    }
    poller_timer_set(loop_poller(daemon->loop), timer, LOOK_AT_ZONES_US);
}

void zone_watch_begin(struct daemon *daemon) {
    daemon->zones_stamp = windows_zones_stamp(daemon->config.windows, daemon->config.zoneinfo_dir);
    daemon->look_at_zones = (struct poller_timer){.on_time = on_look_at_zones, .owner = daemon};
    poller_timer_set(loop_poller(daemon->loop), &daemon->look_at_zones, LOOK_AT_ZONES_US);
}
