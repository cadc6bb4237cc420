/* The page at /web: web.html, turned into an array by the build. */
#ifndef DEVSTORE_WEB_PAGE_H
#define DEVSTORE_WEB_PAGE_H

#include <stddef.h>

extern const unsigned char web_page[];
extern const size_t web_page_len;

#endif
