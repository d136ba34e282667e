#include "config/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/file.h"

#define PREFIX         "sha256:"
#define HASH_DIGITS    64
#define FILE_BYTES_MAX (4 * LIMIT_MIB)

struct line {
    const char *text; /* owned by the reader, without its newline */
    uint32_t number;
    struct problems *problems;
};

static bool complain(const struct line *line, const char *message) {
    problems_add(line->problems, (struct position){line->number, 1}, "", "%s", message);
    return false;
}

static int digit_value(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit >= 'A' ? digit | 0x20 : digit);

    return at == NULL ? -1 : (int)(at - digits);
}

static bool read_hash(const char *text, unsigned char *out_hash) {
    for (size_t i = 0; i < HASH_DIGITS / 2; i++) {
        int high = digit_value(text[2 * i]);
        int low = high < 0 ? -1 : digit_value(text[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        out_hash[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static void token_finish(struct token *token) {
    free(token->user);
    for (size_t i = 0; i < token->team_count; i++) {
        free(token->teams[i]);
    }
    free(token->teams);
}

/* "user,team,team": every name is one that a label may hold; the team * is all of them. */
static bool read_names(const struct line *line, const char *text, struct token *token) {
    while (true) {
        size_t length = strcspn(text, ",");
        char *name = mem_copy_text_n(text, length);

        bool is_all_teams = token->user != NULL && strcmp(name, "*") == 0;

        if (name[0] == '\0' || (!is_all_teams && !text_is_label_value(name))) {
            free(name);
            return complain(line, "a user or team is 1 to 63 of letters, digits, -, _ and ., or "
                                  "the team *");
        }
        if (token->user == NULL) {
            token->user = name;
        } else {
            token->teams = mem_grow(token->teams, token->team_count + 1, sizeof *token->teams);
            token->teams[token->team_count++] = name;
        }
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

static bool read_token(const struct line *line, struct token *token) {
    const char *hash = line->text + strlen(PREFIX);
    const char *names;

    if (!text_starts_with(line->text, PREFIX) || !read_hash(hash, token->sha256)) {
        return complain(line, "must begin with sha256: and 64 hexadecimal digits");
    }
    names = hash + HASH_DIGITS;
    if (*names != ' ' && *names != '\t') {
        return complain(line, "a user must follow the hash, after a space");
    }
    return read_names(line, names + strspn(names, " \t"), token);
}

static bool is_known(const struct token_list *list, const struct token *token) {
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->items[i].sha256, token->sha256, sizeof token->sha256) == 0) {
            return true;
        }
    }
    return false;
}

static void add_line(const struct line *line, struct token_list *list) {
    struct token token = {0};

    if (!read_token(line, &token) ||
        (is_known(list, &token) && !complain(line, "the same token is given above")) ||
        (list->count == LIMIT_TOKENS && !complain(line, "too many tokens"))) {
        token_finish(&token);
        return;
    }
    list->items = mem_grow(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = token;
}

/* Without blanks at both ends. */
static char *trimmed(const char *text, size_t bytes) {
    while (bytes > 0 && strchr(" \t\r", text[bytes - 1]) != NULL) {
        bytes--;
    }
    while (bytes > 0 && strchr(" \t", *text) != NULL) {
        text++;
        bytes--;
    }
    return mem_copy_text_n(text, bytes);
}

int token_list_parse(const char *text, size_t bytes, struct token_list *out_list,
                     struct problems *problems) {
    struct token_list list = {0};
    size_t before = problems->count;
    const char *end = text + bytes;

    for (uint32_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        char *copy = trimmed(text, (size_t)(stop - text));
        struct line line = {copy, number, problems};

        if (copy[0] != '\0' && copy[0] != '#') {
            add_line(&line, &list);
        }
        free(copy);
        text = newline != NULL ? newline + 1 : end;
    }
    problems_sort(problems);
    if (problems->count > before) {
        token_list_finish(&list);
        return ERR_INVALID;
    }
    *out_list = list;
    return OK;
}

int token_list_load(const char *path, struct token_list *out_list, struct problems *problems) {
    struct buf text;
    int result;

    buf_init(&text, FILE_BYTES_MAX);
    result = file_read(path, FILE_OTHERS_DO_NOT_WRITE, &text, problems);
    if (result == OK) {
        result = token_list_parse(buf_text(&text), text.bytes, out_list, problems);
    }
    buf_finish(&text);
    return result;
}

void token_list_finish(struct token_list *list) {
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        token_finish(&list->items[i]);
    }
    free(list->items);
    *list = (struct token_list){0};
}
