/* Every option with its default and meaning: a file to start from, documentation, manual page. */
#include "config_print.h"

#include <string.h>

#include "config_options.h"
#include "man.h"

static bool begins_section(size_t index)
{
	return index == 0 ||
	       strcmp(config_options[index].section, config_options[index - 1].section) != 0;
}

static const char *section_meaning(const char *name)
{
	size_t i;

	for (i = 0; strcmp(config_sections[i].name, name) != 0; i++)
		;
	return config_sections[i].meaning;
}

static void add_standard(struct strbuf *out, const struct option *option)
{
	if (option->type == OPTION_TEXT)
		config_add_yaml(out, option->standard);
	else
		strbuf_add_text(out, option->standard);
}

/* --- a file --- */

#define COMMENT_COLUMNS 96

static void add_comment(struct strbuf *out, const char *indent, const char *text)
{
	while (strlen(text) > COMMENT_COLUMNS) {
		int cut = COMMENT_COLUMNS;

		while (text[cut] != ' ')
			cut--;
		strbuf_printf(out, "%s# %.*s\n", indent, cut, text);
		text += cut + 1;
	}
	strbuf_printf(out, "%s# %s\n", indent, text);
}

static void add_ways(struct strbuf *out, const char *indent, const struct option *option)
{
	strbuf_printf(out, "%s# ", indent);
	option_allowed(option, out);
	strbuf_add_text(out, "; --");
	option_flag(option, out);
	strbuf_add_text(out, ", ");
	option_variable(option, out);
	strbuf_add_char(out, '\n');
}

void config_print_template(FILE *out)
{
	struct strbuf text = {0};
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		const char *indent = option->name ? "  " : "";

		if (begins_section(i)) {
			strbuf_add_text(&text, i ? "\n" : "");
			add_comment(&text, "", section_meaning(option->section));
		}
		if (begins_section(i) && option->name)
			strbuf_printf(&text, "%s:\n", option->section);
		add_comment(&text, indent, option->meaning);
		add_ways(&text, indent, option);
		strbuf_printf(
			&text, "%s%s: ", indent, option->name ? option->name : option->section);
		add_standard(&text, option);
		strbuf_add_char(&text, '\n');
	}
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
}

/* --- Markdown --- */

/* Text in which <db>, *, _ and | stand for themselves. */
static void add_markdown(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>*_|", *text))
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, *text);
	}
}

static void add_markdown_row(struct strbuf *out, const struct option *option)
{
	struct strbuf allowed = {0};

	option_allowed(option, &allowed);
	strbuf_printf(out, "| `%s` | `", option->name ? option->name : option->section);
	add_standard(out, option);
	strbuf_add_text(out, "` | ");
	add_markdown(out, allowed.data);
	strbuf_add_text(out, " | ");
	add_markdown(out, option->meaning);
	strbuf_add_text(out, option->secret ? " Never printed. |\n" : " |\n");
	strbuf_clear(&allowed);
}

void config_print_markdown(FILE *out)
{
	struct strbuf text = {0};
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];

		if (begins_section(i)) {
			strbuf_printf(&text, "%s### %s\n\n", i ? "\n" : "", option->section);
			add_markdown(&text, section_meaning(option->section));
			strbuf_add_text(&text, "\n\n| option | default | allowed | meaning |\n"
					       "|---|---|---|---|\n");
		}
		add_markdown_row(&text, option);
	}
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
}

/* --- man(7) --- */

static void add_man_option(struct strbuf *out, const struct option *option)
{
	struct strbuf standard = {0}, allowed = {0};

	add_standard(&standard, option);
	option_allowed(option, &allowed);
	strbuf_add_text(out, ".TP\n.B ");
	man_add(out, option->name ? option->name : option->section);
	strbuf_add_char(out, '\n');
	man_add(out, option->meaning);
	strbuf_add_text(out, "\n.br\n");
	man_add(out, allowed.data);
	strbuf_add_text(out, "; default ");
	man_add(out, standard.data);
	strbuf_add_char(out, '\n');
	strbuf_clear(&standard);
	strbuf_clear(&allowed);
}

void config_print_man(FILE *out)
{
	struct strbuf text = {0};
	size_t i;

	for (i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];

		if (begins_section(i)) {
			strbuf_printf(&text, ".SS %s\n", option->section);
			man_add(&text, section_meaning(option->section));
			strbuf_add_char(&text, '\n');
		}
		add_man_option(&text, option);
	}
	fwrite(text.data, 1, text.len, out);
	strbuf_clear(&text);
}
