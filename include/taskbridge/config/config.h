/* The configuration: a YAML file, with the environment over it, checked against one table of options.
 *
 * A configuration never changes; reading the file again gives a new one. */
#ifndef TASKBRIDGE_CONFIG_CONFIG_H
#define TASKBRIDGE_CONFIG_CONFIG_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"
#include "taskbridge/core/rules.h"

#define TB_CONFIG_DEFAULT_PATH "/etc/taskbridge/taskbridge.yaml"

struct tb_config_list {
    const struct tb_str *items; /* each followed by a NUL */
    size_t count;
};

/* Texts are never NULL; "" means "not given". All of it is owned by the configuration. */
struct tb_config {
    struct {
        const char *url;
        int64_t heartbeat_s, connect_timeout_s;
        const char *exchange, *control_exchange, *source;
        int64_t prefetch;
        struct {
            const char *name;
            int64_t max_bytes;
        } queue;
        struct {
            const char *ca_file, *cert_file, *key_file;
            bool verify;
        } tls;
        const char *management_url; /* a secret may be in it */
    } amqp;
    struct {
        const char *url, *schema;
        int64_t connect_timeout_s, response_timeout_s;
    } database;
    struct {
        const char *instance; /* the host's name where none was given */
        int64_t shutdown_timeout_s;
    } daemon;
    struct {
        int64_t level;  /* enum tb_log_level */
        int64_t format; /* enum tb_log_format */
    } log;
    struct {
        bool enabled;
        int64_t completed_after_s, history_after_s, completed_every_s;
        int64_t orphaned_after_s, orphaned_every_s;
        int64_t dead_letters_after_s, dead_letters_max_rows, dead_letters_max_bytes;
        int64_t statuses_every_s, silent_after_s, ask_apart_s;
        int64_t delete_batch_rows;
    } maintenance;
    struct {
        const char *listen;
        int64_t max_connections, max_connections_per_address, idle_timeout_s;
        struct tb_config_list cors_origins, trusted_proxies;
        int64_t customer_errors; /* 1: raw */
    } http;
    struct {
        struct {
            const char *user, *sees, *company_name; /* SQL */
            int64_t timeout_ms;
        } sql;
        struct {
            const char *url; /* with {company_id} */
            struct tb_config_list headers, cookies;
            int64_t timeout_ms;
        } forward;
        struct {
            const char *secret, *secret_file, *jwks_file, *jwks_url;
            struct tb_config_list algorithms;
            const char *issuer;
            struct tb_config_list audience;
            int64_t leeway_s;
            const char *user_claim, *companies_claim, *rights_claim;
        } jwt;
        struct {
            const char *secret, *secret_file;
        } watch;
        const char *ca_file;
        int64_t wrong_max;
    } access;
    int64_t company_format;       /* as rules.company_format has it */
    struct tb_config_list redact; /* with the rules' names: rules.redact */
    struct tb_rules rules;

    struct tb_config_state *state; /* the loader's own: where each value came from, the memory of all */
};

/* The configuration is wrong; the text names file, line, column and option, and what would be right. */
enum tb_config_outcome { TB_CONFIG_WRONG = 1 };

struct tb_config_source {
    const char *path;
    bool must_exist;          /* whether the absence of the file is an error, or means defaults */
    char *const *environment; /* as environ; NULL: none */
    struct tb_buf
        *further; /* gets what is wrong beside the first, a line each; NULL: reading ends at the first */
};

/* 0 with a configuration that the caller frees; TB_CONFIG_WRONG; or a negative errno. */
int tb_config_load(const struct tb_config_source *source, struct tb_config **ret_config,
                   struct tb_error *err) TB_MUST_CHECK;

/* The same out of text in memory; name stands for the file's in messages. */
int tb_config_parse(struct tb_str text, const char *name, char *const *environment,
                    struct tb_config **ret_config, struct tb_error *err) TB_MUST_CHECK;

void tb_config_free(struct tb_config *config);

/* Pushes all options as YAML that would load again, each with a comment where it is not the default;
 * passwords are "***". Ask buf->failed afterwards. */
void tb_config_push_yaml(const struct tb_config *config, struct tb_buf *buf);

/* The same as one JSON object of option path to value. */
void tb_config_push_json(const struct tb_config *config, struct tb_buf *buf);

/* Pushes the paths, parted by ", ", of the options that differ and take effect only after a restart; nothing
 * when there are none. */
void tb_config_push_restart_needed(const struct tb_config *before, const struct tb_config *after,
                                   struct tb_buf *buf);

/* Pushes a database or broker URL, or a libpq connection string, with "***" for the passwords in it. */
void tb_config_push_masked(struct tb_str url, struct tb_buf *buf);

#endif
