/* One document in one view: JSON, the same compressed, as an event, and as a frame.
 *
 * The version is a digest of everything but the clock. The clock itself moves on by rendering again, at most
 * so often that this costs little; an event or a frame is made once a version, for it is sent when the
 * version is new. */
#include "edition.h"

#include "frame.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/limits.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <zlib.h>

/* The fastest: a document is compressed anew with every change. */
#define GZIP_LEVEL  1
#define GZIP_WINDOW (15 + 16) /* as zlib says "with gzip's head" */
#define GZIP_MEMORY 8

enum { ENGLISH = 1, RAW = 2 };

size_t tb_view(bool is_english, bool is_raw)
{
    return (is_english ? ENGLISH : 0U) | (is_raw ? RAW : 0U);
}

static struct tb_str rule_failure(const void *owner, const struct tb_document_task *task)
{
    const struct tb_rule *rule = tb_rules_find(owner, task->celery_name);

    return rule ? rule->failure_message : TB_STR_NULL;
}

struct tb_document_words tb_edition_words(size_t view, const struct tb_rules *rules)
{
    bool is_english = view & ENGLISH;

    return (struct tb_document_words){.task = is_english ? TB_STR("Task") : TB_STR("Tarea"),
                                      .failed = view & RAW   ? TB_STR_NULL
                                                : is_english ? TB_STR("This task could not be completed.")
                                                             : TB_STR("No se pudo completar esta tarea."),
                                      .failure = rule_failure,
                                      .owner = rules};
}

static void drop(struct tb_body **body)
{
    tb_body_release(*body);
    *body = NULL;
}

void tb_edition_deinit(struct tb_edition *edition)
{
    drop(&edition->json);
    drop(&edition->gzip);
    drop(&edition->event);
    drop(&edition->frame);
}

bool tb_edition_revise(struct tb_edition *edition, const struct tb_document *document, size_t view,
                       const struct tb_rules *rules)
{
    const struct tb_document_words said = tb_edition_words(view, rules);
    struct tb_document timeless = *document;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char version[TB_VERSION_BYTES];
    struct tb_buf buf;

    timeless.version = TB_STR_NULL;
    tb_buf_init(&buf, 2 * TB_RESPONSE_MAX_BYTES);
    tb_document_push(&timeless, &said, &buf);
    bool is_good = !buf.failed || buf.len > TB_RESPONSE_MAX_BYTES;
    SHA256((const unsigned char *)tb_buf_str(&buf).ptr, buf.len, digest);
    tb_buf_deinit(&buf);
    for (size_t i = 0; i < (TB_VERSION_BYTES - 1) / 2; i++)
        snprintf(version + 2 * i, 3, "%02x", digest[i]);
    if (!is_good || strcmp(version, edition->version) == 0)
        return is_good;
    memcpy(edition->version, version, sizeof(version));
    edition->serial++;
    edition->all_completed = document->active_total == 0;
    edition->is_empty = document->total_tasks == 0;
    tb_edition_deinit(edition);
    return true;
}

bool tb_edition_render(struct tb_edition *edition, const struct tb_document *document, size_t view,
                       const struct tb_rules *rules, int64_t now_us)
{
    const struct tb_document_words said = tb_edition_words(view, rules);
    struct tb_document shown = *document;
    struct tb_buf buf;

    shown.version = tb_str_of(edition->version);
    tb_buf_init(&buf, TB_RESPONSE_MAX_BYTES);
    tb_document_push(&shown, &said, &buf);
    while (buf.failed && shown.active_count) {
        shown.active_count /= 2;
        tb_buf_reset(&buf);
        tb_document_push(&shown, &said, &buf);
    }
    struct tb_body *json = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    if (!json)
        return false;
    drop(&edition->json);
    drop(&edition->gzip);
    edition->json = json;
    edition->rendered_us = now_us;
    edition->cost_us = tb_clock_monotonic_us() - now_us;
    return true;
}

/* ---- the other forms ---- */

struct tb_body *tb_edition_gzip(struct tb_edition *edition)
{
    z_stream stream = {0};
    struct tb_buf buf;

    if (edition->gzip || !edition->json)
        return edition->gzip;
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    struct tb_str json = edition->json->bytes;
    size_t bound = deflateBound(&stream, json.len);
    tb_buf_init(&buf, bound + 1);
    stream.next_out = (unsigned char *)tb_buf_reserve(&buf, bound);
    if (stream.next_out) {
        union {
            const char *given;
            unsigned char *wanted;
        } in = {.given = json.ptr};
        stream.next_in = in.wanted;
        stream.avail_in = (unsigned)json.len;
        stream.avail_out = (unsigned)bound;
        if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
            tb_buf_commit(&buf, stream.total_out);
            edition->gzip = tb_body_take(&buf);
        }
    }
    deflateEnd(&stream);
    tb_buf_deinit(&buf);
    return edition->gzip;
}

struct tb_body *tb_edition_event(struct tb_edition *edition)
{
    struct tb_buf buf;

    if (edition->event || !edition->json)
        return edition->event;
    tb_buf_init(&buf, TB_RESPONSE_MAX_BYTES + TB_KIB);
    tb_buf_printf(&buf, "id: %s\ndata: ", edition->version);
    tb_buf_push_str(&buf, edition->json->bytes);
    tb_buf_push_str(&buf, TB_STR("\n\n"));
    edition->event = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    return edition->event;
}

struct tb_body *tb_edition_frame(struct tb_edition *edition)
{
    if (!edition->frame && edition->json)
        edition->frame = tb_frame_text(edition->json->bytes);
    return edition->frame;
}
