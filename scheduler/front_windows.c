#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"
#include "policy/window.h"
#include "policy/zone.h"
#include "scheduler/daemon.h"
#include "scheduler/front_view.h"

/* What the wire calls null. */
static int64_t or_zero(int64_t time_us) {
    return time_us == CLOCK_NEVER_US ? 0 : time_us;
}

/* The freeze that a window is in now, or NULL. */
static const struct freeze *freeze_of(const struct window_set *set, const struct window *window,
                                      int64_t now_us) {
    for (size_t i = 0; i < set->freeze_count; i++) {
        const struct freeze *freeze = &set->freezes[i];

        if (freeze->from_us <= now_us && now_us < freeze->until_us &&
            window_is_frozen_by(window, freeze)) {
            return freeze;
        }
    }
    return NULL;
}

static struct wire_window window_on_wire(const struct daemon *daemon, const struct window_set *set,
                                         const struct window *window, int64_t now_us) {
    const struct freeze *freeze = freeze_of(set, window, now_us);
    struct window_span span;
    struct wire_window wire = {
        .name = window->name,
        .zone = zone_name(window->zone),
        .at_close = window_close_texts[window->at_close],
        .spill_us = window->spill_us,
        .waiting = (int64_t)core_window_waiting(daemon->core, window->name),
        .freeze = freeze != NULL ? freeze->name : "",
    };

    if (window_span_at(set, window, now_us, &span)) {
        wire.open = span.opens_us <= now_us;
        wire.opens_us = span.opens_us;
        wire.closes_us = or_zero(span.closes_us);
        wire.changes_us = or_zero(wire.open ? span.closes_us : span.opens_us);
    }
    return wire;
}

void front_windows(struct daemon *daemon, struct buf *out_json) {
    const struct window_set *set = core_windows(daemon->core);
    int64_t now_us = daemon_now(daemon).now_us;
    size_t count = set != NULL ? set->window_count : 0;
    struct wire_window *items = mem_alloc(count + 1, sizeof *items);

    for (size_t i = 0; i < count; i++) {
        items[i] = window_on_wire(daemon, set, &set->windows[i], now_us);
    }
    wire_encode_window_list(out_json, &(struct wire_window_list){
                                          .items = items, .item_count = count, .now_us = now_us});
    free(items);
}
