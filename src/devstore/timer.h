/* Deadlines: a heap of what is due when. */
#ifndef DEVSTORE_TIMER_H
#define DEVSTORE_TIMER_H

#include "util.h"

/* Embedded in what waits. Start with {0}; fire is called once, from timers_run, with the timer
 * already off; it may set any timer again. */
struct timer {
	int64_t due_ms; /* clock_ms() */
	size_t place;	/* in the heap, counted from 1; 0: off */
	void (*fire)(struct timer *timer);
};

struct timers {
	struct timer **heap;
	size_t count, size;
};

void timers_clear(struct timers *timers);
void timer_set(struct timers *timers, struct timer *timer, int64_t due_ms);
void timer_stop(struct timers *timers, struct timer *timer);
/* Milliseconds until the first is due, for poll: 0 if one is overdue, -1 if none is set. */
int timers_wait_ms(const struct timers *timers, int64_t now_ms);
void timers_run(struct timers *timers, int64_t now_ms);

#endif
