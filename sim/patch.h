/* sim/patch.h - the patches that an API server takes.
 *
 * Merge patch is RFC 7386, JSON patch RFC 6902. In a strategic merge patch lists of
 * objects are merged by the key that the API gives them (containers by name,
 * conditions by type...), and $patch, $deleteFromPrimitiveList and $retainKeys are
 * directives. An apply patch is taken as a forced merge: no field managers are kept.
 */
#ifndef SIM_PATCH_H
#define SIM_PATCH_H

struct json_t;

enum sim_patch_type {
    SIM_PATCH_MERGE,
    SIM_PATCH_STRATEGIC,
    SIM_PATCH_JSON,
    SIM_PATCH_APPLY,
    SIM_PATCH_TYPE_COUNT,
};

/* Patch a copy of object. NULL with the new value in *out_object, or an owned Status. */
struct json_t *sim_patch(enum sim_patch_type type, const struct json_t *object,
                         const struct json_t *patch, struct json_t **out_object);

#endif
