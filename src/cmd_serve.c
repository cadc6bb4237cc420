/* rowstream serve: tables, rows and their lives over HTTP, for programs and for people. */
#include <signal.h>
#include <stdio.h>

#include "log.h"
#include "serve.h"

/* How long one turn may read on before requests are looked at again. */
#define TURN_MS 50
#define IDLE_MS 1000
#define STORE_PATIENCE_MS 500

static const char *listen_address = "127.0.0.1:8083";
static struct text_list only_tables;
static volatile sig_atomic_t stopped;

static const struct flag flags[] = {
	{.name = "listen",
		.value = "ADDRESS:PORT",
		.meaning = "where to listen (default: 127.0.0.1:8083; port 0: a free one)",
		.text = &listen_address},
	{.name = "table",
		.value = "CATEGORY",
		.meaning =
			"list this table, and do not look for tables in $all; may be given again",
		.list = &only_tables},
	{.name = NULL},
};

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void watch_signals(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void serve_until_stopped(struct serve *serve, struct http_server *server)
{
	bool more = true;

	printf("ready http://%s\n", http_server_address(server));
	fflush(stdout);
	while (!stopped) {
		http_server_run(server, more ? 0 : IDLE_MS);
		more = !stopped && serve_read_on(serve, TURN_MS);
	}
}

static int run(int argc, char **argv)
{
	struct reading reading;
	struct serve serve = {.reading = &reading};
	struct http_server *server;
	struct error error = {0};
	int code;

	if (!reading_start(&reading, &cmd_serve, &argc, argv, &code))
		return code;
	watch_signals();
	TAILQ_INIT(&serve.tables);
	/* Whoever waits for an answer had better be told. */
	reader_set_patience(reading.store, STORE_PATIENCE_MS);
	server = http_server_new(listen_address, serve_answer, &serve, &error);
	if (server) {
		if (!http_server_is_local(server))
			log_text(LOG_WARN,
				"%s can be reached from other machines: whoever reaches it reads "
				"every row, there is no log-in",
				http_server_address(server));
		serve.names = serve_names_new(reading.store, &only_tables);
		serve_until_stopped(&serve, server);
	}
	http_server_free(server);
	serve_forget(&serve);
	serve_names_free(serve.names);
	text_list_clear(&only_tables);
	return reading_end(&reading, &error, EXIT_DONE);
}

const struct command cmd_serve = {
	.name = "serve",
	.summary = "tables, rows and their lives over HTTP: a JSON API and a page",
	.usage =
		"[--listen ADDRESS:PORT] [--table CATEGORY]…\n"
		"Answers until SIGTERM or Ctrl-C. It only reads. There is no log-in: it listens on "
		"this machine only, unless told otherwise.\n"
		"\n"
		"  /                                    the page\n"
		"  /tables                              which tables there are\n"
		"  /tables/customers?page=2&at=TIME     its living rows; &deleted=1: its deleted "
		"ones\n"
		"  /tables/customers/1001?at=TIME       a row, now or then; or ?revision=N\n"
		"  /tables/customers/1001/history       its life\n"
		"  /openapi.json                        all of this for programs\n"
		"\n"
		"A table is read once by its category, which needs the projection $by_category, "
		"and kept "
		"up to date with each request.",
	.run = run,
	.flags = flags,
	.max_arguments = 0,
};
