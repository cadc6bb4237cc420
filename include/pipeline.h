/* Joins everything: records come in, become events, are appended in order, offsets are committed.
 * The only module that knows that both Kafka and EventStoreDB exist. */
#ifndef ROWSTREAM_PIPELINE_H
#define ROWSTREAM_PIPELINE_H

#include "config.h"
#include "group.h"

/* Where partitions start that have no valid commit: --from. */
struct pipeline_from {
	const char *topic; /* NULL: all */
	int32_t partition;
	int64_t offset; /* PIPELINE_EARLIEST, PIPELINE_LATEST or an offset */
};

#define PIPELINE_EARLIEST (-2)
#define PIPELINE_LATEST (-1)

struct pipeline_options {
	bool until_end; /* stop at the end offsets seen at the start */
	const struct group_skip *skips;
	size_t skip_count;
	const struct pipeline_from *from;
	size_t from_count;
	bool force; /* --from holds for partitions with a valid commit too */
	bool accept_mapping_change;
};

/* Runs until the end, a signal or an error; returns the exit code (interface.md). Says what
 * happened in the log. */
int pipeline_run(const struct config *config, const struct pipeline_options *options);

#endif
