/* Who may see what, out of the database.
 *
 * The product's questions come from the configuration and are run as they stand, with bound parameters, in a
 * transaction that only reads and ends soon: whatever they are, they can change nothing and hold nothing up.
 * Each is named by its option, so that what PostgreSQL says against it names the option too. */
#include "taskbridge/store/access_read.h"

#include "tb_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Of own tables; only a lock takes longer. */
#define OWN_TIMEOUT_MS 2000

enum statement { BEGIN, QUESTION };

void tb_access_questions_init(struct tb_access_questions *questions, const char *user, const char *sees,
                              const char *company_name, int64_t timeout_ms)
{
    *questions = (struct tb_access_questions){
        .sql = {[TB_ACCESS_SQL_USER] = {"access.sql.user", user},
                [TB_ACCESS_SQL_SEES] = {"access.sql.sees", sees},
                [TB_ACCESS_SQL_NAME] = {"access.sql.company_name", company_name}}};
    for (int kind = 0; kind <= TB_ACCESS_SQL_NAME; kind++)
        snprintf(questions->timeout_ms[kind], sizeof(questions->timeout_ms[kind]), "%" PRId64,
                 kind < TB_ACCESS_SQL_USER ? (int64_t)OWN_TIMEOUT_MS : timeout_ms);
}

/* ---- reading ---- */

static struct tb_str copy(struct tb_access_read *read, const struct tb_result *result, int column)
{
    struct tb_str text = TB_STR_NULL;

    if (!tb_arena_copy(read->arena, tb_result_str(result, 0, column), &text))
        read->is_full = true;
    return text;
}

static void take_token(struct tb_access_read *read, const struct tb_result *result)
{
    read->is_found = true;
    read->token_id = tb_result_int64(result, 0, 0);
    read->found = copy(read, result, 1);
    read->rights = copy(read, result, 2);
    read->may_see = tb_result_bool(result, 0, 3);
    read->is_idle = tb_result_bool(result, 0, 4);
    read->expires_at_us = tb_result_stamp(result, 0, 5);
}

/* A row whose first column is neither NULL nor a boolean's false. */
static bool is_yes(const struct tb_result *result)
{
    return !tb_result_is_null(result, 0, 0) && !tb_str_equal(tb_result_str(result, 0, 0), TB_STR("f"));
}

static void take_text(struct tb_access_read *read, const struct tb_result *result)
{
    read->is_found = !tb_result_is_null(result, 0, 0);
    read->found = copy(read, result, 0);
    if (read->kind == TB_ACCESS_SQL_USER && tb_result_columns(result) > 1)
        read->rights = copy(read, result, 1);
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_access_read *read = transaction->owner;

    if (statement != QUESTION || tb_result_rows(result) == 0)
        return;
    switch (read->kind) {
    case TB_ACCESS_TOKEN:
        take_token(read, result);
        break;
    case TB_ACCESS_MEMBER:
    case TB_ACCESS_SIGNED:
    case TB_ACCESS_SQL_SEES:
        read->may_see = is_yes(result);
        break;
    case TB_ACCESS_SQL_USER:
    case TB_ACCESS_SQL_NAME:
        take_text(read, result);
        break;
    }
}

static void on_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_access_read *read = transaction->owner;
    struct tb_error full = {0};

    if (outcome == TB_PG_REFUSED && read->kind >= TB_ACCESS_SQL_USER)
        outcome = 0;
    if (!outcome && read->is_full) {
        outcome = tb_error_set(&full, -ENOMEM, "%s gives a text that is too long",
                               transaction->statements[QUESTION].query->name);
        err = &full;
    }
    read->on_done(read, outcome, outcome ? err : NULL);
}

/* ---- asking ---- */

static struct tb_statement question(struct tb_access_read *read)
{
    read->params[0] = tb_param_text(read->text);
    read->params[1] = tb_param_text(read->company);
    if (read->kind == TB_ACCESS_TOKEN) {
        tb_token_hash(tb_str_of(read->text), read->sha256);
        read->params[0] = tb_param_bytes((struct tb_str){(const char *)read->sha256, sizeof(read->sha256)});
        return (struct tb_statement){&tb_query_access_token, read->params, 2};
    }
    if (read->kind == TB_ACCESS_MEMBER)
        return (struct tb_statement){&tb_query_access_member, read->params, 2};
    if (read->kind == TB_ACCESS_SIGNED) {
        snprintf(read->issued_at, sizeof(read->issued_at), "%" PRId64, read->issued_at_us / TB_US_PER_S);
        read->params[2] = tb_param_text(read->issued_at);
        return (struct tb_statement){&tb_query_access_signed, read->params, 3};
    }
    return (struct tb_statement){&read->questions->sql[read->kind], read->params,
                                 read->kind == TB_ACCESS_SQL_SEES ? 2 : 1};
}

void tb_access_read_submit(struct tb_pg_connection *connection, struct tb_access_read *read)
{
    read->is_found = read->may_see = read->is_idle = read->is_full = false;
    read->found = read->rights = TB_STR_NULL;
    read->token_id = 0;
    read->expires_at_us = TB_STAMP_NONE;
    read->begin[0] = tb_param_text(read->questions->timeout_ms[read->kind]);
    read->begin[1] = tb_param_text(read->kind >= TB_ACCESS_SQL_USER ? "t" : "f");
    read->statements[BEGIN] = (struct tb_statement){&tb_query_access_begin, read->begin, 2};
    read->statements[QUESTION] = question(read);
    read->transaction = (struct tb_transaction){.statements = read->statements,
                                                .statement_count = TB_COUNT(read->statements),
                                                .on_result = on_result,
                                                .on_done = on_done,
                                                .owner = read};
    tb_pg_connection_submit(connection, &read->transaction);
}

/* ---- trying ---- */

static int try_one(struct tb_pg_session *session, const struct tb_access_questions *questions,
                   enum tb_access_kind kind, struct tb_error *err)
{
    const struct tb_param begin[] = {tb_param_text(questions->timeout_ms[kind]), tb_param_text("t")};
    const struct tb_param params[] = {tb_param_text(NULL), tb_param_text(NULL)};
    int r = tb_pg_session_begin(session, err);

    if (r == 0)
        r = tb_pg_session_execute(session, &tb_query_access_begin, begin, TB_COUNT(begin), NULL, err);
    if (r == 0)
        r = tb_pg_session_execute(session, &questions->sql[kind], params, kind == TB_ACCESS_SQL_SEES ? 2 : 1,
                                  NULL, err);
    tb_pg_session_rollback(session);
    return r;
}

int tb_access_try(struct tb_pg_session *session, const struct tb_access_questions *questions,
                  struct tb_error *err)
{
    int r = 0;

    for (int kind = TB_ACCESS_SQL_USER; r == 0 && kind <= TB_ACCESS_SQL_NAME; kind++) {
        if (questions->sql[kind].sql[0])
            r = try_one(session, questions, (enum tb_access_kind)kind, err);
    }
    return r;
}

/* ---- noting that a token was used ---- */

static void on_use_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_token_use *use = transaction->owner;

    use->on_done(use, outcome, err);
}

void tb_token_use_submit(struct tb_pg_connection *connection, struct tb_token_use *use, int64_t token_id)
{
    snprintf(use->id, sizeof(use->id), "%" PRId64, token_id);
    use->param = tb_param_text(use->id);
    use->statement = (struct tb_statement){&tb_query_token_used, &use->param, 1};
    use->transaction = (struct tb_transaction){
        .statements = &use->statement, .statement_count = 1, .on_done = on_use_done, .owner = use};
    tb_pg_connection_submit(connection, &use->transaction);
}
