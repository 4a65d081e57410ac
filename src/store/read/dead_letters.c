/* Dead letters for a person: listed without their bodies, which may be large, and shown one by one.
 *
 * PostgreSQL sends a body in hexadecimal, which is put back into bytes over itself. Publishing a letter again
 * is not done here; that it was is noted. */
#include "taskbridge/store/dead_letters.h"

#include "taskbridge/pg/params.h"
#include "tb_sql.h"

#include <errno.h>
#include <inttypes.h>

#define LIMIT_DEFAULT    1000
#define PARAMS_MAX_BYTES (64 * 1024)

static struct tb_dead_letter read_letter(const struct tb_result *result, size_t row)
{
    return (struct tb_dead_letter){.id = tb_result_int64(result, row, 0),
                                   .instance = tb_result_str(result, row, 1),
                                   .received_at = tb_result_stamp(result, row, 2),
                                   .created_at = tb_result_stamp(result, row, 3),
                                   .retried_at = tb_result_stamp(result, row, 4),
                                   .routing_key = tb_result_str(result, row, 5),
                                   .content_type = tb_result_str(result, row, 6),
                                   .content_encoding = tb_result_str(result, row, 7),
                                   .reason = tb_result_str(result, row, 8),
                                   .headers = tb_result_str(result, row, 9),
                                   .body_bytes = tb_result_int64(result, row, 10),
                                   .is_masked = tb_result_int64(result, row, 11) != 0};
}

static int execute_filter(struct tb_pg_session *session, const struct tb_query *query,
                          const struct tb_dead_filter *filter, bool with_limit,
                          const struct tb_result **ret_result, struct tb_error *err)
{
    struct tb_params params;
    struct tb_buf buf;
    int r = 0;

    tb_buf_init(&buf, PARAMS_MAX_BYTES);
    tb_params_init(&params, &buf);
    tb_params_push_int64(&params, filter->id);
    tb_params_push_text(&params, filter->reason);
    tb_params_push_bool(&params, filter->unretried);
    tb_params_push_int64(&params, filter->after_id);
    if (with_limit)
        tb_params_push_int64(&params, filter->limit ? filter->limit : LIMIT_DEFAULT);
    if (buf.failed) {
        r = tb_error_set(err, -E2BIG, "the reason to look for is too long");
    } else {
        tb_params_settle(&params);
        r = tb_pg_session_execute(session, query, params.list, params.count, ret_result, err);
    }
    tb_buf_deinit(&buf);
    return r;
}

static int execute_id(struct tb_pg_session *session, const struct tb_query *query, int64_t id,
                      const struct tb_result **ret_result, struct tb_error *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, id);
    const struct tb_param param = tb_param_text(text);
    return tb_pg_session_execute(session, query, &param, 1, ret_result, err);
}

int tb_dead_list(struct tb_pg_session *session, const struct tb_dead_filter *filter,
                 void (*on_letter)(void *owner, const struct tb_dead_letter *letter), void *owner,
                 struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_filter(session, &tb_query_dead_list, filter, true, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_dead_letter letter = read_letter(result, row);
        on_letter(owner, &letter);
    }
    return r;
}

static unsigned char nibble(char digit)
{
    return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* The result is the session's own and lives until its next call, so its bytes may be changed in place. */
static struct tb_str decode_hex(struct tb_str hex)
{
    char *bytes = (char *)(uintptr_t)hex.ptr;

    for (size_t i = 0; i + 1 < hex.len; i += 2)
        bytes[i / 2] = (char)(nibble(hex.ptr[i]) << 4 | nibble(hex.ptr[i + 1]));
    return (struct tb_str){bytes, hex.len / 2};
}

int tb_dead_show(struct tb_pg_session *session, int64_t id, struct tb_dead_letter *ret_letter,
                 bool *ret_found, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_id(session, &tb_query_dead_show, id, &result, err);

    if (r)
        return r;
    *ret_found = tb_result_rows(result) > 0;
    if (!*ret_found)
        return 0;
    *ret_letter = read_letter(result, 0);
    ret_letter->body = decode_hex(tb_result_str(result, 0, 12));
    return 0;
}

int tb_dead_mark_retried(struct tb_pg_session *session, int64_t id, struct tb_error *err)
{
    return execute_id(session, &tb_query_dead_retried, id, NULL, err);
}

int tb_dead_drop(struct tb_pg_session *session, const struct tb_dead_filter *filter, int64_t *ret_count,
                 struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_filter(session, &tb_query_dead_drop, filter, true, &result, err);

    if (r == 0)
        *ret_count = tb_result_int64(result, 0, 0);
    return r;
}
