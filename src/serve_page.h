/* Files that are built into the program: the page of serve, and what it says of its interface. */
#ifndef ROWSTREAM_SERVE_PAGE_H
#define ROWSTREAM_SERVE_PAGE_H

#include <stddef.h>

extern const unsigned char serve_page[], serve_openapi[];
extern const size_t serve_page_len, serve_openapi_len;

#endif
