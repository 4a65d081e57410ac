/* Verdicts on what the doctor found: a pure function of the facts. */
#ifndef TASKBRIDGE_CLI_DOCTOR_JUDGE_H
#define TASKBRIDGE_CLI_DOCTOR_JUDGE_H

#include "doctor_facts.h"

enum tb_doctor_verdict {
    TB_DOCTOR_GOOD,
    TB_DOCTOR_WARNING, /* works, and somebody should look at it */
    TB_DOCTOR_BAD,     /* something promised does not hold */
    TB_DOCTOR_UNKNOWN  /* could not be looked at */
};

/* Owns its buffers. */
struct tb_doctor_line {
    const char *check;
    enum tb_doctor_verdict verdict;
    struct tb_buf found;
    struct tb_buf remedy; /* empty where there is nothing to do; a line that begins with "$ " is a command */
};

/* The checks in the order in which they are told. */
size_t tb_doctor_check_count(void);

/* Judges check number index; always one line, to be freed with deinit. */
void tb_doctor_judge(const struct tb_doctor_facts *facts, size_t index, struct tb_doctor_line *ret_line);

/* The line of a configuration that can't be used; nothing else is looked at then. */
void tb_doctor_judge_wrong_configuration(const char *problem, struct tb_doctor_line *ret_line);

void tb_doctor_line_deinit(struct tb_doctor_line *line);

/* "good", "warning", "bad", "unknown". */
const char *tb_doctor_verdict_name(enum tb_doctor_verdict verdict);

#endif
