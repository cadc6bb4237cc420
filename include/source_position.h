/* Which of two changes of one database came first: positions as metadata has them (mapping.md,
 * section 6). Kafka keeps the order of a partition only; a table may be spread over several. */
#ifndef ROWSTREAM_SOURCE_POSITION_H
#define ROWSTREAM_SOURCE_POSITION_H

#include "util.h"

enum source_order {
	SOURCE_UNKNOWN, /* another connector, server or form, or nothing there */
	SOURCE_BEFORE,	/* a came first */
	SOURCE_SAME,
	SOURCE_BEHIND,
};

/* Both positions are of the connector and of one source name. PostgreSQL: LSN of the commit before,
 * then LSN; MySQL and MariaDB: file, pos and row of one server (a snapshot's has server 0); SQL
 * Server and Db2: LSNs in hex; Oracle: SCNs; MongoDB, Informix: numbers. */
enum source_order source_position_order(struct span connector, struct span a, struct span b);

/* A change's place among those of its table. Texts ptr NULL and ts_ms -1 where unknown. */
struct change_place {
	struct span connector, position;
	int64_t ts_ms;
	int64_t sequence; /* in the store; never the same twice */
};

/* By position; where that tells nothing by time; where that is the same by the store's order. Both
 * are of one source name. */
bool change_place_before(const struct change_place *a, const struct change_place *b);

#endif
