/* Whether what the configuration says of access can be used. */
#ifndef TASKBRIDGE_CLI_ACCESS_H
#define TASKBRIDGE_CLI_ACCESS_H

#include "taskbridge/config/config.h"
#include "taskbridge/pg/session.h"

/* The files of secrets and keys: 0, or TB_CONFIG_WRONG with option, file and what is wrong. */
int tb_access_check_files(const struct tb_config *config, struct tb_error *err) TB_MUST_CHECK;

/* The questions below access.sql, asked of the database: returns as tb_access_try. */
int tb_access_check_questions(const struct tb_config *config, struct tb_pg_session *session,
                              struct tb_error *err) TB_MUST_CHECK;

#endif
