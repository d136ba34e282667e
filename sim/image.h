/* sim/image.h - which folder of the machine stands for which image.
 *
 * A folder is laid over the machine's own root: it holds only what the machine has not, or "/".
 * A file image.json in it says what an image's configuration says, as OCI's does: {"config":
 * {"Entrypoint": [..], "Cmd": [..], "Env": ["A=b"], "WorkingDir": "/"}}.
 */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include "base/error.h"

struct image_set;
struct json_t;

struct image {
    char *pattern; /* the image's name; with * at its end all that begin like this */
    char *root;    /* absolute, without links */
    struct json_t *config;
};

struct image_set *image_set_create(void);
void image_set_destroy(struct image_set *set); /* Accepts NULL. */

/* "NAME=FOLDER". ERR_INVALID, with words: the text, the folder or its image.json can't be used. */
int image_set_add(struct image_set *set, const char *text, struct error *error) MUST_CHECK;

/* The first that was added and fits. Borrowed; NULL: there is no such image. */
const struct image *image_set_find(const struct image_set *set, const char *name);

#endif
