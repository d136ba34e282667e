/* scheduler/applications.h - a watch of the SparkApplications that the Spark operator has from us.
 *
 * It begins when there is one: other clusters may not know them, and have no rights for them. What
 * the operator says becomes events; what it does not say, or nobody may hear, is left to the watch
 * of pods, and to looking at an application that is not submitted yet.
 */
#ifndef SCHEDULER_APPLICATIONS_H
#define SCHEDULER_APPLICATIONS_H

struct applications;
struct daemon;
struct reflector_event;

struct applications *applications_create(struct daemon *daemon);
void applications_destroy(struct applications *applications); /* Accepts NULL. */

/* There is one, or was before a restart: watch them from now on. When all there are have been told,
 * or can't be, EVENT_APPLICATIONS says so. */
void applications_follow(struct applications *applications);

/* The same if this pod is of one. */
void applications_see_pod(struct applications *applications, const struct reflector_event *pod);

#endif
