#include "config/zones.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/file.h"
#include "config/problem.h"
#include "config/zone_file.h"
#include "policy/zone.h"

static bool is_zone_name(const char *name) {
    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL &&
           strlen(name) <= LIMIT_NAME_BYTES;
}

static int read_zone(const char *path, const char *name, struct error *error,
                     struct zone **out_zone) {
    struct problems problems = {0};
    struct error why = {0};
    struct buf bytes;
    int r;

    buf_init(&bytes, LIMIT_ZONE_BYTES);
    r = file_read(path, FILE_ANY_MODE, &bytes, &problems);
    if (r < 0) {
        r = error_set(error, ERR_INVALID, "time zone \"%s\": %s: %s", name, path,
                      problems.count > 0 ? problems.items[0].message : "can't be read");
    } else {
        r = zone_file_parse(name, bytes.data, bytes.bytes, &why, out_zone);
        if (r < 0) {
            r = error_set(error, ERR_INVALID, "time zone \"%s\": %s: %s", name, path, why.text);
        }
    }
    problems_finish(&problems);
    buf_finish(&bytes);
    return r;
}

int zones_load(const char *folder, const char *name, struct error *error, struct zone **out_zone) {
    char *path;
    int r;

    if (strcmp(name, "UTC") == 0) {
        *out_zone = zone_create(name);
        zone_add_period(*out_zone, INT64_MIN, 0, name);
        return OK;
    }
    if (!is_zone_name(name)) {
        return error_set(error, ERR_INVALID,
                         "\"%s\" is not a time zone; write it like Europe/Berlin", name);
    }
    path = mem_format("%s/%s", folder, name);
    r = read_zone(path, name, error, out_zone);
    free(path);
    return r;
}

uint64_t zones_stamp(const char *folder, const char *name) {
    char *path = mem_format("%s/%s", folder, name);
    uint64_t stamp = file_stamp(path);

    free(path);
    return stamp;
}
