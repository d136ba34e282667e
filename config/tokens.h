/* config/tokens.h - the file of bearer tokens: who may come in over TCP.
 *
 * A line is `sha256:<64 hex digits> <user>[,<team>...]`, where the team * is all of them; blank
 * lines and lines that begin with # are skipped. The file holds hashes, never a token, yet who may
 * write it is everybody's administrator: it is refused when group or others may write it.
 */
#ifndef CONFIG_TOKENS_H
#define CONFIG_TOKENS_H

#include <stddef.h>

#include "base/error.h"
#include "config/problem.h"

struct token {
    unsigned char sha256[32];
    char *user;
    char **teams; /* the user's teams, in the order written */
    size_t team_count;
};

struct token_list {
    struct token *items;
    size_t count;
};

/* ERR_INVALID with problems, sorted; the output is then untouched. */
int token_list_parse(const char *text, size_t bytes, struct token_list *out_list,
                     struct problems *problems) MUST_CHECK;

/* The same from a file. Also ERR_NOT_FOUND, ERR_DENIED (its mode too), ERR_IO. */
int token_list_load(const char *path, struct token_list *out_list,
                    struct problems *problems) MUST_CHECK;

void token_list_finish(struct token_list *list);

#endif
