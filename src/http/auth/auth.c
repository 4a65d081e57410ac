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
    struct record *chained;
    struct record *older, *newer; /* by use */
    struct tb_auth *auth;
    unsigned char digest[SHA256_DIGEST_LENGTH]; /* of credential and company */
    struct tb_arena arena;                      /* of both */
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
    int64_t confirmed_us, used_us;
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
    struct tb_log *log;             /* borrowed */
    const struct tb_config *config; /* borrowed */
    struct tb_inquirers inquirers;
    struct tb_guard *guard;
    struct record **table;
    size_t table_size; /* a power of two */
    size_t count, count_max, ask_count;
    struct record *oldest, *newest;
    struct tb_timer sweep;
    uint64_t random;
    bool is_listening, is_stopped;
    int64_t deaf_since_us;
};

/* ---- the table ---- */

static void push_text(struct tb_buf *buf, struct tb_str text)
{
    tb_buf_push(buf, &text.len, sizeof(text.len));
    tb_buf_push_str(buf, text);
}

static struct record **chain_of(struct tb_auth *auth, const unsigned char digest[SHA256_DIGEST_LENGTH])
{
    size_t word = 0;

    memcpy(&word, digest, sizeof(word));
    return &auth->table[word & (auth->table_size - 1)];
}

static struct record *find(struct tb_auth *auth, const unsigned char digest[SHA256_DIGEST_LENGTH])
{
    for (struct record *record = *chain_of(auth, digest); record; record = record->chained) {
        if (memcmp(record->digest, digest, SHA256_DIGEST_LENGTH) == 0)
            return record;
    }
    return NULL;
}

static void unlink_use(struct record *record)
{
    struct tb_auth *auth = record->auth;

    *(record->older ? &record->older->newer : &auth->oldest) = record->newer;
    *(record->newer ? &record->newer->older : &auth->newest) = record->older;
    record->older = record->newer = NULL;
}

static void link_use(struct record *record)
{
    struct tb_auth *auth = record->auth;

    record->used_us = tb_clock_monotonic_us();
    record->older = auth->newest;
    *(auth->newest ? &auth->newest->newer : &auth->oldest) = record;
    auth->newest = record;
}

static void note_use(struct record *record)
{
    unlink_use(record);
    link_use(record);
}

static void free_record(struct record *record)
{
    struct tb_auth *auth = record->auth;
    struct record **at = chain_of(auth, record->digest);

    assert(!record->asks);
    while (*at != record)
        at = &(*at)->chained;
    *at = record->chained;
    unlink_use(record);
    auth->count--;
    tb_loop_disarm(auth->loop, &record->timer);
    if (record->grant) {
        tb_grant_leave(record->grant);
        tb_grant_release(record->grant);
    }
    tb_inquiry_deinit(&record->inquiry);
    /* It holds a credential. */
    tb_arena_deinit(&record->arena);
    free(record);
}

static bool is_in_use(const struct record *record)
{
    return record->is_asking || record->is_telling || record->asks ||
           (record->grant && tb_grant_is_watched(record->grant));
}

/* The one that was used least recently and that nobody needs; false when all are needed. */
static bool make_room(struct tb_auth *auth)
{
    for (struct record *record = auth->oldest; record; record = record->newer) {
        if (is_in_use(record))
            continue;
        free_record(record);
        return true;
    }
    return false;
}

static void on_sweep(struct tb_timer *timer)
{
    struct tb_auth *auth = timer->owner;
    int64_t since_us = tb_clock_monotonic_us() - UNUSED_US;
    struct record *newer = NULL;

    for (struct record *record = auth->oldest; record && record->used_us < since_us; record = newer) {
        newer = record->newer;
        if (!is_in_use(record))
            free_record(record);
    }
    tb_loop_arm(auth->loop, &auth->sweep, SWEEP_US);
}

/* ---- a record's making ---- */

static bool copy_credential(struct record *record, const struct tb_credential *credential)
{
    struct tb_credential *copy = &record->credential;

    copy->kind = credential->kind;
    copy->forwarded_count = credential->forwarded_count;
    if (!tb_arena_copy(&record->arena, credential->text, &copy->text))
        return false;
    for (size_t i = 0; i < credential->forwarded_count; i++) {
        if (!tb_arena_copy(&record->arena, credential->forwarded[i].name, &copy->forwarded[i].name) ||
            !tb_arena_copy(&record->arena, credential->forwarded[i].value, &copy->forwarded[i].value))
            return false;
    }
    return true;
}

static void on_watched(struct tb_grant_keeper *keeper);
static void on_timer(struct tb_timer *timer);
static void on_verdict(struct tb_inquiry *inquiry);

static struct record *add(struct tb_auth *auth, const struct tb_credential *credential,
                          const struct tb_auth_question *question, const unsigned char *digest)
{
    struct record *record = NULL;

    if (auth->count >= auth->count_max && !make_room(auth))
        return NULL;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->auth = auth;
    memcpy(record->digest, digest, sizeof(record->digest));
    record->keeper = (struct tb_grant_keeper){.loop = auth->loop, .on_watched = on_watched, .owner = record};
    record->timer = (struct tb_timer){.on_expire = on_timer, .owner = record};
    if (question->client_address.len < sizeof(record->client))
        memcpy(record->client, question->client_address.ptr, question->client_address.len);
    tb_arena_init(&record->arena, TB_GRANT_MAX_BYTES);
    tb_inquiry_init(&record->inquiry);
    record->chained = *chain_of(auth, digest);
    *chain_of(auth, digest) = record;
    auth->count++;
    link_use(record);
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

    record->is_asking = false;
    if (verdict->outcome && verdict->outcome != TB_AUTH_NO_CREDENTIAL)
        return verdict->outcome;
    return take_verdict(record, verdict);
}

static bool is_watched(const struct record *record)
{
    return record->grant && tb_grant_is_watched(record->grant);
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

static void digest_of(const struct tb_credential *credential, struct tb_str company,
                      unsigned char ret_digest[SHA256_DIGEST_LENGTH])
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
    unsigned char digest[SHA256_DIGEST_LENGTH];

    digest_of(credential, question->company, digest);
    struct record *record = find(auth, digest);
    if (record && is_fresh(record)) {
        note_use(record);
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
    note_use(record);
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
    for (struct record *record = auth->oldest; record; record = record->newer)
        answer_all(record, TB_AUTH_AWAY);
}

/* ---- changes ---- */

static void doubt(struct record *record)
{
    if (!record->doubted_us)
        record->doubted_us = tb_clock_monotonic_us();
    if (is_watched(record))
        ask_again(record);
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

    for (struct record *record = auth->oldest; record; record = record->newer) {
        if ((record->is_known || record->is_asking) && concerns(record, what, whose))
            doubt(record);
    }
}

void tb_auth_listening(struct tb_auth *auth, bool is_listening)
{
    if (auth->is_listening == is_listening)
        return;
    auth->is_listening = is_listening;
    auth->deaf_since_us = tb_clock_monotonic_us();
    /* What changed in between was told to nobody. */
    for (struct record *record = auth->oldest; record; record = record->newer) {
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

    for (struct record *record = auth->oldest; record; record = record->newer) {
        if (record->credential.kind == TB_CREDENTIAL_BEARER)
            doubt(record);
    }
}

/* ---- opening and closing ---- */

static int open_ring(struct tb_auth *auth, const struct tb_key_ring_options *options,
                     struct tb_key_ring **ret_ring, struct tb_error *err)
{
    struct tb_key_ring_options filled = *options;

    filled.loop = auth->loop;
    filled.log = auth->log;
    filled.client = auth->inquirers.client;
    filled.on_change = on_keys_change;
    filled.owner = auth;
    if (!filled.secret[0] && !filled.secret_file[0] && !filled.jwks_file[0] && !filled.jwks_url[0])
        return 0;
    return tb_key_ring_open(&filled, ret_ring, err);
}

static unsigned algorithms_of(struct tb_config_list list)
{
    enum tb_jwt_algorithm algorithm = TB_JWT_HS256;
    unsigned set = 0;

    for (size_t i = 0; i < list.count; i++) {
        if (tb_jwt_algorithm_parse(list.items[i], &algorithm))
            set |= 1u << algorithm;
    }
    return set ? set : TB_JWT_ALGORITHMS_ALL;
}

static int open_rings(struct tb_auth *auth, struct tb_error *err)
{
    const struct tb_config *config = auth->config;
    int failed = open_ring(auth,
                           &(struct tb_key_ring_options){.section = "access.watch",
                                                         .secret = config->access.watch.secret,
                                                         .secret_file = config->access.watch.secret_file,
                                                         .jwks_file = "",
                                                         .jwks_url = ""},
                           &auth->inquirers.watch_keys, err);
    if (failed)
        return failed;
    return open_ring(
        auth,
        &(struct tb_key_ring_options){.section = "access.jwt",
                                      .secret = config->access.jwt.secret,
                                      .secret_file = config->access.jwt.secret_file,
                                      .jwks_file = config->access.jwt.jwks_file,
                                      .jwks_url = config->access.jwt.jwks_url,
                                      .algorithms = algorithms_of(config->access.jwt.algorithms)},
        &auth->inquirers.jwt_keys, err);
}

static int open_client(struct tb_auth *auth, struct tb_error *err)
{
    const struct tb_config *config = auth->config;

    if (!config->access.forward.url[0] && !config->access.jwt.jwks_url[0])
        return 0;
    int failed =
        tb_hook_client_new(&(struct tb_hook_options){.loop = auth->loop,
                                                     .user_agent = "taskbridge-http/" TASKBRIDGE_VERSION,
                                                     .ca_file = config->access.ca_file,
                                                     .max_connections = TB_FORWARD_CONNECTIONS_MAX,
                                                     .max_calls = TB_FORWARD_CALLS_MAX},
                           &auth->inquirers.client, err);
    if (failed)
        tb_error_prefix(err, "access.ca_file");
    return failed;
}

static int open_table(struct tb_auth *auth, struct tb_error *err)
{
    auth->count_max = (size_t)auth->config->http.max_connections + RECORDS_MORE;
    for (auth->table_size = 1; auth->table_size < auth->count_max;)
        auth->table_size *= 2;
    auth->table = calloc(auth->table_size, sizeof(struct record *));
    auth->guard = tb_guard_new(auth->config->access.wrong_max);
    return auth->table && auth->guard ? 0 : tb_error_set(err, -ENOMEM, "out of memory");
}

int tb_auth_open(const struct tb_auth_options *options, struct tb_auth **ret_auth, struct tb_error *err)
{
    struct tb_auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return tb_error_set(err, -ENOMEM, "out of memory");
    auth->loop = options->loop;
    auth->log = options->log;
    auth->config = options->config;
    auth->inquirers = (struct tb_inquirers){.log = options->log, .config = options->config};
    auth->random = (uint64_t)tb_clock_monotonic_us();
    auth->sweep = (struct tb_timer){.on_expire = on_sweep, .owner = auth};
    int failed = open_table(auth, err);
    if (!failed)
        failed = open_client(auth, err);
    if (!failed)
        failed = open_rings(auth, err);
    if (!failed)
        failed = tb_directory_open(auth->loop, auth->log, auth->config, &auth->inquirers.directory, err);
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
    if (!auth)
        return;
    assert(auth->ask_count == 0);
    tb_loop_disarm(auth->loop, &auth->sweep);
    tb_directory_close(auth->inquirers.directory);
    tb_key_ring_close(auth->inquirers.jwt_keys);
    tb_key_ring_close(auth->inquirers.watch_keys);
    for (struct record *record = auth->oldest, *newer = NULL; record; record = newer) {
        newer = record->newer;
        free_record(record);
    }
    tb_hook_client_free(auth->inquirers.client);
    tb_guard_free(auth->guard);
    free(auth->table);
    free(auth);
}
