#include "api/route.h"

#include <stdio.h>
#include <string.h>

#include "base/ensure.h"
#include "base/text.h"

struct route {
    const char *method;
    const char *path;
    enum route_access access;
};

static const struct route routes[API_ROUTE_COUNT] = {
#define API_ROUTE_ROW(name, method, path, access) [name] = {method, path, access},
    API_ROUTE_LIST(API_ROUTE_ROW)
#undef API_ROUTE_ROW
};

static const char *const route_texts[API_ROUTE_COUNT] = {
#define API_ROUTE_TEXT(name, method, path, access) [name] = method " " path,
    API_ROUTE_LIST(API_ROUTE_TEXT)
#undef API_ROUTE_TEXT
};

const char *api_route_text(enum api_route route) {
    ENSURE(route < API_ROUTE_COUNT);
    return route_texts[route];
}

enum route_access route_access(enum api_route route) {
    ENSURE(route < API_ROUTE_COUNT);
    return routes[route].access;
}

/* An id as we print it: no sign, no zero in front, not 0. */
static bool parse_id(const char *text, size_t length, uint64_t *out_id) {
    char digits[24];
    int64_t id;

    if (length == 0 || length >= sizeof digits || text[0] < '1' || text[0] > '9') {
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (text_parse_int64(digits, &id) != OK) {
        return false;
    }
    *out_id = (uint64_t)id;
    return true;
}

/* "12", or an array's id and an index: "12_7". */
static bool parse_job(const char *text, size_t length, struct route_match *out_match) {
    const char *line = memchr(text, '_', length);
    size_t id_bytes = line != NULL ? (size_t)(line - text) : length;
    uint64_t index = 0;

    if (line != NULL && length == id_bytes + 2 && line[1] == '0') {
        out_match->job_index = 0;
    } else if (line != NULL && !parse_id(line + 1, length - id_bytes - 1, &index)) {
        return false;
    } else {
        out_match->job_index = line != NULL ? (int64_t)index : -1;
    }
    return parse_id(text, id_bytes, &out_match->job_id);
}

/* "namespace/name" between what stands before and behind it in the pattern. */
static bool schedule_matches(const char *pattern, const char *hole, const char *path,
                             char *out_schedule, size_t room) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    size_t before = (size_t)(hole - pattern);
    size_t namespace, name;

    if (strncmp(pattern, path, before) != 0) {
        return false;
    }
    path += before;
    namespace = strspn(path, letters);
    if (namespace == 0 || path[namespace] != '/') {
        return false;
    }
    name = strspn(path + namespace + 1, letters);
    if (name == 0 || namespace + name + 2 > room ||
        strcmp(hole + strlen("{schedule}"), path + namespace + 1 + name) != 0) {
        return false;
    }
    memcpy(out_schedule, path, namespace + 1 + name);
    out_schedule[namespace + 1 + name] = '\0';
    return true;
}

static bool path_matches(const char *pattern, const char *path, struct route_match *out_match) {
    const char *hole = strstr(pattern, "{id}");
    const char *schedule = strstr(pattern, "{schedule}");
    size_t before, length;

    if (schedule != NULL) {
        return schedule_matches(pattern, schedule, path, out_match->schedule,
                                sizeof out_match->schedule);
    }
    if (hole == NULL) {
        return strcmp(pattern, path) == 0;
    }
    before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0) {
        return false;
    }
    length = strcspn(path + before, "/");
    return strcmp(hole + 4, path + before + length) == 0 &&
           parse_job(path + before, length, out_match);
}

static void add_allowed(char allow[ROUTE_ALLOW_BYTES], const char *method) {
    size_t used = strlen(allow);

    (void)snprintf(allow + used, ROUTE_ALLOW_BYTES - used, "%s%s%s", used > 0 ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

int route_find(const char *method, const char *path, struct route_match *out_match) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct route_match match = {.route = API_ROUTE_COUNT};

    for (int i = 0; i < API_ROUTE_COUNT; i++) {
        if (!path_matches(routes[i].path, path, &match)) {
            continue;
        }
        if (strcmp(routes[i].method, wanted) == 0) {
            match.route = (enum api_route)i;
            match.allow[0] = '\0';
            *out_match = match;
            return 0;
        }
        add_allowed(match.allow, routes[i].method);
    }
    if (match.allow[0] == '\0') {
        return 404;
    }
    *out_match = match;
    return 405;
}
