#include "policy/avoid.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FAILURE_MILLI   1000
#define THRESHOLD_MILLI 500
#define MILLI_MAX       64000 /* seven half-lives */

static bool read_node(const char *word, size_t length, struct avoid_node *out_node) {
    char text[LIMIT_NAME_BYTES + 64];
    char *milli;
    char *at;

    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, word, length);
    text[length] = '\0';
    milli = strchr(text, '=');
    at = milli != NULL ? strchr(milli, '@') : NULL;
    if (at == NULL) {
        return false;
    }
    *milli++ = *at++ = '\0';
    out_node->is_required = milli[0] == '!';
    return text_parse_int64(milli + out_node->is_required, &out_node->milli) == OK &&
           text_parse_int64(at, &out_node->at_us) == OK &&
           text_copy(out_node->name, sizeof out_node->name, text) && text[0] != '\0';
}

void avoid_parse(const char *text, struct avoid_list *out_list) {
    *out_list = (struct avoid_list){0};
    while (text != NULL && text[0] != '\0' && out_list->count < AVOID_OWN_MAX) {
        size_t length = strcspn(text, " ");

        if (read_node(text, length, &out_list->nodes[out_list->count])) {
            out_list->count++;
        }
        text += length + (text[length] == ' ');
    }
}

void avoid_print(const struct avoid_list *list, struct buf *out) {
    for (size_t i = 0; i < list->count; i++) {
        const struct avoid_node *node = &list->nodes[i];

        buf_add_format(out, "%s%s=%s%" PRId64 "@%" PRId64, i > 0 ? " " : "", node->name,
                       node->is_required ? "!" : "", node->milli, node->at_us);
    }
}

/* A clock that went back adds no weight. */
static int64_t weight_milli(const struct avoid_node *node, int64_t half_life_us, int64_t now_us) {
    if (half_life_us <= 0) {
        return 0;
    }
    if (now_us <= node->at_us) {
        return node->milli;
    }
    return (int64_t)((double)node->milli *
                     exp2(-(double)(now_us - node->at_us) / (double)half_life_us));
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct avoid_node *)a)->name, ((const struct avoid_node *)b)->name);
}

void avoid_sort(struct avoid_list *list) {
    qsort(list->nodes, list->count, sizeof list->nodes[0], by_name);
}

void avoid_settle(struct avoid_list *list, int64_t half_life_us, int64_t now_us) {
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (weight_milli(&list->nodes[i], half_life_us, now_us) > THRESHOLD_MILLI) {
            list->nodes[kept++] = list->nodes[i];
        }
    }
    list->count = kept;
    avoid_sort(list);
}

/* The place of that node, of a new one, or of the lightest. */
static struct avoid_node *place_for(struct avoid_list *list, const char *node) {
    struct avoid_node *lightest = &list->nodes[0];

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->nodes[i].name, node) == 0) {
            return &list->nodes[i];
        }
        if (list->nodes[i].milli < lightest->milli) {
            lightest = &list->nodes[i];
        }
    }
    if (list->count < AVOID_OWN_MAX) {
        lightest = &list->nodes[list->count++];
    }
    *lightest = (struct avoid_node){0};
    return lightest;
}

void avoid_note(struct avoid_list *list, const char *node, bool is_required, int64_t half_life_us,
                int64_t now_us) {
    struct avoid_node *place;

    avoid_settle(list, half_life_us, now_us);
    for (size_t i = 0; i < list->count; i++) {
        list->nodes[i].milli = weight_milli(&list->nodes[i], half_life_us, now_us);
        list->nodes[i].at_us = now_us;
    }
    place = place_for(list, node);
    if (!text_copy(place->name, sizeof place->name, node)) {
        return;
    }
    place->is_required = place->is_required || is_required;
    place->milli =
        place->milli + FAILURE_MILLI < MILLI_MAX ? place->milli + FAILURE_MILLI : MILLI_MAX;
    place->at_us = now_us;
    avoid_sort(list);
}

int64_t avoid_ends_us(const struct avoid_list *list, int64_t half_life_us, int64_t now_us) {
    int64_t first_us = INT64_MAX;

    for (size_t i = 0; i < list->count; i++) {
        const struct avoid_node *node = &list->nodes[i];
        double lives = log2((double)node->milli / THRESHOLD_MILLI);
        int64_t end_us = node->at_us + (int64_t)ceil(lives * (double)half_life_us) + 1;

        if (end_us > now_us && end_us < first_us) {
            first_us = end_us;
        }
    }
    return first_us;
}
