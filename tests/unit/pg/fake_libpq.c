/* See fake_libpq.h. One connection at a time: a second one would be somebody's mistake. */
#include "fake_libpq.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 256
#define COLUMNS_MAX 8
#define SENT_MAX    4096

/* libpq's types are known to their users by name only. */
struct pg_result {
    ExecStatusType status;
    const char *sqlstate, *message, *function;
    const char *values[COLUMNS_MAX];
    int count;
    bool is_gap, is_notice;
};

struct pg_conn {
    int ours, peers; /* a pair of sockets */
    bool is_pipeline;
};

static struct {
    PGconn conn;
    bool is_open, is_serving;
    PGresult answers[ANSWERS_MAX];
    size_t first, count;
    const char *broken; /* NULL: not */
    char sent[SENT_MAX], told[SENT_MAX];
    char unanswered[ANSWERS_MAX]; /* 'p' of a prepare, 'e' of an execute, 's' of a sync, as they were sent */
    PQnoticeReceiver receiver;
    void *receiver_owner;
} fake = {.conn = {.ours = -1, .peers = -1}};

/* ---- the test's side ---- */

void fake_libpq_reset(void)
{
    assert(!fake.is_open);
    memset(&fake, 0, sizeof(fake));
    fake.conn.ours = fake.conn.peers = -1;
    fake.is_serving = true;
}

void fake_libpq_wake(void)
{
    assert(fake.is_open && write(fake.conn.peers, "x", 1) == 1);
}

static PGresult *push(PGresult answer)
{
    assert(fake.count < ANSWERS_MAX);
    fake.answers[fake.count] = answer;
    return &fake.answers[fake.count++];
}

void fake_libpq_answer(ExecStatusType status)
{
    push((PGresult){.status = status});
}

void fake_libpq_fail_in(const char *sqlstate, const char *message, const char *function)
{
    push((PGresult){
        .status = PGRES_FATAL_ERROR, .sqlstate = sqlstate, .message = message, .function = function});
}

void fake_libpq_fail(const char *sqlstate, const char *message)
{
    fake_libpq_fail_in(sqlstate, message, NULL);
}

void fake_libpq_row(const char *const *values, int count)
{
    PGresult *row = push((PGresult){.status = PGRES_TUPLES_OK, .count = count});

    assert(count <= COLUMNS_MAX);
    for (int i = 0; i < count; i++)
        row->values[i] = values[i];
}

void fake_libpq_gap(void)
{
    push((PGresult){.is_gap = true});
}

void fake_libpq_notice(const char *sqlstate, const char *message, const char *function)
{
    push((PGresult){.status = PGRES_NONFATAL_ERROR,
                    .sqlstate = sqlstate,
                    .message = message,
                    .function = function,
                    .is_notice = true});
}

void fake_libpq_break(const char *message)
{
    fake.broken = message;
}

static void answer_all(void)
{
    static const char *const row[] = {"4711", "4711", "4711", "4711", "4711", "4711"};

    for (size_t i = 0; fake.unanswered[i]; i++) {
        if (fake.unanswered[i] == 'e')
            fake_libpq_row(row, 6);
        else
            fake_libpq_answer(fake.unanswered[i] == 's' ? PGRES_PIPELINE_SYNC : PGRES_COMMAND_OK);
        if (fake.unanswered[i] != 's')
            fake_libpq_gap();
    }
    fake.unanswered[0] = '\0';
    fake_libpq_wake();
}

void fake_libpq_serve(bool is_serving)
{
    fake.is_serving = is_serving;
}

const char *fake_libpq_sent(void)
{
    memcpy(fake.told, fake.sent, sizeof(fake.told));
    fake.sent[0] = '\0';
    return fake.told;
}

/* ---- libpq's side: connecting ---- */

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand_dbname)
{
    int pair[2];

    (void)keywords, (void)values, (void)expand_dbname;
    assert(!fake.is_open);
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    fake.conn = (PGconn){.ours = pair[0], .peers = pair[1]};
    fake.is_open = true;
    fake.broken = NULL;
    fake.first = fake.count = 0;
    fake.unanswered[0] = '\0';
    fake.sent[0] = '\0';
    return &fake.conn;
}

/* The real one's defaults. */
PQconninfoOption *PQconninfo(PGconn *conn)
{
    (void)conn;
    return PQconndefaults();
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    (void)conn;
    return PGRES_POLLING_OK;
}

ConnStatusType PQstatus(const PGconn *conn)
{
    (void)conn;
    return fake.broken ? CONNECTION_BAD : CONNECTION_OK;
}

int PQsocket(const PGconn *conn)
{
    return conn->ours;
}

char *PQerrorMessage(const PGconn *conn)
{
    static char none[] = "";

    (void)conn;
    return fake.broken ? (char *)(uintptr_t)fake.broken : none;
}

void PQfinish(PGconn *conn)
{
    if (!conn)
        return;
    close(conn->ours);
    close(conn->peers);
    fake.is_open = false;
}

int PQsetnonblocking(PGconn *conn, int arg)
{
    (void)conn, (void)arg;
    return 0;
}

int PQenterPipelineMode(PGconn *conn)
{
    conn->is_pipeline = true;
    return 1;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver proc, void *arg)
{
    (void)conn;
    fake.receiver = proc;
    fake.receiver_owner = arg;
    return NULL;
}

const char *PQparameterStatus(const PGconn *conn, const char *name)
{
    (void)conn;
    return strcmp(name, "server_encoding") == 0 ? "UTF8" : NULL;
}

int PQbackendPID(const PGconn *conn)
{
    (void)conn;
    return 4711;
}

/* ---- libpq's side: asking ---- */

static int note(char kind, const char *what, const char *name)
{
    size_t len = strlen(fake.sent), unanswered = strlen(fake.unanswered);

    if (fake.broken)
        return 0;
    assert(unanswered + 1 < sizeof(fake.unanswered));
    fake.unanswered[unanswered] = kind;
    fake.unanswered[unanswered + 1] = '\0';
    snprintf(fake.sent + len, sizeof(fake.sent) - len, "%s%s%s", len ? "; " : "", what, name);
    if (!fake.is_serving)
        fake.unanswered[0] = '\0';
    else if (kind == 's' || !fake.conn.is_pipeline)
        answer_all();
    return 1;
}

int PQsendQuery(PGconn *conn, const char *query)
{
    (void)conn, (void)query;
    return note('e', "query", "");
}

int PQsendPrepare(PGconn *conn, const char *name, const char *query, int count, const Oid *types)
{
    (void)conn, (void)query, (void)count, (void)types;
    return note('p', "prepare ", name);
}

int PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values,
                        const int *lengths, const int *formats, int format)
{
    (void)conn, (void)count, (void)values, (void)lengths, (void)formats, (void)format;
    return note('e', "execute ", name);
}

int PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
                      const char *const *values, const int *lengths, const int *formats, int format)
{
    (void)conn, (void)command, (void)count, (void)types, (void)values, (void)lengths, (void)formats;
    (void)format;
    return note('e', "execute", "");
}

int PQpipelineSync(PGconn *conn)
{
    (void)conn;
    return note('s', "sync", "");
}

int PQflush(PGconn *conn)
{
    (void)conn;
    return fake.broken ? -1 : 0;
}

/* ---- libpq's side: answers ---- */

int PQconsumeInput(PGconn *conn)
{
    char bytes[64];

    while (read(conn->ours, bytes, sizeof(bytes)) > 0)
        continue;
    return !fake.broken || fake.first < fake.count;
}

static void give_notices(void)
{
    while (fake.first < fake.count && fake.answers[fake.first].is_notice) {
        if (fake.receiver)
            fake.receiver(fake.receiver_owner, &fake.answers[fake.first]);
        fake.first++;
    }
}

int PQisBusy(PGconn *conn)
{
    (void)conn;
    give_notices();
    return fake.first == fake.count;
}

PGresult *PQgetResult(PGconn *conn)
{
    (void)conn;
    assert(fake.first < fake.count);
    PGresult *answer = &fake.answers[fake.first++];
    return answer->is_gap ? NULL : answer;
}

PGnotify *PQnotifies(PGconn *conn)
{
    (void)conn;
    return NULL;
}

void PQclear(PGresult *res)
{
    (void)res;
}

ExecStatusType PQresultStatus(const PGresult *res)
{
    return res->status;
}

char *PQresultErrorMessage(const PGresult *res)
{
    return (char *)(uintptr_t)(res->message ? res->message : "");
}

char *PQresultErrorField(const PGresult *res, int fieldcode)
{
    const char *field = fieldcode == PG_DIAG_SQLSTATE          ? res->sqlstate
                        : fieldcode == PG_DIAG_SOURCE_FUNCTION ? res->function
                        : fieldcode == PG_DIAG_MESSAGE_PRIMARY ? res->message
                                                               : NULL;
    return (char *)(uintptr_t)field;
}

int PQntuples(const PGresult *res)
{
    return res->count ? 1 : 0;
}

int PQgetisnull(const PGresult *res, int row, int column)
{
    (void)row;
    return column >= res->count || !res->values[column];
}

char *PQgetvalue(const PGresult *res, int row, int column)
{
    return (char *)(uintptr_t)(PQgetisnull(res, row, column) ? "" : res->values[column]);
}

int PQgetlength(const PGresult *res, int row, int column)
{
    return (int)strlen(PQgetvalue(res, row, column));
}
