/* api/route.h - from a method and a path to a route, by the table in api.h. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdint.h>

#include "api/api.h"
#include "base/limits.h"

#define ROUTE_ALLOW_BYTES 64

enum route_access {
    API_LOOKS,
    API_ACTS,
};

struct route_match {
    enum api_route route;
    uint64_t job_id;
    int64_t job_index;                       /* behind the id, "12_7"; -1: none */
    char schedule[2 * LIMIT_NAME_BYTES + 2]; /* "namespace/name"; "": a route without */
    char allow[ROUTE_ALLOW_BYTES];           /* of 405: "GET, HEAD, POST" */
};

/* 0, or the status to refuse with: 404 (also for an id that is no number), 405 with allow. HEAD
 * is taken for GET. */
int route_find(const char *method, const char *path, struct route_match *out_match);

enum route_access route_access(enum api_route route);

#endif
