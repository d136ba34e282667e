/* queue/pages.h - is the tree of LMDB's file whole, page by page?
 *
 * LMDB trusts its file: a page that was torn or overwritten can lead it out of the file, which ends
 * the process. This reads the file by itself, touches nothing, and follows no link before it has
 * looked at it. What is in the records is not its business: they have checksums.
 */
#ifndef QUEUE_PAGES_H
#define QUEUE_PAGES_H

#include <stdint.h>

#include "base/error.h"

/* Check the pages that say where the others are: before the file is opened. O(1). */
int pages_check_head(int fd, struct error *error) MUST_CHECK;

/* Check what the commit `txnid` left (0: the last one) of the open file. ERR_CORRUPT with the page
 * and what is wrong with it; ERR_IO. O(pages). */
int pages_check(int fd, uint64_t txnid, struct error *error) MUST_CHECK;

#endif
