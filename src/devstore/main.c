/* rowstream-devstore: a development event store that answers as EventStoreDB 23.10.6 does. */
#include "autoconf.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api.h"
#include "auth.h"
#include "tls.h"

enum { EXIT_DONE = 0, EXIT_BROKEN = 1, EXIT_USAGE = 2 };

/* How long a SIGTERM waits for answers under way. */
#define FINISH_MS 3000

struct settings {
	struct store_options store;
	struct http_options http;
	const char *cert, *key;
	struct users *users;
	struct fault_set *faults;
	bool memory, auth, no_atom;
};

static const char usage[] =
	"Usage: rowstream-devstore [OPTION]...\n"
	"\n"
	"A development event store: it speaks the part of EventStoreDB's HTTP API (AtomPub, as\n"
	"23.10.6 answers it) that bridges and their readers use, over one SQLite file. It is for\n"
	"development and tests, never for data that matters. It has no projections but the\n"
	"links of $ce-, $et-, $bc-, $streams and $category-, no cluster, no gRPC, no "
	"subscriptions\n"
	"and no scavenging. To work with a real EventStoreDB or KurrentDB instead, give the "
	"bridge\n"
	"its address: --eventstore-url esdb://HOST:2113 (AtomPub must be switched on there).\n"
	"\n"
	"  --port N            listen on this port (2113; 0: any free one, see the ready line)\n"
	"  --listen ADDRESS    on this address (127.0.0.1)\n"
	"  --data FILE         keep the events in this file (rowstream-devstore.db)\n"
	"  --memory            keep them in memory, until the process ends\n"
	"  --no-fsync          do not wait for the disk: faster, and a crash of the machine may\n"
	"                      lose the last answered appends (a crash of the process does not)\n"
	"  --check             look for damage in all of the file first, however long it takes\n"
	"                      (files up to 512 MB are always looked through)\n"
	"  --auth              ask for users: admin and ops, both with password changeit. "
	"Without,\n"
	"                      everybody may do everything, as with EventStoreDB's --insecure\n"
	"  --user NAME:PASS    one more user, or another password; implies --auth\n"
	"  --insecure          no users (the default; for those who are used to write it)\n"
	"  --tls-cert FILE     serve TLS with this certificate (PEM)\n"
	"  --tls-key FILE      and this key\n"
	"  --no-atom           answer as a server whose AtomPub is switched off\n"
	"  --fault SPEC        misbehave, see below\n"
	"  -h, --help          this text\n"
	"  -V, --version       versions\n"
	"\n"
	"Prints \"ready http://ADDRESS:PORT\" on standard output once it answers. SIGTERM and "
	"SIGINT\n"
	"end it when current answers are sent. Exit codes: 0 done, 1 the store failed, 2 usage.\n"
	"\n"
	"Faults (they meet requests under /streams/ alone):\n";

static const char usage_end[] = "\n"
				"At run time: GET /devstore/faults lists them with what they hit, "
				"POST adds (one a line, as\n"
				"Content-Type application/x-faults), DELETE removes all.\n";

enum option_code {
	OPT_PORT = 256,
	OPT_LISTEN,
	OPT_DATA,
	OPT_MEMORY,
	OPT_NO_FSYNC,
	OPT_CHECK,
	OPT_AUTH,
	OPT_USER,
	OPT_INSECURE,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_NO_ATOM,
	OPT_FAULT,
};

static const struct option long_options[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"data", required_argument, NULL, OPT_DATA},
	{"memory", no_argument, NULL, OPT_MEMORY},
	{"no-fsync", no_argument, NULL, OPT_NO_FSYNC},
	{"check", no_argument, NULL, OPT_CHECK},
	{"auth", no_argument, NULL, OPT_AUTH},
	{"user", required_argument, NULL, OPT_USER},
	{"insecure", no_argument, NULL, OPT_INSECURE},
	{"tls-cert", required_argument, NULL, OPT_TLS_CERT},
	{"tls-key", required_argument, NULL, OPT_TLS_KEY},
	{"no-atom", no_argument, NULL, OPT_NO_ATOM},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static int complain(const struct error *error)
{
	fprintf(stderr, "rowstream-devstore: %s\n", error->text);
	return error->kind == ERROR_INPUT ? EXIT_USAGE : EXIT_BROKEN;
}

static void set_port(struct settings *settings, const char *text, struct error *error)
{
	int64_t port;

	if (!span_to_int64(span_of(text), &port) || port < 0 || port > 65535)
		error_set(
			error, ERROR_INPUT, "--port %s: a number from 0 to 65535 is wanted", text);
	else
		settings->http.port = (int)port;
}

static void take_option(struct settings *settings, int option, struct error *error)
{
	switch (option) {
	case OPT_PORT:
		set_port(settings, optarg, error);
		break;
	case OPT_LISTEN:
		settings->http.listen = optarg;
		break;
	case OPT_DATA:
		settings->store.file = optarg;
		break;
	case OPT_MEMORY:
		settings->memory = true;
		break;
	case OPT_NO_FSYNC:
		settings->store.no_fsync = true;
		break;
	case OPT_CHECK:
		settings->store.check_all = true;
		break;
	case OPT_USER:
		users_add(settings->users, optarg, error);
		settings->auth = true;
		break;
	case OPT_AUTH:
		settings->auth = true;
		break;
	case OPT_INSECURE:
		settings->auth = false;
		break;
	case OPT_TLS_CERT:
		settings->cert = optarg;
		break;
	case OPT_TLS_KEY:
		settings->key = optarg;
		break;
	case OPT_NO_ATOM:
		settings->no_atom = true;
		break;
	case OPT_FAULT:
		fault_set_add(settings->faults, optarg, error);
		break;
	default:
		error_set(error, ERROR_INPUT, "see rowstream-devstore --help");
	}
}

static void print_help(void)
{
	fputs(usage, stdout);
	fputs(fault_help, stdout);
	fputs(usage_end, stdout);
}

/* -1: go on; else the exit code. */
static int read_options(struct settings *settings, int argc, char **argv)
{
	struct error error = {0};
	int option;

	while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return EXIT_DONE;
		}
		if (option == 'V') {
			printf("rowstream-devstore %s\n", PACKAGE_VERSION);
			return EXIT_DONE;
		}
		take_option(settings, option, &error);
	}
	if (optind < argc)
		error_set(&error, ERROR_INPUT, "\"%s\" is no option; see --help", argv[optind]);
	if (settings->memory && settings->store.file)
		error_set(&error, ERROR_INPUT, "--memory and --data exclude each other");
	if (!settings->cert != !settings->key)
		error_set(&error, ERROR_INPUT, "--tls-cert and --tls-key belong together");
	if (!settings->memory && !settings->store.file)
		settings->store.file = "rowstream-devstore.db";
	return error.kind ? complain(&error) : -1;
}

static int open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A file-size limit is a full disk to us, not a reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* As many connections as the system lets us have. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool stop_is_asked(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == sizeof(info);
}

/* more: from the last turn something is left to commit, so this one must not sleep. */
static bool turn(struct http_server *server, struct api *api, struct timers *timers, bool more)
{
	http_server_turn(server, more ? 0 : timers_wait_ms(timers, clock_ms()));
	timers_run(timers, clock_ms());
	return api_end_turn(api);
}

static void run(struct http_server *server, struct api *api, struct timers *timers, int signals)
{
	int64_t deadline_ms;
	bool more = false;

	while (!stop_is_asked(signals))
		more = turn(server, api, timers, more);
	http_server_finish(server);
	api_wind_up(api);
	deadline_ms = clock_ms() + FINISH_MS;
	while ((!http_server_finish(server) || more) && clock_ms() < deadline_ms)
		more = turn(server, api, timers, more);
}

static void say_ready(const struct settings *settings, const struct http_server *server)
{
	bool v6 = strchr(settings->http.listen, ':') != NULL;

	printf("ready %s://%s%s%s:%d\n", settings->http.tls ? "https" : "http", v6 ? "[" : "",
		settings->http.listen, v6 ? "]" : "", http_server_port(server));
	fflush(stdout);
}

static int serve(struct settings *settings)
{
	struct timers timers = {0};
	struct error error = {0};
	struct api_options options = {
		.timers = &timers,
		.faults = settings->faults,
		.users = settings->auth ? settings->users : NULL,
		.version = PACKAGE_VERSION,
		.no_atom = settings->no_atom,
	};
	struct http_server *server = NULL;
	struct api *api = NULL;
	int signals = open_signals();

	if (settings->cert)
		settings->http.tls = tls_server_new(settings->cert, settings->key, &error);
	if (!error.kind)
		options.store = store_open(&settings->store, &error);
	if (!error.kind) {
		api = api_new(&options);
		settings->http.handle = api_handle;
		settings->http.user = api;
		server = http_server_new(&settings->http, &timers, &error);
	}
	if (server) {
		api_set_server(api, server);
		http_server_watch(server, signals);
		say_ready(settings, server);
		run(server, api, &timers, signals);
	}
	http_server_free(server);
	api_free(api);
	store_close(options.store);
	tls_server_free(settings->http.tls);
	timers_clear(&timers);
	close(signals);
	return error.kind ? complain(&error) : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.http = {.listen = "127.0.0.1", .port = 2113},
		.users = users_new(),
		.faults = fault_set_new(),
	};
	int code = read_options(&settings, argc, argv);

	if (code < 0) {
		raise_limits();
		code = serve(&settings);
	}
	users_free(settings.users);
	fault_set_free(settings.faults);
	return code;
}
