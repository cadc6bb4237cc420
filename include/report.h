/* What the events of a store say together: which operations, how large transactions are, when and
 * where changes happen, how long they took. Pure; memory grows with tables and hours, not events.
 */
#ifndef ROWSTREAM_REPORT_H
#define ROWSTREAM_REPORT_H

#include "chart.h"
#include "row_event.h"

#define REPORT_CHARTS 5
/* Transactions that may be open at once: of more, the one that was silent the longest is taken as
 * ended. */
#define REPORT_OPEN_TRANSACTIONS 200000

struct report;

struct report *report_new(void);
void report_free(struct report *report);
/* Any event; what is not ours is counted and nothing more. In the order of a category or of $all.
 */
void report_add(struct report *report, const struct row_event *event);

struct report_figures {
	int64_t events, foreign, transactions,
		cut_transactions;  /* cut: were taken as ended early */
	int64_t first_ms, last_ms; /* of the database's times; -1 where there is none */
};

struct report_figures report_figures(const struct report *report);
/* operations, transactions, churn, hottest, latency, in this order. Closes what is open: no event
 * may be added afterwards. The charts are the caller's (chart_clear), and borrow from report. */
void report_charts(struct report *report, struct chart charts[REPORT_CHARTS]);

#endif
