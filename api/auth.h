/* api/auth.h - who may come in over the network, and what for.
 *
 * A bearer token is known by the SHA-256 of it. Comparing takes the same time for every token,
 * right or wrong: all entries are looked at, each in constant time. Keeps no token, logs nothing.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct api_token {
    unsigned char sha256[32];
    const char *user;
    const char *const *teams; /* "*": all; none: may only look */
    size_t team_count;
};

/* Who calls. */
struct api_identity {
    const char *user;         /* "uid:1000(alice)" of the unix socket, "token:airflow" */
    const char *const *teams; /* of a token */
    size_t team_count;
    bool local; /* by unix socket: all teams, as its file mode was the gate */
};

/* May it change this team's jobs and read their logs? */
bool api_identity_has_team(const struct api_identity *identity, const char *team);

struct api_auth;

/* Copies. No tokens: nobody comes in. The caller holds it once. */
struct api_auth *api_auth_create(const struct api_token *tokens, size_t count);

/* Calls under way hold the tokens that let them in, whatever is reloaded meanwhile. The last
 * drop frees. Accepts NULL. */
struct api_auth *api_auth_hold(struct api_auth *auth);
void api_auth_drop(struct api_auth *auth);

/* The value of an Authorization header (NULL: none). ERR_DENIED if it names no token of ours; the
 * identity borrows from auth. */
int api_auth_check(const struct api_auth *auth, const char *authorization,
                   struct api_identity *out_identity) MUST_CHECK;

#endif
