/* A company's document for those who poll it, out of the company's feed.
 *
 * ETag is the document's version, which is another one exactly when anything but the clock changed: so it is
 * a weak one, and 304 means that nothing new is to be seen. What a watch token is narrowed to narrows the
 * filters; a filter that asks for more than that gets nothing, not an error. */
#include "task_status.h"

#include "problem.h"
#include "taskbridge/base/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX_BYTES (4 * TB_HTTP_CONNECTION_BYTES)

/* ---- which document ---- */

static bool is_among(struct tb_str text, const struct tb_str *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tb_str_equal(texts[i], text))
            return true;
    }
    return false;
}

/* The list as a literal in the exchange's arena: what is asked for (count 0: anything), as far as it is
 * allowed (allowed_count 0: anything). NULL when neither narrows. */
static bool narrow(struct tb_exchange *exchange, const struct tb_parameter_value *asked,
                   const struct tb_str *allowed, size_t allowed_count, const char **ret_literal)
{
    const struct tb_str *items = asked->count ? asked->texts : allowed;
    size_t count = asked->count ? asked->count : allowed_count, kept = 0;
    struct tb_str both[TB_VALUES_MAX], literal;
    struct tb_buf buf;

    *ret_literal = NULL;
    if (!count)
        return true;
    for (size_t i = 0; i < count && kept < TB_VALUES_MAX; i++) {
        if (!allowed_count || is_among(items[i], allowed, allowed_count))
            both[kept++] = items[i];
    }
    tb_buf_init(&buf, LIST_MAX_BYTES);
    tb_company_push_list(both, kept, &buf);
    bool is_good = !buf.failed && tb_arena_copy(&exchange->parameters.arena, tb_buf_str(&buf), &literal);
    tb_buf_deinit(&buf);
    if (is_good)
        *ret_literal = literal.ptr;
    return is_good;
}

static bool copy_flow(struct tb_exchange *exchange, struct tb_str flow, const char **ret_flow)
{
    struct tb_str copy;

    if (!tb_arena_copy(&exchange->parameters.arena, flow, &copy))
        return false;
    *ret_flow = copy.ptr;
    return true;
}

bool tb_task_status_key(struct tb_exchange *exchange, struct tb_company_filter *filter,
                        struct tb_feed_key *ret_key)
{
    static const struct tb_scope everything;
    static const struct tb_parameter_value nothing;
    const struct tb_parameter_value *values = exchange->parameters.values;
    const struct tb_scope *scope = exchange->grant->scope ? exchange->grant->scope : &everything;

    *filter = (struct tb_company_filter){
        .since_us = values[TB_FILTER_SINCE].is_given ? values[TB_FILTER_SINCE].number : TB_STAMP_NONE,
        .until_us = values[TB_FILTER_UNTIL].is_given ? values[TB_FILTER_UNTIL].number : TB_STAMP_NONE,
        .limit = values[TB_FILTER_LIMIT].number,
        .cursor_at_us = values[TB_FILTER_CURSOR].is_given ? values[TB_FILTER_CURSOR].number : TB_STAMP_NONE,
        .cursor_id = values[TB_FILTER_CURSOR].second};
    if (!narrow(exchange, &values[TB_FILTER_STATUS], NULL, 0, &filter->statuses) ||
        !narrow(exchange, &values[TB_FILTER_TYPE], scope->types, scope->type_count, &filter->types) ||
        !narrow(exchange, &nothing, scope->tasks, scope->task_count, &filter->tasks) ||
        !copy_flow(exchange, scope->flow, &filter->flow))
        return false;
    bool is_whole = !filter->statuses && !filter->types && !filter->tasks && !filter->flow &&
                    !filter->limit && filter->since_us == TB_STAMP_NONE &&
                    filter->until_us == TB_STAMP_NONE && filter->cursor_at_us == TB_STAMP_NONE;
    *ret_key = (struct tb_feed_key){.company = exchange->company,
                                    .filter = is_whole ? NULL : filter,
                                    .company_name = exchange->grant->company_name};
    return true;
}

size_t tb_task_status_view(const struct tb_exchange *exchange)
{
    bool is_raw =
        exchange->grant->rights >= TB_RIGHTS_VIEWER || exchange->services->config->http.customer_errors;

    return tb_view(tb_exchange_is_english(exchange), is_raw);
}

/* ---- the answer ---- */

static bool accepts_gzip(const struct tb_exchange *exchange)
{
    struct tb_str encodings = tb_exchange_header(exchange, "Accept-Encoding");
    size_t at = tb_str_find(encodings, TB_STR("gzip"));

    if (tb_str_is_null(encodings) || at == SIZE_MAX)
        return false;
    return !tb_str_starts_with((struct tb_str){encodings.ptr + at, encodings.len - at},
                               TB_STR("gzip;q=0,")) &&
           !tb_str_equal((struct tb_str){encodings.ptr + at, encodings.len - at}, TB_STR("gzip;q=0"));
}

static bool is_known_to_client(const struct tb_exchange *exchange, struct tb_str tag)
{
    struct tb_str known = tb_exchange_header(exchange, "If-None-Match");
    struct tb_str strong = {tag.ptr + 2, tag.len - 2}; /* without W/ */

    return !tb_str_is_null(known) &&
           (tb_str_equal(known, TB_STR("*")) || tb_str_find(known, strong) != SIZE_MAX);
}

static void answer_edition(struct tb_exchange *exchange, struct tb_edition *edition)
{
    struct tb_reply reply = {.code = 200, .content_type = "application/json"};
    struct tb_body *gzip = accepts_gzip(exchange) ? tb_edition_gzip(edition) : NULL;
    char tag[TB_VERSION_BYTES + 8];

    snprintf(tag, sizeof(tag), "W/\"%s\"", edition->version);
    reply.headers[0] = (struct tb_header){"ETag", tb_str_of(tag)};
    if (is_known_to_client(exchange, tb_str_of(tag))) {
        reply.code = 304;
        reply.content_type = NULL;
    } else {
        reply.body = tb_body_hold(gzip ? gzip : edition->json);
        if (gzip)
            reply.headers[1] = (struct tb_header){"Content-Encoding", TB_STR("gzip")};
    }
    tb_exchange_answer(exchange, &reply);
}

static void answer(struct tb_exchange *exchange, const struct tb_feed_news *news)
{
    if (news->outcome)
        tb_problem_answer_database(exchange, news->outcome);
    else if (exchange->grant->rights >= TB_RIGHTS_VIEWER && !news->is_known)
        tb_problem_answer_no_company(exchange);
    else
        answer_edition(exchange, news->edition);
}

/* ---- waiting for it ---- */

static void leave(struct tb_exchange *exchange)
{
    struct tb_feed_reader *reader = exchange->work;

    exchange->on_gone = NULL;
    exchange->work = NULL;
    tb_feed_leave(reader);
    free(reader);
}

static void on_news(struct tb_feed_reader *reader, const struct tb_feed_news *news)
{
    struct tb_exchange *exchange = reader->owner;

    leave(exchange);
    answer(exchange, news);
}

void tb_task_status_get(struct tb_exchange *exchange)
{
    struct tb_feed_reader *reader = calloc(1, sizeof(*reader));
    struct tb_company_filter filter;
    struct tb_feed_key key;
    struct tb_feed_news news;

    if (!reader || !tb_task_status_key(exchange, &filter, &key)) {
        free(reader);
        tb_problem_answer_away(exchange, "There is no memory for an answer now.");
        return;
    }
    *reader =
        (struct tb_feed_reader){.view = tb_task_status_view(exchange), .on_news = on_news, .owner = exchange};
    exchange->work = reader;
    exchange->on_gone = leave;
    if (!tb_feed_read(exchange->services->feeds, &key, reader, &news))
        return;
    leave(exchange);
    answer(exchange, &news);
}
