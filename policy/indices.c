#include "policy/indices.h"

#include <inttypes.h>
#include <string.h>

#include "base/ensure.h"

/* --- Reading --------------------------------------------------------------------------------- */

/* A number of at most nine digits; false if there is none. */
static bool read_number(const char **at, int64_t *out_number) {
    size_t digits = strspn(*at, "0123456789");
    int64_t number = 0;

    if (digits == 0 || digits > 9) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (*at)[i] - '0';
    }
    *at += digits;
    *out_number = number;
    return true;
}

static bool take(const char **at, char wanted) {
    bool is_there = **at == wanted;

    *at += is_there;
    return is_there;
}

/* "3", "3-17", "3-17:2". */
static int read_range(const char **at, struct index_range *range, struct error *error) {
    *range = (struct index_range){.step = 1};
    if (!read_number(at, &range->first)) {
        return error_set(error, ERR_INVALID, "an index of up to nine digits is missing at \"%s\"",
                         *at);
    }
    range->last = range->first;
    if (take(at, '-') && !read_number(at, &range->last)) {
        return error_set(error, ERR_INVALID, "the last index of a range is missing at \"%s\"", *at);
    }
    if (take(at, ':') && (!read_number(at, &range->step) || range->step == 0)) {
        return error_set(error, ERR_INVALID, "a step is a number above 0, at \"%s\"", *at);
    }
    if (range->last < range->first) {
        return error_set(error, ERR_INVALID, "the range %" PRId64 "-%" PRId64 " goes down",
                         range->first, range->last);
    }
    range->last -= (range->last - range->first) % range->step;
    if (range->last == range->first) {
        range->step = 1;
    }
    return OK;
}

static int add_range(struct indices *indices, const struct index_range *range,
                     struct error *error) {
    const struct index_range *before = &indices->ranges[indices->range_count];

    if (indices->range_count == INDICES_RANGES_MAX) {
        return error_set(error, ERR_INVALID, "has more than %d ranges", INDICES_RANGES_MAX);
    }
    if (indices->range_count > 0 && before[-1].last >= range->first) {
        return error_set(error, ERR_INVALID,
                         "%" PRId64 " stands behind %" PRId64 "; indices ascend, each once",
                         range->first, before[-1].last);
    }
    indices->ranges[indices->range_count++] = *range;
    indices->count += (uint64_t)((range->last - range->first) / range->step) + 1;
    return OK;
}

static int read_limit(const char **at, struct indices *indices, struct error *error) {
    int64_t limit;

    if (!take(at, '%')) {
        return OK;
    }
    if (!read_number(at, &limit) || limit == 0) {
        return error_set(error, ERR_INVALID,
                         "behind %% stands how many elements may run at once, from 1");
    }
    indices->running_max = (uint32_t)limit;
    return OK;
}

int indices_parse(const char *text, struct indices *out_indices, struct error *error) {
    struct indices indices = {.range_count = 0};
    const char *at = text;
    int r;

    do {
        struct index_range range;

        r = read_range(&at, &range, error);
        r = r < 0 ? r : add_range(&indices, &range, error);
    } while (r == OK && take(&at, ','));
    r = r < 0 ? r : read_limit(&at, &indices, error);
    if (r == OK && *at != '\0') {
        r = error_set(error, ERR_INVALID, "can't be read from \"%s\" on; write it like 0-999%%50",
                      at);
    }
    if (r == OK) {
        *out_indices = indices;
    }
    return r;
}

/* --- Writing --------------------------------------------------------------------------------- */

void indices_print(const struct indices *indices, struct buf *out) {
    for (uint32_t i = 0; i < indices->range_count; i++) {
        const struct index_range *range = &indices->ranges[i];

        buf_add_format(out, "%s%" PRId64, i > 0 ? "," : "", range->first);
        if (range->last > range->first) {
            buf_add_format(out, "-%" PRId64, range->last);
        }
        if (range->step > 1) {
            buf_add_format(out, ":%" PRId64, range->step);
        }
    }
    if (indices->running_max > 0) {
        buf_add_format(out, "%%%" PRIu32, indices->running_max);
    }
}

/* --- Places ---------------------------------------------------------------------------------- */

int64_t indices_at(const struct indices *indices, uint64_t place) {
    uint32_t at = 0;

    ENSURE(place < indices->count);
    for (;; at++) {
        const struct index_range *range = &indices->ranges[at];
        uint64_t count = (uint64_t)((range->last - range->first) / range->step) + 1;

        if (place < count) {
            return range->first + (int64_t)place * range->step;
        }
        place -= count;
    }
}

bool indices_find(const struct indices *indices, int64_t index, uint64_t *out_place) {
    uint64_t before = 0;

    for (uint32_t i = 0; i < indices->range_count; i++) {
        const struct index_range *range = &indices->ranges[i];

        if (index >= range->first && index <= range->last &&
            (index - range->first) % range->step == 0) {
            *out_place = before + (uint64_t)((index - range->first) / range->step);
            return true;
        }
        before += (uint64_t)((range->last - range->first) / range->step) + 1;
    }
    return false;
}

/* Two indices make any step; a third has to keep it. */
static bool goes_on(struct index_range *range, int64_t index) {
    if (range->first == range->last) {
        return index == range->first + 1;
    }
    return index == range->last + range->step;
}

bool indices_add(struct indices *indices, int64_t index) {
    struct index_range *last = &indices->ranges[indices->range_count];

    if (indices->range_count > 0 && goes_on(last - 1, index)) {
        last[-1].last = index;
    } else if (indices->range_count == INDICES_RANGES_MAX) {
        return false;
    } else {
        *last = (struct index_range){.first = index, .last = index, .step = 1};
        indices->range_count++;
    }
    indices->count++;
    return true;
}
