#include "cli/spark_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/input.h"

#define QUEUE_OPTION "--queue-"
#define QUEUE_KEY    "nightshift."
#define SPARK_KEY    "spark."

/* What is being read, besides the result. */
struct reader {
    const struct spark_source *source;
    struct spark_args *args;
    struct error *error;
    struct properties given;   /* by dedicated options */
    struct properties by_conf; /* by --conf */
    const char *properties_file;
    bool load_defaults;
};

/* --- Options --------------------------------------------------------------------------------- */

/* What an option's value is for: a key of the configuration, a member, or a function of its own. */
struct option {
    const char *name;
    const char *key; /* of the configuration; NULL: none */
    size_t offset;   /* of a text in struct spark_args; 0: none */
    int (*take)(struct reader *reader, const char *value);
    const char *argument; /* NULL: a flag */
    const char *help;
};

static int take_conf(struct reader *reader, const char *value) {
    const char *equals = strchr(value, '=');
    char *key;

    if (equals == NULL) {
        return error_set(reader->error, ERR_INVALID, "--conf %s: write it as KEY=VALUE", value);
    }
    key = mem_copy_text_n(value, (size_t)(equals - value));
    properties_set(&reader->by_conf, key, equals + 1);
    free(key);
    return OK;
}

static int take_properties_file(struct reader *reader, const char *value) {
    reader->properties_file = value;
    return OK;
}

static int take_load_defaults(struct reader *reader, const char *value) {
    (void)value;
    reader->load_defaults = true;
    return OK;
}

static int take_kill(struct reader *reader, const char *value) {
    reader->args->action = SPARK_KILL;
    reader->args->submission = value;
    return OK;
}

static int take_status(struct reader *reader, const char *value) {
    reader->args->action = SPARK_STATUS;
    reader->args->submission = value;
    return OK;
}

static int take_help(struct reader *reader, const char *value) {
    (void)value;
    reader->args->action = SPARK_HELP;
    return OK;
}

static int take_version(struct reader *reader, const char *value) {
    (void)value;
    reader->args->action = SPARK_VERSION;
    return OK;
}

static int take_verbose(struct reader *reader, const char *value) {
    (void)value;
    reader->args->verbose = true;
    return OK;
}

static int take_dry_run(struct reader *reader, const char *value) {
    (void)value;
    reader->args->dry_run = true;
    return OK;
}

static int take_print_manifest(struct reader *reader, const char *value) {
    (void)value;
    reader->args->print_manifest = true;
    return OK;
}

static int take_output(struct reader *reader, const char *value) {
    if (strcmp(value, "yaml") != 0 && strcmp(value, "json") != 0) {
        return error_set(reader->error, ERR_INVALID, "-o %s: must be yaml or json", value);
    }
    reader->args->output = value;
    return OK;
}

static int ignore(struct reader *reader, const char *value) {
    reader->source->warn("an option that Spark on Kubernetes does not use is ignored%s%s",
                         value[0] != '\0' ? ": " : "", value);
    return OK;
}

static int refuse_remote(struct reader *reader, const char *value) {
    return error_set(reader->error, ERR_INVALID,
                     "--remote %s: that is a Spark Connect server's; nightshift submits "
                     "applications",
                     value);
}

#define MEMBER(name) offsetof(struct spark_args, name)
#define CONF(name_, key_, argument_, help_) \
    { name_, key_, 0, NULL, argument_, help_ }
#define CALL(name_, take_, argument_, help_) \
    { name_, NULL, 0, take_, argument_, help_ }
#define TEXT(name_, member_, argument_, help_) \
    { name_, NULL, MEMBER(member_), NULL, argument_, help_ }

static const struct option options[] = {
    CONF("--master", "spark.master", "k8s://URL", "checked; the cluster is the daemon's"),
    CONF("--deploy-mode", "spark.submit.deployMode", "cluster", "the only one"),
    CONF("--name", "spark.app.name", "NAME", "of the application"),
    TEXT("--class", main_class, "CLASS", "with the main method, of Java and Scala applications"),
    CALL("--conf", take_conf, "KEY=VALUE", "a property of Spark's; also -c"),
    CALL("--properties-file", take_properties_file, "FILE", "of more of them"),
    CALL("--load-spark-defaults", take_load_defaults, NULL,
         "conf/spark-defaults.conf too, if there is a --properties-file"),
    CONF("--jars", "spark.jars", "URI,...", "for driver and executors"),
    CONF("--py-files", "spark.submit.pyFiles", "URI,...", "on the PYTHONPATH"),
    CONF("--files", "spark.files", "URI,...", "in each executor's working folder"),
    CONF("--archives", "spark.archives", "URI,...", "unpacked there"),
    CONF("--packages", "spark.jars.packages", "MAVEN,...", "jars by their Maven coordinates"),
    CONF("--exclude-packages", "spark.jars.excludes", "MAVEN,...", "but not these"),
    CONF("--repositories", "spark.jars.repositories", "URL,...", "where to look for packages"),
    CONF("--driver-memory", "spark.driver.memory", "SIZE", "1g if nothing says it"),
    CONF("--driver-cores", "spark.driver.cores", "N", "1 if nothing says it"),
    CONF("--executor-memory", "spark.executor.memory", "SIZE", "1g if nothing says it"),
    CONF("--executor-cores", "spark.executor.cores", "N", "1 if nothing says it"),
    CONF("--num-executors", "spark.executor.instances", "N", "2 if nothing says it"),
    CALL("--total-executor-cores", ignore, "N", "ignored, as on Kubernetes"),
    CONF("--driver-class-path", "spark.driver.extraClassPath", "PATH", "of the driver"),
    CONF("--driver-java-options", "spark.driver.extraJavaOptions", "OPTIONS", "of the driver"),
    CONF("--driver-library-path", "spark.driver.extraLibraryPath", "PATH", "of the driver"),
    CONF("--principal", "spark.kerberos.principal", "NAME", "of Kerberos"),
    CONF("--keytab", "spark.kerberos.keytab", "FILE", "of Kerberos"),
    TEXT("--proxy-user", proxy_user, "USER", "whom the application stands for"),
    CALL("--queue", ignore, "NAME", "ignored: YARN's"),
    CALL("--supervise", ignore, NULL, "ignored: retries are the queue's"),
    CALL("--remote", refuse_remote, "URL", "refused"),
    CALL("--kill", take_kill, "ID", "cancel: NAMESPACE:DRIVER-POD, a job's id or name"),
    CALL("--status", take_status, "ID", "show it"),
    CALL("--verbose", take_verbose, NULL, "print what was understood; also -v"),
    CALL("--version", take_version, NULL, "of nightshift"),
    CALL("--help", take_help, NULL, "this; also -h"),
    CALL("--dry-run", take_dry_run, NULL, "print the objects that would be created"),
    CALL("--print-manifest", take_print_manifest, NULL, "print the BatchJob it is, no more"),
    CALL("--output", take_output, "yaml|json", "of these two; also -o"),
    TEXT("--server", server, "URL", "unix:PATH or https://HOST:PORT (NIGHTSHIFT_SERVER)"),
    TEXT("--token-file", token_file, "FILE", "a bearer token (NIGHTSHIFT_TOKEN_FILE)"),
    TEXT("--ca-file", ca_file, "FILE", "whom to trust for https (NIGHTSHIFT_CA_FILE)"),
};

static const struct {
    const char *letter;
    const char *name;
} letters[] = {{"-c", "--conf"}, {"-v", "--verbose"}, {"-h", "--help"}, {"-o", "--output"}};

static const struct option *find_option(const char *name, size_t length) {
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        if (length == 2 && strncmp(letters[i].letter, name, 2) == 0) {
            return find_option(letters[i].name, strlen(letters[i].name));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static int take(struct reader *reader, const struct option *option, const char *value) {
    if (option->key != NULL) {
        properties_set(&reader->given, option->key, value);
        return OK;
    }
    if (option->offset != 0) {
        memcpy((char *)reader->args + option->offset, &value, sizeof value);
        return OK;
    }
    return option->take(reader, value);
}

static int complain_unknown(struct reader *reader, const char *text) {
    const char *names[ARRAY_LEN(options)];
    const char *meant;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        names[i] = options[i].name;
    }
    meant = text_closest(text, names, ARRAY_LEN(names));
    return meant != NULL
               ? error_set(reader->error, ERR_INVALID,
                           "%s is not an option of spark-submit; did you mean %s?", text, meant)
               : error_set(reader->error, ERR_INVALID,
                           "%s is not an option of spark-submit; see --help", text);
}

/* One option at argv[at], its value behind it or behind a '='; how many words it took, or an
 * error. */
static int read_option(struct reader *reader, size_t at) {
    const char *text = reader->source->argv[at];
    bool is_long = text_starts_with(text, "--");
    const char *equals = is_long ? strchr(text, '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    bool is_queue = text_starts_with(text, QUEUE_OPTION) && length > strlen(QUEUE_OPTION);
    const struct option *option = find_option(text, length);
    bool has_argument = is_queue || (option != NULL && option->argument != NULL);
    const char *value = equals != NULL ? equals + 1 : "";
    int r;

    if (option == NULL && !is_queue) {
        return complain_unknown(reader, text);
    }
    if (has_argument && equals == NULL) {
        if (at + 1 == reader->source->count) {
            return error_set(reader->error, ERR_INVALID, "%s needs a value", text);
        }
        value = reader->source->argv[at + 1];
    }
    if (is_queue) {
        char *name = mem_copy_text_n(text + strlen(QUEUE_OPTION), length - strlen(QUEUE_OPTION));

        properties_set(&reader->args->queue, name, value);
        free(name);
        r = OK;
    } else {
        r = take(reader, option, value);
    }
    return r < 0 ? r : (has_argument && equals == NULL ? 2 : 1);
}

static int read_words(struct reader *reader) {
    const struct spark_source *source = reader->source;
    size_t at = 0;

    while (at < source->count && source->argv[at][0] == '-') {
        int used = read_option(reader, at);

        if (used < 0) {
            return used;
        }
        at += (size_t)used;
    }
    if (at < source->count) {
        reader->args->resource = source->argv[at++];
    }
    reader->args->arguments = source->argv + at;
    reader->args->argument_count = source->count - at;
    return OK;
}

/* --- Files ----------------------------------------------------------------------------------- */

static int read_file(struct reader *reader, const char *path, struct properties *out) {
    struct buf text;
    int r;

    buf_init(&text, LIMIT_SPEC_BYTES);
    if (input_read(path, &text) != 0) {
        buf_finish(&text);
        return error_set(reader->error, ERR_NOT_FOUND, "%s can't be read", path);
    }
    r = properties_parse(buf_text(&text), out, reader->error);
    if (r < 0) {
        error_prefix(reader->error, "%s", path);
    }
    buf_finish(&text);
    return r;
}

static bool is_readable(const char *path) {
    FILE *file = fopen(path, "re");

    if (file != NULL) {
        (void)fclose(file);
    }
    return file != NULL;
}

/* $SPARK_CONF_DIR, else $SPARK_HOME/conf; NULL: neither is said. Owned. */
static char *spark_folder(const struct reader *reader) {
    const char *folder = reader->source->environment("SPARK_CONF_DIR");
    const char *home = reader->source->environment("SPARK_HOME");

    if (folder != NULL && folder[0] != '\0') {
        return mem_copy_text(folder);
    }
    return home != NULL && home[0] != '\0' ? mem_format("%s/conf", home) : NULL;
}

/* spark-defaults.conf of that folder, if it is there. */
static int read_defaults(struct reader *reader, struct properties *out) {
    char *path = NULL;
    int r = OK;

    if (reader->args->spark_folder != NULL) {
        path = mem_format("%s/spark-defaults.conf", reader->args->spark_folder);
    }
    if (path != NULL && is_readable(path)) {
        r = read_file(reader, path, out);
    }
    free(path);
    return r;
}

/* --- Putting it together --------------------------------------------------------------------- */

/* Keys that neither Spark nor we know are dropped, as Spark drops them. */
static void merge(struct reader *reader, const struct properties *from) {
    for (size_t i = 0; i < from->count; i++) {
        const char *key = from->items[i].key;

        if (text_starts_with(key, QUEUE_KEY)) {
            properties_set(&reader->args->queue, key + strlen(QUEUE_KEY), from->items[i].value);
        } else if (text_starts_with(key, SPARK_KEY)) {
            properties_set(&reader->args->conf, key, from->items[i].value);
        } else {
            reader->source->warn("%s is left out: no property of Spark's", key);
        }
    }
}

static void from_environment(struct reader *reader) {
    static const struct {
        const char *variable;
        const char *key;
    } rows[] = {
        {"MASTER", "spark.master"},
        {"DEPLOY_MODE", "spark.submit.deployMode"},
        {"SPARK_DRIVER_MEMORY", "spark.driver.memory"},
        {"SPARK_EXECUTOR_MEMORY", "spark.executor.memory"},
        {"SPARK_EXECUTOR_CORES", "spark.executor.cores"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *value = reader->source->environment(rows[i].variable);

        if (value != NULL && properties_get(&reader->args->conf, rows[i].key) == NULL) {
            properties_set(&reader->args->conf, rows[i].key, value);
        }
    }
}

/* What has another name on YARN. */
static void from_yarn(struct reader *reader) {
    static const char *const rows[][2] = {{"spark.yarn.keytab", "spark.kerberos.keytab"},
                                          {"spark.yarn.principal", "spark.kerberos.principal"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *value = properties_get(&reader->args->conf, rows[i][0]);

        if (value != NULL && properties_get(&reader->args->conf, rows[i][1]) == NULL) {
            properties_set(&reader->args->conf, rows[i][1], value);
        }
    }
}

/* The submitter's folders for scratch files go before the configured ones, as Spark has it. */
static void from_folders(struct reader *reader) {
    const char *folders = reader->source->environment("SPARK_LOCAL_DIRS");

    if (folders != NULL && folders[0] != '\0') {
        properties_set(&reader->args->conf, "spark.local.dir", folders);
    }
}

/* The Pythons of the submitter are the driver's, where no property names others. */
static void from_python(struct reader *reader) {
    const struct properties *conf = &reader->args->conf;
    const char *python = reader->source->environment("PYSPARK_PYTHON");
    const char *driver = reader->source->environment("PYSPARK_DRIVER_PYTHON");

    if (reader->args->resource == NULL || !text_ends_with(reader->args->resource, ".py") ||
        properties_get(conf, "spark.pyspark.python") != NULL) {
        return;
    }
    driver = driver != NULL ? driver : python;
    if (python != NULL) {
        properties_set(&reader->args->conf, "spark.kubernetes.driverEnv.PYSPARK_PYTHON", python);
    }
    if (driver != NULL && properties_get(conf, "spark.pyspark.driver.python") == NULL) {
        properties_set(&reader->args->conf, "spark.kubernetes.driverEnv.PYSPARK_DRIVER_PYTHON",
                       driver);
    }
}

/* From what counts least to what counts most; the queue's own options count most of all. */
static int merge_all(struct reader *reader) {
    struct properties options_of_queue = reader->args->queue;
    struct properties defaults = {0};
    struct properties file = {0};
    int r = OK;

    reader->args->queue = (struct properties){0};
    reader->args->spark_folder = spark_folder(reader);
    reader->args->hadoop_folder = reader->source->environment("HADOOP_CONF_DIR");
    if (reader->properties_file == NULL || reader->load_defaults) {
        r = read_defaults(reader, &defaults);
    }
    if (r == OK && reader->properties_file != NULL) {
        r = read_file(reader, reader->properties_file, &file);
    }
    if (r == OK) {
        merge(reader, &defaults);
        merge(reader, &file);
        merge(reader, &reader->by_conf);
        merge(reader, &reader->given);
        from_environment(reader);
        from_yarn(reader);
        from_folders(reader);
        from_python(reader);
        for (size_t i = 0; i < options_of_queue.count; i++) {
            properties_set(&reader->args->queue, options_of_queue.items[i].key,
                           options_of_queue.items[i].value);
        }
    }
    properties_finish(&options_of_queue);
    properties_finish(&defaults);
    properties_finish(&file);
    return r;
}

static bool is_python(const char *resource) {
    return text_ends_with(resource, ".py");
}

static bool is_r(const char *resource) {
    return text_ends_with(resource, ".R") || text_ends_with(resource, ".r");
}

static bool is_shell(const char *resource) {
    return strcmp(resource, "spark-shell") == 0 || strcmp(resource, "pyspark-shell") == 0 ||
           strcmp(resource, "sparkr-shell") == 0;
}

static int check_master(struct reader *reader) {
    const char *master = properties_get(&reader->args->conf, "spark.master");

    if (master != NULL && !text_starts_with(master, "k8s://")) {
        return error_set(reader->error, ERR_INVALID,
                         "--master %s: must begin with k8s://; or leave it out, the cluster is the "
                         "daemon's",
                         master);
    }
    return OK;
}

/* A driver in client mode is a process of this machine: nothing that waits in a queue. */
static int check_mode(struct reader *reader) {
    const char *mode = properties_get(&reader->args->conf, "spark.submit.deployMode");

    if (mode != NULL && strcmp(mode, "client") == 0) {
        return error_set(
            reader->error, ERR_INVALID,
            "deploy mode client (--deploy-mode, spark.submit.deployMode or DEPLOY_MODE): "
            "the driver would run on this machine, and runs in the cluster here; say "
            "cluster, or nothing. What talks to its user is spark-submit's and "
            "spark-shell's");
    }
    return mode == NULL || strcmp(mode, "cluster") == 0
               ? OK
               : error_set(reader->error, ERR_INVALID, "deploy mode %s: must be cluster", mode);
}

static int check_submission(struct reader *reader) {
    const struct spark_args *args = reader->args;
    int r = check_master(reader);

    if (r == OK) {
        r = check_mode(reader);
    }
    if (r < 0) {
        return r;
    }
    if (args->resource == NULL) {
        return error_set(reader->error, ERR_INVALID,
                         "no application: name its jar, .py or .R file behind the options");
    }
    if (is_shell(args->resource)) {
        return error_set(reader->error, ERR_INVALID,
                         "%s: a shell talks to its user, and its driver runs where that is; for "
                         "shells stay with Spark's own",
                         args->resource);
    }
    if (args->main_class == NULL && !is_python(args->resource) && !is_r(args->resource)) {
        return error_set(reader->error, ERR_INVALID,
                         "--class is missing: the jar is not opened here to look for its main "
                         "class");
    }
    return OK;
}

int spark_args_parse(const struct spark_source *source, struct spark_args *out_args,
                     struct error *error) {
    struct spark_args args = {.output = "yaml"};
    struct reader reader = {.source = source, .args = &args, .error = error};
    int r = read_words(&reader);

    if (r == OK && args.action == SPARK_SUBMIT) {
        r = merge_all(&reader);
    }
    if (r == OK && args.action == SPARK_SUBMIT) {
        r = check_submission(&reader);
    }
    properties_finish(&reader.given);
    properties_finish(&reader.by_conf);
    if (r < 0) {
        spark_args_finish(&args);
        return r;
    }
    *out_args = args;
    return OK;
}

void spark_args_finish(struct spark_args *args) {
    properties_finish(&args->conf);
    properties_finish(&args->queue);
    free(args->spark_folder);
}

void spark_args_print_help(void) {
    printf("nightshift spark-submit [OPTION...] FILE [ARGUMENT...]\n"
           "  submit a Spark application as spark-submit would, into the queue\n\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "%s%s%s", options[i].name,
                       options[i].argument != NULL ? " " : "",
                       options[i].argument != NULL ? options[i].argument : "");
        printf("  %-34s  %s\n", left, options[i].help);
    }
    printf("  %-34s  %s\n", "--queue-NAME VALUE",
           "the queue's annotation nightshift/NAME: team, priority, window, ...;");
    printf("  %-34s  %s\n", "", "also --conf nightshift.NAME=VALUE");
}
