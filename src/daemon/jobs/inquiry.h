/* Asking workers about suspect tasks: which question goes to whom, and what each answer says of each task. */
#ifndef TASKBRIDGE_DAEMON_INQUIRY_H
#define TASKBRIDGE_DAEMON_INQUIRY_H

#include "suspect.h"
#include "taskbridge/amqp/pidbox.h"
#include "taskbridge/base/log.h"

/* So many silent tasks are judged at a time. */
#define TB_SUSPECTS_MAX ((size_t)1000)

struct tb_inquiry;

struct tb_inquiry_options {
    const struct tb_broker *broker; /* borrowed */
    /* All suspects that were asked about have their answers; err is set when the connection failed: then
     * nothing may be judged by silence. */
    void (*on_done)(void *owner, const struct tb_error *err);
    void *owner;
};

/* 0 or a negative errno; free(NULL) is fine. */
int tb_inquiry_new(const struct tb_inquiry_options *options, struct tb_inquiry **ret_inquiry,
                   struct tb_error *err) TB_MUST_CHECK;
void tb_inquiry_free(struct tb_inquiry *inquiry);

/* Asks about the suspects whose is_asked is set, one at least, which are borrowed until on_done, as the log.
 */
void tb_inquiry_ask(struct tb_inquiry *inquiry, enum tb_pidbox_method method, struct tb_suspect *suspects,
                    size_t count, struct tb_log *log);

/* Ends what is asked without on_done; whether anything was. */
bool tb_inquiry_stop(struct tb_inquiry *inquiry);

#endif
