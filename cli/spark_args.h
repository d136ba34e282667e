/* cli/spark_args.h - the command line of spark-submit, and the files it reads.
 *
 * What an option says wins over --conf, --conf over --properties-file, that over
 * spark-defaults.conf, and a few variables of the environment come last: as Spark's
 * SparkSubmitArguments has it. The queue's own options are --queue-NAME VALUE, or
 * --conf nightshift.NAME=VALUE, for each annotation nightshift/NAME.
 */
#ifndef CLI_SPARK_ARGS_H
#define CLI_SPARK_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/properties.h"

enum spark_action {
    SPARK_SUBMIT,
    SPARK_KILL,
    SPARK_STATUS,
    SPARK_HELP,
    SPARK_VERSION,
};

struct spark_args {
    enum spark_action action;
    struct properties conf;  /* keys begin with spark. */
    struct properties queue; /* annotations, without their prefix */
    const char *submission;  /* of KILL and STATUS: "NAMESPACE:POD", an id or a name */
    const char *main_class;  /* NULL: not given */
    const char *resource;    /* the application's file */
    const char *proxy_user;  /* NULL: not given */
    const char *const *arguments;
    size_t argument_count;
    char *spark_folder;        /* of Spark's configuration; NULL: not known. Owned */
    const char *hadoop_folder; /* of Hadoop's, HADOOP_CONF_DIR; NULL: not given */
    bool verbose;
    bool dry_run;                              /* print the objects that would be created */
    bool print_manifest;                       /* print the manifest, without a daemon */
    const char *output;                        /* of these two: "yaml" or "json" */
    const char *server, *token_file, *ca_file; /* NULL: not given */
};

/* How the arguments behind "spark-submit" are read. warn is told of what is left out; environment
 * gives a variable's value or NULL. ERR_INVALID with a sentence. The texts of argv are borrowed. */
struct spark_source {
    const char *const *argv;
    size_t count;
    const char *(*environment)(const char *name);
    void (*warn)(const char *format, ...) PRINTF_LIKE(1, 2);
};
int spark_args_parse(const struct spark_source *source, struct spark_args *out_args,
                     struct error *error) MUST_CHECK;

void spark_args_finish(struct spark_args *args);

/* Every option with its meaning. */
void spark_args_print_help(void);

#endif
