/* A message as rabbitmq-c writes it.
 *
 * What can't be said in AMQP (a key too long, headers that are no table) is refused before anything is
 * written: half a message would cost the connection. */
#include "message.h"

#include <errno.h>

#include "table.h"

static void set_text(amqp_basic_properties_t *properties, amqp_flags_t flag, amqp_bytes_t *place,
                     struct tb_str text)
{
    if (tb_str_is_null(text))
        return;
    properties->_flags |= flag;
    *place = tb_session_bytes(text);
}

static int fill_properties(const struct tb_message *message, struct tb_str id, amqp_pool_t *pool,
                           amqp_basic_properties_t *ret_properties, struct tb_error *err)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                          .delivery_mode = message->is_persistent ? 2 : 1};
    set_text(&properties, AMQP_BASIC_CONTENT_TYPE_FLAG, &properties.content_type, message->content_type);
    set_text(&properties, AMQP_BASIC_CONTENT_ENCODING_FLAG, &properties.content_encoding,
             message->content_encoding);
    set_text(&properties, AMQP_BASIC_CORRELATION_ID_FLAG, &properties.correlation_id,
             message->correlation_id);
    set_text(&properties, AMQP_BASIC_REPLY_TO_FLAG, &properties.reply_to, message->reply_to);
    set_text(&properties, AMQP_BASIC_MESSAGE_ID_FLAG, &properties.message_id, id);
    if (!tb_str_is_null(message->headers)) {
        properties._flags |= AMQP_BASIC_HEADERS_FLAG;
        int r = tb_table_parse_json(message->headers, pool, &properties.headers, err);
        if (r < 0)
            return r;
    }
    *ret_properties = properties;
    return 0;
}

int tb_message_check(const struct tb_message *message, amqp_pool_t *pool, struct tb_error *err)
{
    amqp_basic_properties_t properties;
    if (message->routing_key.len > UINT8_MAX)
        return tb_error_set(err, -EINVAL, "a routing key has at most 255 bytes");
    int r = fill_properties(message, TB_STR_NULL, pool, &properties, err);
    recycle_amqp_pool(pool);
    return r;
}

int tb_message_write(struct tb_session *session, amqp_channel_t channel, const struct tb_message *message,
                     struct tb_str id, amqp_pool_t *pool, struct tb_error *err)
{
    amqp_basic_properties_t properties;
    recycle_amqp_pool(pool);
    int r = fill_properties(message, id, pool, &properties, err);
    if (r < 0)
        return r;
    int status = amqp_basic_publish(session->state, channel, amqp_cstring_bytes(message->exchange),
                                    tb_session_bytes(message->routing_key), message->is_mandatory, 0,
                                    &properties, tb_session_bytes(message->body));
    recycle_amqp_pool(pool);
    if (status == AMQP_STATUS_TABLE_TOO_BIG)
        return tb_error_set(err, -EINVAL, "the headers of a message are too large for one frame");
    return status == AMQP_STATUS_OK ? 0 : tb_session_fail(session, status, err, "publishing");
}
