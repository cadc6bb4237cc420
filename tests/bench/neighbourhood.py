"""The bridge beside a real Debezium: does it keep up with what one connector sends, and how long is it from a
commit to the store?"""
import json
import re
import subprocess
import time
import urllib.request

from bench_tools import DEADLINE_S, Failure, Servers, StoreReader, time_us

NAME = "keepup"
TABLE = f"{NAME}.public.rows"
RATE = 1000
BESIDE_S = 2  # of Connect's own end
MAKE = """CREATE TABLE rows (id bigint PRIMARY KEY, customer int, balance numeric(12,2), state text);
ALTER TABLE rows REPLICA IDENTITY FULL;"""
ROWS = "INSERT INTO rows SELECT n, n % 1000, n * 0.01, 'open' FROM generate_series({}, {}) n"


class Neighbourhood(Servers):
    """With a connector at PostgreSQL."""

    def __init__(self, directory):
        super().__init__(directory)
        self.connect, port = self.env["CONNECT"], self.env["POSTGRES_PORT"]
        self.url = f"postgresql://postgres@127.0.0.1:{port}/bank"
        self.sql(MAKE)
        self.register(port)

    def sql(self, text):
        done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.url], input=text,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"PostgreSQL: {done.stderr}")
        return done.stdout.splitlines()

    def register(self, port):
        converters = {f"{side}.converter{option}": value for side in ("key", "value")
                      for option, value in (("", "org.apache.kafka.connect.json.JsonConverter"),
                                            (".schemas.enable", "false"))}
        config = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                  "database.hostname": "127.0.0.1", "database.port": port,
                  "database.user": "postgres", "database.password": "", "database.dbname": "bank",
                  "plugin.name": "pgoutput", "topic.prefix": NAME, "slot.name": NAME,
                  "publication.name": NAME, "decimal.handling.mode": "string",
                  "topic.creation.default.partitions": "4",
                  "topic.creation.default.replication.factor": "1", **converters}
        sent = urllib.request.Request(f"{self.connect}/connectors/{NAME}/config", method="PUT",
                                      headers={"Content-Type": "application/json"},
                                      data=json.dumps(config).encode())
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                with urllib.request.urlopen(sent, timeout=60):
                    break
            except OSError as error:
                if time.monotonic() > end:
                    raise Failure(f"Connect does not take the connector: {error}") from None
                time.sleep(0.5)
        while self.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'") != ["1"]:
            if time.monotonic() > end:
                raise Failure("the connector does not stream")
            time.sleep(0.2)


def status_of(address):
    with urllib.request.urlopen(f"http://{address}/status.json", timeout=10) as answer:
        return json.load(answer)


def await_appended(address, events, bridge):
    """When the bridge has so many in the store."""
    end = time.monotonic() + DEADLINE_S
    while status_of(address)["records"]["appended"] < events:
        if not bridge.running() or time.monotonic() > end:
            raise Failure(f"{events} events are not in the store in time\n{bridge.report()}")
        time.sleep(0.02)


def entries(reader, last):
    """(time of the change in the database, when Connect gave it to Kafka, when it was stored; in us), and
    the row, of each event of the table."""
    for entry in reader.back_to(last):
        if not entry["streamId"].startswith("rows-"):
            continue
        metadata, data = json.loads(entry["metaData"]), json.loads(entry["data"])
        yield (data["source"]["ts_us"], metadata["kafka_ts"] * 1000, entry["updated"]), data["after"]


def check_rows(neighbourhood, stored):
    """The oracle: the events' rows are the table's."""
    printed = sorted(tuple(line.split("|")) for line in neighbourhood.sql(
        "SELECT id, customer, balance, state FROM rows"))
    found = sorted((str(row["id"]), str(row["customer"]), row["balance"], row["state"])
                   for _, row in stored)
    if printed != found:
        raise Failure(f"the store holds {len(found)} rows that are not the table's {len(printed)}")


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def measure(bench):
    rows = 20_000 if bench.options.quick else 100_000
    steady = 5_000 if bench.options.quick else 15_000
    neighbourhood = Neighbourhood(bench.directory)
    try:
        # The topic is there before it counts.
        neighbourhood.sql(ROWS.format(-1, -1))
        _, url = bench.store()
        reader = StoreReader(url)
        last = reader.newest()
        bridge = bench.start("rowstream", "run", "--kafka",
                             f"bootstrap.servers={neighbourhood.kafka}", "--kafka",
                             "fetch.wait.max.ms=10", "--source-topics", "^" + re.escape(TABLE),
                             "--eventstore-url", url, "--status-listen", "127.0.0.1:0")
        address = bridge.await_text(r"status.*address=(\S+)", bridge.log).group(1)
        await_appended(address, 1, bridge)
        neighbourhood.sql(ROWS.format(1, rows))
        await_appended(address, rows + 1, bridge)
        for second in range(steady // RATE):
            started = time.monotonic()
            for part in range(10):
                first = rows + second * RATE + part * RATE // 10 + 1
                neighbourhood.sql(ROWS.format(first, first + RATE // 10 - 1))
                time.sleep(max(0, started + (part + 1) / 10 - time.monotonic()))
        await_appended(address, rows + steady + 1, bridge)
        bridge.note_memory()
        bridge.end()
        stored = list(entries(reader, last))
        check_rows(neighbourhood, stored)
        tell(bench, bridge, stored, rows)
    finally:
        neighbourhood.close()


def tell(bench, bridge, stored, rows):
    at_once = [times for times, row in stored if 1 <= row["id"] <= rows]
    committed = min(times[0] for times in at_once)
    connect_s = (max(times[1] for times in at_once) - committed) / 1e6
    bridge_s = (max(time_us(times[2]) for times in at_once) - committed) / 1e6
    steady = [times for times, row in stored if row["id"] > rows]
    delays = sorted((time_us(times[2]) - times[0]) / 1000 for times in steady)
    ours = sorted((time_us(times[2]) - times[1]) / 1000 for times in steady)
    print(f"{rows:,} rows inserted at once into PostgreSQL: in Kafka after {connect_s:.1f} s "
          f"({rows / connect_s:,.0f} changes/s), in the store after {bridge_s:.1f} s, "
          f"{bridge_s - connect_s:+.1f} s beside Connect's own end")
    print(f"commit to store at {RATE:,} rows/s: p50 {percentile(delays, 0.5):.0f} ms, p99 "
          f"{percentile(delays, 0.99):.0f} ms, p99.9 {percentile(delays, 0.999):.0f} ms "
          f"({len(delays):,} rows)")
    print(f"of that, from Connect's record to the store: p50 {percentile(ours, 0.5):.0f} ms, p99 "
          f"{percentile(ours, 0.99):.0f} ms")
    print("every row of the table is in the store, as SELECT prints it")
    bench.results.append({"workload": "keep up: rows at once", "connections": 16,
                          "events_per_s": rows / bridge_s, "ceiling_per_s": rows / connect_s,
                          "cpu_us_per_event": bridge.cpu_us() / len(stored), "rss_mb": bridge.peak_mb,
                          "p50_ms": None, "p99_ms": None})
    bench.results.append({"workload": "keep up: steady", "connections": 16, "events_per_s": RATE,
                          "ceiling_per_s": RATE, "cpu_us_per_event": None, "rss_mb": bridge.peak_mb,
                          "p50_ms": percentile(delays, 0.5), "p99_ms": percentile(delays, 0.99),
                          "p999_ms": percentile(delays, 0.999)})
    if bridge_s - connect_s > BESIDE_S:
        raise Failure(f"the bridge ended more than {BESIDE_S} s after Connect")
