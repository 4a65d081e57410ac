/* The maintenance jobs, one file each. */
#ifndef TASKBRIDGE_DAEMON_JOBS_H
#define TASKBRIDGE_DAEMON_JOBS_H

#include "../schedule.h"
#include "evidence.h"
#include "taskbridge/amqp/broker.h"

/* cleanup_old_completed_tasks, cleanup_orphaned_trackers, cleanup_dead_letters: in small batches. */
extern const struct tb_job_kind tb_job_completed, tb_job_orphaned, tb_job_dead_letters;

/* update_task_statuses: finds tasks that died silently, asking workers over the broker. */
struct tb_job_statuses;

/* Of both jobs that judge; copied. */
struct tb_judging_options {
    const struct tb_broker *broker; /* borrowed until free */
    struct tb_evidence evidence;    /* its pointers likewise */
};

/* 0 or a negative errno. */
int tb_job_statuses_new(const struct tb_judging_options *options, struct tb_job_statuses **ret_statuses,
                        struct tb_error *err) TB_MUST_CHECK;
void tb_job_statuses_free(struct tb_job_statuses *statuses);

struct tb_job_kind tb_job_statuses_kind(struct tb_job_statuses *statuses);

/* update_waiting_tasks: finds tasks that wait in no queue any more. */
struct tb_job_waiting;

int tb_job_waiting_new(const struct tb_judging_options *options, struct tb_job_waiting **ret_waiting,
                       struct tb_error *err) TB_MUST_CHECK;
void tb_job_waiting_free(struct tb_job_waiting *waiting);

struct tb_job_kind tb_job_waiting_kind(struct tb_job_waiting *waiting);

#endif
