/* Companies' documents as they change: read once a change, for all who poll and all who watch. */
#ifndef TASKBRIDGE_HTTP_FEED_H
#define TASKBRIDGE_HTTP_FEED_H

#include "database.h"
#include "edition.h"
#include "taskbridge/config/config.h"
#include "taskbridge/store/company.h"

struct tb_feeds;
struct tb_feed;

struct tb_feeds_options {
    struct tb_loop *loop;           /* borrowed */
    struct tb_log *log;             /* borrowed */
    struct tb_database *database;   /* borrowed */
    const struct tb_config *config; /* borrowed */
};

int tb_feeds_open(const struct tb_feeds_options *options, struct tb_feeds **ret_feeds,
                  struct tb_error *err) TB_MUST_CHECK;
/* Behind tb_database_stop; no reader and no watcher is left. NULL is fine. */
void tb_feeds_close(struct tb_feeds *feeds);

/* Which document. Texts are copied. */
struct tb_feed_key {
    struct tb_str company;                  /* canonical */
    const struct tb_company_filter *filter; /* NULL: the whole company */
    struct tb_str company_name;             /* what the product calls it; null: what the database does */
};

/* What was read, borrowed during the call; its forms by tb_edition_gzip and its sisters. */
struct tb_feed_news {
    int outcome; /* 0 or an enum tb_database_outcome; then nothing else is set */
    struct tb_edition *edition;
    bool is_known; /* the company has a name or a task */
};

/* One who polls. */
struct tb_feed_reader {
    size_t view;
    void (*on_news)(struct tb_feed_reader *reader, const struct tb_feed_news *news); /* once */
    void *owner;
    /* The feed's own. */
    struct tb_feed *feed;
    struct tb_feed_reader *previous, *next;
};

/* true when *ret_news is the answer; else on_news comes, never from inside. */
bool tb_feed_read(struct tb_feeds *feeds, const struct tb_feed_key *key, struct tb_feed_reader *reader,
                  struct tb_feed_news *ret_news) TB_MUST_CHECK;
/* The reader is gone; fine when on_news came. */
void tb_feed_leave(struct tb_feed_reader *reader);

/* One who watches: each version once, the newest, never from inside tb_feed_watch. */
struct tb_feed_watcher {
    size_t view;
    void (*on_news)(struct tb_feed_watcher *watcher, const struct tb_feed_news *news);
    void *owner;
    /* The feed's own. */
    struct tb_feed *feed;
    struct tb_feed_watcher *previous, *next;
    uint64_t serial; /* of the edition that it has seen */
};

/* Without memory on_news is never called, and the result is false. */
bool tb_feed_watch(struct tb_feeds *feeds, const struct tb_feed_key *key,
                   struct tb_feed_watcher *watcher) TB_MUST_CHECK;
void tb_feed_unwatch(struct tb_feed_watcher *watcher);

/* What the one LISTEN connection hears; "": of all companies. */
void tb_feeds_notified(struct tb_feeds *feeds, struct tb_str company);
/* While nothing is heard nothing that was read before counts. */
void tb_feeds_listening(struct tb_feeds *feeds, bool is_listening);

#endif
