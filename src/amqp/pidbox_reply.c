/* What a worker answers: {"w1@host": {"ID": ["active", {…}]}} to query_task, {"w1@host": [{"id": "ID", …}]}
 * to active, {"w1@host": {"error": "…"}} where its own code failed.
 *
 * The details in {…} hold the task's arguments as Python wrote them, where JSON may be none: NaN, halves of
 * surrogate pairs, numbers of any length. Nobody needs them here, so such places are made harmless before the
 * parser sees them: every number becomes 0, every unpaired half U+FFFD. Other serializers are never read. */
#include "pidbox_reply.h"

#include <errno.h>
#include <stdlib.h>

#include "taskbridge/base/limits.h"

static bool is_number_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           byte == '+' || byte == '-' || byte == '.';
}

/* NaN, Infinity and their like begin with none of the letters that true, false and null do. */
static bool begins_number(char byte)
{
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == 'N' || byte == 'I';
}

/* The value of "\uXXXX" at the head of text, or -1. */
static long escaped_unit(struct tb_str text)
{
    char digits[5] = {0};
    if (text.len < 6 || text.ptr[0] != '\\' || text.ptr[1] != 'u')
        return -1;
    memcpy(digits, text.ptr + 2, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

/* Pushes the escape at the head of text, made harmless; returns its length. */
static size_t push_escape(struct tb_buf *buf, struct tb_str text)
{
    long unit = escaped_unit(text);
    size_t len = text.len < 2 ? text.len : 2;
    if (unit >= 0)
        len = 6;
    bool is_high = unit >= 0xD800 && unit < 0xDC00, is_low = unit >= 0xDC00 && unit < 0xE000;
    if (is_high) {
        long next = escaped_unit((struct tb_str){text.ptr + 6, text.len - 6});
        if (next >= 0xDC00 && next < 0xE000) {
            tb_buf_push(buf, text.ptr, 12);
            return 12;
        }
    }
    if (is_high || is_low || unit == 0)
        tb_buf_push_str(buf, TB_STR("\\ufffd"));
    else
        tb_buf_push(buf, text.ptr, len);
    return len;
}

static void push_harmless(struct tb_buf *buf, struct tb_str text)
{
    bool in_string = false;
    for (size_t i = 0; i < text.len;) {
        char byte = text.ptr[i];
        if (in_string && byte == '\\') {
            i += push_escape(buf, (struct tb_str){text.ptr + i, text.len - i});
            continue;
        }
        if (!in_string && begins_number(byte)) {
            tb_buf_push_byte(buf, '0');
            while (i < text.len && is_number_byte(text.ptr[i]))
                i++;
            continue;
        }
        in_string ^= byte == '"';
        tb_buf_push_byte(buf, byte);
        i++;
    }
}

static struct tb_str text_of(const json_t *json)
{
    if (!json_is_string(json))
        return TB_STR_NULL;
    return (struct tb_str){json_string_value(json), json_string_length(json)};
}

static int refuse(struct tb_error *err, const char *why)
{
    return tb_error_set(err, TB_PIDBOX_REPLY_UNREADABLE, "the worker's answer can't be read: %s", why);
}

static int parse_root(const struct tb_delivery *delivery, struct tb_pidbox_reply *reply, struct tb_error *err)
{
    struct tb_str type = delivery->content_type;
    if (!tb_str_is_null(type) && !tb_str_equal(type, TB_STR("application/json")))
        return tb_error_set(err, TB_PIDBOX_REPLY_UNREADABLE,
                            "the worker answers in %.*s: it is understood with task_serializer = \"json\"",
                            TB_STR_FMT(type));
    if (!tb_str_is_null(delivery->compression))
        return refuse(err, "it is compressed");
    if (delivery->body.len > TB_DECODE_MAX_BYTES)
        return refuse(err, "it is too large");

    struct tb_buf buf;
    tb_buf_init(&buf, delivery->body.len * 2 + 1);
    push_harmless(&buf, delivery->body);
    bool is_whole = !buf.failed;
    if (is_whole)
        reply->root = json_loadb(buf.ptr ? buf.ptr : "", buf.len, 0, NULL);
    tb_buf_deinit(&buf);
    if (!is_whole)
        return tb_error_set_errno(err, -ENOMEM, "reading a worker's answer");
    return json_is_object(reply->root) && json_object_size(reply->root) == 1
               ? 0
               : refuse(err, "it is no JSON object");
}

static int add_task(struct tb_pidbox_reply *reply, struct tb_str id, struct tb_str state,
                    struct tb_error *err)
{
    if (tb_str_is_null(id) || tb_str_is_null(state))
        return refuse(err, "it names a task without its id or state");
    reply->tasks[reply->task_count++] = (struct tb_pidbox_task){id, state};
    return 0;
}

static int parse_queried(json_t *answer, struct tb_pidbox_reply *reply, struct tb_error *err)
{
    struct tb_str failure = text_of(json_object_get(answer, "error"));
    if (!tb_str_is_null(failure))
        return tb_error_set(err, TB_PIDBOX_REPLY_UNREADABLE, "the worker can't answer: %.*s",
                            TB_STR_FMT(failure));
    const char *id;
    json_t *entry;
    json_object_foreach(answer, id, entry)
    {
        int r = add_task(reply, tb_str_of(id), text_of(json_array_get(entry, 0)), err);
        if (r)
            return r;
    }
    return 0;
}

/* key is what names an item: a task's "id", a queue's "name". */
static int parse_running(json_t *answer, const char *key, struct tb_pidbox_reply *reply, struct tb_error *err)
{
    for (size_t i = 0; i < json_array_size(answer); i++) {
        int r =
            add_task(reply, text_of(json_object_get(json_array_get(answer, i), key)), TB_STR("active"), err);
        if (r)
            return r;
    }
    return 0;
}

static int parse_answer(struct tb_pidbox_reply *reply, enum tb_pidbox_method method, struct tb_error *err)
{
    void *first = json_object_iter(reply->root);
    json_t *answer = json_object_iter_value(first);
    reply->worker = tb_str_of(json_object_iter_key(first));
    size_t count = json_object_size(answer) + json_array_size(answer);
    reply->tasks = calloc(count + 1, sizeof(*reply->tasks));
    if (!reply->tasks)
        return tb_error_set_errno(err, -ENOMEM, "reading a worker's answer");
    if (json_is_object(answer) && (method == TB_PIDBOX_QUERY_TASK || json_object_get(answer, "error")))
        return parse_queried(answer, reply, err);
    if (json_is_array(answer) && method != TB_PIDBOX_QUERY_TASK)
        return parse_running(answer, method == TB_PIDBOX_QUEUES ? "name" : "id", reply, err);
    return refuse(err, "it is not what was asked for");
}

int tb_pidbox_reply_parse(const struct tb_delivery *delivery, enum tb_pidbox_method method,
                          struct tb_pidbox_reply *ret_reply, struct tb_error *err)
{
    struct tb_pidbox_reply reply = {0};
    int r = parse_root(delivery, &reply, err);
    if (r == 0)
        r = parse_answer(&reply, method, err);
    if (r)
        tb_pidbox_reply_deinit(&reply);
    else
        *ret_reply = reply;
    return r;
}

void tb_pidbox_reply_deinit(struct tb_pidbox_reply *reply)
{
    json_decref(reply->root);
    free(reply->tasks);
    *reply = (struct tb_pidbox_reply){0};
}

bool tb_pidbox_reply_find_question(const struct tb_delivery *delivery, const char *round,
                                   size_t *ret_question)
{
    if (tb_str_is_null(delivery->headers))
        return false;
    json_t *headers = json_loadb(delivery->headers.ptr, delivery->headers.len, 0, NULL);
    struct tb_str ticket = text_of(json_object_get(headers, "ticket"));
    struct tb_str prefix = tb_str_of(round);
    bool is_ours = !tb_str_is_null(ticket) && ticket.len > prefix.len + 1 &&
                   tb_str_starts_with(ticket, prefix) && ticket.ptr[prefix.len] == '.';
    int64_t number = -1;
    if (is_ours)
        is_ours = tb_str_parse_int64(
                      (struct tb_str){ticket.ptr + prefix.len + 1, ticket.len - prefix.len - 1}, &number) &&
                  number >= 0;
    json_decref(headers);
    if (is_ours)
        *ret_question = (size_t)number;
    return is_ours;
}
