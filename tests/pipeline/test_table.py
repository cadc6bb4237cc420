"""`rowstream table`: a table's rows, folded from the events of all its streams."""
import json
import re
import signal
from decimal import Decimal

import pytest

import harness
from fake_registry import Registry, schemas_of
from final_state import FinalState
from final_state_exceptions import check
from harness import record, row_change
from test_final_state import CASES


@pytest.fixture
def registries():
    """Schema registries that hold a capture's schemas; closed after the test."""
    made = []

    def make(case):
        made.append(Registry(schemas_of(case)))
        return made[-1]
    yield make
    for one in made:
        one.close()


def config_of(bench, state, kafka, store, registries):
    """The capture's own options, for a bridge from kafka to store."""
    sections = state.options()
    if state.schemas():
        sections["registry"] = {"url": registries(state.case).url}
    topics = sections.get("source", {}).pop("topics", ["^[^_].*"])
    return bench.config(kafka, store, topics, **sections)


def categories(store):
    return sorted({name.split("-")[0] for name in store.row_streams() if name[0] != "~"})


def table_named(category):
    """A category is a table's name as it is escaped in streams (mapping.md, section 2.1)."""
    return re.sub("~([0-9A-F]{2})", lambda found: chr(int(found.group(1), 16)), category)


def rows_of(done):
    """The rows that a command printed as JSON lines; all of them, as the last line says."""
    assert done.returncode == 0, done.stderr
    *rows, last = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    assert last == {"complete": True, "rows": len(rows)}
    return rows


@pytest.mark.parametrize("case", CASES)
def test_tables_equal_the_database(bench, registries, case):
    """Bridged through the store, a capture's tables are what the database printed."""
    state = FinalState(case)
    kafka, store = bench.kafka(harness.fixture_path(case)), bench.store()
    config = config_of(bench, state, kafka, store, registries)
    bridge = bench.run(config, "--until-end")
    assert bridge.wait() == 0, bridge.report()
    tables = {}
    for category in categories(store):
        done = bench.rowstream("table", "-c", config, category, "--format", "jsonl")
        tables[table_named(category)] = [one["row"] for one in rows_of(done)]
    check(case, state.differences(tables))


# --- Small tables, made up ---

T0 = 1700000000000


def time_of(seconds):
    return f"2023-11-14T22:13:{20 + seconds:02d}.000Z"


def at(offset, op, before=None, after=None, key=None, partition=0, seconds=None, position=None,
       **options):
    """A change of srv.public.people; position is PostgreSQL's "commit before:LSN"."""
    previous, lsn = position.split(":") if position else (None, None)
    source = {"lsn": lsn and int(lsn), "txId": 500 + offset,
              "sequence": json.dumps([previous, lsn]) if lsn else None}
    return record("srv.public.people", offset, key,
                  row_change(op, "people", before, after,
                             ts_ms=T0 + 1000 * (offset if seconds is None else seconds), **source),
                  partition=partition, **options)


def change(offset, op, id_, partition=0, **columns):
    """Of the row with that id; its columns are those after, none of a delete."""
    options = {name: columns.pop(name) for name in ("seconds", "position", "headers")
               if name in columns}
    return at(offset, op, before={"id": id_} if op == "d" else None,
              after=None if op == "d" else {"id": id_, **columns}, key={"id": id_},
              partition=partition, **options)


@pytest.fixture
def bridged(bench):
    """Bridges records, one lot after the other; returns what runs a sub-command on the store."""
    def bridge(*lots, store_args=()):
        store, before = bench.store(*store_args), []
        for lot in lots:
            before = sorted(before + lot, key=lambda one: (one["partition"], one["offset"]))
            config = bench.config(bench.kafka(before), store, ["srv.public.people"])
            program = bench.run(config, "--until-end")
            assert program.wait() == 0, program.report()

        def command(*args):
            return bench.rowstream(args[0], "-c", config, *args[1:])
        command.store, command.config = store, config
        return command
    return bridge


LIVES = [
    change(0, "c", 10, name="Ten"),
    change(1, "c", 9, name="Nine", city=""),
    change(2, "c", 2, name="Two", city=None),
    change(3, "u", 9, name="Neuf", city="Rome", tags=[1, {"a": "b, c"}]),
    change(4, "d", 2),
    change(5, "d", 10),
    change(6, "c", 10, name="Zehn"),
]


def test_rows_are_the_latest_in_the_order_of_their_keys(bridged):
    run = bridged(LIVES)
    assert rows_of(run("table", "people", "--format", "jsonl")) == [
        {"stream": "people-9", "revision": 1, "time": time_of(3), "op": "u",
         "row": {"id": 9, "name": "Neuf", "city": "Rome", "tags": [1, {"a": "b, c"}]}},
        {"stream": "people-10", "revision": 2, "time": time_of(6), "op": "c",
         "row": {"id": 10, "name": "Zehn"}}]
    assert run("table", "people").stdout.splitlines()[0].split() == ["id", "name", "city", "tags"]


def test_columns_are_those_of_all_rows(bridged):
    """CSV as databases read it: nothing is null, "" an empty text."""
    done = bridged(LIVES)("table", "people", "--at", time_of(2), "--format", "csv")
    assert done.stdout == 'id,name,city\n2,Two,\n9,Nine,""\n10,Ten,\n'
    done = bridged(LIVES)("table", "people", "--format", "csv")
    assert done.stdout == ('id,name,city,tags\n9,Neuf,Rome,"[1,{""a"":""b, c""}]"\n'
                           "10,Zehn,,\n")


def test_deleted_rows_are_what_they_were(bridged):
    run = bridged(LIVES)
    assert rows_of(run("table", "people", "--deleted", "--format", "jsonl")) == [
        {"stream": "people-2", "revision": 1, "time": time_of(4), "op": "d",
         "row": {"id": 2, "name": "Two", "city": None}}]
    assert run("table", "people", "--deleted", "--at", time_of(5), "--format", "csv").stdout == (
        "stream,revision,deleted,op,id,name,city\n"
        f"people-2,1,{time_of(4)},d,2,Two,\npeople-10,1,{time_of(5)},d,10,Ten,\n")


def test_every_moment_is_what_show_says(bridged):
    run = bridged(LIVES)
    for second in range(7):
        rows = rows_of(run("table", "people", "--at", time_of(second), "--format", "jsonl"))
        shown = {}
        for key in ("2", "9", "10"):
            done = run("show", "people", key, "--at", time_of(second), "--format", "jsonl")
            if done.returncode == 0:
                shown[f"people-{key}"] = json.loads(done.stdout.splitlines()[0])["row"]
        assert {row["stream"]: row["row"] for row in rows} == shown
    assert rows_of(run("table", "people", "--at", "2020-01-01", "--format", "jsonl")) == []


TRUNCATED = [
    change(0, "c", 1, position="10:11", name="before"),
    change(1, "c", 2, position="10:12", name="before, and again"),
    change(2, "u", 2, position="30:31", name="again"),
    # its LSN is less than the truncate's: its transaction began before that, and ended behind it
    change(3, "c", 3, position="30:15", name="behind"),
    change(4, "c", 4, position=":12", name="snapshot"),
    change(5, "c", 5, seconds=1, name="unknown position, before by its time"),
    change(6, "c", 6, seconds=25, name="unknown position, behind by its time"),
]
TRUNCATE = [at(0, "t", partition=1, seconds=20, position="20:21")]


@pytest.mark.parametrize("lots", [(TRUNCATED, TRUNCATE), (TRUNCATE, TRUNCATED)],
                         ids=["stored behind the rows", "stored before the rows"])
def test_a_truncate_ends_rows_by_the_sources_position(bridged, lots):
    run = bridged(*lots)
    rows = rows_of(run("table", "people", "--format", "jsonl"))
    assert [row["stream"] for row in rows] == ["people-2", "people-3", "people-6"]
    gone = rows_of(run("table", "people", "--deleted", "--format", "jsonl"))
    assert [(row["stream"], row["op"], row["time"]) for row in gone] == [
        (f"people-{key}", "t", time_of(20)) for key in (1, 4, 5)]
    assert gone[0]["row"] == {"id": 1, "name": "before"}
    before = rows_of(run("table", "people", "--at", time_of(19), "--format", "jsonl"))
    assert [row["stream"] for row in before] == [f"people-{key}" for key in (1, 2, 3, 4, 5)]


def test_a_column_that_was_not_sent_keeps_its_value(bridged):
    run = bridged([change(0, "c", 1, n=1, long="x" * 3000),
                   change(1, "u", 1, n=2, long="__debezium_unavailable_value"),
                   change(2, "u", 1, n=3, long="__debezium_unavailable_value")])
    (row,) = rows_of(run("table", "people", "--format", "jsonl"))
    assert row["row"] == {"id": 1, "n": 3, "long": "x" * 3000}
    *_, last = rows_of(run("changes", "people", "--format", "jsonl"))
    assert last["row"] == row["row"]


def keyless(offset, op, before=None, after=None, **options):
    as_row = lambda value: value and {"v": value}
    return at(offset, op, as_row(before), as_row(after), **options)


def test_a_table_without_key_is_a_bag(bridged):
    run = bridged([keyless(0, "c", after="a"), keyless(1, "c", after="a"),
                   keyless(2, "c", after="b"), keyless(3, "c", after="c"),
                   keyless(4, "u", before="a", after="d"), keyless(5, "d", before="b")])
    done = run("table", "people", "--format", "jsonl")
    assert sorted(row["row"]["v"] for row in rows_of(done)) == ["a", "c", "d"]
    assert {row["stream"] for row in rows_of(done)} == {"people-~partition:0"}
    assert done.stderr == ""


def test_keyless_rows_of_partitions_read_in_any_order(bridged):
    """The delete is read first; a truncate ends what came before it."""
    run = bridged([keyless(0, "d", before="a", position="10:12"),
                   keyless(1, "c", after="b", position="10:13"),
                   at(2, "t", position="20:21"),
                   keyless(3, "c", after="c", position="30:31")],
                  [keyless(0, "c", after="a", partition=1, position="10:11"),
                   keyless(1, "c", after="c", partition=1, position="10:14")])
    done = run("table", "people", "--format", "jsonl")
    assert [row["row"]["v"] for row in rows_of(done)] == ["c"]


def test_changes_of_keyless_rows_that_are_not_there_are_told(bridged):
    run = bridged([keyless(0, "c", after="a"), keyless(1, "d", before="x"),
                   keyless(2, "u", after="y")])
    done = run("table", "people", "--format", "jsonl")
    assert sorted(row["row"]["v"] for row in rows_of(done)) == ["a", "y"]
    assert "people: 2 changes of rows without key do not tell which row" in done.stderr


# --- SQL ---

ODD = [change(0, "c", 1, text="O'Hara \\ ", flag=True, none=None, array=["a\"b", None],
              json={"k": "it's"}, number=1.50)]


def test_a_script_restores_the_rows(bridged):
    run = bridged(ODD)
    assert run("table", "people", "--format", "sql").stdout.splitlines()[-4:] == [
        "START TRANSACTION;",
        'INSERT INTO "people" ("id", "text", "flag", "none", "array", "json", "number") VALUES '
        "(1, E'O''Hara \\\\ ', TRUE, NULL, E'{\"a\\\\\"b\",NULL}', '{\"k\":\"it''s\"}', 1.5);",
        "COMMIT;", "-- complete: 1 rows"]
    assert run("table", "people", "--format", "sql", "--dialect", "mariadb", "--into",
               "o`ther").stdout.splitlines()[-3] == (
        "INSERT INTO `o``ther` (`id`, `text`, `flag`, `none`, `array`, `json`, `number`) VALUES "
        "(1, 'O''Hara \\\\ ', TRUE, NULL, '[\"a\\\\\"b\",null]', '{\"k\":\"it''s\"}', 1.5);")
    assert run("changes", "people", "--format", "sql").stdout.splitlines()[-3].startswith(
        'INSERT INTO "people_changes" ("stream", "revision", "op", "position", "txid", '
        "\"valid_from\", \"valid_to\", \"row\") VALUES ('people-1', 0, 'c', NULL, '500', '" +
        time_of(0) + "', NULL, E'{\"id\":1,")


# --- Changes ---

def ranges(run, *args):
    return [(row["stream"], row["revision"], row["op"], row["valid_from"], row["valid_to"],
             row["row"] and row["row"].get("name"))
            for row in rows_of(run("changes", "people", "--format", "jsonl", *args))]


def test_changes_hold_until_the_next_one(bridged):
    run = bridged(LIVES)
    whole = [
        ("people-10", 0, "c", time_of(0), time_of(5), "Ten"),
        ("people-10", 1, "d", time_of(5), time_of(6), None),
        ("people-10", 2, "c", time_of(6), None, "Zehn"),
        ("people-2", 0, "c", time_of(2), time_of(4), "Two"),
        ("people-2", 1, "d", time_of(4), None, None),
        ("people-9", 0, "c", time_of(1), time_of(3), "Nine"),
        ("people-9", 1, "u", time_of(3), None, "Neuf")]
    assert sorted(ranges(run)) == whole  # the order is the store's: streams are written at once
    assert sorted(ranges(run, "--from", time_of(2), "--to", time_of(4))) == [
        whole[3], whole[4], whole[6]]
    row = rows_of(run("changes", "people", "--format", "jsonl"))[0]
    assert list(row) == ["stream", "revision", "op", "position", "txid", "valid_from", "valid_to",
                         "row"]
    assert row["txid"] == "500"


def test_ranges_have_no_gaps_where_clocks_step_back(bridged):
    run = bridged([change(0, "c", 1, seconds=5, name="a"), change(1, "u", 1, seconds=3, name="b"),
                   change(2, "u", 1, seconds=7, name="c")])
    assert [one[3:] for one in ranges(run)] == [
        (time_of(5), time_of(5), "a"), (time_of(5), time_of(7), "b"), (time_of(7), None, "c")]


@pytest.mark.parametrize("lots", [(TRUNCATED, TRUNCATE), (TRUNCATE, TRUNCATED)],
                         ids=["stored behind the rows", "stored before the rows"])
def test_a_truncate_ends_changes(bridged, lots):
    found = {(stream, revision): (start, end)
             for stream, revision, _, start, end, _ in ranges(bridged(*lots))}
    assert found == {
        ("people-1", 0): (time_of(0), time_of(20)),
        ("people-2", 0): (time_of(1), time_of(20)),
        # by its position behind the truncate, whatever its time says
        ("people-2", 1): (time_of(2), None),
        ("people-3", 0): (time_of(3), None),
        ("people-4", 0): (time_of(4), time_of(20)),
        ("people-5", 0): (time_of(1), time_of(20)),
        ("people-6", 0): (time_of(25), None),
        ("people-~partition:1", 0): (time_of(20), None)}


def test_changes_of_a_real_capture_have_no_gaps(bench, registries):
    """Every event of every row's stream is there once, and a row's ranges touch each other."""
    state = FinalState("postgres-bank")
    kafka, store = bench.kafka(harness.fixture_path(state.case)), bench.store()
    config = config_of(bench, state, kafka, store, registries)
    assert bench.run(config, "--until-end").wait() == 0
    streams = store.row_streams()
    for category in categories(store):
        rows = {}
        for one in rows_of(bench.rowstream("changes", "-c", config, category, "--format",
                                           "jsonl")):
            rows.setdefault(one["stream"], []).append(one)
        assert {name: len(some) for name, some in rows.items()} == {
            name: len(events) for name, events in streams.items()
            if name.startswith(category + "-")}
        living = {}
        for name, some in rows.items():
            assert [one["revision"] for one in some] == list(range(len(some)))
            for one, then in zip(some, some[1:]):
                assert one["valid_from"] <= one["valid_to"] == then["valid_from"]
            assert some[-1]["valid_to"] is None
            if some[-1]["row"]:
                living[name] = some[-1]["row"]
        table = rows_of(bench.rowstream("table", "-c", config, category, "--format", "jsonl"))
        assert {one["stream"]: one["row"] for one in table} == living


# --- Bad input ---

@pytest.mark.parametrize("args, message", [
    (["table"], "which table?"),
    (["changes"], "which table?"),
    (["table", "people", "--at", "yesterday"], "--at 'yesterday' is no time"),
    (["changes", "people", "--to", "x"], "--to 'x' is no time"),
    (["table", "people", "--dialect", "oracle"], "neither postgresql nor mariadb"),
    (["table", "people", "--format", "xml"], "not one of table, json, jsonl, csv, sql"),
    (["table", "people", "--memory", "0"], "--memory"),
    (["history", "people-1", "--format", "sql"], "not one of table, json, jsonl, csv"),
])
def test_wrong_arguments_are_told(bench, args, message):
    done = bench.rowstream(*args, "--eventstore-url", "esdb://127.0.0.1:1?tls=false")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def append(store, stream, kind="x"):
    body = [{"eventId": "8d4f5cbe-3e4f-4f43-9d5c-5a4a8f6b8f54", "eventType": kind, "data": {}}]
    status, _, answer = store.request(
        "POST", f"/streams/{stream}",
        {"Content-Type": "application/vnd.eventstore.events+json"}, json.dumps(body))
    assert status == 201, answer


@pytest.mark.parametrize("command", ["table", "changes"])
def test_what_is_no_table_is_refused(bridged, command):
    run = bridged(LIVES)
    done = run(command, "peoples", "--format", "jsonl")
    assert done.returncode == 1
    assert "there is no stream $ce-peoples" in done.stderr
    assert "$by_category" in done.stderr
    append(run.store, "other-1")
    done = run(command, "other", "--format", "jsonl")
    assert (done.returncode, done.stdout) == (1, '{"complete":false,"rows":0}\n')
    assert "$ce-other is no table's" in done.stderr
    append(run.store, "people-77")
    done = run(command, "people", "--format", "jsonl")
    assert rows_of(done)
    assert "people: 1 events were not written by rowstream" in done.stderr


def test_rows_whose_streams_are_gone_are_told(bridged):
    run = bridged(LIVES)
    for stream in ("people-9", "people-10"):
        assert run.store.request("DELETE", f"/streams/{stream}")[0] == 204
    done = run("table", "people", "--deleted", "--format", "jsonl")
    assert [row["stream"] for row in rows_of(done)] == ["people-2"]
    assert "people: 5 events are gone" in done.stderr
    assert run.store.request("DELETE", "/streams/people-2")[0] == 204
    done = run("table", "people")
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of its 7 links leads to an event that can be read" in done.stderr


@pytest.mark.parametrize("command", ["table", "changes"])
def test_a_part_is_not_taken_for_the_whole(bridged, tmp_path, command):
    run = bridged([change(i, "c", i, n=i) for i in range(1200)])
    run.store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                      "unavailable:stream=$ce-people,skip=2")
    done = run(command, "people", "--format", "jsonl")
    assert (done.returncode, done.stdout) == (3, '{"complete":false,"rows":0}\n')
    assert "stream $ce-people at 1000 could not be read" in done.stderr
    run.store.heal()
    assert len(rows_of(run(command, "people", "--format", "jsonl"))) == 1200
    run.store.kill()
    done = run(command, "people", "--format", "sql")
    assert done.returncode == 3
    assert "COMMIT" not in done.stdout and "-- incomplete" in done.stdout
    assert run(command, "people", "--format", "csv", "-o", tmp_path / "rows.csv").returncode == 3
    assert list(tmp_path.glob("rows.csv*")) == []


def test_an_interrupted_program_leaves_no_file(bridged, bench, tmp_path):
    run = bridged(LIVES)
    run.store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                      "never:stream=$ce-people")
    program = bench.program("rowstream", "table", "-c", run.config, "people", "-o",
                            tmp_path / "rows.csv")
    harness.wait_until(run.store.fault_hits, "the store is asked")
    assert len(list(tmp_path.glob("rows.csv*"))) == 1
    program.signal(signal.SIGINT)
    assert program.wait() == -signal.SIGINT
    assert list(tmp_path.glob("rows.csv*")) == []
