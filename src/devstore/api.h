/* EventStoreDB's HTTP API over the store: what a request means and how it is answered.
 *
 * A turn handles what came in and then ends: answers wait until what they tell of is committed. */
#ifndef DEVSTORE_API_H
#define DEVSTORE_API_H

#include "fault.h"
#include "http.h"
#include "store.h"
#include "timer.h"

struct users;

struct api;

struct api_options {
	struct store *store;
	struct timers *timers;
	struct fault_set *faults;
	struct users *users; /* NULL: everybody may do everything */
	const char *version; /* of this program */
	bool no_atom;	     /* as a server whose AtomPub is switched off */
};

struct api *api_new(const struct api_options *options);
void api_free(struct api *api);
/* For things that name the server itself; after it started. */
void api_set_server(struct api *api, struct http_server *server);
/* An http_options.handle; user is the api. */
void api_handle(struct http_exchange *exchange, void *user);
/* Commits, then sends what waited for it. True: that brought new requests, and there is more to
 * commit already. */
bool api_end_turn(struct api *api);
/* Before the end: long polls are answered with what there is, and who would never have been
 * answered is let go. */
void api_wind_up(struct api *api);

#endif
