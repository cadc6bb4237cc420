/* Media types: what a body is, what an answer shall be. Pure. */
#ifndef DEVSTORE_MEDIA_H
#define DEVSTORE_MEDIA_H

#include "util.h"

/* In the server's order: of several that an Accept allows, the first is chosen. */
enum media {
	MEDIA_DESCRIPTION,
	MEDIA_ATOM_XML,
	MEDIA_ATOM_JSON,
	MEDIA_KURRENT_ATOM_JSON,
	MEDIA_TEXT_XML,
	MEDIA_APP_XML,
	MEDIA_JSON,
	MEDIA_EVENT_XML,
	MEDIA_EVENT_JSON,
	MEDIA_KURRENT_EVENT_JSON,
	MEDIA_EVENTS_XML,
	MEDIA_EVENTS_JSON,
	MEDIA_KURRENT_EVENTS_JSON,
	MEDIA_RAW,
	MEDIA_HTML,
	MEDIA_TEXT,
	MEDIA_NONE, /* nothing that is known, or nothing that fits */
};

/* Sets of media types, as bits. */
#define MEDIA_BIT(media) (1u << (media))
#define MEDIA_ANY_EVENTS_JSON \
	(MEDIA_BIT(MEDIA_EVENT_JSON) | MEDIA_BIT(MEDIA_KURRENT_EVENT_JSON) | \
		MEDIA_BIT(MEDIA_EVENTS_JSON) | MEDIA_BIT(MEDIA_KURRENT_EVENTS_JSON))
#define MEDIA_ANY_XML_EVENTS (MEDIA_BIT(MEDIA_EVENT_XML) | MEDIA_BIT(MEDIA_EVENTS_XML))
#define MEDIA_FEEDS \
	(MEDIA_BIT(MEDIA_ATOM_XML) | MEDIA_BIT(MEDIA_ATOM_JSON) | \
		MEDIA_BIT(MEDIA_KURRENT_ATOM_JSON) | MEDIA_BIT(MEDIA_TEXT_XML) | \
		MEDIA_BIT(MEDIA_APP_XML) | MEDIA_BIT(MEDIA_JSON))

/* For a Content-Type header; adds the character set where there is one. */
const char *media_content_type(enum media media);
/* Its number in an ETag. */
const char *media_etag_number(enum media media);
/* A request's Content-Type among those allowed. */
enum media media_of_body(struct span content_type, unsigned allowed);
/* What an Accept header (null: none) and "?format=" (null: none) choose from those allowed. The
 * first one allowed if there is neither; MEDIA_NONE if nothing fits. */
enum media media_of_answer(struct span accept, struct span format, unsigned allowed);
bool media_accepts_anything(struct span accept);
bool media_is_json(enum media media);
bool media_is_xml(enum media media);

#endif
