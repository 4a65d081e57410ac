/* systemd's notifications, by libsystemd.
 *
 * Failures are not told: a program runs as well without a supervisor, and systemd itself notices what it
 * misses. */
#include "taskbridge/io/notify.h"

#include "taskbridge/base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <systemd/sd-daemon.h>

void tb_notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void tb_notify_reloading(void)
{
    /* The time lets systemd tell this reload from an earlier one. */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, tb_clock_monotonic_us());
}

void tb_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void tb_notify_status(const char *text)
{
    /* A second line would be read as another assignment. */
    (void)sd_notifyf(0, "STATUS=%.*s", (int)strcspn(text, "\n"), text);
}

long tb_notify_watchdog_us(void)
{
    uint64_t period_us = 0;
    if (sd_watchdog_enabled(0, &period_us) <= 0)
        return 0;
    period_us /= 2;
    return period_us < LONG_MAX ? (long)period_us : LONG_MAX;
}

void tb_notify_watchdog(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}
