/* Configuration: every file of tests/vectors/config/, what its comments say it must come to.
 *
 *   #env NAME=VALUE    set in the environment
 *   #flag ARGUMENT     one more argument on the command line
 *   #print LINE        a line of `config print`, indentation left out; FILE is the file's path
 *   #absent TEXT       stands nowhere in `config print`
 *   #error TEXT        the whole error; without one, loading must succeed
 */
#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "config_print.h"
#include "strbuf.h"

#define MAX_ARGUMENTS 16

static glob_t vectors;

/* The lines of one kind, FILE replaced by path. */
static size_t lines_of(const char *path, const char *kind, char **lines)
{
	FILE *file = fopen(path, "r");
	size_t count = 0, size = 0;
	char *line = NULL;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &size, file) > 0) {
		struct strbuf text = {0};
		char *from = line + strlen(kind), *at;

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, kind, strlen(kind)) != 0)
			continue;
		for (; (at = strstr(from, "FILE")); from = at + 4) {
			strbuf_add(&text, from, (size_t)(at - from));
			strbuf_add_text(&text, path);
		}
		strbuf_add_text(&text, from);
		ck_assert_uint_lt(count, MAX_ARGUMENTS);
		lines[count++] = strbuf_steal(&text);
	}
	free(line);
	fclose(file);
	return count;
}

static void free_lines(char **lines, size_t count)
{
	while (count > 0)
		free(lines[--count]);
}

static void set_variables(const char *path, bool set)
{
	char *lines[MAX_ARGUMENTS];
	size_t count = lines_of(path, "#env ", lines), i;

	for (i = 0; i < count; i++) {
		char *equals = strchr(lines[i], '=');

		*equals = '\0';
		if (set)
			setenv(lines[i], equals + 1, 1);
		else
			unsetenv(lines[i]);
	}
	free_lines(lines, count);
}

/* Arguments must outlive the configuration's loading only. */
static struct config *load(const char *path, struct error *error)
{
	char *lines[MAX_ARGUMENTS];
	const char *argv[MAX_ARGUMENTS + 4] = {"config", "-c", path};
	size_t count = lines_of(path, "#flag ", lines);
	int argc = 3 + (int)count;
	struct config *config;

	memcpy(argv + 3, lines, count * sizeof(*lines));
	argv[argc] = NULL;
	config = config_load(&argc, (char **)argv, NULL, error);
	free_lines(lines, count);
	return config;
}

static char *printed(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_print(config, out);
	fclose(out);
	return text;
}

static bool has_line(const char *text, const char *wanted)
{
	size_t len = strlen(wanted);

	while (*text) {
		size_t end = strcspn(text, "\n"), indent = strspn(text, " ");

		if (end - indent == len && memcmp(text + indent, wanted, len) == 0)
			return true;
		text += end + (text[end] == '\n');
	}
	return false;
}

static void check_printed(const char *path, const struct config *config)
{
	char *lines[MAX_ARGUMENTS], *text = printed(config);
	size_t count = lines_of(path, "#print ", lines), i;

	ck_assert_msg(count > 0, "%s expects nothing", path);
	for (i = 0; i < count; i++)
		ck_assert_msg(
			has_line(text, lines[i]), "%s: no line '%s' in\n%s", path, lines[i], text);
	free_lines(lines, count);
	count = lines_of(path, "#absent ", lines);
	for (i = 0; i < count; i++)
		ck_assert_msg(!strstr(text, lines[i]), "%s: '%s' is in\n%s", path, lines[i], text);
	free_lines(lines, count);
	free(text);
}

START_TEST(a_file_comes_to_what_its_comments_say)
{
	const char *path = vectors.gl_pathv[_i];
	char *wanted[MAX_ARGUMENTS];
	size_t errors = lines_of(path, "#error ", wanted);
	struct error error = {0};
	struct config *config;

	set_variables(path, true);
	config = load(path, &error);
	set_variables(path, false);
	if (errors) {
		ck_assert_msg(!config, "%s was taken", path);
		ck_assert_int_eq(error.kind, ERROR_INPUT);
		ck_assert_str_eq(error.text, wanted[0]);
	} else {
		ck_assert_msg(config != NULL, "%s", error.text);
		check_printed(path, config);
	}
	free_lines(wanted, errors);
	config_free(config);
}
END_TEST

static struct config *load_flags(const char **argv, int *argc)
{
	struct error error = {0};
	struct config *config;

	for (*argc = 0; argv[*argc]; ++*argc)
		;
	config = config_load(argc, (char **)argv, NULL, &error);
	ck_assert_msg(config != NULL, "%s", error.text);
	return config;
}

/* The fields themselves; everything else here looks at them through `config print`. */
START_TEST(values_arrive_in_their_fields)
{
	const char *argv[] = {"run", "first", "--source-topics=[a, b]", "--types=x.*=date",
		"--types=y=decimal(2)", "--eventstore-connections=3", "--pipeline-max-batch-bytes",
		"2KiB", "--pipeline-on-deleted=refuse", "--mapping-values=canonical",
		"--log-format=json", "--mapping-keyless=refuse", "--kafka=a=b",
		"--filter-hash-salt=s", "--", "--last", NULL};
	struct mapping_options options;
	int argc;
	struct config *config = load_flags(argv, &argc);

	ck_assert_int_eq(argc, 3);
	ck_assert_str_eq(argv[1], "first");
	ck_assert_str_eq(argv[2], "--last");
	ck_assert_uint_eq(config->source.topics.count, 2);
	ck_assert_str_eq(config->source.topics.items[1], "b");
	ck_assert_int_eq(config->eventstore.connections, 3);
	ck_assert_uint_eq(config->pipeline.max_batch_bytes, 2048);
	ck_assert_uint_eq(config->pipeline.max_event_bytes, 4194304);
	ck_assert_int_eq(config->pipeline.on_deleted, ON_DELETED_REFUSE);
	ck_assert_int_eq(config->log.level, LOG_INFO);
	ck_assert_int_eq(config->log.format, LOG_JSON);
	ck_assert_uint_eq(config->kafka.count, 3);
	ck_assert_str_eq(config->kafka.names[2], "a");
	ck_assert_str_eq(config->kafka.values[2], "b");
	config_mapping_options(config, &options);
	ck_assert_str_eq(options.stream, "{table}-{key}");
	ck_assert(options.keyless_refuse && options.columns.canonical);
	ck_assert(!options.append_transactions && !options.append_schema_changes);
	ck_assert_str_eq(options.columns.hash_salt, "s");
	ck_assert_uint_eq(options.columns.type_count, 2);
	ck_assert_str_eq(options.columns.types[1].pattern, "y");
	ck_assert_str_eq(options.columns.types[1].type, "decimal(2)");
	ck_assert_uint_eq(options.table_count, 1);
	ck_assert_str_eq(options.tables[0], "*");
	config_free(config);
}
END_TEST

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	fclose(file);
}

START_TEST(a_secret_file_gives_its_text_without_the_line_end)
{
	static const struct {
		const char *content, *value;
	} cases[] = {{"pw\n", "pw"}, {"pw\r\n", "pw"}, {"pw", "pw"}, {"\n", ""}, {"", ""},
		{"p w\n\n", "p w\n"}, {"${HOME}\n", "${HOME}"}};
	char path[] = "/tmp/check_config.XXXXXX", flag[128];
	int descriptor = mkstemp(path), argc;
	size_t i;

	ck_assert_int_ge(descriptor, 0);
	close(descriptor);
	snprintf(flag, sizeof(flag), "--kafka=plugin.note=${file:%s}", path);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *argv[] = {"config", flag, NULL};
		char *text;
		struct config *config;

		write_file(path, cases[i].content, strlen(cases[i].content));
		config = load_flags(argv, &argc);
		ck_assert_str_eq(config->kafka.values[2], cases[i].value);
		/* What a file holds is hidden, whatever it is for. */
		text = printed(config);
		ck_assert(has_line(text, *cases[i].value ? "plugin.note: '***'  # --kafka"
							 : "plugin.note: ''  # --kafka"));
		free(text);
		config_free(config);
	}
	unlink(path);
}
END_TEST

START_TEST(a_secret_file_must_be_text_of_a_sane_size)
{
	char path[] = "/tmp/check_config.XXXXXX", flag[128];
	int descriptor = mkstemp(path), argc = 2;
	const char *argv[] = {"config", flag, NULL};
	char *big = calloc(1, (1 << 20) + 1);
	struct error error = {0};

	ck_assert_int_ge(descriptor, 0);
	close(descriptor);
	snprintf(flag, sizeof(flag), "--eventstore-password=${file:%s}", path);
	write_file(path, "a\0b", 3);
	ck_assert_ptr_null(config_load(&argc, (char **)argv, NULL, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "it contains a NUL byte"));
	error_clear(&error);
	memset(big, 'x', (1 << 20) + 1);
	write_file(path, big, (1 << 20) + 1);
	argc = 2;
	argv[1] = flag;
	ck_assert_ptr_null(config_load(&argc, (char **)argv, NULL, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "is larger than 1 MiB"));
	free(big);
	unlink(path);
}
END_TEST

/* `config print > rowstream.yaml` must give the same configuration again. */
START_TEST(what_is_printed_reads_back)
{
	char path[] = "/tmp/check_config.XXXXXX";
	const char *argv[] = {"config", "--kafka=a=it's # no \"comment\"",
		"--kafka=b=tab\there\n\xc2\x85", "--kafka=c=${HOME}", "--kafka=d=$${HOME}",
		"--kafka=e=", "--kafka=f=$",
		"--source-topics=['^a\\.b', '[x]', ' ', '- y', \"z: 1\"]", "--generation=^a:b=null",
		"--types={'*.x': date}", "--pipeline-max-batch-bytes=3KiB", NULL};
	const char *again[] = {"config", "-c", path, NULL};
	char *first, *second;
	int descriptor = mkstemp(path), argc;
	struct config *config = load_flags(argv, &argc);
	char *home;

	ck_assert_int_ge(descriptor, 0);
	close(descriptor);
	first = printed(config);
	write_file(path, first, strlen(first));
	home = xstrdup(config->kafka.values[4]);
	config_free(config);
	config = load_flags(again, &argc);
	ck_assert_str_eq(config->kafka.values[2], "it's # no \"comment\"");
	ck_assert_str_eq(config->kafka.values[3], "tab\there\n\xc2\x85");
	ck_assert_str_eq(config->kafka.values[4], home);
	ck_assert_str_eq(config->kafka.values[5], "${HOME}");
	ck_assert_str_eq(config->source.topics.items[0], "^a\\.b");
	ck_assert_str_eq(config->source.topics.items[4], "z: 1");
	ck_assert_str_eq(config->generation.names[0], "^a:b");
	ck_assert_str_eq(config->generation.values[0], "null");
	second = printed(config);
	ck_assert_uint_gt(strlen(second), 500);
	config_free(config);
	free(first);
	free(second);
	free(home);
	unlink(path);
}
END_TEST

START_TEST(nearest_names_are_near)
{
	static const char *const names[] = {"topics", "tables", "projections", "run", NULL};

	ck_assert_str_eq(nearest_name("topisc", names), "topics");
	ck_assert_str_eq(nearest_name("topic", names), "topics");
	ck_assert_str_eq(nearest_name("tabels", names), "tables");
	ck_assert_str_eq(nearest_name("proj", names), "projections");
	ck_assert_str_eq(nearest_name("rn", names), "run");
	ck_assert_ptr_null(nearest_name("", names));
	ck_assert_ptr_null(nearest_name("x", names));
	ck_assert_ptr_null(nearest_name("columns", names));
	ck_assert_ptr_null(nearest_name(
		"topicstopicstopicstopicstopicstopicstopicstopicstopicstopicstopicstopics", names));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");
	SRunner *runner;
	int failed;

	if (glob(TEST_SRCDIR "/vectors/config/*.yaml", 0, NULL, &vectors) != 0)
		return 1;
	tcase_add_loop_test(tcase, a_file_comes_to_what_its_comments_say, 0, (int)vectors.gl_pathc);
	tcase_add_test(tcase, values_arrive_in_their_fields);
	tcase_add_test(tcase, a_secret_file_gives_its_text_without_the_line_end);
	tcase_add_test(tcase, a_secret_file_must_be_text_of_a_sane_size);
	tcase_add_test(tcase, what_is_printed_reads_back);
	tcase_add_test(tcase, nearest_names_are_near);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	globfree(&vectors);
	return failed ? 1 : 0;
}
