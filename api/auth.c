#include "api/auth.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

struct entry {
    unsigned char sha256[DIGEST_BYTES];
    char *user; /* "token:" and the name */
    char **teams;
    size_t team_count;
};

struct api_auth {
    struct entry *entries;
    size_t count;
    size_t holders;
};

bool api_identity_has_team(const struct api_identity *identity, const char *team) {
    if (identity->local) {
        return true;
    }
    for (size_t i = 0; i < identity->team_count; i++) {
        if (strcmp(identity->teams[i], "*") == 0 || strcmp(identity->teams[i], team) == 0) {
            return true;
        }
    }
    return false;
}

static struct entry entry_of(const struct api_token *token) {
    struct entry entry = {.user = mem_format("token:%s", token->user),
                          .team_count = token->team_count};

    memcpy(entry.sha256, token->sha256, sizeof entry.sha256);
    entry.teams = mem_alloc(token->team_count + 1, sizeof *entry.teams);
    for (size_t i = 0; i < token->team_count; i++) {
        entry.teams[i] = mem_copy_text(token->teams[i]);
    }
    return entry;
}

struct api_auth *api_auth_create(const struct api_token *tokens, size_t count) {
    struct api_auth *auth = mem_alloc(1, sizeof *auth);

    auth->entries = mem_alloc(count + 1, sizeof *auth->entries);
    auth->count = count;
    auth->holders = 1;
    for (size_t i = 0; i < count; i++) {
        auth->entries[i] = entry_of(&tokens[i]);
    }
    return auth;
}

struct api_auth *api_auth_hold(struct api_auth *auth) {
    auth->holders++;
    return auth;
}

void api_auth_drop(struct api_auth *auth) {
    if (auth == NULL || --auth->holders > 0) {
        return;
    }
    for (size_t i = 0; i < auth->count; i++) {
        for (size_t k = 0; k < auth->entries[i].team_count; k++) {
            free(auth->entries[i].teams[k]);
        }
        free(auth->entries[i].teams);
        free(auth->entries[i].user);
    }
    free(auth->entries);
    free(auth);
}

/* What follows "Bearer ", in any case of it (RFC 9110, 11.1); NULL if it is something else. */
static const char *bearer_token(const char *authorization) {
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return NULL;
    }
    authorization += 7;
    return authorization + strspn(authorization, " ");
}

int api_auth_check(const struct api_auth *auth, const char *authorization,
                   struct api_identity *out_identity) {
    const char *token = bearer_token(authorization);
    unsigned char digest[DIGEST_BYTES];
    const struct entry *found = NULL;

    if (token == NULL || token[0] == '\0') {
        return ERR_DENIED;
    }
    digest_sha256(token, strlen(token), digest);
    for (size_t i = 0; i < auth->count; i++) {
        if (text_equal_constant_time(auth->entries[i].sha256, digest, sizeof digest)) {
            found = &auth->entries[i]; /* And go on: where it stands is nobody's business. */
        }
    }
    if (found == NULL) {
        return ERR_DENIED;
    }
    *out_identity = (struct api_identity){
        .user = found->user,
        .teams = (const char *const *)found->teams,
        .team_count = found->team_count,
    };
    return OK;
}
