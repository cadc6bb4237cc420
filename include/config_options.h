/* The one table of options, from which the file's reader, environment, flags, help, manual pages
 * and printing derive. */
#ifndef ROWSTREAM_CONFIG_OPTIONS_H
#define ROWSTREAM_CONFIG_OPTIONS_H

#include "config.h"
#include "strbuf.h"

enum option_type {
	OPTION_TEXT,	   /* const char * */
	OPTION_NUMBER,	   /* int */
	OPTION_SIZE,	   /* size_t */
	OPTION_CHOICE,	   /* an enum whose values are the places in choices */
	OPTION_LIST,	   /* struct text_list */
	OPTION_MAP,	   /* struct text_map: a section that is one map, replaced as a whole */
	OPTION_PROPERTIES, /* struct text_map: names that somebody else knows, set one by one */
};

struct option {
	const char *section;
	const char *name; /* NULL: the section itself */
	enum option_type type;
	size_t offset;	      /* in struct config */
	const char *standard; /* its default, as it would stand in an environment variable */
	const char *choices;  /* "skip append" */
	int64_t min, max;     /* numbers and sizes */
	bool secret;	      /* never printed */
	const char *meaning;
};

extern const struct option config_options[];
extern const size_t config_option_count;

struct config_section {
	const char *name, *meaning;
};

extern const struct config_section config_sections[]; /* in the options' order */
extern const size_t config_section_count;

/* "eventstore.url" or "generation", "eventstore-url", "ROWSTREAM_EVENTSTORE_URL"; added to out. */
void option_path(const struct option *option, struct strbuf *out);
void option_flag(const struct option *option, struct strbuf *out);
void option_variable(const struct option *option, struct strbuf *out);
/* What its value may be, for a person: "a number from 1 to 1024". */
void option_allowed(const struct option *option, struct strbuf *out);
/* By its name, librdkafka's property is a secret. */
bool config_property_is_secret(const char *name);

#endif
