/* The configuration for people to read: as it is, and as it could be. */
#ifndef ROWSTREAM_CONFIG_PRINT_H
#define ROWSTREAM_CONFIG_PRINT_H

#include <stdio.h>

#include "config.h"

/* All options as YAML that reads back, secrets as ***, and where each came from that is not at its
 * default. */
void config_print(const struct config *config, FILE *out);

/* Every option with default, what is allowed and meaning: as a file to start from, or as the
 * generated part of docs/configuration.md and rowstream.yaml(5). */
void config_print_template(FILE *out);
void config_print_markdown(FILE *out);
void config_print_man(FILE *out);

/* text as a value in the file, added to out: quoted where it must be, and ${ so that it is none. */
void config_add_yaml(struct strbuf *out, const char *text);
/* name in a map of the file, where ${ stands for itself. */
void config_add_yaml_name(struct strbuf *out, const char *name);
/* A URL with its password hidden, added to out. */
void config_add_url(struct strbuf *out, const char *url);

#endif
