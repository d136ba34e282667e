/* scheduler/news_reader.h - reads the cluster's events about a pod when the core asks for them.
 *
 * One bounded GET for each COMMAND_NEWS, answered by an EVENT_NEWS whatever becomes of it. Without
 * the right to list events nothing is asked for a while, and the log says so once.
 */
#ifndef SCHEDULER_NEWS_READER_H
#define SCHEDULER_NEWS_READER_H

struct command;
struct daemon;
struct news_reader;

struct news_reader *news_reader_create(struct daemon *daemon);

/* After kube_close(). Accepts NULL. */
void news_reader_destroy(struct news_reader *reader);

void news_reader_ask(struct news_reader *reader, const struct command *command);

#endif
