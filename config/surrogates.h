/* config/surrogates.h - the one thing of JSON that YAML does not read.
 *
 * JSON writes what lies beyond U+FFFF as two \u escapes; YAML takes them one by one
 * and refuses both. They are replaced by the character itself, but only in a text
 * that is JSON for certain: elsewhere they may mean what they say.
 */
#ifndef CONFIG_SURROGATES_H
#define CONFIG_SURROGATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* False: not JSON, nothing written. The columns behind a replaced pair shift. */
bool surrogates_replace(const char *text, size_t bytes, struct buf *out);

#endif
