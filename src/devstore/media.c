/* The server's own matching: names of bodies in exact case, of Accept in any. */
#include "media.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct media_info {
	const char *name, *content_type;
	const char *etag_number; /* in the server a hash that is new at every start */
};

static const struct media_info infos[MEDIA_NONE] = {
	[MEDIA_DESCRIPTION] = {"application/vnd.eventstore.streamdesc+json",
		"application/vnd.eventstore.streamdesc+json; charset=utf-8", "1060381347"},
	[MEDIA_ATOM_XML] = {"application/atom+xml", "application/atom+xml; charset=utf-8",
		"-2143087363"},
	[MEDIA_ATOM_JSON] = {"application/vnd.eventstore.atom+json",
		"application/vnd.eventstore.atom+json; charset=utf-8", "-1625630651"},
	[MEDIA_KURRENT_ATOM_JSON] = {"application/vnd.kurrent.atom+json",
		"application/vnd.kurrent.atom+json; charset=utf-8", "-1625630652"},
	[MEDIA_TEXT_XML] = {"text/xml", "text/xml; charset=utf-8", "1316428391"},
	[MEDIA_APP_XML] = {"application/xml", "application/xml; charset=utf-8", "1704915238"},
	[MEDIA_JSON] = {"application/json", "application/json; charset=utf-8", "-924069875"},
	[MEDIA_EVENT_XML] = {"application/vnd.eventstore.event+xml",
		"application/vnd.eventstore.event+xml; charset=utf-8", "-1893441532"},
	[MEDIA_EVENT_JSON] = {"application/vnd.eventstore.event+json",
		"application/vnd.eventstore.event+json; charset=utf-8", "518827761"},
	[MEDIA_KURRENT_EVENT_JSON] = {"application/vnd.kurrent.event+json",
		"application/vnd.kurrent.event+json; charset=utf-8", "518827762"},
	[MEDIA_EVENTS_XML] = {"application/vnd.eventstore.events+xml",
		"application/vnd.eventstore.events+xml; charset=utf-8", "-1450294718"},
	[MEDIA_EVENTS_JSON] = {"application/vnd.eventstore.events+json",
		"application/vnd.eventstore.events+json; charset=utf-8", "974100452"},
	[MEDIA_KURRENT_EVENTS_JSON] = {"application/vnd.kurrent.events+json",
		"application/vnd.kurrent.events+json; charset=utf-8", "974100453"},
	[MEDIA_RAW] = {"application/octet-stream", "application/octet-stream", "-1009137452"},
	[MEDIA_HTML] = {"text/html", "text/html; charset=utf-8", "-644432271"},
	[MEDIA_TEXT] = {"text/plain", "text/plain; charset=utf-8", "2021435672"},
};

const char *media_content_type(enum media media)
{
	return infos[media].content_type;
}

const char *media_etag_number(enum media media)
{
	return infos[media].etag_number;
}

bool media_is_json(enum media media)
{
	return media == MEDIA_JSON || (MEDIA_BIT(media) & MEDIA_ANY_EVENTS_JSON) ||
	       media == MEDIA_ATOM_JSON || media == MEDIA_KURRENT_ATOM_JSON;
}

bool media_is_xml(enum media media)
{
	return media == MEDIA_ATOM_XML || media == MEDIA_TEXT_XML || media == MEDIA_APP_XML ||
	       (MEDIA_BIT(media) & MEDIA_ANY_XML_EVENTS);
}

static struct span trim(struct span text)
{
	while (text.len && *text.ptr == ' ')
		text.ptr++, text.len--;
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* Takes the part of *rest up to the separator; false at the end. */
static bool next_part(struct span *rest, char separator, struct span *part)
{
	const char *stop;

	if (!rest->ptr)
		return false;
	stop = memchr(rest->ptr, separator, rest->len);
	if (!stop) {
		*part = trim(*rest);
		*rest = SPAN_NULL;
		return true;
	}
	*part = trim((struct span){rest->ptr, (size_t)(stop - rest->ptr)});
	rest->len -= (size_t)(stop + 1 - rest->ptr);
	rest->ptr = stop + 1;
	return true;
}

static bool starts_with(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && !strncasecmp(text.ptr, prefix, len);
}

enum media media_of_body(struct span content_type, unsigned allowed)
{
	struct span rest = content_type, name, part;
	enum media media;

	if (!next_part(&rest, ';', &name))
		return MEDIA_NONE;
	while (next_part(&rest, ';', &part))
		if (starts_with(part, "charset=") &&
			!(part.len == 13 && starts_with(part, "charset=utf-8")))
			return MEDIA_NONE;
	for (media = 0; media < MEDIA_NONE; media++)
		if ((allowed & MEDIA_BIT(media)) && span_is(name, infos[media].name))
			return media;
	return MEDIA_NONE;
}

/* Does "application/json", "text/" followed by '*' or "*" followed by anything name this type? */
static bool fits(struct span range, enum media media)
{
	const char *slash = memchr(range.ptr, '/', range.len);
	size_t type_len;

	if (!slash)
		return false;
	type_len = (size_t)(slash - range.ptr);
	if (type_len == 1 && *range.ptr == '*')
		return true;
	if (range.len == type_len + 2 && slash[1] == '*')
		return !strncasecmp(range.ptr, infos[media].name, type_len + 1);
	return range.len == strlen(infos[media].name) &&
	       !strncasecmp(range.ptr, infos[media].name, range.len);
}

static enum media first_fitting(struct span range, unsigned allowed)
{
	enum media media;

	for (media = 0; media < MEDIA_NONE; media++)
		if ((allowed & MEDIA_BIT(media)) && fits(range, media))
			return media;
	return MEDIA_NONE;
}

static double quality_of(struct span rest)
{
	struct span part;
	char digits[16];

	while (next_part(&rest, ';', &part)) {
		if (!starts_with(part, "q=") || part.len - 2 >= sizeof(digits))
			continue;
		memcpy(digits, part.ptr + 2, part.len - 2);
		digits[part.len - 2] = '\0';
		return strtod(digits, NULL);
	}
	return 1;
}

/* The best of the list by quality that fits anything; among equals the first. */
static enum media choose(struct span accept, unsigned allowed)
{
	enum media best = MEDIA_NONE;
	double best_quality = -1;
	struct span item, range;

	while (next_part(&accept, ',', &item)) {
		struct span rest = item;
		enum media media;
		double quality;

		if (!next_part(&rest, ';', &range) || !range.len)
			continue;
		media = first_fitting(range, allowed);
		quality = quality_of(rest);
		if (media == MEDIA_NONE || quality <= best_quality)
			continue;
		best = media;
		best_quality = quality;
	}
	return best;
}

static enum media media_of_format(struct span format)
{
	static const struct {
		const char *word;
		enum media media;
	} formats[] = {
		{"json", MEDIA_JSON},
		{"text", MEDIA_TEXT},
		{"xml", MEDIA_TEXT_XML},
		{"atom", MEDIA_ATOM_XML},
		{"atomxj", MEDIA_ATOM_JSON},
	};
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (format.len == strlen(formats[i].word) &&
			!strncasecmp(format.ptr, formats[i].word, format.len))
			return formats[i].media;
	return MEDIA_NONE;
}

enum media media_of_answer(struct span accept, struct span format, unsigned allowed)
{
	if (format.len) {
		enum media media = media_of_format(format);

		return media != MEDIA_NONE && (allowed & MEDIA_BIT(media)) ? media : MEDIA_NONE;
	}
	if (!accept.len)
		return first_fitting(span_of("*/*"), allowed);
	return choose(accept, allowed);
}

bool media_accepts_anything(struct span accept)
{
	struct span item, range;

	if (!accept.len)
		return true;
	while (next_part(&accept, ',', &item))
		if (next_part(&item, ';', &range) && span_is(range, "*/*"))
			return true;
	return false;
}
