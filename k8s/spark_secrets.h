/* k8s/spark_secrets.h - a keytab and credentials of the submitter's, in Secrets of the driver's.
 *
 * spec.localFiles.keytab {name: text}, and .driverCredentials {"oauth-token", "ca-cert",
 * "client-key", "client-cert": text}: base64, or sealed by base/seal.h until the attempt starts.
 * What is still sealed is printed as SPARK_REDACTED. Source: Spark's KerberosConfDriverFeatureStep
 * and DriverKubernetesCredentialsFeatureStep.
 */
#ifndef K8S_SPARK_SECRETS_H
#define K8S_SPARK_SECRETS_H

#include <stdbool.h>

#include "base/error.h"
#include "k8s/codec_json.h"

#define SPARK_REDACTED "<present_but_redacted>"

struct payload_run;
struct seal_keys;
struct spark_app;
struct spark_attempt;
struct spark_conf;

/* Read them of spec.localFiles into the application. */
int spark_secrets_read(const struct json_at *files, struct spark_app *app,
                       struct field_error *error) MUST_CHECK;

/* Do the properties that name such files on the submitter's machine have them; no token among the
 * properties is in clear. */
int spark_secrets_check(const struct spark_app *app, struct field_error *error) MUST_CHECK;

/* Is there one to open? */
bool spark_secrets_are_sealed(const struct spark_app *app);

/* Open them all, as those of a job in that namespace; seal_open()'s errors. */
int spark_secrets_open(struct spark_app *app, const struct seal_keys *keys, const char *namespace_,
                       struct field_error *error) MUST_CHECK;

/* With credentials of its own the driver has no service account. */
bool spark_has_credentials(const struct spark_app *app);

/* Add the volumes and mounts; Spark has other volumes between them. */
void spark_secrets_add_credentials(const struct spark_attempt *attempt, struct json_t *volumes,
                                   struct json_t *mounts);
void spark_secrets_add_keytab(const struct spark_attempt *attempt, struct json_t *volumes,
                              struct json_t *mounts);

/* Add a Secret's volume of that name, mounted as a folder. */
void spark_mount_secret(const char *name, const char *secret, const char *folder,
                        struct json_t *volumes, struct json_t *mounts);

/* Add the properties that tell the driver where they are: at most five. ERR_FULL. */
int spark_secrets_overlay(const struct spark_app *app, struct spark_conf *conf) MUST_CHECK;

/* The Secrets to create; NULL: none. */
char *spark_secrets_credentials(const struct spark_app *app, const struct payload_run *run,
                                const char *owner_uid);
char *spark_secrets_keytab(const struct spark_app *app, const struct payload_run *run,
                           const char *owner_uid);

#endif
