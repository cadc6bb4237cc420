"""Records that are no row changes, and what surrounds these: TRUNCATE, logical messages, transactions'
begin and end, heartbeats, tombstones."""
import json
import re

from harness import wait_until
from live_state import LiveState

POSTGRES = """
CREATE SCHEMA kinds;
CREATE TABLE kinds.cut (id int PRIMARY KEY, v text);
CREATE TABLE kinds.other (id int PRIMARY KEY, v text);
INSERT INTO kinds.cut VALUES (1, 'a'), (2, 'b');
CREATE TABLE kinds.gone (id int PRIMARY KEY, v text);
"""
TOLD = """
CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(10,2));
CREATE TABLE transfers (id serial PRIMARY KEY, amount numeric(10,2));
CREATE TABLE gone (id int PRIMARY KEY, v text);
"""


def skipped(program):
    """{reason: records} that the bridge told of."""
    found = {}
    for line in program.lines["stderr"]:
        for reason, records in re.findall(r"reason=(\S+) records=(\d+)", line):
            found[reason] = found.get(reason, 0) + int(records)
    return found


def test_truncate(scene):
    database = scene.neighbourhood.postgres
    state = LiveState(database, "kinds", POSTGRES, scene.neighbourhood.connectors()["pg"])
    state.tables = {"cut": state.tables["cut"]}
    scene.configure(r"^pg\.kinds\.cut", **state.sections())
    scene.start()
    database.sql("INSERT INTO kinds.cut VALUES (3, 'c'); TRUNCATE kinds.cut, kinds.other;"
                 "INSERT INTO kinds.cut VALUES (2, 'again'), (4, 'd');")
    streams = scene.settle(database)
    whole = [(name, event) for name, events in streams.items() for event in events
             if event["type"] == "t"]
    assert len(whole) == 1
    name, event = whole[0]
    assert name == f"cut-~partition:{event['metadata']['partition']}"
    assert (event["data"]["before"], event["data"]["after"]) == (None, None)
    # A reader that knows truncates has the rows that are left.
    state.assert_equals(streams)
    assert sorted(streams) == ["cut-1", "cut-2", "cut-3", "cut-4", name]


def test_logical_messages(scene):
    database = scene.neighbourhood.postgres
    scene.configure(r"^pg\.message")
    scene.start()
    lines = database.sql("""
        SELECT pg_logical_emit_message(false, 'greet', 'hello') - '0/0'::pg_lsn;
        BEGIN; SELECT pg_logical_emit_message(true, 'greet', 'wörld') - '0/0'::pg_lsn;
        SELECT pg_current_xact_id(); COMMIT;
        BEGIN; SELECT pg_logical_emit_message(true, 'greet', 'taken back') - '0/0'::pg_lsn; ROLLBACK;
        SELECT pg_logical_emit_message(true, 'a/b', convert_from('\\x01', 'UTF8')) - '0/0'::pg_lsn;""")
    streams = scene.settle(database)
    assert sorted(streams) == ["~message-a~2Fb", "~message-greet"]
    greet = streams["~message-greet"]
    assert [event["type"] for event in greet] == ["m", "m"]
    assert [event["data"]["message"]["content"] for event in greet] == ["aGVsbG8=", "d8O2cmxk"]
    assert [event["data"]["source"]["lsn"] for event in greet] == [int(lines[0]), int(lines[1])]
    assert greet[1]["metadata"]["txid"] == lines[2]
    assert greet[1]["metadata"]["$correlationId"] == f"pg:{lines[2]}"


def test_transactions_told(scene):
    database = scene.neighbourhood.told
    scene.configure(r"^told\.(public\.(accounts|transfers)|transaction)",
                    mapping={"transactions": "append"})
    scene.start()
    txid, = database.sql("""
        INSERT INTO accounts VALUES (1, 10.50), (2, 0);
        BEGIN;
        UPDATE accounts SET balance = balance - 1.25 WHERE id = 1;
        UPDATE accounts SET balance = balance + 1.25 WHERE id = 2;
        INSERT INTO transfers (amount) VALUES (1.25);
        DELETE FROM accounts WHERE balance < 0;
        SELECT pg_current_xact_id();
        COMMIT;""")
    streams = scene.settle(database)
    begin, end = streams[f"~transaction-told:{txid}"]
    assert (begin["type"], end["type"]) == ("BEGIN", "END")
    assert end["data"]["event_count"] == 3
    assert {one["data_collection"]: one["event_count"] for one in end["data"]["data_collections"]} == {
        "public.accounts": 2, "public.transfers": 1}
    members = sorted((int(event["metadata"]["tx_order"]), name)
                     for name, events in streams.items() for event in events
                     if event["metadata"].get("tx_order") and event["metadata"]["txid"] == txid)
    assert members == [(1, "accounts-1"), (2, "accounts-2"), (3, "transfers-1")]
    # Rows, begin and end are one correlation stream.
    linked = scene.links(f"$bc-told:{txid}")
    assert {(name, number) for name, number in linked} >= {
        ("accounts-1", 1), ("accounts-2", 1), ("transfers-1", 0)}
    rows = [json.loads(line, parse_float=str) for line in
            database.printed("accounts", None)]
    assert [(row["id"], row["balance"]) for row in sorted(rows, key=lambda row: row["id"])] == [
        (number, streams[f"accounts-{number}"][-1]["data"]["after"]["balance"]) for number in (1, 2)]


def test_heartbeats_are_counted_and_become_nothing(scene):
    neighbourhood = scene.neighbourhood
    database = neighbourhood.told
    topic = "__debezium-heartbeat.told"
    wait_until(lambda: len(neighbourhood.keys(topic)) > 2, "heartbeats in Kafka")
    scene.configure(r"^told\.public\.gone", topic)
    database.sql("INSERT INTO gone VALUES (100, 'x')")
    streams = scene.settle(database)
    assert {name for name in streams if not name.startswith("gone-")} == set()
    assert skipped(scene.last)["heartbeat"] > 2


def test_tombstones_on_and_off(scene):
    deletes = """INSERT INTO {0}gone VALUES (1, 'a'), (2, 'b'), (3, 'c'); DELETE FROM {0}gone WHERE id < 3;
        INSERT INTO {0}gone VALUES (1, 'again'); DELETE FROM {0}gone WHERE id = 1; UPDATE {0}gone SET id = 4;"""
    for database, schema, tombstones in ((scene.neighbourhood.postgres, "kinds", 4),
                                         (scene.neighbourhood.told, "public", None)):
        scene.configure(rf"^{database.prefix}\.{schema}\.gone")
        database.sql(f"DELETE FROM {schema}.gone WHERE id > 99")
        database.sql(deletes.format(schema + "."))
        streams = scene.settle(database)
        assert {name: [event["type"] for event in events] for name, events in streams.items()
                if name != "gone-100"} == {
            "gone-1": ["c", "d", "c", "d"], "gone-2": ["c", "d"], "gone-3": ["c", "d"], "gone-4": ["c"]}
        assert skipped(scene.last).get("tombstone") == tombstones
        rows = [json.loads(line)["id"] for line in database.printed(f"{schema}.gone", None)]
        assert sorted(f"gone-{number}" for number in rows) == [
            name for name, events in sorted(streams.items()) if events[-1]["type"] != "d"]
        scene.store = scene.bench.store()
