/* The effective configuration as YAML; secrets are hidden here and nowhere else. */
#include "config_print.h"

#include <string.h>

#include "config_options.h"
#include "config_private.h"

#define HIDDEN "***"

/* The password ends at the last '@': one with an '@' or '/' in it is hidden whole too. */
void config_add_url(struct strbuf *out, const char *url)
{
	const char *host = strstr(url, "://");
	const char *at = strrchr(url, '@');
	const char *colon = host ? strchr(host + 3, ':') : NULL;

	if (!colon || !at || at < colon) {
		strbuf_add_text(out, url);
		return;
	}
	strbuf_add(out, url, (size_t)(colon + 1 - url));
	strbuf_add_text(out, HIDDEN);
	strbuf_add_text(out, at);
}

static bool is_url(const struct option *option)
{
	return option->name && strcmp(option->name, "url") == 0;
}

/* Text that YAML reads as itself without quotes, also inside [ ] and before a comment. */
static bool is_plain(const char *text)
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_./@+-";

	return *text && *text != '-' && *text != '@' && strspn(text, inside) == strlen(text) &&
	       strcasecmp(text, "null") != 0;
}

void config_add_yaml_name(struct strbuf *out, const char *name)
{
	struct strbuf visible = {0};

	terminal_add_visible(&visible, span_of(name));
	if (is_plain(name)) {
		strbuf_add_text(out, name);
	} else if (!span_equal(strbuf_span(&visible), span_of(name))) {
		terminal_add_quoted(out, span_of(name));
	} else {
		strbuf_add_char(out, '\'');
		for (; *name; name++)
			strbuf_add(out, *name == '\'' ? "''" : name, *name == '\'' ? 2 : 1);
		strbuf_add_char(out, '\'');
	}
	strbuf_clear(&visible);
}

void config_add_yaml(struct strbuf *out, const char *text)
{
	struct strbuf escaped = {0};
	const char *next;

	for (; (next = strstr(text, "${")); text = next + 2) {
		strbuf_add(&escaped, text, (size_t)(next - text));
		strbuf_add_text(&escaped, "$${");
	}
	strbuf_add_text(&escaped, text);
	config_add_yaml_name(out, escaped.data);
	strbuf_clear(&escaped);
}

/* --- one option --- */

static void end_line(struct strbuf *out, const struct config_origin *origin)
{
	if (origin->where) {
		strbuf_add_text(out, "  # ");
		terminal_add_visible(out, span_of(origin->where));
	}
	strbuf_add_char(out, '\n');
}

static void add_size(struct strbuf *out, size_t bytes)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB"};
	size_t unit = 0;

	for (; unit < 3 && bytes && bytes % 1024 == 0; unit++)
		bytes /= 1024;
	strbuf_add_int(out, (int64_t)bytes);
	strbuf_add_text(out, units[unit]);
}

static void add_choice(struct strbuf *out, const char *choices, unsigned index)
{
	for (; index; index--)
		choices += strcspn(choices, " ") + 1;
	strbuf_add(out, choices, strcspn(choices, " "));
}

static void add_text(struct strbuf *out, const struct option *option, const char *text, bool hide)
{
	struct strbuf url = {0};

	if (hide && *text) {
		config_add_yaml(out, HIDDEN);
		return;
	}
	if (is_url(option))
		config_add_url(&url, text);
	config_add_yaml(out, url.data ? url.data : text);
	strbuf_clear(&url);
}

static void add_list(struct strbuf *out, const struct text_list *list, bool hide)
{
	size_t i;

	strbuf_add_char(out, '[');
	for (i = 0; i < list->count; i++) {
		strbuf_add_text(out, i ? ", " : "");
		config_add_yaml(out, hide ? HIDDEN : list->items[i]);
	}
	strbuf_add_char(out, ']');
}

static void add_value(struct strbuf *out, const struct config *config, const struct option *option)
{
	const void *field = (const char *)config + option->offset;
	bool hide = option->secret || config->private->options[option - config_options].from_file;

	switch (option->type) {
	case OPTION_TEXT:
		add_text(out, option, *(const char *const *)field, hide);
		break;
	case OPTION_NUMBER:
		strbuf_add_int(out, *(const int *)field);
		break;
	case OPTION_SIZE:
		add_size(out, *(const size_t *)field);
		break;
	case OPTION_CHOICE:
		add_choice(out, option->choices, *(const unsigned *)field);
		break;
	default:
		add_list(out, field, hide);
	}
}

/* Of a map each entry has an origin only where entries are set one by one. */
static void add_map(struct strbuf *out, const struct config *config, const struct option *option)
{
	const struct text_map *map =
		(const struct text_map *)((const char *)config + option->offset);
	const struct config_origin *whole = &config->private->options[option - config_options];
	const struct config_origin *origins = config->private->properties[option - config_options];
	bool single = option->type == OPTION_PROPERTIES;
	size_t i;

	strbuf_add_text(out, option->section);
	strbuf_add_text(out, map->count ? ":" : ": {}");
	end_line(out, single ? &(struct config_origin){NULL, false} : whole);
	for (i = 0; i < map->count; i++) {
		const struct config_origin *origin = single ? &origins[i] : whole;
		bool hide =
			origin->from_file || (single && config_property_is_secret(map->names[i]));

		strbuf_add_text(out, "  ");
		config_add_yaml_name(out, map->names[i]);
		strbuf_add_text(out, ": ");
		add_text(out, option, map->values[i], hide);
		if (single)
			end_line(out, origin);
		else
			strbuf_add_char(out, '\n');
	}
}

void config_print(const struct config *config, FILE *out)
{
	struct strbuf text = {0};
	const char *section = "";
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];

		if (!option->name) {
			add_map(&text, config, option);
			continue;
		}
		if (strcmp(section, option->section) != 0)
			strbuf_printf(&text, "%s:\n", option->section);
		section = option->section;
		strbuf_printf(&text, "  %s: ", option->name);
		add_value(&text, config, option);
		end_line(&text, &config->private->options[i]);
	}
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
}
