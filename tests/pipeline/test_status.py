"""What a running bridge tells over HTTP: status.json, /metrics, /ready, the page, `rowstream status`."""
import http.client
import json
import re
import signal

import pytest

import browser
from harness import controlled_kafka, fixture, record, row_change, tell, wait_until

T0 = 1700000000000
SECRET_KEY = "key-that-is-row-data"
ROW = {"id": SECRET_KEY, "name": "Ann"}
CAPTURE = [
    record("srv.public.people", 0, {"id": SECRET_KEY},
           row_change("c", "people", after=ROW, ts_ms=T0)),
    record("srv.public.people", 1, {"id": SECRET_KEY},
           row_change("u", "people", after=ROW, ts_ms=T0 + 1)),
    record("srv.public.people", 2, {"id": "x"},
           row_change("d", "people", before={"id": "x"}, ts_ms=T0 + 2)),
    record("srv.public.people", 3, {"id": "x"}, None),
    record("srv.public.orders", 0, {"id": 1}, row_change("r", "orders", after={"id": 1}, ts_ms=T0)),
]
MORE = record("srv.public.orders", 1, {"id": 1}, row_change("u", "orders", after={"id": 1}))


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def metrics(text):
    """Prometheus' text format, 0.0.4, strictly: {(name, frozenset(labels)): value}, {name: type}."""
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = re.fullmatch(
                r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)', line).groups()
            assert any(name in (known, known + "_bucket", known + "_sum", known + "_count")
                       for known in types), f"{name} has no TYPE before it"
            pairs = frozenset(re.findall(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"', labels or ""))
            assert (name, pairs) not in values, line
            values[name, pairs] = float(value)
    return values, types


def labels(**pairs):
    return frozenset(pairs.items())


class Watched:
    def __init__(self, bench, store, config):
        self.store, self.config, self.bench = store, config, bench
        self.program = bench.run(config)
        self.address = self.program.await_line(
            "stderr", r"status address=(\S+)").group(1)

    def status(self):
        code, _, body = get(self.address, "/status.json")
        assert code == 200
        return json.loads(body)

    def settled(self, records):
        """The status once so many records are settled."""
        def seen():
            now = self.status()
            counts = now["records"]
            done = counts["appended"] + counts["duplicate"] + counts["skipped"]
            return now if done == records and now["lag"] == 0 else None
        return wait_until(seen, f"{records} settled records")


@pytest.fixture
def watched(bench):
    def start(capture, store=None, **sections):
        store = store or bench.store()
        config = bench.config(bench.kafka(capture, partitions=1), store, ["^srv.*|^shopbank.*"],
                              status={"listen": "127.0.0.1:0"}, **sections)
        return Watched(bench, store, config)
    return start


def test_what_is_told_adds_up(watched):
    bridge = watched(CAPTURE)
    now = bridge.settled(5)
    assert now["state"] == "running" and now["ready"] and now["reasons"] == []
    assert now["records"] == {"delivered": 5, "appended": 4, "duplicate": 0, "skipped": 1,
                              "refused": 0, "dropped": 0, "in_flight": 0}
    assert now["skipped"] == [{"reason": "tombstone", "records": 1}]
    assert [(t["topic"], t["delivered"], t["appended"]) for t in now["topics"]] == \
        [("srv.public.orders", 1, 1), ("srv.public.people", 4, 3)]
    assert sorted((p["topic"], p["partition"], p["next"], p["end"], p["lag"])
                  for p in now["partitions"]) == \
        [("srv.public.orders", 0, 1, 1, 0), ("srv.public.people", 0, 4, 4, 0)]
    assert now["streams"] == {"known": 3, "in_trouble": 0}
    assert now["delay_ms"]["events"] == 4
    assert now["delay_ms"]["p50"] > 86400000  # the changes are from 2023


def test_metrics(watched):
    bridge = watched(CAPTURE)
    bridge.settled(5)
    code, headers, text = get(bridge.address, "/metrics")
    assert code == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    values, types = metrics(text)
    people = dict(topic="srv.public.people")
    assert values["rowstream_records_total", labels(outcome="delivered", **people)] == 4
    assert values["rowstream_records_total", labels(outcome="appended", **people)] == 3
    assert values["rowstream_records_total", labels(outcome="skipped", **people)] == 1
    assert {tuple(sorted(dict(pairs).items())): value for (name, pairs), value in values.items()
            if name == "rowstream_events_appended_total"} == {
        (("op", "c"), ("table", "db.public.people")): 1,
        (("op", "u"), ("table", "db.public.people")): 1,
        (("op", "d"), ("table", "db.public.people")): 1,
        (("op", "r"), ("table", "db.public.orders")): 1}
    assert values["rowstream_lag_records", labels(partition="0", **people)] == 0
    assert values["rowstream_watermark_offset", labels(partition="0", **people)] == 4
    assert values["rowstream_outage", labels()] == 0
    assert values["rowstream_last_success_timestamp_seconds", labels()] > T0 / 1000
    assert types["rowstream_append_seconds"] == "histogram"
    requests = sum(value for (name, _), value in values.items()
                   if name == "rowstream_append_requests_total")
    assert values["rowstream_append_seconds_count", labels()] == requests
    # Two events of one row may have gone as one request.
    assert values["rowstream_batch_events_sum", labels()] >= 4
    assert SECRET_KEY not in text


def test_histograms_are_cumulative(watched):
    bridge = watched(CAPTURE)
    bridge.settled(5)
    values, types = metrics(get(bridge.address, "/metrics")[2])
    for name in [name for name, kind in types.items() if kind == "histogram"]:
        buckets = sorted((float(dict(pairs)["le"]), value)
                         for (metric, pairs), value in values.items() if metric == name + "_bucket")
        counts = [count for _, count in buckets]
        assert counts == sorted(counts) and buckets[-1][0] == float("inf")
        assert counts[-1] == values[name + "_count", labels()] > 0
    # Three years old: above every bound but the last, and so is the sum.
    slow = values["rowstream_commit_to_store_seconds_bucket", labels(le="4194.303")]
    assert slow == 0 and values["rowstream_commit_to_store_seconds_sum", labels()] > 4 * 86400


def test_a_start_without_a_store(watched, bench):
    store = bench.store()
    assert store.stop() == 0
    bridge = watched(CAPTURE, store)
    code, _, body = get(bridge.address, "/ready")
    assert code == 503 and not json.loads(body)["ready"]
    assert "EventStoreDB has not been read yet" in json.loads(body)["reasons"][0]
    assert get(bridge.address, "/health")[0] == 200
    asked = bench.rowstream("status", "--address", bridge.address)
    assert asked.returncode == 1
    assert re.search(r"^FAIL +not ready +EventStoreDB has not been read", asked.stdout, re.M)
    bench.store(port=store.port)
    bridge.settled(5)
    assert get(bridge.address, "/ready")[0] == 200


def test_an_outage_is_told_and_its_end(bench, tmp_path):
    data = tmp_path / "store.db"
    kafka, store = controlled_kafka(bench, CAPTURE), bench.store("--data", data)
    bridge = Watched(bench, store, bench.config(kafka, store, ["^srv.*"],
                                                status={"listen": "127.0.0.1:0"}))
    bridge.settled(5)
    assert get(bridge.address, "/ready")[0] == 200
    store.kill()
    tell(kafka, f"produce {bench.capture([MORE])}")
    reasons = wait_until(lambda: bridge.status()["reasons"], "the outage")
    assert re.match("EventStoreDB is away since [0-9]+ s: ", reasons[0])
    assert bridge.status()["lag"] == 1
    assert metrics(get(bridge.address, "/metrics")[2])[0]["rowstream_outage", labels()] == 1
    bench.store("--data", data, port=store.port)
    wait_until(lambda: bridge.status()["ready"], "the outage's end")


def test_the_command(watched, bench):
    bridge = watched(CAPTURE)
    bridge.settled(5)
    asked = bench.rowstream("status", "--address", bridge.address)
    assert asked.returncode == 0, asked.stderr
    assert re.search(r"^ok +lag +0 behind", asked.stdout, re.M)
    assert "5 delivered: 4 appended, 0 there already, 1 skipped" in asked.stdout
    assert re.search(r"^srv\.public\.people +0 +4 +4 +0 +0$", asked.stdout, re.M)
    asked = bench.rowstream("status", "--address", bridge.address, "--format", "json")
    assert json.loads(asked.stdout)["records"]["appended"] == 4
    watch = bench.program("rowstream", "status", "--address", bridge.address, "--watch")
    wait_until(lambda: watch.stdout.count("5 delivered") >= 2, "a second look")
    watch.signal(signal.SIGINT)
    assert watch.wait() == 0, watch.report()
    assert bridge.program.stop() == 0
    gone = bench.rowstream("status", "--address", bridge.address)
    assert gone.returncode == 3 and bridge.address in gone.stderr and not gone.stdout


def test_what_is_no_bridge(bench):
    store = bench.store()
    asked = bench.rowstream("status", "--address", store.address)
    assert asked.returncode == 1 and "not as a running bridge does" in asked.stderr
    asked = bench.rowstream("status", "--address", store.address, "--format", "csv")
    assert asked.returncode == 2 and "table or json" in asked.stderr
    asked = bench.rowstream("status")
    assert asked.returncode == 2 and "status.listen is not set" in asked.stderr


@pytest.mark.parametrize("listen, words", [
    (None, "Address already in use"),
    ("nowhere", "is no address to listen on"),
    ("127.0.0.1:70000", "is no address to listen on"),
])
def test_an_address_that_cannot_be_had(watched, bench, listen, words):
    bridge = watched(CAPTURE)
    config = bench.config(bench.kafka(CAPTURE), bridge.store, ["^srv.*"],
                          status={"listen": listen or bridge.address})
    second = bench.run(config)
    assert second.wait() == 2
    assert words in second.stderr and "status.listen" in second.stderr


def test_other_paths_and_methods(watched):
    bridge = watched(CAPTURE)
    assert get(bridge.address, "/../etc/passwd")[0] == 404
    connection = http.client.HTTPConnection(bridge.address, timeout=20)
    connection.request("POST", "/status.json", body=b"x" * 100000)
    assert connection.getresponse().status == 405
    connection.close()
    connection = http.client.HTTPConnection(bridge.address, timeout=20)
    connection.request("GET", "/status.json", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 421
    connection.close()


@browser.needed
def test_the_page(watched):
    bridge = watched(fixture("postgres-bank-readable"))
    now = bridge.settled(4872)
    with browser.browser() as driver:
        driver.get(f"http://{bridge.address}/")
        wait_until(lambda: driver.find_element("id", "state").text == "running", "the state")
        text = driver.find_element("tag name", "body").text
        assert f"{now['records']['appended']:,}" in text
        assert "shopbank.public.accounts" in text and "tombstone" in text
        errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert not errors
        bridge.program.stop()
        wait_until(lambda: driver.find_element("id", "state").text == "gone", "the end")
