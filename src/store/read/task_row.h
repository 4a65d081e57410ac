/* A task's row as several questions of the HTTP module have it. */
#ifndef TASKBRIDGE_STORE_TASK_ROW_H
#define TASKBRIDGE_STORE_TASK_ROW_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/document.h"
#include "taskbridge/pg/connection.h"

/* The columns of http_active.sql; the row's id is in this one. */
#define TB_TASK_ROW_ID      11
#define TB_TASK_ROW_ENDED   9
#define TB_TASK_ROW_COLUMNS 15

/* Texts are copied into the arena; false when it is full. */
bool tb_task_row_read(const struct tb_result *result, size_t row, struct tb_arena *arena,
                      struct tb_document_task *ret_task) TB_MUST_CHECK;

#endif
