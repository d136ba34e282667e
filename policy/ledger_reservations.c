/* Admitted gangs. */
#include "policy/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/memory.h"
#include "policy/room.h"

void ledger_reservation_destroy(struct ledger_reservation *reservation) {
    demand_destroy(reservation->demand);
    free(reservation);
}

/* Where the job's reservation is, or would be. */
static size_t reservation_at(const struct ledger *ledger, uint64_t job_id) {
    size_t low = 0;
    size_t high = ledger->reservation_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (ledger->reservations[middle]->job_id < job_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct ledger_reservation *ledger_own_reservation(const struct ledger *ledger, uint64_t job_id) {
    const size_t at = reservation_at(ledger, job_id);

    return at < ledger->reservation_count && ledger->reservations[at]->job_id == job_id
               ? ledger->reservations[at]
               : NULL;
}

uint32_t ledger_outstanding(const struct ledger *ledger,
                            const struct ledger_reservation *reservation, size_t group) {
    const struct kept_job *job = map_get_id(&ledger->jobs, reservation->job_id);
    const struct pod_group *wanted = &reservation->demand->groups[group];
    const uint64_t live = job != NULL ? job->live[wanted->role] : 0;

    return live < wanted->count ? wanted->count - (uint32_t)live : 0;
}

/* Charge what the reservation still waits for, `times` times (1 or -1). */
void ledger_charge_reservation(struct ledger *ledger, const struct ledger_reservation *reservation,
                               int64_t times) {
    struct ledger_namespace *namespace =
        ledger_change_namespace(ledger, reservation->namespace_index);
    struct usage *objects = reservation->objects_visible ? &namespace->own : &namespace->reserved;
    const struct demand *demand = reservation->demand;

    for (size_t i = 0; i < demand->group_count; i++) {
        usage_add_group(&namespace->reserved, &demand->groups[i],
                        times * ledger_outstanding(ledger, reservation, i));
    }
    room_touch_job(ledger->room, reservation->job_id);
    for (size_t i = 0; i < demand->object_count; i++) {
        usage_add_object(objects, demand->objects[i].key, times * demand->objects[i].amount);
    }
}

/* A job with pods and no reservation is on its way out. */
void ledger_note_whether_leaving(struct ledger *ledger, uint64_t job_id) {
    struct kept_job *job = map_get_id(&ledger->jobs, job_id);

    if (job != NULL && ledger_own_reservation(ledger, job_id) == NULL) {
        (void)map_put_id(&ledger->leaving, job_id, job);
    } else {
        (void)map_remove_id(&ledger->leaving, job_id);
    }
}

void ledger_reserve(struct ledger *ledger, uint64_t job_id, const char *namespace,
                    struct demand *demand) {
    struct ledger_reservation *reservation;
    size_t at;

    ENSURE(job_id != 0);
    reservation = mem_alloc(1, sizeof *reservation);
    *reservation = (struct ledger_reservation){
        .job_id = job_id,
        .namespace_index = ledger_namespace_index(ledger, namespace),
        .demand = demand_share(demand),
    };
    ledger_release(ledger, job_id);
    at = reservation_at(ledger, job_id);
    ledger->reservations = mem_grow(ledger->reservations, ledger->reservation_count + 1,
                                    sizeof(struct ledger_reservation *));
    memmove(&ledger->reservations[at + 1], &ledger->reservations[at],
            (ledger->reservation_count - at) * sizeof(struct ledger_reservation *));
    ledger->reservations[at] = reservation;
    ledger->reservation_count++;
    ledger_note_job(ledger, job_id);
    ledger_note_whether_leaving(ledger, job_id);
    ledger_charge_reservation(ledger, reservation, 1);
}

void ledger_objects_visible(struct ledger *ledger, uint64_t job_id) {
    struct ledger_reservation *reservation = ledger_own_reservation(ledger, job_id);

    if (reservation != NULL) {
        ledger_charge_reservation(ledger, reservation, -1);
        reservation->objects_visible = true;
        ledger_charge_reservation(ledger, reservation, 1);
    }
}

static void count_stay(struct ledger *ledger, const struct ledger_stay *stay, int times) {
    ledger->stay_count += (size_t)(stay->runtime_us != 0 ? times : 0);
    ledger->leaving_count += (size_t)(stay->is_leaving ? times : 0);
}

void ledger_release(struct ledger *ledger, uint64_t job_id) {
    const size_t at = reservation_at(ledger, job_id);
    struct ledger_reservation *reservation = ledger_own_reservation(ledger, job_id);

    if (reservation == NULL) {
        return;
    }
    count_stay(ledger, &reservation->stay, -1);
    ledger_note_job(ledger, job_id);
    ledger_charge_reservation(ledger, reservation, -1);
    ledger_reservation_destroy(reservation);
    ledger->reservation_count--;
    memmove(&ledger->reservations[at], &ledger->reservations[at + 1],
            (ledger->reservation_count - at) * sizeof(struct ledger_reservation *));
    ledger_note_whether_leaving(ledger, job_id);
}

const struct ledger_reservation *ledger_find_reservation(const struct ledger *ledger,
                                                         uint64_t job_id) {
    return ledger_own_reservation(ledger, job_id);
}

void ledger_expect(struct ledger *ledger, uint64_t job_id, const struct ledger_stay *stay) {
    struct ledger_reservation *reservation = ledger_own_reservation(ledger, job_id);

    if (reservation != NULL) {
        count_stay(ledger, &reservation->stay, -1);
        reservation->stay = *stay;
        count_stay(ledger, stay, 1);
        ledger_note_job(ledger, job_id);
        (void)ledger_change_namespace(ledger, reservation->namespace_index);
    }
}

size_t ledger_stay_count(const struct ledger *ledger) {
    return ledger->stay_count;
}

bool ledger_has_leaving(const struct ledger *ledger) {
    size_t at = 0;

    return ledger->leaving_count > 0 || ledger_next_leaving(ledger, &at) != 0;
}

size_t ledger_reservation_after(const struct ledger *ledger, uint64_t job_id) {
    return reservation_at(ledger, job_id + 1);
}

const struct ledger_reservation *ledger_next_reservation(const struct ledger *ledger, size_t *at) {
    return *at < ledger->reservation_count ? ledger->reservations[(*at)++] : NULL;
}
