#include "k8s/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/poller.h"
#include "k8s/environment.h"
#include "k8s/exec_credential.h"
#include "k8s/exec_plugin.h"
#include "k8s/file.h"
#include "k8s/kube_access.h"

#define TOKEN_FILE_EVERY_US     (10 * CLOCK_US_PER_SECOND)
#define PLUGIN_TIME_LIMIT_US    (60 * CLOCK_US_PER_SECOND)
#define PLUGIN_OUTPUT_BYTES_MAX (1 * LIMIT_MIB)
#define PLUGIN_EARLY_US         (60 * CLOCK_US_PER_SECOND)
#define PLUGIN_REST_MIN_US      (1 * CLOCK_US_PER_SECOND)
#define PLUGIN_REST_MAX_US      (60 * CLOCK_US_PER_SECOND)

struct credentials {
    struct credentials_options options;
    char *file_token; /* the last that could be read */
    int64_t file_next_mono_us;
    uint64_t generation; /* grows whenever what we hold may have changed */
    struct exec_credential exec;
    int64_t exec_refresh_us; /* wall clock: from here on a new one is fetched */
    bool exec_rejected;      /* by the server: worth nothing, whatever its expiry */
    struct exec_plugin *plugin;
    struct error plugin_error;   /* of its last run; empty after a good one */
    int64_t plugin_next_mono_us; /* not before, after a failure */
    int64_t plugin_rest_us;
};

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

struct credentials *credentials_create(const struct credentials_options *options) {
    struct credentials *credentials = mem_alloc(1, sizeof *credentials);

    credentials->options = *options;
    return credentials;
}

void credentials_destroy(struct credentials *credentials) {
    if (credentials == NULL) {
        return;
    }
    exec_plugin_destroy(credentials->plugin);
    exec_credential_finish(&credentials->exec);
    free_secret(credentials->file_token);
    free(credentials);
}

/* --- Token file ------------------------------------------------------------------------------- */

/* The kubelet replaces the file long before the old token expires, so an unreadable or
 * empty file is no reason to forget the token that we have. */
static int read_token_file(struct credentials *credentials, struct error *error) {
    const char *path = credentials->options.access->token_file;
    struct buf text;
    size_t length;
    int r;

    buf_init(&text, 64 * LIMIT_KIB);
    r = kube_file_read(path, &text, error);
    length = strcspn(buf_text(&text), " \t\r\n");
    if (r == OK && length == 0) {
        r = error_set(error, ERR_INVALID, "%s: holds no token", path);
    }
    if (r == OK) {
        free_secret(credentials->file_token);
        credentials->generation++;
        credentials->file_token = mem_copy_text_n(buf_text(&text), length);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.bytes);
    }
    buf_finish(&text);
    return r;
}

static int get_file_token(struct credentials *credentials, struct credential *out_credential,
                          struct error *error) {
    int64_t mono_us = credentials->options.clock().mono_us;
    struct error problem = {0};

    if (credentials->file_token == NULL || mono_us >= credentials->file_next_mono_us) {
        credentials->file_next_mono_us = mono_us + TOKEN_FILE_EVERY_US;
        (void)!read_token_file(credentials, &problem);
    }
    if (credentials->file_token != NULL) {
        out_credential->token = credentials->file_token;
        return OK;
    }
    if (credentials->options.access->token != NULL) {
        out_credential->token = credentials->options.access->token;
        return OK;
    }
    return error_set(error, problem.code, "token: %s", problem.text);
}

/* --- Exec plugin ------------------------------------------------------------------------------ */

static bool has_exec(const struct credentials *credentials) {
    return credentials->exec.token != NULL || credentials->exec.cert_pem != NULL;
}

static void plugin_failed(struct credentials *credentials) {
    int64_t rest_us = credentials->plugin_rest_us * 2;

    rest_us = rest_us < PLUGIN_REST_MIN_US ? PLUGIN_REST_MIN_US : rest_us;
    rest_us = rest_us > PLUGIN_REST_MAX_US ? PLUGIN_REST_MAX_US : rest_us;
    credentials->plugin_rest_us = rest_us;
    credentials->plugin_next_mono_us = credentials->options.clock().mono_us + rest_us;
    error_prefix(&credentials->plugin_error, "exec plugin %s",
                 credentials->options.access->exec.command);
}

/* Fetch the next one a minute, or a tenth of its life, before the end. */
static int64_t refresh_us(int64_t now_us, int64_t expires_us) {
    int64_t early_us = (expires_us - now_us) / 10;

    if (expires_us == CLOCK_NEVER_US) {
        return CLOCK_NEVER_US;
    }
    return expires_us - (early_us < PLUGIN_EARLY_US ? early_us : PLUGIN_EARLY_US);
}

static int take_output(struct credentials *credentials, const struct exec_plugin_result *result,
                       struct error *error) {
    const struct kube_exec *exec = &credentials->options.access->exec;
    int64_t now_us = credentials->options.clock().now_us;
    struct exec_credential fresh;
    int r;

    if (result->timed_out) {
        return error_set(error, ERR_IO, "still running after %d s: %s",
                         (int)(PLUGIN_TIME_LIMIT_US / CLOCK_US_PER_SECOND), result->error_output);
    }
    if (result->output_too_large) {
        return error_set(error, ERR_FULL, "wrote more than %d bytes", PLUGIN_OUTPUT_BYTES_MAX);
    }
    if (result->exit_status != 0) {
        return error_set(error, ERR_DENIED, "exit status %d: %s", result->exit_status,
                         result->error_output[0] == '\0' ? "it said nothing"
                                                         : result->error_output);
    }
    r = exec_credential_parse(result->output, result->output_bytes, exec->api_version, &fresh,
                              error);
    if (r != OK) {
        return r;
    }
    if (fresh.expires_us <= now_us) {
        exec_credential_finish(&fresh);
        return error_set(error, ERR_DENIED, "gave a credential that has expired already");
    }
    exec_credential_finish(&credentials->exec);
    credentials->exec = fresh;
    credentials->exec_refresh_us = refresh_us(now_us, fresh.expires_us);
    credentials->exec_rejected = false;
    credentials->generation++;
    /* A server that refuses what the plugin gives must not keep it running all the time. */
    credentials->plugin_next_mono_us = credentials->options.clock().mono_us + PLUGIN_REST_MIN_US;
    return OK;
}

static void on_plugin_done(void *context, const struct exec_plugin_result *result) {
    struct credentials *credentials = context;
    int r;

    credentials->plugin_error = (struct error){0};
    r = take_output(credentials, result, &credentials->plugin_error);
    exec_plugin_destroy(credentials->plugin);
    credentials->plugin = NULL;
    if (r == OK) {
        credentials->plugin_rest_us = 0;
    } else {
        plugin_failed(credentials);
    }
    credentials->options.on_change(credentials->options.context);
}

static void start_plugin(struct credentials *credentials) {
    const struct kube_access *access = credentials->options.access;
    char *info = exec_credential_info(access);
    char *const info_only[] = {info, NULL};
    char **environment = environment_with(access->exec.env);
    struct exec_plugin_options options = {
        .poller = credentials->options.poller,
        .command = access->exec.command,
        .args = access->exec.args,
        .time_limit_us = PLUGIN_TIME_LIMIT_US,
        .output_bytes_max = PLUGIN_OUTPUT_BYTES_MAX,
    };
    char **with_info = environment_extend(environment, info_only);

    options.environment = with_info;
    credentials->plugin_error = (struct error){0};
    if (exec_plugin_start(&options, on_plugin_done, credentials, &credentials->plugin,
                          &credentials->plugin_error) != OK) {
        if (access->exec.install_hint != NULL) {
            struct error problem = credentials->plugin_error;

            credentials->plugin_error = (struct error){0};
            (void)error_set(&credentials->plugin_error, problem.code, "%s. %s", problem.text,
                            access->exec.install_hint);
        }
        plugin_failed(credentials);
    }
    environment_free(with_info);
    environment_free(environment);
    free(info);
}

static int get_exec(struct credentials *credentials, struct credential *out_credential,
                    struct error *error) {
    struct instant now = credentials->options.clock();
    bool is_usable = has_exec(credentials) && !credentials->exec_rejected &&
                     now.now_us < credentials->exec.expires_us;
    bool is_due = !is_usable || now.now_us >= credentials->exec_refresh_us;

    if (is_due && credentials->plugin == NULL && now.mono_us >= credentials->plugin_next_mono_us) {
        start_plugin(credentials);
    }
    if (is_usable) {
        out_credential->token = credentials->exec.token;
        out_credential->cert_pem = credentials->exec.cert_pem;
        out_credential->key_pem = credentials->exec.key_pem;
        return OK;
    }
    if (credentials->plugin != NULL) {
        return ERR_BUSY;
    }
    if (credentials->plugin_error.code == OK) {
        return error_set(error, ERR_DENIED, "the server refuses what exec plugin %s gives",
                         credentials->options.access->exec.command);
    }
    return error_set(error, credentials->plugin_error.code, "%s", credentials->plugin_error.text);
}

/* --- Both ------------------------------------------------------------------------------------- */

int credentials_get(struct credentials *credentials, struct credential *out_credential,
                    struct error *error) {
    const struct kube_access *access = credentials->options.access;
    struct credential credential = {0};
    int r = OK;

    if (access->token_file != NULL) {
        r = get_file_token(credentials, &credential, error);
    } else if (access->token != NULL) {
        credential.token = access->token;
    } else if (access->exec.command != NULL) {
        r = get_exec(credentials, &credential, error);
    }
    if (r == OK) {
        credential.generation = credentials->generation;
        *out_credential = credential;
    }
    return r;
}

bool credentials_reject(struct credentials *credentials, uint64_t generation) {
    const struct kube_access *access = credentials->options.access;
    bool is_current = generation == credentials->generation;

    if (access->token_file != NULL) {
        credentials->file_next_mono_us = is_current ? 0 : credentials->file_next_mono_us;
        return true;
    }
    if (access->token == NULL && access->exec.command != NULL) {
        credentials->exec_rejected = credentials->exec_rejected || is_current;
        return true;
    }
    return false;
}
