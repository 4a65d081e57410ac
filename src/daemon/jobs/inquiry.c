/* One round of questions over pidbox.
 *
 * Tasks of one worker share a question, up to pidbox's ceiling of ids. Until a worker answers, its tasks'
 * answer is silence. A broker's user without the right to ask, or a broker where no worker with remote
 * control ever ran, makes asking impossible, which is told apart from silence. */
#include "inquiry.h"

#include <assert.h>
#include <errno.h>

#define ANSWER_TIMEOUT_US (3 * TB_US_PER_S)

struct tb_inquiry {
    struct tb_inquiry_options options;
    struct tb_pidbox *pidbox;
    struct tb_log *log;
    struct tb_suspect *suspects; /* borrowed during a round */
    size_t count;
    struct tb_pidbox_round round;
    struct tb_pidbox_question questions[TB_SUSPECTS_MAX];
    /* The ids of all questions: those of one are not side by side until they are laid out. */
    struct tb_str ids[TB_SUSPECTS_MAX];
    bool is_forbidden_told;
};

/* ---- the answers ---- */

static void answer_asked(struct tb_inquiry *inquiry, size_t question, enum tb_liveness_answer answer)
{
    for (size_t i = 0; i < inquiry->count; i++) {
        if (inquiry->suspects[i].is_asked && inquiry->suspects[i].question == question)
            inquiry->suspects[i].answer = answer;
    }
}

static void answer_all(struct tb_inquiry *inquiry, enum tb_liveness_answer answer)
{
    for (size_t question = 0; question < inquiry->round.question_count; question++)
        answer_asked(inquiry, question, answer);
}

static bool is_named(const struct tb_pidbox_task *tasks, size_t count, struct tb_str id)
{
    for (size_t i = 0; i < count; i++) {
        if (tb_str_equal(tasks[i].id, id))
            return true;
    }
    return false;
}

static void on_answer(void *owner, size_t question, const struct tb_pidbox_task *tasks, size_t task_count)
{
    struct tb_inquiry *inquiry = owner;
    bool is_active = inquiry->round.method == TB_PIDBOX_ACTIVE;

    for (size_t i = 0; i < inquiry->count; i++) {
        struct tb_suspect *suspect = &inquiry->suspects[i];
        if (!suspect->is_asked || suspect->question != question)
            continue;
        if (is_named(tasks, task_count, suspect->task.task_id))
            suspect->answer = is_active ? TB_ANSWER_RUNS : TB_ANSWER_HAS;
        else
            suspect->answer = is_active ? TB_ANSWER_RUNS_NOT : TB_ANSWER_HAS_NOT;
    }
}

static void on_unreadable(void *owner, size_t question, const struct tb_error *err)
{
    struct tb_inquiry *inquiry = owner;

    answer_asked(inquiry, question, TB_ANSWER_USELESS);
    tb_log(inquiry->log, TB_LOG_INFO, "a worker's answer can't be read; it counts as a sign of life",
           TB_F_EVENT("answer_unreadable"), TB_F_STR("worker", inquiry->questions[question].worker),
           TB_F_CSTR("error", err->text));
}

static void on_done(void *owner, int outcome, const struct tb_error *err)
{
    struct tb_inquiry *inquiry = owner;

    if (outcome > 0)
        answer_all(inquiry, TB_ANSWER_IMPOSSIBLE);
    if (outcome == TB_PIDBOX_FORBIDDEN && !inquiry->is_forbidden_told) {
        inquiry->is_forbidden_told = true;
        tb_log(inquiry->log, TB_LOG_WARNING, "workers can't be asked; lost tasks are found by silence alone",
               TB_F_EVENT("asking_failed"), TB_F_CSTR("error", err->text));
    }
    inquiry->options.on_done(inquiry->options.owner, outcome < 0 ? err : NULL);
}

/* ---- the questions ---- */

/* The question to this worker that has room, or a new one. */
static size_t question_for(struct tb_inquiry *inquiry, struct tb_str worker)
{
    struct tb_pidbox_round *round = &inquiry->round;

    for (size_t i = 0; i < round->question_count; i++) {
        if (tb_str_equal(inquiry->questions[i].worker, worker) &&
            inquiry->questions[i].id_count < TB_PIDBOX_MAX_IDS)
            return i;
    }
    inquiry->questions[round->question_count] = (struct tb_pidbox_question){.worker = worker};
    return round->question_count++;
}

static void lay_out_ids(struct tb_inquiry *inquiry)
{
    size_t used = 0;

    for (size_t question = 0; question < inquiry->round.question_count; question++) {
        inquiry->questions[question].ids = &inquiry->ids[used];
        for (size_t i = 0; i < inquiry->count; i++) {
            if (inquiry->suspects[i].is_asked && inquiry->suspects[i].question == question)
                inquiry->ids[used++] = inquiry->suspects[i].task.task_id;
        }
    }
}

void tb_inquiry_ask(struct tb_inquiry *inquiry, enum tb_pidbox_method method, struct tb_suspect *suspects,
                    size_t count, struct tb_log *log)
{
    /* Who answered the first question and not the second is busy. */
    enum tb_liveness_answer silence = method == TB_PIDBOX_ACTIVE ? TB_ANSWER_USELESS : TB_ANSWER_NONE;

    assert(count <= TB_SUSPECTS_MAX);
    inquiry->suspects = suspects;
    inquiry->count = count;
    inquiry->log = log;
    inquiry->round = (struct tb_pidbox_round){
        .method = method, .questions = inquiry->questions, .timeout_us = ANSWER_TIMEOUT_US};
    for (size_t i = 0; i < count; i++) {
        if (!suspects[i].is_asked)
            continue;
        suspects[i].question = question_for(inquiry, suspects[i].task.facts.worker);
        suspects[i].answer = silence;
        inquiry->questions[suspects[i].question].id_count++;
    }
    assert(inquiry->round.question_count > 0);
    lay_out_ids(inquiry);
    if (method == TB_PIDBOX_ACTIVE) {
        for (size_t i = 0; i < inquiry->round.question_count; i++)
            inquiry->questions[i].id_count = 0;
    }
    tb_pidbox_ask(inquiry->pidbox, &inquiry->round);
}

bool tb_inquiry_stop(struct tb_inquiry *inquiry)
{
    bool is_busy = tb_pidbox_is_busy(inquiry->pidbox);

    tb_pidbox_cancel(inquiry->pidbox);
    return is_busy;
}

int tb_inquiry_new(const struct tb_inquiry_options *options, struct tb_inquiry **ret_inquiry,
                   struct tb_error *err)
{
    struct tb_inquiry *inquiry = calloc(1, sizeof(*inquiry));
    int r = 0;

    if (!inquiry)
        return tb_error_set_errno(err, -ENOMEM, "asking workers");
    inquiry->options = *options;
    const struct tb_pidbox_events events = {
        .on_answer = on_answer, .on_unreadable = on_unreadable, .on_done = on_done, .owner = inquiry};
    r = tb_pidbox_new(options->broker, &events, &inquiry->pidbox, err);
    if (r) {
        tb_inquiry_free(inquiry);
        return r;
    }
    *ret_inquiry = inquiry;
    return 0;
}

void tb_inquiry_free(struct tb_inquiry *inquiry)
{
    if (!inquiry)
        return;
    tb_pidbox_free(inquiry->pidbox);
    free(inquiry);
}
