/* api/wire_text.h - any bytes as a JSON text. */
#ifndef API_WIRE_TEXT_H
#define API_WIRE_TEXT_H

#include "base/buf.h"

/* Add text in quotes. Bytes that are not UTF-8 become U+FFFD: what a pod says must not make an
 * answer unreadable. */
void wire_text_quote(struct buf *out, const char *text);

#endif
