/* Who asks, and what they may.
 *
 * What a credential may with a company is asked once and kept for as long as its voucher allows: equal
 * questions under way are one, and what is known costs a look into a table. A record belongs to one
 * credential and one company; it has the credential itself, so that it can be asked again, and the grant that
 * holds at present.
 *
 * How long an answer holds: a signature until the token expires or the keys change; our own tables until they
 * notify of a change (and while that can't be heard, as the product's); the product's word for less than 5
 * seconds; that something is wrong, for one. What is watched is asked again before its time is up, and ends
 * when nobody confirms it in time.
 *
 * Who guesses is held off: only first-hand refusals count, so that a tab that goes on asking with a token
 * that was revoked holds nobody off; and what is known to be right is answered all the same. */
#include "auth.h"

#include "credential.h"
#include "grants.h"
#include "guard.h"
#include "inquiry.h"
#include "table.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define KEEP_PRODUCT_US (4500 * TB_US_PER_MS)
#define KEEP_OURS_US    (60 * TB_US_PER_S)
#define KEEP_WRONG_US   TB_US_PER_S
/* Of what is watched: asked again after so long, and ended when it was not certain for so long. */
#define CONFIRM_US (2500 * TB_US_PER_MS)
#define END_US     (4 * TB_US_PER_S)
#define AGAIN_US   (500 * TB_US_PER_MS)

#define SWEEP_US      (10 * TB_US_PER_S)
#define UNUSED_US     (60 * TB_US_PER_S)
#define RETRY_AFTER_S 1
/* Beside one for each connection: credentials of late. */
#define RECORDS_MORE 1024

struct record {
    struct tb_place place; /* first; the digest is of credential and company */
    struct tb_auth *auth;
    struct tb_arena arena; /* of both */
    struct tb_credential credential;
    struct tb_str company;
    char client[INET6_ADDRSTRLEN]; /* whose question it was first */

    struct tb_inquiry inquiry;
    bool is_asking, is_telling, is_counted;
    struct tb_auth_ask *asks; /* who waits for it */
    struct tb_auth_ask *told; /* who is being told */
    int64_t asked_us;         /* monotonic, as all times here */
    int64_t doubted_us;       /* when a change was notified that is not asked for yet; 0: none */

    /* What is known. */
    bool is_known;
    int outcome;            /* 0 or TB_AUTH_NO_CREDENTIAL */
    struct tb_grant *grant; /* held; NULL with an outcome */
    const char *challenge;
    enum tb_voucher voucher;
    int64_t token_id;
    int64_t confirmed_us;
    struct tb_grant_keeper keeper;
    struct tb_timer timer; /* while the grant is watched */
};

struct tb_auth_ask {
    struct tb_auth_ask *previous, *next, **head; /* of the list that it is in */
    struct record *record;
    void (*on_answer)(void *owner, const struct tb_auth_answer *answer);
    void *owner;
};

struct tb_auth {
    struct tb_loop *loop;           /* borrowed */
    const struct tb_config *config; /* borrowed */
    struct tb_inquirers inquirers;
    struct tb_guard *guard;
    struct tb_table table; /* of records */
    size_t ask_count;
    struct tb_timer sweep;
    uint64_t random;
    bool is_listening, is_stopped;
    int64_t deaf_since_us;
};

static struct record *of(struct tb_place *place)
{
    return (struct record *)place;
}

/* ---- records ---- */

static void free_record(struct record *record)
{
    struct tb_auth *auth = record->auth;

    assert(!record->asks && !record->told);
    tb_table_remove(&auth->table, &record->place);
    tb_loop_disarm(auth->loop, &record->timer);
    if (record->grant) {
        tb_grant_leave(record->grant);
        tb_grant_release(record->grant);
    }
    tb_inquiry_deinit(&record->inquiry);
    tb_arena_deinit(&record->arena);
    free(record);
}

static bool is_watched(const struct record *record)
{
    return record->grant && tb_grant_is_watched(record->grant);
}

static bool is_needed(const struct record *record)
{
    return record->is_asking || record->is_telling || record->asks || is_watched(record);
}

/* Of those that were used least recently the first that nobody needs; false when all are needed. */
static bool make_room(struct tb_auth *auth)
{
    for (struct tb_place *place = auth->table.oldest; place; place = place->newer) {
        if (is_needed(of(place)))
            continue;
        free_record(of(place));
        return true;
    }
    return false;
}

static void on_sweep(struct tb_timer *timer)
{
    struct tb_auth *auth = timer->owner;
    int64_t since_us = tb_clock_monotonic_us() - UNUSED_US;
    struct tb_place *newer = NULL;

    for (struct tb_place *place = auth->table.oldest; place && place->used_us < since_us; place = newer) {
        newer = place->newer;
        if (!is_needed(of(place)))
            free_record(of(place));
    }
    tb_loop_arm(auth->loop, &auth->sweep, SWEEP_US);
}

static bool copy_credential(struct record *record, const struct tb_credential *credential)
{
    size_t count = credential->forwarded_count;
    struct tb_field *fields = count ? tb_arena_calloc(&record->arena, count, sizeof(*fields)) : NULL;

    if (!tb_arena_copy(&record->arena, credential->text, &record->credential.text) || (count && !fields))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!tb_arena_copy(&record->arena, credential->forwarded[i].name, &fields[i].name) ||
            !tb_arena_copy(&record->arena, credential->forwarded[i].value, &fields[i].value))
            return false;
    }
    record->credential.kind = credential->kind;
    record->credential.forwarded = fields;
    record->credential.forwarded_count = count;
    return true;
}

static void on_watched(struct tb_grant_keeper *keeper);
static void on_timer(struct tb_timer *timer);
static void on_verdict(struct tb_inquiry *inquiry);

static struct record *add(struct tb_auth *auth, const struct tb_credential *credential,
                          const struct tb_auth_question *question, const unsigned char *digest)
{
    struct record *record = NULL;

    if (tb_table_is_full(&auth->table) && !make_room(auth))
        return NULL;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->auth = auth;
    record->keeper = (struct tb_grant_keeper){.loop = auth->loop, .on_watched = on_watched, .owner = record};
    record->timer = (struct tb_timer){.on_expire = on_timer, .owner = record};
    if (question->client_address.len < sizeof(record->client))
        memcpy(record->client, question->client_address.ptr, question->client_address.len);
    tb_arena_init_small(&record->arena, TB_GRANT_MAX_BYTES);
    tb_inquiry_init(&record->inquiry);
    memcpy(record->place.digest, digest, TB_DIGEST_BYTES);
    tb_table_add(&auth->table, &record->place, tb_clock_monotonic_us());
    if (!copy_credential(record, credential) ||
        !tb_arena_copy(&record->arena, question->company, &record->company)) {
        free_record(record);
        return NULL;
    }
    record->inquiry.inquirers = &auth->inquirers;
    record->inquiry.credential = &record->credential;
    record->inquiry.company = record->company;
    record->inquiry.on_done = on_verdict;
    record->inquiry.owner = record;
    return record;
}

/* ---- how long what is known holds ---- */

static int64_t keep_us(const struct record *record)
{
    if (record->outcome || (!record->grant->may_see && !tb_str_is_null(record->company)))
        return KEEP_WRONG_US;
    switch (record->voucher) {
    case TB_VOUCHER_SIGNATURE:
        return record->auth->config->access.sql.company_name[0] ? KEEP_OURS_US : INT64_MAX;
    case TB_VOUCHER_OURS:
        return record->auth->is_listening ? KEEP_OURS_US : KEEP_PRODUCT_US;
    case TB_VOUCHER_TABLES:
    case TB_VOUCHER_ANSWER:
        break;
    }
    return KEEP_PRODUCT_US;
}

static bool is_expired(const struct record *record)
{
    return record->grant && tb_clock_now_us() >= record->grant->expires_at_us;
}

static bool is_fresh(const struct record *record)
{
    return record->is_known && !record->doubted_us && !is_expired(record) &&
           tb_clock_monotonic_us() - record->confirmed_us < keep_us(record);
}

/* Since when what is known is not certain any more. */
static int64_t uncertain_since_us(const struct record *record, int64_t now_us)
{
    const struct tb_auth *auth = record->auth;

    switch (record->voucher) {
    case TB_VOUCHER_SIGNATURE:
        break;
    case TB_VOUCHER_OURS:
        if (record->doubted_us)
            return record->doubted_us;
        if (!auth->is_listening)
            return record->confirmed_us > auth->deaf_since_us ? record->confirmed_us : auth->deaf_since_us;
        break;
    case TB_VOUCHER_TABLES:
    case TB_VOUCHER_ANSWER:
        return record->confirmed_us;
    }
    return now_us;
}

/* While the database is away, what it vouches for goes on: a stream shows nothing new as long as that lasts.
 */
static bool is_over(const struct record *record)
{
    int64_t now_us = tb_clock_monotonic_us();

    if (record->voucher != TB_VOUCHER_ANSWER && !tb_directory_is_up(record->auth->inquirers.directory))
        return false;
    return now_us - uncertain_since_us(record, now_us) >= END_US;
}

/* ---- answers ---- */

static struct tb_auth_answer refusal(const struct tb_auth *auth, int outcome)
{
    static const char *const details[] = {
        [TB_AUTH_NO_CREDENTIAL] = "A credential is needed here.",
        [TB_AUTH_MALFORMED] = "The request has more than one credential.",
        [TB_AUTH_LIMITED] = "Too many wrong credentials came from this address; try again in a moment.",
        [TB_AUTH_AWAY] = "Who may see this cannot be asked at present; try again in a moment.",
        [TB_AUTH_CROWDED] = "Too many requests wait to be let in; try again in a moment.",
    };
    return (struct tb_auth_answer){.outcome = outcome,
                                   .retry_after_s = RETRY_AFTER_S,
                                   .challenge = tb_inquiry_challenge(&auth->inquirers),
                                   .detail = details[outcome]};
}

static struct tb_auth_answer answer_of(const struct record *record)
{
    if (record->outcome)
        return (struct tb_auth_answer){.outcome = record->outcome,
                                       .challenge = record->challenge,
                                       .detail = "The credential is not valid."};
    if (!record->grant) /* there was no memory for it */
        return refusal(record->auth, TB_AUTH_CROWDED);
    return (struct tb_auth_answer){.grant = tb_grant_hold(record->grant)};
}

static void unlink_ask(struct tb_auth_ask *ask)
{
    *(ask->previous ? &ask->previous->next : ask->head) = ask->next;
    if (ask->next)
        ask->next->previous = ask->previous;
    ask->record->auth->ask_count--;
}

static struct tb_auth_ask *pop_told(struct record *record)
{
    struct tb_auth_ask *ask = record->told;

    if (!ask)
        return NULL;
    record->told = ask->next;
    if (record->told)
        record->told->previous = NULL;
    record->auth->ask_count--;
    return ask;
}

/* Whoever waits is told; outcome 0: what is known. Who asks again meanwhile is not. */
static void answer_all(struct record *record, int outcome)
{
    struct tb_auth_ask *ask = NULL;

    assert(!record->told);
    record->told = record->asks;
    record->asks = NULL;
    for (ask = record->told; ask; ask = ask->next)
        ask->head = &record->told;
    record->is_telling = true;
    while ((ask = pop_told(record)) != NULL) {
        struct tb_auth_answer answer = outcome ? refusal(record->auth, outcome) : answer_of(record);
        ask->on_answer(ask->owner, &answer);
        free(ask);
    }
    record->is_telling = false;
}

/* ---- verdicts ---- */

static void drop_grant(struct record *record, enum tb_grant_end reason)
{
    record->is_known = false;
    if (!record->grant)
        return;
    tb_loop_disarm(record->auth->loop, &record->timer);
    tb_grant_end(record->grant, reason);
    tb_grant_release(record->grant);
    record->grant = NULL;
}

/* Only the first time: who goes on asking with the same one does not guess. */
static void count_guess(struct record *record, const struct tb_verdict *verdict)
{
    if (!verdict->is_guess || record->is_counted)
        return;
    record->is_counted = true;
    tb_guard_count(record->auth->guard, tb_str_of(record->client), tb_clock_monotonic_us());
}

/* What the verdict says is known from now on. */
static int take_verdict(struct record *record, const struct tb_verdict *verdict)
{
    bool is_same = record->grant && !verdict->outcome && tb_grant_matches(record->grant, verdict);

    if (!is_same)
        drop_grant(record, is_expired(record) ? TB_GRANT_EXPIRED : TB_GRANT_WITHDRAWN);
    if (!is_same && !verdict->outcome) {
        record->grant = tb_grant_new(verdict, record->company, &record->keeper);
        if (!record->grant)
            return TB_AUTH_CROWDED;
    }
    record->is_known = true;
    record->outcome = verdict->outcome;
    record->challenge = verdict->challenge;
    record->voucher = verdict->voucher;
    record->token_id = verdict->token_id;
    record->confirmed_us = record->asked_us;
    count_guess(record, verdict);
    return 0;
}

/* Returns what whoever waits is told: 0 is what is known now. */
static int settle(struct record *record)
{
    const struct tb_verdict *verdict = &record->inquiry.verdict;

    int outcome = verdict->outcome;

    record->is_asking = false;
    if (!outcome || outcome == TB_AUTH_NO_CREDENTIAL)
        outcome = take_verdict(record, verdict);
    tb_inquiry_forget(&record->inquiry);
    return outcome;
}

/* When a watched grant is to be looked at next: soon, where nobody could confirm it just now. */
static void arm(struct record *record, bool is_confirmed)
{
    struct tb_auth *auth = record->auth;
    int64_t wait_us = is_confirmed && is_fresh(record) ? keep_us(record) : AGAIN_US, left_us = INT64_MAX;

    if (wait_us > KEEP_OURS_US) /* the wall clock may be set, which expiry goes by */
        wait_us = KEEP_OURS_US;
    if (wait_us == KEEP_PRODUCT_US)
        wait_us = CONFIRM_US;
    if (wait_us > AGAIN_US) /* not all at once */
        wait_us -= (int64_t)(tb_random_next(&auth->random) % (uint64_t)(wait_us / 4));
    if (record->grant->expires_at_us != INT64_MAX)
        left_us = record->grant->expires_at_us - tb_clock_now_us();
    tb_loop_arm(auth->loop, &record->timer, left_us < wait_us ? left_us : wait_us);
}

/* true: the verdict is there already. */
static bool begin(struct record *record)
{
    record->is_asking = true;
    record->doubted_us = 0;
    record->asked_us = tb_clock_monotonic_us();
    return tb_inquiry_start(&record->inquiry);
}

static void on_verdict(struct tb_inquiry *inquiry)
{
    struct record *record = inquiry->owner;

    /* What changed while it was asked may have been asked before the change. */
    if (record->doubted_us && !record->auth->is_stopped && !begin(record))
        return;
    int outcome = settle(record);
    if (is_watched(record))
        arm(record, !outcome);
    answer_all(record, outcome);
}

/* Of what is watched. */
static void ask_again(struct record *record)
{
    if (!record->is_asking && begin(record))
        on_verdict(&record->inquiry);
    else if (is_watched(record))
        tb_loop_arm(record->auth->loop, &record->timer, AGAIN_US);
}

static void on_watched(struct tb_grant_keeper *keeper)
{
    arm(keeper->owner, true);
}

static void on_timer(struct tb_timer *timer)
{
    struct record *record = timer->owner;

    if (!is_watched(record))
        return;
    if (is_expired(record))
        drop_grant(record, TB_GRANT_EXPIRED);
    else if (is_over(record))
        drop_grant(record, TB_GRANT_UNKNOWN);
    else if (is_fresh(record) && record->voucher == TB_VOUCHER_SIGNATURE)
        arm(record, true);
    else
        ask_again(record);
}

/* ---- asking ---- */

static void wait_for(struct record *record, const struct tb_auth_question *question,
                     struct tb_auth_answer *ret_answer, struct tb_auth_ask **ret_ask)
{
    struct tb_auth *auth = record->auth;
    struct tb_auth_ask *ask = auth->ask_count < TB_AUTH_ASKS_MAX ? calloc(1, sizeof(*ask)) : NULL;

    if (!ask) {
        *ret_answer = refusal(auth, TB_AUTH_CROWDED);
        return;
    }
    *ask = (struct tb_auth_ask){
        .record = record, .next = record->asks, .on_answer = question->on_answer, .owner = question->owner};
    if (ask->next)
        ask->next->previous = ask;
    record->asks = ask;
    auth->ask_count++;
    *ret_ask = ask;
}

static void push_text(struct tb_buf *buf, struct tb_str text)
{
    tb_buf_push(buf, &text.len, sizeof(text.len));
    tb_buf_push_str(buf, text);
}

static void digest_of(const struct tb_credential *credential, struct tb_str company,
                      unsigned char ret_digest[TB_DIGEST_BYTES])
{
    unsigned char *bytes = NULL;
    struct tb_buf buf;

    tb_buf_init(&buf, SIZE_MAX);
    push_text(&buf, (struct tb_str){(const char *)&credential->kind, sizeof(credential->kind)});
    push_text(&buf, company);
    push_text(&buf, credential->text);
    for (size_t i = 0; i < credential->forwarded_count; i++) {
        push_text(&buf, credential->forwarded[i].name);
        push_text(&buf, credential->forwarded[i].value);
    }
    bytes = SHA256((const unsigned char *)buf.ptr, buf.len, ret_digest);
    assert(bytes);
    tb_buf_deinit(&buf);
}

/* With a credential. */
static void ask_record(struct tb_auth *auth, const struct tb_credential *credential,
                       const struct tb_auth_question *question, struct tb_auth_answer *ret_answer,
                       struct tb_auth_ask **ret_ask)
{
    unsigned char digest[TB_DIGEST_BYTES];

    digest_of(credential, question->company, digest);
    struct tb_place *place = tb_table_find(&auth->table, digest);
    struct record *record = place ? of(place) : NULL;
    if (record && is_fresh(record)) {
        tb_table_use(&auth->table, place, tb_clock_monotonic_us());
        *ret_answer = answer_of(record);
        return;
    }
    bool is_right = record && record->is_known && !record->outcome;
    int64_t wait_s =
        is_right ? 0 : tb_guard_wait_s(auth->guard, question->client_address, tb_clock_monotonic_us());
    if (wait_s) {
        *ret_answer = refusal(auth, TB_AUTH_LIMITED);
        ret_answer->retry_after_s = wait_s;
        return;
    }
    if (!record)
        record = add(auth, credential, question, digest);
    if (!record) {
        *ret_answer = refusal(auth, TB_AUTH_CROWDED);
        return;
    }
    tb_table_use(&auth->table, &record->place, tb_clock_monotonic_us());
    if (record->is_asking || !begin(record)) {
        wait_for(record, question, ret_answer, ret_ask);
        return;
    }
    int outcome = settle(record);
    *ret_answer = outcome ? refusal(auth, outcome) : answer_of(record);
}

void tb_auth_ask(struct tb_auth *auth, const struct tb_auth_question *question,
                 struct tb_auth_answer *ret_answer, struct tb_auth_ask **ret_ask)
{
    struct tb_credential credential = {0};
    struct tb_arena arena;

    *ret_ask = NULL;
    tb_arena_init(&arena, TB_GRANT_MAX_BYTES);
    int twice = tb_credential_read(question->head, auth->config, question->is_websocket, &arena, &credential);
    bool is_strangers = question->is_websocket && credential.kind == TB_CREDENTIAL_FOREIGN &&
                        tb_credential_is_strangers(question->head, auth->config);
    if (auth->is_stopped)
        *ret_answer = refusal(auth, TB_AUTH_AWAY);
    else if (twice)
        *ret_answer = refusal(auth, TB_AUTH_MALFORMED);
    else if (credential.kind == TB_CREDENTIAL_NONE || is_strangers)
        *ret_answer = refusal(auth, TB_AUTH_NO_CREDENTIAL);
    else
        ask_record(auth, &credential, question, ret_answer, ret_ask);
    tb_arena_deinit(&arena);
}

void tb_auth_cancel(struct tb_auth_ask *ask)
{
    unlink_ask(ask);
    free(ask);
}

void tb_auth_stop(struct tb_auth *auth)
{
    auth->is_stopped = true;
    for (struct tb_place *place = auth->table.oldest; place; place = place->newer)
        answer_all(of(place), TB_AUTH_AWAY);
}

/* ---- changes ---- */

/* It is asked for again: in the next turn if it is watched, else when somebody asks. */
static void doubt(struct record *record)
{
    if (!record->doubted_us)
        record->doubted_us = tb_clock_monotonic_us();
    if (is_watched(record))
        tb_loop_arm(record->auth->loop, &record->timer, 0);
}

static bool concerns(const struct record *record, struct tb_str what, struct tb_str whose)
{
    int64_t id = 0;

    if (tb_str_equal(what, TB_STR("token")))
        return tb_str_parse_int64(whose, &id) && record->token_id == id;
    if (tb_str_equal(what, TB_STR("company")))
        return tb_str_equal(record->company, whose);
    if (tb_str_equal(what, TB_STR("user")))
        return !record->grant || tb_str_equal(record->grant->user, whose);
    return true;
}

void tb_auth_notified(struct tb_auth *auth, struct tb_str payload)
{
    const char *colon = payload.len ? memchr(payload.ptr, ':', payload.len) : NULL;
    size_t len = colon ? (size_t)(colon - payload.ptr) : payload.len;
    struct tb_str what = {payload.ptr, len};
    struct tb_str whose = colon ? (struct tb_str){colon + 1, payload.len - len - 1} : TB_STR_NULL;

    for (struct tb_place *place = auth->table.oldest; place; place = place->newer) {
        if (concerns(of(place), what, whose))
            doubt(of(place));
    }
}

void tb_auth_listening(struct tb_auth *auth, bool is_listening)
{
    if (auth->is_listening == is_listening)
        return;
    auth->is_listening = is_listening;
    auth->deaf_since_us = tb_clock_monotonic_us();
    /* What changed in between was told to nobody. */
    for (struct tb_place *place = auth->table.oldest; place; place = place->newer) {
        struct record *record = of(place);
        if (record->voucher == TB_VOUCHER_OURS && is_listening)
            doubt(record);
        else if (record->voucher == TB_VOUCHER_OURS && is_watched(record))
            arm(record, true);
    }
}

/* Tokens are verified anew: one that was signed with a key that is gone is none any more. */
static void on_keys_change(void *owner)
{
    struct tb_auth *auth = owner;

    for (struct tb_place *place = auth->table.oldest; place; place = place->newer) {
        if (of(place)->credential.kind == TB_CREDENTIAL_BEARER)
            doubt(of(place));
    }
}

/* ---- opening and closing ---- */

int tb_auth_open(const struct tb_auth_options *options, struct tb_auth **ret_auth, struct tb_error *err)
{
    struct tb_auth *auth = calloc(1, sizeof(*auth));
    int failed =
        auth ? tb_table_init(&auth->table, (size_t)options->config->http.max_connections + RECORDS_MORE)
             : -ENOMEM;

    if (failed) {
        free(auth);
        return tb_error_set(err, failed, "out of memory");
    }
    auth->loop = options->loop;
    auth->config = options->config;
    auth->random = (uint64_t)tb_clock_monotonic_us();
    auth->sweep = (struct tb_timer){.on_expire = on_sweep, .owner = auth};
    auth->guard = tb_guard_new(auth->config->access.wrong_max);
    if (!auth->guard)
        failed = tb_error_set(err, -ENOMEM, "out of memory");
    if (!failed)
        failed = tb_inquirers_open(&(struct tb_inquirers_options){.loop = options->loop,
                                                                  .log = options->log,
                                                                  .config = options->config,
                                                                  .on_keys_change = on_keys_change,
                                                                  .owner = auth},
                                   &auth->inquirers, err);
    if (failed) {
        tb_auth_close(auth);
        return failed;
    }
    tb_loop_arm(auth->loop, &auth->sweep, SWEEP_US);
    *ret_auth = auth;
    return 0;
}

void tb_auth_close(struct tb_auth *auth)
{
    struct tb_place *newer = NULL;

    if (!auth)
        return;
    assert(auth->ask_count == 0);
    tb_loop_disarm(auth->loop, &auth->sweep);
    for (struct tb_place *place = auth->table.oldest; place; place = newer) {
        newer = place->newer;
        tb_inquiry_cancel(&of(place)->inquiry);
    }
    tb_inquirers_close(&auth->inquirers);
    for (struct tb_place *place = auth->table.oldest; place; place = newer) {
        newer = place->newer;
        free_record(of(place));
    }
    tb_table_deinit(&auth->table);
    tb_guard_free(auth->guard);
    free(auth);
}
