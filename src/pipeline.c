/* The loop: one turn moves everything forward by plain calls; it sleeps in one place. */
#include "pipeline_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log.h"
#include "wire.h"

/* The control queue is polled at least this often, or the group throws us out. */
#define LONGEST_SLEEP_MS 1000
#define TICK_MS 250
#define CLOSE_TIMEOUT_MS 5000
/* librdkafka can hang for ever while it is destroyed (facts: after a topic was deleted). */
#define DESTROY_TIMEOUT_S 5

static volatile sig_atomic_t code_of_hard_exit;

static void hard_exit(int signal_number)
{
	(void)signal_number;
	_exit(code_of_hard_exit);
}

void pipeline_stop(struct pipeline *pipeline, enum stop_reason reason, int exit_code)
{
	if (pipeline->stop != STOP_NONE)
		return;
	pipeline->stop = reason;
	pipeline->exit_code = exit_code;
	pipeline->stop_deadline_ms = clock_ms() + pipeline->config->pipeline.shutdown_timeout_ms;
	if (reason == STOP_ERROR)
		outbox_stop(pipeline->outbox);
}

void pipeline_fail(struct pipeline *pipeline, int exit_code, const struct error *error)
{
	enum stop_reason reason = error->kind == ERROR_REFUSED ? STOP_REFUSAL : STOP_ERROR;

	if (pipeline->stop >= reason)
		return;
	/* An error seen while draining still decides how it ends. */
	pipeline->stop = STOP_NONE;
	pipeline->error = *error;
	log_line(LOG_ERROR, "stopping", "error", error->text, NULL);
	pipeline_stop(pipeline, reason, exit_code);
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void take_signals(struct pipeline *pipeline)
{
	struct signalfd_siginfo info;

	while (read(pipeline->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		pipeline->signal_code = info.ssi_signo == SIGINT ? 130 : 143;
		if (pipeline->stop == STOP_SIGNAL) {
			pipeline->hurry = true;
			pipeline->exit_code = pipeline->signal_code;
		} else if (pipeline->stop == STOP_NONE) {
			log_line(LOG_INFO, "draining; a second signal ends at once", "waiting",
				log_number((long long)pipeline->pending), NULL);
			pipeline_stop(pipeline, STOP_SIGNAL, 0);
		} else {
			pipeline->hurry = true;
		}
	}
}

static void take_control(struct pipeline *pipeline, int64_t now_ms)
{
	struct kafka_event event;

	while (pipeline->kafka && kafka_control(pipeline->kafka, &event))
		feeds_control(pipeline, &event, now_ms);
}

static void send_work(struct pipeline *pipeline, int64_t now_ms)
{
	struct outbox_work work;

	while (eventstore_free_slots(pipeline->store) > 0) {
		outbox_next(pipeline->outbox, now_ms, &work);
		switch (work.action) {
		case OUTBOX_NOTHING:
			return;
		case OUTBOX_APPEND:
			histogram_add(&pipeline->tally.batch, (int64_t)work.count);
			eventstore_append(pipeline->store, work.name, work.expected, work.bodies,
				work.count, work.stream);
			break;
		case OUTBOX_READ:
			eventstore_read_backward(pipeline->store, work.name, work.from,
				(int)work.count, work.stream);
			break;
		case OUTBOX_PROBE:
			eventstore_read_backward(pipeline->store,
				strbuf_span(&pipeline->group_name), -1, 1, pipeline);
			break;
		}
	}
}

static void probed(
	struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms)
{
	bool works = result->read == READ_PAGE || result->read == READ_NO_STREAM;

	outbox_probed(pipeline->outbox, works, result->text, now_ms);
}

static void log_appended(const struct pipeline *pipeline, const struct eventstore_result *result)
{
	if (!log_enabled(LOG_DEBUG))
		return;
	log_line(LOG_DEBUG, result->kind == EVENTSTORE_APPEND ? "append answered" : "read answered",
		"status", log_number(result->status), "number", log_number(result->first_number),
		"error", result->text[0] ? result->text : NULL, NULL);
}

/* The user pointer tells whose request it was: the probe's, the group's, or a stream's. */
static void take_result(
	struct pipeline *pipeline, const struct eventstore_result *result, int64_t now_ms)
{
	struct outbox_page page = {
		result->events, result->event_count, result->last_number, result->at_start};

	log_appended(pipeline, result);
	tally_request(&pipeline->tally, result, pipeline->now_wall_ms);
	if (result->user == pipeline)
		probed(pipeline, result, now_ms);
	else if (result->user == &pipeline->group)
		group_result(pipeline, result, now_ms);
	else if (result->kind == EVENTSTORE_APPEND)
		outbox_append_ended(pipeline->outbox, result->user, result->append,
			result->first_number, result->current_version, result->text, now_ms);
	else
		outbox_read_ended(
			pipeline->outbox, result->user, result->read, &page, result->text, now_ms);
}

static void take_results(struct pipeline *pipeline)
{
	struct eventstore_result result;

	while (eventstore_finished(pipeline->store, &result))
		take_result(pipeline, &result, clock_ms());
}

/* The group's stream was read: now the group may be joined, partitions may start. */
static void go_on_with_group(struct pipeline *pipeline)
{
	struct error error = {0};

	if (pipeline->group_state != GROUP_READY || pipeline->stop != STOP_NONE)
		return;
	if (!pipeline->kafka) {
		pipeline->kafka = wire_kafka(pipeline->config, &error);
		if (!pipeline->kafka)
			pipeline_fail(pipeline, 2, &error);
		return;
	}
	feeds_start(pipeline);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return b >= 0 && b < a ? b : a;
}

static int sleep_ms(struct pipeline *pipeline, int64_t now_ms)
{
	int64_t until_ms = now_ms + (pipeline->on_terminal ? TICK_MS : LONGEST_SLEEP_MS);

	if (pipeline->data_ready && feeds_have_room(pipeline))
		return 0;
	until_ms = sooner(until_ms, outbox_due_ms(pipeline->outbox));
	if (pipeline->group_state == GROUP_UNREAD)
		until_ms = sooner(until_ms, pipeline->group_due_ms);
	until_ms = sooner(until_ms, avro_due_ms(pipeline));
	if (pipeline->revoking)
		until_ms = sooner(until_ms, pipeline->revoke_deadline_ms);
	if (pipeline->stop != STOP_NONE)
		until_ms = sooner(until_ms, now_ms + TICK_MS);
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void wait_for_news(struct pipeline *pipeline, int64_t now_ms)
{
	struct pollfd fds[5] = {{.fd = pipeline->signal_fd, .events = POLLIN}};
	size_t count = 1, data = 0;

	if (avro_fd(pipeline) >= 0)
		fds[count++] = (struct pollfd){.fd = avro_fd(pipeline), .events = POLLIN};
	if (pipeline->status.server)
		fds[count++] = (struct pollfd){
			.fd = http_server_fd(pipeline->status.server), .events = POLLIN};
	if (pipeline->kafka) {
		fds[count++] =
			(struct pollfd){.fd = kafka_control_fd(pipeline->kafka), .events = POLLIN};
		if (feeds_have_room(pipeline)) {
			data = count++;
			fds[data] = (struct pollfd){
				.fd = kafka_data_fd(pipeline->kafka), .events = POLLIN};
		}
	}
	eventstore_wait(pipeline->store, fds, count, sleep_ms(pipeline, now_ms));
	if (fds[0].revents)
		take_signals(pipeline);
	if (data && fds[data].revents)
		pipeline->data_ready = true;
}

static void turn(struct pipeline *pipeline)
{
	int64_t now_ms = clock_ms();

	pipeline->now_wall_ms = wall_ms();
	take_control(pipeline, now_ms);
	/* Answers first: they free the slots that new work goes into. */
	take_results(pipeline);
	group_turn(pipeline, now_ms);
	go_on_with_group(pipeline);
	avro_take_answers(pipeline, now_ms);
	/* Before reading: the store has something to do meanwhile. */
	send_work(pipeline, now_ms);
	feeds_read(pipeline);
	avro_ask(pipeline, now_ms);
	send_work(pipeline, now_ms);
	if (outbox_error(pipeline->outbox))
		pipeline_fail(pipeline, 1, outbox_error(pipeline->outbox));
	feeds_finish_revoke(pipeline, now_ms);
	if (pipeline->kafka)
		feeds_store_offsets(pipeline, now_ms - pipeline->last_tick_ms >= TICK_MS);
	report_turn(pipeline, now_ms);
	status_turn(pipeline, now_ms);
}

/* After the stop: true when nothing is left that could still be settled in time. */
static bool drained(struct pipeline *pipeline)
{
	struct outbox_stats stats;
	int64_t now_ms = clock_ms();

	outbox_stats(pipeline->outbox, &stats);
	if (pipeline->hurry)
		return true;
	if (stats.events == stats.halted || (pipeline->stop == STOP_ERROR && stats.frozen == 0))
		return true;
	if (now_ms < pipeline->stop_deadline_ms && !stats.outage)
		return false;
	log_line(LOG_WARN,
		stats.outage ? "EventStoreDB is away: not waiting for what is not settled"
			     : "shutdown_timeout_ms is over: not waiting for what is not settled",
		"waiting", log_number((long long)stats.events), NULL);
	if (pipeline->stop == STOP_SIGNAL)
		pipeline->exit_code = pipeline->signal_code;
	return true;
}

static void run_loop(struct pipeline *pipeline)
{
	for (;;) {
		turn(pipeline);
		if (pipeline->stop == STOP_NONE && pipeline->options->until_end &&
			pipeline->kafka && feeds_at_end(pipeline, clock_ms()))
			pipeline_stop(pipeline, STOP_END, 0);
		if (pipeline->stop != STOP_NONE && drained(pipeline))
			return;
		wait_for_news(pipeline, clock_ms());
	}
}

/* Leaves the group: what is stored is committed, the others get the partitions at once. */
static void close_kafka(struct pipeline *pipeline)
{
	int64_t deadline_ms = clock_ms() + CLOSE_TIMEOUT_MS;
	bool graceful;

	pipeline->hurry = true; /* a revoke waits for nothing any more */
	feeds_store_offsets(pipeline, false);
	kafka_close(pipeline->kafka);
	while (!kafka_closed(pipeline->kafka) && clock_ms() < deadline_ms) {
		struct pollfd fd = {.fd = kafka_control_fd(pipeline->kafka), .events = POLLIN};

		take_control(pipeline, clock_ms());
		feeds_finish_revoke(pipeline, clock_ms());
		if (!kafka_closed(pipeline->kafka))
			poll(&fd, 1, 100);
	}
	graceful = kafka_closed(pipeline->kafka);
	if (!graceful)
		log_line(LOG_WARN,
			"Kafka does not answer: leaving without saying good-bye; the "
			"group notices after session.timeout.ms",
			NULL);
	feeds_free(pipeline);
	code_of_hard_exit = pipeline->exit_code;
	signal(SIGALRM, hard_exit);
	alarm(DESTROY_TIMEOUT_S);
	kafka_free(pipeline->kafka, graceful);
	alarm(0);
}

static struct outbox *open_outbox(struct pipeline *pipeline)
{
	const struct config *config = pipeline->config;
	struct outbox_options options = {
		.max_batch_events = (size_t)config->pipeline.max_batch_events,
		.max_batch_bytes = config->pipeline.max_batch_bytes,
		.max_idle_streams = 100000,
		.shared_streams = config->mapping.shared_streams == SHARED_STREAMS_ALLOW,
		.append_holes = config->pipeline.on_hole == ON_HOLE_APPEND,
		.dedupe_source = config->pipeline.dedupe == DEDUPE_SOURCE,
		.on_deleted = config->pipeline.on_deleted,
		.seed = (unsigned)clock_us(),
		.settle = feeds_settle,
		.user = pipeline,
	};

	return outbox_new(&options);
}

static const char *group_id(const struct config *config)
{
	size_t i;

	for (i = config->kafka.count; i > 0; i--)
		if (strcmp(config->kafka.names[i - 1], "group.id") == 0)
			return config->kafka.values[i - 1];
	return "rowstream";
}

/* The group is joined only after the store has answered; a wrong property must not wait for that.
 */
static bool kafka_is_configured(const struct config *config, struct error *error)
{
	struct kafka_observer *observer = wire_kafka_observer(config, error);

	if (observer)
		kafka_observer_free(observer);
	return observer != NULL;
}

static bool open_parts(struct pipeline *pipeline, struct error *error)
{
	if (!kafka_is_configured(pipeline->config, error))
		return false;
	pipeline->mapping = wire_mapping(pipeline->config, error);
	pipeline->store = pipeline->mapping ? wire_eventstore(pipeline->config, error) : NULL;
	if (!pipeline->store || !avro_open(pipeline, error))
		return false;
	pipeline->outbox = open_outbox(pipeline);
	pipeline->description = mapping_describe(pipeline->mapping);
	group_stream(group_id(pipeline->config), &pipeline->group_name);
	pipeline->signal_fd = open_signals();
	if (pipeline->signal_fd < 0) {
		error_set(error, ERROR_FATAL, "signalfd: %s", strerror(errno));
		return false;
	}
	if (!status_open(pipeline, error))
		return false;
	pipeline->on_terminal = log_is_terminal();
	pipeline->started_ms = pipeline->last_summary_ms = clock_ms();
	return true;
}

static void close_parts(struct pipeline *pipeline)
{
	status_close(pipeline);
	feeds_free(pipeline);
	outbox_free(pipeline->outbox);
	eventstore_free(pipeline->store);
	avro_close(pipeline);
	mapping_free(pipeline->mapping);
	group_clear(&pipeline->group);
	strbuf_clear(&pipeline->group_name);
	tally_clear(&pipeline->tally);
	free(pipeline->description);
	if (pipeline->signal_fd >= 0)
		close(pipeline->signal_fd);
}

int pipeline_run(const struct config *config, const struct pipeline_options *options)
{
	struct pipeline pipeline = {.config = config, .options = options, .signal_fd = -1};
	struct error error = {0};

	TAILQ_INIT(&pipeline.feeds);
	tally_init(&pipeline.tally);
	if (!open_parts(&pipeline, &error)) {
		log_line(LOG_ERROR, "cannot start", "error", error.text, NULL);
		close_parts(&pipeline);
		return error.kind == ERROR_INPUT ? 2 : 1;
	}
	report_start(&pipeline);
	run_loop(&pipeline);
	feeds_drop_all(&pipeline);
	/* In this order: totals are said before the library may hang. */
	report_end(&pipeline);
	if (pipeline.kafka)
		close_kafka(&pipeline);
	close_parts(&pipeline);
	return pipeline.exit_code;
}
