/* api/report.h - a report in three forms: JSON, text for a terminal or a mail, and a page of HTML
 * that stands by itself.
 *
 * Pure. Texts come from people and programs: each form escapes them.
 */
#ifndef API_REPORT_H
#define API_REPORT_H

#include "base/buf.h"

struct report;
struct zone;

enum report_form {
    REPORT_JSON,
    REPORT_TEXT,
    REPORT_HTML,
    REPORT_FORM_COUNT,
};

extern const char *const report_form_texts[REPORT_FORM_COUNT + 1];
const char *report_content_type(enum report_form form);

/* Times in text and HTML are those of the zone's wall clock. */
void report_print(const struct report *report, enum report_form form, const struct zone *zone,
                  struct buf *out);

#endif
