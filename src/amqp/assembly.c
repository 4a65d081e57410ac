/* Deliveries out of frames: a method (basic.deliver), a header with the properties, then as many pieces of
 * body as it takes, in this order and without anything between them on the channel.
 *
 * rabbitmq-c's memory for frames is given back after each frame, so that a large body is held once, not
 * twice. Hence everything small is copied when its frame comes; a body of one frame, the usual case, is not
 * copied. Text that ends in the database is made clean UTF-8 here. Nothing is sent, nothing is waited for. */
#include "assembly.h"

#include <errno.h>

#include "table.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

/* A header fits in one frame of 128 KiB, and a byte of it becomes at most six of JSON. */
#define TEXT_MAX_BYTES (2 * TB_MIB)
/* What is kept of a buffer once its delivery is gone. */
#define KEPT_BYTES (TB_MIB / 2)

void tb_assembly_init(struct tb_assembly *assembly)
{
    *assembly = (struct tb_assembly){.next = TB_ASSEMBLY_METHOD};
    tb_buf_init(&assembly->text, TEXT_MAX_BYTES);
    tb_buf_init(&assembly->body, TB_DELIVERY_MAX_BYTES);
}

void tb_assembly_deinit(struct tb_assembly *assembly)
{
    tb_buf_deinit(&assembly->text);
    tb_buf_deinit(&assembly->body);
}

static void reuse(struct tb_buf *buf)
{
    size_t max_bytes = buf->max_bytes;
    if (buf->cap > KEPT_BYTES) {
        tb_buf_deinit(buf);
        tb_buf_init(buf, max_bytes);
    }
    tb_buf_reset(buf);
}

void tb_assembly_reset(struct tb_assembly *assembly)
{
    assembly->next = TB_ASSEMBLY_METHOD;
    reuse(&assembly->text);
    reuse(&assembly->body);
}

static struct tb_assembly_span push_text(struct tb_assembly *assembly, amqp_bytes_t bytes)
{
    struct tb_assembly_span span = {.start = assembly->text.len, .is_present = true};
    tb_utf8_push_clean(&assembly->text, (struct tb_str){bytes.bytes ? bytes.bytes : "", bytes.len});
    span.len = assembly->text.len - span.start;
    return span;
}

static struct tb_str text_of(const struct tb_assembly *assembly, struct tb_assembly_span span)
{
    if (!span.is_present)
        return TB_STR_NULL;
    return (struct tb_str){tb_buf_str(&assembly->text).ptr + span.start, span.len};
}

static int refuse(struct tb_error *err)
{
    return tb_error_set(err, -EPROTO, "the broker sent a frame out of order");
}

static int take_method(struct tb_assembly *assembly, const amqp_frame_t *frame, struct tb_error *err)
{
    if (frame->frame_type != AMQP_FRAME_METHOD || frame->payload.method.id != AMQP_BASIC_DELIVER_METHOD)
        return refuse(err);
    const amqp_basic_deliver_t *deliver = frame->payload.method.decoded;
    tb_assembly_reset(assembly);
    assembly->delivery =
        (struct tb_delivery){.tag = deliver->delivery_tag, .redelivered = deliver->redelivered != 0};
    assembly->routing_key = push_text(assembly, deliver->routing_key);
    assembly->next = TB_ASSEMBLY_HEADER;
    return 0;
}

static void take_headers(struct tb_assembly *assembly, const amqp_table_t *headers)
{
    struct tb_str compression = tb_table_find_text(headers, "compression");
    if (!tb_str_is_null(compression))
        assembly->compression = push_text(
            assembly, (amqp_bytes_t){.len = compression.len, .bytes = (void *)(uintptr_t)compression.ptr});
    assembly->headers = (struct tb_assembly_span){.start = assembly->text.len, .is_present = true};
    tb_table_push_json(headers, &assembly->text);
    assembly->headers.len = assembly->text.len - assembly->headers.start;
}

static int finish(struct tb_assembly *assembly, struct tb_str body, struct tb_error *err)
{
    if (assembly->text.failed)
        return tb_error_set_errno(err, -ENOMEM, "receiving a delivery");
    struct tb_delivery *delivery = &assembly->delivery;
    delivery->body = body;
    delivery->routing_key = text_of(assembly, assembly->routing_key);
    delivery->content_type = text_of(assembly, assembly->content_type);
    delivery->content_encoding = text_of(assembly, assembly->content_encoding);
    delivery->compression = text_of(assembly, assembly->compression);
    delivery->headers = text_of(assembly, assembly->headers);
    assembly->next = TB_ASSEMBLY_METHOD;
    return TB_ASSEMBLY_DONE;
}

static int take_header(struct tb_assembly *assembly, const amqp_frame_t *frame, struct tb_error *err)
{
    if (frame->frame_type != AMQP_FRAME_HEADER || frame->payload.properties.class_id != AMQP_BASIC_CLASS)
        return refuse(err);
    const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
    const struct tb_assembly_span absent = {0};
    bool has_headers = properties->_flags & AMQP_BASIC_HEADERS_FLAG;

    assembly->content_type = properties->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG
                                 ? push_text(assembly, properties->content_type)
                                 : absent;
    assembly->content_encoding = properties->_flags & AMQP_BASIC_CONTENT_ENCODING_FLAG
                                     ? push_text(assembly, properties->content_encoding)
                                     : absent;
    assembly->compression = assembly->headers = absent;
    if (has_headers)
        take_headers(assembly, &properties->headers);
    assembly->body_bytes = frame->payload.properties.body_size;
    assembly->body_received = 0;
    assembly->next = TB_ASSEMBLY_BODY;
    return assembly->body_bytes ? 0 : finish(assembly, TB_STR(""), err);
}

static int take_body(struct tb_assembly *assembly, const amqp_frame_t *frame, struct tb_error *err)
{
    if (frame->frame_type != AMQP_FRAME_BODY ||
        frame->payload.body_fragment.len > assembly->body_bytes - assembly->body_received)
        return refuse(err);
    struct tb_str piece = {frame->payload.body_fragment.bytes, frame->payload.body_fragment.len};
    if (piece.len == assembly->body_bytes)
        return finish(assembly, piece, err);

    struct tb_buf *body = &assembly->body;
    size_t room = body->max_bytes - body->len;
    if (assembly->body_received == 0) {
        /* Once, to its size: growing step by step would hold it twice. */
        size_t bytes =
            assembly->body_bytes < body->max_bytes ? (size_t)assembly->body_bytes : body->max_bytes;
        if (!tb_buf_reserve(body, bytes))
            return tb_error_set_errno(err, -ENOMEM, "receiving a delivery of %llu bytes",
                                      (unsigned long long)assembly->body_bytes);
    }
    assembly->body_received += piece.len;
    tb_buf_push(body, piece.ptr, piece.len < room ? piece.len : room);
    return assembly->body_received < assembly->body_bytes ? 0 : finish(assembly, tb_buf_str(body), err);
}

int tb_assembly_push(struct tb_assembly *assembly, const amqp_frame_t *frame, struct tb_error *err)
{
    switch (assembly->next) {
    case TB_ASSEMBLY_METHOD:
        return take_method(assembly, frame, err);
    case TB_ASSEMBLY_HEADER:
        return take_header(assembly, frame, err);
    case TB_ASSEMBLY_BODY:
        break;
    }
    return take_body(assembly, frame, err);
}
