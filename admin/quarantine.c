#include <inttypes.h>
#include <string.h>

#include "admin/admin.h"
#include "queue/queue.h"

static int print_row(void *context, const struct queue_damage *damage) {
    struct admin *admin = context;

    (void)fprintf(admin->out, "%-40s %6zu bytes  %s\n", damage->name, damage->count,
                  damage->reason);
    return OK;
}

static int print_bytes(void *context, const struct queue_damage *damage) {
    struct admin *admin = context;
    const unsigned char *bytes = damage->bytes;

    if (strcmp(damage->name, admin->operands[1]) != 0) {
        return OK;
    }
    for (size_t i = 0; i < damage->count; i++) {
        (void)fprintf(admin->out, "%02x%s", bytes[i], i % 32 == 31 ? "\n" : "");
    }
    (void)fprintf(admin->out, "\n");
    return OK;
}

/* NULL: all of them, in a row each. */
static int look(struct admin *admin, const char *name) {
    struct queue *queue = NULL;
    int r = admin_open_copy(admin, NULL, &queue);

    if (r == OK && name != NULL && !queue_is_quarantined(queue, name)) {
        r = error_set(&admin->error, ERR_NOT_FOUND, "there is no %s in quarantine", name);
    }
    if (r == OK) {
        r = queue_each_quarantined(queue, name != NULL ? print_bytes : print_row, admin);
    }
    queue_close(queue);
    return r;
}

static int drop(struct admin *admin, const char *name) {
    struct queue *queue = NULL;
    int r = queue_open(admin->folder, &admin->error, &queue);

    if (r == OK) {
        r = queue_drop_quarantined(queue, name, &admin->error);
    }
    queue_close(queue);
    return r;
}

int admin_quarantine(struct admin *admin) {
    const char *what = admin->operands[0];
    const char *name = admin->operands[1];

    if (strcmp(what, "ls") == 0 && name == NULL) {
        return look(admin, NULL);
    }
    if (strcmp(what, "show") == 0 && name != NULL) {
        return look(admin, name);
    }
    if (strcmp(what, "drop") == 0 && (name != NULL) != admin->all) {
        return drop(admin, name);
    }
    return error_set(&admin->error, ERR_INVALID,
                     "quarantine ls, quarantine show NAME, quarantine drop NAME or quarantine drop "
                     "--all");
}
