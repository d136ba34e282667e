#include "policy/after.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

const char *const after_on_texts[AFTER_ON_COUNT + 1] = {
#define AFTER_TEXT(name, text) [name] = text,
    AFTER_ON_LIST(AFTER_TEXT)
#undef AFTER_TEXT
};

const char *const after_otherwise_texts[AFTER_OTHERWISE_COUNT + 1] = {
#define AFTER_TEXT(name, text) [name] = text,
    AFTER_OTHERWISE_LIST(AFTER_TEXT)
#undef AFTER_TEXT
};

/* --- As text --------------------------------------------------------------------------------- */

void after_print(const struct after_item *item, struct buf *out) {
    buf_add_text(out, out->bytes > 0 ? "," : "");
    if (item->count == 0) {
        buf_add(out, item->schedule, item->schedule_bytes);
        buf_add_format(out, "@%" PRId32, item->business_date);
    } else {
        buf_add_format(out, "%" PRIu64, item->first_id);
    }
    if (item->is_array) {
        buf_add_format(out, "%c%" PRIu64, item->each ? '*' : '+', item->count);
    } else if (item->count > 1) {
        buf_add_format(out, "-%" PRIu64, item->first_id + item->count - 1);
    }
    if (item->on != AFTER_SUCCESS || item->otherwise != AFTER_SKIP) {
        buf_add_format(out, ":%s", after_on_texts[item->on]);
    }
    if (item->otherwise != AFTER_SKIP) {
        buf_add_format(out, ":%s", after_otherwise_texts[item->otherwise]);
    }
}

/* A number from 1; false: there is none. */
static bool read_id(const char **at, uint64_t *out_id) {
    char *end;
    uint64_t id;

    if (**at < '1' || **at > '9') {
        return false;
    }
    id = strtoull(*at, &end, 10);
    *at = end;
    *out_id = id;
    return id < UINT64_C(1) << 62;
}

/* One of the words behind a colon; as it was if there is no colon. */
static bool read_word(const char **at, const char *const *words, unsigned *word) {
    if (**at != ':') {
        return true;
    }
    for (unsigned i = 0; words[i] != NULL; i++) {
        size_t bytes = strlen(words[i]);

        if (strncmp(*at + 1, words[i], bytes) == 0 && strchr(":,", (*at)[1 + bytes]) != NULL) {
            *at += 1 + bytes;
            *word = i;
            return true;
        }
    }
    return false;
}

/* A schedule's name may begin with a digit: the @ tells. */
static bool is_schedule(const char *at) {
    size_t bytes = strcspn(at, "@,:");

    return bytes > 0 && at[bytes] == '@';
}

static bool read_schedule(const char **at, struct after_item *item) {
    size_t bytes = strcspn(*at, "@");
    char *end;

    item->schedule = *at;
    item->schedule_bytes = bytes;
    item->business_date = (int32_t)strtol(*at + bytes + 1, &end, 10);
    *at = end;
    return true;
}

static bool read_jobs(const char **at, struct after_item *item) {
    uint64_t number = 0;
    char kind;

    if (!read_id(at, &item->first_id)) {
        return false;
    }
    kind = **at;
    item->count = 1;
    if (kind != '+' && kind != '*' && kind != '-') {
        return true;
    }
    (*at)++;
    if (!read_id(at, &number)) {
        return false;
    }
    item->is_array = kind != '-';
    item->each = kind == '*';
    item->count = kind == '-' ? number - item->first_id + 1 : number;
    return kind != '-' || number > item->first_id;
}

/* What stands between two commas. */
static bool read_item(const char **at, struct after_item *item) {
    unsigned on = AFTER_SUCCESS;
    unsigned otherwise = AFTER_SKIP;
    bool ok;

    *item = (struct after_item){.count = 0};
    ok = is_schedule(*at) ? read_schedule(at, item) : read_jobs(at, item);
    ok = ok && read_word(at, after_on_texts, &on) &&
         read_word(at, after_otherwise_texts, &otherwise);
    item->on = (enum after_on)on;
    item->otherwise = (enum after_otherwise)otherwise;
    return ok && (**at == ',' || **at == '\0');
}

bool after_next(struct after_reader *reader, struct after_item *out_item) {
    if (reader->left > 0) {
        reader->left--;
        reader->item.first_id++;
        *out_item = reader->item;
        return true;
    }
    if (reader->failed || *reader->at == '\0') {
        return false;
    }
    if (!read_item(&reader->at, &reader->item)) {
        reader->failed = true;
        return false;
    }
    reader->item.namespace = reader->namespace;
    reader->at += *reader->at == ',';
    if (!reader->item.is_array && reader->item.count > 1) {
        reader->left = reader->item.count - 1;
        reader->item.count = 1;
    }
    *out_item = reader->item;
    return true;
}

/* --- The rule -------------------------------------------------------------------------------- */

static uint64_t ended(const struct after_tally *tally) {
    return tally->succeeded + tally->failed + tally->cancelled + tally->skipped;
}

uint64_t after_done(const struct after_tally *tally, enum after_on on) {
    switch (on) {
    case AFTER_SUCCESS:
        return tally->succeeded;
    case AFTER_START:
        return tally->ran;
    case AFTER_FAILURE:
    case AFTER_ANY:
    case AFTER_ON_COUNT:
        break;
    }
    return ended(tally);
}

/* One that did otherwise is enough; FAILURE is known at the end. */
static bool is_broken(const struct after_tally *tally, enum after_on on) {
    switch (on) {
    case AFTER_SUCCESS:
        return ended(tally) > tally->succeeded;
    case AFTER_FAILURE:
        return ended(tally) == tally->total && tally->failed == 0;
    case AFTER_START:
        return tally->never_ran > 0;
    case AFTER_ANY:
    case AFTER_ON_COUNT:
        break;
    }
    return false;
}

enum after_verdict after_judge(const struct after_tally *tally, enum after_on on) {
    if (tally->total == 0) {
        return AFTER_WAITS;
    }
    if (is_broken(tally, on)) {
        return AFTER_BROKEN;
    }
    return after_done(tally, on) >= tally->total ? AFTER_MET : AFTER_WAITS;
}

void after_count(struct after_tally *tally, enum job_state state, bool has_run, int times) {
    const uint64_t one = (uint64_t)(int64_t)times;

    tally->ran += has_run ? one : 0;
    if (!job_state_is_final(state)) {
        return;
    }
    tally->never_ran += has_run ? 0 : one;
    tally->succeeded += state == JOB_SUCCEEDED ? one : 0;
    tally->failed += state == JOB_FAILED || state == JOB_REJECTED ? one : 0;
    tally->cancelled += state == JOB_CANCELLED ? one : 0;
    tally->skipped += state == JOB_SKIPPED ? one : 0;
}
