"""`rowstream run` and `map` with a schema registry that is as it should be, that is away, slow,
closed to us, or does not know a schema."""
import json
import signal
import subprocess

import pytest

import harness
from fake_registry import Registry, schemas_of
from harness import fixture, record, row_change
from test_avro import VERSION
from test_run import assert_adds_up, assert_streams, expected_streams, run_to_end, totals

pytestmark = pytest.mark.skipif("without libavro" in VERSION, reason="built without libavro")

CASE = "postgres-avro"


@pytest.fixture
def registries():
    """Makes registries; closes them after the test."""
    made = []

    def make(*args, **options):
        made.append(Registry(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def expected_of(bench, case=CASE):
    """stream -> events, as map makes them of the schemas in a file (test_avro.py compares these
    with those of the twin)."""
    result = bench.rowstream("map", "--schemas", harness.TESTS / "fixtures" / case /
                             "registry.json", harness.fixture_path(case))
    streams = {}
    for line in result.stdout.split("\n"):
        event = harness.parse(line) if line else {}
        if event and event.get("stream"):
            events = streams.setdefault(event["stream"], [])
            events.append({"number": len(events), "id": event["id"], "type": event["type"],
                           "data": event["data"], "metadata": event["metadata"]})
    assert sum(map(len, streams.values())) > 10
    return streams


class Bridge:
    """A capture in Avro in one Kafka, a store, and a bridge's configuration."""

    def __init__(self, bench, registry, case=CASE, topics=("^shop-avro.*",), **options):
        self.bench = bench
        self.kafka = bench.kafka(harness.fixture_path(case))
        self.store = bench.store()
        self.config = bench.config(self.kafka, self.store, list(topics),
                                   registry={"url": registry.url, **options})

    def start(self, *arguments, **options):
        return self.bench.run(self.config, "--until-end", *arguments, **options)


def assert_all_there(bench, bridge, program):
    assert program.wait() == 0, program.report()
    assert_streams(bridge.store, expected_of(bench))
    counts = totals(program)
    assert counts["refused"] == 0
    assert_adds_up(counts)


# --- as it should be ---

@pytest.mark.valgrind
def test_every_schema_is_asked_for_once(bench, registries):
    registry = registries(schemas_of(CASE))
    bridge = Bridge(bench, registry)
    assert_all_there(bench, bridge, bridge.start())
    used = sorted(f"/schemas/ids/{one}" for one in registry.schemas)
    assert sorted(registry.asked) == used


def test_the_url_may_have_a_path(bench, registries):
    registry = registries(schemas_of(CASE), base="/apis/ccompat/v7")
    registry.url += "/"
    bridge = Bridge(bench, registry)
    assert_all_there(bench, bridge, bridge.start())
    assert all(path.startswith("/apis/ccompat/v7/schemas/ids/") for path in registry.asked)


def test_a_restart_finds_its_last_event_again(bench, registries):
    """The record before the commit is in Avro too, and needs its schema before it proves anything."""
    bridge = Bridge(bench, registries(schemas_of(CASE)))
    assert_all_there(bench, bridge, bridge.start())
    again = bridge.start()
    assert again.wait() == 0, again.report()
    assert totals(again)["appended"] == 0
    assert_streams(bridge.store, expected_of(bench))


def test_keys_in_json_beside_values_in_avro(bench, registries):
    registry = registries(schemas_of("postgres-avro-json-key"))
    bridge = Bridge(bench, registry, case="postgres-avro-json-key", topics=["^.*avro.*"])
    program = bridge.start()
    assert program.wait() == 0, program.report()
    assert_streams(bridge.store, expected_of(bench, "postgres-avro-json-key"))


def test_topics_in_json_need_no_registry(bench, registries):
    """One is configured and away, and nothing asks it."""
    registry = registries({})
    registry.close()
    records = fixture("postgres-nulls-kept")
    kafka, store = bench.kafka(records), bench.store()
    run_to_end(bench, bench.config(kafka, store, ["^.*"], registry={"url": registry.url}))
    assert_streams(store, expected_streams(records))


# --- credentials and TLS ---

@pytest.mark.parametrize("where", ["options", "url", "environment"])
def test_credentials_are_given(bench, registries, where):
    registry = registries(schemas_of(CASE), user="reader:s3cret-word")
    options, env = {}, {}
    if where == "options":
        options = {"username": "reader", "password": "s3cret-word"}
    elif where == "url":
        registry.url = registry.url.replace("//", "//reader:s3cret-word@")
    else:
        options, env = {"username": "reader"}, {"ROWSTREAM_REGISTRY_PASSWORD": "s3cret-word"}
    bridge = Bridge(bench, registry, **options)
    program = bridge.start(env=env)
    assert_all_there(bench, bridge, program)
    assert "s3cret-word" not in program.stderr


def test_wrong_credentials_are_an_outage_until_they_are_right(bench, registries):
    registry = registries(schemas_of(CASE), user="reader:right")
    bridge = Bridge(bench, registry, username="reader", password="wr0ng-word")
    program = bridge.start()
    program.await_line("stderr", r"registry outage begins.*401.*registry\.password")
    assert program.running()
    registry.user = "reader:wr0ng-word"
    assert_all_there(bench, bridge, program)
    program.await_line("stderr", "registry outage ends")
    assert "wr0ng-word" not in program.stderr


@pytest.fixture
def certificate(bench):
    key, cert = bench.directory / "key.pem", bench.directory / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_tls_with_the_registrys_certificate(bench, registries, certificate):
    registry = registries(schemas_of(CASE), certificate=certificate)
    bridge = Bridge(bench, registry, ca_file=str(certificate[0]))
    assert_all_there(bench, bridge, bridge.start())


def test_tls_with_a_certificate_that_nobody_vouches_for(bench, registries, certificate):
    registry = registries(schemas_of(CASE), certificate=certificate)
    bridge = Bridge(bench, registry)
    program = bridge.start()
    program.await_line("stderr", "registry outage begins.*(?i:certificate)")
    assert program.stop() == 0, program.report()
    assert bridge.store.row_streams() == {}


@pytest.mark.parametrize("options, why", [
    ({"url": "registry:8081"}, "registry.url"), ({"url": "ftp://registry"}, "registry.url"),
    ({"url": "http://r", "ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem")])
def test_options_that_cannot_be_right_stop_the_start(bench, options, why):
    config = bench.config("127.0.0.1:1", "esdb://127.0.0.1:1?tls=false", ["t"], registry=options)
    program = bench.run(config)
    assert program.wait() == 2, program.report()
    program.await_line("stderr", why)


# --- away ---

def test_a_registry_that_is_away_is_waited_for(bench, registries):
    registry = registries(schemas_of(CASE))
    registry.close()
    bridge = Bridge(bench, registry)
    program = bridge.start()
    found = program.await_line(
        "stderr", r"registry outage begins.*topic=(\S+) partition=0 offset=(\d+)")
    assert found.group(1).startswith("shop-avro.") and found.group(2) == "0"
    registries(schemas_of(CASE), port=registry.port)
    assert_all_there(bench, bridge, program)
    program.await_line("stderr", "registry outage ends")


FAULTS = {
    "500": (500, json.dumps({"error_code": 50001, "message": "Error in the backend data store"})),
    "503": (503, "<html>Service Unavailable</html>"),
    "302": (302, ""),
    "a page": (200, "<html>Please log in</html>"),
    "no schema": (200, json.dumps({"schema": None})),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_trouble_in_mid_run_refuses_nothing(bench, registries, fault):
    """The first schemas come, then it is in trouble for a while."""
    registry = registries(schemas_of(CASE))
    registry.gate.clear()
    bridge = Bridge(bench, registry)
    program = bridge.start()
    registry.await_asked(1)
    answer, registry.answer = registry.answer, lambda path, headers: \
        answer(path, headers) if path == registry.asked[0] else fault
    registry.gate.set()
    program.await_line("stderr", f"registry outage begins.*status {fault[0]}")
    registry.answer = answer
    assert_all_there(bench, bridge, program)


def test_a_registry_that_is_restarted_in_mid_run(bench, registries):
    registry = registries(schemas_of(CASE))
    registry.gate.clear()
    bridge = Bridge(bench, registry)
    program = bridge.start()
    registry.await_asked(1)
    registry.close()
    second = registries(schemas_of(CASE), port=registry.port)
    assert_all_there(bench, bridge, program)
    assert second.asked


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_slow_registry_holds_up_no_signal(bench, registries, sent):
    registry = registries(schemas_of(CASE))
    registry.gate.clear()
    bridge = Bridge(bench, registry)
    program = bridge.start()
    registry.await_asked(1)
    program.signal(sent)
    assert program.wait() == 0, program.report()
    assert_adds_up(totals(program))
    assert bridge.store.row_streams() == {}
    registry.gate.set()
    assert_all_there(bench, bridge, bridge.start())


def test_a_slow_registry_holds_up_no_rebalance(bench, registries):
    """The one that waits gives partitions to one that comes; both go on when the answer is there."""
    registry = registries(schemas_of(CASE))
    registry.gate.clear()
    bridge = Bridge(bench, registry)
    config = bench.config(bridge.kafka, bridge.store, ["^shop-avro.*"],
                          kafka={"partition.assignment.strategy": "roundrobin"},
                          registry={"url": registry.url})
    one = bench.run(config)
    registry.await_asked(1)
    two = bench.run(config)
    one.await_line("stderr", "partitions revoked")
    two.await_line("stderr", "assigned")
    registry.await_asked(2)
    registry.gate.set()
    expected = expected_of(bench)
    harness.wait_until(
        lambda: sum(map(len, bridge.store.row_streams().values())) ==
        sum(map(len, expected.values())), "all events are there")
    assert one.stop() == 0 and two.stop() == 0
    assert_streams(bridge.store, expected)


# --- refused ---

def test_an_unknown_schema_is_refused(bench, registries):
    """With where it is and what was asked; what stood before it is written; the way on is said."""
    schemas = schemas_of(CASE)
    del schemas["12"]  # users' values
    registry = registries(schemas)
    bridge = Bridge(bench, registry, topics=["shop-avro.public.users"])
    program = bridge.start()
    assert program.wait() == 1, program.report()
    program.await_line("stderr", r"shop-avro\.public\.users/0 offset 0 is refused: .*schema id 12.*"
                       r"does not know it.*404.*Schema not found.*--skip")
    counts = totals(program)
    assert counts["refused"] == 1
    assert "outage" not in program.stderr


def test_an_unknown_schema_can_be_skipped(bench, registries):
    good = fixture("postgres-nulls-kept")
    bad = {**record("odd", 0, None, None), "key_b64": "AAAAAGMC", "payload_b64": "AAAAAGMC"}
    for name in ("key", "payload"):
        del bad[name]
    after = record("odd", 1, {"id": 1}, row_change("c", after={"id": 1}))
    kafka, store = bench.kafka(good, [bad, after]), bench.store()
    config = bench.config(kafka, store, ["^.*"], registry={"url": registries({}).url})
    program = run_to_end(bench, config, code=1)
    program.await_line("stderr", r"odd/0 offset 0 is refused.*schema id 99")
    program = bench.run(config, "--until-end", "--skip", "odd:0:0")
    assert program.wait() == 0, program.report()
    assert_streams(store, expected_streams([*good, after]))


def test_a_schema_that_is_not_avro_is_refused(bench, registries):
    schemas = {**schemas_of(CASE), "10": {"schema": "syntax = \"proto3\";",
                                          "schemaType": "PROTOBUF"}}
    bridge = Bridge(bench, registries(schemas), topics=["shop-avro.public.users"])
    program = bridge.start()
    assert program.wait() == 1, program.report()
    program.await_line("stderr", "the key in Avro with schema id 10.*PROTOBUF.*only AVRO")


def test_without_a_registry_it_is_said_what_to_configure(bench):
    kafka, store = bench.kafka(harness.fixture_path(CASE)), bench.store()
    program = run_to_end(bench, bench.config(kafka, store, ["^shop-avro.*"]), code=1)
    program.await_line("stderr", "configure 'registry'")


# --- map ---

def test_map_asks_the_registry(bench, registries):
    registry = registries(schemas_of(CASE))
    file = bench.rowstream("map", "--schemas",
                           harness.TESTS / "fixtures" / CASE / "registry.json",
                           harness.fixture_path(CASE))
    net = bench.rowstream("map", "--registry-url", registry.url, harness.fixture_path(CASE))
    assert net.returncode == 0 and net.stdout == file.stdout
    assert len(registry.asked) == len(set(registry.asked)) == len(registry.schemas)


def test_map_ends_where_the_registry_is_away(bench, registries):
    registry = registries({})
    registry.close()
    result = bench.rowstream("map", "--registry-url", registry.url, harness.fixture_path(CASE))
    assert result.returncode == 3 and result.stdout == ""
    assert f"127.0.0.1:{registry.port}" in result.stderr


def test_map_refuses_what_the_registry_does_not_know(bench, registries):
    result = bench.rowstream("map", "--registry-url", registries({}).url,
                             harness.fixture_path(CASE))
    assert result.returncode == 1 and " 61 refused" in result.stderr
    assert "does not know it" in json.loads(result.stdout.split("\n")[0])["refused"]


# --- verify ---

def test_verify_reads_records_in_avro(bench, registries):
    registry = registries(schemas_of(CASE))
    bridge = Bridge(bench, registry)
    assert bridge.start().wait() == 0
    done = bench.rowstream("verify", "-c", bridge.config, "--sums", "--format", "json")
    assert done.returncode == 0, done.stderr
    events = sum(map(len, bridge.store.row_streams().values()))
    assert sum(one["same"] for one in json.loads(done.stdout)) == events > 10
    registry.close()
    done = bench.rowstream("verify", "-c", bridge.config)
    assert done.returncode == 3 and str(registry.port) in done.stderr, done.stderr


# --- check ---

def check(bench, *arguments):
    result = bench.rowstream("check", "--format", "jsonl", "--timeout", "5", "--kafka",
                             "bootstrap.servers=127.0.0.1:1", *arguments)
    lines = [json.loads(line) for line in result.stdout.split("\n") if line]
    return [line for line in lines if line["subject"] == "registry"]


def test_check_tries_the_registry(bench, registries):
    registry = registries({}, base="/apis/ccompat/v7", user="reader:s3cret")
    good = check(bench, "--registry-url", registry.url, "--registry-username", "reader",
                 "--registry-password", "s3cret")
    assert [line["result"] for line in good] == ["ok"] and registry.url in good[0]["text"]
    denied = check(bench, "--registry-url", registry.url)
    assert [line["result"] for line in denied] == ["FAIL"] and "401" in denied[0]["text"]
    registry.user = None
    misplaced = check(bench, "--registry-url", registry.url.removesuffix("/apis/ccompat/v7"))
    assert [line["result"] for line in misplaced] == ["FAIL"]
    assert "registry.url and its path" in misplaced[0]["text"]
    registry.close()
    away = check(bench, "--registry-url", registry.url)
    assert [line["result"] for line in away] == ["FAIL"] and str(registry.port) in away[0]["text"]
    assert check(bench) == []
