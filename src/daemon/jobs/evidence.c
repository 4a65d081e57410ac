/* How far each daemon has heard stands in its row (life.c); how many consume, the broker says with each
 * measurement. What holds events that nobody knows of, one without its database or a stranger, makes the two
 * differ, and then nothing is judged. Asked again at the moment of judging, for the last measurement and the
 * last beat are some seconds old. */
#include "evidence.h"

#include "taskbridge/store/maintenance.h"

void tb_evidence_ask(struct tb_evidence *evidence, struct tb_params *params)
{
    evidence->heard = *evidence->hearing;
    evidence->daemons = 0;
    tb_params_push_text(params, tb_str_of(evidence->source));
    tb_params_push_text(params, tb_str_of(evidence->queue));
    tb_params_push_int64(params, TB_DAEMON_FRESH_S);
}

void tb_evidence_take(struct tb_evidence *evidence, const struct tb_result *result)
{
    evidence->daemons = tb_result_int64(result, 0, 0);
    tb_hearing_narrow(&evidence->heard, tb_result_stamp(result, 0, 1), tb_result_stamp(result, 0, 2));
}

const char *tb_evidence_missing(const struct tb_evidence *evidence, int64_t now_us)
{
    if (evidence->company->consumers != evidence->daemons || !evidence->hearing->is_whole)
        return "nothing is judged while not all who consume the queue are daemons that write: see status";
    if (!tb_hearing_is_good(evidence->hearing, now_us) || !tb_hearing_is_good(&evidence->heard, now_us))
        return "nothing is judged while events wait to be written";
    return NULL;
}
