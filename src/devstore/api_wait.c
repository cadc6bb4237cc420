/* Exchanges between their answer and the wire: held for the commit, delayed or lost by a fault,
 * polling for events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"

static void move_pending(struct pending *pending, struct pending_list *list)
{
	if (pending->list)
		TAILQ_REMOVE(pending->list, pending, link);
	pending->list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, pending, link);
}

static void free_pending(struct pending *pending)
{
	timer_stop(pending->api->options.timers, &pending->timer);
	move_pending(pending, NULL);
	free(pending->poll_stream);
	free(pending);
}

static void forget_gone(struct http_exchange *exchange)
{
	free_pending(exchange->owner);
}

static struct pending *new_pending(struct api *api, struct http_exchange *exchange)
{
	struct pending *pending = xcalloc(1, sizeof(*pending));

	pending->api = api;
	pending->exchange = exchange;
	exchange->owner = pending;
	exchange->gone = forget_gone;
	return pending;
}

static void send_now(struct pending *pending)
{
	struct http_exchange *exchange = pending->exchange;

	free_pending(pending);
	http_send(exchange);
}

static void send_late(struct timer *timer)
{
	send_now((struct pending *)((char *)timer - offsetof(struct pending, timer)));
}

/* What is written is written; what becomes of the answer is the fault's. */
static void finish(struct pending *pending)
{
	struct http_exchange *exchange = pending->exchange;
	struct fault_plan plan = pending->plan;

	exchange->close |= plan.close;
	switch (plan.kind) {
	case FAULT_LOSE_AFTER:
		free_pending(pending);
		http_hang_up(exchange);
		return;
	case FAULT_NEVER_AFTER:
		move_pending(pending, &pending->api->aside);
		return;
	case FAULT_ERROR_AFTER:
		answer_plain(exchange, 500, "Write timeout");
		break;
	case FAULT_TOO_LARGE_AFTER:
		http_answer(exchange, 413, "Too large events received. Limit is 4mb");
		break;
	default:
		break;
	}
	if (plan.delay_ms <= 0) {
		send_now(pending);
		return;
	}
	move_pending(pending, &pending->api->aside);
	pending->timer.fire = send_late;
	timer_set(pending->api->options.timers, &pending->timer, clock_ms() + plan.delay_ms);
}

/* The answer stands; it goes out now, or when the commit is done. */
void api_conclude(struct call *call)
{
	struct http_exchange *exchange = call->exchange;
	bool dirty = store_is_dirty(call->api->options.store);
	struct pending *pending;

	if (!dirty && call->plan.kind == FAULT_NONE && !call->plan.delay_ms) {
		exchange->close |= call->plan.close;
		http_send(exchange);
		return;
	}
	pending = new_pending(call->api, exchange);
	pending->plan = call->plan;
	if (dirty)
		move_pending(pending, &call->api->held);
	else
		finish(pending);
}

/* --- Faults that come before any work --- */

static void end_refusal(struct timer *timer)
{
	struct pending *pending =
		(struct pending *)((char *)timer - offsetof(struct pending, timer));

	http_server_listen(pending->api->server, true);
	free_pending(pending);
}

static void refuse_everybody(struct call *call)
{
	struct api *api = call->api;
	struct pending *waiting = xcalloc(1, sizeof(*waiting));

	waiting->api = api;
	waiting->timer.fire = end_refusal;
	move_pending(waiting, &api->aside);
	timer_set(api->options.timers, &waiting->timer, clock_ms() + call->plan.delay_ms);
	http_server_listen(api->server, false);
}

static void run_late(struct timer *timer)
{
	struct pending *pending =
		(struct pending *)((char *)timer - offsetof(struct pending, timer));
	struct fault_plan plan = {.kind = FAULT_NONE};
	struct http_exchange *exchange = pending->exchange;
	struct api *api = pending->api;

	free_pending(pending);
	exchange->gone = NULL;
	api_run(api, exchange, &plan);
}

/* As an append that its sender gave up, and that waited in some queue. */
static void run_it_late(struct call *call)
{
	struct pending *pending = new_pending(call->api, call->exchange);

	http_detach(call->exchange);
	pending->timer.fire = run_late;
	timer_set(call->api->options.timers, &pending->timer, clock_ms() + call->plan.delay_ms);
	move_pending(pending, &call->api->aside);
}

static void answer_redirect(struct call *call)
{
	struct strbuf location = {0};

	http_answer(call->exchange, 307, "Temporary Redirect");
	strbuf_printf(&location, "%s://%s", http_is_encrypted(call->exchange) ? "https" : "http",
		call->plan.to);
	strbuf_add_span(&location, call->exchange->request.target);
	http_add_header(call->exchange, "Location", strbuf_span(&location));
	strbuf_clear(&location);
}

static void answer_for_fault(struct call *call)
{
	switch (call->plan.kind) {
	case FAULT_ERROR:
		answer_plain(call->exchange, 500, "Write timeout");
		break;
	case FAULT_UNAVAILABLE:
		answer_plain(call->exchange, 503, "Server Is Not Ready");
		break;
	case FAULT_DENY:
		http_answer(call->exchange, 401, "Unauthorized");
		http_add_header(
			call->exchange, "WWW-Authenticate", span_of("X-Basic realm=\"ESDB\""));
		break;
	case FAULT_REDIRECT:
		answer_redirect(call);
		break;
	default:
		http_answer(call->exchange, 413, "Too large events received. Limit is 4mb");
		break;
	}
}

/* True: the request is dealt with. */
bool api_meet_fault(struct call *call)
{
	struct fault_subject subject = {
		.method = call->exchange->request.method,
		.stream = call->stream.len ? strbuf_span(&call->stream) : SPAN_NULL,
		.connection_requests = http_request_count(call->exchange),
	};

	if (fault_set_empty(call->api->options.faults))
		return false;
	fault_plan_for(call->api->options.faults, &subject, clock_ms(), &call->plan);
	switch (call->plan.kind) {
	case FAULT_LOSE_BEFORE:
		http_hang_up(call->exchange);
		return true;
	case FAULT_NEVER:
		move_pending(new_pending(call->api, call->exchange), &call->api->aside);
		return true;
	case FAULT_LATE:
		run_it_late(call);
		return true;
	case FAULT_REFUSE:
		refuse_everybody(call);
		return true;
	case FAULT_ERROR:
	case FAULT_UNAVAILABLE:
	case FAULT_DENY:
	case FAULT_REDIRECT:
	case FAULT_TOO_LARGE:
		answer_for_fault(call);
		api_conclude(call);
		return true;
	default:
		return false;
	}
}

/* --- Long polls --- */

/* The same request again, from the start: now it has its events, or has waited long enough. */
static void end_poll(struct pending *pending)
{
	struct http_exchange *exchange = pending->exchange;
	struct fault_plan plan = pending->plan;
	struct api *api = pending->api;

	free_pending(pending);
	exchange->gone = NULL;
	api_run(api, exchange, &plan);
}

static void end_poll_late(struct timer *timer)
{
	end_poll((struct pending *)((char *)timer - offsetof(struct pending, timer)));
}

void api_park_poll(struct call *call, int64_t number, int64_t seconds)
{
	struct pending *pending = new_pending(call->api, call->exchange);
	int64_t most_s = 24 * 3600;

	call->parked = true;
	pending->plan = call->plan;
	pending->poll_number = number;
	if (!call->is_all)
		pending->poll_stream = xstrndup(call->stream.data, call->stream.len);
	pending->timer.fire = end_poll_late;
	timer_set(call->api->options.timers, &pending->timer,
		clock_ms() + (seconds < most_s ? seconds : most_s) * 1000);
	move_pending(pending, &call->api->polling);
}

static bool has_come(struct api *api, const struct pending *pending)
{
	struct store *store = api->options.store;

	if (!pending->poll_stream)
		return store_last_position(store) >= pending->poll_number;
	return store_last_number(store, span_of(pending->poll_stream)) >= pending->poll_number;
}

static void wake_polls(struct api *api)
{
	struct pending *pending, *next;

	for (pending = TAILQ_FIRST(&api->polling); pending; pending = next) {
		next = TAILQ_NEXT(pending, link);
		if (has_come(api, pending))
			end_poll(pending);
	}
}

/* --- The end of a turn --- */

/* Sending an answer may bring the next request of its connection at once, which is held for the
 * next commit: it must not go out with those that this commit was for. */
static void release(struct api *api, const struct error *error)
{
	struct pending *pending;

	while ((pending = TAILQ_FIRST(&api->held)))
		move_pending(pending, &api->committed);
	while ((pending = TAILQ_FIRST(&api->committed))) {
		if (error->kind) {
			answer_broken(pending->exchange, error);
			pending->plan = (struct fault_plan){.kind = FAULT_NONE};
		}
		finish(pending);
	}
}

bool api_end_turn(struct api *api)
{
	struct store *store = api->options.store;
	struct error error = {0};

	if (!store_is_dirty(store))
		return false;
	store_commit(store, &error);
	if (error.kind)
		fprintf(stderr,
			"rowstream-devstore: %s; nothing of the last requests was written\n",
			error.text);
	release(api, &error);
	wake_polls(api);
	return store_is_dirty(store);
}

void api_wind_up(struct api *api)
{
	struct pending *pending, *next;

	while ((pending = TAILQ_FIRST(&api->polling)))
		end_poll(pending);
	for (pending = TAILQ_FIRST(&api->aside); pending; pending = next) {
		struct http_exchange *exchange = pending->exchange;

		next = TAILQ_NEXT(pending, link);
		if (pending->timer.place || !exchange)
			continue;
		free_pending(pending);
		http_hang_up(exchange);
	}
}

static void free_list(struct pending_list *list)
{
	while (!TAILQ_EMPTY(list))
		free_pending(TAILQ_FIRST(list));
}

void api_free(struct api *api)
{
	if (!api)
		return;
	free_list(&api->held);
	free_list(&api->committed);
	free_list(&api->polling);
	free_list(&api->aside);
	free(api);
}
