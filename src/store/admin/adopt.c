/* Adoption: the rows of the product's own table of trackers, copied batch by batch into ours.
 *
 * The product's table is only read. Its rows become facts, as events would have left them, and are put into a
 * temporary table with the same generated columns: so what people would see of a row is known before anybody
 * sees it, and a row that would be seen otherwise than the product shows it is left, with the reason.
 *
 * New rows and known ones are written in two transactions, each of which takes its locks in the order of task
 * ids, as the daemons do: none ever waits for the other in a circle. A batch that PostgreSQL ends all the
 * same (a deadlock with the product's own statements, a failover) is simply done again, for doing it twice
 * changes nothing. */
#include "taskbridge/store/adopt.h"

#include "tb_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ROWS "1000"
#define TRIES_MAX  5

struct adoption {
    struct tb_pg_session *session;
    const struct tb_adopt_options *options;
    struct tb_adopt_counts counts;
    char *after; /* owned; the last id of the batch before, NULL for none */
    bool is_over;
};

static int execute(struct adoption *adoption, const struct tb_query *query, const char *first,
                   const char *second, const struct tb_result **ret_result, struct tb_error *err)
{
    const struct tb_param params[] = {tb_param_text(first), tb_param_text(second)};
    int count = second ? 2 : first ? 1 : 0;

    return tb_pg_session_execute(adoption->session, query, params, count, ret_result, err);
}

/* ---- one batch ---- */

static int read_batch(struct adoption *adoption, struct tb_error *err)
{
    int r = execute(adoption, &tb_query_adopt_clear, NULL, NULL, NULL, err);

    if (r == 0)
        r = execute(adoption, &tb_query_adopt_read, adoption->after, BATCH_ROWS, NULL, err);
    if (r == 0)
        r = execute(adoption, &tb_query_adopt_judge, NULL, NULL, NULL, err);
    return r;
}

/* A dry run writes both in one transaction, which is rolled back. */
static int end_part(struct adoption *adoption, struct tb_error *err)
{
    if (adoption->options->is_dry)
        return 0;
    int r = tb_pg_session_commit(adoption->session, err);
    return r ? r : tb_pg_session_begin(adoption->session, err);
}

static int write_batch(struct adoption *adoption, struct tb_adopt_counts *ret_counts, char **ret_last,
                       struct tb_error *err)
{
    const struct tb_result *result = NULL;
    char old_after_s[24];
    int r = execute(adoption, &tb_query_adopt_insert, NULL, NULL, &result, err);

    if (r)
        return r;
    ret_counts->added = tb_result_int64(result, 0, 0);
    r = end_part(adoption, err);
    if (r)
        return r;
    snprintf(old_after_s, sizeof(old_after_s), "%" PRId64, adoption->options->old_after_s);
    r = execute(adoption, &tb_query_adopt_update, old_after_s, NULL, &result, err);
    if (r)
        return r;
    ret_counts->completed = tb_result_int64(result, 0, 0);
    ret_counts->rows = tb_result_int64(result, 0, 1);
    ret_counts->left = tb_result_int64(result, 0, 2);
    ret_counts->old = tb_result_int64(result, 0, 4);
    if (ret_counts->rows == 0)
        return 0;
    *ret_last = strdup(tb_result_str(result, 0, 3).ptr);
    return *ret_last ? 0 : tb_error_set_errno(err, -ENOMEM, "adopting");
}

static int try_batch(struct adoption *adoption, struct tb_adopt_counts *ret_counts, char **ret_last,
                     struct tb_error *err)
{
    int r = tb_pg_session_begin(adoption->session, err);

    if (r == 0)
        r = read_batch(adoption, err);
    if (r == 0)
        r = end_part(adoption, err);
    if (r == 0)
        r = write_batch(adoption, ret_counts, ret_last, err);
    if (r == 0 && !adoption->options->is_dry)
        r = tb_pg_session_commit(adoption->session, err);
    return r;
}

/* While the batch is still in its table. */
static int tell_left(struct adoption *adoption, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute(adoption, &tb_query_adopt_left, NULL, NULL, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_adopt_left left = {tb_result_str(result, row, 0), tb_result_str(result, row, 1),
                                           tb_result_str(result, row, 2)};
        adoption->options->on_left(adoption->options->owner, &left);
    }
    return r;
}

static void add(struct tb_adopt_counts *sum, const struct tb_adopt_counts *batch)
{
    sum->rows += batch->rows;
    sum->added += batch->added;
    sum->completed += batch->completed;
    sum->left += batch->left;
    sum->old += batch->old;
}

static int adopt_batch(struct adoption *adoption, struct tb_error *err)
{
    struct tb_adopt_counts counts = {0};
    char *last = NULL;
    int r = TB_PG_BUSY;

    for (int tries = 0; r == TB_PG_BUSY && tries < TRIES_MAX; tries++) {
        tb_error_clear(err);
        tb_pg_session_rollback(adoption->session);
        counts = (struct tb_adopt_counts){0};
        r = try_batch(adoption, &counts, &last, err);
    }
    if (r == 0 && counts.left)
        r = tell_left(adoption, err);
    tb_pg_session_rollback(adoption->session);
    if (r) {
        free(last);
        return r;
    }
    adoption->is_over = counts.rows == 0;
    free(adoption->after);
    adoption->after = last;
    add(&adoption->counts, &counts);
    adoption->options->on_batch(adoption->options->owner, &adoption->counts);
    return 0;
}

/* ---- the whole ---- */

static int begin(struct adoption *adoption, struct tb_error *err)
{
    const struct tb_param params[] = {tb_param_text(adoption->options->table),
                                      tb_param_text(adoption->options->map),
                                      tb_param_text(adoption->options->zone)};
    int r = tb_pg_session_execute(adoption->session, &tb_query_adopt_settings, params, TB_COUNT(params), NULL,
                                  err);

    if (r == 0)
        r = tb_pg_session_run(adoption->session, tb_query_adopt_begin.sql, err);
    return r;
}

int tb_adopt(struct tb_pg_session *session, const struct tb_adopt_options *options,
             struct tb_adopt_counts *ret_counts, struct tb_error *err)
{
    struct adoption adoption = {.session = session, .options = options};
    int r = begin(&adoption, err);

    while (r == 0 && !adoption.is_over)
        r = adopt_batch(&adoption, err);
    if (r == 0)
        r = execute(&adoption, &tb_query_adopt_end, NULL, NULL, NULL, err);
    free(adoption.after);
    *ret_counts = adoption.counts;
    return r;
}
