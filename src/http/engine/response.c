/* The first lines of every answer: status, date, length; what else stands there comes from above, checked.
 *
 * The date is kept for a second, as formatting it for each of fifty thousand answers would be half of their
 * cost. */
#include "response.h"

#include <stdio.h>
#include <time.h>

const char *tb_answer_reason(unsigned code)
{
    static const struct {
        unsigned code;
        const char *text;
    } reasons[] = {{101, "Switching Protocols"},
                   {200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {406, "Not Acceptable"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {422, "Unprocessable Content"},
                   {426, "Upgrade Required"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < TB_COUNT(reasons); i++) {
        if (reasons[i].code == code)
            return reasons[i].text;
    }
    return "Unknown";
}

static const char *date(struct tb_response_clock *clock)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm parts;

    if (now != clock->made_at_s && gmtime_r(&now, &parts)) {
        snprintf(clock->text, sizeof(clock->text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                 days[parts.tm_wday % 7], parts.tm_mday % 100, months[parts.tm_mon % 12],
                 (parts.tm_year + 1900) % 10000, parts.tm_hour % 100, parts.tm_min % 100, parts.tm_sec % 100);
        clock->made_at_s = now;
    }
    return clock->text;
}

size_t tb_response_format(struct tb_response_clock *clock, const struct tb_answer *answer, bool has_length,
                          const char *connection, char ret_text[TB_RESPONSE_HEAD_BYTES])
{
    char length[48] = "";

    if (has_length)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
                 answer->body ? answer->body->bytes.len : 0);
    int len =
        snprintf(ret_text, TB_RESPONSE_HEAD_BYTES, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s%.*s\r\n", answer->code,
                 tb_answer_reason(answer->code), date(clock), length, connection, TB_STR_FMT(answer->fields));
    return len > 0 && (size_t)len < TB_RESPONSE_HEAD_BYTES ? (size_t)len : 0;
}
