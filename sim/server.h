/* sim/server.h - the simulated API behind HTTP: tokens, streams, faults, statistics.
 *
 * Owns its connections; borrows the store's REST layer, the faults and the living
 * cluster. Besides the Kubernetes API it serves
 *   POST /sim/faults    a fault of sim/api_faults.h or of the cluster (sim/faults.h)
 *   GET, DELETE /sim/faults
 *   POST /sim/compact   forget the watch logs
 *   GET /sim/stats      what was asked, how it was answered, and the cluster's own figures
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct api_faults;
struct cluster;
struct poller;
struct sim_rest;
struct sim_server;

struct sim_server_config {
    struct poller *poller;
    struct instant (*clock)(void *context);
    void *clock_context;
    struct sim_rest *rest;
    struct api_faults *faults;
    struct cluster *cluster;   /* may be NULL */
    const char *const *tokens; /* copied; none: everybody is let in */
    size_t token_count;
    size_t chunk_bytes; /* of watch streams; events are cut there, as a real server does */
};

struct sim_server *sim_server_create(const struct sim_server_config *config);
void sim_server_destroy(struct sim_server *server);

/* The certificate files may be NULL: plain HTTP. */
int sim_server_listen(struct sim_server *server, const char *host, uint16_t port,
                      const char *certificate_file, const char *key_file, uint16_t *out_port,
                      struct error *error) MUST_CHECK;

/* Send what has changed to the watches. Cheap when nothing has; call it in each round. */
void sim_server_turn(struct sim_server *server);

#endif
