/* config/json_text.h - the quick reader of what most programs send: one object of plain JSON.
 *
 * Gives the very tree and places that config/document.h gives for the same text, in a tenth of the
 * time: a test holds the two against each other. Whatever it isn't sure of (anything but ASCII,
 * \u escapes, a mistake, a bound) it leaves to the reader of YAML, which finds the words too. It
 * takes tabs and line ends where JSON has them and YAML doesn't.
 */
#ifndef CONFIG_JSON_TEXT_H
#define CONFIG_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct text_node;

/* first_line: of the text in its file, from 1. False: not for this reader; *out_root is as it was,
 * the arena may hold something. */
bool json_text_parse(const char *text, size_t bytes, uint32_t first_line, struct arena *arena,
                     struct text_node *out_root);

#endif
