#include "k8s/kube_access.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/memory.h"
#include "k8s/environment.h"
#include "k8s/file.h"

bool kube_material_is_set(const struct kube_material *material) {
    return material->data != NULL || material->file != NULL;
}

static int check_material(const struct kube_material *material, const char *what,
                          struct error *error) {
    struct buf text;
    int r = OK;

    if (!kube_material_is_set(material)) {
        return OK;
    }
    buf_init(&text, LIMIT_CONFIG_BYTES);
    if (material->data != NULL) {
        buf_add(&text, material->data, material->data_bytes);
    } else {
        r = kube_file_read(material->file, &text, error);
    }
    if (r == OK && strstr(buf_text(&text), "-----BEGIN ") == NULL) {
        r = error_set(error, ERR_INVALID, "%s: is not PEM (-----BEGIN ...)",
                      material->data != NULL ? "the inline data" : material->file);
    }
    if (r != OK) {
        error_prefix(error, "%s", what);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.bytes);
    }
    buf_finish(&text);
    return r;
}

int kube_access_check(const struct kube_access *access, struct error *error) {
    int r = check_material(&access->ca, "certificate-authority", error);

    if (r == OK) {
        r = check_material(&access->client_cert, "client-certificate", error);
    }
    if (r == OK) {
        r = check_material(&access->client_key, "client-key", error);
    }
    if (r != OK && access->source != NULL) {
        error_prefix(error, "%s", access->source);
    }
    return r;
}

static struct kube_material copy_material(const struct kube_material *material) {
    struct kube_material copy = {.file = mem_copy_text(material->file),
                                 .data_bytes = material->data_bytes};

    if (material->data != NULL) {
        copy.data = mem_copy_text_n(material->data, material->data_bytes);
    }
    return copy;
}

static char **copy_texts(char *const *texts) {
    static char *const none[] = {NULL};

    return texts == NULL ? NULL : environment_extend(texts, none);
}

struct kube_access kube_access_copy(const struct kube_access *access) {
    struct kube_access copy = *access;

    copy.source = mem_copy_text(access->source);
    copy.server = mem_copy_text(access->server);
    copy.proxy_url = mem_copy_text(access->proxy_url);
    copy.tls_server_name = mem_copy_text(access->tls_server_name);
    copy.namespace_ = mem_copy_text(access->namespace_);
    copy.ca = copy_material(&access->ca);
    copy.client_cert = copy_material(&access->client_cert);
    copy.client_key = copy_material(&access->client_key);
    copy.token = mem_copy_text(access->token);
    copy.token_file = mem_copy_text(access->token_file);
    copy.exec.command = mem_copy_text(access->exec.command);
    copy.exec.args = copy_texts(access->exec.args);
    copy.exec.env = copy_texts(access->exec.env);
    copy.exec.api_version = mem_copy_text(access->exec.api_version);
    copy.exec.install_hint = mem_copy_text(access->exec.install_hint);
    return copy;
}

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void material_finish(struct kube_material *material) {
    if (material->data != NULL) {
        explicit_bzero(material->data, material->data_bytes);
    }
    free(material->data);
    free(material->file);
}

void kube_access_finish(struct kube_access *access) {
    if (access == NULL) {
        return;
    }
    free(access->source);
    free(access->server);
    free(access->proxy_url);
    free(access->tls_server_name);
    free(access->namespace_);
    material_finish(&access->ca);
    material_finish(&access->client_cert);
    material_finish(&access->client_key);
    free_secret(access->token);
    free(access->token_file);
    free(access->exec.command);
    environment_free(access->exec.args);
    environment_free(access->exec.env);
    free(access->exec.api_version);
    free(access->exec.install_hint);
    *access = (struct kube_access){0};
}
