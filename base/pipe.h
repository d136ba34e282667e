/* base/pipe.h - a pipe for the output of a child process: our end does not block, and neither end
 * outlives an exec. */
#ifndef BASE_PIPE_H
#define BASE_PIPE_H

struct pipe_pair {
    int read_fd;
    int write_fd;
};

#define PIPE_CLOSED \
    { -1, -1 }

/* 0, or an errno; then *out_pair is untouched. */
int pipe_open(struct pipe_pair *out_pair);
void pipe_close(struct pipe_pair *pair); /* Accepts PIPE_CLOSED. */

#endif
