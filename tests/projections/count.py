"""What must come of events, counted here and not by a projection: cases for run.mjs.

Reads what `rowstream map` printed. Every count is taken from the events' metadata by other means
than the projections' (one pass for each question, no state carried from event to event but for
the newest image), so that a mistake would have to be made twice.
"""
import collections
import datetime
import json
import sys

ROWS = set("cudrit")


def table_of(metadata):
    return f"{metadata['source'] or ''}/{metadata['table']}"


def nested(pairs):
    whole = {}
    for (outer, inner), count in collections.Counter(pairs).items():
        whole.setdefault(outer, {})[inner] = count
    return whole


def hour_of(ts):
    time = datetime.datetime.fromtimestamp(ts // 1000, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H")


def bounds():
    """Where states end: more hours, and more deletes, than are kept."""
    def events(count, op, ts):
        return [{"eventType": op, "streamId": f"a-{n}", "sequenceNumber": 0, "data": "{}",
                 "metadata": json.dumps({"topic": "t", "partition": 0, "offset": n, "op": op,
                                         "ts": ts(n), "source": "s", "table": "a"})}
                for n in range(count)]

    hour = 3_600_000
    yield {"name": "750 hours: the oldest six are added up", "projection": "changes-per-hour.js",
           "events": events(750, "c", lambda n: n * hour),
           "states": {"s/a": {"hours": {hour_of(n * hour): 1 for n in range(6, 750)},
                              "older": 6, "unknown": 0, "snapshot": 0}}}
    yield {"name": "a change of an hour that is too old", "projection": "changes-per-hour.js",
           "events": events(745, "c", lambda n: (1000 - n) * hour),
           "rows": {"at": "older", "of": {"s/a": 1}}}
    yield {"name": "103 deletes: the newest 100 are named", "projection": "deleted-rows.js",
           "events": events(103, "d", lambda n: n),
           "states": {"s/a": {"deletes": 103, "moves": 0, "truncates": 0, "newest": [
               {"stream": f"a-{n}", "revision": 0, "ts": n, "transaction": None}
               for n in range(3, 103)]}}}


def main():
    revisions = collections.Counter()
    events = []
    for line in sys.stdin:
        one = json.loads(line)
        if "stream" not in one:
            continue
        events.append({"eventId": one["id"], "eventType": one["type"], "streamId": one["stream"],
                       "sequenceNumber": revisions[one["stream"]],
                       "data": json.dumps(one["data"]), "metadata": json.dumps(one["metadata"]),
                       "seen": one})
        revisions[one["stream"]] += 1
    seen = [event.pop("seen") for event in events]
    rows = [one["metadata"] for one in seen if one["metadata"]["op"] in ROWS]
    assert len(rows) > 100, "too few events to tell anything"

    in_transaction = [m for m in rows if m["op"] != "r" and "$correlationId" in m]
    sizes = collections.Counter(m["$correlationId"] for m in in_transaction)
    hours = nested((table_of(m), hour_of(m["ts"])) for m in rows if m["op"] != "r")
    deletes = collections.Counter(table_of(m) for m in rows
                                  if m["op"] == "d" and "moved_to" not in m)
    short = collections.defaultdict(collections.Counter)
    for m in rows:
        short[m["table"].split(".")[-1]][table_of(m)] += 1

    def case(projection, **expected):
        return {"name": f"captures: {projection}", "projection": projection,
                "events": events, **expected}

    last = {one["stream"]: one for one in seen if one["metadata"]["op"] in set("cur")
            and "placeholders" not in one["metadata"] and "-~partition:" not in one["stream"]}
    final = {one["stream"]: one for one in seen}
    latest = {stream: one["data"]["after"] for stream, one in last.items() if final[stream] is one}
    assert latest
    json.dump([
        case("operations.js",
             states={"": {"tables": nested((table_of(m), m["op"]) for m in rows)}}),
        case("transactions.js", rows={"at": "rows", "of": dict(sizes)}),
        case("changes-per-hour.js", rows={"at": "hours", "of": hours}),
        case("deleted-rows.js", rows={"at": "deletes", "of": dict(deletes)}),
        case("tables.js", rows={"at": "databases",
                                "of": {name: dict(of) for name, of in short.items()}}),
        case("latest-rows.js", rows={"at": "row", "of": latest}),
        *bounds(),
    ], sys.stdout)


main()
