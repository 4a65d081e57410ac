/* The schema's steps, embedded at build, applied in order: each once, in a transaction of its own that also
 * records it, all under one advisory lock, so that any number of programs may start this at once.
 *
 * What was applied is compared by its text's SHA-256. A step that was edited after it was applied somewhere
 * would make two databases that both claim to be the same: that is refused, as is a database that is ahead of
 * this program. Nothing is ever undone. */
#include "taskbridge/store/migrate.h"

#include "taskbridge/base/clock.h"
#include "tb_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>

#define LOCK_TIMEOUT_US (30 * TB_US_PER_S)
#define HASH_BYTES      32
#define HASH_TEXT_BYTES (2 * HASH_BYTES + 1)

static int hash_text(const char *text, char ret_hash[HASH_TEXT_BYTES], struct tb_error *err)
{
    unsigned char hash[HASH_BYTES];

    if (!EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL))
        return tb_error_set(err, -EIO, "libcrypto can't compute a SHA-256");
    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(ret_hash + 2 * i, 3, "%02x", hash[i]);
    return 0;
}

/* ---- what was applied ---- */

static int check_step(const struct tb_result *result, size_t row, struct tb_error *err)
{
    int64_t number = tb_result_int64(result, row, 0);
    struct tb_str name = tb_result_str(result, row, 1);
    char hash[HASH_TEXT_BYTES];

    if (number < 1 || (size_t)number > tb_migration_count)
        return tb_error_set(err, TB_MIGRATE_NEWER,
                            "the database has step %" PRId64 " (%.*s), this program knows %zu: "
                            "use a newer taskbridge",
                            number, TB_STR_FMT(name), tb_migration_count);
    const struct tb_migration *migration = &tb_migrations[number - 1];
    int r = hash_text(migration->sql, hash, err);
    if (r)
        return r;
    if (tb_str_equal(tb_result_str(result, row, 2), tb_str_of(hash)))
        return 0;
    return tb_error_set(err, TB_MIGRATE_CHANGED,
                        "step %" PRId64 " (%.*s) was applied with another text than this program's %s: "
                        "the database was made by another build of taskbridge",
                        number, TB_STR_FMT(name), migration->name);
}

/* *ret_applied: steps have numbers without a gap, so how many is which. */
static int check_applied(struct tb_pg_session *session, size_t *ret_applied, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_migrate_list, NULL, 0, &result, err);

    if (r)
        return r > 0 ? TB_MIGRATE_FAILED : r;
    for (size_t row = 0; row < tb_result_rows(result); row++) {
        r = check_step(result, row, err);
        if (r)
            return r;
    }
    *ret_applied = tb_result_rows(result);
    return 0;
}

/* ---- applying ---- */

static int record_step(struct tb_pg_session *session, const struct tb_migration *migration,
                       struct tb_error *err)
{
    char number[16], hash[HASH_TEXT_BYTES];
    int r = hash_text(migration->sql, hash, err);

    if (r)
        return r;
    snprintf(number, sizeof(number), "%d", migration->number);
    const struct tb_param params[] = {tb_param_text(number), tb_param_text(migration->name),
                                      tb_param_text(hash)};
    return tb_pg_session_execute(session, &tb_query_migrate_record, params, TB_COUNT(params), NULL, err);
}

static int apply_step(struct tb_pg_session *session, const struct tb_migration *migration,
                      struct tb_error *err)
{
    int r = tb_pg_session_begin(session, err);

    if (r == 0)
        r = tb_pg_session_run(session, migration->sql, err);
    if (r == 0)
        r = record_step(session, migration, err);
    if (r == 0)
        r = tb_pg_session_commit(session, err);
    tb_pg_session_rollback(session);
    if (r)
        tb_error_prefix(err, "migration %s", migration->name);
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

static int apply_missing(struct tb_pg_session *session, const struct tb_migrate_options *options,
                         struct tb_error *err)
{
    size_t applied = 0;
    int r = check_applied(session, &applied, err);

    for (size_t i = applied; r == 0 && i < tb_migration_count; i++) {
        r = apply_step(session, &tb_migrations[i], err);
        if (r == 0 && options->on_applied)
            options->on_applied(options->owner, tb_migrations[i].number, tb_migrations[i].name);
    }
    return r;
}

static int lock(struct tb_pg_session *session, int64_t timeout_us, struct tb_error *err)
{
    char timeout_ms[24];
    int r = 0;

    snprintf(timeout_ms, sizeof(timeout_ms), "%" PRId64, timeout_us / TB_US_PER_MS);
    const struct tb_param param = tb_param_text(timeout_ms);
    r = tb_pg_session_execute(session, &tb_query_migrate_settings, &param, 1, NULL, err);
    if (r)
        return r > 0 ? TB_MIGRATE_FAILED : r;
    struct tb_error refusal = {0};
    r = tb_pg_session_execute(session, &tb_query_migrate_lock, NULL, 0, NULL, &refusal);
    if (r == TB_PG_BUSY)
        return tb_error_set(err, TB_MIGRATE_LOCKED,
                            "another taskbridge migrates this database, for longer than %" PRId64
                            " s: try again when it is done",
                            timeout_us / TB_US_PER_S);
    if (r)
        tb_error_set(err, r, "%s", refusal.text);
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

/* Makes the schema and the table of steps, where there is none. */
static int prepare(struct tb_pg_session *session, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_migrate_exists, NULL, 0, &result, err);

    if (r == 0 && !tb_result_int64(result, 0, 0)) {
        r = tb_pg_session_execute(session, &tb_query_migrate_schema, NULL, 0, NULL, err);
        if (r == 0)
            r = tb_pg_session_execute(session, &tb_query_migrate_prepare, NULL, 0, NULL, err);
    }
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

/* Where this fails, the session is about to end, and the lock with it. */
static void unlock(struct tb_pg_session *session)
{
    struct tb_error ignored = {0};
    int r = tb_pg_session_execute(session, &tb_query_migrate_unlock, NULL, 0, NULL, &ignored);
    (void)r;
}

int tb_migrate(struct tb_pg_session *session, const struct tb_migrate_options *options, struct tb_error *err)
{
    int r = lock(session, options->lock_timeout_us ? options->lock_timeout_us : LOCK_TIMEOUT_US, err);

    if (r)
        return r;
    r = prepare(session, err);
    if (r == 0)
        r = apply_missing(session, options, err);
    unlock(session);
    return r;
}

int tb_migrate_check(struct tb_pg_session *session, struct tb_error *err)
{
    size_t applied;

    return check_applied(session, &applied, err);
}

int tb_migrate_state(struct tb_pg_session *session, int *ret_applied, int *ret_known, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_migrate_exists, NULL, 0, &result, err);

    if (r)
        return r;
    *ret_known = (int)tb_migration_count;
    *ret_applied = 0;
    if (!tb_result_int64(result, 0, 0))
        return 0;
    r = tb_pg_session_execute(session, &tb_query_migrate_list, NULL, 0, &result, err);
    if (r == 0 && tb_result_rows(result))
        *ret_applied = (int)tb_result_int64(result, tb_result_rows(result) - 1, 0);
    return r;
}
