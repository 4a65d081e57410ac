/* Whether what the configuration says of access can be used: its files, and its questions.
 *
 * The HTTP module reads the same files and says the same when it starts; here it is told before. A key set is
 * only looked at so far that a mix-up is found (another file, private keys of nothing, no keys at all). */
#include "access.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/store/access_read.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#define SECRET_MIN_BYTES 32

static int check_secrets(FILE *file, const char *option, const char *path, struct tb_error *err)
{
    char line[TB_KEYS_MAX_BYTES / 16];
    size_t count = 0;

    for (size_t number = 1; fgets(line, sizeof(line), file); number++) {
        struct tb_str secret = tb_str_trim(tb_str_of(line));
        count += secret.len > 0;
        if (secret.len && secret.len < SECRET_MIN_BYTES)
            return tb_error_set(err, TB_CONFIG_WRONG,
                                "%s: %s: the secret in line %zu has %zu bytes; %d are the least", option,
                                path, number, secret.len, SECRET_MIN_BYTES);
    }
    return count ? 0 : tb_error_set(err, TB_CONFIG_WRONG, "%s: %s: there is no secret in it", option, path);
}

static int check_jwks(FILE *file, const char *option, const char *path, struct tb_error *err)
{
    json_error_t error;
    json_t *json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    bool has_keys = json_array_size(json_object_get(json, "keys")) > 0;

    if (!json)
        return tb_error_set(err, TB_CONFIG_WRONG, "%s: %s: it is no JSON: line %d: %s", option, path,
                            error.line, error.text);
    json_decref(json);
    return has_keys ? 0
                    : tb_error_set(err, TB_CONFIG_WRONG, "%s: %s: it is no key set: {\"keys\": [...]}",
                                   option, path);
}

int tb_access_check_files(const struct tb_config *config, struct tb_error *err)
{
    const struct {
        const char *option, *path;
        int (*check)(FILE *file, const char *option, const char *path, struct tb_error *err);
    } files[] = {
        {"access.jwt.secret_file", config->access.jwt.secret_file, check_secrets},
        {"access.jwt.jwks_file", config->access.jwt.jwks_file, check_jwks},
        {"access.watch.secret_file", config->access.watch.secret_file, check_secrets},
        {"access.ca_file", config->access.ca_file, NULL},
    };
    int outcome = 0;

    for (size_t i = 0; outcome == 0 && i < TB_COUNT(files); i++) {
        FILE *file = files[i].path[0] ? fopen(files[i].path, "re") : NULL;
        if (files[i].path[0] && !file)
            outcome = tb_error_set(err, TB_CONFIG_WRONG, "%s: %s: it cannot be read: %s", files[i].option,
                                   files[i].path, strerrordesc_np(errno));
        else if (file && files[i].check)
            outcome = files[i].check(file, files[i].option, files[i].path, err);
        if (file)
            fclose(file);
    }
    return outcome;
}

int tb_access_check_questions(const struct tb_config *config, struct tb_pg_session *session,
                              struct tb_error *err)
{
    struct tb_access_questions questions;

    tb_access_questions_init(&questions, config->access.sql.user, config->access.sql.sees,
                             config->access.sql.company_name, config->access.sql.timeout_ms);
    return tb_access_try(session, &questions, err);
}
