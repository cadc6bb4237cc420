/* rowstream projections remove: stopped, then deleted, with what they left. */
#include "cmd_projections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_ours(const char *name)
{
	return strncmp(name, PROJECTIONS_PREFIX, strlen(PROJECTIONS_PREFIX)) == 0;
}

/* Asked to stop, and again looked at until it has. False: a finding says why, or it is gone. */
static bool stop(struct projections *projections, const char *name, int64_t until_ms)
{
	struct error error = {0};
	enum projection_outcome outcome =
		projection_command(projections->store, name, "disable", &error);
	bool stopped = false;

	if (outcome != PROJECTION_DONE) {
		projections_report(projections, name, outcome, &error);
		return false;
	}
	while (!stopped) {
		struct projection projection = {0};

		outcome = projections_read(projections, name, until_ms, &projection);
		stopped = outcome == PROJECTION_DONE && projection_stopped(&projection);
		if (outcome == PROJECTION_DONE && !stopped && clock_ms() >= until_ms)
			findings_fail(&projections->findings, EXIT_UNREACHABLE, name,
				"does not stop within %lld s: it is '%s'; the same again later",
				(long long)(projections->timeout_ms / 1000), projection.status);
		projection_clear(&projection);
		if (outcome != PROJECTION_DONE || (!stopped && clock_ms() >= until_ms))
			break;
		if (!stopped)
			projections_pause();
	}
	return stopped;
}

static void forget_partitions(struct projections *projections, const char *name)
{
	struct error error = {0};
	enum projection_outcome outcome =
		projection_delete_partitions(projections->store, name, &error);

	/* 400: this server says so of a stream that is not there. */
	if (outcome != PROJECTION_DONE && outcome != PROJECTION_MISSING &&
		!strstr(error.text, "HTTP 400"))
		findings_warn(&projections->findings, name,
			"stream $projections-%s-partitions is left, a new projection of this name "
			"will fault on it: %.500s",
			name, error.text);
}

static void remove_one(struct projections *projections, const char *name)
{
	int64_t until_ms = clock_ms() + projections->timeout_ms;
	struct error error = {0};
	enum projection_outcome outcome;

	if (!stop(projections, name, until_ms))
		return;
	/* It can still be busy with its last checkpoint. */
	while ((outcome = projection_delete(projections->store, name, &error)) == PROJECTION_BUSY &&
		clock_ms() < until_ms) {
		error_clear(&error);
		projections_pause();
	}
	if (outcome == PROJECTION_DONE) {
		forget_partitions(projections, name);
		findings_ok(&projections->findings, name, "deleted");
	} else {
		projections_report(projections, name, outcome, &error);
	}
}

static void consider(struct projections *projections, const char *name)
{
	if (!projections_present(projections, name))
		findings_ok(&projections->findings, name, "is not there");
	else if (projections->confirmed)
		remove_one(projections, name);
	else
		findings_warn(&projections->findings, name, "would be deleted: --yes does it");
}

/* Before anything is deleted. */
static bool are_ours(const struct projections *projections, struct error *error)
{
	int i;

	for (i = 0; i < projections->name_count; i++)
		if (*projections->names[i] == '$')
			error_set(error, ERROR_INPUT,
				"'%s' is the server's own: only projections that begin with "
				"'" PROJECTIONS_PREFIX "' are removed",
				projections->names[i]);
	return error->kind == ERROR_NONE;
}

int projections_remove(struct projections *projections)
{
	struct error error = {0};
	size_t i;
	int n;

	if (!are_ours(projections, &error))
		return command_fail(&cmd_projections, &error);
	findings_begin(&projections->findings, stdout, projections->format);
	for (n = 0; n < projections->name_count; n++) {
		char *name = projections_name(projections->names[n]);

		consider(projections, name);
		free(name);
	}
	for (i = 0; projections->name_count == 0 && i < projections->present.count; i++)
		if (is_ours(projections->present.items[i].name))
			consider(projections, projections->present.items[i].name);
	findings_end(&projections->findings);
	return projections->findings.code;
}
