/* Which addresses name a company: those with an id of the format that company.format names.
 *
 * The same rules that take companies out of events decide here, so that an id has one canonical form
 * everywhere: an integer without leading zeros, a UUID in lower case. In an address nothing tells 73 from
 * '73', so digits are an integer first and text only where no integer is meant. */
#include "company_id.h"

#include "path.h"
#include "taskbridge/base/limits.h"

static bool canonical(const struct tb_rules *rules, struct tb_str text, struct tb_arena *arena,
                      struct tb_str *ret_company)
{
    for (int is_string = 0; is_string <= 1; is_string++) {
        if (tb_rules_event_company(rules, text, is_string, arena, ret_company) != 0)
            return false;
        if (!tb_str_is_null(*ret_company))
            return true;
        if (rules->company_format == TB_COMPANY_INTEGER)
            return false;
    }
    return false;
}

bool tb_company_id_parse(const struct tb_rules *rules, struct tb_str segment, char key[TB_COMPANY_KEY_BYTES],
                         struct tb_str *ret_company)
{
    char decoded[TB_COMPANY_KEY_BYTES];
    struct tb_str text, company;
    struct tb_arena arena;
    bool is_good = false;

    tb_arena_init(&arena, TB_KIB);
    if (tb_path_decode(segment, decoded, sizeof(decoded), &text) &&
        canonical(rules, text, &arena, &company) && company.len < TB_COMPANY_KEY_BYTES) {
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
        [TB_COMPANY_INTEGER] = "The company's id is an integer.",
        [TB_COMPANY_INTEGER_OR_STRING] = "The company's id is an integer.",
        [TB_COMPANY_UUID] = "The company's id is a UUID.",
        [TB_COMPANY_ANY] = "The company's id is an integer or a UUID.",
    };
    return words[rules->company_format];
}
