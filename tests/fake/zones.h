/* tests/fake/zones.h - the system's time zones, read for tests. */
#ifndef TESTS_FAKE_ZONES_H
#define TESTS_FAKE_ZONES_H

#include <stddef.h>

struct zone;

/* Fails the test if the system has no such zone. */
struct zone *zones_read(const char *name);

/* The zone UTC, from no file. */
struct zone *zones_utc(void);

/* Zones all over the world, with every kind of rule there is. */
extern const char *const zones_of_the_world[];
extern const size_t zones_of_the_world_count;

#endif
