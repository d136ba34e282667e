#include "sim/tls_self_signed.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"

#define HOUR_SECONDS 3600
#define YEAR_SECONDS (366L * 24 * HOUR_SECONDS)

static int failed(struct error *error, const char *what) {
    char text[256] = "";

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return error_set(error, ERR_IO, "%s: %s", what, text);
}

/* Host may be an address or a name; 255 bytes are more than either has. */
static void alternative_names(const char *host, char out_text[400]) {
    static const char fixed[] = "DNS:localhost,DNS:kubernetes,IP:127.0.0.1,IP:::1";
    bool address =
        host != NULL && (strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host));

    if (host == NULL || host[0] == '\0' || strlen(host) > 255) {
        snprintf(out_text, 400, "%s", fixed);
    } else {
        snprintf(out_text, 400, "%s,%s:%s", fixed, address ? "IP" : "DNS", host);
    }
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_times(X509 *certificate, int64_t now_us) {
    time_t now = (time_t)(now_us / CLOCK_US_PER_SECOND);

    return ASN1_TIME_set(X509_getm_notBefore(certificate), now - HOUR_SECONDS) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), now + YEAR_SECONDS) != NULL;
}

/* Version, serial, times, subject and key; NULL when OpenSSL fails. */
static X509 *begin_certificate(const char *name, EVP_PKEY *key, int64_t now_us) {
    X509 *certificate = X509_new();
    uint64_t serial;

    rng_secret(&serial, sizeof serial);
    serial >>= 1; /* Serials are positive. */
    if (certificate == NULL || X509_set_version(certificate, 2) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) != 1 ||
        !set_times(certificate, now_us) || X509_set_pubkey(certificate, key) != 1 ||
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)name, -1, -1, 0) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static X509 *make_authority(EVP_PKEY *key, int64_t now_us) {
    X509 *authority = begin_certificate("kubesim-ca", key, now_us);

    if (authority == NULL) {
        return NULL;
    }
    if (X509_set_issuer_name(authority, X509_get_subject_name(authority)) != 1 ||
        !add_extension(authority, authority, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(authority, authority, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(authority, authority, NID_subject_key_identifier, "hash") ||
        X509_sign(authority, key, EVP_sha256()) == 0) {
        X509_free(authority);
        return NULL;
    }
    return authority;
}

static X509 *make_server(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key, const char *host,
                         int64_t now_us) {
    X509 *server = begin_certificate("kubesim", key, now_us);
    char names[400];

    alternative_names(host, names);
    if (server == NULL) {
        return NULL;
    }
    if (X509_set_issuer_name(server, X509_get_subject_name(authority)) != 1 ||
        !add_extension(server, authority, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(server, authority, NID_ext_key_usage, "serverAuth") ||
        !add_extension(server, authority, NID_authority_key_identifier, "keyid") ||
        !add_extension(server, authority, NID_subject_alt_name, names) ||
        X509_sign(server, authority_key, EVP_sha256()) == 0) {
        X509_free(server);
        return NULL;
    }
    return server;
}

/* What was written to a memory BIO, owned. Frees the BIO. */
static char *take_pem(BIO *bio, int written) {
    char *data = NULL;
    long bytes = BIO_get_mem_data(bio, &data);
    char *text = written == 1 && bytes > 0 ? mem_copy_text_n(data, (size_t)bytes) : NULL;

    BIO_free(bio);
    return text;
}

static char *certificate_pem(X509 *certificate) {
    BIO *bio = BIO_new(BIO_s_mem());

    return bio == NULL ? NULL : take_pem(bio, PEM_write_bio_X509(bio, certificate));
}

static char *key_pem(EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());

    return bio == NULL
               ? NULL
               : take_pem(bio, PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
}

int sim_certificates_make(const char *host, int64_t now_us, struct sim_certificates *out,
                          struct error *error) {
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *authority = NULL;
    X509 *server = NULL;
    struct sim_certificates made = {0};
    int r = OK;

    if (authority_key != NULL && key != NULL) {
        authority = make_authority(authority_key, now_us);
    }
    if (authority != NULL) {
        server = make_server(key, authority, authority_key, host, now_us);
    }
    if (server != NULL) {
        made.authority = certificate_pem(authority);
        made.certificate = certificate_pem(server);
        made.key = key_pem(key);
    }
    if (made.authority == NULL || made.certificate == NULL || made.key == NULL) {
        r = failed(error, "can't make a certificate");
        sim_certificates_finish(&made);
    } else {
        *out = made;
    }
    X509_free(server);
    X509_free(authority);
    EVP_PKEY_free(key);
    EVP_PKEY_free(authority_key);
    return r;
}

void sim_certificates_finish(struct sim_certificates *certificates) {
    free(certificates->authority);
    free(certificates->certificate);
    free(certificates->key);
    *certificates = (struct sim_certificates){0};
}
