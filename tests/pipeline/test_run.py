"""`rowstream run`, whole: embedded Kafka to development store, against the mapping's oracle."""
import json
import random
import re
import signal
import subprocess
import urllib.parse

import pytest

import harness
import mapping_oracle
from harness import fixture, parse, record, row_change, wait_until

BANKS = ["postgres-bank-readable", "mariadb-bank-readable"]
DIFFERENT_NAMES = {"stream": "{name}.{table}-{key}"}


# --- what must be in the store ---

def expected_streams(records, mapping=None):
    """stream -> events in order, as the oracle says."""
    streams = {}
    for outcome in mapping_oracle.events_of(records, {"mapping": mapping or {}}):
        if outcome.stream:
            events = streams.setdefault(outcome.stream, [])
            events.append({"number": len(events), "id": outcome.id, "type": outcome.type,
                           "data": parse(outcome.data),
                           "metadata": parse(json.dumps(outcome.metadata))})
    return streams


def assert_streams(store, expected):
    """The first difference, named; comparing whole would print thousands of events."""
    found = store.row_streams()
    for stream, events in expected.items():
        there = found.pop(stream, [])
        for want, got in zip(events, there):
            assert got == want, f"{stream} at {want['number']}"
        assert len(there) == len(events), \
            f"{stream} has {len(there)} events, not {len(events)}"
    assert not found, f"streams that must not be: {sorted(found)[:5]}"


def totals(program):
    """The figures of the last totals line, by name."""
    lines = [line for line in program.lines["stderr"] if re.search(r"\btotals\b", line)]
    assert lines, f"no totals\n{program.report()}"
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)\b", lines[-1])}


def assert_adds_up(counts):
    settled = sum(counts[name] for name in
                  ("appended", "duplicate", "skipped", "refused", "dropped", "in_flight"))
    assert counts["delivered"] == settled, counts


def run_to_end(bench, config, code=0):
    program = bench.run(config, "--until-end")
    assert program.wait() == code, program.report()
    return program


class Bank:
    """Both captures of the bank, in one Kafka, and a bridge's configuration."""

    def __init__(self, bench, *store_arguments, **sections):
        self.records = [one for name in BANKS for one in fixture(name)]
        self.expected = expected_streams(self.records, DIFFERENT_NAMES)
        self.kafka = bench.kafka(*map(harness.fixture_path, BANKS), partitions=1)
        self.store = bench.store(*store_arguments)
        self.config = bench.config(self.kafka, self.store, ["^shopbank.*"],
                                   mapping=DIFFERENT_NAMES, **sections)


# --- the main job ---

def test_two_databases_arrive_whole_and_in_order(bench):
    bank = Bank(bench)
    counts = totals(run_to_end(bench, bank.config))
    assert_streams(bank.store, bank.expected)
    assert_adds_up(counts)
    assert counts["delivered"] == len(bank.records)
    assert counts["appended"] == sum(map(len, bank.expected.values()))
    assert counts["skipped"] == counts["delivered"] - counts["appended"]


@pytest.mark.valgrind
def test_a_small_capture_arrives(bench):
    records = fixture("postgres-nulls-kept")
    kafka, store = bench.kafka(records), bench.store()
    run_to_end(bench, bench.config(kafka, store, ["^.*"]))
    assert_streams(store, expected_streams(records))


def test_a_restart_adds_nothing(bench):
    bank = Bank(bench)
    first = totals(run_to_end(bench, bank.config))
    again = totals(run_to_end(bench, bank.config))
    assert_streams(bank.store, bank.expected)
    assert first["delivered"] == len(bank.records)
    # A start goes back to the record before each committed offset, to see that the topic is the
    # one that was committed: nothing else is read again.
    assert again["appended"] == 0 and again["delivered"] <= 2 * len(BANKS) * 6


def test_another_group_reads_all_again_and_adds_nothing(bench):
    bank = Bank(bench)
    run_to_end(bench, bank.config)
    other = bench.config(bank.kafka, bank.store, ["^shopbank.*"], mapping=DIFFERENT_NAMES,
                         kafka={"group.id": "other"})
    counts = totals(run_to_end(bench, other))
    assert_streams(bank.store, bank.expected)
    # A repeat of a stream's first batch is answered as its first try was: it counts as appended.
    assert counts["appended"] + counts["duplicate"] == sum(map(len, bank.expected.values()))


def test_until_end_on_empty_topics_ends(bench):
    kafka, store = bench.kafka(), bench.store()
    counts = totals(run_to_end(bench, bench.config(kafka, store, ["nothing.here"])))
    assert counts["delivered"] == 0
    assert store.row_streams() == {}


# --- a store that misbehaves ---

@pytest.mark.parametrize("fault", [
    pytest.param("lose-after:rate=0.2,method=POST", id="answer-lost-after-writing"),
    pytest.param("lose-before:rate=0.2", id="request-lost-before-writing"),
    pytest.param("error-after:rate=0.2,method=POST", id="500-after-writing"),
    pytest.param("error:rate=0.2", id="500-before-writing"),
    pytest.param("unavailable:rate=0.2", id="503"),
    pytest.param("deny:rate=0.2", id="401-for-a-moment"),
    pytest.param("never-after:rate=0.01,method=POST", id="written-and-never-answered"),
    pytest.param("delay:rate=0.1,ms=100", id="slow"),
    pytest.param("close:every=7", id="connection-closed-after-7-requests"),
    pytest.param("refuse:rate=0.001,ms=300", id="all-connections-refused-for-a-while"),
])
def test_a_store_that_misbehaves_loses_and_doubles_nothing(bench, fault):
    bank = Bank(bench, "--fault", fault, eventstore={"request_timeout_ms": 1000})
    counts = totals(run_to_end(bench, bank.config))
    assert bank.store.fault_hits() > 0
    bank.store.heal()
    assert_streams(bank.store, bank.expected)
    assert_adds_up(counts)


# --- ends of all kinds ---

APPENDED = re.compile(r"append answered.*\bstatus=201\b")


def await_appends(program, wanted):
    """Until the program has logged that many appends."""
    wait_until(lambda: sum(1 for line in list(program.lines["stderr"]) if APPENDED.search(line))
               >= wanted, f"{wanted} appends\n{program.report()[-2000:]}")


def test_killed_at_any_moment_the_streams_equal_the_oracle(bench):
    """Six kills, each after up to 400 appends: fewer than there are streams, so none comes late."""
    bank = Bank(bench)
    dice = random.Random(4)
    for _ in range(6):
        program = bench.run(bank.config)
        await_appends(program, dice.randrange(1, 400))
        assert program.kill() == -signal.SIGKILL, program.report()
    run_to_end(bench, bank.config)
    assert_streams(bank.store, bank.expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_next_start_goes_on(bench, number):
    bank = Bank(bench)
    first = bench.run(bank.config)
    await_appends(first, 50)
    first.signal(number)
    assert first.wait() == 0, first.report()
    counts = totals(first)
    assert_adds_up(counts)
    assert counts["in_flight"] == 0 and counts["refused"] == 0
    assert counts["appended"] == sum(map(len, bank.store.row_streams().values()))
    second = totals(run_to_end(bench, bank.config))
    assert_streams(bank.store, bank.expected)
    assert counts["appended"] + second["appended"] == sum(map(len, bank.expected.values()))


def test_a_second_signal_ends_at_once(bench):
    """The store takes the requests and never answers: a drain that would take half a minute."""
    bank = Bank(bench, "--fault", "never:stream=shopbank*")
    program = bench.run(bank.config)
    wait_until(bank.store.fault_hits, "an append that nobody answers")
    program.signal(signal.SIGTERM)
    program.await_line("stderr", "draining")
    program.signal(signal.SIGTERM)
    assert program.wait() == 143, program.report()


# --- records that are refused ---

def json_text(value):
    return json.dumps(value, separators=(",", ":"))


GOOD = row_change("c", after={"id": 1, "v": "good"})
BEFORE = [record("t", n, {"id": n}, row_change("c", after={"id": n})) for n in range(3)]
AFTER = [record("t", 4, {"id": 4}, row_change("c", after={"id": 4}))]
DEEP = "[" * 5000 + "]" * 5000

REFUSED = {
    "broken JSON": '{"before":null,',
    "truncated": json_text(GOOD)[:-20],
    "no envelope": '{"hello":"world"}',
    "an array": "[1,2,3]",
    "op of a wrong type": {**GOOD, "op": 7},
    "unknown op": {**GOOD, "op": "x"},
    "source of a wrong type": {**GOOD, "source": "here"},
    "nesting": '{"before":null,"after":{"id":1,"v":' + DEEP + '},"op":"c"}',
    "not UTF-8": {"payload_b64": "eyJvcCI6IsP/In0="},
    "larger than an event may be": {**GOOD, "after": {"id": 1, "v": "x" * 4_500_000}},
}


def bad_record(value):
    """At offset 3, as captures hold it."""
    if isinstance(value, dict) and "payload_b64" in value:
        one = record("t", 3, {"id": 1}, None)
        del one["payload"]
        return {**one, **value}
    return record("t", 3, {"id": 1}, value)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_a_record_that_is_no_change_stops_the_bridge(bench, value):
    """What stood before it is written, it and what follows is not."""
    kafka, store = bench.kafka([*BEFORE, bad_record(value), *AFTER]), bench.store()
    program = run_to_end(bench, bench.config(kafka, store, ["t"]), code=1)
    program.await_line("stderr", r"\bt/0 offset 3 is refused: ")
    assert_streams(store, expected_streams(BEFORE))
    assert_adds_up(totals(program))
    assert totals(program)["refused"] == 1


def test_a_refused_record_is_refused_until_it_is_skipped(bench):
    kafka, store = bench.kafka([*BEFORE, bad_record("[]"), *AFTER]), bench.store()
    config = bench.config(kafka, store, ["t"])
    run_to_end(bench, config, code=1)
    run_to_end(bench, config, code=1)
    assert_streams(store, expected_streams(BEFORE))
    program = bench.run(config, "--until-end", "--skip", "t:0:3")
    assert program.wait() == 0, program.report()
    assert_streams(store, expected_streams([*BEFORE, *AFTER]))
    assert totals(program)["skipped"] == 1
    # It is remembered: no flag is needed the next time.
    assert totals(run_to_end(bench, config))["appended"] == 0


# --- servers that are away ---

def test_a_store_that_is_away_is_named_and_tried_again(bench):
    store = bench.store()
    port = store.port
    store.end()
    records = fixture("postgres-nulls-kept")
    program = bench.run(bench.config(bench.kafka(records), store, ["^.*"]), "--until-end")
    program.await_line("stderr", rf"127\.0\.0\.1:{port}")
    assert program.running()
    store = bench.store(port=port)
    assert program.wait() == 0, program.report()
    assert_streams(store, expected_streams(records))


def test_a_kafka_that_is_away_is_named_and_tried_again(bench):
    records = fixture("postgres-nulls-kept")
    kafka, store = bench.kafka(records), bench.store()
    port = kafka.bootstrap.split(",")[0].rsplit(":", 1)[1]
    kafka.end()
    # No --until-end: the mock cluster answers from its start on, and the bridge may be there while
    # it holds half of the topics; an end seen then would be one.
    program = bench.run(bench.config(kafka, store, ["^.*"],
                                     kafka={"topic.metadata.refresh.interval.ms": 200}))
    program.await_line("stderr", rf"127\.0\.0\.1:{port}")
    assert program.running()
    bench.kafka(records, port=port)
    expected = expected_streams(records)
    events = sum(map(len, expected.values()))
    harness.wait_until(lambda: sum(map(len, store.row_streams().values())) >= events,
                       "every record is an event")
    assert program.stop() == 0, program.report()
    assert_streams(store, expected)


def test_wrong_credentials_are_named_and_tried_again(bench):
    store = bench.store("--auth")
    config = bench.config(bench.kafka(fixture("postgres-nulls-kept")),
                          store.url.replace("changeit", "wrong-secret"), ["^.*"])
    program = bench.run(config)
    program.await_line("stderr", "401")
    assert program.running()
    assert program.stop() == 0, program.report()
    assert "wrong-secret" not in program.stderr
    assert store.row_streams() == {}


# --- TLS ---

@pytest.fixture
def tls_store(bench):
    """A store with a certificate of its own making, and the certificate's file."""
    key, cert = bench.directory / "key.pem", bench.directory / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    store = bench.store("--tls-cert", cert, "--tls-key", key, scheme="https", ca_file=cert)
    return store, cert


@pytest.mark.parametrize("how", ["tlsCaFile={}", "tlsVerifyCert=false"])
def test_tls_with_the_stores_certificate(bench, tls_store, how):
    store, cert = tls_store
    records = fixture("postgres-nulls-kept")
    url = store.url + "&" + how.format(urllib.parse.quote(str(cert)))
    run_to_end(bench, bench.config(bench.kafka(records), url, ["^.*"]))
    assert_streams(store, expected_streams(records))


def test_tls_with_a_certificate_that_nobody_vouches_for(bench, tls_store):
    store, _ = tls_store
    records = fixture("postgres-nulls-kept")
    program = bench.run(bench.config(bench.kafka(records), store, ["^.*"]))
    program.await_line("stderr", "(?i)certificate")
    assert program.running()
    assert program.stop() == 0, program.report()
    assert store.row_streams() == {}
