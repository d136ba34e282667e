#include "sim/pod_volumes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/text.h"
#include "sim/files.h"
#include "sim/pod_words.h"
#include "sim/store.h"
#include "sim/tree.h"

#define WORD_BYTES_MAX (4 * 1024 * 1024)
#define ACCOUNT_PATH   "/var/run/secrets/kubernetes.io/serviceaccount"

/* A folder that files are put into. */
struct folder {
    const struct pod_volumes_query *query;
    const char *path;
    unsigned mode; /* of its files, where they don't say */
};

/* --- Files ------------------------------------------------------------------------------------ */

/* Stays below the folder. */
static bool is_inside(const char *path) {
    return path[0] != '/' && strcmp(path, "..") != 0 && !text_starts_with(path, "../") &&
           strstr(path, "/../") == NULL && !text_ends_with(path, "/..");
}

static int write_at(const struct folder *folder, const char *name, const void *data, size_t bytes,
                    unsigned mode, struct error *error) {
    char *path = mem_format("%s/%s", folder->path, name);
    char *slash = strrchr(path, '/');
    int r = OK;

    if (!is_inside(name)) {
        r = error_set(error, ERR_INVALID, "a volume's path must stay in it: %s", name);
    } else {
        *slash = '\0';
        r = files_make_folder(path, 0755, error);
        *slash = '/';
    }
    r = r == OK ? files_write(path, data, bytes, mode, error) : r;
    free(path);
    return r;
}

static int write_encoded(const struct folder *folder, const char *name, const char *text,
                         unsigned mode, struct error *error) {
    char *data = NULL;
    size_t bytes = 0;
    int r = base64_decode(text, BASE64_USUAL, &data, &bytes);

    r = r == OK ? write_at(folder, name, data, bytes, mode, error)
                : error_set(error, ERR_INVALID, "the value of %s is no base64", name);
    free(data);
    return r;
}

/* One key of a ConfigMap or Secret. */
static int write_key(const struct folder *folder, const json_t *object, const char *key,
                     const char *name, unsigned mode, struct error *error) {
    bool secret = !tree_is(object, "kind", "ConfigMap");
    const char *text = json_string_value(json_object_get(tree_at(object, "data"), key));
    const char *binary = json_string_value(json_object_get(tree_at(object, "binaryData"), key));

    if (text != NULL && !secret) {
        return write_at(folder, name, text, strlen(text), mode, error);
    }
    text = text == NULL ? binary : text;
    return text == NULL
               ? error_set(error, ERR_INVALID, "references non-existent config key: %s", key)
               : write_encoded(folder, name, text, mode, error);
}

static int write_items(const struct folder *folder, const json_t *object, const json_t *items,
                       struct error *error) {
    json_t *item;
    size_t i;
    int r = OK;

    json_array_foreach(tree_walkable(items), i, item) {
        const char *key = tree_text(item, "key");
        const char *path = tree_text(item, "path");

        if (key != NULL && path != NULL) {
            r = write_key(folder, object, key, path,
                          (unsigned)tree_int(item, "mode", (int64_t)folder->mode), error);
        }
        if (r != OK) {
            break;
        }
    }
    return r;
}

static int write_all(const struct folder *folder, const json_t *object, struct error *error) {
    static const char *const parts[] = {"data", "binaryData"};
    const char *key;
    json_t *value;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        json_object_foreach(tree_at(object, parts[i]), key, value) {
            int r = write_key(folder, object, key, key, folder->mode, error);

            (void)value;
            if (r != OK) {
                return r;
            }
        }
    }
    return OK;
}

/* A ConfigMap or Secret, whole or by items. One that is not there makes nothing: the runtime has
 * asked before whether what is needed is there. */
static int fill_from(const struct folder *folder, enum sim_resource_id id, const char *name,
                     const json_t *items, struct error *error) {
    const json_t *object = name == NULL ? NULL
                                        : sim_store_get(folder->query->store, id,
                                                        tree_namespace(folder->query->pod), name);

    if (object == NULL) {
        return OK;
    }
    return items != NULL ? write_items(folder, object, items, error)
                         : write_all(folder, object, error);
}

static int fill_downward(const struct folder *folder, const json_t *items, struct error *error) {
    json_t *item;
    size_t i;
    int r = OK;

    json_array_foreach(tree_walkable(items), i, item) {
        const char *path = tree_text(item, "path");
        const char *field = tree_text(item, "fieldRef/fieldPath");
        struct pod_words_query words = {.store = folder->query->store, .pod = folder->query->pod};
        char *text = field != NULL ? pod_words_field(folder->query->pod, folder->query->ip, field)
                                   : pod_words_resource(&words, tree_at(item, "resourceFieldRef"));

        r = path == NULL ? OK
                         : write_at(folder, path, text, strlen(text),
                                    (unsigned)tree_int(item, "mode", (int64_t)folder->mode), error);
        free(text);
        if (r != OK) {
            break;
        }
    }
    return r;
}

static int fill_projected(const struct folder *folder, const json_t *sources, struct error *error) {
    json_t *source;
    size_t i;
    int r = OK;

    json_array_foreach(tree_walkable(sources), i, source) {
        const char *token = tree_text(source, "serviceAccountToken/path");

        r = fill_from(folder, SIM_CONFIGMAPS, tree_text(source, "configMap/name"),
                      tree_at(source, "configMap/items"), error);
        r = r == OK ? fill_from(folder, SIM_SECRETS, tree_text(source, "secret/name"),
                                tree_at(source, "secret/items"), error)
                    : r;
        r = r == OK ? fill_downward(folder, tree_at(source, "downwardAPI/items"), error) : r;
        if (r == OK && token != NULL) {
            r = write_at(folder, token, folder->query->token, strlen(folder->query->token), 0600,
                         error);
        }
        if (r != OK) {
            break;
        }
    }
    return r;
}

/* --- Volumes ---------------------------------------------------------------------------------- */

static int make_host_path(const json_t *volume, struct error *error) {
    const char *path = tree_text(volume, "hostPath/path");

    if (path != NULL && tree_is(volume, "hostPath/type", "DirectoryOrCreate")) {
        return files_make_folder(path, 0755, error);
    }
    return OK;
}

/* The folder or file that stands for this volume. Owned. */
static char *volume_source(const struct pod_volumes_query *query, const json_t *volume) {
    const char *host = tree_text(volume, "hostPath/path");
    const char *claim = tree_text(volume, "persistentVolumeClaim/claimName");

    if (host != NULL) {
        return mem_copy_text(host);
    }
    if (claim != NULL) {
        return mem_format("%s/%s.%s", query->claims, tree_namespace(query->pod), claim);
    }
    return mem_format("%s/volume.%s", query->folder, tree_text(volume, "name"));
}

static int fill_volume(const struct folder *folder, const json_t *volume, struct error *error) {
    const json_t *part;

    if ((part = tree_at(volume, "configMap")) != NULL) {
        return fill_from(folder, SIM_CONFIGMAPS, tree_text(part, "name"), tree_at(part, "items"),
                         error);
    }
    if ((part = tree_at(volume, "secret")) != NULL) {
        return fill_from(folder, SIM_SECRETS, tree_text(part, "secretName"), tree_at(part, "items"),
                         error);
    }
    if ((part = tree_at(volume, "downwardAPI")) != NULL) {
        return fill_downward(folder, tree_at(part, "items"), error);
    }
    if ((part = tree_at(volume, "projected")) != NULL) {
        return fill_projected(folder, tree_at(part, "sources"), error);
    }
    if (tree_at(volume, "emptyDir") != NULL || tree_at(volume, "persistentVolumeClaim") != NULL) {
        return OK;
    }
    return error_set(error, ERR_INVALID, "volume \"%s\" is of a kind that kubesim can't mount",
                     tree_text(volume, "name"));
}

static unsigned default_mode(const json_t *volume) {
    static const char *const paths[] = {"configMap/defaultMode", "secret/defaultMode",
                                        "downwardAPI/defaultMode", "projected/defaultMode"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int64_t mode = tree_int(volume, paths[i], -1);

        if (mode >= 0) {
            return (unsigned)mode & 07777;
        }
    }
    return 0644;
}

static int make_volume(const struct pod_volumes_query *query, const json_t *volume,
                       struct error *error) {
    char *path;
    struct folder folder;
    int r;

    if (tree_at(volume, "hostPath") != NULL) {
        return make_host_path(volume, error);
    }
    path = volume_source(query, volume);
    folder = (struct folder){.query = query, .path = path, .mode = default_mode(volume)};
    r = files_make_folder(path, 0777, error);
    r = r == OK ? fill_volume(&folder, volume, error) : r;
    free(path);
    return r;
}

static int make_account(const struct pod_volumes_query *query, struct error *error) {
    char *path = mem_format("%s/account", query->folder);
    struct folder folder = {.query = query, .path = path};
    const char *namespace = tree_namespace(query->pod);
    int r = files_make_folder(path, 0755, error);

    r = r == OK ? write_at(&folder, "token", query->token, strlen(query->token), 0600, error) : r;
    r = r == OK ? write_at(&folder, "namespace", namespace, strlen(namespace), 0644, error) : r;
    if (r == OK && query->authority != NULL) {
        r = write_at(&folder, "ca.crt", query->authority, strlen(query->authority), 0644, error);
    }
    free(path);
    return r;
}

int pod_volumes_make(const struct pod_volumes_query *query, struct error *error) {
    json_t *volume;
    size_t i;
    int r = make_account(query, error);

    json_array_foreach(tree_at(query->pod, "spec/volumes"), i, volume) {
        if (r == OK && tree_text(volume, "name") != NULL) {
            r = make_volume(query, volume, error);
        }
    }
    return r;
}

/* --- Mounts ----------------------------------------------------------------------------------- */

void mount_list_finish(struct mount_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->items[i].source);
        free((char *)(uintptr_t)list->items[i].target);
    }
    free(list->items);
    *list = (struct mount_list){0};
}

void mount_list_add(struct mount_list *list, const char *source, const char *target,
                    bool read_only) {
    list->items = mem_grow(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct process_mount){
        .source = mem_copy_text(source), .target = mem_copy_text(target), .read_only = read_only};
}

static const json_t *find_volume(const json_t *pod, const char *name) {
    json_t *volume;
    size_t i;

    json_array_foreach(tree_at(pod, "spec/volumes"), i, volume) {
        if (name != NULL && tree_is(volume, "name", name)) {
            return volume;
        }
    }
    return NULL;
}

/* A folder before what is mounted in it. */
static int by_target(const void *a, const void *b) {
    return strcmp(((const struct process_mount *)a)->target,
                  ((const struct process_mount *)b)->target);
}

/* Could this byte be a part of a file's name? */
static bool is_name_byte(char byte) {
    return isalnum((unsigned char)byte) || (byte != '\0' && strchr("._-/", byte) != NULL);
}

/* The mount whose target stands here as a path or begins one: the longest. NULL: none. */
static const struct process_mount *mount_at(const struct mount_list *list, const char *text,
                                            size_t at) {
    const struct process_mount *found = NULL;

    if (text[at] != '/' || (at > 0 && is_name_byte(text[at - 1]))) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(list->items[i].target);
        char next =
            strncmp(text + at, list->items[i].target, length) == 0 ? text[at + length] : 'x';

        if (next == '/' || !is_name_byte(next)) {
            found = &list->items[i]; /* Sorted: a longer one comes later. */
        }
    }
    return found;
}

static char *map_word(const struct mount_list *list, const char *word) {
    struct buf out;

    buf_init(&out, WORD_BYTES_MAX);
    for (size_t at = 0; word[at] != '\0';) {
        const struct process_mount *found = mount_at(list, word, at);

        if (found == NULL) {
            buf_add_char(&out, word[at++]);
        } else {
            buf_add_text(&out, found->source);
            at += strlen(found->target);
        }
    }
    return buf_take_text(&out);
}

void mount_list_map_words(const struct mount_list *list, char **words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *mapped = map_word(list, words[i]);

        free(words[i]);
        words[i] = mapped;
    }
}

/* The part of a volume that is mounted: a folder that is not there yet is made. Owned. */
static char *sub_path(const json_t *mount, const struct word_list *environment) {
    const char *plain = tree_text(mount, "subPath");
    const char *pattern = tree_text(mount, "subPathExpr");

    if (pattern != NULL && pattern[0] != '\0') {
        return pod_words_expand(pattern, environment);
    }
    return mem_copy_text(plain == NULL ? "" : plain);
}

static int add_mount(const struct pod_volumes_query *query, const json_t *mount,
                     const struct word_list *environment, struct mount_list *out,
                     struct error *error) {
    const json_t *volume = find_volume(query->pod, tree_text(mount, "name"));
    const char *target = tree_text(mount, "mountPath");
    char *root;
    char *part;
    char *source;
    int r = OK;

    if (volume == NULL || target == NULL) {
        return error_set(error, ERR_INVALID, "a mount of a volume that the pod does not have");
    }
    root = volume_source(query, volume);
    part = sub_path(mount, environment);
    source = part[0] == '\0' ? mem_copy_text(root) : mem_format("%s/%s", root, part);
    if (!is_inside(part)) {
        r = error_set(error, ERR_INVALID, "subPath must stay in its volume: %s", part);
    } else if (access(source, F_OK) != 0) {
        r = files_make_folder(source, 0777, error);
    }
    if (r == OK) {
        bool absolute = target[0] == '/';
        char *full = mem_format("%s%s", absolute ? "" : "/", target);

        mount_list_add(out, source, full, tree_true(mount, "readOnly"));
        free(full);
    }
    free(source);
    free(part);
    free(root);
    return r;
}

static bool mounts_account(const json_t *pod) {
    const json_t *own = tree_at(pod, "spec/automountServiceAccountToken");

    return own == NULL || json_is_true(own);
}

int pod_volumes_mounts(const struct pod_volumes_query *query, const json_t *container,
                       const struct word_list *environment, struct mount_list *out,
                       struct error *error) {
    json_t *mount;
    size_t i;
    int r = OK;

    if (mounts_account(query->pod)) {
        char *account = mem_format("%s/account", query->folder);

        mount_list_add(out, account, ACCOUNT_PATH, true);
        free(account);
    }
    json_array_foreach(tree_at(container, "volumeMounts"), i, mount) {
        r = add_mount(query, mount, environment, out, error);
        if (r != OK) {
            break;
        }
    }
    if (out->count > 0) {
        qsort(out->items, out->count, sizeof *out->items, by_target);
    }
    return r;
}
