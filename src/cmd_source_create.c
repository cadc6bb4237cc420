/* rowstream source create: the connector as configured, running. */
#include "cmd_source.h"

#include <poll.h>
#include <string.h>

#define POLL_MS 200
/* A task that fails in its snapshot runs for a moment before (seen: 0.5 s). */
#define SETTLE_MS 3000
/* How long a failure of before may still be told after a new start. */
#define STALE_MS 5000

/* --- What is there --- */

static bool is_same(const struct connector_properties *a, const struct connector_properties *b)
{
	size_t i;

	for (i = 0; i < a->count; i++) {
		const char *other = connector_get(b, a->items[i].name);

		if (!other || strcmp(other, a->items[i].value) != 0)
			return false;
	}
	return a->count == b->count;
}

static void add_name(struct strbuf *names, const char *name)
{
	strbuf_printf(names, "%s%s", names->len ? ", " : "", name);
}

/* Names only: values may be secrets. */
static void add_differences(struct strbuf *names, const struct connector_properties *wanted,
	const struct connector_properties *present)
{
	size_t i;

	for (i = 0; i < wanted->count; i++) {
		const char *other = connector_get(present, wanted->items[i].name);

		if (!other || strcmp(other, wanted->items[i].value) != 0)
			add_name(names, wanted->items[i].name);
	}
	for (i = 0; i < present->count; i++)
		if (!connector_get(wanted, present->items[i].name))
			add_name(names, present->items[i].name);
}

/* --- Writing --- */

/* Again and again while Connect rebalances. */
static bool write_properties(struct source *source, int64_t until_ms)
{
	enum connect_outcome outcome;
	struct error error = {0};

	while ((outcome = connect_write(source->connect, source->name, &source->properties,
			&error)) == CONNECT_BUSY &&
		clock_ms() < until_ms) {
		error_clear(&error);
		poll(NULL, 0, POLL_MS);
	}
	return source_is_done(source, outcome, &error);
}

static bool act(struct source *source, enum connect_action action, const char *words)
{
	struct error error = {0};

	if (!source_is_done(
		    source, connect_act(source->connect, source->name, action, &error), &error))
		return false;
	findings_ok(&source->findings, "connector", "%s", words);
	return true;
}

static bool has_failed(const struct connect_answer *answer)
{
	size_t i;

	for (i = 0; i < answer->task_count; i++)
		if (strcmp(answer->tasks[i].state, "FAILED") == 0)
			return true;
	return answer->state && strcmp(answer->state, "FAILED") == 0;
}

/* Of a connector that has its properties already: started anew where it does not run. */
static bool start_again(struct source *source, bool same)
{
	struct error error = {0};
	enum connect_outcome outcome =
		connect_status(source->connect, source->name, &source->answer, &error);

	if (outcome == CONNECT_MISSING)
		return true;
	if (!source_is_done(source, outcome, &error))
		return false;
	if (strcmp(source->answer.state, "STOPPED") == 0 ||
		strcmp(source->answer.state, "PAUSED") == 0)
		return act(source, CONNECT_RESUME, "it was stopped or paused: resumed");
	if (same && has_failed(&source->answer))
		return act(source, CONNECT_RESTART_FAILED, "it had failed: restarted");
	return true;
}

static bool change(struct source *source, int64_t until_ms)
{
	struct strbuf names = {0};
	bool same = is_same(&source->properties, &source->answer.properties), ok = true;

	add_differences(&names, &source->properties, &source->answer.properties);
	if (same)
		findings_ok(&source->findings, "connector", "'%s' is there with these properties",
			source->name);
	else
		ok = write_properties(source, until_ms);
	if (ok && !same)
		findings_ok(&source->findings, "connector", "'%s' is there; changed: %.600s",
			source->name, names.data);
	strbuf_clear(&names);
	return ok && start_again(source, same);
}

/* fresh: nothing of before can be told about it any more. */
static bool make_or_change(struct source *source, int64_t until_ms, bool *fresh)
{
	struct error error = {0};
	enum connect_outcome outcome =
		connect_read(source->connect, source->name, &source->answer, &error);

	*fresh = outcome == CONNECT_MISSING;
	if (outcome == CONNECT_DONE)
		return change(source, until_ms);
	if (outcome != CONNECT_MISSING)
		return source_is_done(source, outcome, &error);
	if (!write_properties(source, until_ms))
		return false;
	findings_ok(&source->findings, "connector", "'%s' is made", source->name);
	return true;
}

/* --- Waiting --- */

static bool is_running(const struct connect_answer *answer)
{
	size_t i;

	for (i = 0; i < answer->task_count; i++)
		if (strcmp(answer->tasks[i].state, "RUNNING") != 0)
			return false;
	return answer->task_count && strcmp(answer->state, "RUNNING") == 0;
}

static void report_failure(struct source *source)
{
	const struct connect_answer *answer = &source->answer;
	const char *trace = answer->trace;
	struct strbuf text = {0};
	size_t i;

	for (i = 0; !trace && i < answer->task_count; i++)
		trace = answer->tasks[i].trace;
	source_add_cause(&text, trace ? trace : "it tells no reason");
	findings_fail(&source->findings, EXIT_REFUSED, "task", "FAILED: %s", text.data);
	strbuf_clear(&text);
}

static void report_timeout(struct source *source)
{
	const struct connect_answer *answer = &source->answer;

	findings_fail(&source->findings, EXIT_UNREACHABLE, "task",
		"does not run after %lld s: the connector is %s, %s%s; go on with rowstream source "
		"status",
		(long long)(source->timeout_ms / 1000), answer->state ? answer->state : "unknown",
		answer->task_count ? "its task " : "it has no task",
		answer->task_count ? answer->tasks[0].state : "");
}

struct watch {
	int64_t until_ms;
	int64_t stale_ms;   /* until then a failure may be one of before */
	int64_t running_ms; /* since when it runs; 0: it does not */
};

/* True when it has run for a while, or failed. */
static bool has_settled(const struct connect_answer *answer, struct watch *watch)
{
	int64_t now_ms = clock_ms();

	if (has_failed(answer))
		return now_ms >= watch->stale_ms;
	watch->stale_ms = 0;
	if (!is_running(answer))
		watch->running_ms = 0;
	else if (!watch->running_ms)
		watch->running_ms = now_ms;
	return watch->running_ms && now_ms - watch->running_ms >= SETTLE_MS;
}

static void await_running(struct source *source, struct watch *watch)
{
	struct error error = {0};

	for (;;) {
		enum connect_outcome outcome =
			connect_status(source->connect, source->name, &source->answer, &error);

		if (outcome != CONNECT_DONE && outcome != CONNECT_MISSING &&
			outcome != CONNECT_BUSY) {
			source_is_done(source, outcome, &error);
			return;
		}
		error_clear(&error);
		if (outcome == CONNECT_DONE && has_settled(&source->answer, watch))
			break;
		if (clock_ms() >= watch->until_ms) {
			report_timeout(source);
			return;
		}
		poll(NULL, 0, POLL_MS);
	}
	if (has_failed(&source->answer))
		report_failure(source);
	else
		findings_ok(&source->findings, "task", "RUNNING on %s",
			source->answer.tasks[0].worker ? source->answer.tasks[0].worker : "?");
}

int source_create(struct source *source)
{
	struct watch watch = {.until_ms = clock_ms() + source->timeout_ms};
	bool fresh = true;

	source_begin(source);
	source_validate(source, false);
	if (source->findings.code == EXIT_DONE && make_or_change(source, watch.until_ms, &fresh)) {
		watch.stale_ms = fresh ? 0 : clock_ms() + STALE_MS;
		await_running(source, &watch);
	}
	findings_end(&source->findings);
	return source->findings.code;
}
