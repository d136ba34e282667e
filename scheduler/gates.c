#include "scheduler/gates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/civil.h"
#include "base/memory.h"
#include "base/text.h"
#include "policy/zone.h"
#include "scheduler/view.h"

#define DAY_US           (CIVIL_DAY_S * CLOCK_US_PER_SECOND)
#define LOOK_AT_LEAST_US (60 * CLOCK_US_PER_SECOND)

/* Expected times are rounded up to minutes, so that jobs that hardly differ share a gate. */
#define EXPECTED_STEP_US (60 * CLOCK_US_PER_SECOND)

struct gate {
    char *key;
    char *names; /* as the job gave them */
    int64_t expected_us;
    size_t users;
    struct window_answer answer;
    struct reason reason; /* REASON_NONE: open */
};

/* The longest opening of a job's windows, and when that was found. */
struct longest {
    int64_t longest_us;
    int64_t found_us;
};

static const struct window_set *windows_of(const struct core *core) {
    static const struct window_set none;

    return core->settings.windows != NULL ? core->settings.windows : &none;
}

/* --- Reasons --------------------------------------------------------------------------------- */

/* "Mon 2026-11-23 22:00 CET", as the wall clock of that zone shows it. */
static void print_local(const struct zone *zone, int64_t time_us, char *out_text, size_t bytes) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t civil_s = zone_civil_s(zone, time_us / CLOCK_US_PER_SECOND);
    int64_t day = civil_day_of(civil_s);
    int minute = (int)((civil_s - day * CIVIL_DAY_S) / 60);
    char date[CIVIL_DATE_BYTES];

    civil_print_date(day, date);
    (void)snprintf(out_text, bytes, "%s %s %02d:%02d %s", days[civil_weekday(day)], date,
                   minute / 60, minute % 60,
                   zone_abbreviation(zone, time_us / CLOCK_US_PER_SECOND));
}

static struct reason window_reason(enum reason_code code, const char *name, int64_t until_us) {
    struct reason reason = reason_plain(code);

    reason.until_us = until_us;
    (void)text_copy(reason.name, sizeof reason.name, name);
    return reason;
}

static struct reason reason_of(const struct gate *gate) {
    const struct window_answer *answer = &gate->answer;
    struct reason reason;

    if (answer->may_start) {
        return (struct reason){0};
    }
    if (answer->freeze != NULL) {
        return window_reason(REASON_FREEZE, answer->freeze->name, answer->again_us);
    }
    if (answer->window == NULL) {
        return window_reason(REASON_WINDOW_UNKNOWN, gate->names, 0);
    }
    reason = window_reason(answer->too_short ? REASON_WINDOW_TOO_SHORT : REASON_WINDOW,
                           answer->window->name, answer->again_us);
    reason.needs = gate->expected_us;
    reason.hard = answer->closes_us;
    if (answer->again_us != CLOCK_NEVER_US) {
        print_local(answer->window->zone, answer->again_us, reason.key, sizeof reason.key);
    }
    return reason;
}

/* --- Names ----------------------------------------------------------------------------------- */

/* The next of "a,b", owned; NULL: no more. */
static char *next_name(const char **at) {
    size_t length = strcspn(*at, ",");
    char *name = **at == '\0' ? NULL : mem_copy_text_n(*at, length);

    *at += (*at)[length] == ',' ? length + 1 : length;
    return name;
}

/* --- One gate -------------------------------------------------------------------------------- */

/* Those of its windows that there are. */
static size_t find_windows(const struct window_set *set, const char *names,
                           const struct window *out_windows[WINDOWS_PER_JOB_MAX]) {
    size_t count = 0;
    char *name;

    while (count < WINDOWS_PER_JOB_MAX && (name = next_name(&names)) != NULL) {
        const struct window *window = window_find(set, name);

        if (window != NULL) {
            out_windows[count++] = window;
        }
        free(name);
    }
    return count;
}

/* True if it opened, shut, or has another reason. */
static bool gate_look(const struct core *core, struct gate *gate) {
    const struct window *windows[WINDOWS_PER_JOB_MAX];
    size_t count = find_windows(windows_of(core), gate->names, windows);
    struct reason reason;
    bool changed;

    /* A job that asks for a window that is not there any more must not run without one. */
    gate->answer = count > 0 ? window_ask(windows_of(core), windows, count, core->instant.now_us,
                                          gate->expected_us)
                             : (struct window_answer){.again_us = CLOCK_NEVER_US};
    reason = reason_of(gate);
    changed = memcmp(&reason, &gate->reason, sizeof reason) != 0;
    gate->reason = reason;
    return changed;
}

static char *key_of(const char *names, int64_t expected_us) {
    return mem_format("%s %" PRId64, names, expected_us);
}

int64_t gate_rounded_us(int64_t expected_us) {
    return (expected_us + EXPECTED_STEP_US - 1) / EXPECTED_STEP_US * EXPECTED_STEP_US;
}

struct gate *gate_take(struct core *core, const char *windows, int64_t expected_us) {
    struct gate *gate;
    char *key;

    if (windows[0] == '\0') {
        return NULL;
    }
    key = key_of(windows, expected_us);
    gate = map_get(&core->gates.by_key, key);
    if (gate == NULL) {
        gate = mem_alloc(1, sizeof *gate);
        *gate =
            (struct gate){.key = key, .names = mem_copy_text(windows), .expected_us = expected_us};
        (void)map_put(&core->gates.by_key, key, gate);
        (void)gate_look(core, gate);
        if (gate->answer.again_us < core->gates.due_us) {
            core->gates.due_us = gate->answer.again_us;
        }
    } else {
        free(key);
    }
    gate->users++;
    return gate;
}

static void gate_destroy(struct gate *gate) {
    free(gate->key);
    free(gate->names);
    free(gate);
}

void gate_drop(struct core *core, struct gate *gate) {
    if (gate != NULL && --gate->users == 0) {
        (void)map_remove(&core->gates.by_key, gate->key);
        gate_destroy(gate);
    }
}

const struct reason *gate_reason(const struct core *core, const struct gate *gate) {
    if (core->gates.freeze != NULL) {
        return &core->gates.freeze_reason;
    }
    return gate == NULL || gate->reason.code == REASON_NONE ? NULL : &gate->reason;
}

bool gate_has_window(const struct gate *gate, const char *name) {
    const char *at = gate == NULL ? "" : gate->names;
    bool found = false;
    char *own;

    while (!found && (own = next_name(&at)) != NULL) {
        found = strcmp(own, name) == 0;
        free(own);
    }
    return found;
}

int64_t gate_close_us(const struct gate *gate, enum window_close *out_at_close) {
    const struct window *window = gate != NULL ? gate->answer.window : NULL;

    *out_at_close = WINDOW_CLOSE_FINISH;
    if (window == NULL || window->at_close == WINDOW_CLOSE_FINISH ||
        gate->answer.closes_us == CLOCK_NEVER_US) {
        return 0;
    }
    *out_at_close = window->at_close;
    return gate->answer.closes_us + window->spill_us;
}

/* --- Checking -------------------------------------------------------------------------------- */

static int complain_unknown(const struct window_set *set, const char *name, struct error *error) {
    struct buf known;
    int r;

    buf_init(&known, ERROR_TEXT_BYTES_MAX / 2);
    for (size_t i = 0; i < set->window_count; i++) {
        buf_add_format(&known, "%s%s", i == 0 ? "there are " : ", ", set->windows[i].name);
    }
    r = error_set(error, ERR_INVALID, "there is no window \"%s\"; %s", name,
                  set->window_count == 0 ? "none is configured" : buf_text(&known));
    buf_finish(&known);
    return r;
}

/* The longest opening of any of the windows. */
static int find_longest(const struct core *core, const char *windows, int64_t *out_us,
                        struct error *error) {
    const struct window_set *set = windows_of(core);
    size_t count = 0;
    char *name;

    *out_us = 0;
    for (; (name = next_name(&windows)) != NULL; count++) {
        const struct window *window = window_find(set, name);
        int r = window == NULL ? complain_unknown(set, name, error) : OK;
        int64_t longest_us = r < 0 ? 0 : window_longest_us(window, core->instant.now_us);

        free(name);
        if (r < 0) {
            return r;
        }
        *out_us = longest_us > *out_us ? longest_us : *out_us;
    }
    return count <= WINDOWS_PER_JOB_MAX
               ? OK
               : error_set(error, ERR_INVALID, "names %zu windows; at most %d", count,
                           WINDOWS_PER_JOB_MAX);
}

/* A submission may be of thousands with the same windows: found once a day. */
static int longest_of(struct core *core, const char *windows, int64_t *out_us,
                      struct error *error) {
    struct longest *known = map_get(&core->gates.longest, windows);
    int64_t now_us = core->instant.now_us;
    int r;

    if (known == NULL || now_us < known->found_us || now_us - known->found_us > DAY_US) {
        r = find_longest(core, windows, out_us, error);
        if (r < 0) {
            return r;
        }
        if (known == NULL) {
            known = mem_alloc(1, sizeof *known);
            (void)map_put(&core->gates.longest, windows, known);
        }
        *known = (struct longest){*out_us, now_us};
    }
    *out_us = known->longest_us;
    return OK;
}

int gate_check(struct core *core, const char *windows, int64_t expected_us, struct error *error) {
    int64_t longest_us;
    char expected[32];
    char longest[32];
    int r;

    if (windows[0] == '\0') {
        return OK;
    }
    r = longest_of(core, windows, &longest_us, error);
    if (r < 0 || (longest_us > 0 && expected_us <= longest_us)) {
        return r;
    }
    text_print_duration(expected_us, expected);
    text_print_duration(longest_us, longest);
    return error_set(error, ERR_INVALID,
                     longest_us == 0
                         ? "window %s does not open in the next year"
                         : "window %s is never open for longer than %s, spill included; "
                           "the job is expected to run %s",
                     windows, longest, expected);
}

/* --- All of them ----------------------------------------------------------------------------- */

static void forget_longest(struct gates *gates) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&gates->longest, &at)) != NULL;) {
        free(item->value);
    }
    map_finish(&gates->longest);
    gates->longest = (struct map){0};
}

void gates_finish(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->gates.by_key, &at)) != NULL;) {
        gate_destroy(item->value);
    }
    map_finish(&core->gates.by_key);
    forget_longest(&core->gates);
}

/* A gate's change is rare: each shape is told to the plan again. */
static void touch_shapes(struct core *core) {
    struct map_entry *item;

    for (size_t at = 0; (item = map_next(&core->shapes, &at)) != NULL;) {
        shape_touch(core, item->value);
    }
    core->pass_needed = true;
}

void gates_replaced(struct core *core) {
    core->gates.due_us = INT64_MIN;
    core->gates.freeze = NULL;
    forget_longest(&core->gates);
    touch_shapes(core);
}

static bool look_at_freezes(struct core *core) {
    struct gates *gates = &core->gates;
    struct window_answer answer = window_ask(windows_of(core), NULL, 0, core->instant.now_us, 0);
    bool changed = answer.freeze != gates->freeze;

    gates->freeze = answer.freeze;
    if (answer.freeze != NULL) {
        gates->freeze_reason = window_reason(REASON_FREEZE, answer.freeze->name, answer.again_us);
    }
    gates->due_us = answer.again_us;
    return changed;
}

void gates_tick(struct core *core) {
    struct gates *gates = &core->gates;
    int64_t now_us = core->instant.now_us;
    struct map_entry *item;
    bool changed;

    /* The wall clock may go back. */
    if (now_us < gates->due_us && now_us >= gates->looked_us) {
        return;
    }
    gates->looked_us = now_us;
    changed = look_at_freezes(core);
    for (size_t at = 0; (item = map_next(&gates->by_key, &at)) != NULL;) {
        struct gate *gate = item->value;

        changed = gate_look(core, gate) || changed;
        if (gate->answer.again_us < gates->due_us) {
            gates->due_us = gate->answer.again_us;
        }
    }
    if (changed) {
        touch_shapes(core);
    }
}

int64_t gates_wake_after_us(const struct core *core) {
    int64_t left_us = core->gates.due_us - core->instant.now_us;

    if (core->gates.due_us == CLOCK_NEVER_US && core->gates.by_key.count == 0) {
        return CLOCK_NEVER_US;
    }
    return left_us < LOOK_AT_LEAST_US ? (left_us > 0 ? left_us : 0) : LOOK_AT_LEAST_US;
}
