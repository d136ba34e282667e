#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/dry_run.h"
#include "cli/jobs.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "cli/spark_args.h"
#include "cli/spark_manifest.h"
#include "cli/submission.h"
#include "cli/waiting.h"

#define LISTED_MAX 100000

static const char *environment(const char *name) {
    return getenv(name);
}

/* --- Submitting ------------------------------------------------------------------------------ */

/* Told on stderr: what was understood, without values that may be secrets. */
static void print_understood(const struct spark_args *args) {
    (void)fprintf(stderr, "application: %s\nclass: %s\n", args->resource,
                  args->main_class != NULL ? args->main_class : "-");
    for (size_t i = 0; i < args->conf.count; i++) {
        const char *key = args->conf.items[i].key;
        bool is_secret = strcasestr(key, "secret") != NULL || strcasestr(key, "password") != NULL ||
                         strcasestr(key, "token") != NULL || strcasestr(key, "access.key") != NULL;

        (void)fprintf(stderr, "%s=%s\n", key,
                      is_secret ? "(not shown)" : args->conf.items[i].value);
    }
    for (size_t i = 0; i < args->queue.count; i++) {
        (void)fprintf(stderr, "nightshift.%s=%s\n", args->queue.items[i].key,
                      args->queue.items[i].value);
    }
}

/* The driver's own exit code where it has one. */
static int exit_of(struct cli *cli, const char *id) {
    struct job_set set = {0};
    int status = jobs_get(cli, id, &set);

    if (status == CLI_OK) {
        const struct wire_job *job = &set.items[0];

        status = job_has_succeeded(job) ? CLI_OK : CLI_JOB_FAILED;
        if (status == CLI_JOB_FAILED && job->exit_code > 0 && job->exit_code < 256) {
            status = (int)job->exit_code;
        }
    }
    job_set_finish(&set);
    return status;
}

static int wait_for(struct cli *cli, const struct wire_submitted *job) {
    struct job_names names = {0};
    int status;

    job_names_add_submitted(&names, job, 1);
    cli->options.watch = true;
    status = waiting_run(cli, &names);
    status = status == CLI_JOB_FAILED ? exit_of(cli, names.items[0]) : status;
    job_names_finish(&names);
    return status;
}

static int submit(struct cli *cli, const struct spark_args *args, const struct buf *manifest) {
    struct accepted accepted = {0};
    int status = remote_open(cli);

    if (status == CLI_OK) {
        status = submission_send(cli, "spark-submit", "application/json", manifest, &accepted);
    }
    if (status == CLI_OK && accepted.count > 0) {
        const struct wire_submitted *job = &accepted.jobs[0];

        printf("%" PRIu64 " ", job->id);
        print_clean(stdout, job->name);
        printf(" submitted to namespace ");
        print_clean(stdout, job->namespace);
        printf("\n");
        (void)fflush(stdout);
        status = spark_waits(args) ? wait_for(cli, job) : CLI_OK;
    }
    accepted_finish(&accepted);
    return status;
}

static int print_manifest(struct cli *cli, const struct spark_args *args,
                          const struct buf *manifest) {
    cli->options.output = strcmp(args->output, "json") == 0 ? CLI_JSON : CLI_YAML;
    return print_document(cli, manifest);
}

static int show_objects(struct cli *cli, const struct spark_args *args,
                        const struct buf *manifest) {
    int status = remote_open(cli);

    cli->options.output = strcmp(args->output, "json") == 0 ? CLI_JSON : CLI_YAML;
    return status == CLI_OK ? dry_run(cli, "spark-submit", "application/json", manifest) : status;
}

static int make_and_submit(struct cli *cli, const struct spark_args *args) {
    struct error error = {0};
    struct buf manifest;
    int status = CLI_REFUSED;

    buf_init(&manifest, LIMIT_MANIFEST_BYTES);
    if (args->verbose) {
        print_understood(args);
    }
    if (spark_manifest(args, &manifest, &error) != OK) {
        cli_complain("%s", error.text);
    } else if (args->print_manifest) {
        status = print_manifest(cli, args, &manifest);
    } else if (args->dry_run) {
        status = show_objects(cli, args, &manifest);
    } else {
        status = submit(cli, args, &manifest);
    }
    buf_finish(&manifest);
    return status;
}

/* --- Kill and status ------------------------------------------------------------------------- */

static bool pod_matches(const char *pod, const char *pattern) {
    size_t length = strlen(pattern);

    if (length > 0 && pattern[length - 1] == '*') {
        return strncmp(pod, pattern, length - 1) == 0;
    }
    return strcmp(pod, pattern) == 0;
}

/* The lower, the more it is the one whose pod has the name. */
static int distance(const struct wire_job *job) {
    static const char *const active[] = {"RUNNING", "STARTING", "SUBMITTING"};

    for (size_t i = 0; i < ARRAY_LEN(active); i++) {
        if (strcmp(job->state, active[i]) == 0) {
            return 0;
        }
    }
    return job_is_over(job) ? 2 : 1;
}

/* Is another job of the same pod name meant rather than this one: one that has the pod, or is to
 * have it next; or, if all are over, the last one? */
static bool is_behind(const struct job_set *set, const struct wire_job *job) {
    for (size_t i = 0; i < set->count; i++) {
        const struct wire_job *other = &set->items[i];
        const int nearer = distance(job) - distance(other);

        if (strcmp(other->pod_name, job->pod_name) == 0 &&
            (nearer > 0 ||
             (nearer == 0 && (job_is_over(job) ? other->id > job->id : other->id < job->id)))) {
            return true;
        }
    }
    return false;
}

/* The jobs whose driver's pod is meant by "NAMESPACE:POD", which may end in a star: of those that
 * give their pods one name, one. */
static int find_by_pod(struct cli *cli, const char *submission, struct job_names *names) {
    const char *colon = strchr(submission, ':');
    char *namespace = mem_copy_text_n(submission, (size_t)(colon - submission));
    struct job_set set = {0};
    int status;

    cli->options.namespace = namespace;
    cli->options.all = true;
    cli->options.limit = LISTED_MAX;
    status = jobs_list(cli, &set);
    for (size_t i = 0; i < set.count; i++) {
        if (pod_matches(set.items[i].pod_name, colon + 1) && !is_behind(&set, &set.items[i])) {
            char name[REMOTE_JOB_BYTES];

            remote_name_of(&set.items[i], NULL, name);
            job_names_add(names, name);
        }
    }
    if (status == CLI_OK && names->count == 0) {
        cli_complain("no job of namespace %s has a driver %s", namespace, colon + 1);
        status = CLI_NOT_FOUND;
    }
    job_set_finish(&set);
    cli->options.namespace = NULL;
    free(namespace);
    return status;
}

static int find_jobs(struct cli *cli, const char *submission, struct job_names *names) {
    char name[REMOTE_JOB_BYTES];
    int status;

    if (strchr(submission, ':') != NULL) {
        return find_by_pod(cli, submission, names);
    }
    status = remote_job_name(cli, submission, name);
    if (status == CLI_OK) {
        job_names_add(names, name);
    }
    return status;
}

/* The verb that does the same, once for each. */
static int kill_or_show(struct cli *cli, const struct spark_args *args) {
    struct job_names names = {0};
    int worst = remote_open(cli);

    if (worst == CLI_OK) {
        worst = find_jobs(cli, args->submission, &names);
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *operand = names.items[i];
        int status;

        cli->options.operands = &operand;
        cli->options.operand_count = 1;
        status = args->action == SPARK_KILL ? verb_cancel(cli) : verb_show(cli);
        worst = status > worst ? status : worst;
    }
    job_names_finish(&names);
    return worst;
}

/* --- The verb -------------------------------------------------------------------------------- */

static int act(struct cli *cli, const struct spark_args *args) {
    cli->options.server = args->server;
    cli->options.token_file = args->token_file;
    cli->options.ca_file = args->ca_file;
    switch (args->action) {
    case SPARK_SUBMIT:
        return make_and_submit(cli, args);
    case SPARK_KILL:
    case SPARK_STATUS:
        return kill_or_show(cli, args);
    case SPARK_HELP:
        spark_args_print_help();
        return CLI_OK;
    case SPARK_VERSION:
        break;
    }
    return verb_version(cli);
}

int verb_spark_submit(struct cli *cli) {
    const struct spark_source source = {
        .argv = cli->options.operands,
        .count = cli->options.operand_count,
        .environment = environment,
        .warn = cli_complain,
    };
    struct spark_args args;
    struct error error = {0};
    int status;

    if (spark_args_parse(&source, &args, &error) != OK) {
        cli_complain("%s", error.text);
        return CLI_USAGE;
    }
    status = act(cli, &args);
    spark_args_finish(&args);
    return status;
}
