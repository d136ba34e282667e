#include "queue/change.h"

#include <string.h>

#include "base/text.h"

void change_first_event(const struct job *job, char text[CHANGE_FIRST_TEXT_BYTES],
                        struct job_event *out_event) {
    static const char by[] = "by ";

    memcpy(text, by, strlen(by));
    (void)text_copy(text + strlen(by), CHANGE_FIRST_TEXT_BYTES - strlen(by), job->submitter);
    *out_event = (struct job_event){
        .job_id = job->id,
        .at_us = job->submitted_us,
        .state = job->submitted_held ? JOB_HELD : JOB_QUEUED,
        .kind = "submitted",
        .text = text,
        .is_implied = true,
    };
}
