/* Whose address a request came from, when proxies stand between. Pure. */
#ifndef TASKBRIDGE_HTTP_PROXIES_H
#define TASKBRIDGE_HTTP_PROXIES_H

#include "taskbridge/config/config.h"

/* Whether the address is this machine's own or one of the list's, each an address or a network
 * ("10.0.0.0/8"). */
bool tb_proxies_has(const struct tb_config_list *proxies, struct tb_str address);

/* The last hop that is no trusted proxy: peer, or, behind trusted ones, one that X-Forwarded-For (null: none)
 * names. */
void tb_proxies_find_client(const struct tb_config_list *proxies, const char *peer,
                            struct tb_str forwarded_for, char ret_address[64]);

#endif
