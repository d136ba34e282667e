/* k8s/submit_words.h - what a failed spark-submit wrote, in a sentence, and what it means.
 *
 * The Spark operator hands on all that spark-submit wrote to its stderr: warnings, a stack trace,
 * and between them the one line that says why. Pure.
 * Sources: Spark's and fabric8's exceptions, as the real ones print them (3.5.9, 4.3.0); the
 * operator's own sentences (kubeflow/spark-operator 2.5.2).
 */
#ifndef K8S_SUBMIT_WORDS_H
#define K8S_SUBMIT_WORDS_H

#include "base/limits.h"

enum submit_failure {
    SUBMIT_REFUSED,    /* for good */
    SUBMIT_QUOTA,      /* a quota was exceeded: somebody else was faster */
    SUBMIT_PASSING,    /* the API server or the network failed; another try may do better */
    SUBMIT_POD_EXISTS, /* so the operator says of every 409: it may be a conflict in passing, too */
};

/* text is errorMessage of an application's state, with or without a stack trace. */
enum submit_failure submit_words_read(const char *text, char out_sentence[LIMIT_MESSAGE_BYTES + 1]);

#endif
