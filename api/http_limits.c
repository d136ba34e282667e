#include "api/http.h"

#include "base/limits.h"

struct http_limits http_limits_default(void) {
    return (struct http_limits){
        .header_bytes = LIMIT_HTTP_HEADER_BYTES,
        .header_count = LIMIT_HTTP_HEADERS,
        .url_bytes = LIMIT_HTTP_URL_BYTES,
        .body_bytes = LIMIT_HTTP_BODY_BYTES,
        .body_bytes_all = LIMIT_HTTP_BODY_BYTES_ALL,
        .connections_network = LIMIT_HTTP_CONNECTIONS,
        .connections_unix = LIMIT_HTTP_CONNECTIONS_UNIX,
        .stream_bytes = LIMIT_HTTP_STREAM_BYTES,
        .handshake_us = 10 * CLOCK_US_PER_SECOND,
        .header_us = 10 * CLOCK_US_PER_SECOND,
        .body_us = 120 * CLOCK_US_PER_SECOND,
        .idle_us = 75 * CLOCK_US_PER_SECOND,
        .idle_min_us = 1 * CLOCK_US_PER_SECOND,
        .linger_us = 1 * CLOCK_US_PER_SECOND,
        .send_us = 30 * CLOCK_US_PER_SECOND,
        .send_bytes_min = 64 * LIMIT_KIB,
    };
}
