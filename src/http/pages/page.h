/* The onboarding page. */
#ifndef TASKBRIDGE_HTTP_PAGE_H
#define TASKBRIDGE_HTTP_PAGE_H

#include "exchange.h"

struct tb_page {
    struct tb_str body; /* borrowed from the program */
    char policy[512];   /* its Content-Security-Policy */
    char tag[80];       /* its ETag, quotes included */
};

/* Once, at start. */
void tb_page_init(struct tb_page *page);
/* Content-Security-Policy of a page: scripts and styles that stand in it, and no others. */
void tb_page_set_policy(struct tb_page *page);

void tb_page_get_onboarding(struct tb_exchange *exchange);

#endif
