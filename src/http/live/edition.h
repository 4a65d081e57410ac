/* What is sent of a document: its bytes, made once for all who read it. */
#ifndef TASKBRIDGE_HTTP_EDITION_H
#define TASKBRIDGE_HTTP_EDITION_H

#include "engine/body.h"
#include "taskbridge/core/document.h"
#include "taskbridge/core/rules.h"

#define TB_VERSION_BYTES 25

/* A document is read in one of two languages, by customers or by those who may read exceptions. */
#define TB_VIEWS 4
size_t tb_view(bool is_english, bool is_raw);

/* What such a reader reads where the rows have no words; rules are borrowed. */
struct tb_document_words tb_edition_words(size_t view, const struct tb_rules *rules);

struct tb_edition {
    /* Held; NULL until somebody wants that form, and when there was no memory for it. */
    struct tb_body *json, *gzip;
    struct tb_body *event; /* of an event stream */
    struct tb_body *frame; /* of a WebSocket */
    char version[TB_VERSION_BYTES];
    uint64_t serial;     /* another one exactly when version is another; 0: nothing was made yet */
    int64_t rendered_us; /* json, gzip: monotonic */
    int64_t cost_us;     /* of rendering */
    bool all_completed, is_empty;
};

void tb_edition_deinit(struct tb_edition *edition);

/* Makes version anew, and drops every form if it became another one. false without memory: then the edition
 * is as before. */
bool tb_edition_revise(struct tb_edition *edition, const struct tb_document *document, size_t view,
                       const struct tb_rules *rules) TB_MUST_CHECK;

/* json with the clock at document->checked_at; drops gzip. A document that is too long lists fewer of its
 * tasks. false without memory. */
bool tb_edition_render(struct tb_edition *edition, const struct tb_document *document, size_t view,
                       const struct tb_rules *rules, int64_t now_us) TB_MUST_CHECK;

/* The other forms, out of json; borrowed, NULL without memory. */
struct tb_body *tb_edition_gzip(struct tb_edition *edition);
struct tb_body *tb_edition_event(struct tb_edition *edition);
struct tb_body *tb_edition_frame(struct tb_edition *edition);

#endif
