#include "base/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pipe_open(struct pipe_pair *out_pair) {
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return errno;
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *out_pair = (struct pipe_pair){fds[0], fds[1]};
    return 0;
}

void pipe_close(struct pipe_pair *pair) {
    if (pair->read_fd >= 0) {
        (void)close(pair->read_fd);
    }
    if (pair->write_fd >= 0) {
        (void)close(pair->write_fd);
    }
}
