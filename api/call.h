/* api/call.h - a request's headers and parameters as the members of a struct api_call. */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"

/* Fill what call->route takes: strict, an unknown or repeated parameter is refused. Texts point
 * into the request. 0, or the HTTP status to refuse with: 400, 406, 415, with words. */
int call_decode(struct api_call *call, const struct http_request *request, struct error *error);

#endif
