/* base/version.h - which nightshift this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define NIGHTSHIFT_VERSION "0.1.0"

#endif
