#include "k8s/resource.h"

#include "base/error.h"
#include "tests/test.h"

TEST(resource_add_path__makes_the_paths_of_the_api) {
    static const struct {
        const char *what;
        struct resource_path path;
        const char *want;
    } rows[] = {
        {"a namespace's pods", {KUBE_PODS, "team-a", NULL, NULL}, "/api/v1/namespaces/team-a/pods"},
        {"all pods", {KUBE_PODS, NULL, NULL, NULL}, "/api/v1/pods"},
        {"a log", {KUBE_PODS, "a", "p-1", "log"}, "/api/v1/namespaces/a/pods/p-1/log"},
        {"nodes have no namespace", {KUBE_NODES, "a", "n1", NULL}, "/api/v1/nodes/n1"},
        {"another group",
         {KUBE_LEASES, "a", "l", NULL},
         "/apis/coordination.k8s.io/v1/namespaces/a/leases/l"},
        {"a name can't leave its segment",
         {KUBE_PODS, "a", "../secrets?x#", NULL},
         "/api/v1/namespaces/a/pods/..%2Fsecrets%3Fx%23"},
        {"nor climb", {KUBE_PODS, "..", "p", NULL}, "/api/v1/namespaces/%2E%2E/pods/p"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 1000);
        resource_add_path(&out, &rows[i].path);
        CHECK_STR(buf_text(&out), rows[i].want, rows[i].what);
        buf_finish(&out);
    }
}

TEST(resource_add_query__encodes_and_joins) {
    struct resource_log_query log = {.container = "main",
                                     .tail_lines = 10,
                                     .limit_bytes = 500,
                                     .follow = true,
                                     .previous = true,
                                     .timestamps = true};
    struct buf out;

    buf_init(&out, 1000);
    resource_add_query(&out, "labelSelector", "a=b,c in (d)");
    resource_add_query(&out, "none", NULL);
    resource_add_query_int(&out, "limit", 500);
    CHECK_STR(buf_text(&out), "labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=500", "selector");
    buf_clear(&out);
    resource_add_log_query(&out, &log);
    CHECK_STR(
        buf_text(&out),
        "container=main&tailLines=10&limitBytes=500&follow=true&previous=true&timestamps=true",
        "log");
    buf_finish(&out);
}
