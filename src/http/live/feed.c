/* A feed is one document of one company: whole, or narrowed by a filter. It is asked of the database once for
 * all who want it, and then served from memory until a NOTIFY, or the clock, says that it changed.
 *
 * What keeps it true:
 *   - A change that is notified while the question runs makes the feed dirty again, for the answer may be
 *     older than the change. Whoever asks behind the notification waits for the next question.
 *   - While nothing is heard (LISTEN is down) nothing is served from memory, and nobody joins a question that
 *     began before they came.
 *   - A dirty feed is read again at once, as long as this comes to no more than ten times a second; beyond
 *     that, pollers get what is known for some milliseconds and then wait.
 *
 * Who watches is told in slices, so that ten thousand streams do not hold the loop up; a slice sends the
 * newest edition there is then, so nothing queues. */
#include "feed.h"

#include "taskbridge/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS         ((size_t)4096)
#define BUILDS_A_S    INT64_C(10)
#define BUILD_US      (TB_US_PER_S / BUILDS_A_S)
#define BURST         INT64_C(3) /* builds in a row, so that ten changes a second never wait */
#define STALE_US      (35 * TB_US_PER_MS)
#define REFRESH_US    (100 * TB_US_PER_MS)
#define COST_FACTOR   INT64_C(20) /* of its time the loop spends a twentieth on one document at most */
#define SLICE         256
#define RETRY_US      TB_US_PER_S
#define COUNT_MIN_US  TB_US_PER_S
#define BRIDGE_US     (2 * TB_US_PER_S)
#define CHANGE_MIN_US (250 * TB_US_PER_MS)

struct tb_feed {
    struct tb_feeds *feeds;
    struct tb_feed *chain;           /* of its slot: all of a company are in one */
    struct tb_feed *older, *newer;   /* by last use */
    struct tb_company_filter filter; /* its texts are owned */
    char *company, *name, *identity; /* owned; name: what the product calls it, may be NULL */
    bool is_filtered;
    /* The question. */
    struct tb_arena arena;
    struct tb_company_read read;
    struct tb_question question;
    bool is_asking, is_dirty, has_rows, is_used;
    int64_t dirty_us, read_us, may_build_us; /* monotonic; may_build: the bucket's measure */
    int64_t changes_us;                      /* monotonic: then a task leaves it; INT64_MAX: never */
    size_t counted_bytes;                    /* towards the ceiling of all */
    /* The whole count, where the question's ends at its ceiling. */
    struct tb_company_count count;
    struct tb_question count_question;
    bool is_counting, has_count;
    int64_t counted_us, count_cost_us;
    /* Who wants it. */
    struct tb_edition editions[TB_VIEWS];
    uint64_t truths[TB_VIEWS]; /* of which truth each edition's version was made */
    struct tb_feed_reader *readers, *next_readers;
    struct tb_feed_watcher *watchers, *watchers_last, *told; /* told: who comes next in the wave */
    bool is_telling, is_busy;                                /* busy: it must not be forgotten now */
    struct tb_timer timer, wave;
};

struct tb_feeds {
    struct tb_feeds_options options;
    struct tb_feed *slots[SLOTS];
    struct tb_feed *oldest, *newest;
    size_t count, bytes;
    bool is_listening;
    uint64_t truth; /* counts what changes without a row: whether the bridge is stale, a row count */
    bool is_stale;
    int64_t as_of;
    struct tb_bridge_read bridge;
    struct tb_question bridge_question;
    bool is_asking_bridge;
    struct tb_timer bridge_timer;
};

static void start(struct tb_feed *feed);
static void tell(struct tb_feed *feed);

/* ---- finding, making, forgetting ---- */

static size_t slot_of(struct tb_str company)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < company.len; i++)
        hash = (hash ^ (unsigned char)company.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(hash % SLOTS);
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static char *identity_of(const struct tb_company_filter *filter)
{
    char *text = NULL;

    if (!filter)
        return strdup("");
    int len = asprintf(&text, "%s\n%s\n%s\n%s\n%lld %lld %lld %lld %lld", or_nothing(filter->statuses),
                       or_nothing(filter->types), or_nothing(filter->tasks), or_nothing(filter->flow),
                       (long long)filter->since_us, (long long)filter->until_us, (long long)filter->limit,
                       (long long)filter->cursor_at_us, (long long)filter->cursor_id);
    return len < 0 ? NULL : text;
}

static void unlink_use(struct tb_feed *feed)
{
    struct tb_feeds *feeds = feed->feeds;

    if (!feed->is_used)
        return;
    *(feed->older ? &feed->older->newer : &feeds->oldest) = feed->newer;
    *(feed->newer ? &feed->newer->older : &feeds->newest) = feed->older;
    feed->is_used = false;
}

static void note_use(struct tb_feed *feed)
{
    struct tb_feeds *feeds = feed->feeds;

    if (feeds->newest == feed)
        return;
    unlink_use(feed);
    feed->older = feeds->newest;
    feed->newer = NULL;
    *(feeds->newest ? &feeds->newest->newer : &feeds->oldest) = feed;
    feeds->newest = feed;
    feed->is_used = true;
}

static void drop_rows(struct tb_feed *feed)
{
    feed->has_rows = false;
    tb_arena_deinit(&feed->arena);
    tb_arena_init(&feed->arena, TB_HTTP_READ_MAX_BYTES);
    for (size_t view = 0; view < TB_VIEWS; view++)
        tb_edition_deinit(&feed->editions[view]);
    feed->feeds->bytes -= feed->counted_bytes;
    feed->counted_bytes = 0;
}

static void free_texts(struct tb_feed *feed)
{
    const char *const texts[] = {feed->filter.statuses, feed->filter.types, feed->filter.tasks,
                                 feed->filter.flow};

    for (size_t i = 0; i < TB_COUNT(texts); i++) {
        union {
            const char *shown;
            char *owned;
        } text = {.shown = texts[i]};
        free(text.owned);
    }
    free(feed->company);
    free(feed->name);
    free(feed->identity);
}

static bool is_wanted(const struct tb_feed *feed)
{
    return feed->is_busy || feed->readers || feed->next_readers || feed->watchers || feed->is_asking ||
           feed->is_counting;
}

static void forget(struct tb_feed *feed)
{
    struct tb_feeds *feeds = feed->feeds;
    struct tb_feed **at = &feeds->slots[slot_of(tb_str_of(feed->company))];

    while (*at != feed)
        at = &(*at)->chain;
    *at = feed->chain;
    unlink_use(feed);
    drop_rows(feed);
    tb_loop_disarm(feeds->options.loop, &feed->timer);
    tb_loop_disarm(feeds->options.loop, &feed->wave);
    tb_arena_deinit(&feed->arena);
    free_texts(feed);
    free(feed);
    feeds->count--;
}

/* The oldest go until the ceilings hold: those that nobody wants wholly, the others' rows. */
static void make_room(struct tb_feeds *feeds)
{
    struct tb_feed *feed = feeds->oldest;

    while (feed && (feeds->bytes > TB_HTTP_CACHE_MAX_BYTES || feeds->count > TB_HTTP_FEEDS_MAX)) {
        struct tb_feed *newer = feed->newer;
        if (!is_wanted(feed))
            forget(feed);
        else if (!feed->is_asking && !feed->is_busy)
            drop_rows(feed);
        feed = newer;
    }
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;

    *failed = *failed || (text && !copy);
    return copy;
}

static void on_feed_timer(struct tb_timer *timer)
{
    start(timer->owner);
}

static void on_wave(struct tb_timer *timer)
{
    tell(timer->owner);
}

static struct tb_feed *make(struct tb_feeds *feeds, const struct tb_feed_key *key, char *identity)
{
    struct tb_feed *feed = calloc(1, sizeof(*feed));
    bool failed = false;

    if (!feed) {
        free(identity);
        return NULL;
    }
    feed->feeds = feeds;
    feed->identity = identity;
    feed->company = strndup(key->company.ptr, key->company.len);
    feed->is_filtered = key->filter;
    if (key->filter) {
        feed->filter = *key->filter;
        feed->filter.statuses = copy_text(key->filter->statuses, &failed);
        feed->filter.types = copy_text(key->filter->types, &failed);
        feed->filter.tasks = copy_text(key->filter->tasks, &failed);
        feed->filter.flow = copy_text(key->filter->flow, &failed);
    }
    if (failed || !feed->company) {
        free_texts(feed);
        free(feed);
        return NULL;
    }
    tb_arena_init(&feed->arena, TB_HTTP_READ_MAX_BYTES);
    feed->timer = (struct tb_timer){.on_expire = on_feed_timer, .owner = feed};
    feed->wave = (struct tb_timer){.on_expire = on_wave, .owner = feed};
    feed->changes_us = INT64_MAX;
    struct tb_feed **slot = &feeds->slots[slot_of(key->company)];
    feed->chain = *slot;
    *slot = feed;
    feeds->count++;
    return feed;
}

static void take_name(struct tb_feed *feed, struct tb_str name)
{
    if (tb_str_equal(name, tb_str_of(feed->name)))
        return;
    free(feed->name);
    feed->name = tb_str_is_null(name) ? NULL : strndup(name.ptr, name.len);
    for (size_t view = 0; view < TB_VIEWS; view++)
        feed->truths[view] = 0;
}

static struct tb_feed *find(struct tb_feeds *feeds, const struct tb_feed_key *key)
{
    char *identity = identity_of(key->filter);
    struct tb_feed *feed = identity ? feeds->slots[slot_of(key->company)] : NULL;

    if (!identity)
        return NULL;
    while (feed &&
           (strcmp(feed->identity, identity) != 0 || !tb_str_equal(tb_str_of(feed->company), key->company)))
        feed = feed->chain;
    if (feed) {
        free(identity);
    } else {
        make_room(feeds);
        feed = make(feeds, key, identity);
    }
    if (feed) {
        take_name(feed, key->company_name);
        note_use(feed);
    }
    return feed;
}

/* ---- editions ---- */

static void complete_document(const struct tb_feed *feed, int64_t now_us, struct tb_document *ret_document)
{
    *ret_document = feed->read.document;
    ret_document->company_id = tb_str_of(feed->company);
    if (feed->name)
        ret_document->company_name = tb_str_of(feed->name);
    if (feed->has_count && !feed->read.is_counted && !feed->is_filtered) {
        ret_document->active_total = feed->count.active;
        ret_document->completed_count = feed->count.completed;
        ret_document->failed_count = feed->count.failed;
        ret_document->total_tasks = feed->count.active + feed->count.completed;
    }
    ret_document->is_stale = feed->feeds->is_stale;
    ret_document->as_of = feed->feeds->as_of;
    ret_document->checked_at += now_us - feed->read_us;
}

/* The view's edition, true to the rows and not behind the clock; NULL without memory. */
static struct tb_edition *edition_of(struct tb_feed *feed, size_t view)
{
    struct tb_edition *edition = &feed->editions[view];
    const struct tb_rules *rules = &feed->feeds->options.config->rules;
    int64_t now_us = tb_clock_monotonic_us();
    int64_t refresh_us =
        edition->cost_us * COST_FACTOR > REFRESH_US ? edition->cost_us * COST_FACTOR : REFRESH_US;
    struct tb_document document;

    if (!feed->has_rows)
        return edition->json ? edition : NULL;
    if (edition->json && feed->truths[view] == feed->feeds->truth &&
        now_us - edition->rendered_us < refresh_us)
        return edition;
    complete_document(feed, now_us, &document);
    if (feed->truths[view] != feed->feeds->truth) {
        if (!tb_edition_revise(edition, &document, view, rules))
            return NULL;
        feed->truths[view] = feed->feeds->truth;
    }
    return tb_edition_render(edition, &document, view, rules, now_us) ? edition : NULL;
}

static struct tb_feed_news news_of(struct tb_feed *feed, size_t view)
{
    struct tb_feed_news news = {.edition = edition_of(feed, view),
                                .is_known = feed->read.is_known || feed->name};

    if (!news.edition)
        news.outcome = TB_DATABASE_BROKEN;
    return news;
}

/* ---- telling ---- */

static void push_reader(struct tb_feed_reader **list, struct tb_feed_reader *reader)
{
    reader->previous = NULL;
    reader->next = *list;
    if (reader->next)
        reader->next->previous = reader;
    *list = reader;
}

static void answer_readers(struct tb_feed *feed, int outcome)
{
    bool was_busy = feed->is_busy;

    feed->is_busy = true;
    while (feed->readers) {
        struct tb_feed_reader *reader = feed->readers;
        tb_feed_leave(reader);
        struct tb_feed_news news =
            outcome ? (struct tb_feed_news){.outcome = outcome} : news_of(feed, reader->view);
        reader->on_news(reader, &news);
    }
    feed->is_busy = was_busy;
}

/* A slice of those who watch, from where the last ended. */
static void tell(struct tb_feed *feed)
{
    bool was_busy = feed->is_busy;

    feed->is_busy = true;
    for (int i = 0; i < SLICE && feed->told; i++) {
        struct tb_feed_watcher *watcher = feed->told;
        feed->told = watcher->next;
        struct tb_feed_news news = news_of(feed, watcher->view);
        if (news.outcome || watcher->serial == news.edition->serial)
            continue;
        watcher->serial = news.edition->serial;
        watcher->on_news(watcher, &news);
    }
    feed->is_busy = was_busy;
    feed->is_telling = feed->told;
    if (feed->is_telling)
        tb_loop_arm(feed->feeds->options.loop, &feed->wave, 0);
}

static void begin_wave(struct tb_feed *feed)
{
    feed->told = feed->watchers;
    if (feed->told && !feed->is_telling)
        tell(feed);
}

/* ---- asking ---- */

static void arm(struct tb_feed *feed, int64_t delay_us)
{
    tb_loop_arm(feed->feeds->options.loop, &feed->timer, delay_us);
}

/* What the timer is for next: a task that leaves the document by the clock alone. */
static void arm_for_change(struct tb_feed *feed)
{
    int64_t left_us = feed->changes_us - tb_clock_monotonic_us();

    if (feed->changes_us == INT64_MAX || !feed->watchers)
        tb_loop_disarm(feed->feeds->options.loop, &feed->timer);
    else
        arm(feed, left_us > CHANGE_MIN_US ? left_us : CHANGE_MIN_US);
}

static void note_bytes(struct tb_feed *feed)
{
    feed->feeds->bytes -= feed->counted_bytes;
    feed->counted_bytes = feed->arena.used_bytes + sizeof(*feed);
    for (size_t view = 0; view < TB_VIEWS; view++)
        feed->counted_bytes += feed->editions[view].json ? feed->editions[view].json->bytes.len : 0;
    feed->feeds->bytes += feed->counted_bytes;
}

static void on_counted(struct tb_question *question, int outcome);
static void prepare_count(struct tb_question *question)
{
    struct tb_feed *feed = question->owner;

    tb_company_count_prepare(&feed->count);
}

/* true while it has to be waited for. */
static bool ask_count(struct tb_feed *feed)
{
    struct tb_feeds *feeds = feed->feeds;
    int64_t apart_us = feed->count_cost_us * COST_FACTOR;

    if (feed->read.is_counted || feed->is_filtered)
        return false;
    if (apart_us < COUNT_MIN_US)
        apart_us = COUNT_MIN_US;
    if (feed->is_counting || (feed->has_count && tb_clock_monotonic_us() - feed->counted_us < apart_us))
        return !feed->has_count;
    feed->count.company = feed->company;
    feed->count.visible_s = feeds->options.config->maintenance.completed_after_s;
    feed->count.timeout_ms = TB_DATABASE_STATEMENT_MS;
    feed->count_question = (struct tb_question){.transaction = &feed->count.transaction,
                                                .prepare = prepare_count,
                                                .on_answer = on_counted,
                                                .company = tb_str_of(feed->company),
                                                .owner = feed};
    feed->counted_us = tb_clock_monotonic_us();
    feed->is_counting = tb_database_ask(feeds->options.database, &feed->count_question) == 0;
    return feed->is_counting && !feed->has_count;
}

static void deliver(struct tb_feed *feed)
{
    feed->is_busy = true;
    answer_readers(feed, 0);
    begin_wave(feed);
    note_bytes(feed);
    feed->is_busy = false;
}

static void go_on(struct tb_feed *feed)
{
    while (feed->next_readers) {
        struct tb_feed_reader *reader = feed->next_readers;
        feed->next_readers = reader->next;
        push_reader(&feed->readers, reader);
    }
    if (feed->readers || (feed->is_dirty && feed->watchers))
        start(feed);
    else if (!feed->is_asking)
        arm_for_change(feed);
}

static void on_counted(struct tb_question *question, int outcome)
{
    struct tb_feed *feed = question->owner;

    feed->is_counting = false;
    feed->count_cost_us = tb_clock_monotonic_us() - feed->counted_us;
    feed->has_count = feed->has_count || !outcome;
    if (!feed->has_rows || feed->is_asking)
        return;
    for (size_t view = 0; view < TB_VIEWS; view++)
        feed->truths[view] = 0;
    deliver(feed);
}

static void take_rows(struct tb_feed *feed)
{
    int64_t now_us = tb_clock_monotonic_us();
    int64_t left_us = feed->read.changes_at - feed->read.document.checked_at;

    feed->has_rows = true;
    feed->read_us = now_us;
    feed->changes_us = feed->read.changes_at == TB_STAMP_NONE ? INT64_MAX : now_us + left_us + 1;
    for (size_t view = 0; view < TB_VIEWS; view++)
        feed->truths[view] = 0;
}

static void on_answer(struct tb_question *question, int outcome)
{
    struct tb_feed *feed = question->owner;

    feed->is_asking = false;
    if (!outcome && feed->read.is_full) {
        tb_log(feed->feeds->options.log, TB_LOG_ERROR, "a company's tasks are more than one answer may hold",
               TB_F_EVENT("document_too_large"), TB_F_CSTR("company", feed->company));
        outcome = TB_DATABASE_BROKEN;
    }
    if (outcome) {
        feed->is_dirty = true;
        answer_readers(feed, outcome);
        if (feed->watchers)
            arm(feed, RETRY_US);
        if (feed->next_readers)
            go_on(feed);
        return;
    }
    take_rows(feed);
    if (!ask_count(feed))
        deliver(feed);
    go_on(feed);
}

static void prepare(struct tb_question *question)
{
    struct tb_feed *feed = question->owner;

    feed->is_dirty = false;
    feed->has_rows = false;
    feed->read.company = feed->company;
    feed->read.filter = feed->is_filtered ? &feed->filter : NULL;
    feed->read.visible_s = feed->feeds->options.config->maintenance.completed_after_s;
    feed->read.timeout_ms = TB_DATABASE_STATEMENT_MS;
    feed->read.arena = &feed->arena;
    tb_company_read_prepare(&feed->read);
}

/* How long the next question has to wait, for one document is not made more often than ten times a second. */
static int64_t wait_us(const struct tb_feed *feed, int64_t now_us)
{
    int64_t wait = feed->may_build_us - (BURST - 1) * BUILD_US - now_us;

    return wait > 0 ? wait : 0;
}

static void start(struct tb_feed *feed)
{
    int64_t now_us = tb_clock_monotonic_us(), wait = wait_us(feed, now_us);
    int64_t cost_us = 0;

    if (feed->is_asking)
        return;
    if (wait) {
        arm(feed, wait);
        return;
    }
    for (size_t view = 0; view < TB_VIEWS; view++)
        cost_us += feed->editions[view].cost_us;
    feed->may_build_us = (feed->may_build_us > now_us ? feed->may_build_us : now_us) +
                         (cost_us * COST_FACTOR > BUILD_US ? cost_us * COST_FACTOR : BUILD_US);
    feed->question = (struct tb_question){.transaction = &feed->read.transaction,
                                          .prepare = prepare,
                                          .on_answer = on_answer,
                                          .company = tb_str_of(feed->company),
                                          .owner = feed};
    int outcome = tb_database_ask(feed->feeds->options.database, &feed->question);
    feed->is_asking = outcome == 0;
    if (outcome) {
        feed->is_dirty = true;
        if (feed->watchers)
            arm(feed, RETRY_US);
        answer_readers(feed, outcome);
    }
}

/* ---- polling ---- */

static bool is_true(const struct tb_feed *feed, int64_t now_us)
{
    if (!feed->feeds->is_listening || now_us >= feed->changes_us)
        return false;
    if (feed->has_rows && !feed->is_dirty && !(feed->is_counting && !feed->has_count))
        return true;
    return false;
}

/* Past ten changes a second what is known is served for a little while. */
static bool is_nearly_true(const struct tb_feed *feed, size_t view, int64_t now_us)
{
    return feed->feeds->is_listening && feed->is_dirty && feed->editions[view].json && !feed->is_asking &&
           wait_us(feed, now_us) > 0 && now_us - feed->dirty_us < STALE_US;
}

bool tb_feed_read(struct tb_feeds *feeds, const struct tb_feed_key *key, struct tb_feed_reader *reader,
                  struct tb_feed_news *ret_news)
{
    struct tb_feed *feed = find(feeds, key);
    int64_t now_us = tb_clock_monotonic_us();

    reader->feed = NULL;
    if (!feed) {
        *ret_news = (struct tb_feed_news){.outcome = TB_DATABASE_CROWDED};
        return true;
    }
    if (is_true(feed, now_us) || is_nearly_true(feed, reader->view, now_us)) {
        *ret_news = news_of(feed, reader->view);
        return true;
    }
    reader->feed = feed;
    bool may_join = !feed->is_asking || (feeds->is_listening && !feed->is_dirty) || !feed->question.lane;
    push_reader(may_join ? &feed->readers : &feed->next_readers, reader);
    if (!feed->is_asking)
        arm(feed, wait_us(feed, now_us));
    return false;
}

void tb_feed_leave(struct tb_feed_reader *reader)
{
    struct tb_feed *feed = reader->feed;

    if (!feed)
        return;
    if (reader->previous)
        reader->previous->next = reader->next;
    else if (feed->readers == reader)
        feed->readers = reader->next;
    else
        feed->next_readers = reader->next;
    if (reader->next)
        reader->next->previous = reader->previous;
    reader->feed = NULL;
    if (feed->is_asking && !feed->readers && !feed->next_readers && !feed->watchers)
        tb_database_abandon(&feed->question);
}

/* ---- watching ---- */

bool tb_feed_watch(struct tb_feeds *feeds, const struct tb_feed_key *key, struct tb_feed_watcher *watcher)
{
    struct tb_feed *feed = find(feeds, key);

    watcher->feed = feed;
    if (!feed)
        return false;
    watcher->serial = 0;
    watcher->next = NULL;
    watcher->previous = feed->watchers_last;
    *(feed->watchers_last ? &feed->watchers_last->next : &feed->watchers) = watcher;
    feed->watchers_last = watcher;
    if (is_true(feed, tb_clock_monotonic_us())) {
        if (!feed->told)
            feed->told = watcher;
        if (!feed->is_telling)
            tb_loop_arm(feeds->options.loop, &feed->wave, 0);
        feed->is_telling = true;
    } else if (!feed->is_asking) {
        feed->is_dirty = true;
        arm(feed, wait_us(feed, tb_clock_monotonic_us()));
    }
    return true;
}

void tb_feed_unwatch(struct tb_feed_watcher *watcher)
{
    struct tb_feed *feed = watcher->feed;

    if (!feed)
        return;
    if (feed->told == watcher)
        feed->told = watcher->next;
    *(watcher->previous ? &watcher->previous->next : &feed->watchers) = watcher->next;
    *(watcher->next ? &watcher->next->previous : &feed->watchers_last) = watcher->previous;
    watcher->feed = NULL;
}

/* ---- what is heard ---- */

static void become_dirty(struct tb_feed *feed)
{
    if (!feed->is_dirty)
        feed->dirty_us = tb_clock_monotonic_us();
    feed->is_dirty = true;
    if (feed->is_asking || (!feed->watchers && !feed->readers))
        return;
    start(feed);
}

static void become_all_dirty(struct tb_feeds *feeds)
{
    for (struct tb_feed *feed = feeds->oldest; feed; feed = feed->newer)
        become_dirty(feed);
}

void tb_feeds_notified(struct tb_feeds *feeds, struct tb_str company)
{
    if (!company.len) {
        become_all_dirty(feeds);
        return;
    }
    for (struct tb_feed *feed = feeds->slots[slot_of(company)]; feed; feed = feed->chain) {
        if (tb_str_equal(tb_str_of(feed->company), company))
            become_dirty(feed);
    }
}

void tb_feeds_listening(struct tb_feeds *feeds, bool is_listening)
{
    bool was_listening = feeds->is_listening;

    feeds->is_listening = is_listening;
    if (is_listening && !was_listening)
        become_all_dirty(feeds);
}

/* ---- the bridge ---- */

static void prepare_bridge(struct tb_question *question)
{
    struct tb_feeds *feeds = question->owner;

    tb_bridge_read_prepare(&feeds->bridge);
}

static void on_bridge(struct tb_question *question, int outcome)
{
    struct tb_feeds *feeds = question->owner;
    bool is_stale = outcome ? feeds->is_stale : feeds->bridge.is_stale;

    feeds->is_asking_bridge = false;
    if (!outcome)
        feeds->as_of = feeds->bridge.as_of;
    if (is_stale == feeds->is_stale)
        return;
    feeds->is_stale = is_stale;
    feeds->truth++;
    for (struct tb_feed *feed = feeds->oldest; feed; feed = feed->newer) {
        if (feed->has_rows)
            begin_wave(feed);
    }
}

static void on_bridge_timer(struct tb_timer *timer)
{
    struct tb_feeds *feeds = timer->owner;

    tb_loop_arm(feeds->options.loop, timer, BRIDGE_US);
    if (feeds->is_asking_bridge)
        return;
    feeds->bridge_question = (struct tb_question){.transaction = &feeds->bridge.transaction,
                                                  .prepare = prepare_bridge,
                                                  .on_answer = on_bridge,
                                                  .owner = feeds};
    feeds->is_asking_bridge = tb_database_ask(feeds->options.database, &feeds->bridge_question) == 0;
}

int tb_feeds_open(const struct tb_feeds_options *options, struct tb_feeds **ret_feeds, struct tb_error *err)
{
    struct tb_feeds *feeds = calloc(1, sizeof(*feeds));

    if (!feeds)
        return tb_error_set(err, -ENOMEM, "out of memory");
    feeds->options = *options;
    feeds->truth = 1;
    feeds->is_stale = true;
    feeds->as_of = TB_STAMP_NONE;
    feeds->bridge_timer = (struct tb_timer){.on_expire = on_bridge_timer, .owner = feeds};
    tb_loop_arm(options->loop, &feeds->bridge_timer, 0);
    *ret_feeds = feeds;
    return 0;
}

void tb_feeds_close(struct tb_feeds *feeds)
{
    struct tb_feed *next = NULL;

    if (!feeds)
        return;
    tb_loop_disarm(feeds->options.loop, &feeds->bridge_timer);
    for (struct tb_feed *feed = feeds->oldest; feed; feed = next) {
        next = feed->newer;
        assert(!feed->readers && !feed->watchers);
        forget(feed);
    }
    free(feeds);
}
