/* The schema's steps, embedded at build, applied in order: each once, in a transaction of its own that also
 * records it, all under one advisory lock, so that any number of programs may start this at once.
 *
 * What was applied is compared by its text's SHA-256. A step that was edited after it was applied somewhere
 * would make two databases that both claim to be the same: that is refused, as is a database that is ahead of
 * this program. Nothing is ever undone.
 *
 * A number says nothing of what became of the tables since. So what is there after the last step is kept
 * object by object (taskbridge_objects) and compared each time. Every step makes what is missing and leaves
 * what is there: mending is to take away what is altered and to run all steps again. A table that is gone is
 * made anew only when told to, since its rows are gone too. */
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

/* A statement without parameters. What the server says is this module's TB_MIGRATE_FAILED. */
static int execute(struct tb_pg_session *session, const struct tb_query *query,
                   const struct tb_result **ret_result, struct tb_error *err)
{
    int r = tb_pg_session_execute(session, query, NULL, 0, ret_result, err);

    return r > 0 ? TB_MIGRATE_FAILED : r;
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
    int r = execute(session, &tb_query_migrate_list, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++)
        r = check_step(result, row, err);
    if (r == 0)
        *ret_applied = tb_result_rows(result);
    return r;
}

/* ---- what became of it ---- */

static enum tb_migrate_fate fate_of(struct tb_str word)
{
    if (tb_str_equal(word, TB_STR("mend")))
        return TB_FATE_MEND;
    return tb_str_equal(word, TB_STR("lost")) ? TB_FATE_LOST : TB_FATE_HAND;
}

int tb_migrate_find(struct tb_pg_session *session,
                    void (*on_finding)(void *owner, const struct tb_migrate_finding *finding), void *owner,
                    struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_migrate_drift, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_migrate_finding finding = {
            .kind = tb_result_str(result, row, 0),
            .name = tb_result_str(result, row, 1),
            .how = tb_result_str(result, row, 2),
            .fate = fate_of(tb_result_str(result, row, 3)),
        };
        on_finding(owner, &finding);
    }
    return r;
}

int tb_migrate_find_rights(struct tb_pg_session *session,
                           void (*on_right)(void *owner, struct tb_str words, bool is_role), void *owner,
                           struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_migrate_rights, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++)
        on_right(owner, tb_result_str(result, row, 0), tb_result_bool(result, row, 1));
    return r;
}

struct findings {
    const struct tb_migrate_options *options;
    size_t count, lost, by_hand;
    char first[160]; /* of those that stop it */
};

static void take_finding(void *owner, const struct tb_migrate_finding *finding)
{
    struct findings *findings = owner;
    bool is_lost = finding->fate == TB_FATE_LOST && !findings->options->recreates;

    findings->count++;
    findings->lost += is_lost;
    findings->by_hand += finding->fate == TB_FATE_HAND;
    if ((is_lost || finding->fate == TB_FATE_HAND) && !findings->first[0])
        snprintf(findings->first, sizeof(findings->first), "%.*s %.*s is %.*s", TB_STR_FMT(finding->kind),
                 TB_STR_FMT(finding->name), TB_STR_FMT(finding->how));
    if (findings->options->on_finding)
        findings->options->on_finding(findings->options->owner, finding);
}

/* ---- applying ---- */

static int record(struct tb_pg_session *session, int number, const char *name, const char *sql,
                  struct tb_error *err)
{
    char number_text[16], hash[HASH_TEXT_BYTES];
    int r = hash_text(sql, hash, err);

    if (r)
        return r;
    snprintf(number_text, sizeof(number_text), "%d", number);
    const struct tb_param params[] = {tb_param_text(number_text), tb_param_text(name), tb_param_text(hash)};
    return tb_pg_session_execute(session, &tb_query_migrate_record, params, TB_COUNT(params), NULL, err);
}

static int apply_step(struct tb_pg_session *session, const struct tb_migration *migration,
                      struct tb_error *err)
{
    int r = tb_pg_session_begin(session, err);

    if (r == 0)
        r = tb_pg_session_run(session, migration->sql, err);
    if (r == 0)
        r = record(session, migration->number, migration->name, migration->sql, err);
    if (r == 0)
        r = tb_pg_session_commit(session, err);
    tb_pg_session_rollback(session);
    if (r)
        tb_error_prefix(err, "migration %s", migration->name);
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

/* Takes away what is altered, and runs every step again that was applied. */
static int mend(struct tb_pg_session *session, size_t applied, struct tb_error *err)
{
    int r = tb_pg_session_begin(session, err);

    if (r == 0)
        r = execute(session, &tb_query_migrate_mend, NULL, err);
    for (size_t i = 0; r == 0 && i < applied; i++) {
        r = tb_pg_session_run(session, tb_migrations[i].sql, err);
        if (r)
            tb_error_prefix(err, "migration %s, applied again", tb_migrations[i].name);
    }
    if (r == 0)
        r = tb_pg_session_commit(session, err);
    tb_pg_session_rollback(session);
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

static int find_and_mend(struct tb_pg_session *session, const struct tb_migrate_options *options,
                         size_t applied, struct tb_error *err)
{
    struct findings findings = {.options = options};
    int r = tb_migrate_find(session, take_finding, &findings, err);

    if (r)
        return r > 0 ? TB_MIGRATE_FAILED : r;
    if (findings.by_hand)
        return tb_error_set(err, TB_MIGRATE_DAMAGED, "%s: put it back by hand, from a backup",
                            findings.first);
    if (findings.lost)
        return tb_error_set(err, TB_MIGRATE_DAMAGED,
                            "%s, and its rows are gone: restore it from a backup, or make it anew, "
                            "empty: taskbridge migrate --recreate",
                            findings.first);
    return findings.count ? mend(session, applied, err) : 0;
}

static int apply_missing(struct tb_pg_session *session, const struct tb_migrate_options *options,
                         size_t applied, struct tb_error *err)
{
    int r = 0;

    for (size_t i = applied; r == 0 && i < tb_migration_count; i++) {
        r = apply_step(session, &tb_migrations[i], err);
        if (r == 0 && options->on_applied)
            options->on_applied(options->owner, tb_migrations[i].number, tb_migrations[i].name);
    }
    return r;
}

/* ---- roles and rights ---- */

static int know_roles(struct tb_pg_session *session, bool *ret_known, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    char hash[HASH_TEXT_BYTES];
    int r = execute(session, &tb_query_migrate_roles, &result, err);

    if (r == 0)
        r = hash_text(tb_query_roles.sql, hash, err);
    if (r == 0)
        *ret_known = tb_result_rows(result) && tb_str_equal(tb_result_str(result, 0, 0), tb_str_of(hash));
    return r;
}

/* Rights are put right in any case; that some were wrong is news only where these very ones were given
 * before. */
static int tell_rights(struct tb_pg_session *session, const struct tb_migrate_options *options,
                       struct tb_error *err)
{
    bool is_known = false;
    int r = know_roles(session, &is_known, err);

    if (r || !is_known || !options->on_right)
        return r;
    r = tb_migrate_find_rights(session, options->on_right, options->owner, err);
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

/* In one transaction, so that nobody lacks a right in between. */
static int apply_roles(struct tb_pg_session *session, struct tb_error *err)
{
    bool is_known = false;
    int r = tb_pg_session_begin(session, err);

    if (r == 0)
        r = know_roles(session, &is_known, err);
    if (r == 0 && !is_known)
        r = execute(session, &tb_query_migrate_policies, NULL, err);
    if (r == 0)
        r = tb_pg_session_run(session, tb_query_roles.sql, err);
    if (r == 0)
        r = record(session, 0, "roles", tb_query_roles.sql, err);
    if (r == 0)
        r = tb_pg_session_commit(session, err);
    tb_pg_session_rollback(session);
    if (r)
        tb_error_prefix(err, "roles and rights");
    return r > 0 ? TB_MIGRATE_FAILED : r;
}

static int note_settings(struct tb_pg_session *session, const struct tb_migrate_options *options,
                         struct tb_error *err)
{
    const struct tb_param params[] = {tb_param_text("company.format"),
                                      tb_param_text(options->company_format)};
    int r = tb_pg_session_execute(session, &tb_query_migrate_setting, params, TB_COUNT(params), NULL, err);

    return r > 0 ? TB_MIGRATE_FAILED : r;
}

/* Tells what is for somebody else to run. */
static int tell_superuser(struct tb_pg_session *session, const struct tb_migrate_options *options,
                          size_t *ret_count, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute(session, &tb_query_migrate_superuser, &result, err);

    if (r)
        return r;
    *ret_count = tb_result_rows(result);
    for (size_t row = 0; row < *ret_count && options->on_statement; row++)
        options->on_statement(options->owner, tb_result_str(result, row, 0));
    return 0;
}

static int finish(struct tb_pg_session *session, const struct tb_migrate_options *options,
                  struct tb_error *err)
{
    size_t count = 0;
    int r = note_settings(session, options, err);

    if (r == 0)
        r = execute(session, &tb_query_migrate_oneself, NULL, err);
    if (r == 0)
        r = apply_roles(session, err);
    if (r == 0)
        r = execute(session, &tb_query_migrate_note, NULL, err);
    if (r == 0)
        r = tell_superuser(session, options, &count, err);
    if (r || !count)
        return r;
    return tb_error_set(err, TB_MIGRATE_UNPRIVILEGED,
                        "the tables are there, but roles are missing that this role may not create: let "
                        "somebody who may run these lines, and then `taskbridge migrate` again");
}

/* ---- before anything ---- */

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

/* Where this fails, the session is about to end, and the lock with it. */
static void unlock(struct tb_pg_session *session)
{
    struct tb_error ignored = {0};
    int r = tb_pg_session_execute(session, &tb_query_migrate_unlock, NULL, 0, NULL, &ignored);
    (void)r;
}

/* Goes on as the owner of what is there. */
static int become_owner(struct tb_pg_session *session, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute(session, &tb_query_migrate_owner, &result, err);

    if (r || tb_result_rows(result) == 0)
        return r;
    return tb_error_set(err, TB_MIGRATE_FAILED, "the tables belong to %.*s, whom this role may not act for",
                        TB_STR_FMT(tb_result_str(result, 0, 0)));
}

static int refuse_foreign(struct tb_pg_session *session, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute(session, &tb_query_migrate_foreign, &result, err);

    if (r || tb_result_is_null(result, 0, 0))
        return r;
    return tb_error_set(err, TB_MIGRATE_FAILED,
                        "the schema has tables of somebody else (%.*s): name one of taskbridge's own in "
                        "database.schema",
                        TB_STR_FMT(tb_result_str(result, 0, 0)));
}

/* Makes the schema and what the database itself keeps of its migrations, where there is none. */
static int prepare(struct tb_pg_session *session, struct tb_error *err)
{
    int r = become_owner(session, err);

    if (r == 0)
        r = execute(session, &tb_query_migrate_prepare, NULL, err);
    if (r == 0)
        r = refuse_foreign(session, err);
    if (r == 0) {
        r = tb_pg_session_run(session, tb_query_migrate_catalogue.sql, err);
        r = r > 0 ? TB_MIGRATE_FAILED : r;
    }
    return r;
}

static int migrate(struct tb_pg_session *session, const struct tb_migrate_options *options,
                   struct tb_error *err)
{
    size_t applied = 0;
    int r = prepare(session, err);

    if (r == 0)
        r = check_applied(session, &applied, err);
    if (r == 0)
        r = find_and_mend(session, options, applied, err);
    if (r == 0)
        r = tell_rights(session, options, err);
    if (r == 0)
        r = apply_missing(session, options, applied, err);
    if (r == 0)
        r = finish(session, options, err);
    return r;
}

/* Without a schema that this role may not make nothing can be begun. */
static int refuse_without_schema(struct tb_pg_session *session, const struct tb_migrate_options *options,
                                 struct tb_error *err)
{
    const struct tb_result *result = NULL;
    size_t count = 0;
    int r = execute(session, &tb_query_migrate_may_begin, &result, err);

    if (r || tb_result_bool(result, 0, 0))
        return r;
    r = tell_superuser(session, options, &count, err);
    return r ? r
             : tb_error_set(err, TB_MIGRATE_UNPRIVILEGED,
                            "this role may not create the schema: let somebody who may run these lines, and "
                            "then `taskbridge migrate` again");
}

int tb_migrate(struct tb_pg_session *session, const struct tb_migrate_options *options, struct tb_error *err)
{
    int r = lock(session, options->lock_timeout_us ? options->lock_timeout_us : LOCK_TIMEOUT_US, err);

    if (r)
        return r;
    r = refuse_without_schema(session, options, err);
    if (r == 0)
        r = migrate(session, options, err);
    unlock(session);
    return r;
}

/* ---- looking ---- */

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
