/* k8s/codec_node.h - a Node's JSON, read into policy's node. */
#ifndef K8S_CODEC_NODE_H
#define K8S_CODEC_NODE_H

#include <stddef.h>

#include "base/error.h"
#include "policy/node.h"

struct field_error;

/* *out_node is overwritten, and the caller's to finish. Resources that the node has none of
 * are not entered into the table. */
int codec_node_read(const char *json, size_t bytes, struct resource_names *names,
                    struct node *out_node, struct field_error *error) MUST_CHECK;

#endif
