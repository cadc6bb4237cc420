/* rowstream projections deploy: as the files say, running. */
#include "cmd_projections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* How long a fault of before may still be told after a new start. */
#define STALE_MS 2000
/* One that faults at its first event runs for a moment before: with no event left, or after this.
 */
#define SETTLE_MS 2000

static const char *const standard[] = {
	"$by_category", "$by_event_type", "$by_correlation_id", "$streams"};

struct deployment {
	const char *name;
	int64_t until_ms;
	int64_t stale_ms;   /* until then a fault may be one of before */
	int64_t running_ms; /* since when it is seen running; 0: not yet */
};

static bool is_done(struct projections *projections, const char *name,
	enum projection_outcome outcome, const struct error *error)
{
	projections_report(projections, name, outcome, error);
	return outcome == PROJECTION_DONE;
}

static bool act(struct projections *projections, struct deployment *deployment, const char *command,
	const char *words)
{
	struct error error = {0};
	enum projection_outcome outcome =
		projection_command(projections->store, deployment->name, command, &error);

	if (!is_done(projections, deployment->name, outcome, &error))
		return false;
	findings_ok(&projections->findings, deployment->name, "%s", words);
	return true;
}

/* --- Waiting --- */

static void show_progress(const struct projection *projection)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s, %.1f %%, %lld events", projection->name,
		projection->status, projection->progress < 0 ? 0 : projection->progress,
		(long long)projection->events);
	log_progress(text);
}

static void report_fault(struct projections *projections, const struct projection *projection)
{
	bool leftover = strstr(projection->reason, "Multiple projections emitting") != NULL;

	findings_fail(&projections->findings, EXIT_REFUSED, projection->name, "%s: %.800s%s",
		projection->status,
		*projection->reason ? projection->reason : "the engine tells no reason",
		leftover ? "; a projection of this name was removed before and left that stream: "
			   "delete the stream, then deploy again"
			 : "");
}

static bool runs_for_good(struct deployment *deployment, const struct projection *projection)
{
	int64_t now_ms = clock_ms();

	if (!projection_runs(projection))
		return false;
	if (!deployment->running_ms)
		deployment->running_ms = now_ms;
	return projection->progress >= 100 || now_ms - deployment->running_ms >= SETTLE_MS;
}

/* True: nothing more to wait for; a finding says what came out. */
static bool has_settled(struct projections *projections, struct deployment *deployment,
	const struct projection *projection)
{
	int64_t now_ms = clock_ms();

	if (projection_faulted(projection) && now_ms >= deployment->stale_ms)
		report_fault(projections, projection);
	else if (runs_for_good(deployment, projection))
		findings_ok(&projections->findings, projection->name, "%s, %.1f %%",
			projection->status, projection->progress < 0 ? 0 : projection->progress);
	else if (now_ms >= deployment->until_ms)
		findings_fail(&projections->findings, EXIT_UNREACHABLE, projection->name,
			"does not run after %lld s: it is '%s'; go on with rowstream projections "
			"status",
			(long long)(projections->timeout_ms / 1000), projection->status);
	else
		return false;
	return true;
}

static void await_running(struct projections *projections, struct deployment *deployment)
{
	bool settled = false;

	while (!settled) {
		struct projection projection = {0};
		enum projection_outcome outcome = projections_read(
			projections, deployment->name, deployment->until_ms, &projection);

		if (outcome == PROJECTION_DONE) {
			show_progress(&projection);
			settled = has_settled(projections, deployment, &projection);
		} else if (outcome != PROJECTION_MISSING || clock_ms() >= deployment->until_ms) {
			if (outcome == PROJECTION_MISSING)
				projections_report(projections, deployment->name, outcome, NULL);
			settled = true;
		}
		projection_clear(&projection);
		if (!settled)
			projections_pause();
	}
	log_progress(NULL);
}

/* --- Making and changing --- */

/* One that stands still: switched off, aborted, or faulted before. */
static bool start_again(
	struct projections *projections, struct deployment *deployment, bool changed)
{
	struct projection projection = {0};
	enum projection_outcome outcome =
		projections_read(projections, deployment->name, deployment->until_ms, &projection);
	bool good = outcome == PROJECTION_DONE || outcome == PROJECTION_MISSING;

	if (outcome == PROJECTION_DONE && projection_faulted(&projection))
		deployment->stale_ms = clock_ms() + STALE_MS;
	if (outcome == PROJECTION_DONE && projection_faulted(&projection) && !changed)
		good = act(projections, deployment, "enable", "it had faulted: started again");
	else if (outcome == PROJECTION_DONE && projection_stopped(&projection) &&
		 !projection_faulted(&projection))
		good = act(projections, deployment, "enable", "it stood still: started");
	projection_clear(&projection);
	return good;
}

static bool change(struct projections *projections, struct deployment *deployment,
	const struct projection_file *file)
{
	struct strbuf source = {0};
	struct error error = {0};
	bool emits = false, same;
	enum projection_outcome outcome = projection_read_source(
		projections->store, deployment->name, &source, &emits, &error);
	bool good = is_done(projections, deployment->name, outcome, &error);

	same = span_equal(strbuf_span(&source), strbuf_span(&file->source)) && emits == file->emits;
	strbuf_clear(&source);
	if (good && same)
		findings_ok(&projections->findings, deployment->name, "is there with this text");
	else if (good) {
		outcome = projection_update(projections->store, deployment->name,
			strbuf_span(&file->source), file->emits, &error);
		good = is_done(projections, deployment->name, outcome, &error);
		if (good)
			findings_ok(&projections->findings, deployment->name, "changed; %s",
				projections->reset ? "it begins anew"
						   : "it goes on with the state that it had");
	}
	if (good && projections->reset)
		good = act(projections, deployment, "reset", "reset: counts from the beginning");
	return good && start_again(projections, deployment, !same);
}

static bool make_or_change(struct projections *projections, struct deployment *deployment,
	const struct projection_file *file)
{
	struct error error = {0};
	enum projection_outcome outcome;

	if (projections_present(projections, deployment->name))
		return change(projections, deployment, file);
	outcome = projection_create(projections->store, deployment->name,
		strbuf_span(&file->source), file->emits, &error);
	/* Since the list was read somebody made it, or an answer was lost. */
	if (outcome == PROJECTION_TAKEN)
		return change(projections, deployment, file);
	if (!is_done(projections, deployment->name, outcome, &error))
		return false;
	findings_ok(&projections->findings, deployment->name, "made%s",
		file->emits ? "; it emits links" : "");
	return true;
}

static void deploy_file(struct projections *projections, const struct projection_file *file)
{
	struct deployment deployment = {
		.name = file->name, .until_ms = clock_ms() + projections->timeout_ms};

	if (make_or_change(projections, &deployment, file))
		await_running(projections, &deployment);
}

static void switch_on(struct projections *projections, const char *name)
{
	struct deployment deployment = {
		.name = name, .until_ms = clock_ms() + projections->timeout_ms};
	const struct projection *present = projections_present(projections, name);

	if (!present)
		projections_report(projections, name, PROJECTION_MISSING, NULL);
	else if (start_again(projections, &deployment, false))
		await_running(projections, &deployment);
}

/* --- Which --- */

static const struct projection_file *file_of(
	const struct projection_files *files, const char *given)
{
	const struct projection_file *found = NULL;
	char *name = projections_name(given);
	size_t i;

	for (i = 0; i < files->count && !found; i++)
		if (strcmp(files->items[i].name, name) == 0)
			found = &files->items[i];
	free(name);
	return found;
}

/* Before anything is changed. */
static bool are_known(const struct projections *projections, const struct projection_files *files,
	struct error *error)
{
	int i;

	for (i = 0; i < projections->name_count; i++)
		if (*projections->names[i] != '$' && !file_of(files, projections->names[i]))
			error_set(error, ERROR_INPUT, "there is no projection '%s' in %s",
				projections->names[i], projections->directory);
	return error->kind == ERROR_NONE;
}

static void deploy_all(struct projections *projections, const struct projection_files *files)
{
	size_t i;
	int n;

	for (i = 0; projections->standard && i < sizeof(standard) / sizeof(standard[0]); i++)
		switch_on(projections, standard[i]);
	for (n = 0; n < projections->name_count; n++)
		if (*projections->names[n] == '$')
			switch_on(projections, projections->names[n]);
		else
			deploy_file(projections, file_of(files, projections->names[n]));
	for (i = 0; projections->name_count == 0 && i < files->count; i++)
		deploy_file(projections, &files->items[i]);
}

int projections_deploy(struct projections *projections)
{
	struct projection_files files = {0};
	struct error error = {0};
	int code;

	if (projection_files_read(projections->directory, &files, &error) &&
		are_known(projections, &files, &error)) {
		findings_begin(&projections->findings, stdout, projections->format);
		deploy_all(projections, &files);
		findings_end(&projections->findings);
		code = projections->findings.code;
	} else {
		code = command_fail(&cmd_projections, &error);
	}
	projection_files_clear(&files);
	return code;
}
