/* YAML as the configuration sees it: texts, lists and maps with their places; libyaml is hidden. */
#ifndef ROWSTREAM_CONFIG_YAML_H
#define ROWSTREAM_CONFIG_YAML_H

#include "arena.h"
#include "error.h"
#include "util.h"

enum config_kind { CONFIG_TEXT, CONFIG_LIST, CONFIG_MAP };

/* A place in a file, from 1; line 0: it came from no file. */
struct config_place {
	int line, column;
};

struct config_node {
	enum config_kind kind;
	struct config_place place;
	const char *text; /* CONFIG_TEXT: as written, no type guessed */
	bool absent;	  /* CONFIG_TEXT: nothing, ~ or null without quotes */
	/* CONFIG_LIST and CONFIG_MAP: what is in it; of a map's members name and its place are
	 * set, and no name stands twice. */
	struct config_node *items;
	size_t count;
	const char *name;
	struct config_place name_place;
};

/* Reads one document; everything it returns lives in arena. NULL and error (ERROR_INPUT) with
 * "<source>:<line>:<column>: " in front. An empty document is an absent text. */
struct config_node *config_yaml_read(
	struct arena *arena, struct span text, const char *source, struct error *error);

/* "libyaml 0.2.5" */
const char *config_yaml_library_version(void);

#endif
