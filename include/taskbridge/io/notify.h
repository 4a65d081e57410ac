/* What systemd is told: sd_notify. Without NOTIFY_SOCKET each call does nothing. */
#ifndef TASKBRIDGE_IO_NOTIFY_H
#define TASKBRIDGE_IO_NOTIFY_H

void tb_notify_ready(void);
void tb_notify_reloading(void);
void tb_notify_stopping(void);
/* One line for `systemctl status`. */
void tb_notify_status(const char *text);
/* The watchdog's period of half WatchdogSec in microseconds, or 0; and its ping. */
long tb_notify_watchdog_us(void);
void tb_notify_watchdog(void);

#endif
