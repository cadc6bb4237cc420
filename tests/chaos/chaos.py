#!/usr/bin/env python3
"""The fault campaign: real processes, everything broken at random moments, every stream compared to
an oracle at the end of each round.

A round produces rows with inserts, updates, deletes and re-inserts over several partitions while one
to three bridges run, and does to them what a bad week does: kills, freezes, rebalances, a store that
restarts, loses answers before and after writing, delays, answers 500 and 503 and cuts connections,
a broker that goes away. Then the faults stop, the bridges are ended, a last one runs to the end, and
each stream must hold exactly its events, in order. A fault that never hit over the whole run fails
the run: it would prove nothing.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipeline"))
import harness  # noqa: E402

NAMESPACE = uuid.UUID("7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11")
TABLES = 2
PARTITIONS = 3
ROWS = 25  # of each table and partition
SESSION_MS = 4000  # the mock cluster wants more than 3 s, and rebalances take it less one

# What must have been met at least once in a run against the development store.
MUST_HIT = ["killed", "killed with requests in flight", "frozen", "store restarted",
            "answer lost before writing", "answer lost after writing", "500 after writing",
            "500", "503", "delayed", "connection closed", "broker away", "joined", "left",
            "read back", "conflict met", "sent again"]
# Against a foreign store nothing can be asked of it.
MUST_HIT_ANYWHERE = ["killed", "frozen", "broker away", "joined", "left", "read back"]

FAULTS = {"answer lost before writing": "lose-before:rate=0.08,method=POST",
          "answer lost after writing": "lose-after:rate=0.08,method=POST",
          "500 after writing": "error-after:rate=0.08,method=POST",
          "500": "error:rate=0.08",
          "503": "unavailable:rate=0.08",
          "delayed": "delay:rate=0.3,ms=40",
          "connection closed": "close:every=7"}


class Campaign:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rowstream-chaos-"))
        self.run_id = f"{options.seed}x{self.random.randrange(1 << 20):x}"
        self.hits = dict.fromkeys(MUST_HIT, 0)
        self.totals = {"records": 0, "lost": 0, "doubled": 0, "disordered": 0, "odd": 0}
        self.store = None
        self.broker = harness.Program("rowstream-devkafka", "--control", "--partitions",
                                      PARTITIONS, stdin=subprocess.PIPE)
        self.bootstrap = self.broker.await_ready()
        self.start_store()

    # --- servers ---

    def start_store(self, port=0):
        if self.options.store:
            self.url = self.options.store
            return
        self.store = harness.Store("--data", self.directory / "store.db", port=port)
        self.url = self.store.url

    def tell_broker(self, line):
        answers = len(self.broker.lines["stdout"])
        self.broker._process.stdin.write(line.encode() + b"\n")
        self.broker._process.stdin.flush()
        harness.wait_until(lambda: len(self.broker.lines["stdout"]) > answers,
                           f"the broker answers {line}")
        answer = self.broker.lines["stdout"][-1]
        assert answer.startswith("ok"), answer

    def faults(self):
        """What each fault hit so far, by its kind."""
        status, _, body = self.store.request("GET", "/devstore/faults")
        assert status == 200, body
        return json.loads(body)

    def set_faults(self, specs):
        status, _, body = self.store.request(
            "POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
            "\n".join(specs).encode())
        assert status < 300, body

    def clear_faults(self):
        """Takes note of what they hit, and removes them."""
        names = {spec.split(":")[0]: name for name, spec in FAULTS.items()}
        for fault in self.faults():
            kind = fault["fault"].split(":")[0]
            if kind in names:
                self.hits[names[kind]] += fault["hits"]
        self.store.request("DELETE", "/devstore/faults")

    def close(self, keep):
        for program in (self.broker, self.store):
            if program:
                program.end()
        if keep:
            print(f"logs and configuration are kept in {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory)


class Round:
    def __init__(self, campaign, number):
        self.campaign = campaign
        self.number = number
        self.random = random.Random(f"{campaign.options.seed}/{number}")
        self.source = f"c{campaign.run_id}r{number}"
        self.directory = campaign.directory / f"round-{number}"
        self.directory.mkdir()
        self.bridges = []
        self.done = []
        self.expected = {}  # stream -> ids in order
        self.offsets = {}
        self.state = {}
        self.notes = []
        self.config = self.write_config()
        self.hit_before = dict(campaign.hits)

    def write_config(self):
        path = self.directory / "rowstream.yaml"
        path.write_text(json.dumps({
            "kafka": {"bootstrap.servers": self.campaign.bootstrap, "group.id": self.source,
                      "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 300,
                      "auto.commit.interval.ms": 100, "fetch.wait.max.ms": 10,
                      "topic.metadata.refresh.interval.ms": 1000},
            "source": {"topics": [rf"^{self.source}\..*"]},
            "eventstore": {"url": self.campaign.url, "request_timeout_ms": 3000,
                           "connect_timeout_ms": 1000, "connections": 8},
            "pipeline": {"max_batch_events": 20, "shutdown_timeout_ms": 5000},
        }, indent=1))
        return path

    # --- records ---

    def change(self, table, partition, row):
        """The next change of a row: inserted, updated, deleted, inserted again."""
        key = {"id": row}
        alive = self.state.get((table, partition, row))
        if alive is None:
            op, before, after = "c", None, {"id": row, "n": 0}
        elif self.random.random() < 0.15:
            op, before, after = "d", alive, None
        else:
            op, before, after = "u", alive, {"id": row, "n": alive["n"] + 1}
        self.state[table, partition, row] = after
        return key, harness.row_change(op, table=table, before=before, after=after,
                                       name=self.source, db="chaos", lsn=1)

    def one_record(self, position):
        table = f"{self.source}t{self.random.randrange(TABLES)}"
        partition = self.random.randrange(PARTITIONS)
        # A few rows are hot, and each row stays in its partition.
        row = int(self.random.paretovariate(0.8)) % ROWS * PARTITIONS + partition
        topic = f"{self.source}.public.{table}"
        offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + 1
        key, payload = self.change(table, partition, row)
        event = str(uuid.uuid5(NAMESPACE, f"/{topic}/{partition}/{offset}"))
        self.expected.setdefault(f"{table}-{row}", []).append(event)
        return harness.record(topic, offset, key, payload, partition=partition,
                              ts=1700000000000 + position)

    def produce(self, count):
        done = sum(self.offsets.values())
        path = harness.write_capture(self.directory / f"records-{done}.jsonl",
                                     [self.one_record(done + i) for i in range(count)])
        self.campaign.tell_broker(f"produce {path}")

    # --- bridges ---

    def start_bridge(self, *arguments):
        bridge = harness.Program("rowstream", "run", "-c", self.config, "-v", *arguments)
        bridge.frozen = False
        self.bridges.append(bridge)
        return bridge

    def log_of(self, bridge):
        (self.directory / f"bridge-{bridge.pid}.log").write_text(bridge.report())

    def ended(self, bridge):
        """Totals of a bridge that ended by itself must add up, and say what it had met."""
        self.bridges.remove(bridge)
        self.done.append(bridge)
        self.log_of(bridge)
        text = bridge.stderr
        totals = re.search(r"totals (.*)", text)
        protocol = re.search(r"protocol (.*)", text)
        if protocol:
            counts = dict(re.findall(r"(\w+)=(\d+)", protocol.group(1)))
            self.campaign.hits["read back"] += int(counts.get("checks", 0))
            self.campaign.hits["conflict met"] += int(counts.get("conflicts", 0))
            self.campaign.hits["sent again"] += int(counts.get("resent", 0))
        if totals:
            n = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", totals.group(1))}
            if n["delivered"] != sum(n[k] for k in n if k != "delivered"):
                self.notes.append(f"totals of {bridge.pid} do not add up: {n}")

    def hit(self, name, count=1):
        self.campaign.hits[name] += count

    def pick(self):
        alive = [bridge for bridge in self.bridges if not bridge.frozen and bridge.running()]
        return self.random.choice(alive) if alive else None

    def collect(self):
        """A bridge that ended though nobody asked it to is a finding."""
        for bridge in [b for b in self.bridges if not b.running()]:
            bridge.wait()
            self.notes.append(f"bridge {bridge.pid} ended by itself: "
                              + "".join(bridge.lines["stderr"][-3:]))
            self.ended(bridge)
            self.start_bridge()

    # --- what can happen ---

    def act_kill(self):
        bridge = self.pick()
        if not bridge:
            return
        store = self.campaign.store
        in_flight = False
        if store:
            self.campaign.set_faults(["delay:ms=400,for=600"])
            self.produce(20)
            end = time.monotonic() + 1
            while time.monotonic() < end and not in_flight:
                in_flight = any(fault["fault"].startswith("delay:ms=400") and fault["hits"] > 0
                                for fault in self.campaign.faults())
        bridge.kill()
        self.bridges.remove(bridge)
        self.log_of(bridge)
        self.hit("killed")
        self.hit("killed with requests in flight", int(in_flight))
        self.start_bridge()

    def act_freeze(self):
        bridge = self.pick()
        if bridge:
            bridge.signal(signal.SIGSTOP)
            bridge.frozen = True
            self.hit("frozen")

    def act_wake(self):
        for bridge in self.bridges:
            if bridge.frozen:
                bridge.signal(signal.SIGCONT)
                bridge.frozen = False

    def act_join(self):
        if len(self.bridges) < 3:
            self.start_bridge()
            self.hit("joined")

    def act_leave(self):
        bridge = self.pick()
        if bridge and len(self.bridges) > 1:
            bridge.signal(signal.SIGTERM)
            bridge.wait()
            self.ended(bridge)
            self.hit("left")

    def act_broker(self):
        self.campaign.tell_broker("down")
        time.sleep(self.random.uniform(0.2, 1.0))
        self.campaign.tell_broker("up")
        self.hit("broker away")

    def act_faults(self):
        if self.campaign.store:
            self.campaign.clear_faults()
            chosen = self.random.sample(sorted(FAULTS), self.random.randint(2, 5))
            seed = self.random.randrange(1 << 30)
            self.campaign.set_faults([f"{FAULTS[name]},seed={seed}" for name in chosen])

    def act_store(self):
        if self.campaign.store:
            self.campaign.clear_faults()
            port = self.campaign.store.port
            self.campaign.store.kill()
            time.sleep(self.random.uniform(0, 0.5))
            self.campaign.start_store(port)
            self.hit("store restarted")

    def act_produce(self):
        self.produce(self.random.randint(20, 150))

    # --- the round ---

    def run(self):
        actions = [self.act_kill, self.act_freeze, self.act_wake, self.act_join, self.act_leave,
                   self.act_broker, self.act_faults, self.act_faults, self.act_store,
                   self.act_produce, self.act_produce]
        self.produce(300)
        for _ in range(self.random.randint(1, 3)):
            self.start_bridge()
        self.act_faults()
        for bridge in self.bridges[:1]:
            bridge.await_line("stderr", "assigned")
        deadline = time.monotonic() + self.campaign.options.seconds
        while time.monotonic() < deadline:
            self.random.choice(actions)()
            self.collect()
            # Random moments are the point here: nothing waits for a condition.
            time.sleep(self.random.uniform(0, 0.6))
        self.finish()
        return self.compare()

    def finish(self):
        """The faults stop; what is left over is worked off by a bridge that runs to the end."""
        if self.campaign.store:
            self.campaign.clear_faults()
        self.act_wake()
        for bridge in list(self.bridges):
            bridge.signal(signal.SIGTERM)
            bridge.wait(60)
            self.ended(bridge)
        last = self.start_bridge("--until-end")
        code = last.wait(120)
        self.ended(last)
        if code != 0:
            self.notes.append(f"the last bridge ended with {code}: "
                              + " | ".join(last.lines["stderr"][-4:]))

    def read(self, stream):
        if self.campaign.store:
            return [event["id"] for event in self.campaign.store.read(stream)]
        reader = harness.Store.__new__(harness.Store)
        match = re.match(r"\w+://(?:([^:@]*):([^@]*)@)?([^:/?]+):(\d+)", self.campaign.url)
        reader.host, reader.port, reader._tls = match.group(3), int(match.group(4)), None
        return [event["id"] for event in reader.read(stream)]

    def compare(self):
        lost = doubled = disordered = 0
        for stream, expected in self.expected.items():
            found = self.read(stream)
            lost += len(set(expected) - set(found))
            doubled += len(found) - len(set(found))
            known = [event for event in dict.fromkeys(found) if event in set(expected)]
            disordered += known != [event for event in expected if event in set(found)]
            if len(known) != len(set(found)):
                self.notes.append(f"{stream} holds events that are not of its row")
        records = sum(self.offsets.values())
        totals = self.campaign.totals
        totals["records"] += records
        totals["lost"] += lost
        totals["doubled"] += doubled
        totals["disordered"] += disordered
        totals["odd"] += len(self.notes)
        hits = {name: count - self.hit_before[name] for name, count in self.campaign.hits.items()
                if count > self.hit_before[name]}
        print(f"round {self.number}: {records} records, {len(self.expected)} streams; "
              + ", ".join(f"{name} {count}" for name, count in hits.items())
              + f": {lost} lost, {doubled} doubled, {disordered} disordered", flush=True)
        for note in self.notes:
            print(f"  {note}", flush=True)
        good = not (lost or doubled or disordered or self.notes)
        if good:
            shutil.rmtree(self.directory)
        return good


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     prog="chaos.sh")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    parser.add_argument("--seconds", type=float, default=7, help="of trouble in each round")
    parser.add_argument("--store", help="an EventStoreDB instead of the development store: "
                                        "esdb://user:password@host:port?tls=false")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = int(time.time())
    return options


def main():
    options = parse_arguments()
    print(f"seed {options.seed}", flush=True)
    campaign = Campaign(options)
    good = False
    try:
        results = []
        for number in range(1, options.rounds + 1):
            one = Round(campaign, number)
            try:
                results.append(one.run())
            finally:
                for bridge in one.bridges:
                    bridge.end()
                    one.log_of(bridge)
        good = all(results)
    finally:
        campaign.close(keep=not good)
    never = [name for name in (MUST_HIT_ANYWHERE if options.store else MUST_HIT)
             if campaign.hits[name] == 0]
    if never:
        print(f"never met in this run, so nothing is proved of it: {', '.join(never)}; "
              "run more rounds")
    if not good or never:
        print(f"to see it again: scripts/chaos.sh --rounds {options.rounds} --seed {options.seed}")
    totals = campaign.totals
    print(f"{options.rounds} rounds, {totals['records']} records, {totals['lost']} lost, "
          f"{totals['doubled']} doubled, {totals['disordered']} disordered", flush=True)
    return 0 if good and not never else 1


if __name__ == "__main__":
    sys.exit(main())
