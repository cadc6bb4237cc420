/* The page of a running bridge, built into the program. */
#ifndef ROWSTREAM_STATUS_PAGE_H
#define ROWSTREAM_STATUS_PAGE_H

#include <stddef.h>

extern const unsigned char status_page[];
extern const size_t status_page_len;

#endif
