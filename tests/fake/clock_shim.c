/* tests/fake/clock_shim.c - preloaded into a program under test: its clocks, moved or hastened.
 *
 * NIGHTSHIFT_CLOCK_SHIM names a file of four 64-bit numbers, which the test may write while the
 * program runs:
 *
 *   wall_us, mono_us  are added to the wall clock, and to the monotonic ones
 *   since_us, factor  from that instant of CLOCK_MONOTONIC on all of them go so many times as fast
 *
 * A file of the first two leaves the clocks' speed as it is. With a factor, what waits for a time
 * waits that much shorter: the program and what it asks for (libev, curl, sleep) agree about how
 * long a second is. Programs that share a file share the time. What the kernel dates by itself
 * (files, processor time) stays real.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

struct shim {
    int64_t wall_us;
    int64_t mono_us;
    int64_t since_us;
    int64_t factor;
};

static const volatile struct shim *shim;

__attribute__((constructor)) static void open_shim(void) {
    const char *path = getenv("NIGHTSHIFT_CLOCK_SHIM");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        /* What is behind the end of a shorter file reads as zero, up to the end of its page. */
        void *map = mmap(NULL, sizeof *shim, PROT_READ, MAP_SHARED, fd, 0);

        shim = map != MAP_FAILED ? map : NULL;
        (void)close(fd);
    }
}

/* --- Clocks ---------------------------------------------------------------------------------- */

static int64_t factor(void) {
    return shim != NULL && shim->factor > 0 ? shim->factor : 1;
}

static struct timespec real(clockid_t id) {
    struct timespec time = {0};

    (void)syscall(SYS_clock_gettime, id, &time);
    return time;
}

static int64_t ns_of(const struct timespec *time) {
    return (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;
}

static struct timespec timespec_of(int64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* What goes by since the start goes by so many times more. */
static int64_t hastened_ns(void) {
    const struct timespec now = real(CLOCK_MONOTONIC);

    return factor() > 1 ? (ns_of(&now) - shim->since_us * 1000) * (factor() - 1) : 0;
}

static int64_t shift_us(clockid_t id) {
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return shim->wall_us;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return shim->mono_us;
    default:
        return INT64_MIN; /* A processor's time is what it is. */
    }
}

int clock_gettime(clockid_t id, struct timespec *out_time) {
    int r = (int)syscall(SYS_clock_gettime, id, out_time);

    if (r == 0 && shim != NULL && shift_us(id) != INT64_MIN) {
        *out_time = timespec_of(ns_of(out_time) + shift_us(id) * 1000 + hastened_ns());
    }
    return r;
}

int gettimeofday(struct timeval *restrict out_time, void *restrict zone) {
    struct timespec time;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &time);
    *out_time = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out_time) {
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out_time != NULL) {
        *out_time = now.tv_sec;
    }
    return now.tv_sec;
}

/* --- Waits ----------------------------------------------------------------------------------- */

/* A time to wait, as the kernel has to hear of it. Rounded up, as waits are. */
static struct timespec shorter(int64_t ns) {
    return timespec_of((ns + factor() - 1) / factor());
}

int epoll_wait(int epoll, struct epoll_event *events, int room, int timeout_ms) {
    struct timespec wait = shorter((int64_t)timeout_ms * 1000000);

    return (int)syscall(SYS_epoll_pwait2, epoll, events, room, timeout_ms < 0 ? NULL : &wait, NULL,
                        0);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct timespec wait = shorter((int64_t)timeout_ms * 1000000);

    return (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &wait, NULL, 0);
}

int select(int count, fd_set *restrict to_read, fd_set *restrict to_write, fd_set *restrict broken,
           struct timeval *restrict timeout) {
    struct timespec wait = {0};

    if (timeout != NULL) {
        wait = shorter(((int64_t)timeout->tv_sec * 1000000 + timeout->tv_usec) * 1000);
    }
    return (int)syscall(SYS_pselect6, count, to_read, to_write, broken,
                        timeout != NULL ? &wait : NULL, NULL);
}

int nanosleep(const struct timespec *wanted, struct timespec *out_left) {
    struct timespec wait = shorter(ns_of(wanted));
    struct timespec left = {0};
    int r = (int)syscall(SYS_nanosleep, &wait, &left);

    if (r != 0 && errno == EINTR && out_left != NULL) {
        *out_left = timespec_of(ns_of(&left) * factor());
    }
    return r;
}

int usleep(useconds_t us) {
    return nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L},
                     NULL);
}

unsigned sleep(unsigned seconds) {
    struct timespec left = {0};

    if (nanosleep(&(struct timespec){.tv_sec = (time_t)seconds}, &left) == 0) {
        return 0;
    }
    return (unsigned)(left.tv_sec + (left.tv_nsec >= NS_PER_S / 2 ? 1 : 0));
}
