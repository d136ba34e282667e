/* Runs every *.scn of a folder, each in a process of its own: what the turns say must be what the
 * file says, line for line. `--update FOLDER` writes the files as they should be instead; the
 * difference is then read by a person. README.md has the format. */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "policy/window.h"
#include "tests/scenarios/scenario.h"

#define FILE_BYTES_MAX   (1024 * 1024)
#define SCENARIO_SECONDS 20

_Noreturn void scenario_bad(const struct scenario *scenario, const char *why, const char *word) {
    (void)printf("%s:%d: %s: %s\n", scenario->file, scenario->line, why, word);
    (void)fflush(stdout);
    _exit(2);
}

/* --- One scenario ---------------------------------------------------------------------------- */

static void make_core(struct scenario *scenario) {
    static const struct priority_class classes[] = {{"low", -10}, {"lowest", -20}, {"high", 10}};

    scenario->core = core_create(&(struct core_options){
        .next_id = scenario->next_id, .seed = 1, .settings = scenario->settings});
    core_set_teams(scenario->core,
                   &(struct core_teams){.classes = classes,
                                        .class_count = ARRAY_LEN(classes),
                                        .share = {.half_life_us = 86400 * CLOCK_US_PER_SECOND}},
                   scenario->now.now_us);
}

static void need_core(struct scenario *scenario) {
    if (scenario->core == NULL) {
        make_core(scenario);
    }
}

/* The number after "word=", the last on the line; 0 without it. */
static int64_t number_after(const struct scenario *scenario, const char *text, const char *word) {
    const char *at = strstr(text, word);
    int64_t value = 0;

    if (at != NULL && text_parse_int64(at + strlen(word), &value) != OK) {
        scenario_bad(scenario, "not a number", at);
    }
    return value;
}

/* The daemon dies and comes back: what the disk has is all it knows. "unreadable=2": the spec of
 * job 2 can't be read any more. "tried=999": job 1 has had so many attempts. */
static void restart(struct scenario *scenario, const char *text) {
    struct core *old = scenario->core;
    const struct resource_names *names = core_resource_names(old);
    int64_t unreadable = number_after(scenario, text, "unreadable=");
    int64_t tried = number_after(scenario, text, "tried=");

    if (tried > 0) {
        scenario->jobs[1].job.attempt = scenario->jobs[1].attempt.number = (uint32_t)tried;
    }
    make_core(scenario);
    for (size_t i = 0; i < names->extended_count; i++) {
        size_t kind; /* The demands that we keep were made with the old table. */

        (void)!resource_intern(core_resource_names(scenario->core),
                               resource_name(names, RESOURCE_FIXED_COUNT + i), &kind);
    }
    core_destroy(old);
    if (scenario->teams != NULL) {
        scenario_set_teams(scenario, scenario->teams);
    }
    scenario_load_usages(scenario);
    for (uint64_t id = 1; id < scenario->next_id; id++) {
        const struct scenario_job *stored = &scenario->jobs[id];

        if (stored->exists) {
            core_load_job(scenario->core, &stored->job,
                          id == (uint64_t)unreadable ? NULL : scenario->shapes[stored->shape],
                          stored->attempt.number > 0 ? &stored->attempt : NULL);
        }
    }
}

static void run_turn(struct scenario *scenario) {
    struct error error = {0};
    struct turn turn;

    scheduler_turn(scenario->core, scenario->now, scenario->events, scenario->event_count, &turn);
    scenario_take(scenario, &turn);
    if (core_verify(scenario->core, &error) != OK) {
        scenario_bad(scenario, "core_verify", error.text);
    }
    scenario_forget_events(scenario);
}

/* "at 90s", counted from the start; "at 90s clock=1h": somebody has set the wall clock forward;
 * clock=-1h: back. */
static void set_time(struct scenario *scenario, const char *text) {
    char *copy = mem_copy_text(text);
    char *shift = strstr(copy, " clock=");
    int64_t at_us;

    if (shift != NULL) {
        const char *by = shift + strlen(" clock=");
        bool back = *by == '-';

        *shift = '\0';
        if (text_parse_duration_us(by + back, &scenario->wall_shift_us) != OK) {
            scenario_bad(scenario, "not a duration", text);
        }
        scenario->wall_shift_us *= back ? -1 : 1;
    }
    if (text_parse_duration_us(copy, &at_us) != OK ||
        SCENARIO_MONO_US + at_us < scenario->now.mono_us) {
        scenario_bad(scenario, "not a time after the last one", text);
    }
    scenario->now.mono_us = SCENARIO_MONO_US + at_us;
    scenario->now.now_us = SCENARIO_START_US + at_us + scenario->wall_shift_us;
    free(copy);
}

/* A turn is "at ..." and its "< ..." lines; it runs when anything else comes. */
struct reading {
    struct scenario *scenario;
    bool in_turn;
    struct buf comments; /* before the next event, or before the next turn? */
};

static void close_turn(struct reading *reading) {
    if (reading->in_turn) {
        run_turn(reading->scenario);
        reading->in_turn = false;
    }
}

static void print_line(struct reading *reading, const char *line) {
    struct buf *out = reading->scenario->out;

    buf_add_text(out, buf_text(&reading->comments));
    buf_add_format(out, "%s\n", line);
    buf_clear(&reading->comments);
}

static void read_line(struct reading *reading, char *line) {
    struct scenario *scenario = reading->scenario;

    if (line[0] == '>') {
        return; /* What was expected: printed anew by the turn. */
    }
    if (line[0] == '#' || line[0] == '\0') {
        buf_add_format(&reading->comments, "%s\n", line);
        return;
    }
    if (text_starts_with(line, "< ")) {
        if (!reading->in_turn) {
            scenario_bad(scenario, "an event outside of a turn", line);
        }
        print_line(reading, line);
        scenario_add_event(scenario, line + 2);
        return;
    }
    close_turn(reading);
    print_line(reading, line);
    if (text_starts_with(line, "at ")) {
        need_core(scenario);
        set_time(scenario, line + 3);
        reading->in_turn = true;
    } else if (text_starts_with(line, "settings ")) {
        scenario_read_settings(scenario, line + strlen("settings "), &scenario->settings);
    } else if (text_starts_with(line, "restart")) {
        need_core(scenario);
        restart(scenario, line);
    } else {
        scenario_bad(scenario, "not a line of a scenario", line);
    }
}

static void scenario_finish(struct scenario *scenario) {
    core_destroy(scenario->core);
    for (size_t i = 0; i < scenario->shape_count; i++) {
        demand_destroy(scenario->shapes[i]);
    }
    for (size_t i = 0; i <= SCENARIO_JOBS_MAX; i++) {
        free(scenario->jobs[i].why);
    }
    window_set_destroy(scenario->settings.windows);
    intern_finish(&scenario->texts);
    free(scenario);
}

/* The file as it should be. */
static void replay(const char *file, const char *content, bool (*seen)[JOB_STATE_COUNT],
                   struct buf *out) {
    struct scenario *scenario = mem_alloc(1, sizeof *scenario);
    struct reading reading = {.scenario = scenario};
    char *lines = mem_copy_text(content);
    char *line = lines;

    buf_init(&reading.comments, FILE_BYTES_MAX);
    *scenario = (struct scenario){
        .file = file,
        .settings = {.starts_per_turn_max = 100,
                     .start_timeout_us = 600 * CLOCK_US_PER_SECOND,
                     .backoff_first_us = CLOCK_US_PER_SECOND,
                     .backoff_max_us = 30 * CLOCK_US_PER_SECOND,
                     .history_age_us = 7 * 86400 * CLOCK_US_PER_SECOND,
                     .history_count = 1000,
                     .jobs_waiting_max = 1000},
        .now = {.now_us = SCENARIO_START_US, .mono_us = SCENARIO_MONO_US},
        .next_id = 1,
        .out = out,
        .seen = seen,
    };
    while (*line != '\0') {
        char *end = strchr(line, '\n');

        scenario->line++;
        if (end == NULL) {
            scenario_bad(scenario, "the last line does not end", line);
        }
        *end = '\0';
        read_line(&reading, line);
        line = end + 1;
    }
    close_turn(&reading);
    buf_add_text(out, buf_text(&reading.comments));
    buf_finish(&reading.comments);
    scenario_finish(scenario);
    free(lines);
}

/* --- Files ----------------------------------------------------------------------------------- */

static char *read_file(const char *path) {
    char *content = mem_alloc(FILE_BYTES_MAX, 1);
    FILE *file = fopen(path, "r");
    size_t bytes;

    if (file == NULL) {
        (void)printf("%s: %s\n", path, strerror(errno));
        exit(2);
    }
    bytes = fread(content, 1, FILE_BYTES_MAX - 1, file);
    content[bytes] = '\0';
    (void)fclose(file);
    return content;
}

static void write_file(const char *path, const char *content) {
    FILE *file = fopen(path, "w");

    if (file == NULL || fputs(content, file) < 0 || fclose(file) != 0) {
        (void)printf("%s: %s\n", path, strerror(errno));
        exit(2);
    }
}

/* Where they part, and what the turns say from there to the end of that turn. */
static void show_difference(const char *path, const char *want, const char *got) {
    int line = 1;

    while (*want != '\0' && *got != '\0') {
        size_t want_length = strcspn(want, "\n");
        size_t got_length = strcspn(got, "\n");

        if (want_length != got_length || memcmp(want, got, got_length) != 0) {
            break;
        }
        want += want_length + (want[want_length] != '\0');
        got += got_length + (got[got_length] != '\0');
        line++;
    }
    (void)printf("%s:%d: expected\n  %.*s\nbut the turn says\n  %.*s\n", path, line,
                 (int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"), got);
    (void)printf("and all from there on:\n%.2000s\n", got);
}

/* In a child: 0 if the file is as it should be, or was made so. */
static int run_file(const char *path, bool update, bool (*seen)[JOB_STATE_COUNT]) {
    char *want = read_file(path);
    struct buf got;
    bool same;

    (void)alarm(SCENARIO_SECONDS);
    buf_init(&got, FILE_BYTES_MAX);
    replay(path, want, seen, &got);
    same = strcmp(buf_text(&got), want) == 0;
    if (!same && update) {
        write_file(path, buf_text(&got));
        (void)printf("%s: written\n", path);
    } else if (!same) {
        show_difference(path, want, buf_text(&got));
    }
    buf_finish(&got);
    free(want);
    return same || update ? 0 : 1;
}

static bool run_in_child(const char *path, bool update, bool (*seen)[JOB_STATE_COUNT]) {
    pid_t child;
    int status = -1;

    (void)fflush(stdout);
    child = fork();
    if (child == 0) {
        exit(run_file(path, update, seen)); /* Not _exit: leaks are looked for. */
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- Transitions ----------------------------------------------------------------------------- */

/* What the table allows and no turn does, with the reason. A row that a scenario does exercise is
 * out of date, and fails too. */
static const struct {
    enum job_state from;
    enum job_state to;
    const char *why;
} unreachable[] = {
    {JOB_HELD, JOB_REJECTED, "what a held job asks for is looked at when it is released"},
    {JOB_SUBMITTING, JOB_RUNNING, "a pod is followed from STARTING on only"},
    {JOB_SUBMITTING, JOB_SUCCEEDED, "a pod is followed from STARTING on only"},
    {JOB_SUBMITTING, JOB_RETRY_WAIT, "a failed creation goes back to QUEUED, or is repeated"},
    {JOB_STARTING, JOB_QUEUED, "preemption comes later"},
    {JOB_STARTING, JOB_SUCCEEDED, "goes through RUNNING, in the same turn"},
    {JOB_RUNNING, JOB_QUEUED, "preemption comes later"},
};

static const char *why_unreachable(enum job_state from, enum job_state to) {
    for (size_t i = 0; i < sizeof unreachable / sizeof unreachable[0]; i++) {
        if (unreachable[i].from == from && unreachable[i].to == to) {
            return unreachable[i].why;
        }
    }
    return NULL;
}

static bool check_transitions(bool (*seen)[JOB_STATE_COUNT]) {
    bool good = true;

    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        for (int to = 0; to < JOB_STATE_COUNT; to++) {
            const char *why = why_unreachable((enum job_state)from, (enum job_state)to);
            bool allowed = job_may_move((enum job_state)from, (enum job_state)to);

            if (allowed && seen[from][to] == (why != NULL)) {
                (void)printf("%s -> %s: %s\n", job_state_text((enum job_state)from),
                             job_state_text((enum job_state)to),
                             why != NULL ? "a scenario does it, so it is not unreachable"
                                         : "allowed, and no scenario does it");
                good = false;
            }
        }
    }
    return good;
}

/* --- All of them ----------------------------------------------------------------------------- */

static void tell(bool good, const char *name, int *failed) {
    (void)printf("test %s: %s\n", good ? "ok" : "failed", name);
    *failed += !good;
}

int main(int argc, char **argv) {
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    const char *folder = argc > 1 + update ? argv[1 + update] : "tests/scenarios";
    char *pattern = mem_format("%s/*.scn", folder);
    bool(*seen)[JOB_STATE_COUNT] = mmap(NULL, sizeof(bool[JOB_STATE_COUNT][JOB_STATE_COUNT]),
                                        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    glob_t files = {0};
    int failed = 0;

    if (seen == MAP_FAILED || glob(pattern, 0, NULL, &files) != 0) {
        (void)printf("%s: no scenarios\n", pattern);
        free(pattern);
        return 2;
    }
    free(pattern);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        tell(run_in_child(files.gl_pathv[i], update, seen), strrchr(files.gl_pathv[i], '/') + 1,
             &failed);
    }
    tell(check_transitions(seen), "every transition of the table is done or explained", &failed);
    globfree(&files);
    return failed > 0 && !update;
}
