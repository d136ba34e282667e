#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWNESS 5
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWNESS 5
#endif
#endif
#ifndef SLOWNESS
#define SLOWNESS 1
#endif

/* Output of a failed test beyond this is cut: a log of gigabytes helps nobody. */
#define OUTPUT_BYTES_MAX (256 * 1024)
#define FD_COUNT_MAX     1024

enum outcome {
    PASSED,
    FAILED,
    SKIPPED,
    OUTCOME_COUNT
};

/* What a test's process tells its parent, in memory that both share. */
struct report {
    bool ended;
    char skipped[200];
    char folder[64];
};

static struct test *first_test;
static const struct test *current;
static struct report *report;

/* In order of file and line: constructors run in whichever order the linker likes. */
void test_register(struct test *test) {
    struct test **place = &first_test;

    while (*place != NULL) {
        int order = strcmp((*place)->file, test->file);

        if (order > 0 || (order == 0 && (*place)->line > test->line)) {
            break;
        }
        place = &(*place)->next;
    }
    test->next = *place;
    *place = test;
}

/* --- Checks: in the test's process ------------------------------------------------------------ */

static void print_value(struct test_value value) {
    if (value.kind == TEST_SIGNED) {
        fprintf(stderr, "%jd", (intmax_t)value.bits);
    } else if (value.kind == TEST_UNSIGNED) {
        fprintf(stderr, "%ju", value.bits);
    } else {
        fprintf(stderr, "%#jx", value.bits);
    }
}

static void print_string(const char *text) {
    if (text == NULL) {
        fputs("NULL", stderr);
    } else {
        fprintf(stderr, "\"%s\"", text);
    }
}

_Noreturn static void end_failed(const char *file, int line) {
    _fail(file, line);
    abort(); /* _fail() jumps, but its declaration does not say so. */
}

_Noreturn void test_fail(const char *file, int line, const char *what, const char *why) {
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, why);
    end_failed(file, line);
}

_Noreturn void test_skip(const char *why) {
    snprintf(report->skipped, sizeof report->skipped, "%s", why);
    _skip(__FILE__, __LINE__);
    abort();
}

struct test_value test_signed(intmax_t value) {
    return (struct test_value){value < 0 ? TEST_SIGNED : TEST_UNSIGNED, (uintmax_t)value};
}

struct test_value test_unsigned(uintmax_t value) {
    return (struct test_value){TEST_UNSIGNED, value};
}

struct test_value test_pointer(const volatile void *value) {
    return (struct test_value){TEST_POINTER, (uintptr_t)value};
}

void test_check_eq(const char *file, int line, const char *what, const char *text,
                   struct test_value got, struct test_value want) {
    /* Negative numbers and others may share their bits. */
    if (got.bits == want.bits && (got.kind == TEST_SIGNED) == (want.kind == TEST_SIGNED)) {
        return;
    }
    fprintf(stderr, "%s:%d: %s: %s\n    got:  ", file, line, what, text);
    print_value(got);
    fputs("\n    want: ", stderr);
    print_value(want);
    fputc('\n', stderr);
    end_failed(file, line);
}

void test_check_ok(const char *file, int line, const char *what, const char *text, int result) {
    if (result != OK) {
        fprintf(stderr, "%s:%d: %s: %s is %d (%s)\n", file, line, what, text, result,
                err_name(result));
        end_failed(file, line);
    }
}

void test_check_str(const char *file, int line, const char *what, const char *text, const char *got,
                    const char *want) {
    if (got == want || (got != NULL && want != NULL && strcmp(got, want) == 0)) {
        return;
    }
    fprintf(stderr, "%s:%d: %s: %s\n    got:  ", file, line, what, text);
    print_string(got);
    fputs("\n    want: ", stderr);
    print_string(want);
    fputc('\n', stderr);
    end_failed(file, line);
}

void test_check_mem(const char *file, int line, const char *what, const char *text, const void *got,
                    const void *want, size_t size) {
    const unsigned char *a = got;
    const unsigned char *b = want;

    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            fprintf(stderr, "%s:%d: %s: %s\n    byte %zu of %zu: got %#04x, want %#04x\n", file,
                    line, what, text, i, size, a[i], b[i]);
            end_failed(file, line);
        }
    }
}

const char *test_folder(void) {
    if (report->folder[0] == '\0') {
        char name[] = "/tmp/test.XXXXXX"; /* TEST_TMPDIR is too long for a Unix socket. */

        CHECK(mkdtemp(name) != NULL, strerror(errno));
        snprintf(report->folder, sizeof report->folder, "%s", name);
    }
    return report->folder;
}

/* --- One test, in its own process ------------------------------------------------------------- */

/* Marks the open descriptors, or, given `before`, returns the first that was not open then
 * (-1: there is none). */
static int scan_descriptors(bool *open_fds, const bool *before) {
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int left = -1;

    if (dir == NULL) {
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(dir)) {
            continue;
        }
        if (open_fds != NULL && fd < FD_COUNT_MAX) {
            open_fds[fd] = true;
        }
        if (before != NULL && (fd >= FD_COUNT_MAX || !before[fd])) {
            left = fd;
            break;
        }
    }
    closedir(dir);
    return left;
}

static void check_descriptors(const bool *before) {
    int left = scan_descriptors(NULL, before);
    char link[64];
    char target[PATH_MAX] = "";

    if (left < 0) {
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", left);
    if (readlink(link, target, sizeof target - 1) < 0) {
        snprintf(target, sizeof target, "%s", strerror(errno));
    }
    fprintf(stderr, "%s left descriptor %d open: %s\n", current->name, left, target);
    end_failed(__FILE__, __LINE__);
}

static void run_body(void **state) {
    bool before[FD_COUNT_MAX] = {false};

    (void)state;
    (void)scan_descriptors(before, NULL);
    current->body();
    check_descriptors(before);
}

_Noreturn static void run_child(const struct test *test, int output, const sigset_t *mask) {
    const struct CMUnitTest tests[] = {{test->name, run_body, NULL, NULL, NULL}};
    int failed;

    (void)setpgid(0, 0); /* So that the parent can end whatever the test starts. */
    sigprocmask(SIG_SETMASK, mask, NULL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    setvbuf(stdout, NULL, _IONBF, 0);
    current = test;
    failed = _cmocka_run_group_tests(test->name, tests, 1, NULL, NULL);
    report->ended = true;
    exit(failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE); /* exit() runs the leak check. */
}

/* --- The parent ------------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the child's end until deadline_ms; returns false if it is still running then.
 * SIGCHLD is blocked, so that its arrival can be waited for. */
static bool await_child(pid_t child, int64_t deadline_ms, int *out_status) {
    sigset_t sigchld;

    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    for (;;) {
        int64_t left_ms = deadline_ms - now_ms();
        struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000};

        if (waitpid(child, out_status, WNOHANG) == child) {
            return true;
        }
        if (left_ms <= 0) {
            return false;
        }
        (void)sigtimedwait(&sigchld, NULL, &left);
    }
}

/* Says how a test ended; writes why to `why` unless it passed. */
static enum outcome judge(int status, bool in_time, unsigned seconds, char *why, size_t why_size) {
    if (!in_time) {
        snprintf(why, why_size, "still running after %u s", seconds);
        return FAILED;
    }
    if (WIFSIGNALED(status)) {
        snprintf(why, why_size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return FAILED;
    }
    if (!report->ended) {
        snprintf(why, why_size, "its process exited with %d before it ended", WEXITSTATUS(status));
        return FAILED;
    }
    if (status != 0) {
        snprintf(why, why_size, "exit status %d", WEXITSTATUS(status));
        return FAILED;
    }
    if (report->skipped[0] != '\0') {
        snprintf(why, why_size, "%s", report->skipped);
        return SKIPPED;
    }
    return PASSED;
}

/* cmocka's own report of a group of one test says nothing that ours does not. */
static bool is_noise(const char *line) {
    static const char *const starts[] = {
        "[==========]", "[ RUN      ]", "[       OK ]",   "[  PASSED  ]",
        "[  FAILED  ]", "[  SKIPPED ]", " 1 FAILED TEST", "[----------]",
    };

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        if (strncmp(line, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return line[0] == '\n';
}

static void show_output(FILE *output) {
    char line[4096];
    size_t shown = 0;

    rewind(output);
    while (fgets(line, sizeof line, output) != NULL) {
        if (shown > OUTPUT_BYTES_MAX) {
            puts("    | (and more)");
            return;
        }
        if (!is_noise(line)) {
            shown += strlen(line);
            printf("    | %s%s", line, strchr(line, '\n') == NULL ? "\n" : "");
        }
    }
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *place) {
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

static enum outcome run_one(const struct test *test, const sigset_t *mask) {
    static const char *const words[OUTCOME_COUNT] = {"ok", "failed", "skipped"};
    int64_t start_ms = now_ms();
    unsigned seconds = test->seconds * SLOWNESS;
    FILE *output = tmpfile();
    char why[256] = "";
    enum outcome outcome;
    pid_t child;
    int status = 0;
    bool in_time;

    if (output == NULL) {
        perror("tmpfile");
        exit(EXIT_FAILURE);
    }
    memset(report, 0, sizeof *report);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        run_child(test, fileno(output), mask);
    }
    if (child < 0) {
        perror("fork");
        exit(EXIT_FAILURE);
    }
    (void)setpgid(child, child); /* Whichever of the two comes first. */
    in_time = await_child(child, start_ms + (int64_t)seconds * 1000, &status);
    (void)kill(-child, SIGKILL);
    if (!in_time) {
        (void)waitpid(child, &status, 0);
    }
    outcome = judge(status, in_time, seconds, why, sizeof why);
    printf("test %s: %s%s%s (%" PRId64 " ms)\n", words[outcome], test->name, why[0] ? ": " : "",
           why, now_ms() - start_ms);
    if (outcome == FAILED || getenv("TEST_SHOW") != NULL) {
        show_output(output);
    }
    fclose(output);
    if (report->folder[0] != '\0') {
        (void)nftw(report->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    return outcome;
}

int main(int argc, char **argv) {
    /* `bazel test --test_filter=NAME` arrives in the environment. */
    const char *filter = argc > 1 ? argv[1] : getenv("TESTBRIDGE_TEST_ONLY");
    unsigned counts[OUTCOME_COUNT] = {0};
    sigset_t sigchld;
    sigset_t mask;

    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &sigchld, &mask);
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    for (const struct test *test = first_test; test != NULL; test = test->next) {
        if (filter == NULL || strstr(test->name, filter) != NULL) {
            counts[run_one(test, &mask)]++;
        }
    }
    printf("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
    if (counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
        fprintf(stderr, "no test is named like '%s'\n", filter == NULL ? "" : filter);
        return EXIT_FAILURE;
    }
    return counts[FAILED] == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
