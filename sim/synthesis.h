/* sim/synthesis.h - a made-up trace of nightly batch work, from a seed.
 *
 * Teams have a few jobs each that come again and again under the same name, with run times that
 * scatter around the job's own median (log-normal), as gangs of one driver and 1 to 16 executors;
 * arrivals are random (Poisson), three times as dense from 22:00 to 06:00. Not a model of any
 * installation: something small to try and test with. One in three says how long it expects to
 * run, and overstates it.
 */
#ifndef SIM_SYNTHESIS_H
#define SIM_SYNTHESIS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* As JSON lines. */
void synthesis_write(size_t jobs, uint64_t seed, struct buf *out);

#endif
