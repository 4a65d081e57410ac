/* The maintenance jobs, one file each. */
#ifndef TASKBRIDGE_DAEMON_JOBS_H
#define TASKBRIDGE_DAEMON_JOBS_H

#include "../hearing.h"
#include "../schedule.h"
#include "taskbridge/amqp/broker.h"

/* cleanup_old_completed_tasks, cleanup_orphaned_trackers, cleanup_dead_letters: in small batches. */
extern const struct tb_job_kind tb_job_completed, tb_job_orphaned, tb_job_dead_letters;

/* update_task_statuses: finds tasks that died silently, asking workers over the broker. */
struct tb_job_statuses;

struct tb_job_statuses_options {
    const struct tb_broker *broker; /* borrowed until free, as all here */
    const char *source;             /* what that broker is called in the tables */
    const struct tb_hearing *hearing;
    const struct tb_hearing_company *company;
};

/* 0 or a negative errno. */
int tb_job_statuses_new(const struct tb_job_statuses_options *options, struct tb_job_statuses **ret_statuses,
                        struct tb_error *err) TB_MUST_CHECK;
void tb_job_statuses_free(struct tb_job_statuses *statuses);

struct tb_job_kind tb_job_statuses_kind(struct tb_job_statuses *statuses);

#endif
