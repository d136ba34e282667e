/* k8s/attempt_labels.h - the three labels that say whose an object is. */
#ifndef K8S_ATTEMPT_LABELS_H
#define K8S_ATTEMPT_LABELS_H

struct attempt_id;
struct json_t;

/* Put them into an object of labels, over whatever is there. */
void attempt_put_labels(const struct attempt_id *id, struct json_t *labels);

#endif
