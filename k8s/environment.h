/* k8s/environment.h - the only place in k8s/ that looks at the process's environment.
 *
 * Read at start-up and when a credential plugin is run; never written.
 */
#ifndef K8S_ENVIRONMENT_H
#define K8S_ENVIRONMENT_H

/* NULL when unset or empty. Borrowed. */
const char *environment_get(const char *name);

/* Our environment, changed by extra ("NAME=value", NULL-ended; a later one wins). Owned by the
 * caller: environment_free(). */
char **environment_with(char *const *extra);

/* The same of any environment. */
char **environment_extend(char *const *environment, char *const *extra);

/* Frees a NULL-ended list of texts. Accepts NULL. */
void environment_free(char **environment);

#endif
