/* What kafka.c (the consumer) and kafka_conf.c (its configuration) share. */
#ifndef ROWSTREAM_KAFKA_INTERNAL_H
#define ROWSTREAM_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "kafka.h"
#include "strbuf.h"

/* The user's properties, with ours where he says nothing; callbacks are the caller's. NULL and
 * error (ERROR_INPUT) for a property that librdkafka or our protocol refuses. */
rd_kafka_conf_t *kafka_conf_new(const struct kafka_options *options, struct error *error);

/* A topic or ^pattern as librdkafka takes it: it would be content with a pattern that matches the
 * beginning of a topic, ours match whole ones (pattern.h). Added to out. */
void kafka_add_subscription(struct strbuf *out, const char *topic);

/* librdkafka's words, with what they mean where they mislead. */
const char *kafka_explain(rd_kafka_resp_err_t code);

#endif
