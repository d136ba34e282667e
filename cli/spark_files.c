#include "cli/spark_files.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/spark_args.h"
#include "cli/spark_secrets.h"

#define HADOOP_MAP_KEY "spark.kubernetes.hadoop.configMapName"
#define KRB5_PATH_KEY  "spark.kubernetes.kerberos.krb5.path"

/* --- Folders --------------------------------------------------------------------------------- */

struct file {
    char *name;
    char *path;
    int64_t bytes;
};

struct files {
    struct file *items;
    size_t count;
};

static void files_finish(struct files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].name);
        free(files->items[i].path);
    }
    free(files->items);
}

/* Smallest first, as Spark takes them while there is room. */
static int compare_sizes(const void *a, const void *b) {
    const struct file *left = a;
    const struct file *right = b;

    if (left->bytes != right->bytes) {
        return left->bytes < right->bytes ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

static void add_file(struct files *files, const char *folder, const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    struct stat about;

    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
        free(path);
        return;
    }
    files->items = mem_grow(files->items, files->count + 1, sizeof *files->items);
    files->items[files->count++] =
        (struct file){.name = mem_copy_text(name), .path = path, .bytes = about.st_size};
}

/* The regular files of a folder; none if it is not there. */
static struct files list_files(const char *folder) {
    struct files files = {0};
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        add_file(&files, folder, entry->d_name);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    if (files.count > 0) {
        qsort(files.items, files.count, sizeof *files.items, compare_sizes);
    }
    return files;
}

/* The file's text; NULL: it can't be read, or is not UTF-8. */
static json_t *read_text(const char *path) {
    json_t *text = NULL;
    struct buf bytes;

    buf_init(&bytes, LIMIT_SPEC_BYTES);
    if (input_read(path, &bytes) == CLI_OK) {
        text = json_stringn(bytes.bytes > 0 ? bytes.data : "", bytes.bytes);
    }
    buf_finish(&bytes);
    return text;
}

/* --- Spark's own ----------------------------------------------------------------------------- */

/* What it does not take along: templates, its own properties, archives. */
static bool is_left_out(const char *name) {
    static const char *const ends[] = {".template", ".gz", ".zip", ".jar", ".tar"};
    bool left_out = text_starts_with(name, "spark") &&
                    (text_ends_with(name, "conf") || text_ends_with(name, "properties"));

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        left_out = left_out || text_ends_with(name, ends[i]);
    }
    return left_out;
}

static void put_spark_files(const struct spark_args *args, json_t *local) {
    struct files files = list_files(args->spark_folder);
    json_t *texts = json_object();
    int64_t room = LIMIT_SPEC_BYTES / 2;

    for (size_t i = 0; i < files.count && files.items[i].bytes <= room; i++) {
        json_t *text = is_left_out(files.items[i].name) ? NULL : read_text(files.items[i].path);

        if (text != NULL) {
            room -= files.items[i].bytes;
            (void)json_object_set_new(texts, files.items[i].name, text);
        }
    }
    if (json_object_size(texts) > 0) {
        (void)json_object_set(local, "sparkConf", texts);
    }
    json_decref(texts);
    files_finish(&files);
}

/* --- Hadoop's and Kerberos' ------------------------------------------------------------------ */

static int put_hadoop_files(const struct spark_args *args, json_t *local, struct error *error) {
    struct files files = list_files(args->hadoop_folder);
    json_t *texts = json_object();
    int r = OK;

    if (properties_get(&args->conf, HADOOP_MAP_KEY) != NULL) {
        r = error_set(error, ERR_INVALID,
                      "HADOOP_CONF_DIR is set, and so is " HADOOP_MAP_KEY
                      "; one of them says where "
                      "Hadoop's configuration is");
    }
    for (size_t i = 0; r == OK && i < files.count; i++) {
        json_t *text = read_text(files.items[i].path);

        if (text == NULL) {
            r = error_set(error, ERR_INVALID,
                          "HADOOP_CONF_DIR: %s can't be read as UTF-8 text; move it elsewhere",
                          files.items[i].path);
        } else {
            (void)json_object_set_new(texts, files.items[i].name, text);
        }
    }
    if (r == OK && files.count > 0) {
        (void)json_object_set(local, "hadoopConf", texts);
    }
    json_decref(texts);
    files_finish(&files);
    return r;
}

static int put_krb5_file(const struct spark_args *args, json_t *local, struct error *error) {
    const char *path = properties_get(&args->conf, KRB5_PATH_KEY);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    json_t *text;

    if (path == NULL) {
        return OK;
    }
    text = read_text(path);
    if (text == NULL) {
        return error_set(error, ERR_NOT_FOUND, KRB5_PATH_KEY ": %s can't be read", path);
    }
    (void)json_object_set_new(local, "krb5Conf",
                              json_pack("{s:o}", slash != NULL ? slash + 1 : path, text));
    return OK;
}

int spark_files_put(const struct spark_args *args, struct json_t *spec, struct error *error) {
    json_t *local = json_object();
    int r = put_krb5_file(args, local, error);

    r = r < 0 ? r : spark_secrets_put(args, local, error);
    if (r == OK && args->hadoop_folder != NULL && args->hadoop_folder[0] != '\0') {
        r = put_hadoop_files(args, local, error);
    }
    if (r == OK && args->spark_folder != NULL) {
        put_spark_files(args, local);
    }
    if (r == OK && json_object_size(local) > 0) {
        (void)json_object_set(spec, "localFiles", local);
    }
    json_decref(local);
    return r;
}
