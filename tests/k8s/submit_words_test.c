#include "k8s/submit_words.h"

#include <string.h>

#include "tests/test.h"

#define OPERATOR "failed to submit spark application: failed to run spark-submit: "
#define NOISE                                                                         \
    OPERATOR "failed to run spark-submit: WARNING: Using incubator modules\n"         \
             "26/11/23 05:56:47 WARN Utils: Set SPARK_LOCAL_IP if you need to bind\n" \
             "26/11/23 05:56:55 ERROR Client: Please check \"kubectl auth can-i create pod\"\n"
#define FABRIC8(code, message)                                                                     \
    NOISE "Exception in thread \"main\" io.fabric8.kubernetes.client.KubernetesClientException: "  \
          "Failure executing: POST at: https://10.0.0.1:443/api/v1/namespaces/d/pods. "            \
          "Message: " message ". Received status: Status(apiVersion=v1, code=" code                \
          ", details=null, message=" message                                                       \
          ", reason=x).\n\tat io.fabric8.Client.create(Client.java:1)\n"                           \
          "Caused by: io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: " \
          "POST\n\tat java.base/java.lang.Thread.run(Thread.java:840)\n"

/* Beginnings and ends are as the real operator's, 2.5.2, with Spark 3.5.9 and 4.3.0. */
TEST(submit_words_read__finds_the_reason_in_what_spark_submit_wrote) {
    static const struct {
        const char *what;
        const char *text;
        enum submit_failure want;
        const char *sentence;
    } rows[] = {
        {"refused by the API", FABRIC8("403", "pods \"x\" is forbidden: no serviceaccount"),
         SUBMIT_REFUSED, "pods \"x\" is forbidden: no serviceaccount"},
        {"invalid", FABRIC8("422", "Pod \"x\" is invalid: spec"), SUBMIT_REFUSED,
         "Pod \"x\" is invalid: spec"},
        {"somebody was faster",
         FABRIC8("403", "pods \"x\" is forbidden: exceeded quota: q, used: 5"), SUBMIT_QUOTA,
         "pods \"x\" is forbidden: exceeded quota: q, used: 5"},
        {"too many requests", FABRIC8("429", "Too many requests"), SUBMIT_PASSING,
         "Too many requests"},
        {"the server is down", FABRIC8("503", "apiserver not ready"), SUBMIT_PASSING,
         "apiserver not ready"},
        {"a conflict in passing", FABRIC8("409", "the object has been modified"), SUBMIT_PASSING,
         "the object has been modified"},
        {"nobody listens",
         NOISE
         "Exception in thread \"main\" io.fabric8.kubernetes.client.KubernetesClientException: "
         "An error has occurred.\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: no\n"
         "Caused by: java.net.ConnectException: Connection refused\n\tat c.d(E.java:2)\n",
         SUBMIT_PASSING, "An error has occurred: java.net.ConnectException: Connection refused"},
        {"a wrong property",
         NOISE "Exception in thread \"main\" org.apache.spark.SparkException: No such size: 5x\n"
               "\tat a.b(C.java:1)\n",
         SUBMIT_REFUSED, "No such size: 5x"},
        {"a wrong option", NOISE "Error: Unrecognized option: --no\n\nUsage: spark-submit\n",
         SUBMIT_REFUSED, "Error: Unrecognized option: --no"},
        {"the operator's own guess", OPERATOR "driver pod already exist", SUBMIT_POD_EXISTS,
         OPERATOR "driver pod already exist"},
        {"not installed", OPERATOR "env SPARK_HOME is not specified", SUBMIT_REFUSED,
         OPERATOR "env SPARK_HOME is not specified"},
        {"killed", OPERATOR "failed to run spark-submit: signal: killed", SUBMIT_PASSING,
         OPERATOR "failed to run spark-submit: signal: killed"},
        {"nothing", "", SUBMIT_REFUSED, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sentence[LIMIT_MESSAGE_BYTES + 1] = "?";

        CHECK_EQ(submit_words_read(rows[i].text, sentence), rows[i].want, rows[i].what);
        CHECK_STR(sentence, rows[i].sentence, rows[i].what);
    }
}

TEST(submit_words_read__is_never_longer_than_a_message) {
    char text[3 * LIMIT_MESSAGE_BYTES] = {0};
    char sentence[LIMIT_MESSAGE_BYTES + 1];

    memset(text, 'x', sizeof text - 1);
    CHECK_EQ(submit_words_read(text, sentence), SUBMIT_REFUSED, "nothing is known of it");
    CHECK_EQ(strlen(sentence), LIMIT_MESSAGE_BYTES, "cut");
}
