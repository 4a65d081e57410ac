/* One credential's way through those who may know it, to a verdict. */
#ifndef TASKBRIDGE_HTTP_AUTH_INQUIRY_H
#define TASKBRIDGE_HTTP_AUTH_INQUIRY_H

#include "auth.h"
#include "credential.h"
#include "inquirers.h"

/* Who vouches for a verdict, and so how it may change. */
enum tb_voucher {
    TB_VOUCHER_SIGNATURE, /* a token that says it all: until it expires, or the keys change */
    TB_VOUCHER_OURS,      /* our tables, whose changes are notified */
    TB_VOUCHER_TABLES,    /* the product's tables, of whose changes nobody tells */
    TB_VOUCHER_ANSWER     /* the product's answer: likewise */
};

struct tb_verdict {
    int outcome;           /* 0, TB_AUTH_NO_CREDENTIAL, TB_AUTH_AWAY or TB_AUTH_CROWDED */
    const char *challenge; /* with TB_AUTH_NO_CREDENTIAL; static */
    bool is_guess;         /* so: somebody may be trying; not where a right token has merely expired */
    enum tb_voucher voucher;
    int64_t token_id; /* of an own token; else 0 */
    /* As in struct tb_grant, borrowed from the inquiry's arena. */
    struct tb_str user, company_name;
    enum tb_rights rights;
    bool may_see;
    const struct tb_scope *scope;
    int64_t expires_at_us;
};

struct tb_inquiry {
    /* Given, and left alone until the end. */
    const struct tb_inquirers *inquirers;   /* borrowed */
    const struct tb_credential *credential; /* each text followed by a NUL, as company */
    struct tb_str company;                  /* canonical; null: none */
    void (*on_done)(struct tb_inquiry *inquiry);
    void *owner;

    struct tb_verdict verdict; /* when it is done */
    struct tb_arena arena;     /* of what it read; emptied when it starts again */

    /* Its own. */
    bool is_starting, is_done;
    int64_t issued_at_us; /* of a signed token */
    struct tb_directory_call call;
    struct tb_hook_call hook;
    struct tb_key_waiter waiter;
};

void tb_inquiry_init(struct tb_inquiry *inquiry);
/* Not while it is under way. */
void tb_inquiry_deinit(struct tb_inquiry *inquiry);
/* The product is not asked any more. Whoever is asked beside it drops its questions when it is closed. */
void tb_inquiry_cancel(struct tb_inquiry *inquiry);
/* Of a done one: the verdict was taken, and its texts are needed no more. */
void tb_inquiry_forget(struct tb_inquiry *inquiry);

/* true: the verdict is there. false: on_done will come. May be started again after that. */
bool tb_inquiry_start(struct tb_inquiry *inquiry);

/* What a request without any credential is told: the schemes that are taken. Static. */
const char *tb_inquiry_challenge(const struct tb_inquirers *inquirers);

#endif
