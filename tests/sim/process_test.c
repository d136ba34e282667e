#include "sim/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "tests/fake/poll_poller.h"
#include "tests/test.h"

#define PATIENCE_US (25 * CLOCK_US_PER_SECOND)

struct bench {
    struct poll_poller *loop;
    struct process *process;
    char scratch[128];
    int ends;
    const char *wanted;
};

static void count_end(void *context) {
    ((struct bench *)context)->ends++;
}

static void open_bench(struct bench *bench) {
    *bench = (struct bench){.loop = poll_poller_create()};
    (void)snprintf(bench->scratch, sizeof bench->scratch, "%s/scratch", test_folder());
    CHECK(mkdir(bench->scratch, 0700) == 0, "a folder to build the tree in");
}

static void close_bench(struct bench *bench) {
    process_destroy(bench->process);
    poll_poller_destroy(bench->loop);
}

static void start(struct bench *bench, const char *script, struct process_options options) {
    const char *words[] = {"sh", "-c", script, NULL};
    const char *environment[] = {"PATH=/usr/bin:/bin", "WORD=x y", NULL};
    struct error error = {0};

    options.poller = poll_poller_of(bench->loop);
    options.scratch = bench->scratch;
    options.root = options.root == NULL ? "/" : options.root;
    options.hostname = "pod-1";
    options.folder = options.folder == NULL ? "/" : options.folder;
    options.arguments = options.arguments == NULL ? words : options.arguments;
    options.environment = environment;
    options.log_bytes_max = options.log_bytes_max == 0 ? 65536 : options.log_bytes_max;
    options.on_end = count_end;
    options.context = bench;
    CHECK_OK(process_start(&options, &bench->process, &error), error.text);
}

static bool has_ended(void *context) {
    return ((struct bench *)context)->ends > 0;
}

static void wait_end(struct bench *bench) {
    CHECK(poll_poller_run(bench->loop, has_ended, bench, PATIENCE_US), "it ends");
    CHECK_EQ(bench->ends, 1, "and that is told once");
    CHECK(process_ended(bench->process), "and remembered");
}

/* The log as a text; it lives until the next call. */
static const char *log_of(const struct bench *bench, struct buf *log) {
    buf_init(log, 1 << 20);
    (void)process_read_log(bench->process, 0, log);
    return buf_text(log);
}

static bool says(void *context) {
    const struct bench *bench = context;
    struct buf log;
    bool found = strstr(log_of(bench, &log), bench->wanted) != NULL;

    buf_finish(&log);
    return found;
}

static void wait_word(struct bench *bench, const char *word) {
    bench->wanted = word;
    CHECK(poll_poller_run(bench->loop, says, bench, PATIENCE_US), word);
}

/* Elsewhere the test has nothing to say, and says why. */
static void need_isolation(struct bench *bench) {
    struct error error = {0};

    if (!process_can_isolate(bench->scratch, &error)) {
        close_bench(bench);
        printf("no namespaces: %s\n", error.text);
        SKIP("this machine gives us no namespaces");
    }
}

static void check_command(const char *what, bool isolated, const char *script, int code,
                          const char *output) {
    struct bench bench;
    struct buf log;

    open_bench(&bench);
    start(&bench, script, (struct process_options){.isolated = isolated});
    wait_end(&bench);
    CHECK_EQ(process_exit_code(bench.process), code, what);
    CHECK_STR(log_of(&bench, &log), output, what);
    CHECK(process_failure(bench.process) == NULL, what);
    buf_finish(&log);
    close_bench(&bench);
    CHECK(rmdir(bench.scratch) == 0, what);
}

static const struct {
    const char *what;
    const char *script;
    int code;
    const char *output;
} commands[] = {
    {"what it writes and its exit code", "echo out; echo err >&2; exit 3", 3, "out\nerr\n"},
    {"the environment it was given, and no other", "env | grep -v -e PWD -e SHLVL -e _= | sort", 0,
     "PATH=/usr/bin:/bin\nWORD=x y\n"},
    {"killed by itself", "kill -KILL $$; sleep 1", 137, ""},
    {"nothing to read", "cat; echo end", 0, "end\n"},
    {"its signals are as at a start", "kill -PIPE $$; sleep 1", 141, ""},
};

TEST(process_start__runs_a_command_among_the_machines_files) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        check_command(commands[i].what, false, commands[i].script, commands[i].code,
                      commands[i].output);
    }
}

TEST(process_start__runs_a_command_in_namespaces) {
    struct bench bench;

    open_bench(&bench);
    need_isolation(&bench);
    close_bench(&bench);
    CHECK(rmdir(bench.scratch) == 0, "nothing stays mounted");
    check_command("its own", true, "echo $$; hostname; exit 7", 7, "1\npod-1\n");
    check_command("the environment it was given", true, "echo $WORD", 0, "x y\n");
    check_command("what it writes stays in it", true,
                  "echo x >/etc/of-the-test; cat /etc/of-the-test", geteuid() == 0 ? 0 : 2,
                  geteuid() == 0 ? "x\n" : NULL);
    CHECK(access("/etc/of-the-test", F_OK) != 0, "what it writes stays in it");
}

TEST(process_start__says_why_a_command_can_not_be_run) {
    const char *words[] = {"/nowhere/program", NULL};
    struct bench bench;

    open_bench(&bench);
    start(&bench, "", (struct process_options){.arguments = words});
    wait_end(&bench);
    CHECK_EQ(process_exit_code(bench.process), 128, "as a runtime that could not start it");
    CHECK_STR(process_failure(bench.process),
              "exec: \"/nowhere/program\": No such file or directory", "the reason");
    close_bench(&bench);
}

TEST(process_start__refuses_a_folder_that_is_not_there) {
    struct bench bench;

    open_bench(&bench);
    start(&bench, "true", (struct process_options){.folder = "/nowhere"});
    wait_end(&bench);
    CHECK_EQ(process_exit_code(bench.process), 128, "as a runtime that could not start it");
    CHECK(strstr(process_failure(bench.process), "chdir") != NULL, "the reason");
    close_bench(&bench);
}

TEST(process_terminate__is_the_commands_to_handle) {
    struct bench bench;
    struct buf log;

    open_bench(&bench);
    start(&bench, "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
          (struct process_options){0});
    wait_word(&bench, "ready");
    process_terminate(bench.process);
    wait_end(&bench);
    CHECK_EQ(process_exit_code(bench.process), 9, "its own code");
    CHECK_STR(log_of(&bench, &log), "ready\ncaught\n", "its last words");
    buf_finish(&log);
    close_bench(&bench);
}

/* The pids that the script prints, one a line after "pid". */
static int read_pids(const struct bench *bench, pid_t *pids, int room) {
    struct buf log;
    int count = 0;

    for (const char *at = log_of(bench, &log); (at = strstr(at, "pid ")) != NULL && count < room;) {
        at += 4;
        pids[count++] = (pid_t)strtol(at, NULL, 10);
    }
    buf_finish(&log);
    return count;
}

static const char spreading[] =
    "sleep 1000 & echo pid $!; setsid sleep 1000 & echo pid $!; "
    "(setsid sh -c 'sleep 1000 & echo pid $!; wait' &) ; sleep 0.1; echo ready; wait";

static bool is_gone(pid_t pid) {
    char path[64];
    char state = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return true;
    }
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
        state = 0;
    }
    (void)fclose(file);
    return state == 'Z' || state == 0;
}

TEST(process_kill__leaves_nothing_that_the_command_started) {
    struct bench bench;
    pid_t pids[4] = {0};

    open_bench(&bench);
    start(&bench, spreading, (struct process_options){0});
    wait_word(&bench, "ready");
    CHECK_EQ(read_pids(&bench, pids, 4), 3, "three that ran away in different ways");
    process_kill(bench.process);
    wait_end(&bench);
    CHECK_EQ(process_exit_code(bench.process), 137, "killed");
    for (int i = 0; i < 3; i++) {
        CHECK(is_gone(pids[i]), "none is left");
    }
    close_bench(&bench);
}

TEST(process_destroy__leaves_nothing_either) {
    struct bench bench;
    pid_t pids[4] = {0};

    open_bench(&bench);
    start(&bench, spreading, (struct process_options){0});
    wait_word(&bench, "ready");
    CHECK_EQ(read_pids(&bench, pids, 4), 3, "three that ran away in different ways");
    close_bench(&bench);
    for (int i = 0; i < 3; i++) {
        CHECK(is_gone(pids[i]), "none is left");
    }
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

TEST(process_start__shows_mounts_and_the_image) {
    struct bench bench;
    struct buf log;
    char *image = mem_format("%s/image", test_folder());
    char *inside = mem_format("%s/image/opt", test_folder());
    char *program = mem_format("%s/image/opt/hello", test_folder());
    char *data = mem_format("%s/data", test_folder());
    char *file = mem_format("%s/data/f", test_folder());
    struct process_mount mounts[] = {
        {data, "/var/run/of/the/test", true},
        {data, "/opt/conf/d", false},
        {file, "/etc/hosts", false},
    };

    open_bench(&bench);
    need_isolation(&bench);
    CHECK(mkdir(image, 0755) == 0 && mkdir(inside, 0755) == 0 && mkdir(data, 0755) == 0, "folders");
    write_file(program, "from the image\n");
    write_file(file, "127.0.0.1 mounted\n");
    start(&bench,
          "cat /opt/hello /var/run/of/the/test/f /etc/hosts; "
          "echo x >/var/run/of/the/test/g || echo no; echo y >/opt/conf/d/h; ls /usr/bin/env",
          (struct process_options){
              .isolated = true, .root = image, .mounts = mounts, .mount_count = ARRAY_LEN(mounts)});
    wait_end(&bench);
    CHECK_STR(process_failure(bench.process), NULL, "it could be run");
    CHECK(strstr(log_of(&bench, &log), "from the image\n127.0.0.1 mounted\n127.0.0.1 mounted\n") ==
              log.data,
          buf_text(&log));
    CHECK(strstr(log.data, "\nno\n") != NULL, "one is read-only");
    CHECK(strstr(log.data, "/usr/bin/env") != NULL, "the machine's own programs are there");
    buf_finish(&log);
    free(file);
    file = mem_format("%s/data/h", test_folder());
    CHECK(access(file, F_OK) == 0, "the other is written through");
    CHECK(access("/opt/conf/d", F_OK) != 0, "the machine's own files are not touched");
    close_bench(&bench);
    free(file);
    free(data);
    free(program);
    free(inside);
    free(image);
}

TEST(process_read_log__keeps_the_newest) {
    struct bench bench;
    struct buf log;

    open_bench(&bench);
    start(&bench, "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done",
          (struct process_options){.log_bytes_max = 4096});
    wait_end(&bench);
    (void)log_of(&bench, &log);
    CHECK(log.bytes <= 4096 && log.bytes > 500, "bounded");
    CHECK(strncmp(log.data, "line ", 5) == 0, "begins with a line");
    CHECK(strcmp(log.data + log.bytes - 10, "line 2999\n") == 0, "the newest is there");
    buf_clear(&log);
    (void)process_read_log(bench.process, 10 * 7 + 90 * 8 + 900 * 9 + 2000 * 10 - 10, &log);
    CHECK_STR(buf_text(&log), "line 2999\n", "from a place, counted from the first byte ever");
    buf_finish(&log);
    close_bench(&bench);
}
