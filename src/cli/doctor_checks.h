/* The checks of one field each, and the words they share. */
#ifndef TASKBRIDGE_CLI_DOCTOR_CHECKS_H
#define TASKBRIDGE_CLI_DOCTOR_CHECKS_H

#include "doctor_judge.h"

/* Sets verdict and finding. */
void tb_doctor_say(struct tb_doctor_line *line, enum tb_doctor_verdict verdict, const char *format, ...)
    TB_PRINTF(3, 4);
/* Adds to the remedy. */
void tb_doctor_advise(struct tb_doctor_line *line, const char *format, ...) TB_PRINTF(2, 3);
/* Whether there is a problem, which is said then. */
bool tb_doctor_is_unknown(struct tb_doctor_line *line, const char *problem);

#define TB_DOCTOR_SPAN_BYTES 32
/* "850 ms", "3.1 s", "4 min", "2.5 h"; and "1.5 MiB", "2.0 GiB". Both return ret_text. */
const char *tb_doctor_span(int64_t span_us, char ret_text[TB_DOCTOR_SPAN_BYTES]);
const char *tb_doctor_bytes(int64_t bytes, char ret_text[TB_DOCTOR_SPAN_BYTES]);

/* Messages that wait in the queue; -1 when not known. */
int64_t tb_doctor_waiting(const struct tb_doctor_facts *facts);
size_t tb_doctor_living(const struct tb_doctor_facts *facts);

/* One check each. */
/* doctor_judge_broker.c */
void tb_doctor_judge_broker(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_broker_tls(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_exchange(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_queue(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_binding(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_broker_rights(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_alarm(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_consumers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_depth(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_asking(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

/* doctor_policies.c */
void tb_doctor_judge_policies(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

/* doctor_judge_database.c */
void tb_doctor_judge_database(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_database_tls(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_schema(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_database_rights(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_roles(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_reader(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_writable(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_durability(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_autovacuum(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_connections(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_replication(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

/* doctor_judge_versions.c */
void tb_doctor_judge_versions(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

/* doctor_judge_work.c */
void tb_doctor_judge_daemons(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_lag(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_workers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_worker_events(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_sent_events(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_skew(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_serializers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_missed(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_dead(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_maintenance(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_lost(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
void tb_doctor_judge_companies(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

/* doctor_access.c */
void tb_doctor_judge_access(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);

#endif
