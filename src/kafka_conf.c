/* librdkafka's configuration: the user's properties, our defaults, what would break the protocol.
 */
#include <string.h>
#include <strings.h>

#include "kafka_internal.h"

/* The protocol rests on these (append.md, section 7). */
static const struct {
	const char *name, *value, *reason;
} fixed[] = {
	{"enable.auto.commit", "true", "offsets are committed by the library's own timer"},
	{"enable.auto.offset.store", "false", "an offset is stored when its event is in the store"},
	{"auto.offset.reset", "error", "records that are gone must not be skipped silently"},
	{"enable.partition.eof", "false", "ends are recognised by position"},
};

/* Where the user says nothing. classic: not with group.protocol=consumer, which refuses it;
 * optional: only newer libraries know it. */
static const struct {
	const char *name, *value;
	bool classic, optional;
} defaults[] = {
	{"bootstrap.servers", "localhost:9092", false, false},
	{"group.id", "rowstream", false, false},
	{"client.id", "rowstream", false, false},
	{"auto.commit.interval.ms", "1000", false, false},
	{"partition.assignment.strategy", "range,roundrobin", true, false},
	{"isolation.level", "read_committed", false, false},
	{"socket.nagle.disable", "true", false, false},
	{"socket.keepalive.enable", "true", false, false},
	{"topic.metadata.refresh.interval.ms", "30000", false, false},
	{"fetch.queue.backoff.ms", "50", false, true},
};

static bool given(const struct kafka_options *options, const char *name)
{
	size_t i;

	for (i = 0; i < options->property_count; i++)
		if (strcmp(options->properties[i].name, name) == 0)
			return true;
	return false;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *error)
{
	char why[512];

	/* why may hold text though all is well: only the code counts. */
	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return true;
	error_set(error, ERROR_INPUT, "kafka: %s: %s", name, why);
	return false;
}

/* Settings with which nothing would ever work, but quietly. */
static bool is_useless(const struct kafka_property *property, struct error *error)
{
	if (strcmp(property->name, "auto.commit.interval.ms") == 0 &&
		strcmp(property->value, "0") == 0) {
		error_set(error, ERROR_INPUT,
			"kafka: auto.commit.interval.ms 0 switches commits off; write how often, "
			"like 1000");
		return true;
	}
	return false;
}

static const char *value_of(const struct kafka_options *options, const char *name)
{
	size_t i;

	for (i = 0; i < options->property_count; i++)
		if (strcmp(options->properties[i].name, name) == 0)
			return options->properties[i].value;
	return "";
}

/* The library asks the program for a token then, and waits for ever: there is nobody here to ask.
 */
static bool has_no_token(const struct kafka_options *options, struct error *error)
{
	const char *mechanism = value_of(options, "sasl.mechanisms");

	if (!*mechanism)
		mechanism = value_of(options, "sasl.mechanism");
	if (strcasecmp(mechanism, "OAUTHBEARER") != 0 ||
		strcasecmp(value_of(options, "sasl.oauthbearer.method"), "oidc") == 0 ||
		strcasecmp(value_of(options, "enable.sasl.oauthbearer.unsecure.jwt"), "true") == 0)
		return false;
	error_set(error, ERROR_INPUT,
		"kafka: OAUTHBEARER needs sasl.oauthbearer.method: oidc, with "
		"sasl.oauthbearer.token.endpoint.url, client.id and client.secret: where else "
		"would "
		"the token come from?");
	return true;
}

/* Shells and other tools expand it, the library would wait for a topic of that very name. */
static bool has_star(const struct kafka_options *options, struct error *error)
{
	size_t i;

	for (i = 0; i < options->topic_count; i++) {
		if (options->topics[i][0] == '^' || !strchr(options->topics[i], '*'))
			continue;
		error_set(error, ERROR_INPUT,
			"source.topics: '%s' is a name, and no topic's name holds a *; a pattern "
			"begins with ^ and is a regular expression: '^shop\\..*'",
			options->topics[i]);
		return true;
	}
	return false;
}

static bool breaks_protocol(const struct kafka_property *property, struct error *error)
{
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(property->name, fixed[i].name) != 0 ||
			strcasecmp(property->value, fixed[i].value) == 0)
			continue;
		error_set(error, ERROR_INPUT, "kafka: %s must be %s: %s", property->name,
			fixed[i].value, fixed[i].reason);
		return true;
	}
	return false;
}

static bool set_given(
	rd_kafka_conf_t *conf, const struct kafka_options *options, struct error *error)
{
	size_t i;

	for (i = 0; i < options->property_count; i++) {
		const struct kafka_property *property = &options->properties[i];

		if (breaks_protocol(property, error) || is_useless(property, error) ||
			!set(conf, property->name, property->value, error))
			return false;
	}
	return true;
}

static bool consumer_protocol(const struct kafka_options *options)
{
	size_t i;

	for (i = 0; i < options->property_count; i++)
		if (strcmp(options->properties[i].name, "group.protocol") == 0)
			return strcasecmp(options->properties[i].value, "consumer") == 0;
	return false;
}

static bool set_defaults(
	rd_kafka_conf_t *conf, const struct kafka_options *options, struct error *error)
{
	struct error ignored = {0};
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!set(conf, fixed[i].name, fixed[i].value, error))
			return false;
	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (given(options, defaults[i].name) ||
			(defaults[i].classic && consumer_protocol(options)))
			continue;
		error_clear(&ignored);
		if (!set(conf, defaults[i].name, defaults[i].value,
			    defaults[i].optional ? &ignored : error) &&
			!defaults[i].optional)
			return false;
	}
	return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct kafka_options *options, struct error *error)
{
	rd_kafka_conf_t *conf;

	if (has_star(options, error) || has_no_token(options, error))
		return NULL;
	conf = rd_kafka_conf_new();
	if (set_given(conf, options, error) && set_defaults(conf, options, error))
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

void kafka_add_subscription(struct strbuf *out, const char *topic)
{
	if (*topic == '^')
		strbuf_printf(out, "^(%s)$", topic + 1);
	else
		strbuf_add_text(out, topic);
}

/* Tried on a real broker: facts of librdkafka 2.0.2 with Kafka 4.3.1. */
const char *kafka_explain(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		return rd_kafka_version() < 0x020601ff
			       ? "; check name, password and mechanism; with SCRAM and Kafka 4 "
				 "this "
				 "comes from librdkafka before 2.6.1 though the password is right"
			       : "; check name, password and mechanism";
	case RD_KAFKA_RESP_ERR__SSL:
		return "; the broker's certificate is of another authority than ssl.ca.location, "
		       "or "
		       "its host name is not the one in bootstrap.servers";
	case RD_KAFKA_RESP_ERR__TRANSPORT:
		return "; tried again until it works";
	case RD_KAFKA_RESP_ERR__RESOLVE:
		return "; check the host name in bootstrap.servers";
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return "; the user needs READ on the topic";
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		return "; the user needs READ on the group";
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		return "; waiting until it is there";
	default:
		return "";
	}
}
