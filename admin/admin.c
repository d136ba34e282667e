#include "admin/admin.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/config.h"

static const struct verb {
    const char *name;
    const char *operands;
    const char *help;
    size_t operands_min, operands_max;
    bool makes_place; /* the data folder need not be there */
    int (*run)(struct admin *admin);
} verbs[] = {
    {"backup", "FILE", "write a copy of the queue, as it is now; the daemon may run", 1, 1, false,
     admin_backup},
    {"restore", "FILE", "put a backup in place of the queue; the daemon is stopped", 1, 1, true,
     admin_restore},
    {"verify", "[FILE]", "check every record of the queue, or of a backup; the daemon may run", 0,
     1, false, admin_verify},
    {"compact", "", "write the queue's file anew without its free pages; the daemon is stopped", 0,
     0, false, admin_compact},
    {"export", "[FILE]", "all of it as lines of JSON; the daemon may run", 0, 1, false,
     admin_export},
    {"import", "[FILE]", "make a queue of an export; the daemon is stopped", 0, 1, true,
     admin_import},
    {"quarantine", "ls | show NAME | drop NAME | drop --all",
     "damaged records that were moved aside; to drop, the daemon is stopped", 1, 2, false,
     admin_quarantine},
};

static void print_usage(FILE *out) {
    (void)fputs("Usage: nightshift admin VERB [OPTION]...\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        (void)fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].operands,
                      verbs[i].help);
    }
    (void)fputs(
        "\n"
        "  -c, --config FILE   the daemon's configuration: where its dataDir is\n"
        "      --data-dir DIR  that folder itself\n"
        "      --force         replace what is there\n"
        "      --all           of drop: all of them\n"
        "  -h, --help          this text\n"
        "\n"
        "Exit status: 0 done, 1 the queue or the backup is damaged, 2 usage, 3 refused (the\n"
        "daemon runs, something is in the way, the input is not valid), 4 not found, 6 not\n"
        "permitted, 8 the disk or the system failed.\n",
        out);
}

static int exit_of(int code) {
    switch (code) {
    case OK:
        return ADMIN_OK;
    case ERR_CORRUPT:
        return ADMIN_DAMAGED;
    case ERR_INVALID:
    case ERR_BUSY:
    case ERR_EXISTS:
        return ADMIN_REFUSED;
    case ERR_NOT_FOUND:
        return ADMIN_NOT_FOUND;
    case ERR_DENIED:
        return ADMIN_DENIED;
    default:
        return ADMIN_TROUBLE;
    }
}

/* --- Arguments ------------------------------------------------------------------------------- */

struct arguments {
    const char *config;
    bool help;
    int count;
    char **words;
    int at;
};

/* The value of an option that is here, "--name VALUE" or "--name=VALUE"; NULL: it isn't. */
static const char *value_of(struct arguments *args, const char *name, const char *letter) {
    const char *word = args->words[args->at];
    size_t length = strlen(name);

    if (strncmp(word, name, length) == 0 && word[length] == '=') {
        return word + length + 1;
    }
    if ((strcmp(word, name) == 0 || (letter != NULL && strcmp(word, letter) == 0)) &&
        args->at + 1 < args->count) {
        return args->words[++args->at];
    }
    return NULL;
}

static bool read_option(struct admin *admin, struct arguments *args) {
    const char *word = args->words[args->at];
    const char *value;

    if (strcmp(word, "--force") == 0) {
        admin->force = true;
    } else if (strcmp(word, "--all") == 0) {
        admin->all = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        args->help = true;
    } else if ((value = value_of(args, "--config", "-c")) != NULL) {
        args->config = value;
    } else if ((value = value_of(args, "--data-dir", NULL)) != NULL) {
        admin->data_dir = value;
    } else {
        return false;
    }
    return true;
}

/* The verb; NULL after saying what is wrong, or with help. */
static const struct verb *read_arguments(struct admin *admin, struct arguments *args) {
    const struct verb *verb = NULL;

    for (args->at = 1; args->at < args->count; args->at++) {
        const char *word = args->words[args->at];

        if (word[0] == '-' && word[1] != '\0') {
            if (!read_option(admin, args)) {
                (void)fprintf(stderr, "nightshift admin: unknown option %s\n", word);
                return NULL;
            }
        } else if (verb == NULL) {
            for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
                verb = strcmp(verbs[i].name, word) == 0 ? &verbs[i] : verb;
            }
            if (verb == NULL) {
                (void)fprintf(stderr, "nightshift admin: there is no verb %s\n", word);
                return NULL;
            }
        } else if (admin->operand_count < verb->operands_max) {
            admin->operands[admin->operand_count++] = word;
        } else {
            (void)fprintf(stderr, "nightshift admin %s: too many operands\n", verb->name);
            return NULL;
        }
    }
    if (verb == NULL && !args->help) {
        print_usage(stderr);
    }
    if (verb != NULL && !args->help && admin->operand_count < verb->operands_min) {
        (void)fprintf(stderr, "usage: nightshift admin %s %s\n", verb->name, verb->operands);
        return NULL;
    }
    return verb;
}

/* --- Places ---------------------------------------------------------------------------------- */

/* What root made here is the data folder's owner's. */
static void give_to_owner(const struct admin *admin) {
    struct stat owner;
    struct dirent *item;
    DIR *dir;

    if (geteuid() != 0 || stat(admin->data_dir, &owner) != 0 || owner.st_uid == 0) {
        return;
    }
    (void)!lchown(admin->folder, owner.st_uid, owner.st_gid);
    dir = opendir(admin->folder);
    while (dir != NULL && (item = readdir(dir)) != NULL) {
        char *path = mem_format("%s/%s", admin->folder, item->d_name);

        if (strcmp(item->d_name, "..") != 0) {
            (void)!lchown(path, owner.st_uid, owner.st_gid);
        }
        free(path);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static int check_data_dir(struct admin *admin, const struct verb *verb) {
    if (verb->makes_place && mkdir(admin->data_dir, 0700) != 0 && errno != EEXIST) {
        return error_set(&admin->error, err_from_errno(errno), "%s: %s", admin->data_dir,
                         strerror(errno));
    }
    if (!verb->makes_place && access(admin->folder, F_OK) != 0) {
        return error_set(&admin->error, err_from_errno(errno), "%s: %s", admin->folder,
                         strerror(errno));
    }
    return OK;
}

static int load_config(const char *path, struct config *out_config) {
    struct problems problems = {0};
    struct buf text;
    int r;

    if (path[0] == '\0') {
        config_init_default(out_config);
        return OK;
    }
    r = config_load(path, out_config, &problems);
    if (r < 0) {
        buf_init(&text, LIMIT_CONFIG_BYTES);
        problems_print(&problems, path, &text);
        (void)fputs(buf_text(&text), stderr);
        buf_finish(&text);
    }
    problems_finish(&problems);
    return r;
}

static int run(struct admin *admin, const struct verb *verb) {
    int r;

    admin->folder = mem_format("%s/queue", admin->data_dir);
    r = check_data_dir(admin, verb);
    if (r == OK) {
        r = verb->run(admin);
    }
    place_clear_work(admin);
    give_to_owner(admin);
    free(admin->folder);
    if (fflush(admin->out) != 0 && r == OK) {
        r = error_set(&admin->error, ERR_IO, "can't write to the standard output");
    }
    if (r < 0) {
        (void)fprintf(stderr, "nightshift admin %s: %s\n", verb->name,
                      admin->error.text[0] != '\0' ? admin->error.text : err_sentence(r));
    }
    return exit_of(r);
}

int admin_main(int argc, char **argv, const char *default_config) {
    struct admin admin = {.work_fd = -1, .out = stdout};
    struct arguments args = {.config = default_config, .count = argc, .words = argv};
    const struct verb *verb = read_arguments(&admin, &args);
    struct config config;
    int status;

    if (args.help) {
        print_usage(stdout);
    }
    if (args.help || verb == NULL) {
        return args.help ? ADMIN_OK : ADMIN_USAGE;
    }
    admin.now_us = clock_sample().now_us;
    if (admin.data_dir != NULL) {
        return run(&admin, verb);
    }
    if (load_config(args.config, &config) < 0) {
        return ADMIN_REFUSED;
    }
    admin.data_dir = config.data_dir;
    status = run(&admin, verb);
    config_finish(&config);
    return status;
}
