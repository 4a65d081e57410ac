/* Listening on one address.
 *
 * A name may stand for several addresses: the first that can be listened on is taken. The port of a process
 * that has just ended is free for the next at once; that of one that still listens is not. "[::]" takes IPv4
 * too. */
#include "listener.h"

#include "taskbridge/base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

/* The configuration has been checked: there is a colon, and brackets come in pairs. */
static bool split(const char *address, char host[TB_LISTENER_TEXT_BYTES], const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    const char *start = address[0] == '[' ? address + 1 : address;
    size_t len = (size_t)(colon - start) - (address[0] == '[' ? 1 : 0);

    if (len >= TB_LISTENER_TEXT_BYTES)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return true;
}

static int listen_on(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, off = 0;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int failed = -errno;
        close(fd);
        return failed;
    }
    return fd;
}

static void name(int fd, char ret_text[TB_LISTENER_TEXT_BYTES])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char host[TB_LISTENER_TEXT_BYTES - 16] = "?", port[8] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(ret_text, TB_LISTENER_TEXT_BYTES, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

int tb_listener_open(const char *address, int *ret_fd, char ret_text[TB_LISTENER_TEXT_BYTES],
                     struct tb_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char host[TB_LISTENER_TEXT_BYTES];
    struct addrinfo *infos = NULL;
    const char *port = NULL;
    int fd = -ENXIO;

    if (!split(address, host, &port))
        return tb_error_set(err, -EINVAL, "http.listen: the address %s is too long", address);
    int failed = getaddrinfo(host, port, &hints, &infos);
    if (failed)
        return tb_error_set(err, -ENXIO, "http.listen: %s is no address: %s", address, gai_strerror(failed));
    for (const struct addrinfo *info = infos; info && fd < 0; info = info->ai_next)
        fd = listen_on(info);
    freeaddrinfo(infos);
    if (fd < 0)
        return tb_error_set_errno(err, fd, "http.listen: listening on %s", address);
    name(fd, ret_text);
    *ret_fd = fd;
    return 0;
}
