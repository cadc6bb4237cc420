/* What a Debezium connector is told (docs/debezium.md), and what its errors mean. */
#ifndef ROWSTREAM_CONNECTOR_H
#define ROWSTREAM_CONNECTOR_H

#include "strbuf.h"
#include "util.h"

enum connector_kind {
	CONNECTOR_OTHER,
	CONNECTOR_POSTGRESQL,
	CONNECTOR_MYSQL,
	CONNECTOR_MARIADB,
};

/* Both malloc'd. */
struct connector_property {
	char *name, *value;
	const char *reason; /* of one that we recommend; NULL: the operator's own */
};

/* In the order in which they were set; start with {0}. */
struct connector_properties {
	struct connector_property *items;
	size_t count;
};

/* By the class's name, whole or short ("PostgresConnector"). */
enum connector_kind connector_kind_of(const char *class_name);

void connector_set(struct connector_properties *properties, const char *name, const char *value,
	const char *reason);
const char *connector_get(const struct connector_properties *properties, const char *name);
void connector_clear(struct connector_properties *properties);

/* Adds what we recommend for the class in "connector.class" wherever the operator said nothing.
 * name: the connector's, from which names in the database and in Kafka are made. */
void connector_recommend(
	struct connector_properties *properties, const char *name, const char *bootstrap_servers);

/* Adds what a Java stack trace says to a person: the message of its first line and that of its
 * innermost cause, without class names. */
void connector_cause(struct span trace, struct strbuf *out);

/* What to do about an error of Kafka Connect, Debezium or a database's driver; NULL: nothing is
 * known about it. */
const char *connector_advice(const char *text);

#endif
