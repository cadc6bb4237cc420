"""`rowstream replay`: events again, in order, to standard output or a Kafka topic, and nothing lost
when it is interrupted."""
import json
import os
import random
import signal
import subprocess

import pytest

import harness
from devstore_client import append, event, set_metadata

ALL_BEGINNING = "0" * 32


def fill(store, streams, count, batch=100):
    """count events in turn over the streams customers-1 …; ids in the order of $all."""
    ids = []
    versions = {}
    while len(ids) < count:
        name = f"customers-{len(ids) // batch % streams + 1}"
        events = [event(data={"n": len(ids) + i, "text": "x" * 40}, metadata={"m": [1, {}]})
                  for i in range(min(batch, count - len(ids)))]
        version = versions.get(name, -1)
        assert append(store, name, version, *events) == (201, version + 1)
        versions[name] = version + len(events)
        ids += [one["eventId"] for one in events]
    return ids


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


def replayed(done, code=0):
    """The events and the last line."""
    assert done.returncode == code, done.stderr
    *events, last = lines_of(done.stdout)
    return events, last


def records(kafka, topic):
    """What the topic holds, as kcat prints it."""
    done = subprocess.run(["kcat", "-b", kafka.bootstrap, "-C", "-t", topic, "-e", "-q", "-J"],
                          stdout=subprocess.PIPE, text=True, check=True,
                          timeout=harness.DEADLINE_S)
    return lines_of(done.stdout)


def headers(one):
    names = one["headers"][::2]
    return dict(zip(names, one["headers"][1::2]))


@pytest.fixture
def store(bench):
    return bench.store()


@pytest.fixture
def replay(bench, store):
    def run(*args):
        return bench.rowstream("replay", "--eventstore-url", store.url, *args)
    return run


def test_a_stream_is_told_as_it_stands(store, replay):
    append(store, "customers-1", -1, event(data={"n": 1.50, "t": "é\n"}, metadata={"a": None}),
           event(kind="foreign", data={}))
    events, last = replayed(replay("customers-1"))
    assert last == {"complete": True, "events": 2, "next": "2"}
    for one, stored in zip(events, store.read("customers-1"), strict=True):
        assert (one["stream"], one["revision"], one["position"], one["id"], one["type"]) == (
            "customers-1", stored["number"], str(stored["number"]), stored["id"], stored["type"])
        assert harness.parse(json.dumps(one["data"])) == stored["data"]
    assert events[0]["metadata"] == {"a": None}
    assert events[1]["metadata"] is None
    assert events[0]["written"].startswith("20")


def test_it_begins_where_it_is_told(store, replay):
    ids = fill(store, 1, 1203)
    events, last = replayed(replay("customers-1", "--from", "1100"))
    assert [one["id"] for one in events] == ids[1100:]
    assert last["next"] == "1203"
    assert replayed(replay("customers-1", "--from", last["next"])) == (
        [], {"complete": True, "events": 0, "next": "1203"})


def test_a_category_has_its_own_positions(store, replay):
    ids = fill(store, 3, 300, batch=50)
    events, _ = replayed(replay("$ce-customers", "--from", "120"))
    assert [one["id"] for one in events] == ids[120:]
    assert [one["position"] for one in events] == [str(n) for n in range(120, 300)]
    # the revision is the one in the event's own stream
    assert [(one["stream"], one["revision"]) for one in events[:2]] == [
        ("customers-3", 20), ("customers-3", 21)]


def test_everything_leaves_the_stores_own_events_out(store, replay):
    ids = fill(store, 2, 30, batch=10)
    set_metadata(store, "customers-1", {"$maxAge": 1000000})
    append(store, "~rowstream-bridge", -1, event(kind="mapping"))
    events, last = replayed(replay("$all"))
    assert [one["id"] for one in events] == ids
    assert {one["position"] for one in events} == {ALL_BEGINNING}
    more, _ = replayed(replay("$all", "--system"))
    assert {"$$customers-1", "~rowstream-bridge"} <= {one["stream"] for one in more}
    append(store, "customers-9", -1, event(9))
    assert [one["stream"] for one in replayed(replay("$all", "--from", last["next"]))[0]] == [
        "customers-9"]


def test_a_stream_whose_beginning_was_removed(store, replay):
    ids = fill(store, 1, 20)
    set_metadata(store, "customers-1", {"$tb": 12})
    events, last = replayed(replay("customers-1"))
    assert [one["id"] for one in events] == ids[12:]
    assert last == {"complete": True, "events": 8, "next": "20"}
    # the category's links to what is gone are counted, not told
    done = replay("$ce-customers")
    events, _ = replayed(done)
    assert [one["id"] for one in events] == ids[12:]


@pytest.mark.parametrize("args, code, words", [
    ([], 2, "which stream?"),
    (["nobody-1"], 1, "stream nobody-1 does not exist"),
    (["customers-1", "--from", "yesterday"], 2, "'yesterday' is no position: write the number"),
    (["$all", "--from", "17"], 2, "$all takes 32 hexadecimal digits"),
    (["customers-1", "--to", "file"], 2, "--to 'file': write kafka:TOPIC"),
    (["customers-1", "--to", "kafka:"], 2, "--to 'kafka:': write kafka:TOPIC"),
    (["customers-1", "--rate", "many"], 2, "--rate"),
    (["customers-1", "customers-2"], 2, "unexpected argument"),
    (["customers-1", "--position-file", "/"], 2, "/ cannot be read"),
])
def test_what_cannot_be_done_is_said(store, replay, args, code, words):
    fill(store, 1, 1)
    done = replay(*args)
    assert done.returncode == code
    assert words in done.stderr
    assert '"complete":true' not in done.stdout


@pytest.mark.parametrize("text, words", [
    ("", "is empty"),
    ("12", "is no position file"),
    ("12 customers-1", "is no position file"),
    ("12 customers-2\n", "is a position in customers-2, not in customers-1"),
    ("x customers-1\n", "'x' is no position"),
    ("1" * 60 + " customers-1\n", "is no position file"),
])
def test_a_position_file_that_is_none(store, replay, tmp_path, text, words):
    fill(store, 1, 1)
    path = tmp_path / "position"
    path.write_text(text)
    done = replay("customers-1", "--position-file", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert path.read_text() == text


def test_the_position_file_goes_on_where_the_last_run_ended(store, replay, tmp_path):
    path = tmp_path / "position"
    ids = fill(store, 1, 10)
    events, _ = replayed(replay("customers-1", "--position-file", path, "--from", "4"))
    assert [one["id"] for one in events] == ids[4:]
    assert path.read_text() == "10 customers-1\n"
    append(store, "customers-1", 9, event(1))
    # where there is a file, it has the last word
    events, _ = replayed(replay("customers-1", "--position-file", path, "--from", "4"))
    assert [one["revision"] for one in events] == [10]
    assert [found.name for found in tmp_path.glob("position*")] == ["position"]


class Run:
    """A running replay whose output is appended to a file."""

    def __init__(self, store, out, *args):
        self.out = open(out, "ab")
        self.process = subprocess.Popen(
            [*harness.WRAPPER, harness.BUILD / "rowstream", "replay", "--eventstore-url",
             store.url, *map(str, args)],
            stdout=self.out, stderr=subprocess.PIPE, env=harness.environment())

    def end(self, number):
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=harness.DEADLINE_S)
        self.out.close()
        return self.process.returncode, said.decode()


def events_of_file(path):
    """The events of a file that several runs wrote: half lines and ends of runs left out."""
    found = []
    for line in path.read_bytes().splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if "stream" in one:
            found.append(one)
    return found


def once(ids):
    return list(dict.fromkeys(ids))


@pytest.mark.parametrize("stream", ["customers-1", "$ce-customers", "$all"])
def test_killed_at_any_point_it_loses_nothing(store, tmp_path, stream):
    ids = fill(store, 1 if stream == "customers-1" else 7, 9000)
    out, position = tmp_path / "out.jsonl", tmp_path / "position"

    def told():
        return events_of_file(out) if out.exists() else []
    chance = random.Random(9)
    kills = 0
    while kills < 12 and len({one["id"] for one in told()}) < len(ids):
        more = (out.stat().st_size if out.exists() else 0) + chance.randrange(1, 200_000)
        run = Run(store, out, stream, "--follow", "--position-file", position, "--rate", 20000)
        harness.wait_until(lambda: out.stat().st_size >= more or
                           len({one["id"] for one in told()}) == len(ids), "it writes")
        run.end(signal.SIGKILL)
        kills += 1
    assert kills > 3
    run = Run(store, out, stream, "--position-file", position)
    assert run.process.wait(harness.DEADLINE_S) == 0
    run.out.close()
    assert once(one["id"] for one in told()) == ids


def test_killed_while_it_writes_to_kafka(bench, store, tmp_path):
    kafka = bench.kafka()
    ids = fill(store, 5, 6000)
    position = tmp_path / "position"
    args = ["$ce-customers", "--to", "kafka:again", "--position-file", position, "--kafka",
            f"bootstrap.servers={kafka.bootstrap}", "--rate", "20000"]
    chance = random.Random(4)
    for _ in range(4):
        before = position.read_text() if position.exists() else None
        run = Run(store, os.devnull, *args)
        harness.wait_until(lambda: run.process.poll() is not None or position.exists() and
                           position.read_text() != before, "it gets on")
        harness.wait_until(lambda: chance.random() < 0.1, "any point")
        run.end(signal.SIGKILL)
    done = bench.rowstream("replay", "--eventstore-url", store.url, *args)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert position.read_text() == "6000 $ce-customers\n"
    found = records(kafka, "again")
    told = {}
    for one in found:
        told.setdefault(one["key"], []).append((headers(one)["id"], one))
    stored = store.streams()
    assert set(told) == set(stored)
    for name, events in stored.items():
        assert once(id for id, _ in told[name]) == [one["id"] for one in events]
        assert len({one["partition"] for _, one in told[name]}) == 1
    assert once(sorted(headers(one)["id"] for one in found)) == sorted(ids)
    first = headers(found[0])
    assert json.loads(found[0]["payload"])["text"] == "x" * 40
    assert (first["type"], first["metadata"]) == ("c", '{"m":[1,{}]}')


def test_ctrl_c_keeps_the_position(store, tmp_path):
    fill(store, 1, 700)
    out, position = tmp_path / "out.jsonl", tmp_path / "position"
    run = Run(store, out, "customers-1", "--rate", "50", "--position-file", position)
    harness.wait_until(lambda: len(events_of_file(out)) > 20, "it writes")
    code, said = run.end(signal.SIGINT)
    told = events_of_file(out)
    assert code == 1
    assert position.read_text() == f"{len(told)} customers-1\n"
    assert f"go on with --from {len(told)}" in said
    assert lines_of(out.read_text())[-1] == {
        "complete": False, "events": len(told), "next": str(len(told))}


def test_follow_goes_on_live_and_waits_for_a_store_that_is_away(bench, tmp_path):
    data = tmp_path / "store.db"
    store = bench.store("--data", data)
    fill(store, 1, 3)
    run = bench.program("rowstream", "replay", "customers-1", "--follow", "--eventstore-url",
                        store.url, wrapper=harness.WRAPPER)
    run.await_line("stdout", '"revision":2,')
    append(store, "customers-1", 2, event(3))
    run.await_line("stdout", '"revision":3,')
    store.stop()
    run.await_line("stderr", "waiting")
    store = bench.store("--data", data, port=store.port)
    append(store, "customers-1", 3, event(4))
    run.await_line("stdout", '"revision":4,')
    run.await_line("stderr", "going on")
    assert run.stop() == 0
    assert [json.loads(line).get("revision") for line in run.lines["stdout"]] == [
        0, 1, 2, 3, 4, None]


def test_follow_waits_for_a_stream_that_is_not_there_yet(bench, store):
    run = bench.program("rowstream", "replay", "customers-1", "--follow", "--eventstore-url",
                        store.url, wrapper=harness.WRAPPER)
    run.await_line("stderr", "waiting.*does not exist")
    fill(store, 1, 1)
    run.await_line("stdout", '"revision":0,')
    assert run.stop() == 0


def test_a_store_that_dies_in_mid_read_says_where_to_go_on(store, replay):
    ids = fill(store, 1, 1200)
    store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                  "unavailable:stream=customers-1,skip=2")
    done = replay("customers-1")
    events, last = replayed(done, 3)
    assert [one["id"] for one in events] == ids[:1000]
    assert last == {"complete": False, "events": 1000, "next": "1000"}
    assert "go on with --from 1000" in done.stderr
    store.heal()
    assert [one["id"] for one in replayed(replay("customers-1", "--from", "1000"))[0]] == ids[1000:]


def test_a_closed_pipe_ends_it_quietly(store):
    fill(store, 1, 3000)
    process = subprocess.Popen(
        [harness.BUILD / "rowstream", "replay", "customers-1", "--eventstore-url", store.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(harness.DEADLINE_S) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_reader_that_stands_still_does_not_keep_it(store, tmp_path):
    fill(store, 1, 3000)
    position = tmp_path / "position"
    process = subprocess.Popen(
        [harness.BUILD / "rowstream", "replay", "customers-1", "--eventstore-url", store.url,
         "--position-file", position],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())
    # a pipe holds less than all of it
    process.stdout.read(1)
    process.terminate()
    assert process.wait(harness.DEADLINE_S) == 1
    whole = process.stdout.read().count(b"\n")
    kept = int(position.read_text().split()[0]) if position.exists() else 0
    assert kept <= whole < 3000
    process.stdout.close()
    process.stderr.close()


def test_a_full_disk_is_said(store):
    fill(store, 1, 3)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*harness.WRAPPER, harness.BUILD / "rowstream", "replay", "customers-1",
             "--eventstore-url", store.url], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=harness.DEADLINE_S, env=harness.environment())
    assert done.returncode == 1
    assert "standard output: No space left on device" in done.stderr


def test_kafka_that_does_not_take_it(bench, store, replay, tmp_path):
    fill(store, 1, 3)
    kafka = bench.kafka()
    position = tmp_path / "position"
    to = ["customers-1", "--to", "kafka:t", "--position-file", position, "--kafka",
          f"bootstrap.servers={kafka.bootstrap}", "--kafka"]
    done = replay(*to, "message.max.bytes=1000")
    assert done.returncode == 0, done.stderr
    append(store, "customers-1", 2, event(data={"t": "x" * 2000}))
    done = replay(*to, "message.max.bytes=1000")
    assert done.returncode == 1
    assert "revision 3 of customers-1" in done.stderr and "message.max.bytes" in done.stderr
    assert position.read_text() == "3 customers-1\n"
    done = replay(*to, "nonsense=1")
    assert (done.returncode, "nonsense" in done.stderr) == (2, True)
    kafka.kill()
    done = replay(*to, "message.timeout.ms=1000")
    assert (done.returncode, "no broker answers" in done.stderr) == (3, True)
