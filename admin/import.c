#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/json_fields.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "queue/record.h"

#define BATCH 1000 /* lines to a commit */

struct import {
    struct admin *admin;
    struct queue *queue;
    uint64_t line;    /* of the input, from 1 */
    struct map specs; /* number -> struct spec */
    struct queue_change changes[BATCH];
    json_t *lines[BATCH]; /* what the changes point into */
    struct spec rows[BATCH];
    size_t count;
    char uid[QUEUE_UID_BYTES];
    uint64_t next_id;
};

static int invalid(struct import *import, const char *what) {
    return error_set(&import->admin->error, ERR_INVALID, "line %" PRIu64 ": %s", import->line,
                     what);
}

static uint64_t number_of(const json_t *line, const char *name) {
    json_int_t number = json_integer_value(json_object_get(line, name));

    return number > 0 ? (uint64_t)number : 0;
}

/* A text of the line; "" if there is none. */
static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));

    return text != NULL ? text : "";
}

static int read_fields(struct import *import, const json_t *line, const struct field_table *table,
                       void *out_value) {
    struct error error = {0};
    int r = table != NULL
                ? json_fields_decode(table, json_object_get(line, "fields"), out_value, &error)
                : error_set(&error, ERR_INVALID, "a kind that this version does not know");

    return r == OK ? OK : invalid(import, error.text);
}

/* --- A function per type --------------------------------------------------------------------- */

static int read_queue(struct import *import, const json_t *line, struct queue_change *change) {
    const char *uid = text_of(line, "uid");

    (void)change;
    if (number_of(line, "version") != 1 || strlen(uid) != QUEUE_UID_BYTES - 1) {
        return invalid(import, "not an export that this version can read");
    }
    memcpy(import->uid, uid, QUEUE_UID_BYTES);
    import->next_id = number_of(line, "nextId");
    return OK;
}

static void free_spec(struct spec *spec) {
    if (spec != NULL) {
        free((void *)(uintptr_t)spec->text);
        free(spec);
    }
}

/* Kept for the jobs that come behind it. */
static int read_spec(struct import *import, const json_t *line, struct queue_change *change) {
    const json_t *text = json_object_get(line, "text");
    struct spec *spec;

    (void)change;
    if (!json_is_string(text)) {
        return invalid(import, "a spec without its text");
    }
    if (number_of(line, "number") == 0 || json_string_length(text) > LIMIT_SPEC_BYTES) {
        return invalid(import, "a spec without its number, or one that is too long");
    }
    spec = mem_alloc(1, sizeof *spec);
    spec->bytes = json_string_length(text);
    spec->text = mem_copy_text_n(json_string_value(text), spec->bytes);
    digest_sha256(spec->text, spec->bytes, spec->hash);
    free_spec(map_put_id(&import->specs, number_of(line, "number"), spec));
    return OK;
}

/* The job's spec, with its own row if it was made from a template. */
static int take_spec(struct import *import, const json_t *line, struct queue_change *change) {
    const struct spec *spec = map_get_id(&import->specs, number_of(line, "spec"));
    const char *row = text_of(line, "row");

    if (row[0] == '\0') {
        change->spec = spec;
        return OK;
    }
    if (spec == NULL || strlen(row) > LIMIT_SPEC_BYTES) {
        return invalid(import, "a row without its template, or one that is too long");
    }
    import->rows[import->count] = *spec;
    import->rows[import->count].row = row;
    change->spec = &import->rows[import->count];
    return OK;
}

static int read_job(struct import *import, const json_t *line, struct queue_change *change) {
    change->kind = CHANGE_JOB_PUT;
    if (number_of(line, "id") == 0 || number_of(line, "id") >= import->next_id) {
        return invalid(import, "a job without an id, or with one that was not given");
    }
    if (read_fields(import, line, record_fields(RECORD_OF_JOB), &change->job) < 0) {
        return ERR_INVALID;
    }
    change->job.id = number_of(line, "id");
    return take_spec(import, line, change);
}

static int read_attempt(struct import *import, const json_t *line, struct queue_change *change) {
    change->kind = CHANGE_ATTEMPT_PUT;
    if (read_fields(import, line, record_fields(RECORD_OF_ATTEMPT), &change->attempt) < 0) {
        return ERR_INVALID;
    }
    change->attempt.job_id = number_of(line, "job");
    change->attempt.number = (uint32_t)number_of(line, "number");
    return OK;
}

static int read_event(struct import *import, const json_t *line, struct queue_change *change) {
    change->kind = CHANGE_EVENT_ADD;
    if (read_fields(import, line, record_fields(RECORD_OF_EVENT), &change->event) < 0) {
        return ERR_INVALID;
    }
    change->event.job_id = number_of(line, "job");
    change->event.sequence = (uint32_t)number_of(line, "number");
    return OK;
}

static int read_submission(struct import *import, const json_t *line, struct queue_change *change) {
    const char *key = text_of(line, "key");

    change->kind = CHANGE_SUBMISSION_PUT;
    if (key[0] == '\0' || strlen(key) > LIMIT_IDEMPOTENCY_KEY_BYTES) {
        return invalid(import, "a submission without its key");
    }
    if (read_fields(import, line, record_fields(RECORD_OF_SUBMISSION), &change->submission) < 0) {
        return ERR_INVALID;
    }
    change->submission.key = key;
    return OK;
}

static int read_fact(struct import *import, const json_t *line, struct queue_change *change) {
    const char *key = text_of(line, "key");
    enum fact_kind kind = (enum fact_kind)number_of(line, "kind");

    change->kind = CHANGE_FACT_PUT;
    if (key[0] == '\0' || strlen(key) > FACT_KEY_BYTES) {
        return invalid(import, "a fact without its key");
    }
    if (read_fields(import, line, fact_fields(kind), &change->fact.value) < 0) {
        return ERR_INVALID;
    }
    change->fact.kind = kind;
    change->fact.key = key;
    return OK;
}

static const struct {
    const char *type;
    int (*read)(struct import *import, const json_t *line, struct queue_change *change);
} types[] = {
    {"queue", read_queue},     {"spec", read_spec},   {"job", read_job},
    {"attempt", read_attempt}, {"event", read_event}, {"submission", read_submission},
    {"fact", read_fact},
};

/* --- All lines ------------------------------------------------------------------------------- */

static void drop_batch(struct import *import) {
    for (size_t i = 0; i < import->count; i++) {
        json_decref(import->lines[i]);
    }
    import->count = 0;
}

static int commit_batch(struct import *import) {
    int r = queue_commit(import->queue, import->changes, import->count, &import->admin->error);

    drop_batch(import);
    return r;
}

static int read_line(struct import *import, const json_t *line, struct queue_change *change) {
    const char *type = text_of(line, "type");

    if (import->line == 1 && strcmp(type, "queue") != 0) {
        return invalid(import, "not an export: its first line is of type queue");
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(type, types[i].type) == 0) {
            return types[i].read(import, line, change);
        }
    }
    return invalid(import, "a type that this version does not know");
}

/* Takes the object. */
static int add_line(struct import *import, json_t *line) {
    struct queue_change *change = &import->changes[import->count];
    int r;

    *change = (struct queue_change){.kind = CHANGE_JOB_PUT};
    r = read_line(import, line, change);
    if (r < 0 || (change->kind == CHANGE_JOB_PUT && change->job.id == 0)) {
        json_decref(line); /* Neither the first line nor a spec is a change of its own. */
        return r;
    }
    import->lines[import->count++] = line;
    return import->count == BATCH ? commit_batch(import) : OK;
}

static int read_all(struct import *import, FILE *in) {
    char *text = NULL;
    size_t room = 0;
    ssize_t bytes;
    int r = OK;

    while (r == OK && (bytes = getline(&text, &room, in)) > 0) {
        json_error_t where;
        json_t *line = json_loadb(text, (size_t)bytes, JSON_REJECT_DUPLICATES, &where);

        import->line++;
        r = line != NULL ? add_line(import, line) : invalid(import, where.text);
    }
    free(text);
    if (r == OK && ferror(in) != 0) {
        r = error_set(&import->admin->error, ERR_IO, "can't read the export");
    }
    if (r == OK && import->line == 0) {
        r = error_set(&import->admin->error, ERR_INVALID, "the export is empty");
    }
    r = r == OK ? commit_batch(import) : r;
    drop_batch(import);
    return r;
}

static int build(struct import *import, FILE *in) {
    struct admin *admin = import->admin;
    int r = place_make_work(admin);

    r = r < 0 ? r : queue_open(admin->work, &admin->error, &import->queue);
    r = r < 0 ? r : read_all(import, in);
    r = r < 0 ? r : queue_adopt(import->queue, import->uid, import->next_id, &admin->error);
    r = r < 0 ? r : admin_verify_open(admin, import->queue);
    queue_close(import->queue);
    return r;
}

/* Nothing is overwritten but a queue that never had a job. */
static int check_empty(struct admin *admin) {
    struct error ignored = {0};
    uint64_t next_id = 0;
    int r = queue_peek_next_id(admin->folder, &next_id, &ignored);

    if (r == ERR_NOT_FOUND || (r == OK && next_id == 1) || admin->force) {
        return OK;
    }
    return error_set(&admin->error, ERR_EXISTS,
                     "%s holds a queue; --force replaces it, and keeps it as data.mdb.replaced",
                     admin->folder);
}

static int import_from(struct admin *admin, FILE *in) {
    struct import *import = mem_alloc(1, sizeof *import);
    const struct map_entry *item;
    char *path;
    int lock = -1;
    int r = queue_hold(admin->folder, &lock, &admin->error);

    import->admin = admin;
    if (r == OK) {
        r = check_empty(admin);
    }
    if (r == OK) {
        r = build(import, in);
    }
    if (r == OK) {
        path = place_in_work(admin, "data.mdb");
        r = place_sync_file(path, &admin->error);
        r = r < 0 ? r : queue_swap(admin->folder, path, true, &admin->error);
        free(path);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    for (size_t at = 0; (item = map_next(&import->specs, &at)) != NULL;) {
        free_spec(item->value);
    }
    map_finish(&import->specs);
    free(import);
    return r;
}

int admin_import(struct admin *admin) {
    const char *path = admin->operands[0];
    FILE *in = path == NULL || strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int r;

    if (in == NULL) {
        return error_set(&admin->error, err_from_errno(errno), "%s: %s", path, strerror(errno));
    }
    r = import_from(admin, in);
    if (in != stdin) {
        (void)fclose(in);
    }
    return r;
}
