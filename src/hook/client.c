/* libcurl's multi interface in the loop.
 *
 * libcurl says which sockets it waits for and when it wants to be run; the loop tells it when that has come;
 * after each run the calls that ended are told. Their owners are called only from there, never from inside
 * libcurl, which must not be called from its own callbacks.
 *
 * What libcurl does of itself and we rely on: names are looked up by a thread, and CURLOPT_QUICK_EXIT leaves
 * a look-up that hangs to itself instead of waiting for it when a call ends before. What it does not:
 * proxies, .netrc and redirects are off, so that a call goes where its address says and nowhere else. */
#include "taskbridge/hook/client.h"

#include "taskbridge/base/limits.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct tb_hook_client {
    struct tb_loop *loop;       /* borrowed */
    CURLM *multi;               /* owned */
    char *user_agent, *ca_file; /* owned; ca_file may be NULL */
    bool (*may_connect)(const struct sockaddr *address);
    size_t max_calls, count;
    struct tb_hook_call *calls; /* under way; borrowed */
    struct tb_timer timer;
    struct socket *sockets; /* owned */
};

/* A socket of libcurl's that is waited for. */
struct socket {
    struct socket *previous, *next;
    struct tb_hook_client *client;
    curl_socket_t fd; /* libcurl's */
    struct tb_watch watch;
};

/* ---- calls that ended ---- */

static const struct {
    CURLcode code;
    enum tb_hook_outcome outcome;
} outcomes[] = {
    {CURLE_OPERATION_TIMEDOUT, TB_HOOK_TIMEOUT},     {CURLE_FILESIZE_EXCEEDED, TB_HOOK_TOO_LONG},
    {CURLE_UNSUPPORTED_PROTOCOL, TB_HOOK_UNUSABLE},  {CURLE_URL_MALFORMAT, TB_HOOK_UNUSABLE},
    {CURLE_BAD_FUNCTION_ARGUMENT, TB_HOOK_UNUSABLE},
};

static enum tb_hook_outcome outcome_of(const struct tb_hook_call *call, CURLcode code)
{
    if (call->answer.failed)
        return TB_HOOK_TOO_LONG;
    if (call->was_forbidden && code != CURLE_OPERATION_TIMEDOUT)
        return TB_HOOK_FORBIDDEN;
    for (size_t i = 0; i < TB_COUNT(outcomes); i++) {
        if (outcomes[i].code == code)
            return outcomes[i].outcome;
    }
    return TB_HOOK_UNREACHABLE;
}

static const char *words_of(const struct tb_hook_call *call, enum tb_hook_outcome outcome, CURLcode code)
{
    if (outcome == TB_HOOK_FORBIDDEN)
        return "the address that the name leads to may not be called";
    if (outcome == TB_HOOK_TOO_LONG)
        return "the answer is too long";
    return call->error_text[0] ? call->error_text : curl_easy_strerror(code);
}

/* Out of the list and of libcurl; what the call owned is freed. */
static void forget(struct tb_hook_call *call)
{
    struct tb_hook_client *client = call->client;

    if (call->previous)
        call->previous->next = call->next;
    else
        client->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    client->count--;
    call->client = NULL;
    curl_multi_remove_handle(client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
    curl_slist_free_all(call->header_list);
    call->header_list = NULL;
    free(call->error_text);
    call->error_text = NULL;
    tb_buf_deinit(&call->answer);
}

/* The owner may free the call in on_done, but reads the answer there: so what the call owns is moved to a
 * copy, which is forgotten after it. */
static void finish(struct tb_hook_call *call, CURLcode code)
{
    struct tb_hook_call ended = *call;
    struct tb_hook_answer answer = {.body = tb_buf_str(&ended.answer), .easy = ended.easy};
    struct tb_error err = {0};
    int outcome = code == CURLE_OK ? 0 : (int)outcome_of(call, code);

    curl_multi_remove_handle(call->client->multi, call->easy);
    if (ended.previous)
        ended.previous->next = &ended;
    else
        call->client->calls = &ended;
    if (ended.next)
        ended.next->previous = &ended;
    call->client = NULL;
    if (outcome)
        tb_error_set(&err, outcome, "%s", words_of(&ended, (enum tb_hook_outcome)outcome, code));
    curl_easy_getinfo(ended.easy, CURLINFO_RESPONSE_CODE, &answer.status);
    ended.on_done(call, outcome, &answer, outcome ? &err : NULL);
    forget(&ended);
}

static void finish_ended(struct tb_hook_client *client)
{
    CURLMsg *message = NULL;
    int left = 0;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct tb_hook_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish(call, code);
    }
}

/* ---- libcurl in the loop ---- */

static void run(struct tb_hook_client *client, curl_socket_t fd, int events)
{
    int running = 0;

    (void)curl_multi_socket_action(client->multi, fd, events, &running);
    finish_ended(client);
}

static void on_timer(struct tb_timer *timer)
{
    run(timer->owner, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    const struct socket *socket = watch->owner;
    int what = 0;

    if (events & (EPOLLIN | EPOLLHUP))
        what |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        what |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        what |= CURL_CSELECT_ERR;
    run(socket->client, socket->fd, what);
}

static void drop_socket(struct socket *socket)
{
    if (socket->previous)
        socket->previous->next = socket->next;
    else
        socket->client->sockets = socket->next;
    if (socket->next)
        socket->next->previous = socket->previous;
    tb_loop_remove(socket->client->loop, &socket->watch);
    free(socket);
}

static struct socket *add_socket(struct tb_hook_client *client, curl_socket_t fd, uint32_t events)
{
    struct socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return NULL;
    socket->client = client;
    socket->fd = fd;
    socket->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = socket};
    if (tb_loop_add_foreign(client->loop, &socket->watch, fd, events) != 0) {
        free(socket);
        return NULL;
    }
    socket->next = client->sockets;
    if (socket->next)
        socket->next->previous = socket;
    client->sockets = socket;
    curl_multi_assign(client->multi, fd, socket);
    return socket;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *assigned)
{
    struct socket *socket = assigned;
    struct tb_hook_client *client = owner;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            drop_socket(socket);
        curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (socket)
        tb_loop_change(client->loop, &socket->watch, events);
    else if (!add_socket(client, fd, events))
        return -1;
    return 0;
}

static int on_wanted_time(CURLM *multi, long ms, void *owner)
{
    struct tb_hook_client *client = owner;

    (void)multi;
    if (ms < 0)
        tb_loop_disarm(client->loop, &client->timer);
    else
        tb_loop_arm(client->loop, &client->timer, (int64_t)ms * TB_US_PER_MS);
    return 0;
}

/* ---- a call's own callbacks ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *owner)
{
    struct tb_hook_call *call = owner;

    tb_buf_push(&call->answer, bytes, size * count);
    return call->answer.failed ? 0 : size * count;
}

static curl_socket_t on_open(void *owner, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct tb_hook_call *call = owner;
    bool (*may_connect)(const struct sockaddr *) = call->client->may_connect;

    (void)purpose;
    if (may_connect && !may_connect(&address->addr)) {
        call->was_forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- starting ---- */

static bool has_line_break(const char *text)
{
    return strpbrk(text, "\r\n") != NULL;
}

static int add_line(struct tb_hook_call *call, const char *line)
{
    struct curl_slist *list = curl_slist_append(call->header_list, line);

    if (!list)
        return -ENOMEM;
    call->header_list = list;
    return 0;
}

/* "Name: value", or "Name;" for an empty value, which libcurl would take for "leave this header out". */
static int add_header(struct tb_hook_call *call, const struct tb_hook_header *header)
{
    char *line = NULL;

    if (!header->name[0] || has_line_break(header->name) || has_line_break(header->value))
        return -EINVAL;
    int len = header->value[0] ? asprintf(&line, "%s: %s", header->name, header->value)
                               : asprintf(&line, "%s;", header->name);
    if (len < 0)
        return -ENOMEM;
    int failed = add_line(call, line);
    free(line);
    return failed;
}

static int add_headers(struct tb_hook_call *call)
{
    int failed = 0;

    for (size_t i = 0; !failed && i < call->header_count; i++)
        failed = add_header(call, &call->headers[i]);
    /* libcurl asks a server to agree before it sends a longer body, and would wait a second for the answer.
     */
    if (!failed && !tb_str_is_null(call->body))
        failed = add_line(call, "Expect:");
    return failed;
}

static CURLcode set_body(const struct tb_hook_call *call, CURL *easy)
{
    CURLcode code = CURLE_OK;

    if (!tb_str_is_null(call->body)) {
        code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.ptr);
    }
    if (call->method && strcmp(call->method, "HEAD") == 0)
        code |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (call->method && strcmp(call->method, "GET") != 0)
        code |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    return code;
}

static CURLcode set_options(const struct tb_hook_client *client, struct tb_hook_call *call, CURL *easy)
{
    CURLcode code = CURLE_OK;

    code |= curl_easy_setopt(easy, CURLOPT_URL, call->url);
    code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, call->redirects_max > 0 ? 1L : 0L);
    code |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)call->redirects_max);
    code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(call->timeout_us / TB_US_PER_MS));
    code |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->body_max_bytes);
    code |= curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent);
    if (client->ca_file)
        code |= curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    code |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->header_list);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error_text);
    code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    return code | set_body(call, easy);
}

static int prepare(const struct tb_hook_client *client, struct tb_hook_call *call)
{
    call->header_list = NULL;
    call->was_forbidden = false;
    tb_buf_init(&call->answer, call->body_max_bytes);
    call->error_text = calloc(1, CURL_ERROR_SIZE);
    call->easy = curl_easy_init();
    if (!call->error_text || !call->easy)
        return -ENOMEM;
    int failed = add_headers(call);
    if (failed)
        return failed;
    return set_options(client, call, call->easy) == CURLE_OK ? 0 : -ENOMEM;
}

int tb_hook_start(struct tb_hook_client *client, struct tb_hook_call *call)
{
    assert(!call->client && call->timeout_us > 0 && call->on_done);
    if (client->count >= client->max_calls)
        return -EAGAIN;
    int failed = prepare(client, call);
    call->client = client;
    call->previous = NULL;
    call->next = client->calls;
    if (call->next)
        call->next->previous = call;
    client->calls = call;
    client->count++;
    if (!failed && curl_multi_add_handle(client->multi, call->easy) != CURLM_OK)
        failed = -ENOMEM;
    if (failed)
        forget(call);
    return failed;
}

void tb_hook_cancel(struct tb_hook_call *call)
{
    if (call->client)
        forget(call);
}

bool tb_hook_is_under_way(const struct tb_hook_call *call)
{
    return call->client != NULL;
}

struct tb_str tb_hook_answer_header(const struct tb_hook_answer *answer, const char *name)
{
    struct curl_header *header = NULL;

    if (curl_easy_header(answer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return TB_STR_NULL;
    return tb_str_of(header->value);
}

/* ---- the client ---- */

static int set_multi_options(struct tb_hook_client *client, size_t max_connections)
{
    CURLMcode code = CURLM_OK;

    code |= curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    code |= curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    code |= curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_wanted_time);
    code |= curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
#if LIBCURL_VERSION_NUM >= 0x081400
    /* From 8.20 on the threads are the multi handle's, and so is the word for them. */
    code |= curl_multi_setopt(client->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
    code |= curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    code |= curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    return code == CURLM_OK ? 0 : -ENOMEM;
}

static int keep_texts(struct tb_hook_client *client, const struct tb_hook_options *options)
{
    client->user_agent = strdup(options->user_agent);
    if (options->ca_file && options->ca_file[0])
        client->ca_file = strdup(options->ca_file);
    return client->user_agent && (client->ca_file || !options->ca_file || !options->ca_file[0]) ? 0 : -ENOMEM;
}

int tb_hook_client_new(const struct tb_hook_options *options, struct tb_hook_client **ret_client,
                       struct tb_error *err)
{
    struct tb_hook_client *client = NULL;

    if (options->ca_file && options->ca_file[0] && access(options->ca_file, R_OK) != 0)
        return tb_error_set_errno(err, -EINVAL, "%s cannot be read", options->ca_file);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tb_error_set(err, -ENOMEM, "libcurl does not start");
    /* A look-up that blocks the loop would break every promise made about it. */
    assert(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS);
    client = calloc(1, sizeof(*client));
    if (!client)
        return tb_error_set(err, -ENOMEM, "out of memory");
    client->loop = options->loop;
    client->max_calls = options->max_calls;
    client->may_connect = options->may_connect;
    client->timer = (struct tb_timer){.on_expire = on_timer, .owner = client};
    client->multi = curl_multi_init();
    int failed = client->multi ? keep_texts(client, options) : -ENOMEM;
    if (!failed)
        failed = set_multi_options(client, options->max_connections);
    if (failed) {
        tb_hook_client_free(client);
        return tb_error_set_errno(err, failed, "starting the HTTP client");
    }
    *ret_client = client;
    return 0;
}

void tb_hook_client_free(struct tb_hook_client *client)
{
    if (!client)
        return;
    while (client->calls)
        forget(client->calls);
    if (client->multi)
        curl_multi_cleanup(client->multi);
    for (struct socket *socket = client->sockets, *next = NULL; socket; socket = next) {
        next = socket->next;
        drop_socket(socket);
    }
    tb_loop_disarm(client->loop, &client->timer);
    free(client->user_agent);
    free(client->ca_file);
    free(client);
}
