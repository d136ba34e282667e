/* The secrets in an application's localFiles: sealed before anything is made of the text. */
#include "config/manifest_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/seal.h"

static const char *const families[] = {"driverCredentials", "keytab"};

/* One of them, under way. */
struct secret {
    const struct job_text *job;
    const char *family;
    struct text_node *node;
    char *path; /* of the text: "spec.spark.localFiles.keytab.alice.keytab" */
};

static void complain(const struct secret *secret, const char *message) {
    problems_add(secret->job->reader->problems, node_place(secret->node), secret->path, "%s",
                 message);
}

static void seal(const struct secret *secret, const char *bytes, size_t count) {
    const struct job_text *job = secret->job;
    const struct manifest_sealer *sealer = job->reader->defaults->sealer;
    char *place = mem_format("%s/%s", secret->family, secret->node->key);
    struct error error = {0};
    char *sealed =
        sealer->seal(sealer->context, job->manifest->namespace, place, bytes, count, &error);

    if (sealed == NULL) {
        complain(secret, error.text);
    } else {
        secret->node->kind = NODE_TEXT; /* Base64 may look like a number. */
        secret->node->text = arena_text(job->reader->texts, sealed, strlen(sealed));
        free(sealed);
    }
    free(place);
}

/* What was stored comes back sealed, and from outside nothing comes sealed: a sealed text seen
 * elsewhere must not be of use to anybody. */
static void take_secret(const struct secret *secret) {
    const bool is_sealed = seal_is_sealed(secret->node->text);
    const bool is_stored = secret->job->reader->defaults->sealer == NULL;
    char *bytes = NULL;
    size_t count = 0;

    if (is_sealed && !is_stored) {
        complain(secret, "is sealed already; give what was sealed, in base64");
    } else if (!is_sealed && is_stored) {
        complain(secret, "a secret can't be sealed here");
    } else if (is_sealed) {
        return;
    } else if (base64_decode(secret->node->text, BASE64_USUAL, &bytes, &count) < 0) {
        complain(secret, "is not base64");
    } else if (count > LIMIT_SECRET_BYTES) {
        complain(secret, "is larger than 128 KiB");
    } else {
        seal(secret, bytes, count);
    }
    if (bytes != NULL) {
        seal_wipe(bytes, count);
        free(bytes);
    }
}

/* The member with items of its own: an alias of YAML shares them with others. */
static struct text_node *own_member(struct arena *texts, struct text_node *object,
                                    const char *key) {
    struct text_node *member = node_member_mutable(object, key);
    struct text_node *items;

    if (member == NULL || member->count == 0) {
        return member;
    }
    items = arena_take(texts, member->count, sizeof *items);
    memcpy(items, member->items, member->count * sizeof *items);
    member->items = items;
    return member;
}

static void take_family(const struct job_text *job, struct text_node *files, const char *family,
                        const char *path) {
    struct text_node *members = own_member(job->reader->texts, files, family);

    for (uint32_t i = 0; members != NULL && i < members->count; i++) {
        struct secret secret = {.job = job, .family = family, .node = &members->items[i]};

        secret.path = mem_format("%s.localFiles.%s.%s", path, family, secret.node->key);
        take_secret(&secret);
        job->manifest->has_secrets = true;
        free(secret.path);
    }
}

/* The node at a path, with all above it its own. */
static struct text_node *own_path(const struct job_text *job, const char *path) {
    struct text_node *node = job->object;

    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        char *key = mem_copy_text_n(path, length);

        node = own_member(job->reader->texts, node, key);
        free(key);
        path += length;
        path += *path == '.' ? 1 : 0;
    }
    return node;
}

static bool has_secrets(const struct text_node *spec) {
    const struct text_node *files = node_member(spec, "localFiles");

    return node_member(files, families[0]) != NULL || node_member(files, families[1]) != NULL;
}

const struct text_node *manifest_seal_secrets(const struct job_text *job, const char *path) {
    const struct text_node *spec = node_find(job->object, path, NULL);
    struct text_node *own;
    struct text_node *files;

    if (!has_secrets(spec)) {
        return spec;
    }
    own = own_path(job, path);
    files = own_member(job->reader->texts, own, "localFiles");
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        take_family(job, files, families[i], manifest_path_of(job, path));
    }
    return own;
}
