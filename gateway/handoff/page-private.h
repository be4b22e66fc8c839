/*
 * page-private: the card that the gateway's own pages are, for those that have a
 * file of their own.
 */
#ifndef HANDOFF_PAGE_PRIVATE_H
#define HANDOFF_PAGE_PRIVATE_H

#include "handoff/page.h"

/* page_begin() and page_end() with the card's style and frame; page->theme, if
 * it is set, comes before the tenant's own. */
bool page_open_card(struct page *page, const struct tenant *tenant,
		    const char *title);
bool page_close_card(struct page *page, int status);
/* `text` escaped, between two constants. */
void page_add(struct page *page, const char *before, struct str text,
	      const char *after);

#endif
