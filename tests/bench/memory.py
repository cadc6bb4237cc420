"""Memory that does not grow: streams that pass through, a backlog, a store that is away. With a real broker,
because the embedded one keeps 5 MiB a partition."""
import time

from bench_tools import Failure, Servers, StoreReader, run

LIMIT_MB = 200
NAME = "memory"


def appends(reader):
    return reader.page("/counts")["appends"]


def report(bench, what, bridge, events, seconds):
    verdict = "ok" if bridge.peak_mb < LIMIT_MB else "TOO MUCH"
    print(f"{what:<52} {events:>12,} {seconds:>8,.0f} {bridge.peak_mb:>9.0f}   {verdict}", flush=True)
    bench.results.append({"workload": f"memory: {what}", "connections": 16,
                          "events_per_s": events / seconds, "ceiling_per_s": None,
                          "cpu_us_per_event": bridge.cpu_us() / max(1, events),
                          "rss_mb": bridge.peak_mb, "p50_ms": None, "p99_ms": None})


def until(condition, bridge, deadline_s, what):
    end = time.monotonic() + deadline_s
    while not condition():
        if not bridge.running() or time.monotonic() > end:
            raise Failure(f"{what}: not within {deadline_s} s\n{bridge.report()}")
        time.sleep(0.2)


def assert_counts(bridge, records):
    """All that was delivered is accounted for."""
    for name, expected in (("delivered", records), ("appended", records), ("in_flight", 0)):
        if bridge.number(name) != expected:
            raise Failure(f"the bridge says {name}={bridge.number(name)}, not {expected}")


def pass_through(bench, kafka, records):
    """The bridge runs while the records come: each is a new row, a stream of its own."""
    sink, url = bench.sink()
    # The topic must be there, or the bridge finds it half a minute later.
    run("tests/bench/bench_produce", "--partitions", 1, kafka, NAME, "small", 1)
    bridge = bench.bridge(kafka, NAME, url, 16)
    start = time.monotonic()
    run("tests/bench/bench_produce", "--partitions", 1, kafka, NAME, "small", records - 1)
    # The first row is there twice, perhaps in one request.
    until(lambda: appends(StoreReader(url)) >= records - 1, bridge, records / 1000 + 300,
          "what was produced is appended")
    bridge.note_memory()
    bridge.end()
    assert_counts(bridge, records)
    report(bench, "new streams passing through", bridge, records, time.monotonic() - start)
    sink.end()


def backlog(bench, kafka, records):
    sink, url = bench.sink()
    start = time.monotonic()
    bridge = bench.bridge(kafka, NAME, url, 16, "--until-end")
    if bridge.wait(records / 1000 + 300) != 0:
        raise Failure(f"the bridge ended badly\n{bridge.report()}")
    assert_counts(bridge, records)
    report(bench, "a start with a backlog", bridge, records, time.monotonic() - start)
    sink.end()


def outage(bench, kafka, records, seconds):
    """The store dies in the middle of the backlog and is away; then work goes on by itself."""
    sink, url = bench.sink()
    port = url.split("?")[0].rsplit(":", 1)[1]
    bridge = bench.bridge(kafka, NAME, url, 16)
    until(lambda: appends(StoreReader(url)) >= records / 100, bridge, 300, "a part is appended")
    sink.end()
    start = time.monotonic()
    until(lambda: time.monotonic() - start > seconds, bridge, seconds + 10, "the outage")
    sink, _ = bench.sink(port)
    until(lambda: appends(StoreReader(url)) > 0, bridge, 300, "it goes on")
    bridge.note_memory()
    bridge.end()
    report(bench, f"a dead store for {seconds} s, a topic that floods", bridge,
           bridge.number("appended"), time.monotonic() - start)
    sink.end()


def measure(bench):
    options = bench.options
    servers = Servers(bench.directory)
    try:
        print(f"{'the bridge at default settings, peak resident memory':<52} {'events':>12} "
              f"{'seconds':>8} {'peak MB':>9}   under {LIMIT_MB}", flush=True)
        pass_through(bench, servers.kafka, options.records)
        backlog(bench, servers.kafka, options.records)
        outage(bench, servers.kafka, options.records, options.outage)
    finally:
        servers.close()
    if any(one["rss_mb"] >= LIMIT_MB for one in bench.results):
        raise Failure(f"more than {LIMIT_MB} MB")
