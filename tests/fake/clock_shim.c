/* tests/fake/clock_shim.c - preloaded into a program under test: its clocks, moved.
 *
 * NIGHTSHIFT_CLOCK_SHIM names a file of two 64-bit numbers, microseconds to be added to the wall
 * clock and to the monotonic ones. The test writes them while the program runs. The program itself
 * knows nothing of it; its loop's timers go by the real clock.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shifts;

__attribute__((constructor)) static void open_shifts(void) {
    const char *path = getenv("NIGHTSHIFT_CLOCK_SHIM");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        void *map = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);

        shifts = map != MAP_FAILED ? map : NULL;
        (void)close(fd);
    }
}

int clock_gettime(clockid_t id, struct timespec *out_time) {
    int r = (int)syscall(SYS_clock_gettime, id, out_time);
    int64_t shift_us = 0;

    if (r != 0 || shifts == NULL) {
        return r;
    }
    if (id == CLOCK_REALTIME) {
        shift_us = shifts[0];
    } else if (id == CLOCK_BOOTTIME || id == CLOCK_MONOTONIC) {
        shift_us = shifts[1];
    }
    shift_us += out_time->tv_nsec / 1000;
    out_time->tv_sec += (time_t)(shift_us / 1000000);
    shift_us %= 1000000;
    if (shift_us < 0) {
        shift_us += 1000000;
        out_time->tv_sec--;
    }
    out_time->tv_nsec = (long)shift_us * 1000 + out_time->tv_nsec % 1000;
    return 0;
}
