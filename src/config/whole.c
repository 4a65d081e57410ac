/* What no single option can tell: options that need or exclude each other.
 *
 * An option that can have no effect is a mistake of whoever wrote it, so it is told and not passed over: a
 * misspelt hope about who may see what is worse than a program that does not start. */
#include "whole.h"

#include "taskbridge/base/limits.h"

struct rule {
    bool is_broken;
    const char *words;
};

static size_t count_given(const char *const *texts, size_t count)
{
    size_t given = 0;
    for (size_t i = 0; i < count; i++)
        given += texts[i][0] != '\0';
    return given;
}

static bool is_in(struct tb_config_list list, struct tb_str text)
{
    for (size_t i = 0; i < list.count; i++)
        if (tb_str_equal(list.items[i], text))
            return true;
    return false;
}

int tb_whole_check(const struct tb_config *config, struct tb_error *err)
{
    const char *const secrets[] = {config->access.jwt.secret, config->access.jwt.secret_file};
    const char *const public_keys[] = {config->access.jwt.jwks_file, config->access.jwt.jwks_url};
    bool has_secret = count_given(secrets, TB_COUNT(secrets)) > 0;
    bool has_public = count_given(public_keys, TB_COUNT(public_keys)) > 0;
    bool has_jwt = has_secret || has_public;
    bool has_user = config->access.sql.user[0], has_sees = config->access.sql.sees[0];
    bool has_forward = config->access.forward.url[0];
    struct tb_config_list algorithms = config->access.jwt.algorithms;
    bool only_public = algorithms.count > 0 && !is_in(algorithms, TB_STR("HS256"));
    bool only_secret = algorithms.count == 1 && is_in(algorithms, TB_STR("HS256"));
    const struct rule rules[] = {
        {!config->amqp.tls.cert_file[0] != !config->amqp.tls.key_file[0],
         "amqp.tls.cert_file and amqp.tls.key_file belong together: give both, or neither"},
        {has_user && !has_sees,
         "access.sql.user needs access.sql.sees, which says what companies the user may see"},
        {has_sees && !has_user && !has_jwt,
         "access.sql.sees needs access.sql.user, or a key below access.jwt, which say who the user is"},
        {(config->access.forward.headers.count || config->access.forward.cookies.count) && !has_forward,
         "access.forward.headers and access.forward.cookies need access.forward.url"},
        {count_given(secrets, TB_COUNT(secrets)) > 1,
         "access.jwt.secret and access.jwt.secret_file exclude each other: give one"},
        {count_given(public_keys, TB_COUNT(public_keys)) > 1,
         "access.jwt.jwks_file and access.jwt.jwks_url exclude each other: give one"},
        {has_secret && has_public,
         "access.jwt has a secret and public keys; tokens are signed with the one or the other: give one"},
        {!has_jwt && (config->access.jwt.issuer[0] || config->access.jwt.audience.count || algorithms.count ||
                      config->access.jwt.rights_claim[0]),
         "access.jwt needs a key: secret, secret_file, jwks_file or jwks_url"},
        {has_secret && only_public,
         "access.jwt.algorithms leaves out HS256, the only one that a secret is for"},
        {has_public && only_secret,
         "access.jwt.algorithms leaves out RS256 and ES256, which public keys are for"},
        {config->access.watch.secret[0] && config->access.watch.secret_file[0],
         "access.watch.secret and access.watch.secret_file exclude each other: give one"},
        {config->access.ca_file[0] && !has_forward && !config->access.jwt.jwks_url[0],
         "access.ca_file needs access.forward.url or access.jwt.jwks_url"},
    };

    for (size_t i = 0; i < TB_COUNT(rules); i++)
        if (rules[i].is_broken)
            return tb_error_set(err, TB_CONFIG_WRONG, "%s", rules[i].words);
    return 0;
}
