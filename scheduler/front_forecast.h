/* scheduler/front_forecast.h - when jobs will start, for clients; and what if there were more.
 *
 * Questions wait for one child process after the other (scheduler/lookahead.h). A forecast is
 * kept for some seconds, at least ten times what it cost, and answers all who ask meanwhile.
 */
#ifndef SCHEDULER_FRONT_FORECAST_H
#define SCHEDULER_FRONT_FORECAST_H

struct api_call;
struct daemon;
struct forecast_runs;
struct front_forecasts;
struct submission_work;

struct front_forecasts *front_forecasts_create(struct daemon *daemon);
void front_forecasts_destroy(struct front_forecasts *forecasts); /* Accepts NULL. */

/* FORECAST and OUTLOOK; the caller may see the job. */
void front_forecast(struct front_forecasts *forecasts, struct api_call *call);

/* The runs to come of a forecast of the last minutes, lent until the loop goes on; NULL: there is
 * none. */
const struct forecast_runs *front_forecasts_runs(const struct front_forecasts *forecasts);

/* SIMULATE: with these jobs, taken. */
void front_simulate(struct front_forecasts *forecasts, struct api_call *call,
                    struct submission_work *take_work);

#endif
