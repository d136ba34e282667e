/* k8s/pod_news.h - what the cluster's Event objects say of a pod.
 *
 * Pure. Some troubles show nowhere else: a volume that can't be mounted or a sandbox that can't be
 * made leave the pod in ContainerCreating, and one that was preempted or evicted may be gone before
 * anybody saw its last status. The latest event decides: one of progress ends what was said before
 * it. Events are kept for an hour by most servers, and may be lost: never the only sign of an end.
 */
#ifndef K8S_POD_NEWS_H
#define K8S_POD_NEWS_H

#include <stddef.h>

#include "base/limits.h"
#include "k8s/codec_json.h"
#include "policy/job.h"

struct pod_news {
    enum failure failure;                  /* FAILURE_NONE: nothing wrong, or nothing known */
    char message[LIMIT_MESSAGE_BYTES + 1]; /* "FailedMount: MountVolume.SetUp failed ..." */
};

/* An EventList of one pod. is_gone: the pod is, so ask what took it rather than what it waits for.
 * ERR_INVALID, ERR_FULL: it can't be read. */
int pod_news_read(const char *json, size_t bytes, bool is_gone, struct pod_news *out_news,
                  struct field_error *error) MUST_CHECK;

#endif
