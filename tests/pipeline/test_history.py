"""`rowstream history`, `show` and `diff`: a row's life, read back from the store."""
import json
import subprocess

import pytest

import harness
from harness import record, row_change

T0 = 1700000000000


def row(op, offset, before=None, after=None, key=1, headers=(), **source):
    return record("srv.public.people", offset, {"id": key},
                  row_change(op, "people", before, after, ts_ms=T0 + 1000 * offset, **source),
                  headers=headers)


LIFE = [
    row("c", 0, after={"id": 1, "name": "Ann", "age": 1.50}, txId=570),
    row("u", 1, after={"id": 1, "name": "Anna", "age": 1.5}, txId=571),
    row("u", 2, after={"id": 1, "name": "Anna", "age": 2, "note": {"a": [1, 2]}}, txId=572),
    row("d", 3, before={"id": 1}, txId=573),
    row("c", 4, after={"id": 1, "name": "Bo"}, txId=574),
    row("u", 5, after={"id": 2, "name": "Cy"}, key=2),
]


@pytest.fixture
def bridged(bench):
    """Bridges records; returns a function that runs a sub-command against the store."""
    def bridge(records, *store_args):
        store = bench.store(*store_args)
        config = bench.config(bench.kafka(records), store, ["srv.public.people"])
        program = bench.run(config, "--until-end")
        assert program.wait() == 0, program.report()

        def command(*args):
            return bench.rowstream(args[0], "-c", config, *args[1:])
        command.store = store
        return command
    return bridge


def lines(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_life_is_told_column_by_column(bridged):
    run = bridged(LIFE)
    *rows, last = lines(run("history", "people", "1", "--format", "jsonl"))
    assert last == {"complete": True, "rows": 5}
    assert [(row["revision"], row["op"], row["txid"], row["offset"]) for row in rows] == [
        (0, "c", "570", 0), (1, "u", "571", 1), (2, "u", "572", 2), (3, "d", "573", 3),
        (4, "c", "574", 4)]
    assert rows[1]["time"] == "2023-11-14T22:13:21.000Z"
    # 1.50 and 1.5 are one value
    assert rows[1]["changes"] == [{"column": "name", "old": "Ann", "new": "Anna"}]
    assert rows[2]["changes"] == [{"column": "age", "old": 1.5, "new": 2},
                                  {"column": "note", "new": {"a": [1, 2]}}]
    assert rows[3]["changes"] == []
    assert {"column": "name", "new": "Bo"} in rows[4]["changes"]


def test_a_table_is_for_people(bridged):
    done = bridged(LIFE)("history", "people-1", "--columns", "name")
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["revision", "time", "op", "txid", "kafka", "changes"]
    assert [row.split()[0] for row in rows] == ["0", "1", "3", "4"]
    assert rows[1].endswith('srv.public.people/0@1  name: "Ann" -> "Anna"')


@pytest.mark.parametrize("options, revisions", [
    (["--from", "2"], [2, 3, 4]),
    (["--from", "1", "--to", "3"], [1, 2, 3]),
    (["--from", "2023-11-14T22:13:22Z"], [2, 3, 4]),
    (["--to", "2023-11-14T23:13:21+01:00"], [0, 1]),
    (["--to", str(T0)], [0]),
    (["--from", "9"], []),
])
def test_a_part_of_a_life(bridged, options, revisions):
    *rows, _ = lines(bridged(LIFE)("history", "people-1", "--format", "jsonl", *options))
    assert [row["revision"] for row in rows] == revisions


@pytest.mark.parametrize("options, row", [
    ([], {"id": 1, "name": "Bo"}),
    (["--revision", "1"], {"id": 1, "name": "Anna", "age": 1.5}),
    (["--at", "2023-11-14T22:13:20.999Z"], {"id": 1, "name": "Ann", "age": 1.5}),
    (["--at", "2023-11-14T22:13:22Z"],
     {"id": 1, "name": "Anna", "age": 2, "note": {"a": [1, 2]}}),
    (["--tx", "571"], {"id": 1, "name": "Anna", "age": 1.5}),
    (["--tx", "srv:570"], {"id": 1, "name": "Ann", "age": 1.5}),
])
def test_a_row_as_it_was(bridged, options, row):
    done = bridged(LIFE)("show", "people", "1", "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    assert [shown["row"] for shown in json.loads(done.stdout)] == [row]


@pytest.mark.parametrize("options, code, words", [
    (["--revision", "3"], 1, "there was no row: revision 3 deleted it, 2023-11-14T22:13:23.000Z"),
    (["--revision", "5"], 1, "there is no revision 5, the last one is 4"),
    (["--at", "2023-11-14"], 1, "there was no row yet"),
    (["--tx", "999"], 1, "no event of transaction 999"),
    (["--at", "yesterday"], 2, "--at 'yesterday' is no time: write 2026-11-26"),
    (["--tx", "1", "--revision", "1"], 2, "give one of them"),
    (["--revision", "x"], 2, "--revision"),
    (["--format", "xml"], 2, "--format 'xml'"),
])
def test_what_is_not_there_is_said(bridged, options, code, words):
    done = bridged(LIFE)("show", "people", "1", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_two_points_are_compared(bridged):
    run = bridged(LIFE)
    done = run("diff", "people", "1", "1", "2023-11-14T22:13:22Z", "--format", "csv")
    assert (done.returncode, done.stdout) == (1, 'column,old,new\nage,1.5,2\n'
                                                 'note,,"{""a"":[1,2]}"\n')
    assert run("diff", "people-1", "2", "2").returncode == 0
    # a row that is gone has no columns
    done = run("diff", "people-1", "3", "4", "--format", "csv")
    assert done.stdout == 'column,old,new\nid,,1\nname,,"""Bo"""\n'
    assert "two points" in run("diff", "people-1", "3").stderr


def test_columns_that_were_not_sent_keep_their_value(bridged):
    run = bridged([
        row("c", 0, after={"id": 1, "doc": "long text", "n": 1}),
        row("u", 1, after={"id": 1, "doc": "__debezium_unavailable_value", "n": 2}),
    ])
    *rows, _ = lines(run("history", "people-1", "--format", "jsonl"))
    assert rows[1]["changes"] == [{"column": "n", "old": 1, "new": 2}]
    assert '"doc":"long text"' in run("show", "people-1", "--format", "jsonl").stdout


def test_a_key_that_changed_says_where_the_row_went(bridged):
    run = bridged([
        row("c", 0, after={"id": 1}),
        row("d", 1, before={"id": 1}, headers=["__debezium.newkey", '{"id":2}']),
        row("c", 2, after={"id": 2}, key=2, headers=["__debezium.oldkey", '{"id":1}']),
    ])
    assert run("history", "people-1").stdout.endswith('(moved to {"id":2})\n')
    assert run("history", "people-2").stdout.endswith('id: 2 (came from {"id":1})\n')


def test_the_beginning_that_was_removed_is_told(bridged):
    run = bridged(LIFE)
    meta = [{"eventId": "8d4f5cbe-3e4f-4f43-9d5c-5a4a8f6b8f53", "eventType": "$metadata",
             "data": {"$tb": 2}}]
    status, _, body = run.store.request(
        "POST", "/streams/people-1/metadata",
        {"Content-Type": "application/vnd.eventstore.events+json"}, json.dumps(meta))
    assert status == 201, body
    done = run("history", "people-1", "--format", "jsonl")
    *rows, _ = lines(done)
    assert [row["revision"] for row in rows] == [2, 3, 4]
    assert "history begins at revision 2: earlier events were removed" in done.stderr


def test_what_is_no_row_is_refused(bridged):
    run = bridged(LIFE)
    foreign = [{"eventId": "8d4f5cbe-3e4f-4f43-9d5c-5a4a8f6b8f54", "eventType": "x", "data": {}}]
    for stream in ("other-1", "people-2"):
        status, _, body = run.store.request(
            "POST", f"/streams/{stream}",
            {"Content-Type": "application/vnd.eventstore.events+json"}, json.dumps(foreign))
        assert status == 201, body
    for stream in ("other-1", "$ce-people"):
        done = run("history", stream)
        assert done.returncode == 1
        assert f"stream {stream} is no row's" in done.stderr
    done = run("history", "nobody-1")
    assert (done.returncode, "stream nobody-1 does not exist" in done.stderr) == (1, True)
    # one event among ours is passed over, and said so
    done = run("history", "people-2", "--format", "jsonl")
    assert [row["op"] for row in lines(done)[:-1]] == ["u"]
    assert "1 events were not written by rowstream" in done.stderr


def test_a_store_that_is_away_is_no_empty_result(bridged, bench, tmp_path):
    run = bridged(LIFE)
    out = tmp_path / "history.jsonl"
    run.store.kill()
    done = run("history", "people-1", "--format", "jsonl")
    assert (done.returncode, done.stdout) == (3, '{"complete":false,"rows":0}\n')
    assert "stream people-1 at 0 could not be read from" in done.stderr
    assert run("history", "people-1", "--format", "csv", "-o", out).returncode == 3
    assert list(tmp_path.glob("history*")) == []


def test_a_store_that_dies_in_mid_read_leaves_the_result_open(bridged, bench):
    many = [row("u" if i else "c", i, after={"id": 1, "n": i}) for i in range(1200)]
    run = bridged(many)
    # the third page never comes
    run.store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                      "unavailable:stream=people-1,skip=2")
    done = run("history", "people-1", "--format", "json")
    assert done.returncode == 3
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)
    assert "at 1000 could not be read" in done.stderr
    run.store.heal()
    *rows, last = lines(run("history", "people-1", "--format", "jsonl"))
    assert [row["revision"] for row in rows] == list(range(1200))
    assert last["complete"]


def test_a_full_disk_is_said(bridged):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [*harness.WRAPPER, harness.BUILD / "rowstream", "show", "people-1",
             "--eventstore-url", bridged(LIFE).store.url],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            timeout=harness.DEADLINE_S, env=harness.environment())
    assert done.returncode == 1
    assert "standard output: No space left on device" in done.stderr


def test_a_file_appears_when_it_is_whole(bridged, tmp_path):
    out = tmp_path / "people.csv"
    done = bridged(LIFE)("history", "people-1", "--format", "csv", "--output", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(out.read_text().splitlines()) == 6
    assert [path.name for path in tmp_path.glob("people*")] == ["people.csv"]
    assert "cannot be written" in bridged(LIFE)(
        "history", "people-1", "-o", tmp_path / "no" / "x").stderr
