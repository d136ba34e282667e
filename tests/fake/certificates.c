#include "tests/fake/certificates.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "base/memory.h"

#define DAY_SECONDS 86400L

struct authority {
    EVP_PKEY *key;
    X509 *cert;
    char *cert_pem;
    long last_serial;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ENSURE(extension != NULL);
    ENSURE(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *begin_cert(const char *name, long serial, EVP_PKEY *key) {
    X509 *cert = X509_new();
    X509_NAME *subject;

    ENSURE(cert != NULL);
    ENSURE(X509_set_version(cert, 2) == 1);
    ENSURE(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) == 1);
    ENSURE(X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_SECONDS) != NULL);
    ENSURE(X509_gmtime_adj(X509_getm_notAfter(cert), DAY_SECONDS) != NULL);
    ENSURE(X509_set_pubkey(cert, key) == 1);
    subject = X509_get_subject_name(cert);
    ENSURE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1);
    return cert;
}

static char *take_text(BIO *bio) {
    char *data;
    long bytes = BIO_get_mem_data(bio, &data);
    char *text = mem_copy_text_n(data, (size_t)bytes);

    BIO_free(bio);
    return text;
}

static char *cert_text(X509 *cert) {
    BIO *bio = BIO_new(BIO_s_mem());

    ENSURE(PEM_write_bio_X509(bio, cert) == 1);
    return take_text(bio);
}

static char *key_text(EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());

    ENSURE(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return take_text(bio);
}

struct authority *authority_create(const char *name) {
    struct authority *authority = mem_alloc(1, sizeof *authority);
    X509 *cert;

    authority->key = EVP_EC_gen("P-256");
    ENSURE(authority->key != NULL);
    authority->last_serial = 1;
    cert = begin_cert(name, 1, authority->key);
    ENSURE(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);
    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, cert, NID_subject_key_identifier, "hash");
    ENSURE(X509_sign(cert, authority->key, EVP_sha256()) > 0);
    authority->cert = cert;
    authority->cert_pem = cert_text(cert);
    return authority;
}

void authority_destroy(struct authority *authority) {
    if (authority != NULL) {
        EVP_PKEY_free(authority->key);
        X509_free(authority->cert);
        free(authority->cert_pem);
        free(authority);
    }
}

const char *authority_cert_pem(const struct authority *authority) {
    return authority->cert_pem;
}

struct key_pair authority_issue(struct authority *authority, const char *name, const char *sans) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct key_pair pair;
    X509 *cert;

    ENSURE(key != NULL);
    cert = begin_cert(name, ++authority->last_serial, key);
    ENSURE(X509_set_issuer_name(cert, X509_get_subject_name(authority->cert)) == 1);
    if (sans != NULL) {
        add_extension(cert, authority->cert, NID_subject_alt_name, sans);
    }
    ENSURE(X509_sign(cert, authority->key, EVP_sha256()) > 0);
    pair = (struct key_pair){cert_text(cert), key_text(key)};
    X509_free(cert);
    EVP_PKEY_free(key);
    return pair;
}

void key_pair_finish(struct key_pair *pair) {
    free(pair->cert_pem);
    free(pair->key_pem);
    *pair = (struct key_pair){0};
}
