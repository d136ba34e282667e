/* base/ensure.h - assertions about our own code, on in every build.
 *
 * ENSURE(cond) means "otherwise it is our bug": one condition, no side effect.
 * Input from disk, network or user is never ENSUREd; it is checked and refused.
 */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

#define ENSURE(cond) ((cond) ? (void)0 : ensure_failed(#cond, __FILE__, __LINE__))

_Noreturn void ensure_failed(const char *condition, const char *file, int line);

#endif
