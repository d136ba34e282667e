/* k8s/exec_plugin.h - runs one program to its end without stopping the loop.
 *
 * No shell. Standard input is /dev/null, both outputs are read up to a bound, and the program
 * with all its children is killed when it takes too long. The loop must not reap children with
 * wait(-1); if it does, the exit status is taken as 0.
 */
#ifndef K8S_EXEC_PLUGIN_H
#define K8S_EXEC_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct exec_plugin;
struct poller;

struct exec_plugin_options {
    struct poller *poller;
    const char *command; /* with a slash: a path; without: found in PATH */
    char *const *args;   /* NULL-ended, without the command */
    char *const *environment;
    int64_t time_limit_us;
    size_t output_bytes_max; /* of each of the two outputs */
};

/* Borrowed for the callback's time. */
struct exec_plugin_result {
    bool timed_out;
    bool output_too_large;
    int exit_status; /* of exit(), or 128 + signal */
    const char *output;
    size_t output_bytes;
    const char *error_output; /* text, one line, what is not printable replaced */
};

/* May destroy the plugin. */
typedef void exec_plugin_done(void *context, const struct exec_plugin_result *result);

/* Start it. ERR_NOT_FOUND: no such program; ERR_DENIED; ERR_IO. */
int exec_plugin_start(const struct exec_plugin_options *options, exec_plugin_done *done,
                      void *context, struct exec_plugin **out_plugin,
                      struct error *error) MUST_CHECK;

/* Kills it if it still runs, without a callback. Accepts NULL. */
void exec_plugin_destroy(struct exec_plugin *plugin);

#endif
