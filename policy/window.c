#include "policy/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/memory.h"
#include "policy/zone.h"

#define DAYS_BEFORE   8    /* an opening of several days is told from its begin for a week */
#define HORIZON_DAYS  1100 /* three years */
#define HORIZON_US    (HORIZON_DAYS * CIVIL_DAY_S * CLOCK_US_PER_SECOND)
#define FOR_EVER_DAYS 400
#define LOOK_AGAIN_US (FOR_EVER_DAYS / 2 * CIVIL_DAY_S * CLOCK_US_PER_SECOND)

const char *const window_close_texts[WINDOW_CLOSE_COUNT + 1] = {
    [WINDOW_CLOSE_FINISH] = "finish",
    [WINDOW_CLOSE_REQUEUE] = "requeue",
    [WINDOW_CLOSE_KILL] = "kill",
};

/* Seconds, half open. */
struct stretch {
    int64_t from_s;
    int64_t until_s;
};

static void day_set_finish(struct day_set *set) {
    free(set->days);
}

struct window_set *window_set_create(void) {
    struct window_set *set = mem_alloc(1, sizeof *set);

    set->users = 1;
    return set;
}

struct window_set *window_set_share(struct window_set *set) {
    if (set != NULL) {
        set->users++;
    }
    return set;
}

void window_set_destroy(struct window_set *set) {
    if (set == NULL || --set->users > 0) {
        return;
    }
    for (size_t i = 0; i < set->window_count; i++) {
        struct window *window = &set->windows[i];

        for (size_t k = 0; k < window->hours_count; k++) {
            day_set_finish(&window->hours[k].also);
        }
        free(window->hours);
        day_set_finish(&window->except);
        free(window->name);
    }
    for (size_t i = 0; i < set->freeze_count; i++) {
        for (size_t k = 0; k < set->freezes[i].window_count; k++) {
            free(set->freezes[i].windows[k]);
        }
        free(set->freezes[i].windows);
        free(set->freezes[i].name);
    }
    for (size_t i = 0; i < set->zone_count; i++) {
        zone_destroy(set->zones[i]);
    }
    free(set->windows);
    free(set->freezes);
    free(set->zones);
    free(set);
}

const struct window *window_find(const struct window_set *set, const char *name) {
    for (size_t i = 0; i < set->window_count; i++) {
        if (strcmp(set->windows[i].name, name) == 0) {
            return &set->windows[i];
        }
    }
    return NULL;
}

/* Recurrence. */

static bool day_set_has(const struct day_set *set, int64_t day) {
    size_t low = 0;
    size_t high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->days[middle] < day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < set->count && set->days[low] == day;
}

static bool counts_on(const struct window *window, const struct window_hours *hours, int64_t day) {
    bool weekday = (hours->weekdays >> civil_weekday(day) & 1) != 0;

    return (weekday || day_set_has(&hours->also, day)) && !day_set_has(&window->except, day);
}

static struct stretch hours_on(const struct window *window, const struct window_hours *hours,
                               int64_t day) {
    return (struct stretch){
        .from_s = zone_reach(window->zone, day * CIVIL_DAY_S + hours->open_s),
        .until_s = zone_reach(window->zone, day * CIVIL_DAY_S + hours->close_s),
    };
}

/* The opening, hours that touch joined, that time_s is in, or the next one; false if there is
 * none before last_day. */
static bool opening_at(const struct window *window, int64_t time_s, int64_t last_day,
                       struct stretch *out) {
    int64_t today = civil_day_of(zone_civil_s(window->zone, time_s));
    struct stretch opening = {INT64_MIN, INT64_MIN}; /* of the past, so far */

    for (int64_t day = today - DAYS_BEFORE; day <= last_day; day++) {
        if (opening.until_s > time_s + FOR_EVER_DAYS * CIVIL_DAY_S) {
            opening.until_s = INT64_MAX;
            break;
        }
        for (size_t i = 0; i < window->hours_count; i++) {
            struct stretch hours;

            if (!counts_on(window, &window->hours[i], day)) {
                continue;
            }
            hours = hours_on(window, &window->hours[i], day);
            if (hours.until_s <= hours.from_s) {
                continue; /* The clocks jumped over it. */
            }
            if (hours.from_s > opening.until_s) {
                if (opening.until_s > time_s) {
                    *out = opening;
                    return true;
                }
                opening = hours;
            } else if (hours.until_s > opening.until_s) {
                opening.until_s = hours.until_s;
            }
        }
    }
    *out = opening;
    return opening.until_s > time_s;
}

/* Freezes. */

bool window_is_frozen_by(const struct window *window, const struct freeze *freeze) {
    if (freeze->window_count == 0) {
        return true;
    }
    for (size_t i = 0; i < freeze->window_count; i++) {
        if (strcmp(freeze->windows[i], window->name) == 0) {
            return true;
        }
    }
    return false;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What freezes leave of an opening from now_us on; false if nothing. */
static bool cut(const struct window_set *set, const struct window *window, int64_t now_us,
                struct window_span *span) {
    for (size_t i = 0; i < set->freeze_count; i++) {
        const struct freeze *freeze = &set->freezes[i];

        if (!window_is_frozen_by(window, freeze) || freeze->until_us <= span->opens_us) {
            continue;
        }
        if (freeze->from_us <= later(span->opens_us, now_us)) {
            span->opens_us = freeze->until_us;
        } else if (freeze->from_us < span->closes_us) {
            span->closes_us = freeze->from_us;
        }
    }
    return span->opens_us < span->closes_us;
}

static int64_t to_us(int64_t time_s) {
    return time_s == INT64_MAX ? CLOCK_NEVER_US : time_s * CLOCK_US_PER_SECOND;
}

static int64_t to_s(int64_t time_us) {
    int64_t rounded = time_us % CLOCK_US_PER_SECOND < 0 ? 1 : 0;

    return time_us / CLOCK_US_PER_SECOND - rounded;
}

bool window_span_at(const struct window_set *set, const struct window *window, int64_t now_us,
                    struct window_span *out_span) {
    int64_t last_day = civil_day_of(zone_civil_s(window->zone, to_s(now_us))) + HORIZON_DAYS;
    int64_t time_s = to_s(now_us);
    struct stretch opening;

    while (opening_at(window, time_s, last_day, &opening)) {
        struct window_span span = {to_us(opening.from_s), to_us(opening.until_s)};

        if (cut(set, window, now_us, &span)) {
            *out_span = span;
            return true;
        }
        if (opening.until_s == INT64_MAX) {
            return false;
        }
        time_s = opening.until_s;
    }
    return false;
}

int64_t window_longest_us(const struct window *window, int64_t now_us) {
    int64_t time_s = to_s(now_us);
    int64_t last_day = civil_day_of(zone_civil_s(window->zone, time_s)) + FOR_EVER_DAYS + 2;
    int64_t longest_s = 0;
    struct stretch opening;

    while (opening_at(window, time_s, last_day, &opening)) {
        if (opening.until_s == INT64_MAX) {
            return CLOCK_NEVER_US;
        }
        longest_s = later(longest_s, opening.until_s - opening.from_s);
        time_s = opening.until_s;
    }
    return longest_s == 0 ? 0 : longest_s * CLOCK_US_PER_SECOND + window->spill_us;
}

/* The one that holds every job, or NULL. */
static const struct freeze *freeze_at(const struct window_set *set, int64_t now_us) {
    for (size_t i = 0; i < set->freeze_count; i++) {
        const struct freeze *freeze = &set->freezes[i];

        if (freeze->window_count == 0 && freeze->from_us <= now_us && now_us < freeze->until_us) {
            return freeze;
        }
    }
    return NULL;
}

/* Asking. */

static int64_t next_freeze_us(const struct window_set *set, int64_t now_us) {
    for (size_t i = 0; i < set->freeze_count; i++) {
        if (set->freezes[i].window_count == 0 && set->freezes[i].from_us > now_us) {
            return set->freezes[i].from_us;
        }
    }
    return CLOCK_NEVER_US;
}

static struct window_answer ask_freezes(const struct window_set *set, int64_t now_us) {
    const struct freeze *freeze = freeze_at(set, now_us);

    if (freeze == NULL) {
        return (struct window_answer){
            .may_start = true,
            .closes_us = CLOCK_NEVER_US,
            .again_us = next_freeze_us(set, now_us),
        };
    }
    return (struct window_answer){.freeze = freeze, .again_us = freeze->until_us};
}

/* The last instant at which the run may start: it has to be open then, too. */
static int64_t last_start_us(const struct window *window, const struct window_span *span,
                             int64_t expected_us) {
    int64_t last_us = span->closes_us - 1;

    if (span->closes_us == CLOCK_NEVER_US) {
        return CLOCK_NEVER_US;
    }
    if (expected_us > 0 && span->closes_us + window->spill_us - expected_us < last_us) {
        last_us = span->closes_us + window->spill_us - expected_us;
    }
    return last_us;
}

static struct window_answer ask_window(const struct window_set *set, const struct window *window,
                                       int64_t now_us, int64_t expected_us) {
    struct window_answer answer = {.window = window, .again_us = CLOCK_NEVER_US};
    struct window_span span;

    /* The first opening that the run fits into. */
    for (int64_t from_us = now_us;
         from_us < now_us + HORIZON_US && window_span_at(set, window, from_us, &span);
         from_us = span.closes_us) {
        int64_t last_us = last_start_us(window, &span, expected_us);
        bool is_open = span.opens_us <= now_us;

        if (last_us < later(span.opens_us, now_us)) {
            if (is_open) {
                answer.too_short = true;
                answer.closes_us = span.closes_us;
            }
            if (span.closes_us == CLOCK_NEVER_US) {
                break;
            }
            continue;
        }
        if (is_open) {
            answer.may_start = true;
            answer.closes_us = span.closes_us;
            /* No close in sight: it may come into sight. */
            answer.again_us = last_us == CLOCK_NEVER_US ? now_us + LOOK_AGAIN_US : last_us + 1;
        } else {
            answer.again_us = span.opens_us;
        }
        break;
    }
    return answer;
}

/* Starting beats waiting; the one that stays open longest, or opens first, comes first. */
static bool is_better(const struct window_answer *a, const struct window_answer *b) {
    if (a->may_start != b->may_start) {
        return a->may_start;
    }
    return a->may_start ? a->closes_us > b->closes_us : a->again_us < b->again_us;
}

struct window_answer window_ask(const struct window_set *set, const struct window *const *windows,
                                size_t count, int64_t now_us, int64_t expected_us) {
    struct window_answer best = ask_freezes(set, now_us);

    if (count == 0 || !best.may_start) {
        return best;
    }
    for (size_t i = 0; i < count; i++) {
        struct window_answer answer = ask_window(set, windows[i], now_us, expected_us);

        if (i == 0 || is_better(&answer, &best)) {
            best = answer;
        }
    }
    return best;
}
