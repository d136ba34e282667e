#include "sim/pod_math.h"

#include <stdio.h>

#include <jansson.h>

#include "base/buf.h"
#include "tests/test.h"

TEST(pod_requests__add_containers_init_containers_and_overhead) {
    static const struct {
        const char *what;
        const char *spec;
        const char *want_requests;
        const char *want_limits;
        const char *want_qos;
    } rows[] = {
        {"nothing asked for", "{'containers':[{}]}", "", "", "BestEffort"},
        {"two containers add up",
         "{'containers':[{'resources':{'requests':{'cpu':'1'}}},"
         "{'resources':{'requests':{'cpu':'500m'}}}]}",
         "cpu=1500m", "", "Burstable"},
        {"a large init container counts instead",
         "{'initContainers':[{'resources':{'requests':{'cpu':'4'}}},"
         "{'resources':{'requests':{'cpu':'3'}}}],"
         "'containers':[{'resources':{'requests':{'cpu':'1'}}}]}",
         "cpu=4", "", "Burstable"},
        {"a sidecar runs beside both",
         "{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}},"
         "{'resources':{'requests':{'cpu':'3'}}}],"
         "'containers':[{'resources':{'requests':{'cpu':'2500m'}}}]}",
         "cpu=4", "", "Burstable"},
        {"overhead comes on top, of limits where there are any",
         "{'overhead':{'cpu':'250m','memory':'64Mi'},"
         "'containers':[{'resources':{'requests':{'cpu':'1','memory':'1Gi'},"
         "'limits':{'memory':'1Gi'}}}]}",
         "cpu=1250m,memory=1088Mi", "memory=1088Mi", "Burstable"},
        {"limits equal to requests",
         "{'containers':[{'resources':{'requests':{'cpu':'1','memory':'1Gi'},"
         "'limits':{'cpu':'1000m','memory':'1024Mi'}}}]}",
         "cpu=1,memory=1Gi", "cpu=1,memory=1Gi", "Guaranteed"},
        {"one container without limits",
         "{'containers':[{'resources':{'requests':{'cpu':'1','memory':'1Gi'},"
         "'limits':{'cpu':'1','memory':'1Gi'}}},{}]}",
         "cpu=1,memory=1Gi", "cpu=1,memory=1Gi", "Burstable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct amounts requests = {0};
        struct amounts limits = {0};
        struct buf text;
        json_t *pod = json_object();
        char spec[1000];

        (void)snprintf(spec, sizeof spec, "%s", rows[i].spec);
        for (char *c = spec; *c != '\0'; c++) {
            *c = *c == '\'' ? '"' : *c;
        }
        (void)json_object_set_new(pod, "spec", json_loads(spec, 0, NULL));
        CHECK(json_object_get(pod, "spec") != NULL, rows[i].what);
        buf_init(&text, 1000);
        pod_requests(pod, &requests);
        amounts_print(&requests, &text);
        CHECK_STR(buf_text(&text), rows[i].want_requests, rows[i].what);
        buf_clear(&text);
        pod_limits(pod, &limits);
        amounts_print(&limits, &text);
        CHECK_STR(buf_text(&text), rows[i].want_limits, rows[i].what);
        CHECK_STR(pod_qos_class(pod), rows[i].want_qos, rows[i].what);
        buf_finish(&text);
        amounts_finish(&requests);
        amounts_finish(&limits);
        json_decref(pod);
    }
}
