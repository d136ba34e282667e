#include "base/log_resume.h"

#include <string.h>

void log_resume_again(struct log_resume *resume) {
    resume->at = 0;
}

/* How many of the bytes lie before this place of the log. */
static size_t before(const struct log_resume *resume, uint64_t place, size_t count) {
    if (resume->at >= place) {
        return 0;
    }
    return place - resume->at < count ? (size_t)(place - resume->at) : count;
}

static void remember(struct log_resume *resume, const char *bytes, size_t count) {
    if (resume->taken < LOG_RESUME_HEAD_BYTES) {
        size_t room = LOG_RESUME_HEAD_BYTES - (size_t)resume->taken;

        memcpy(resume->head + resume->taken, bytes, count < room ? count : room);
    }
    resume->taken += count;
}

static bool is_known(const struct log_resume *resume, const char *bytes, size_t count) {
    size_t shared = before(resume, LOG_RESUME_HEAD_BYTES, count);

    return shared == 0 || memcmp(resume->head + resume->at, bytes, shared) == 0;
}

size_t log_resume_skip(struct log_resume *resume, const char *bytes, size_t count) {
    size_t skip = before(resume, resume->taken, count);

    if (skip > 0 && !is_known(resume, bytes, skip)) {
        resume->differs = true;
        resume->taken = resume->at; /* What was equal so far is this log's beginning, too. */
        skip = 0;
    }
    resume->at += count;
    remember(resume, bytes + skip, count - skip);
    return skip;
}

bool log_resume_take_gap(struct log_resume *resume) {
    bool differs = resume->differs;

    resume->differs = false;
    return differs;
}
