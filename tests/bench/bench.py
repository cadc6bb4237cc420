#!/usr/bin/env python3
"""Whole processes measured beside their ceilings, in one run on one machine.

Each run is an embedded Kafka with made-up change events, a development store in memory and the
bridge, from the first event stored to the last. Beside it stand wrk, which appends the same events to
the same store over as many connections; both again against a server that answers 201 and stores
nothing; and a bare librdkafka consumer of the same topic. Every run ends with the oracle: each stream
holds exactly its events.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import memory
import neighbourhood
from bench_tools import (BENCH, CHECKOUT, Failure, Program, StoreReader, check_store, run)

PARTITIONS = 32
FLOOR_PER_S = 15000
# As many are made ready for wrk; of 3 KB rows a third.
WRK_EVENTS_PER_S = 80_000

# name: letter, what it is, tables, events in a full and a quick run
Workload = collections.namedtuple("Workload", "letter text tables events quick")
WORKLOADS = {
    "inserts": Workload("a", "new rows, one event a stream", ["rows"], 100_000, 20_000),
    "updates": Workload("b", "updates over 1,000 rows", ["rows"], 100_000, 50_000),
    "bank": Workload("c", "bank: transfers, hot accounts", ["accounts", "transfers"],
                     99_999, 21_000),
    "wide": Workload("d", "3 KB rows with schema blocks", ["rows"], 20_000, 5_000),
}
STEADY = Workload("e", "1,000 records/s", ["rows"], 15_000, 5_000)
CAPTURES = ["postgres-bank", "postgres-bank-schemas", "postgres-types-precise", "mysql-default"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rowstream-bench-"))
        self.results = []
        self.programs = []
        self.runs = 0
        self.tag = f"bench{os.getpid()}"
        self.wrk_seconds = 1 if options.quick else 2

    def start(self, name, *args, **more):
        place = self.directory / str(len(self.programs))
        place.mkdir()
        program = Program(place, name, *args, **more)
        self.programs.append(program)
        return program

    def close(self):
        for program in reversed(self.programs):
            program.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def broker(self, name, tables):
        """An embedded Kafka whose topics hold nothing but a tombstone."""
        seed = self.directory / "seed.jsonl"
        seed.write_text("".join(
            json.dumps({"topic": f"{name}.public.{table}", "partition": 0, "offset": 0,
                        "key": '{"id":0}', "payload": None}) + "\n" for table in tables))
        broker = self.start("rowstream-devkafka", "--partitions", PARTITIONS, seed)
        return broker, broker.await_ready()

    def store(self):
        """(program or None, url) of the store that is measured: an empty one, or --store."""
        if self.options.store:
            return None, self.options.store
        program = self.start("rowstream-devstore", "--memory", "--port", 0)
        address = program.await_ready().split("://")[1]
        return program, f"esdb://admin:changeit@{address}?tls=false"

    def group_page(self):
        """What a group's own stream holds when a bridge has run, in a file."""
        page = self.directory / "group-page"
        if not page.exists():
            name = f"{self.tag}group"
            broker, bootstrap = self.broker(name, ["rows"])
            store = self.start("rowstream-devstore", "--memory", "--port", 0)
            address = store.await_ready().split("://")[1]
            bridge = until_end(self, bootstrap, name, f"esdb://{address}?tls=false", 1)
            reader = StoreReader(f"esdb://{address}?tls=false")
            page.write_text(json.dumps(reader.page(
                f"/streams/~rowstream-{self.tag}-{self.runs}/head/backward/32?embed=body")))
            for program in (bridge, store, broker):
                program.end()
        return page

    def sink(self, port=0):
        """The server that stores nothing."""
        program = self.start("tests/bench/sink201", port, self.group_page())
        address = program.await_ready().split("://")[1]
        return program, f"esdb://admin:changeit@{address}?tls=false"

    def bridge(self, bootstrap, name, url, connections, *more):
        self.runs += 1
        return self.start(
            "rowstream", "run", "--kafka", f"bootstrap.servers={bootstrap}", "--kafka",
            f"group.id={self.tag}-{self.runs}", "--source-topics", rf"^{name}\..*",
            "--mapping-stream", "{name}.{table}-{key}", "--eventstore-url", url,
            "--eventstore-connections", connections, *more)


# --- one run ---

def until_end(bench, bootstrap, name, url, connections):
    bridge = bench.bridge(bootstrap, name, url, connections, "--until-end")
    if bridge.wait() != 0:
        raise Failure(f"the bridge ended with {bridge.process.returncode}\n{bridge.report()}")
    return bridge


def plan_of(name, workload, events):
    plan = collections.defaultdict(list)
    for line in run("tests/bench/bench_produce", "--plan", "-", name, workload, events).splitlines():
        table, row, number = line.split()
        plan[f"{name}.{table}-{row}"].append(int(number))
    return plan


def make_events(bench, name, workload, count):
    """Events as the bridge sends them: [(stream, JSON)], partition by partition, as it reads."""
    printed = bench.directory / "records.jsonl"
    with printed.open("wb") as out:
        run("tests/bench/bench_produce", "--print", "-", name, workload, count, stdout=out)
    events = []
    for line in run("rowstream", "map", "--config", "/dev/null", "--mapping-stream",
                    "{name}.{table}-{key}", printed).splitlines():
        stream, event_id, rest = re.match(r'{"stream":"(.*?)","id":"(.*?)","type":(.*)$',
                                          line).groups()
        partition = int(re.search(r'"partition":(\d+),"offset"', rest).group(1))
        events.append((partition, stream, f'{{"eventId":"{event_id}","eventType":{rest}'))
    printed.unlink()
    events.sort(key=lambda event: event[0])
    return [event[1:] for event in events]


def write_requests(bench, events, each, connections):
    """A file of one request a line, with that many events of a stream; more of a hot one, as the
    bridge does. A stream's requests are spread evenly over all of them, so that wrk's connections
    never have two of one stream in flight, and any part of the file is like the whole."""
    streams = collections.defaultdict(list)
    for stream, body in events:
        streams[stream].append(body)
    requests = []
    most = max(1, len(events) // each // (4 * connections))
    for place, (stream, bodies) in enumerate(streams.items()):
        size = max(each, -(-len(bodies) // most))
        for first in range(0, len(bodies), size):
            batch = bodies[first:first + size]
            requests.append(((first + size * place / len(streams)) / len(bodies),
                             f"{stream}\t{first - 1}\t{len(batch)}\t[{','.join(batch)}]\n"))
    requests.sort(key=lambda request: request[0])
    path = bench.directory / "requests"
    with path.open("w") as out:
        out.writelines(line for _, line in requests)
    return path


def wrk(bench, url, requests, connections, again_ok=False):
    """Events a second that wrk gets written."""
    reader = StoreReader(url)
    arguments = ["wrk", "-t1", f"-c{connections}", f"-d{bench.wrk_seconds}", "-s",
                 BENCH / "wrk_bodies.lua", reader.base, "--", requests, f"{bench.runs}."]
    if reader.authorization:
        arguments.append(reader.authorization)
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    figures = re.search(r"^figures (\S+) (\d+) (\d)$", done.stdout, re.M)
    if not figures:
        raise Failure(f"wrk: {done.stdout}{done.stderr}")
    rate, refused, again = figures.groups()
    if int(refused):
        raise Failure(f"wrk: {refused} appends were not answered with 201")
    if again == "1" and not again_ok:
        raise Failure("wrk sent all of its events: raise WRK_EVENTS_PER_S")
    return float(rate)


def sink_rate(url, events):
    """Events a second, from the first append that the sink answered to the last."""
    counts = StoreReader(url).page("/counts")
    return events * 1e6 / max(1, counts["last_us"] - counts["first_us"])


def measure(bench, name, kind, events, connections, bootstrap, plan, wrk_events):
    program, url = bench.store()
    reader = StoreReader(url)
    last = reader.newest()
    bridge = until_end(bench, bootstrap, name, url, connections)
    stored = check_store(reader, last, name, plan)
    batch = max(1, round(events / bridge.number("batches")))
    if program:
        program.end()
    figures = {"workload": kind, "connections": connections, "events": events,
               "events_per_s": events * 1e6 / (stored.last_us - stored.first_us),
               "events_per_append": events / bridge.number("batches"),
               "cpu_us_per_event": bridge.cpu_us() / events, "rss_mb": bridge.peak_mb,
               "p50_ms": None, "p99_ms": None}
    requests = write_requests(bench, wrk_events, batch, connections)
    program, url = bench.store()
    figures["ceiling_per_s"] = wrk(bench, url, requests, connections)
    if program:
        program.end()
    if connections in (1, 16):
        sink, url = bench.sink()
        until_end(bench, bootstrap, name, url, connections)
        figures["sink_events_per_s"] = sink_rate(url, events)
        figures["sink_ceiling_per_s"] = wrk(bench, url, requests, connections, again_ok=True)
        sink.end()
    return figures


def measure_workload(bench, kind):
    workload = WORKLOADS[kind]
    events = workload.quick if bench.options.quick else workload.events
    name = f"{bench.tag}{kind}"
    broker, bootstrap = bench.broker(name, workload.tables)
    run("tests/bench/bench_produce", "--partitions", PARTITIONS, bootstrap, name, kind, events)
    plan = plan_of(name, kind, events)
    for_wrk = bench.wrk_seconds * WRK_EVENTS_PER_S // (3 if kind == "wide" else 1)
    wrk_events = make_events(bench, f"wrk{name}", kind, for_wrk)
    count = sum(1 for numbers in plan.values() for _ in numbers)
    assert count == events
    table = workload.tables[0]
    here = sum(len(numbers) for stream, numbers in plan.items()
               if stream.startswith(f"{name}.{table}-"))
    consumer = float(run("tests/bench/bench_consume", bootstrap, f"{name}.public.{table}", here))
    for connections in bench.options.connections:
        figures = measure(bench, name, kind, events, connections, bootstrap, plan, wrk_events)
        figures["consumer_per_s"] = consumer
        bench.results.append(figures)
        print_row(figures)
    broker.end()


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def measure_steady(bench):
    """Latency: the bridge is there before the records are."""
    events = STEADY.quick if bench.options.quick else STEADY.events
    name = f"{bench.tag}steady"
    for connections in bench.options.connections:
        broker, bootstrap = bench.broker(name, STEADY.tables)
        program, url = bench.store()
        reader = StoreReader(url)
        last = reader.newest()
        run_name = f"{name}{connections}" if bench.options.store else name
        bridge = bench.bridge(bootstrap, name, url, connections, "--kafka",
                              "fetch.wait.max.ms=10")
        bridge.await_text(f"assigned.*partition={PARTITIONS - 1}", bridge.log)
        run("tests/bench/bench_produce", "--partitions", PARTITIONS, "--rate", 1000, bootstrap,
            name, "inserts", events)
        bridge.note_memory()
        bridge.end()
        stored = check_store(reader, last, run_name, plan_of(run_name, "inserts", events))
        figures = {"workload": "steady", "connections": connections, "events": events,
                   "events_per_s": events * 1e6 / (stored.last_us - stored.first_us),
                   "cpu_us_per_event": bridge.cpu_us() / events, "rss_mb": bridge.peak_mb,
                   "ceiling_per_s": 1000, "p50_ms": percentile(stored.latencies_ms, 0.5),
                   "p99_ms": percentile(stored.latencies_ms, 0.99),
                   "p999_ms": percentile(stored.latencies_ms, 0.999)}
        bench.results.append(figures)
        print_row(figures)
        for ended in (program, broker):
            if ended:
                ended.end()


def measure_mapping(bench):
    files = [CHECKOUT / "tests" / "fixtures" / name / "records.jsonl.gz" for name in CAPTURES]
    print("\nmapping alone, one core    records/s    MB/s   us each   bytes a record")
    for line in run("tests/bench/bench_mapping", *files).splitlines():
        rate, mb, each, size, _, path = line.split("\t")
        kind = pathlib.Path(path).parent.name
        print(f"{kind:<25} {float(rate):>10,.0f} {float(mb):>7,.0f} {float(each):>9.2f} "
              f"{float(size):>10,.0f}")
        bench.results.append({"workload": f"mapping {kind}", "connections": 0,
                              "events_per_s": float(rate), "ceiling_per_s": None,
                              "mb_per_s": float(mb), "cpu_us_per_event": float(each),
                              "rss_mb": None, "p50_ms": None, "p99_ms": None})


# --- several processes in one group ---

def measure_scale(bench):
    print("\nprocesses in one group, inserts, 16 connections each, a server that stores nothing\n"
          "processes   events/s   us CPU an event (all bridges)")
    events = 40_000 if bench.options.quick else 200_000
    for count in (1, 2, 4):
        name = f"{bench.tag}scale{count}"
        broker, bootstrap = bench.broker(name, ["rows"])
        sink, url = bench.sink()
        bridges = []
        for _ in range(count):
            bridges.append(bench.bridge(bootstrap, name, url, 16, "--kafka",
                                        f"group.id={name}"))
        for bridge in bridges:
            bridge.await_text("assigned.*partition=", bridge.log)
        settle(bridges)
        run("tests/bench/bench_produce", "--partitions", PARTITIONS, bootstrap, name, "inserts",
            events)
        reader = StoreReader(url)
        end = time.monotonic() + 120
        while reader.page("/counts")["appends"] < events:
            if time.monotonic() > end:
                raise Failure(f"{count} bridges did not append {events:,} events in time")
            time.sleep(0.05)
        rate = sink_rate(url, events)
        for bridge in bridges:
            bridge.end()
        cpu = sum(bridge.cpu_us() for bridge in bridges) / events
        print(f"{count:>9} {rate:>10,.0f} {cpu:>9.1f}")
        bench.results.append({"workload": "scale", "processes": count, "connections": 16,
                              "events_per_s": rate, "ceiling_per_s": None,
                              "cpu_us_per_event": cpu,
                              "rss_mb": max(bridge.peak_mb for bridge in bridges),
                              "p50_ms": None, "p99_ms": None})
        sink.end()
        broker.end()


def settle(bridges):
    """Until every partition is assigned to exactly one of them for a moment."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if sum(len(held(bridge)) for bridge in bridges) == PARTITIONS:
            return
        time.sleep(0.1)
    raise Failure("the group did not spread its partitions within a minute")


def held(bridge):
    """Partitions that the log's last assignment named."""
    text = bridge.log.read_text()
    part = re.split("partitions (?:revoked|lost)", text)[-1]
    return set(re.findall(r"assigned.*partition=(\d+)", part))


# --- the table ---

HEAD = """
                                    store in memory              answers 201, stores nothing
                 conn   events/s      wrk/s     %   events/s      wrk/s     %  us/event   MB  each"""


def print_row(figures):
    kind = figures["workload"]
    if kind == "steady":
        print(f"steady 1,000/s  {figures['connections']:>5}   p50 {figures['p50_ms']:.1f} ms, "
              f"p99 {figures['p99_ms']:.1f} ms, p99.9 {figures['p999_ms']:.1f} ms; "
              f"{figures['cpu_us_per_event']:.0f} us CPU an event, {figures['rss_mb']:.0f} MB",
              flush=True)
        return
    row = f"({WORKLOADS[kind].letter}) {kind:<10} {figures['connections']:>5}"
    for rate, ceiling in (("events_per_s", "ceiling_per_s"),
                          ("sink_events_per_s", "sink_ceiling_per_s")):
        if rate in figures:
            row += (f" {figures[rate]:>10,.0f} {figures[ceiling]:>10,.0f}"
                    f" {100 * figures[rate] / figures[ceiling]:>5.0f}")
        else:
            row += " " * 28
    row += (f" {figures['cpu_us_per_event']:>9.1f} {figures['rss_mb']:>4.0f}"
            f" {figures['events_per_append']:>5.1f}")
    print(row, flush=True)


def print_ceilings(bench):
    consumers = {figures["workload"]: figures["consumer_per_s"] for figures in bench.results
                 if "consumer_per_s" in figures}
    print("\nbare librdkafka consumer, records/s: " + ", ".join(
        f"{kind} {rate:,.0f}" for kind, rate in consumers.items()))
    floors = [figures["ceiling_per_s"] for figures in bench.results
              if figures["workload"] == "inserts"]
    if floors and min(floors) < FLOOR_PER_S:
        print(f"the store is slow: wrk got {min(floors):,.0f} appends/s, under the "
              f"{FLOOR_PER_S:,} that make the figures above mean something")


def tidy(figures):
    return {key: round(value, 2) if isinstance(value, float) else value
            for key, value in figures.items()}


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer events, 1 and 16 connections")
    parser.add_argument("--json", metavar="FILE", help="the figures, as JSON")
    parser.add_argument("--store", metavar="URL",
                        help="an EventStoreDB of your own, esdb://…; the runs leave their streams")
    parser.add_argument("--workload", action="append", choices=[*WORKLOADS, "steady", "mapping"],
                        help="only this one; may be repeated")
    parser.add_argument("--connections", type=lambda text: [int(n) for n in text.split(",")],
                        help="N,N…: instead of 1,8,16,32")
    parser.add_argument("--scale", action="store_true",
                        help="1, 2 and 4 bridges in one group instead")
    parser.add_argument("--neighbourhood", action="store_true",
                        help="beside a real Debezium instead: does it keep up, commit to store")
    parser.add_argument("--memory", action="store_true",
                        help="peak memory instead, with a real Kafka: streams passing through, a "
                             "backlog, a dead store")
    parser.add_argument("--records", type=int, default=10_000_000,
                        help="of --memory (default: 10000000)")
    parser.add_argument("--outage", type=int, default=600, metavar="SECONDS",
                        help="of --memory (default: 600)")
    options = parser.parse_args()
    if not options.connections:
        options.connections = [1, 16] if options.quick else [1, 8, 16, 32]
    return options


def run_all(bench):
    wanted = bench.options.workload or [*WORKLOADS, "steady", "mapping"]
    if bench.options.neighbourhood:
        neighbourhood.measure(bench)
        return
    if bench.options.memory:
        memory.measure(bench)
        return
    if bench.options.scale:
        measure_scale(bench)
        return
    if set(wanted) & set(WORKLOADS):
        print(HEAD)
        for kind in WORKLOADS:
            if kind in wanted:
                measure_workload(bench, kind)
        print_ceilings(bench)
    if "steady" in wanted:
        print("\nproduced to stored, fetch.wait.max.ms=10")
        measure_steady(bench)
    if "mapping" in wanted:
        measure_mapping(bench)
    print("\nevery stream was read back and holds exactly what it must"
          f" ({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})")


def main():
    # Ended with SIGTERM it ends its servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(arguments())
    try:
        run_all(bench)
    except (Failure, OSError) as failure:
        print(f"bench.sh: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        bench.close()
        if bench.options.json:
            pathlib.Path(bench.options.json).write_text(
                json.dumps([tidy(figures) for figures in bench.results], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
