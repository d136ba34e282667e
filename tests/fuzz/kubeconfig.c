/* Whatever a kubeconfig holds: parsed or refused with words, and nothing leaks. */
#include "k8s/kubeconfig.h"

#include <stddef.h>
#include <stdint.h>

#include "base/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct kubeconfig_choice choice = {.allow_insecure = size % 2 == 0};
    struct kube_access access = {0};
    struct error error = {0};
    int r = kubeconfig_parse((const char *)data, size, "/etc/kubeconfig", &choice, &access, &error);

    if (r == OK) {
        struct kube_access copy = kube_access_copy(&access);

        ENSURE(access.server != NULL);
        ENSURE(access.source != NULL);
        ENSURE(choice.allow_insecure || !access.insecure_skip_tls_verify);
        kube_access_finish(&copy);
    } else {
        ENSURE(error.code == r);
        ENSURE(error.text[0] != '\0');
    }
    kube_access_finish(&access);
    return 0;
}
