#include <math.h>

#include "base/clock.h"
#include "base/text.h"
#include "sim/replay_print.h"

#define WIDTH          960
#define PANEL          240 /* height of one */
#define LEFT           70
#define RIGHT          20
#define TOP            50
#define GAP            56
#define POLICY_COLOURS 8

/* Told apart also by those who see few colours. Source: Okabe and Ito, "Color Universal Design". */
static const char *const colours[POLICY_COLOURS] = {"#000000", "#e69f00", "#56b4e9", "#009e73",
                                                    "#cc79a7", "#0072b2", "#d55e00", "#999999"};

/* One of the two pictures. */
struct panel {
    const char *title;
    double top;
    double most; /* of the axis */
    const double *(*bins)(const struct figures *figures);
};

static const double *utilisations(const struct figures *figures) {
    return figures->bin_utilisation;
}

static const double *waits(const struct figures *figures) {
    return figures->bin_wait_s;
}

static double x_of(size_t bin) {
    return LEFT + (WIDTH - LEFT - RIGHT) * ((double)bin + 0.5) / FIGURES_BINS;
}

static double y_of(const struct panel *panel, double value) {
    return panel->top + PANEL * (1 - value / panel->most);
}

/* A new path after each gap. */
static void add_line(const struct panel *panel, const struct replay_row *row, const char *colour,
                     struct buf *out) {
    const double *bins = panel->bins(&row->figures);
    bool drawn = false;

    buf_add_format(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.3\" d=\"", colour);
    for (size_t i = 0; i < FIGURES_BINS; i++) {
        if (bins[i] < 0) {
            continue; /* Nobody came: the line goes straight on. */
        }
        buf_add_format(out, "%s%.1f %.1f", drawn ? "L" : "M", x_of(i), y_of(panel, bins[i]));
        drawn = true;
    }
    buf_add_text(out, "\"/>\n");
}

static void add_axis(const struct panel *panel, bool is_time, struct buf *out) {
    buf_add_format(out, "<text x=\"%d\" y=\"%.0f\" font-weight=\"bold\">%s</text>\n", LEFT,
                   panel->top - 8, panel->title);
    for (int i = 0; i <= 4; i++) {
        double value = panel->most * i / 4;
        char text[32];

        text_print_duration((int64_t)(value * CLOCK_US_PER_SECOND), text);
        buf_add_format(out,
                       "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
                       "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                       LEFT, WIDTH - RIGHT, y_of(panel, value), y_of(panel, value), LEFT - 6,
                       y_of(panel, value) + 4);
        if (is_time) {
            buf_add_text(out, i == 0 ? "0" : text);
        } else {
            buf_add_format(out, "%.0f %%", 100 * value);
        }
        buf_add_text(out, "</text>\n");
    }
}

static void add_days(const struct replay_report *report, double bottom, struct buf *out) {
    double span_s = report->rows[0].figures.bin_s * FIGURES_BINS;

    for (int i = 0; i <= 6; i++) {
        char text[32];

        text_print_duration((int64_t)(span_s * i / 6 * CLOCK_US_PER_SECOND), text);
        buf_add_format(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
                       LEFT + (WIDTH - LEFT - RIGHT) * i / 6.0, bottom + 18, i == 0 ? "0" : text);
    }
}

static void add_legend(const struct replay_report *report, struct buf *out) {
    for (size_t i = 0; i < report->row_count; i++) {
        double x = LEFT + 130 * (double)i;

        buf_add_format(out,
                       "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"20\" y2=\"20\" stroke=\"%s\" "
                       "stroke-width=\"3\"/><text x=\"%.0f\" y=\"24\">%s</text>\n",
                       x, x + 20, colours[i % POLICY_COLOURS], x + 26, report->rows[i].policy);
    }
}

static double longest_wait(const struct replay_report *report) {
    double most = 1;

    for (size_t i = 0; i < report->row_count; i++) {
        for (size_t bin = 0; bin < FIGURES_BINS; bin++) {
            most = fmax(most, report->rows[i].figures.bin_wait_s[bin]);
        }
    }
    return most;
}

void replay_print_plot(const struct replay_report *report, struct buf *out) {
    const struct panel panels[] = {
        {"wait by time of submission (mean)", TOP + 10, longest_wait(report), waits},
        {"utilisation", TOP + 10 + PANEL + GAP, 1, utilisations},
    };
    const int height = TOP + 10 + 2 * PANEL + GAP + 40;

    buf_add_format(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                   WIDTH, height, WIDTH, height);
    add_legend(report, out);
    for (size_t i = 0; i < ARRAY_LEN(panels); i++) {
        add_axis(&panels[i], i == 0, out);
        add_days(report, panels[i].top + PANEL, out);
        for (size_t k = 0; k < report->row_count; k++) {
            add_line(&panels[i], &report->rows[k], colours[k % POLICY_COLOURS], out);
        }
    }
    buf_add_text(out, "</svg>\n");
}
