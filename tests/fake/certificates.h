/* tests/fake/certificates.h - a certificate authority for tests, made anew in each process. */
#ifndef TESTS_FAKE_CERTIFICATES_H
#define TESTS_FAKE_CERTIFICATES_H

struct authority;

/* PEM texts, owned: key_pair_finish(). */
struct key_pair {
    char *cert_pem;
    char *key_pem;
};

struct authority *authority_create(const char *name);
void authority_destroy(struct authority *authority); /* Accepts NULL. */

/* Borrowed. */
const char *authority_cert_pem(const struct authority *authority);

/* A certificate for common name `name`; sans such as "DNS:localhost,IP:127.0.0.1", or NULL. */
struct key_pair authority_issue(struct authority *authority, const char *name, const char *sans);
void key_pair_finish(struct key_pair *pair);

#endif
