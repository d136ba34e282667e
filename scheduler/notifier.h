/* scheduler/notifier.h - carries out COMMAND_NOTIFY: a notice to its receiver.
 *
 * Private to the daemon. Reads the receiver's secrets from their files for each sending, renders
 * the notice in its words, and tells the core what became of it. At least once: what was on its
 * way when the daemon died is sent again, with the same id.
 */
#ifndef SCHEDULER_NOTIFIER_H
#define SCHEDULER_NOTIFIER_H

#include <stdint.h>

struct daemon;
struct notifier;

struct notifier *notifier_create(struct daemon *daemon);
void notifier_destroy(struct notifier *notifier); /* Accepts NULL. */

void notifier_send(struct notifier *notifier, uint64_t number);

#endif
