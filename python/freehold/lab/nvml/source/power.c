/* Power, and the energy that is its integral over time.
 *
 * `power` is the draw in watts from `energy_epoch` on (seconds of CLOCK_BOOTTIME, 0 by default: the counter counts from
 * boot, as the real one counts from the driver's load), `power@SECONDS` the draw from that moment on. The counter is a
 * function of the state file and the clock alone, so that any two processes, in any container of the machine, read the
 * same one. It never falls as long as changes of power are appended with their moment (`freehold.lab.nvml.change` does).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "state.h"

#define IDLE_WATTS 74.58 /* nvidia-smi -q of an idle H200, driver 550.90.12 */

double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return real(NO_GPU, "clock", (double)now.tv_sec + (double)now.tv_nsec / 1e9);
}

struct step {
    double at, watts;
};

/* The earliest `PREFIX@SECONDS` line later than `after`; of two with one moment the later line counts. */
static int next_step(const char *prefix, double after, struct step *out)
{
    const char *rest, *value;
    int found = 0;
    for (size_t n = 0; numbered(prefix, n, &rest, &value); n++) {
        if (*rest != '@')
            continue;
        char *at_end, *watts_end;
        struct step step = {strtod(rest + 1, &at_end), strtod(value, &watts_end)};
        if (*at_end || *watts_end || watts_end == value || !(step.watts >= 0))
            spoil();
        else if (step.at > after && (!found || step.at <= out->at)) {
            *out = step;
            found = 1;
        }
    }
    return found;
}

/* A GPU with power lines of its own follows those alone. */
static const char *prefix_of(int gpu, char own[32])
{
    const char *rest, *value;
    snprintf(own, 32, "gpu%d.power", gpu);
    for (size_t n = 0; numbered(own, n, &rest, &value); n++)
        if (*rest == '@' || *rest == '\0')
            return own;
    return "power";
}

/* Returns the watts at the end. */
static double integrate(int gpu, double until, double *joules)
{
    char own[32];
    const char *prefix = prefix_of(gpu, own);
    struct step step = {-1, real(gpu, "power", IDLE_WATTS)};
    double watts = step.watts, since = real(gpu, "energy_epoch", 0);
    *joules = 0;
    while (next_step(prefix, step.at, &step) && step.at <= until) {
        if (step.at > since) {
            *joules += watts * (step.at - since);
            since = step.at;
        }
        watts = step.watts;
    }
    if (until > since)
        *joules += watts * (until - since);
    return watts;
}

double power_now(int gpu)
{
    double unused;
    return integrate(gpu, clock_now(), &unused);
}

uint64_t energy_mj(int gpu)
{
    double joules;
    integrate(gpu, clock_now(), &joules);
    return (uint64_t)((real(gpu, "energy", 0) + joules) * 1000);
}
