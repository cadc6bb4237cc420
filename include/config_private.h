/* Between the configuration's own files: the work of loading, and where each value came from. */
#ifndef ROWSTREAM_CONFIG_PRIVATE_H
#define ROWSTREAM_CONFIG_PRIVATE_H

#include "arena.h"
#include "config.h"
#include "config_yaml.h"

struct option;

struct config_origin {
	const char *where; /* "rowstream.yaml:12", "ROWSTREAM_LOG_LEVEL", "--log-level"; NULL: the
			      default */
	bool from_file;	   /* holds a ${file:…}: taken for a secret whatever it is called */
};

struct config_private {
	struct arena arena;		   /* every text of the configuration */
	struct config_origin *options;	   /* one for each row of config_options */
	struct config_origin **properties; /* of each row, one for each property, or NULL */
};

/* One of the four sources, while it is read. */
struct config_loader {
	struct config *config;
	const char *source; /* a path, a variable or a flag; NULL: the defaults */
	bool is_file;	    /* places have a meaning */
	struct error *error;
};

/* Sets error (ERROR_INPUT) to "<source>:<line>:<column>: …", of what is no file without the
 * numbers. Returns false. */
bool config_fail(struct config_loader *loader, struct config_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts a value in, over what stood there; a secret's value is in no error. */
bool config_set(
	struct config_loader *loader, const struct option *option, const struct config_node *node);
/* Gives a list's or map's memory back. */
void config_clear_option(struct config *config, const struct option *option);

#endif
