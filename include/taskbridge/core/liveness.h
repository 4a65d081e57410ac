/* Whether a silent task is lost: a pure decision. */
#ifndef TASKBRIDGE_CORE_LIVENESS_H
#define TASKBRIDGE_CORE_LIVENESS_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

/* What is known of the task. Times are stamps by the daemon's clock. */
struct tb_liveness_facts {
    struct tb_str celery_state;
    struct tb_str worker;    /* null when unknown */
    int64_t silent_us;       /* since the task was heard of */
    int64_t missing_us;      /* since its worker first said that it does not have it; -1: did not */
    int64_t worker_heard_at; /* TB_STAMP_NONE: never */
    double worker_freq_s;
    int64_t listening_since; /* since when every event is heard; TB_STAMP_NONE: not at present */
    int64_t heard_until;     /* up to when everything that was said is in the database */
    bool worker_came_back;   /* its last worker-online is later than what is known of the task */
    bool worker_is_shared;   /* two living workers use that name */
    bool worker_is_mute;     /* it runs tasks of which it says nothing */
    bool is_lost; /* was called lost already: may be found again; celery_state is what it was before */
};

enum tb_liveness_answer {
    TB_ANSWER_NOT_ASKED,
    TB_ANSWER_HAS,       /* query_task named it */
    TB_ANSWER_HAS_NOT,   /* query_task was answered without it */
    TB_ANSWER_RUNS,      /* active named it */
    TB_ANSWER_RUNS_NOT,  /* active was answered without it */
    TB_ANSWER_NONE,      /* no answer came in time */
    TB_ANSWER_USELESS,   /* an answer came that can't be read: a sign of life */
    TB_ANSWER_IMPOSSIBLE /* we may not ask */
};

enum tb_liveness_verdict {
    TB_LIVENESS_FINE,    /* nothing to do */
    TB_LIVENESS_ASK,     /* ask with query_task, then decide again */
    TB_LIVENESS_LOOK,    /* ask with active, then decide again */
    TB_LIVENESS_FOUND,   /* it is there: a verdict of lost is taken back, a suspicion cleared */
    TB_LIVENESS_MISSING, /* remember the first no */
    TB_LIVENESS_GONE,    /* lost: the worker no longer has it */
    TB_LIVENESS_VANISHED /* lost: the worker is gone */
};

struct tb_liveness_bounds {
    int64_t silent_after_us; /* a task or worker silent for less is never judged */
    int64_t ask_apart_us;    /* between two answers without it */
};

enum tb_liveness_verdict tb_liveness_decide(const struct tb_liveness_facts *facts,
                                            enum tb_liveness_answer answer,
                                            const struct tb_liveness_bounds *bounds);

/* Why it is lost, in words; verdict is GONE or VANISHED. */
void tb_liveness_push_reason(enum tb_liveness_verdict verdict, struct tb_str worker, struct tb_buf *buf);

#endif
