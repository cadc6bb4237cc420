/* Faults are drawn from their own seed, so that the same requests meet the same faults again. */
#include "fault.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

const char fault_help[] =
	"  KIND[:KEY=VALUE,...]; may be given many times. Kinds:\n"
	"    delay            written, answered after ms\n"
	"    lose-before      connection closed, nothing written\n"
	"    lose-after       written, connection closed without an answer\n"
	"    late             connection closed, written after ms all the same\n"
	"    error            500 \"Write timeout\", nothing written\n"
	"    error-after      500 \"Write timeout\", written\n"
	"    unavailable      503 \"Server Is Not Ready\"\n"
	"    deny             401, as while a node starts\n"
	"    redirect         307 to another server: to=HOST:PORT\n"
	"    too-large        413, nothing written\n"
	"    too-large-after  413, written all the same (as 4.1.3 did)\n"
	"    never            nothing written, never an answer\n"
	"    never-after      written, never an answer\n"
	"    close            answered, then the connection is closed: every=N requests of it\n"
	"    refuse           all connections closed, new ones refused for ms\n"
	"  Keys, all optional:\n"
	"    rate=0..1        share of the requests that are hit (1)\n"
	"    seed=N           of the draw; the same requests meet the same faults (1)\n"
	"    stream=PATTERN   only this stream's requests: text with *, or ^ and a regular\n"
	"                     expression\n"
	"    method=POST      only such requests (all but /devstore, /web, /info and the like)\n"
	"    skip=N count=N   leave the first N requests alone; hit N at most\n"
	"    for=MS           over after this time\n"
	"    ms=N             of delay and late (1000), and of refuse (2000)\n";

struct fault {
	char *spec;
	enum fault_kind kind;
	double rate;
	uint64_t random;
	struct pattern_list *streams; /* NULL: any */
	char *method, *to;
	int64_t ms, skip, count, for_ms, every; /* -1: no limit */
	int64_t seen, hits, until_ms;		/* until_ms 0: not asked yet */
};

struct fault_set {
	struct fault *faults;
	size_t count;
};

static const char *const kind_names[FAULT_KINDS] = {
	[FAULT_DELAY] = "delay",
	[FAULT_LOSE_BEFORE] = "lose-before",
	[FAULT_LOSE_AFTER] = "lose-after",
	[FAULT_LATE] = "late",
	[FAULT_ERROR_AFTER] = "error-after",
	[FAULT_ERROR] = "error",
	[FAULT_UNAVAILABLE] = "unavailable",
	[FAULT_NEVER] = "never",
	[FAULT_NEVER_AFTER] = "never-after",
	[FAULT_DENY] = "deny",
	[FAULT_REDIRECT] = "redirect",
	[FAULT_TOO_LARGE] = "too-large",
	[FAULT_TOO_LARGE_AFTER] = "too-large-after",
	[FAULT_CLOSE] = "close",
	[FAULT_REFUSE] = "refuse",
};

struct fault_set *fault_set_new(void)
{
	return xcalloc(1, sizeof(struct fault_set));
}

static void fault_clear(struct fault *fault)
{
	free(fault->spec);
	pattern_list_free(fault->streams);
	free(fault->method);
	free(fault->to);
}

void fault_set_clear(struct fault_set *set)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		fault_clear(&set->faults[i]);
	free(set->faults);
	*set = (struct fault_set){0};
}

void fault_set_free(struct fault_set *set)
{
	if (!set)
		return;
	fault_set_clear(set);
	free(set);
}

bool fault_set_empty(const struct fault_set *set)
{
	return !set->count;
}

static bool set_number(struct fault *fault, const char *key, struct span value, struct error *error)
{
	struct {
		const char *key;
		int64_t *target;
	} numbers[] = {
		{"ms", &fault->ms},
		{"skip", &fault->skip},
		{"count", &fault->count},
		{"for", &fault->for_ms},
		{"every", &fault->every},
		{"seed", (int64_t *)&fault->random},
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].key, key))
			continue;
		if (!span_to_int64(value, numbers[i].target) || *numbers[i].target < 0)
			error_set(error, ERROR_INPUT, "%s=%.*s: a number is wanted", key,
				SPAN_ARG(value));
		return true;
	}
	return false;
}

static void set_rate(struct fault *fault, const char *value, struct error *error)
{
	char *end;

	fault->rate = strtod(value, &end);
	if (end == value || *end || !(fault->rate >= 0 && fault->rate <= 1))
		error_set(error, ERROR_INPUT, "rate=%s: a number from 0 to 1 is wanted", value);
}

static void set_key(struct fault *fault, const char *key, const char *value, struct error *error)
{
	if (!strcmp(key, "rate"))
		set_rate(fault, value, error);
	else if (!strcmp(key, "stream") && !fault->streams)
		fault->streams = pattern_list_new(&value, 1, error);
	else if (!strcmp(key, "method") && !fault->method)
		fault->method = xstrdup(value);
	else if (!strcmp(key, "to") && !fault->to)
		fault->to = xstrdup(value);
	else if (!set_number(fault, key, span_of(value), error))
		error_set(error, ERROR_INPUT, "\"%s\" is no key, or is given twice (see --help)",
			key);
}

static enum fault_kind kind_of(struct span name)
{
	enum fault_kind kind;

	for (kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++)
		if (span_is(name, kind_names[kind]))
			return kind;
	return FAULT_NONE;
}

/* A comma inside a regular expression cannot be told from one between keys; "\," is meant. */
static char *next_pair(char **rest)
{
	char *start = *rest, *from = start, *to = start;

	if (!start)
		return NULL;
	for (; *from && *from != ','; from++) {
		if (from[0] == '\\' && from[1] == ',')
			from++;
		*to++ = *from;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

static void parse_keys(struct fault *fault, const char *keys, struct error *error)
{
	char *copy = xstrdup(keys), *rest = copy, *pair;

	while (!error->kind && (pair = next_pair(&rest))) {
		char *equals = strchr(pair, '=');

		if (!equals) {
			error_set(error, ERROR_INPUT, "\"%s\" is no key=value", pair);
			break;
		}
		*equals = '\0';
		set_key(fault, pair, equals + 1, error);
	}
	free(copy);
}

bool fault_set_add(struct fault_set *set, const char *spec, struct error *error)
{
	const char *colon = strchr(spec, ':');
	struct span name = {spec, colon ? (size_t)(colon - spec) : strlen(spec)};
	struct fault fault = {
		.spec = xstrdup(spec),
		.kind = kind_of(name),
		.rate = 1,
		.random = 1,
		.ms = -1,
		.count = -1,
		.for_ms = -1,
		.every = 1,
	};

	if (fault.kind == FAULT_NONE)
		error_set(error, ERROR_INPUT, "\"%.*s\" is no kind of fault (see --help)",
			SPAN_ARG(name));
	else if (colon)
		parse_keys(&fault, colon + 1, error);
	if (fault.kind == FAULT_REDIRECT && !fault.to)
		error_set(error, ERROR_INPUT, "redirect wants to=HOST:PORT");
	if (fault.ms < 0)
		fault.ms = fault.kind == FAULT_REFUSE ? 2000 : 1000;
	if (error->kind) {
		error_context(error, "fault %s", spec);
		fault_clear(&fault);
		return false;
	}
	set->faults = xreallocarray(set->faults, set->count + 1, sizeof(*set->faults));
	set->faults[set->count++] = fault;
	return true;
}

/* splitmix64 */
static double draw(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static bool concerns(const struct fault *fault, const struct fault_subject *subject)
{
	if (fault->method && !span_is(subject->method, fault->method))
		return false;
	if (fault->streams &&
		(!subject->stream.ptr || pattern_list_match(fault->streams, subject->stream) < 0))
		return false;
	return fault->kind != FAULT_CLOSE || fault->every <= 1 ||
	       subject->connection_requests % fault->every == 0;
}

static bool hits(struct fault *fault, const struct fault_subject *subject, int64_t now_ms)
{
	if (!concerns(fault, subject))
		return false;
	if (!fault->until_ms)
		fault->until_ms = fault->for_ms < 0 ? INT64_MAX : now_ms + fault->for_ms;
	if (now_ms > fault->until_ms || fault->seen++ < fault->skip ||
		(fault->count >= 0 && fault->hits >= fault->count) ||
		draw(&fault->random) >= fault->rate)
		return false;
	fault->hits++;
	return true;
}

void fault_plan_for(struct fault_set *set, const struct fault_subject *subject, int64_t now_ms,
	struct fault_plan *plan)
{
	size_t i;

	*plan = (struct fault_plan){.kind = FAULT_NONE};
	for (i = 0; i < set->count; i++) {
		struct fault *fault = &set->faults[i];

		/* One that would not count must not be counted either. */
		if (plan->kind && fault->kind != FAULT_DELAY && fault->kind != FAULT_CLOSE)
			continue;
		if (!hits(fault, subject, now_ms))
			continue;
		if (fault->kind == FAULT_DELAY)
			plan->delay_ms += fault->ms;
		else if (fault->kind == FAULT_CLOSE)
			plan->close = true;
		else
			plan->kind = fault->kind;
		if (fault->kind == FAULT_REFUSE || fault->kind == FAULT_LATE)
			plan->delay_ms = fault->ms;
		if (fault->kind == FAULT_REDIRECT)
			plan->to = fault->to;
	}
}

void fault_set_print(const struct fault_set *set, struct strbuf *out)
{
	size_t i;

	strbuf_add_char(out, '[');
	for (i = 0; i < set->count; i++) {
		const struct fault *fault = &set->faults[i];

		strbuf_add_text(out, i ? ",\n {\"fault\": " : "\n {\"fault\": ");
		strbuf_add_json(out, span_of(fault->spec));
		strbuf_printf(out, ", \"seen\": %" PRId64 ", \"hits\": %" PRId64 "}", fault->seen,
			fault->hits);
	}
	strbuf_add_text(out, "\n]\n");
}
