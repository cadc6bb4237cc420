/* A binary heap of timers: the first due stands at place 1. */
#include "timer.h"

#include <stdlib.h>

void timers_clear(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){0};
}

static void put(struct timers *timers, size_t place, struct timer *timer)
{
	timers->heap[place - 1] = timer;
	timer->place = place;
}

static struct timer *at(const struct timers *timers, size_t place)
{
	return timers->heap[place - 1];
}

static void move_up(struct timers *timers, struct timer *timer)
{
	size_t place = timer->place;

	for (; place > 1 && at(timers, place / 2)->due_ms > timer->due_ms; place /= 2)
		put(timers, place, at(timers, place / 2));
	put(timers, place, timer);
}

static void move_down(struct timers *timers, struct timer *timer)
{
	size_t place = timer->place;

	for (;;) {
		size_t child = place * 2;

		if (child > timers->count)
			break;
		if (child < timers->count &&
			at(timers, child + 1)->due_ms < at(timers, child)->due_ms)
			child++;
		if (at(timers, child)->due_ms >= timer->due_ms)
			break;
		put(timers, place, at(timers, child));
		place = child;
	}
	put(timers, place, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	size_t place = timer->place;
	struct timer *last;

	if (!place)
		return;
	last = at(timers, timers->count--);
	timer->place = 0;
	if (last == timer)
		return;
	put(timers, place, last);
	move_up(timers, last);
	move_down(timers, last);
}

void timer_set(struct timers *timers, struct timer *timer, int64_t due_ms)
{
	timer_stop(timers, timer);
	if (timers->count == timers->size) {
		timers->size = timers->size ? timers->size * 2 : 64;
		timers->heap = xreallocarray(timers->heap, timers->size, sizeof(struct timer *));
	}
	timer->due_ms = due_ms;
	put(timers, ++timers->count, timer);
	move_up(timers, timer);
}

int timers_wait_ms(const struct timers *timers, int64_t now_ms)
{
	int64_t wait_ms;

	if (!timers->count)
		return -1;
	wait_ms = at(timers, 1)->due_ms - now_ms;
	return wait_ms < 0 ? 0 : wait_ms > 60000 ? 60000 : (int)wait_ms;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
	while (timers->count && at(timers, 1)->due_ms <= now_ms) {
		struct timer *timer = at(timers, 1);

		timer_stop(timers, timer);
		timer->fire(timer);
	}
}
