/* What the files of avro_twin share: avro_schema.c (schemas and their blocks), avro_twin.c (values)
 * and libavro's memory. */
#ifndef ROWSTREAM_AVRO_TWIN_INTERNAL_H
#define ROWSTREAM_AVRO_TWIN_INTERNAL_H

#include <avro.h>
#include <avro/consumer.h>
#include <jansson.h>

#include "arena.h"
#include "avro_twin.h"

/* Types within types: of a schema, and so of its values. */
#define AVRO_MAX_DEPTH 64

/* One type of a schema. libavro's consumer comes first: what it hands back is the node. */
struct avro_node {
	avro_consumer_t consumer;
	struct avro_node **children; /* fields or branches in order; items or values: one */
	struct span *names;	     /* fields: `"name":`; symbols: `"name"`; both as JSON text */
	size_t count;		     /* of children or symbols */
	/* While the schema is read: */
	const json_t *json;
	struct avro_node *earlier; /* the named type before this one */
	bool open;		   /* inside of it */
};

struct twin_schema {
	struct arena arena; /* holds the nodes and all that libavro allocated */
	struct avro_node *root;
	struct strbuf block; /* `{"schema":…,"payload":` */
};

/* libavro allocates what a length in the bytes asks for before it looks whether so much is there,
 * and loses it where reading fails. So, while it is called, all its memory comes out of an arena
 * with bounds, and goes with it. */
struct avro_memory {
	struct arena *arena;
	size_t most, left; /* bytes: of one piece; of all that are still to come */
	const void *last;  /* the newest piece */
	size_t last_bytes;
	struct avro_allocator_state before;
};

void avro_memory_begin(struct avro_memory *memory);
void avro_memory_end(struct avro_memory *memory);

/* avro_twin.c: the callbacks that read a node's values. */
void avro_set_callbacks(avro_consumer_t *consumer);

#endif
