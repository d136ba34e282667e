/* sim/table.h - the Table form of objects, which is what `kubectl get` prints. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stdint.h>

struct json_t;
struct sim_resource;

/* A Table with its columns and no rows. New. */
struct json_t *sim_table_begin(const struct sim_resource *resource);

/* One row. include is the query's includeObject: NULL or "Metadata", "Object", "None". New. */
struct json_t *sim_table_row(const struct sim_resource *resource, const struct json_t *object,
                             const char *include, int64_t now_us);

/* A Table with one row, for a GET of one object or an event. New. */
struct json_t *sim_table_of_one(const struct sim_resource *resource, const struct json_t *object,
                                int64_t now_us);

/* PartialObjectMetadata of this object. New. */
struct json_t *sim_partial_metadata(const struct json_t *object);

/* "5s", "3m12s", "47h", "3d4h": an age as the API server prints it. */
void sim_table_age(int64_t age_us, char out_text[32]);

#endif
