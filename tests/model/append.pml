/*
 * The append protocol (append.md), model-checked: two bridges that write one stream fed by two
 * partitions, a store with EventStoreDB's rules, and whatever may go wrong between them.
 *
 * README.md beside this file says what is modelled, what is left out and what was found. run.sh
 * checks the configurations and shows that every mutation (M_...) is caught.
 *
 * Conventions. Partition p has records 0 .. N(p)-1; each is one event of the stream, and ID(p, o)
 * stands for its UUIDv5. A version is written as a length: expected version n is n + 1 here, "no
 * stream" (-1) is 0. Nobody's queue is spelt out: what a bridge has queued of a partition is some
 * part of the records behind the settled ones, chosen at the moment when it matters. That covers
 * every order of arrival with far fewer states.
 */

/* --- What run.sh sets. --- */
#ifndef N0
#define N0 2	 /* records of partition 0 */
#endif
#ifndef N1
#define N1 2	 /* records of partition 1 */
#endif
#ifndef BATCH
#define BATCH 2	 /* events of a batch, at most */
#endif
#ifndef PAGE
#define PAGE 1	 /* events of a page when reading back */
#endif
#ifndef FAULTS
#define FAULTS 0 /* how many faults may happen, of the kinds switched on (F_...) */
#endif
#ifndef GHOSTS
#define GHOSTS 1 /* requests on their way that nobody waits for, at most */
#endif
#ifndef OWNER1
#define OWNER1 1 /* who has partition 1 at first; bridge 0 has partition 0 */
#endif

#define N(p)	  ((p) == 0 -> N0 : N1)
#define ALL	  (N0 + N1)
#define ID(p, o)  ((p) * 8 + (o) + 1)
#define PART(e)	  (((e) & 15) > 8 -> 1 : 0)
#define OFFSET(e) ((((e) & 15) - 1) & 7)
#define UNKNOWN	  15
#define ANY	  14 /* expected version "any" (-2); only a mutation sends it */
#define HAS(s, p) (((s) >> (p)) & 1)
#define BIT(p)	  (1 << (p))

/* TOMBSTONE: record 0 of partition 0 is a delete, record 1 the tombstone after it, an event
 * marked unless_deleted (append.md, section 2), record 2 the row inserted again. */
#define DELETE	   ID(0, 0)
#define TOMB	   ID(0, 1)
#ifdef TOMBSTONE
#define IS_TOMB(o) ((o) == 1)
#else
#define IS_TOMB(o) false
#endif

/* ELSEWHERE: a record of another stream stands between the first two of partition 0; the watermark
 * must not pass it. Kafka's positions in partition 0 are then 0, [elsewhere] 1, 2, 3 ... */
#ifdef ELSEWHERE
#define END0 (N0 + 1)
#else
#define END0 N0
#endif

/* --- What must never happen. Each has its own name, so that run.sh can tell them apart. --- */
bit written_twice;	 /* an event is in the stream already and is written again */
bit out_of_order;	 /* an event is written before an earlier one of its partition */
bit committed_too_early; /* an offset is committed, and a record below it is not in the store */
bit hole_met;		 /* reading back would refuse a record (append.md, section 4: hole) */
bit judged_twice;	 /* a tombstone is skipped by one and written by another */
bit conflict_when_alone; /* a bridge meets a version conflict that only its own batches caused */

/* --- The store (esdb-http.md, section 2; esdb-modern.md, section 4). --- */
byte log[ALL]; /* ids, in stream order */
byte written;  /* their number: what the writer checks versions and ids against */
byte indexed;  /* those replicated and indexed: what readers see, and what 201 waits for */
#ifdef M_ANY_VERSION
byte warm; /* ids of events below this were forgotten in a restart */
#endif
#ifdef TOMBSTONE
bit tombstone_skipped;
#endif

/* Requests at the store. Those of bridge 0 and 1 come first; the others are ghosts: timed out, or
 * their bridge died. They may still be written. */
#define REQUESTS (2 + GHOSTS)
mtype = {NONE, QUEUED, WRITTEN, CONFLICT, BUSY};
typedef request {
	mtype is;
	byte expected, n, ev[BATCH];
	byte end;     /* WRITTEN: 201 goes out once this many events are indexed */
	byte current; /* CONFLICT: ES-CurrentVersion */
};
request req[REQUESTS];

/* --- Kafka. --- */
bit owner[2];	   /* whom the group's present generation gives the partition */
byte committed[2]; /* the group's offset: the next record to read */

/* --- The bridges. --- */
mtype = {READY, CHECKING, SENDING, WAITING};
typedef bridge {
	mtype is;	 /* append.md, section 2; READY is IDLE too */
	bit own[2];	 /* believes to own the partition: a zombie errs */
	byte settled[2]; /* records settled: the watermark, and where the queue begins */
	byte revision;	 /* of the stream, or UNKNOWN */
	byte checked[2]; /* events of the partition known to be there, or UNKNOWN */
	bit must_send;	 /* the last pass settled nothing: something is sent before the next one */
	/* the frozen batch */
	byte expected, n, ev[BATCH];
	/* reading back */
	byte asked;	 /* set of partitions that have queued events: this pass is about them */
	byte head, next; /* revision by the first page; number below which to go on */
	byte top[2];	 /* highest offset seen, plus 1 */
	byte found[2];	 /* events seen that are not settled here */
	byte low;	 /* set of partitions of which a smaller offset was seen */
	byte told;	 /* what a conflict named as current version; only mutations use it */
#ifdef M_RANDOM_IDS
	byte salt;
#endif
#ifdef TOMBSTONE
	bit saw_tomb;
#endif
};
bridge br[2];
#ifdef ELSEWHERE
bit elsewhere_settled[2]; /* as each bridge sees it */
bit elsewhere_written;
#endif

byte faults = FAULTS;
#define done (committed[0] == END0 && committed[1] == N1)

/* --- Requests. --- */

inline request_clear(r)
{
	req[r].is = NONE;
	req[r].expected = 0;
	req[r].n = 0;
	req[r].end = 0;
	req[r].current = 0;
	i = 0;
	do
	:: i < BATCH -> req[r].ev[i] = 0; i++
	:: else -> i = 0; break
	od
}

/* A ghost whose version is history can write nothing any more, only be recognised or refused
 * unheard. It is dropped, which saves most of the states. */
#if defined(M_ANY_VERSION) || defined(M_TWO_IN_FLIGHT)
#define DEAD(r) false
#else
#define DEAD(r) (req[r].expected < indexed)
#endif

/* Nobody waits any more: the request of bridge b goes its way as a ghost, or is lost. */
inline request_abandon(b)
{
	g = 2;
	do
	:: g < REQUESTS && req[g].is != NONE -> g++
	:: else -> break
	od;
	if
	:: req[b].is == QUEUED && g < REQUESTS && !DEAD(b) ->
		req[g].is = QUEUED;
		req[g].expected = req[b].expected;
		req[g].n = req[b].n;
		i = 0;
		do
		:: i < BATCH -> req[g].ev[i] = req[b].ev[i]; i++
		:: else -> break
		od
	:: true
	fi;
	g = 0;
	request_clear(b)
}

/* --- The store's writer: IndexWriter.CheckCommit, then the write. --- */

/* Event e goes to the end of the stream. The assertions stand here, whatever becomes of it. */
inline store_write()
{
	j = 0;
	k = 0; /* events of its partition before it */
	printf("\t\t\tstore: number %d is p%d:%d\n", written, PART(e), OFFSET(e));
	do
	:: j < written ->
		if
		:: (log[j] & 15) == (e & 15) -> written_twice = 1
		:: else
		fi;
		if
		:: PART(log[j]) == PART(e) -> k++
		:: else
		fi;
		j++
	:: else -> break
	od;
	assert(!written_twice);
#ifdef TOMBSTONE
	if
	:: e == TOMB && tombstone_skipped -> judged_twice = 1
	:: PART(e) == 0 && OFFSET(e) > 1 && tombstone_skipped -> k++
	:: else
	fi;
	assert(!judged_twice);
#endif
	if
	:: k != OFFSET(e) -> out_of_order = 1
	:: else
	fi;
	assert(!out_of_order);
	log[written] = e;
	written++
}

inline store_append(r)
{
	i = 0;
	do
	:: i < req[r].n -> e = req[r].ev[i]; store_write(); i++
	:: else -> e = 0; break
	od
}

/* k: how many of the batch's ids stand at the numbers expected + 1, ..., from its first one on. */
inline store_compare(r)
{
	k = 0;
	do
	:: k < req[r].n && req[r].expected + k < written &&
			log[req[r].expected + k] == req[r].ev[k] -> k++
	:: else -> break
	od
}

#ifdef M_ANY_VERSION
/* Ids are looked up in what the writer remembers, at any number: the first one is new (write all),
 * all are known (recognised), or a mixture (400). */
inline store_compare_any(r)
{
	k = 0;
	i = 0;
	do
	:: i < req[r].n ->
		j = warm;
		do
		:: j < written && log[j] != req[r].ev[i] -> j++
		:: else -> break
		od;
		if
		:: j < written && k == i -> k++
		:: else
		fi;
		i++
	:: else -> break
	od;
	if
	:: k == 0 -> req[r].expected = written
	:: k == req[r].n -> req[r].expected = written - k
	:: else -> req[r].expected = written + 1
	fi
}
#endif

#ifdef M_TWO_IN_FLIGHT
/* The second request's sender, refused, looks for its event alone and sends it again. */
inline second_request_again(r)
{
	j = 0;
	do
	:: j < indexed && log[j] != req[r].ev[0] -> j++
	:: else -> break
	od;
	if
	:: req[r].is == CONFLICT && j == indexed ->
		req[r].expected = indexed;
		req[r].current = 0;
		req[r].is = QUEUED
	:: else -> request_clear(r)
	fi
}
#endif

inline store_process(r)
{
#ifdef M_ANY_VERSION
	bit any = (req[r].expected == ANY);
	if
	:: any -> store_compare_any(r)
	:: else
	fi;
#endif
	if
	:: req[r].expected == written ->
		store_append(r);
		req[r].end = written;
		req[r].is = WRITTEN
	:: req[r].expected > written ->
		req[r].current = written;
		req[r].is = CONFLICT
	:: else ->
#ifdef M_ANY_VERSION
		if
		:: any -> k = req[r].n
		:: else -> store_compare(r)
		fi;
		any = 0;
#else
		store_compare(r);
#endif
		if
		:: k < req[r].n -> /* answered at once, and from what is written, indexed or not */
			req[r].current = written;
			req[r].is = CONFLICT
		:: k == req[r].n && req[r].expected + k > indexed ->
			req[r].is = BUSY /* recognised, but not indexed yet: dropped, 500 */
		:: else ->
			req[r].end = req[r].expected + k;
			req[r].is = WRITTEN
		fi
	fi;
	printf("\t\t\tstore: request %d: %e\n", r, req[r].is);
	if
	:: r >= 2 ->
#ifdef M_TWO_IN_FLIGHT
		second_request_again(r)
#else
		request_clear(r) /* nobody hears the answer */
#endif
	:: else -> /* of the request only the answer is left */
		req[r].expected = 0;
		req[r].n = 0;
		i = 0;
		do
		:: i < BATCH -> req[r].ev[i] = 0; i++
		:: else -> break
		od
	fi;
	i = 0;
	j = 0;
	k = 0
}

proctype store()
{
	byte e, i, j, k;
	do
	:: d_step { req[0].is == QUEUED -> store_process(0) }
	:: d_step { req[1].is == QUEUED -> store_process(1) }
	:: d_step { req[2].is == QUEUED -> store_process(2) }
#if GHOSTS > 1
	:: d_step { req[3].is == QUEUED -> store_process(3) }
#endif
	:: done -> break
	od
}

/* A process of its own, so that weak fairness holds for it: what is written gets indexed some day. */
proctype indexer()
{
	byte i, r;
	do
	:: d_step {
		indexed < written ->
		indexed = written;
		printf("\t\t\tstore: all %d are indexed\n", indexed);
		r = 2;
		do
		:: r < REQUESTS ->
			if
			:: req[r].is == QUEUED && DEAD(r) -> request_clear(r)
			:: else
			fi;
			r++
		:: else -> r = 0; break
		od
	}
	:: done -> break
	od
}

/* --- What happens to everybody. --- */

/* b starts p at the group's offset. (At once: while nobody has it, the offset stays.) */
inline assign(b, p)
{
	br[b].own[p] = 1;
	br[b].settled[p] = committed[p];
#ifdef ELSEWHERE
	if
	:: p == 0 ->
		elsewhere_settled[b] = (committed[0] > 1);
		br[b].settled[0] = committed[0] - (committed[0] > 1)
	:: else
	fi;
#endif
#ifdef M_RANDOM_IDS
	br[b].salt = b + 1
#endif
}

inline rebalance(p)
{
	owner[p] = 1 - owner[p];
	printf("group: p%d goes to bridge %d, from offset %d\n", p, owner[p], committed[p]);
	if
	:: owner[p] == 0 -> assign(0, p)
	:: else -> assign(1, p)
	fi
}

#ifdef F_LEADER
/* The store's leader dies: what no other node had is gone, and its numbers are given anew. */
inline leader_dies()
{
	printf("\t\t\tstore: the leader dies, %d of %d events stay\n", indexed, written);
	i = indexed;
	do
	:: i < written -> log[i] = 0; i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < 2 ->
		if
		:: req[i].is == WRITTEN && req[i].end > indexed ->
			req[i].is = BUSY;
			req[i].end = 0
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od;
	written = indexed
}
#endif

/* It may end the faults at any time: that nobody gets stuck must not hang on one more fault. */
proctype environment()
{
	byte i;
	do
	:: done -> break
	:: faults > 0 -> faults = 0
	:: faults == 0 -> break
#ifdef F_REBALANCE
	/* The old owner learns of it later: until then it is a zombie. A member that gets a
	 * partition back has been told of the loss first: it had to join again. */
	:: atomic { faults > 0 && !br[1 - owner[0]].own[0] -> faults--; rebalance(0) }
	:: atomic { faults > 0 && !br[1 - owner[1]].own[1] -> faults--; rebalance(1) }
#endif
#ifdef F_REWIND
	/* The group's offset is lost, or an operator goes back with --from. */
	:: atomic { faults > 0 && committed[0] > 0 && !done -> faults--; committed[0] = 0 }
#endif
#ifdef F_LEADER
	:: d_step { faults > 0 && indexed < written -> faults--; leader_dies() }
#endif
#ifdef M_ANY_VERSION
	/* The store restarts: ids are looked up in memory only, and that is empty now. */
	:: atomic { faults > 0 && warm < indexed && indexed == written -> faults--; warm = written }
#endif
	od
}

/* --- A bridge; ME is one. --- */

#define ME br[b]

/* The tombstone is not needed: a delete stands before it. The rule here is the last event of the
 * same partition; the mutation's is the last event, whatever its partition. */
#ifdef M_LAST_EVENT
#define AFTER_DELETE (ME.n > 0 && ME.ev[ME.n - 1] == DELETE || \
	ME.n == 0 && ME.revision > 0 && ME.revision != UNKNOWN && log[ME.revision - 1] == DELETE)
#else
#define AFTER_DELETE true
#endif
#define TOMB_WAITS(p, t) \
	((p) == 0 && IS_TOMB(ME.settled[0] + (t)) && ((t) > 0 || AFTER_DELETE))

/* Is there a next event of p, behind the t that the batch holds already? */
#define QUEUED_OF(p, t) (ME.own[p] && ME.settled[p] + (t) < N(p) && !TOMB_WAITS(p, t))
/* Its partition is checked, and it lies above what is known to be there. */
#define KNOWN_NEW(p) (ME.checked[p] != UNKNOWN && ME.settled[p] >= ME.checked[p])
#if defined(M_UNCHECKED_PARTITION)
#define SENDABLE(p, t) (QUEUED_OF(p, t) && (ME.checked[p] == UNKNOWN || KNOWN_NEW(p)))
#elif defined(M_BELOW_CHECKED)
#define SENDABLE(p, t) (QUEUED_OF(p, t) && ME.checked[p] != UNKNOWN)
#else
#define SENDABLE(p, t) (QUEUED_OF(p, t) && KNOWN_NEW(p))
#endif
#define DOUBTFUL(p) \
	(ME.own[p] && ME.settled[p] < N(p) && (ME.revision == UNKNOWN || !KNOWN_NEW(p)))
/* A first event that creates its row: it may be tried at "no stream". */
#ifdef TOMBSTONE
#define GUESSABLE(p) ((p) == 1 && QUEUED_OF(p, 0) && ME.settled[p] == 0)
#else
#define GUESSABLE(p) (QUEUED_OF(p, 0) && ME.settled[p] == 0)
#endif

#ifdef M_RANDOM_IDS
#define NEW_ID(p, o) (ID(p, o) + ME.salt * 16)
#define OURS(e)	     (((e) >> 4) == ME.salt)
#else
#define NEW_ID(p, o) ID(p, o)
#define OURS(e)	     true
#endif

inline batch_clear()
{
	ME.expected = 0;
	ME.n = 0;
	i = 0;
	do
	:: i < BATCH -> ME.ev[i] = 0; i++
	:: else -> i = 0; break
	od
}

/* One more event of p; t[p] counts those that the batch holds. */
inline batch_add(p)
{
	ME.ev[ME.n] = NEW_ID(p, ME.settled[p] + t[p]);
	ME.n++;
	t[p]++
}

inline batch_fill()
{
	do
	:: ME.n < BATCH && SENDABLE(0, t[0]) -> batch_add(0)
	:: ME.n < BATCH && SENDABLE(1, t[1]) -> batch_add(1)
	:: ME.n > 0 -> break
	od;
	t[0] = 0;
	t[1] = 0
}

/* Nothing is known of the stream: the store refuses it if there is one. */
inline batch_guess()
{
	if
	:: GUESSABLE(0) -> batch_add(0)
	:: GUESSABLE(1) -> batch_add(1)
	fi;
	do
	:: ME.n < BATCH && QUEUED_OF(0, t[0]) -> batch_add(0)
	:: ME.n < BATCH && QUEUED_OF(1, t[1]) -> batch_add(1)
	:: break
	od;
	t[0] = 0;
	t[1] = 0
}

/* The frozen batch goes out: the same ids at the same expected version, every time. */
inline send()
{
	req[b].is = QUEUED;
#ifdef M_ANY_VERSION
	req[b].expected = ANY;
#else
	req[b].expected = ME.expected;
#endif
	req[b].n = ME.n;
	i = 0;
	do
	:: i < ME.n ->
		req[b].ev[i] = ME.ev[i];
		printf("bridge %d: sends p%d:%d, expected version %d\n", b, PART(ME.ev[i]),
			OFFSET(ME.ev[i]), ME.expected - 1);
		i++
	:: else -> i = 0; break
	od;
	ME.is = SENDING
}

/* Settled by 201: with this batch the stream ends, or once ended. */
inline batch_settle()
{
	i = 0;
	do
	:: i < ME.n ->
		p = PART(ME.ev[i]);
		ME.settled[p] = OFFSET(ME.ev[i]) + 1;
		ME.checked[p] = ME.settled[p];
		i++
	:: else -> break
	od;
	p = 0;
	ME.revision = ME.expected + ME.n;
	printf("bridge %d: 201\n", b);
	batch_clear();
	ME.is = READY
}

/* The set of partitions of the batch, in s. */
inline batch_partitions()
{
	s = 0;
	i = 0;
	do
	:: i < ME.n -> s = s | BIT(PART(ME.ev[i])); i++
	:: else -> i = 0; break
	od
}

/* Perhaps the other partition has queued events too. */
inline maybe_both()
{
	if
	:: ME.own[0] && ME.settled[0] < N0 && ME.own[1] && ME.settled[1] < N1 -> s = 3
	:: true
	fi
}

inline forget_stream()
{
	ME.revision = UNKNOWN;
	ME.checked[0] = UNKNOWN;
	ME.checked[1] = UNKNOWN;
	ME.must_send = 0
}

inline pass_clear()
{
	ME.asked = 0;
	ME.head = 0;
	ME.next = 0;
	ME.low = 0;
	ME.told = 0;
	ME.top[0] = 0;
	ME.top[1] = 0;
	ME.found[0] = 0;
	ME.found[1] = 0;
#ifdef TOMBSTONE
	ME.saw_tomb = 0
#endif
}

/* CHECKING begins, about the partitions in s. All that is known of the stream is given up: the
 * pass finds a revision, and a partition that it does not look for is not known at that one. */
inline check_begin()
{
	printf("bridge %d: CHECKING, partition set %d\n", b, s);
	ME.asked = s;
	s = 0;
	ME.next = UNKNOWN;
	ME.revision = UNKNOWN;
#if !defined(M_KEEP_OTHERS) && !defined(M_KEEP_UNSEEN)
	ME.checked[0] = UNKNOWN;
	ME.checked[1] = UNKNOWN;
#endif
	ME.is = CHECKING
}

/* One event of a page. */
inline check_event()
{
	p = PART(log[ME.next]);
	k = OFFSET(log[ME.next]);
	printf("bridge %d: reads number %d: p%d:%d\n", b, ME.next, p, k);
	if
	:: ME.top[p] == 0 -> ME.top[p] = k + 1
	:: else
	fi;
	if
	:: k < ME.settled[p] -> ME.low = ME.low | BIT(p)
	:: else -> ME.found[p] = ME.found[p] + 1
	fi;
#ifdef TOMBSTONE
	if
	:: log[ME.next] == TOMB -> ME.saw_tomb = 1
	:: else
	fi
#endif
}

/* One page, newest event first. The head's page, the first one, fixes the revision. */
inline check_page()
{
	if
	:: ME.next == UNKNOWN ->
		ME.head = indexed;
		ME.next = indexed;
		printf("bridge %d: the head is number %d\n", b, indexed - 1)
	:: else
	fi;
	i = 0;
	do
	:: i < PAGE && ME.next > 0 ->
		ME.next--;
		i++;
		if
		:: OURS(log[ME.next]) -> check_event()
		:: else
		fi
	:: else -> break
	od;
#ifdef M_STOP_EARLY
	/* The first event of ours ends the search, whatever its partition. */
	if
	:: ME.next < ME.head -> ME.low = 3
	:: else
	fi;
#endif
#ifdef M_HEAD_OFFSET
	/* The head alone tells: what is not above its offset is there. */
	ME.next = 0;
	if
	:: ME.head > 0 && HAS(ME.asked, p) && ME.settled[p] < ME.top[p] ->
		ME.found[p] = ME.top[p] - ME.settled[p]
	:: else
	fi;
#endif
	i = 0;
	p = 0;
	k = 0
}

#define PASS_OVER \
	(ME.next != UNKNOWN && (ME.next == 0 || (ME.asked & ME.low) == ME.asked))

/* Events of p that should have been found, but were not, in k. A tombstone may be missing where the
 * event before it, by offset, is a delete. */
inline check_missing(p)
{
	k = ME.top[p] - ME.settled[p] - ME.found[p];
#ifdef TOMBSTONE
	if
	:: p == 0 && ME.settled[0] < 2 && ME.top[0] > 1 && !ME.saw_tomb ->
#ifdef M_LAST_OF_STREAM
		k = k + 0 /* a delete must be the stream's last event: an insert stands there */
#else
		tombstone_skipped = 1;
		k--
#endif
	:: else
	fi
#endif
}

/* The pass is over. What is there of p is settled as far as it was queued: at least one event. */
inline check_settle(p)
{
	if
	:: HAS(ME.asked, p) && ME.settled[p] < ME.top[p] ->
		check_missing(p);
		if
		:: k > 0 -> hole_met = 1
		:: else
		fi;
		assert(!hole_met);
		ME.checked[p] = ME.top[p];
		ME.settled[p] = ME.settled[p] + 1;
		ME.must_send = 0;
		do
		:: ME.settled[p] < ME.top[p] -> ME.settled[p] = ME.settled[p] + 1
		:: break
		od
	:: HAS(ME.asked, p) && ME.settled[p] >= ME.top[p] -> ME.checked[p] = ME.top[p]
#if defined(KEEP_SEEN) || defined(M_KEEP_UNSEEN)
	:: !HAS(ME.asked, p) && ME.own[p] && ME.top[p] > 0 -> ME.checked[p] = ME.top[p]
#endif
	:: else
	fi
}

inline check_end()
{
	ME.must_send = 1;
	check_settle(0);
	check_settle(1);
	ME.revision = ME.head;
#ifdef M_ADOPT_HEADER
	if
	:: ME.told > ME.head -> ME.revision = ME.told
	:: else
	fi;
#endif
#ifdef M_ADOPT_HEADER_404
	/* No stream, and yet a current version: taken for a soft-deleted stream. */
	if
	:: ME.head == 0 -> ME.revision = ME.told
	:: else
	fi;
#endif
#ifdef M_REVISION_LATER
	ME.revision = indexed;
#endif
#ifdef M_HEAD_OFFSET
	if
	:: ME.checked[0] == 0 -> ME.checked[0] = ME.settled[0]
	:: else
	fi;
	if
	:: ME.checked[1] == 0 -> ME.checked[1] = ME.settled[1]
	:: else
	fi;
#endif
	printf("bridge %d: knows revision %d; of p0 %d, of p1 %d are there (%d: not known)\n", b,
		ME.revision - 1, ME.checked[0], ME.checked[1], UNKNOWN);
	pass_clear();
	ME.is = READY
}

/* Kafka's position behind what is settled of p without a gap, in k. */
inline watermark(p)
{
	k = ME.settled[p];
#ifdef M_COMMIT_FIRST
	i = 0;
	do
	:: i < ME.n ->
		if
		:: PART(ME.ev[i]) == p -> k++
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od;
#endif
#ifdef ELSEWHERE
	if
	:: p == 0 && k > 0 && elsewhere_settled[b] -> k++
#ifdef M_COMMIT_HIGHEST
	:: p == 0 && k > 1 && !elsewhere_settled[b] -> k++
	:: p == 0 && k == 1 && !elsewhere_settled[b]
#else
	:: p == 0 && k > 0 && !elsewhere_settled[b] -> k = 1
#endif
	:: p == 1 || k == 0
	fi
#endif
}

/* Records of p below k that are not where readers see them, in k. */
inline count_absent(p)
{
#ifdef ELSEWHERE
	if
	:: p == 0 && k > 1 -> committed_too_early = !elsewhere_written; k--
	:: else
	fi;
#endif
#ifdef TOMBSTONE
	if
	:: p == 0 && k > 1 && tombstone_skipped -> k--
	:: else
	fi;
#endif
	i = 0;
	do
	:: i < indexed ->
		if
		:: PART(log[i]) == p && k > 0 -> k--
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od
}

/* The timer stores the watermark, if it is above the group's offset. */
inline commit(p)
{
	watermark(p);
	if
	:: k > committed[p] ->
		committed[p] = k;
		printf("bridge %d: commits offset %d of p%d\n", b, k, p);
		count_absent(p);
		if
		:: k > 0 -> committed_too_early = 1
		:: else
		fi;
		assert(!committed_too_early)
	:: else
	fi;
	k = 0
}

/* Only the present owner's commit is taken; an older generation's is refused. */
#if defined(ELSEWHERE) && !defined(M_COMMIT_HIGHEST)
#define NEWS0 (committed[0] == 0 && ME.settled[0] > 0 || \
	elsewhere_settled[b] && ME.settled[0] > 0 && ME.settled[0] + 1 > committed[0])
#elif defined(ELSEWHERE)
#define NEWS0 (ME.settled[0] > 0 && ME.settled[0] + 1 > committed[0])
#elif defined(M_COMMIT_FIRST)
#define NEWS0 (ME.settled[0] + ME.n > committed[0])
#else
#define NEWS0 (ME.settled[0] > committed[0])
#endif
#define NEWS1 (ME.settled[1] > committed[1])

/* Lost or revoked, at any moment: a graceful revoke is a commit and then this. A frozen batch that
 * holds events of p is settled first (then this comes later) or given up. */
inline drop(p)
{
	printf("bridge %d: learns that it has lost p%d\n", b, p);
	ME.own[p] = 0;
	ME.settled[p] = 0;
	if
	:: ME.is == READY -> forget_stream()
	:: ME.is == CHECKING ->
		ME.asked = ME.asked & ~BIT(p);
		if
		:: ME.asked == 0 ->
			pass_clear();
			forget_stream();
			ME.is = READY
		:: else
		fi
	:: ME.is == SENDING || ME.is == WAITING ->
		batch_partitions();
		if
		:: HAS(s, p) ->
			request_abandon(b);
			batch_clear();
			forget_stream();
			ME.is = READY
		:: else -> ME.checked[p] = UNKNOWN
		fi;
		s = 0
	fi
}

inline start()
{
	forget_stream();
	ME.is = READY;
	if
	:: owner[0] == b -> assign(b, 0)
	:: else
	fi;
	if
	:: owner[1] == b -> assign(b, 1)
	:: else
	fi
}

/* kill -9 and a start: memory is gone, a request on its way is not. */
inline crash()
{
	printf("bridge %d: dies, and starts\n", b);
	request_abandon(b);
	batch_clear();
	pass_clear();
	ME.own[0] = 0;
	ME.own[1] = 0;
	ME.settled[0] = 0;
	ME.settled[1] = 0;
#ifdef ELSEWHERE
	elsewhere_settled[b] = 0;
#endif
	start()
}

proctype rowstream(bit b)
{
	byte g, i, k, p, s, t[2];

	do
	:: done -> break

	/* -- offsets are committed, partitions go -- */
	:: d_step { NEWS0 && ME.own[0] && owner[0] == b -> commit(0) }
	:: d_step { NEWS1 && ME.own[1] && owner[1] == b -> commit(1) }
	:: atomic { ME.own[0] && owner[0] != b -> drop(0) }
	:: atomic { ME.own[1] && owner[1] != b -> drop(1) }
#ifdef ELSEWHERE
	:: d_step {
		ME.own[0] && !elsewhere_settled[b] && !done ->
		elsewhere_settled[b] = 1;
		elsewhere_written = 1
	}
#endif

	/* -- READY: what is known to be new is sent -- */
	:: atomic {
		ME.is == READY && ME.revision != UNKNOWN && (SENDABLE(0, 0) || SENDABLE(1, 0)) ->
		ME.expected = ME.revision;
		ME.must_send = 0;
		batch_fill();
		send()
	}
	:: atomic {
		ME.is == READY && ME.revision == UNKNOWN && (GUESSABLE(0) || GUESSABLE(1)) ->
		batch_guess();
		send()
	}
	/* -- or looked for -- */
	:: atomic {
#ifdef M_CHECK_FOREVER
		ME.is == READY && (DOUBTFUL(0) || DOUBTFUL(1)) ->
#else
		ME.is == READY && !ME.must_send && (DOUBTFUL(0) || DOUBTFUL(1)) ->
#endif
		if
		:: DOUBTFUL(0) -> s = 1
		:: DOUBTFUL(1) -> s = 2
		fi;
		maybe_both();
		check_begin()
	}
#ifdef TOMBSTONE
	/* -- or skipped -- */
	:: atomic {
		ME.is == READY && ME.revision != UNKNOWN && ME.own[0] && ME.settled[0] == 1 &&
		KNOWN_NEW(0) && AFTER_DELETE ->
		ME.settled[0] = 2;
		ME.must_send = 0;
		tombstone_skipped = 1;
		printf("bridge %d: skips the tombstone p0:1\n", b);
		do
		:: i < written && log[i] != TOMB -> i++
		:: else -> break
		od;
		judged_twice = (i < written);
		i = 0;
		assert(!judged_twice)
	}
#endif

	/* -- CHECKING -- */
	:: d_step { ME.is == CHECKING && !PASS_OVER -> check_page() }
	:: atomic { ME.is == CHECKING && PASS_OVER -> check_end() }
#ifdef F_STALE
	/* A node that lags behind answers the head's page. */
	:: atomic {
		faults > 0 && ME.is == CHECKING && ME.next == UNKNOWN && indexed > 0 ->
		faults--;
		ME.head = indexed - 1;
		ME.next = ME.head;
		do
		:: ME.head > 0 -> ME.head = ME.head - 1; ME.next = ME.head
		:: break
		od
	}
#endif

	/* -- SENDING: the answers -- */
	:: atomic {
		ME.is == SENDING && req[b].is == WRITTEN && req[b].end <= indexed -> /* 201 */
		request_clear(b);
		batch_settle()
	}
	:: atomic {
		ME.is == SENDING && req[b].is == CONFLICT -> /* 400 with a current version */
		printf("bridge %d: 400, current version %d\n", b, req[b].current - 1);
#ifdef ALONE
		conflict_when_alone = 1;
		assert(!conflict_when_alone);
#endif
#if defined(M_CONFLICT_IS_DONE)
		request_clear(b);
		batch_settle()
#elif defined(M_STUBBORN)
		request_clear(b);
		ME.is = WAITING
#else
		batch_partitions();
		maybe_both();
		check_begin();
#if defined(M_ADOPT_HEADER) || defined(M_ADOPT_HEADER_404)
		ME.told = req[b].current;
#endif
		request_clear(b);
		batch_clear()
#endif
	}
	:: atomic {
		ME.is == SENDING && req[b].is == BUSY -> /* 500 */
		printf("bridge %d: 500\n", b);
		request_clear(b);
		ME.is = WAITING
	}
#ifdef F_TIMEOUT
	/* No answer comes: lost on its way there or back, or late. */
	:: atomic {
		faults > 0 && ME.is == SENDING && req[b].is != NONE ->
		faults--;
		printf("bridge %d: no answer\n", b);
		request_abandon(b);
		ME.is = WAITING
	}
#endif
#ifdef F_TOO_LARGE
	/* 413 for a batch of several: written now, later, or never. After CHECKING it is halved;
	 * here, cut anew in any way. */
	:: atomic {
		faults > 0 && ME.is == SENDING && req[b].is != NONE && ME.n > 1 ->
		faults--;
		printf("bridge %d: 413\n", b);
		request_abandon(b);
		batch_partitions();
		check_begin();
		batch_clear()
	}
#endif
#ifdef M_TWO_IN_FLIGHT
	/* The next event does not wait for the answer; its version is foretold. */
	:: atomic {
		ME.is == SENDING && req[b].is == QUEUED && req[2].is == NONE && ME.n == 1 &&
		ME.own[PART(ME.ev[0])] && OFFSET(ME.ev[0]) + 1 < N(PART(ME.ev[0])) ->
		req[2].is = QUEUED;
		req[2].expected = ME.expected + 1;
		req[2].n = 1;
		req[2].ev[0] = ME.ev[0] + 1
	}
#endif

	/* -- WAITING: the same batch again -- */
	:: atomic {
		ME.is == WAITING ->
#ifdef M_GROWING_BATCH
		i = 0;
		do
		:: i < ME.n -> t[PART(ME.ev[i])]++; i++
		:: else -> i = 0; break
		od;
		batch_fill();
#endif
#ifdef M_RESEND_AT_HEAD
		ME.expected = indexed;
#endif
		send()
	}

#ifdef F_CRASH
	:: atomic { faults > 0 && !done -> faults--; crash() }
#endif
#ifdef F_EVICT
	/* The stream falls out of the bounded LRU of those remembered. */
	:: atomic { faults > 0 && ME.is == READY && ME.revision != UNKNOWN -> faults--; forget_stream() }
#endif
	od
}

init
{
	byte b;

	atomic {
		owner[1] = OWNER1;
		do
		:: b < 2 -> start(); b++
		:: else -> b = 0; break
		od;
		do
		:: b < REQUESTS -> req[b].is = NONE; b++
		:: else -> b = 0; break
		od;
		run store();
		run indexer();
		run environment();
		run rowstream(0);
		run rowstream(1)
	}
}

ltl progress { <> done }
