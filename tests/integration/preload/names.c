/* A DNS of the test's own, preloaded into a program: names that have the addresses, and take the time, that
 * the environment says. TB_NAMES="several=127.0.0.9,127.0.0.1 slow=10s late=4s,127.0.0.1" gives the first two
 * addresses, holds the second for ten seconds, after which it has none, and the third for four. Every other
 * name is the system's. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* In one block, as the system's own are, whose freeaddrinfo frees them. */
static struct addrinfo *new_info(const char *address)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));
    struct sockaddr_in *place = (struct sockaddr_in *)(info + 1);

    place->sin_family = AF_INET;
    inet_pton(AF_INET, address, &place->sin_addr);
    info->ai_family = AF_INET;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)place;
    info->ai_addrlen = sizeof(*place);
    return info;
}

static int answer(char *value, struct addrinfo **ret_list)
{
    struct addrinfo **at = ret_list;

    *at = NULL;
    for (char *item; (item = strsep(&value, ","));) {
        size_t len = strlen(item);
        if (len && item[len - 1] == 's') {
            sleep((unsigned)strtoul(item, NULL, 10));
            continue;
        }
        *at = new_info(item);
        at = &(*at)->ai_next;
    }
    return *ret_list ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
    const char *names = getenv("TB_NAMES");
    char *copy = strdup(names ? names : ""), *rest = copy;
    int r = -1;

    for (char *pair; node && r == -1 && (pair = strsep(&rest, " "));) {
        char *name = strsep(&pair, "=");
        if (pair && strcmp(name, node) == 0)
            r = answer(pair, res);
    }
    free(copy);
    if (r != -1)
        return r;
    look_up *systems = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    return systems(node, service, hints, res);
}
