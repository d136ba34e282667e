/* k8s/runtime_class.h - what RuntimeClasses make of pods to come, as the API server's admission
 * would: the overhead, node selectors and tolerations of the pod's class.
 *
 * So a demand counts what a pod will have. Needs no right but to list and watch RuntimeClasses;
 * without it, a pod that names a class has to tell its overhead itself.
 */
#ifndef K8S_RUNTIME_CLASS_H
#define K8S_RUNTIME_CLASS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct field_error;
struct json_at;
struct json_t;
struct runtime_classes;

enum runtime_classes_state {
    RUNTIME_CLASSES_UNKNOWN,  /* they may not be listed, or have not been yet */
    RUNTIME_CLASSES_KNOWN,    /* those that were put are all there are */
    RUNTIME_CLASSES_ACCEPTED, /* pods have been admitted before: what those that were put add is not
                                 refused, and others add nothing */
};

struct runtime_classes *runtime_classes_create(void);          /* unknown */
void runtime_classes_destroy(struct runtime_classes *classes); /* Accepts NULL. */
void runtime_classes_set_state(struct runtime_classes *classes, enum runtime_classes_state state);

/* Keep a node.k8s.io/v1 object, or the new state of one; borrowed. */
int runtime_classes_put(struct runtime_classes *classes, const char *name, const char *json,
                        size_t bytes, struct field_error *error) MUST_CHECK;
void runtime_classes_remove(struct runtime_classes *classes, const char *name);

/* The pod's spec as admission leaves it: a copy as far as it differs, to be dropped with
 * json_drop(). ERR_INVALID: admission would refuse it, or its class is not known and it tells no
 * overhead. classes may be NULL: unknown. */
int runtime_class_admit(const struct runtime_classes *classes, const struct json_at *spec,
                        struct json_t **out_spec, struct field_error *error) MUST_CHECK;

#endif
