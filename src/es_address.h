/* Connection strings of EventStoreDB and KurrentDB (facts tried with the official clients). */
#ifndef ROWSTREAM_ES_ADDRESS_H
#define ROWSTREAM_ES_ADDRESS_H

#include "error.h"
#include "util.h"

/* Texts are malloc'd; NULL where the string does not say. */
struct es_address {
	bool tls, verify;
	char *host; /* an IPv6 address with its brackets */
	int port;
	char *username, *password; /* percent-decoded */
	char *ca_file;
};

/* "esdb://user:pass@host:2113?tls=false". False and error (ERROR_INPUT, never with the user or
 * password in it). */
bool es_address_parse(struct es_address *address, const char *text, struct error *error);
void es_address_clear(struct es_address *address);

#endif
