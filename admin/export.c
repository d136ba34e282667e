#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/json_fields.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "queue/record.h"

struct export {
    struct admin *admin;
    struct queue *queue;
    FILE *out;
};

/* One line; takes the object. */
static int put_line(struct export *export, json_t *line) {
    int r = OK;

    if (line == NULL) {
        r = error_set(&export->admin->error, ERR_CORRUPT, "a text is not UTF-8");
    } else if (json_dumpf(line, export->out, JSON_COMPACT) != 0 ||
               fputc('\n', export->out) == EOF) {
        r = error_set(&export->admin->error, ERR_IO, "can't write the export");
    }
    json_decref(line);
    return r;
}

static int put_record(struct export *export, json_t *line, const struct field_table *table,
                      const void *value) {
    json_t *fields = json_fields_encode(table, value);

    if (fields == NULL || line == NULL) {
        json_decref(fields);
        json_decref(line);
        return put_line(export, NULL);
    }
    (void)!json_object_set_new(line, "fields", fields);
    return put_line(export, line);
}

static int put_head(struct export *export) {
    return put_line(export, json_pack("{s:s, s:i, s:s, s:I}", "type", "queue", "version", 1, "uid",
                                      queue_uid(export->queue), "nextId",
                                      (json_int_t)queue_next_id(export->queue)));
}

static int put_spec(void *context, uint64_t number, const char *text, size_t bytes) {
    return put_line(context, json_pack("{s:s, s:I, s:s%}", "type", "spec", "number",
                                       (json_int_t)number, "text", text, bytes));
}

static int put_attempt(void *context, const struct attempt *attempt) {
    return put_record(context,
                      json_pack("{s:s, s:I, s:i}", "type", "attempt", "job",
                                (json_int_t)attempt->job_id, "number", (int)attempt->number),
                      record_fields(RECORD_OF_ATTEMPT), attempt);
}

static int put_event(void *context, const struct job_event *event) {
    return put_record(context,
                      json_pack("{s:s, s:I, s:i}", "type", "event", "job",
                                (json_int_t)event->job_id, "number", (int)event->sequence),
                      record_fields(RECORD_OF_EVENT), event);
}

/* The job's line; with the row of a template that it was made from, if it was. */
static int put_job_line(struct export *export, const struct queue_job *stored) {
    json_t *line = json_pack("{s:s, s:I, s:I}", "type", "job", "id", (json_int_t)stored->job->id,
                             "spec", (json_int_t)stored->spec);
    struct buf row;
    int r;

    buf_init(&row, LIMIT_SPEC_BYTES);
    r = queue_get_row(export->queue, stored->job->id, &row);
    if (r == OK && row.bytes > 0 && line != NULL) {
        (void)!json_object_set_new(line, "row", json_stringn(row.data, row.bytes));
    }
    buf_finish(&row);
    if (r < 0) {
        json_decref(line);
        return error_set(&export->admin->error, r, "the row of job %" PRIu64 ": %s",
                         stored->job->id, err_sentence(r));
    }
    return put_record(export, line, record_fields(RECORD_OF_JOB), stored->job);
}

static int put_job(void *context, const struct queue_job *stored) {
    const struct job *job = stored->job;
    struct export *export = context;
    int r = put_job_line(export, stored);

    if (r == OK) {
        r = queue_each_attempt(export->queue, job->id, put_attempt, export);
    }
    return r == OK ? queue_each_event(export->queue, job->id, 0, put_event, export) : r;
}

static int put_submission(void *context, const struct submission *submission) {
    return put_record(context,
                      json_pack("{s:s, s:s}", "type", "submission", "key", submission->key),
                      record_fields(RECORD_OF_SUBMISSION), submission);
}

static int put_fact(void *context, const struct fact *fact) {
    return put_record(
        context,
        json_pack("{s:s, s:i, s:s}", "type", "fact", "kind", (int)fact->kind, "key", fact->key),
        fact_fields(fact->kind), &fact->value);
}

static int put_facts(struct export *export) {
    uint64_t damaged = 0;
    int r = OK;

    for (int kind = 1; r == OK && fact_fields((enum fact_kind)kind) != NULL; kind++) {
        r = queue_each_fact(export->queue, (enum fact_kind)kind, put_fact, export, &damaged);
    }
    return r;
}

static int put_all(struct export *export) {
    uint64_t damaged = 0;
    int r = put_head(export);

    r = r < 0 ? r : queue_each_spec(export->queue, put_spec, export);
    r = r < 0 ? r : queue_each_stored(export->queue, put_job, export, &damaged);
    r = r < 0 ? r : queue_each_submission(export->queue, put_submission, export);
    r = r < 0 ? r : put_facts(export);
    if (r == OK && fflush(export->out) != 0) {
        r = error_set(&export->admin->error, ERR_IO, "can't write the export");
    }
    return r;
}

/* Under another name until it is whole. */
static int export_to_file(struct export *export, const char *path) {
    struct error *error = &export->admin->error;
    char *partial = mem_format("%s.partial", path);
    int r = access(path, F_OK) == 0 && !export->admin->force
                ? error_set(error, ERR_EXISTS, "%s exists; --force replaces it", path)
                : OK;

    if (r == OK) {
        export->out = fopen(partial, "we");
        r = export->out == NULL ? error_set(error, ERR_IO, "can't write %s", partial) : OK;
    }
    if (r == OK) {
        (void)fchmod(fileno(export->out), 0600);
        r = put_all(export);
        if (fclose(export->out) != 0 && r == OK) {
            r = error_set(error, ERR_IO, "can't write %s", partial);
        }
    }
    r = r < 0 ? r : place_sync_file(partial, error);
    r = r < 0 ? r : place_rename(partial, path, error);
    free(partial);
    return r;
}

int admin_export(struct admin *admin) {
    struct export export = {.admin = admin, .out = admin->out};
    const char *path = admin->operands[0];
    int r = path != NULL && strcmp(path, "-") != 0 ? place_check_outside(admin, path, &admin->error)
                                                   : OK;

    if (r == OK) {
        r = admin_open_copy(admin, NULL, &export.queue);
    }
    if (r == OK) {
        r = path == NULL || strcmp(path, "-") == 0 ? put_all(&export)
                                                   : export_to_file(&export, path);
    }
    queue_close(export.queue);
    return r < 0 ? error_set(&admin->error, r, "can't read the queue: %s", err_sentence(r)) : OK;
}
