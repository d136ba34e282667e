#include "policy/decay.h"

#include <math.h>

#define LN_2              0.69314718055994530942
#define SERIES_TERMS      20
#define SERIES_NEAR       0.01 /* below this part of a half-life so many are enough: */
#define SERIES_TERMS_NEAR 7
#define HALVINGS_MAX      1000.0

/* 2^-x, x >= 0. */
static double half_power(double x) {
    double whole;
    double sum = 1;
    double y;
    int terms;

    if (x >= HALVINGS_MAX) {
        return 0;
    }
    whole = floor(x);
    y = -(x - whole) * LN_2;
    terms = x < SERIES_NEAR ? SERIES_TERMS_NEAR : SERIES_TERMS;
    for (int i = terms; i > 0; i--) {
        sum = 1 + y * sum / i;
    }
    return ldexp(sum, -(int)whole);
}

double decay_left(int64_t elapsed_us, double half_life_us) {
    return elapsed_us > 0 ? half_power((double)elapsed_us / half_life_us) : 1;
}

double decay_held(int64_t from_us, int64_t to_us, int64_t at_us, double half_life_us) {
    to_us = to_us < at_us ? to_us : at_us;
    return from_us < to_us
               ? decay_left(at_us - to_us, half_life_us) - decay_left(at_us - from_us, half_life_us)
               : 0;
}
