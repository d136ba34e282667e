/* nightshift-replay: a workload trace through the scheduler's own core, in virtual time. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "config/config.h"
#include "sim/replay_cluster.h"
#include "sim/replay_figures.h"
#include "sim/replay_policy.h"
#include "sim/replay_print.h"
#include "sim/replay_run.h"
#include "sim/synthesis.h"
#include "sim/trace.h"

#define POLICIES_MAX     16
#define OUTPUT_BYTES_MAX (64 * LIMIT_MIB)

enum exit_status {
    EXIT_DONE,
    EXIT_BAD_INPUT,
    EXIT_WRONG_USE,
    EXIT_SYSTEM_REFUSES,
};

enum format {
    FORMAT_TABLE,
    FORMAT_JSON,
    FORMAT_MARKDOWN,
};

struct options {
    const char *trace_path;
    const char *cluster_path;
    const char *machines_path;
    const char *config_path;
    const char *nodes;
    const char *plot_path;
    const char *policies;
    struct trace_options trace;
    double load; /* 0: as it is */
    uint64_t seed;
    int64_t start_delay_us;
    int64_t forecasts;
    enum format format;
    int64_t generate; /* jobs; 0: replay */
};

static const char usage[] =
    "Usage: nightshift-replay [OPTION]... TRACE\n"
    "       nightshift-replay --generate JOBS [--seed N] > TRACE\n"
    "Runs a workload trace through the scheduler's own code in virtual time, once for each "
    "policy,\n"
    "and compares them. TRACE is in the Standard Workload Format or has a JSON object on each "
    "line;\n"
    "either may be compressed by gzip.\n"
    "\n"
    "  --policies LIST       of fifo, priority, easy, conservative, fair, fair+backfill, joined "
    "by\n"
    "                        commas (all of them)\n"
    "  --nodes NxCPU[xMEM]   so many equal nodes: 128x1, 20x80x505Gi\n"
    "  --cluster FILE        nodes and quotas, YAML\n"
    "  --machines FILE       nodes, as Alea's logs list them\n"
    "                        (none of the three: as many processors as the trace says)\n"
    "  --config FILE         a nightshift.yaml: teams, limits, half-life, backfill and so on\n"
    "  --team user|group|queue  what of a line of SWF is the job's team (user)\n"
    "  --load SHARE          make arrivals denser until the work is that share of the capacity: "
    "0.9\n"
    "  --pod-cpus N          SWF: processors of a pod (1)\n"
    "  --jobs N              the first N jobs of the file alone\n"
    "  --start-delay TIME    from a pod's creation until it runs (0s)\n"
    "  --forecasts N         of so many jobs, forecast the start when they come (20)\n"
    "  --skip-bad-lines      leave lines out that can't be used, and count them\n"
    "  --seed N              of what is drawn by chance (1)\n"
    "  -o table|json|markdown\n"
    "  --plot FILE.svg       waits and utilisation over time\n"
    "  --generate JOBS       write a trace of the kind this scheduler is for, as JSON lines\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 the trace or the cluster can't be used, 2 wrong usage, 3 the system\n"
    "refuses something.\n";

PRINTF_LIKE(1, 2) static void complain(const char *format, ...) {
    va_list args;

    (void)fputs("nightshift-replay: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* --- Options --------------------------------------------------------------------------------- */

enum option_id {
    OPTION_POLICIES = 1,
    OPTION_NODES,
    OPTION_CLUSTER,
    OPTION_MACHINES,
    OPTION_CONFIG,
    OPTION_TEAM,
    OPTION_LOAD,
    OPTION_POD_CPUS,
    OPTION_JOBS,
    OPTION_START_DELAY,
    OPTION_FORECASTS,
    OPTION_SKIP_BAD_LINES,
    OPTION_SEED,
    OPTION_OUTPUT,
    OPTION_PLOT,
    OPTION_GENERATE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"policies", required_argument, NULL, OPTION_POLICIES},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"cluster", required_argument, NULL, OPTION_CLUSTER},
    {"machines", required_argument, NULL, OPTION_MACHINES},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"team", required_argument, NULL, OPTION_TEAM},
    {"load", required_argument, NULL, OPTION_LOAD},
    {"pod-cpus", required_argument, NULL, OPTION_POD_CPUS},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"start-delay", required_argument, NULL, OPTION_START_DELAY},
    {"forecasts", required_argument, NULL, OPTION_FORECASTS},
    {"skip-bad-lines", no_argument, NULL, OPTION_SKIP_BAD_LINES},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"generate", required_argument, NULL, OPTION_GENERATE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int parse_count(const char *text, int64_t most, int64_t *out_count) {
    int64_t count;

    if (text_parse_int64(text, &count) != OK || count < 1 || count > most) {
        return ERR_INVALID;
    }
    *out_count = count;
    return OK;
}

/* Which of the words it is. */
static int parse_word(const char *text, const char *const *words, size_t count, int *out_which) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out_which = (int)i;
            return OK;
        }
    }
    return ERR_INVALID;
}

static int parse_team(const char *text, enum trace_team *out_team) {
    static const char *const words[] = {"user", "group", "queue"};
    int which = 0;
    int r = parse_word(text, words, ARRAY_LEN(words), &which);

    *out_team = (enum trace_team)which;
    return r;
}

static int parse_format(const char *text, enum format *out_format) {
    static const char *const words[] = {"table", "json", "markdown"};
    int which = 0;
    int r = parse_word(text, words, ARRAY_LEN(words), &which);

    *out_format = (enum format)which;
    return r;
}

static int parse_load(const char *text, double *out_load) {
    char *end;
    double load = strtod(text, &end);

    if (end == text || *end != '\0' || !(load > 0) || load > 100) {
        return ERR_INVALID;
    }
    *out_load = load;
    return OK;
}

static int parse_seed(const char *text, uint64_t *out_seed) {
    int64_t seed;

    if (text_parse_int64(text, &seed) != OK || seed < 0) {
        return ERR_INVALID;
    }
    *out_seed = (uint64_t)seed;
    return OK;
}

static int set_option(struct options *options, int id, const char *value) {
    switch (id) {
    case OPTION_POLICIES:
        options->policies = value;
        return OK;
    case OPTION_NODES:
        options->nodes = value;
        return OK;
    case OPTION_CLUSTER:
        options->cluster_path = value;
        return OK;
    case OPTION_MACHINES:
        options->machines_path = value;
        return OK;
    case OPTION_CONFIG:
        options->config_path = value;
        return OK;
    case OPTION_TEAM:
        return parse_team(value, &options->trace.team);
    case OPTION_LOAD:
        return parse_load(value, &options->load);
    case OPTION_POD_CPUS:
        return parse_count(value, 1000000, &options->trace.pod_cpus);
    case OPTION_JOBS:
        return parse_count(value, INT32_MAX, &options->trace.jobs_max);
    case OPTION_START_DELAY:
        return text_parse_duration_us(value, &options->start_delay_us);
    case OPTION_FORECASTS:
        return text_parse_int64(value, &options->forecasts) == OK && options->forecasts >= 0
                   ? OK
                   : ERR_INVALID;
    case OPTION_SKIP_BAD_LINES:
        options->trace.skip_bad = true;
        return OK;
    case OPTION_SEED:
        return parse_seed(value, &options->seed);
    case 'o':
    case OPTION_OUTPUT:
        return parse_format(value, &options->format);
    case OPTION_PLOT:
        options->plot_path = value;
        return OK;
    case OPTION_GENERATE:
        return parse_count(value, 1000000, &options->generate);
    default:
        return ERR_INVALID;
    }
}

static const char *option_name(int id) {
    for (size_t i = 0; long_options[i].name != NULL; i++) {
        if (long_options[i].val == id) {
            return long_options[i].name;
        }
    }
    return "output";
}

/* False: main returns *out_exit. */
static bool parse_options(struct options *options, int argc, char **argv, int *out_exit) {
    int id;

    *options = (struct options){.seed = 1, .forecasts = 20, .trace = {.pod_cpus = 1}};
    *out_exit = EXIT_WRONG_USE;
    while ((id = getopt_long(argc, argv, "o:", long_options, NULL)) != -1) {
        if (id == OPTION_HELP || id == OPTION_VERSION) {
            (void)fputs(id == OPTION_HELP ? usage : "nightshift-replay " NIGHTSHIFT_VERSION "\n",
                        stdout);
            *out_exit = EXIT_DONE;
            return false;
        }
        if (id == '?') {
            return false;
        }
        if (set_option(options, id, optarg) != OK) {
            complain("--%s: can't use \"%s\"; see --help", option_name(id), optarg);
            return false;
        }
    }
    if (options->generate == 0 && optind != argc - 1) {
        complain("%s; see --help", optind < argc ? "one trace at a time" : "which trace?");
        return false;
    }
    options->trace_path = optind < argc ? argv[optind] : NULL;
    return true;
}

/* --- Files ----------------------------------------------------------------------------------- */

static int write_all(int fd, const struct buf *text) {
    for (size_t at = 0; at < text->bytes;) {
        ssize_t count = write(fd, text->data + at, text->bytes - at);

        if (count < 0) {
            return EXIT_SYSTEM_REFUSES;
        }
        at += (size_t)count;
    }
    return EXIT_DONE;
}

static int write_file(const char *path, const struct buf *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int status = fd >= 0 ? write_all(fd, text) : EXIT_SYSTEM_REFUSES;

    if (status != EXIT_DONE) {
        complain("%s can't be written: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static int generate(const struct options *options) {
    struct buf text;
    int status;

    buf_init(&text, SIZE_MAX);
    synthesis_write((size_t)options->generate, options->seed, &text);
    status = write_all(STDOUT_FILENO, &text);
    buf_finish(&text);
    return status;
}

/* What all policies are compared on. */
struct replay_ground {
    const struct trace *trace;
    const struct replay_cluster *cluster;
    struct config *config; /* each policy is set in it */
};

/* --- Replaying ------------------------------------------------------------------------------- */

static int read_cluster(const struct options *options, const struct trace *trace,
                        struct replay_cluster *cluster) {
    struct buf problems;
    int r = OK;

    buf_init(&problems, LIMIT_MIB);
    if (options->cluster_path != NULL) {
        r = replay_cluster_read(options->cluster_path, cluster, &problems);
    } else if (options->machines_path != NULL) {
        r = replay_cluster_read_machines(options->machines_path, cluster, &problems);
    } else if (options->nodes != NULL) {
        r = replay_cluster_parse(options->nodes, cluster);
        buf_add_text(&problems, r < 0 ? "nightshift-replay: --nodes must be like 128x1 or "
                                        "20x80x505Gi\n"
                                      : "");
    } else if (trace->processors > 0 && trace->processors <= 100000) {
        replay_cluster_add(cluster, "node", trace->processors, 1000, RESOURCE_POD_AMOUNT_MAX);
    } else {
        r = ERR_INVALID;
        buf_add_text(&problems, "nightshift-replay: the trace does not say how large its machine "
                                "was: use --nodes, --cluster or --machines\n");
    }
    (void)fputs(buf_text(&problems), stderr);
    buf_finish(&problems);
    return r;
}

static double weight_of(const void *context, const char *team) {
    const struct config *config = context;

    for (size_t i = 0; i < config->teams.team_count; i++) {
        if (strcmp(config->teams.teams[i].name, team) == 0) {
            return config->teams.teams[i].weight;
        }
    }
    return 1;
}

static void set_text(char **slot, const char *text) {
    free(*slot);
    *slot = mem_copy_text(text);
}

static int run_policy(const struct options *options, const struct replay_policy *policy,
                      const struct replay_ground *ground, struct replay_row *out_row) {
    const struct replay_setup setup = {.trace = ground->trace,
                                       .cluster = ground->cluster,
                                       .config = ground->config,
                                       .seed = options->seed,
                                       .start_delay_us = options->start_delay_us,
                                       .forecasts = (size_t)options->forecasts};
    struct replay_result result;
    struct error error = {0};
    int r;

    set_text(&ground->config->mode, policy->mode);
    set_text(&ground->config->backfill, policy->backfill);
    r = replay_run(&setup, &result, &error);
    if (r < 0) {
        complain("%s: %s", policy->name, error.text);
        return r;
    }
    out_row->policy = policy->name;
    figures_compute(ground->trace, &result, replay_cluster_cpus(ground->cluster), weight_of,
                    ground->config, &out_row->figures);
    replay_result_finish(&result);
    return OK;
}

/* Those that were named, in the order of their names; all if none was. */
static int choose_policies(const struct options *options,
                           const struct replay_policy *out_chosen[POLICIES_MAX],
                           size_t *out_count) {
    char *names = mem_copy_text(options->policies != NULL ? options->policies : "");
    char *rest = names;
    size_t count = 0;
    int r = OK;

    for (char *name; r == OK && (name = strtok_r(rest, ",", &rest)) != NULL;) {
        const struct replay_policy *policy = replay_policy_find(name);

        if (policy == NULL || count == POLICIES_MAX) {
            complain("there is no policy \"%s\"; see --help", name);
            r = ERR_INVALID;
        } else {
            out_chosen[count++] = policy;
        }
    }
    for (size_t i = 0; options->policies == NULL && i < replay_policy_count; i++) {
        out_chosen[count++] = &replay_policies[i];
    }
    free(names);
    *out_count = count;
    return r == OK && count > 0 ? OK : ERR_INVALID;
}

static int print(const struct options *options, const struct replay_report *report) {
    static void (*const printers[])(const struct replay_report *, struct buf *) = {
        [FORMAT_TABLE] = replay_print_table,
        [FORMAT_JSON] = replay_print_json,
        [FORMAT_MARKDOWN] = replay_print_markdown,
    };
    struct buf text;
    int status;

    buf_init(&text, OUTPUT_BYTES_MAX);
    printers[options->format](report, &text);
    status = write_all(STDOUT_FILENO, &text);
    buf_clear(&text);
    if (status == EXIT_DONE && options->plot_path != NULL) {
        replay_print_plot(report, &text);
        status = write_file(options->plot_path, &text);
    }
    buf_finish(&text);
    return status;
}

static double load_of(const struct trace *trace, double cpus) {
    double span_s = (double)(trace->jobs[trace->count - 1].submit_us - trace->jobs[0].submit_us) /
                    CLOCK_US_PER_SECOND;

    return span_s > 0 ? trace_work(trace) / (cpus * span_s) : 0;
}

static int replay_on(const struct options *options, const struct replay_ground *ground,
                     const struct replay_policy *const *policies, size_t policy_count) {
    struct replay_row rows[POLICIES_MAX];
    const char *slash = strrchr(options->trace_path, '/');
    double cpus = replay_cluster_cpus(ground->cluster);
    struct replay_report report = {
        .trace = slash != NULL ? slash + 1 : options->trace_path,
        .cpus = cpus,
        .nodes = ground->cluster->node_count,
        .load = load_of(ground->trace, cpus),
        .seed = options->seed,
        .skipped = ground->trace->skipped,
        .rows = rows,
    };
    int status = EXIT_DONE;

    while (status == EXIT_DONE && report.row_count < policy_count) {
        if (run_policy(options, policies[report.row_count], ground, &rows[report.row_count]) < 0) {
            status = EXIT_BAD_INPUT;
        } else {
            report.row_count++;
        }
    }
    if (status == EXIT_DONE) {
        status = print(options, &report);
    }
    for (size_t i = 0; i < report.row_count; i++) {
        figures_finish(&rows[i].figures);
    }
    return status;
}

static int read_config(const struct options *options, struct config *config) {
    struct problems problems = {0};
    struct buf text;
    int r;

    if (options->config_path == NULL) {
        config_init_default(config);
        return OK;
    }
    r = config_load(options->config_path, config, &problems);
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, options->config_path, &text);
        (void)fputs(buf_text(&text), stderr);
        buf_finish(&text);
    }
    problems_finish(&problems);
    return r;
}

static int replay_with(const struct options *options, struct config *config) {
    const struct replay_policy *policies[POLICIES_MAX];
    struct replay_cluster cluster = {0};
    struct trace trace = {0};
    struct error error = {0};
    size_t policy_count;
    int status = EXIT_BAD_INPUT;

    if (choose_policies(options, policies, &policy_count) < 0) {
        return EXIT_WRONG_USE;
    }
    if (trace_read(options->trace_path, &options->trace, &trace, &error) < 0) {
        complain("%s", error.text);
        return EXIT_BAD_INPUT;
    }
    if (read_cluster(options, &trace, &cluster) == OK) {
        const struct replay_ground ground = {&trace, &cluster, config};

        if (options->load > 0) {
            trace_set_load(&trace, options->load, replay_cluster_cpus(&cluster));
        }
        status = replay_on(options, &ground, policies, policy_count);
    }
    replay_cluster_finish(&cluster);
    trace_finish(&trace);
    return status;
}

static int replay(const struct options *options) {
    struct config config;
    int status;

    if (read_config(options, &config) < 0) {
        return EXIT_BAD_INPUT;
    }
    status = replay_with(options, &config);
    config_finish(&config);
    return status;
}

int main(int argc, char **argv) {
    struct options options;
    int status;

    if (!parse_options(&options, argc, argv, &status)) {
        return status;
    }
    return options.generate > 0 ? generate(&options) : replay(&options);
}
