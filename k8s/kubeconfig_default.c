#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/environment.h"
#include "k8s/file.h"
#include "k8s/kubeconfig.h"

static char *trimmed_text(const struct buf *text) {
    size_t length = strcspn(buf_text(text), " \t\r\n");

    return length == 0 ? NULL : mem_copy_text_n(buf_text(text), length);
}

int kubeconfig_load_in_cluster(const struct kubeconfig_in_cluster *in,
                               struct kube_access *out_access, struct error *error) {
    bool is_ipv6 = in->host != NULL && strchr(in->host, ':') != NULL;
    struct kube_access access = {0};
    struct buf text;
    int r;

    if (in->host == NULL) {
        return error_set(error, ERR_NOT_FOUND,
                         "not in a cluster: KUBERNETES_SERVICE_HOST is not set");
    }
    access.token_file = mem_format("%s/token", in->folder);
    buf_init(&text, LIMIT_CONFIG_BYTES);
    r = kube_file_read(access.token_file, &text, error);
    if (text.data != NULL) {
        explicit_bzero(text.data, text.bytes);
    }
    buf_clear(&text);
    access.ca.file = mem_format("%s/ca.crt", in->folder);
    if (r == OK) {
        r = kube_file_read(access.ca.file, &text, error);
    }
    buf_clear(&text);
    if (r == OK) {
        char *path = mem_format("%s/namespace", in->folder);

        if (kube_file_read(path, &text, NULL) == OK) {
            access.namespace_ = trimmed_text(&text);
        }
        free(path);
    }
    buf_finish(&text);
    if (r != OK) {
        error_prefix(error, "service account of this pod");
        kube_access_finish(&access);
        return r;
    }
    access.server = mem_format("https://%s%s%s:%s", is_ipv6 ? "[" : "", in->host,
                               is_ipv6 ? "]" : "", in->port == NULL ? "443" : in->port);
    access.source = mem_format("service account in %s", in->folder);
    *out_access = access;
    return OK;
}

static int load_service_account(struct kube_access *out_access, struct error *error) {
    struct kubeconfig_in_cluster in = {
        .folder = "/var/run/secrets/kubernetes.io/serviceaccount",
        .host = environment_get("KUBERNETES_SERVICE_HOST"),
        .port = environment_get("KUBERNETES_SERVICE_PORT"),
    };

    return kubeconfig_load_in_cluster(&in, out_access, error);
}

static int load_home(const struct kubeconfig_choice *choice, struct kube_access *out_access,
                     struct error *error) {
    const char *home = environment_get("HOME");
    char *path = mem_format("%s/.kube/config", home == NULL ? "" : home);
    struct kubeconfig_choice found = *choice;
    int r;

    found.paths = path;
    r = kubeconfig_load(&found, out_access, error);
    free(path);
    return r;
}

int kubeconfig_load_default(const struct kubeconfig_choice *choice, struct kube_access *out_access,
                            struct error *error) {
    struct kubeconfig_choice found = *choice;
    struct error problem = {0};
    int r;

    if (choice->in_cluster) {
        return load_service_account(out_access, error);
    }
    if (found.paths == NULL) {
        found.paths = environment_get("KUBECONFIG");
    }
    if (found.paths != NULL) {
        return kubeconfig_load(&found, out_access, error);
    }
    r = load_home(choice, out_access, &problem);
    if (r != ERR_NOT_FOUND) {
        return r == OK ? OK : error_set(error, r, "%s", problem.text);
    }
    r = load_service_account(out_access, error);
    if (r == ERR_NOT_FOUND) {
        error_prefix(error, "no cluster is configured: KUBECONFIG is not set; %s", problem.text);
    }
    return r;
}
