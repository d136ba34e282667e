/* policy/order_settings.h - what people choose about the order of jobs; policy/order.h explains. */
#ifndef POLICY_ORDER_SETTINGS_H
#define POLICY_ORDER_SETTINGS_H

#include <stdint.h>

enum order_mode {
    ORDER_PRIORITY,
    ORDER_FIFO,
    ORDER_FAIR,
    ORDER_MODE_COUNT,
};

struct order_settings {
    enum order_mode mode;
    int64_t aging_us; /* so much waiting outweighs one point of priority; 0: no waiting does */
};

#endif
