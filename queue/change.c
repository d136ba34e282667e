#include "queue/change.h"

#include <stdio.h>

void change_first_event(const struct job *job, char text[CHANGE_FIRST_TEXT_BYTES],
                        struct job_event *out_event) {
    (void)snprintf(text, CHANGE_FIRST_TEXT_BYTES, "by %s", job->submitter);
    *out_event = (struct job_event){
        .job_id = job->id,
        .at_us = job->submitted_us,
        .state = job->submitted_held ? JOB_HELD : JOB_QUEUED,
        .kind = "submitted",
        .text = text,
        .is_implied = true,
    };
}
