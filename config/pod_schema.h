/* config/pod_schema.h - the fields of Kubernetes' core/v1 that a manifest may hold.
 *
 * Names and types as in the API reference of Kubernetes 1.33; what lies deeper than
 * people mistype (affinity terms, probes) is opaque and left to the API server.
 */
#ifndef CONFIG_POD_SCHEMA_H
#define CONFIG_POD_SCHEMA_H

#include "config/schema.h"

extern const struct schema schema_object_meta;
extern const struct schema schema_pod_spec;
extern const struct schema schema_container;
extern const struct schema schema_volume;
extern const struct schema schema_volume_mount;
extern const struct schema schema_env_var;
extern const struct schema schema_env_from;
extern const struct schema schema_toleration;
extern const struct schema schema_affinity;
extern const struct schema schema_pod_template; /* metadata and spec */

/* Initialisers of a table's rows. */
#define FIELD(name_, type_) \
    { .name = (name_), .type = (type_) }
#define FIELD_NEEDED(name_, type_) \
    { .name = (name_), .type = (type_), .required = true }
#define FIELD_RANGE(name_, min_, max_) \
    { .name = (name_), .type = FIELD_INT, .min = (min_), .max = (max_) }
#define FIELD_OF(name_, type_, schema_) \
    { .name = (name_), .type = (type_), .object = &(schema_) }
#define FIELD_ONE_OF(name_, words_) \
    { .name = (name_), .type = FIELD_WORD, .words = (words_) }
#define SCHEMA(fields_) \
    { (fields_), ARRAY_LEN(fields_) }

#endif
