/* Which addresses name a company: those with an id of the format that company.format names.
 *
 * The same rules that take companies out of events decide here, so that an id has one canonical form
 * everywhere: a number without leading zeros, a UUID in lower case. */
#include "company_id.h"

#include "engine/path.h"
#include "taskbridge/base/limits.h"

bool tb_company_id_parse(const struct tb_rules *rules, struct tb_str segment, char key[TB_COMPANY_KEY_BYTES],
                         struct tb_str *ret_company)
{
    char decoded[TB_COMPANY_KEY_BYTES];
    struct tb_str text, company;
    struct tb_arena arena;
    bool is_good = false;

    tb_arena_init(&arena, TB_KIB);
    if (tb_path_decode(segment, decoded, sizeof(decoded), &text) &&
        tb_company_parse(rules->company_format, text, &arena, &company) == 0 && company.len &&
        company.len < TB_COMPANY_KEY_BYTES) {
        memcpy(key, company.ptr, company.len);
        *ret_company = (struct tb_str){key, company.len};
        is_good = true;
    }
    tb_arena_deinit(&arena);
    return is_good;
}

const char *tb_company_id_words(const struct tb_rules *rules)
{
    static const char *const words[] = {
        [TB_COMPANY_NUMBER] = "The company's id is a number.",
        [TB_COMPANY_UUID] = "The company's id is a UUID.",
        [TB_COMPANY_SLUG] = "The company's id is a slug of letters, digits and - . _ ~.",
    };
    return words[rules->company_format];
}
