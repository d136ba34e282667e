#include "api/auth.h"

#include <string.h>

#include "base/digest.h"
#include "tests/test.h"

static const char *const teams_a[] = {"a", "b"};
static const char *const teams_all[] = {"*"};

static struct api_token token_of(const char *secret, const char *user, const char *const *teams,
                                 size_t count) {
    struct api_token token = {.user = user, .teams = teams, .team_count = count};

    digest_sha256(secret, strlen(secret), token.sha256);
    return token;
}

static struct api_auth *three_tokens(void) {
    struct api_token tokens[] = {
        token_of("secret-1", "airflow", teams_a, 2),
        token_of("secret-2", "ops", teams_all, 1),
        token_of("secret-3", "dashboard", NULL, 0),
    };

    return api_auth_create(tokens, ARRAY_LEN(tokens));
}

TEST(api_auth_check__lets_in_whose_token_is_known) {
    static const struct {
        const char *what, *authorization, *user; /* NULL: refused */
    } rows[] = {
        {"the first", "Bearer secret-1", "token:airflow"},
        {"the last", "Bearer secret-3", "token:dashboard"},
        {"the scheme in any case", "bEARER secret-2", "token:ops"},
        {"more than one space", "Bearer   secret-2", "token:ops"},
        {"none", NULL, NULL},
        {"an empty header", "", NULL},
        {"an empty token", "Bearer ", NULL},
        {"spaces for a token", "Bearer    ", NULL},
        {"another scheme", "Basic secret-1", NULL},
        {"no scheme", "secret-1", NULL},
        {"no space", "Bearersecret-1", NULL},
        {"too short", "Bearer secret-", NULL},
        {"too long", "Bearer secret-11", NULL},
        {"a space behind it", "Bearer secret-1 ", NULL},
        {"in another case", "Bearer SECRET-1", NULL},
        {"the hash itself",
         "Bearer 5b11618c2e44027877d0cd0921ed166b9f176f50587fc91e7534dd2946db77d6", NULL},
    };
    struct api_auth *auth = three_tokens();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_identity identity = {.user = "untouched"};
        int r = api_auth_check(auth, rows[i].authorization, &identity);

        CHECK_EQ(r, rows[i].user != NULL ? OK : ERR_DENIED, rows[i].what);
        CHECK_STR(identity.user, rows[i].user != NULL ? rows[i].user : "untouched", rows[i].what);
        CHECK(!identity.local, "the network is not local");
    }
    api_auth_drop(auth);
}

TEST(api_auth_check__lets_nobody_in_without_tokens) {
    struct api_auth *auth = api_auth_create(NULL, 0);
    struct api_identity identity;

    CHECK_EQ(api_auth_check(auth, "Bearer x", &identity), ERR_DENIED, "no tokens");
    api_auth_drop(auth);
}

TEST(api_identity_has_team__opens_only_its_own) {
    struct api_auth *auth = three_tokens();
    static const struct {
        const char *what, *authorization, *team;
        bool want;
    } rows[] = {
        {"its first team", "Bearer secret-1", "a", true},
        {"its second", "Bearer secret-1", "b", true},
        {"a stranger's", "Bearer secret-1", "c", false},
        {"a beginning of its own", "Bearer secret-1", "", false},
        {"a longer one", "Bearer secret-1", "ab", false},
        {"a star is no name for others", "Bearer secret-1", "*", false},
        {"all", "Bearer secret-2", "anything", true},
        {"who may only look", "Bearer secret-3", "a", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct api_identity identity = {0};

        CHECK_OK(api_auth_check(auth, rows[i].authorization, &identity), rows[i].what);
        CHECK_EQ(api_identity_has_team(&identity, rows[i].team), rows[i].want, rows[i].what);
    }
    CHECK(api_identity_has_team(&(struct api_identity){.local = true}, "a"), "the unix socket");
    api_auth_drop(auth);
}

TEST(api_auth_hold__keeps_the_tokens_until_the_last_drop) {
    struct api_auth *auth = three_tokens();
    struct api_identity identity = {0};

    CHECK_OK(api_auth_check(auth, "Bearer secret-1", &identity), "in");
    CHECK_EQ(api_auth_hold(auth), auth, "itself");
    api_auth_drop(auth);
    CHECK_STR(identity.user, "token:airflow", "still there");
    api_auth_drop(auth);
    api_auth_drop(NULL);
}
