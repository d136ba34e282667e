/* k8s/spark_objects.h - what the pod and the objects beside it have in common. */
#ifndef K8S_SPARK_OBJECTS_H
#define K8S_SPARK_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "k8s/spark_names.h"

struct json_t;
struct spark_app;

/* An attempt with its names made. */
struct spark_attempt {
    const struct spark_app *app;
    const struct payload_run *run;
    const char *app_name;
    struct spark_names names;
};

void spark_attempt_make(const struct spark_app *app, const struct payload_run *run,
                        struct spark_attempt *out_attempt);

#define SPARK_PORT_COUNT 4

struct spark_port {
    const char *name;
    int64_t in_container;
    int64_t in_service; /* Spark takes the block manager's from fewer keys there */
};

/* Where the driver serves its pages; 0: it serves none. */
int64_t spark_ui_port(const struct spark_app *app);

/* The ports of this version; returns how many. */
size_t spark_ports(const struct spark_app *app, struct spark_port out_ports[SPARK_PORT_COUNT]);

/* The driver pod's labels, which are also the Service's selector. */
struct json_t *spark_driver_labels(const struct spark_attempt *attempt);

/* An object of the properties that start with prefix; {{APP_ID}} is replaced when asked. */
struct json_t *spark_named_texts(const struct spark_attempt *attempt, const char *prefix,
                                 const char *app_id);

/* An immutable ConfigMap beside the pod, printed; takes the data. */
char *spark_object_map(const struct spark_attempt *attempt, const char *name, struct json_t *data,
                       const char *owner_uid);

/* An object with that metadata, which it takes. */
struct json_t *spark_object(const char *api_version, const char *kind, struct json_t *metadata);

/* metadata of an object beside the pod, as JSON. Takes labels and annotations; the latter may be
 * NULL, as may owner_uid: without an owner. */
struct json_t *spark_object_metadata(const struct spark_attempt *attempt, const char *name,
                                     struct json_t *labels, struct json_t *annotations,
                                     const char *owner_uid);

#endif
