/* A company's document, for whoever may see the company.
 *
 * Who asks is settled first: without a valid token nothing is said about the address, not even that it is
 * wrong. Then the address, then the company. One that is not the caller's and one that is not there are the
 * same question to the database and the same answer. An operator sees every company that has a name or a
 * task. */
#include "task_status.h"

#include "credential.h"
#include "database.h"
#include "path.h"
#include "problem.h"
#include "taskbridge/base/limits.h"

#define PARAMETER_MAX_BYTES 128

/* ---- the answer ---- */

/* A document that is too long for an answer lists fewer of the tasks; how many there are it says in any case.
 */
static bool push_document(struct tb_document *document, struct tb_buf *buf)
{
    for (;;) {
        tb_document_push(document, buf);
        if (!buf->failed)
            return true;
        if (document->active_count == 0)
            return false;
        document->active_count /= 2;
        tb_buf_reset(buf);
    }
}

static void answer_document(struct tb_request *request, struct tb_company_read *read)
{
    struct tb_answer answer = {.status = MHD_HTTP_OK, .content_type = "application/json"};
    struct tb_buf buf;

    read->document.company_id = tb_str_of(read->company);
    tb_buf_init(&buf, TB_RESPONSE_MAX_BYTES);
    if (push_document(&read->document, &buf))
        answer.body.ptr = tb_buf_take(&buf, &answer.body.len);
    tb_buf_deinit(&buf);
    if (answer.body.ptr)
        tb_request_answer(request, &answer);
    else
        tb_request_fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
}

static bool is_there(const struct tb_company_read *read)
{
    const struct tb_document *document = &read->document;

    if (!read->caller.may_see)
        return false;
    return !read->caller.is_operator || !tb_str_is_null(document->company_name) || document->total_tasks > 0;
}

static void answer_outcome(struct tb_request *request, int outcome)
{
    const char *detail = "The database does not answer; try again in a moment.";

    if (outcome == TB_DATABASE_CROWDED)
        detail = "Too many requests wait for the database; try again in a moment.";
    else if (outcome == TB_DATABASE_BROKEN)
        detail = "The database cannot answer this; the server's log says why.";
    tb_problem_answer_away(request, detail);
}

static void on_answer(void *owner, int outcome, struct tb_company_read *read)
{
    struct tb_request *request = owner;

    if (outcome) {
        answer_outcome(request, outcome);
        return;
    }
    if (!read->caller.token_id) {
        tb_problem_answer_no_credential(request);
        return;
    }
    request->user = strndup(read->caller.user.ptr, read->caller.user.len);
    if (request->complaint)
        tb_problem_answer(request, &(struct tb_problem){.status = MHD_HTTP_BAD_REQUEST,
                                                        .detail = request->complaint,
                                                        .parameter = request->parameter});
    else if (!is_there(read))
        tb_problem_answer_no_company(request);
    else
        answer_document(request, read);
}

/* ---- the question ---- */

/* The first parameter of the query is one too many: this address takes none. */
static enum MHD_Result on_parameter(void *owner, enum MHD_ValueKind kind, const char *key, size_t key_len,
                                    const char *value, size_t value_len)
{
    struct tb_request *request = owner;
    struct tb_str name = {key, key_len < PARAMETER_MAX_BYTES ? key_len : PARAMETER_MAX_BYTES};
    char decoded[PARAMETER_MAX_BYTES];
    struct tb_str shown;

    (void)kind;
    (void)value;
    (void)value_len;
    if (!tb_path_decode(name, decoded, sizeof(decoded), &shown))
        shown = name;
    request->parameter = strndup(shown.ptr, shown.len);
    request->complaint = "This address has no such parameter.";
    return MHD_NO;
}

static void check_address(struct tb_request *request, char key[TB_COMPANY_KEY_BYTES],
                          struct tb_str *ret_company)
{
    *ret_company = TB_STR_NULL;
    if (!tb_company_id_parse(request->services->rules, request->segment, key, ret_company)) {
        request->parameter = strdup("company_id");
        request->complaint = tb_company_id_words(request->services->rules);
        return;
    }
    (void)MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, on_parameter, request);
    if (request->complaint)
        *ret_company = TB_STR_NULL;
}

void tb_task_status_get(struct tb_request *request)
{
    struct tb_str token = tb_credential_token(tb_request_header(request, "Authorization"));
    struct tb_question question = {.token = token, .on_answer = on_answer, .owner = request};
    char key[TB_COMPANY_KEY_BYTES];

    if (tb_str_is_null(token)) {
        tb_problem_answer_no_credential(request);
        return;
    }
    check_address(request, key, &question.company);
    int outcome = tb_database_ask(request->services->database, &question);
    if (outcome)
        answer_outcome(request, outcome);
    else
        tb_request_suspend(request);
}
