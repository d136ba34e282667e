/* scheduler/news.h - asking the cluster's events what is the matter with a pod.
 *
 * Private to scheduler/core. A pod that does not run for scheduling.eventsAfter is asked about, and
 * again after twice the time; one that is gone, and showed no reason, once before its attempt is
 * closed. What is heard counts where the pod's own status says nothing (k8s/pod_news.h).
 */
#ifndef SCHEDULER_NEWS_H
#define SCHEDULER_NEWS_H

#include "scheduler/view.h"

/* Of an attempt whose pod is there and does not run: ask if it is time, and set the timer. */
void news_tick(struct core *core, struct entry *entry);

/* Its pod is gone. False: there is nothing to wait for, close the attempt. */
bool news_ask_of_end(struct core *core, struct entry *entry);

/* The pod runs, or another attempt begins: what was heard is over. */
void news_forget(struct run *run);

void news_take(struct core *core, const struct news_event *news);

#endif
