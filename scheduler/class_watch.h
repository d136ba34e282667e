/* scheduler/class_watch.h - the cluster's RuntimeClasses, listed and watched.
 *
 * They say what pods to come will have beside what their jobs ask for (k8s/runtime_class.h). The
 * scheduling does without: not being allowed to list them stops nothing.
 */
#ifndef SCHEDULER_CLASS_WATCH_H
#define SCHEDULER_CLASS_WATCH_H

struct class_watch;
struct daemon;
struct runtime_classes;

struct class_watch *class_watch_create(struct daemon *daemon); /* Starts at once. */
void class_watch_destroy(struct class_watch *watch);           /* Accepts NULL. */

/* What is known of them; NULL watch: nothing. */
const struct runtime_classes *class_watch_classes(const struct class_watch *watch);

#endif
