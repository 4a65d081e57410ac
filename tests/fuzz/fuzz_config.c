/* Any bytes as a configuration file: refused with a place, or a configuration that prints to one that loads.
 */
#include "taskbridge/base/limits.h"
#include "taskbridge/config/config.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tb_error err = {0};
    struct tb_config *config = NULL, *again = NULL;
    int outcome =
        tb_config_parse((struct tb_str){(const char *)bytes, len}, "fuzz.yaml", NULL, &config, &err);
    if (outcome) {
        assert(outcome == TB_CONFIG_WRONG && err.code == TB_CONFIG_WRONG && err.text[0]);
        return 0;
    }
    struct tb_buf yaml, json, changed;
    tb_buf_init(&yaml, 16 * TB_CONFIG_MAX_BYTES);
    tb_buf_init(&json, 16 * TB_CONFIG_MAX_BYTES);
    tb_buf_init(&changed, TB_CONFIG_MAX_BYTES);
    tb_config_push_yaml(config, &yaml);
    tb_config_push_json(config, &json);
    assert(!yaml.failed && !json.failed);
    /* A masked URL may be no URL any more for the checks; everything else must be the same. */
    if (yaml.len <= TB_CONFIG_MAX_BYTES &&
        tb_config_parse(tb_buf_str(&yaml), "printed", NULL, &again, &err) == 0)
        tb_config_push_restart_needed(config, again, &changed);
    assert(again || yaml.len > TB_CONFIG_MAX_BYTES || strstr(err.text, ".url: "));
    tb_buf_deinit(&changed);
    tb_buf_deinit(&json);
    tb_buf_deinit(&yaml);
    tb_config_free(again);
    tb_config_free(config);
    return 0;
}
