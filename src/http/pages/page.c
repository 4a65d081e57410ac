/* The onboarding page: one file, embedded at build, the same for every company.
 *
 * It holds nothing secret: the token is in the address's fragment, which stays in the browser. Its script and
 * its style stand in it, so the policy names their hashes, made of the very bytes that are sent; no other
 * script runs there, and it talks to nobody but this server. A browser asks each time whether its copy is
 * still right. */
#include "page.h"

#include "company_id.h"
#include "pages.h"
#include "problem.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#define HASH_TEXT_BYTES 45 /* SHA-256 in base64, and the NUL */

/* What stands between the first open and the close behind it. */
static struct tb_str between(struct tb_str text, struct tb_str open, struct tb_str close)
{
    size_t start = tb_str_find(text, open);

    if (start == SIZE_MAX)
        return TB_STR_NULL;
    struct tb_str rest = {text.ptr + start + open.len, text.len - start - open.len};
    size_t end = tb_str_find(rest, close);
    return end == SIZE_MAX ? TB_STR_NULL : (struct tb_str){rest.ptr, end};
}

static void hash(struct tb_str text, char ret_text[HASH_TEXT_BYTES])
{
    unsigned char bytes[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)(text.ptr ? text.ptr : ""), text.len, bytes);
    EVP_EncodeBlock((unsigned char *)ret_text, bytes, sizeof(bytes));
}

void tb_page_set_policy(struct tb_page *page)
{
    char script[HASH_TEXT_BYTES], style[HASH_TEXT_BYTES];

    hash(between(page->body, TB_STR("<script>"), TB_STR("</script>")), script);
    hash(between(page->body, TB_STR("<style>"), TB_STR("</style>")), style);
    snprintf(page->policy, sizeof(page->policy),
             "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src "
             "data:; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             script, style);
}

void tb_page_init(struct tb_page *page)
{
    char whole[HASH_TEXT_BYTES];

    *page = (struct tb_page){.body = {(const char *)tb_page_onboarding, tb_page_onboarding_len}};
    hash(page->body, whole);
    snprintf(page->tag, sizeof(page->tag), "\"%s\"", whole);
    tb_page_set_policy(page);
}

void tb_page_get_onboarding(struct tb_exchange *exchange)
{
    const struct tb_page *page = exchange->services->page;
    struct tb_str known = tb_exchange_header(exchange, "If-None-Match");
    char key[TB_COMPANY_KEY_BYTES];
    struct tb_str company;
    struct tb_reply reply = {.code = 200,
                             .content_type = "text/html; charset=utf-8",
                             .cache_control = "no-cache",
                             .headers = {{"ETag", tb_str_of(page->tag)},
                                         {"Content-Security-Policy", tb_str_of(page->policy)},
                                         {"Referrer-Policy", TB_STR("no-referrer")}}};

    if (!tb_company_id_parse(&exchange->services->config->rules, exchange->segments[0], key, &company)) {
        tb_problem_answer_nothing_there(exchange);
        return;
    }
    if (tb_str_equal(known, tb_str_of(page->tag)))
        reply.code = 304;
    else
        reply.body = tb_body_static(page->body);
    tb_exchange_answer(exchange, &reply);
}
