#include "base/clock.h"

#include <time.h>

#include "base/ensure.h"

static int64_t read_us(clockid_t id) {
    struct timespec time;

    ENSURE(clock_gettime(id, &time) == 0);
    return (int64_t)time.tv_sec * CLOCK_US_PER_SECOND + time.tv_nsec / 1000;
}

/* BOOTTIME goes on while the machine sleeps, as everybody else's clock does: a lease that was held
 * before has run out when it wakes. */
struct instant clock_sample(void) {
    return (struct instant){.now_us = read_us(CLOCK_REALTIME), .mono_us = read_us(CLOCK_BOOTTIME)};
}
