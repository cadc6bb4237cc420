"""Starts the programs for a test, waits for them, reads the store back; knows nothing of any test.

Programs come from the build directory named by ROWSTREAM_BUILD (default: build/gcc, where
scripts/test.sh builds). ROWSTREAM_WRAPPER puts a command before `rowstream` (valgrind), and
ROWSTREAM_PATIENCE multiplies every deadline for builds that run slowly. Waiting is always for a
condition; a deadline only ends a test that would never end.
"""
import ctypes
import gzip
import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse
from base64 import b64encode
from decimal import Decimal

TESTS = pathlib.Path(__file__).resolve().parent.parent
CHECKOUT = TESTS.parent
BUILD = pathlib.Path(os.environ.get("ROWSTREAM_BUILD") or CHECKOUT / "build" / "gcc").absolute()
WRAPPER = shlex.split(os.environ.get("ROWSTREAM_WRAPPER", ""))
PATIENCE = float(os.environ.get("ROWSTREAM_PATIENCE", "1"))
DEADLINE_S = 30 * PATIENCE
ADMIN = ("admin", "changeit")

# What the sanitizers print; valgrind's own exit code tells of its errors.
SANITIZERS = re.compile(r"(?m)^==\d+==ERROR: |: runtime error: ")

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """In the child: no server outlives a test run that was killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(more=None):
    """Of the programs: without what pytest puts there, the test's name, which can be very long."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {**kept, **(more or {})}


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """The first true value of condition(), asked again and again; fails at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.01)


class Program:
    """A running program with all that it printed. Always ended by its owner, by its own pid."""

    def __init__(self, name, *args, env=None, wrapper=(), stdin=subprocess.DEVNULL):
        path = BUILD / name
        if not path.exists():
            raise AssertionError(f"{path} is not built: scripts/test.sh --only build, or name a "
                                 "build directory in ROWSTREAM_BUILD")
        self.name = name
        self.command = [*wrapper, str(path), *map(str, args)]
        self.lines = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            self.command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(env), preexec_fn=_die_with_parent)
        self.pid = self._process.pid
        self._readers = []
        for stream in ("stdout", "stderr"):
            reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, stream):
        with getattr(self._process, stream) as pipe:
            for line in pipe:
                with self._changed:
                    self.lines[stream].append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def stdout(self):
        return "\n".join(self.lines["stdout"])

    @property
    def stderr(self):
        return "\n".join(self.lines["stderr"])

    def running(self):
        return self._process.poll() is None

    def report(self):
        """Everything for a person who looks at a failed test."""
        code = self._process.poll()
        state = "running" if code is None else f"ended with {code}"
        return (f"$ {shlex.join(self.command)}\n[pid {self.pid}, {state}]\n"
                f"--- standard output\n{self.stdout}\n--- standard error\n{self.stderr}\n")

    def await_line(self, stream, pattern, deadline_s=DEADLINE_S):
        """The match of pattern in the first line that has one, printed already or to come."""
        seen = 0
        end = time.monotonic() + deadline_s
        with self._changed:
            while True:
                lines = self.lines[stream]
                for line in lines[seen:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(lines)
                left = end - time.monotonic()
                if left <= 0 or (self._process.poll() is not None and not self._readers_alive()):
                    raise AssertionError(f"{self.name} never printed {pattern!r}\n{self.report()}")
                self._changed.wait(min(left, 0.1))

    def _readers_alive(self):
        return any(reader.is_alive() for reader in self._readers)

    def await_ready(self):
        """The address of the program's `ready` line."""
        return self.await_line("stdout", r"^ready (\S+)").group(1)

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """As a crash: SIGKILL, no chance to tidy up."""
        self._process.kill()
        return self.wait()

    def stop(self):
        """SIGTERM, then the exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, deadline_s=DEADLINE_S):
        """The exit code (negative: died of a signal), with all output read."""
        try:
            code = self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end\n{self.report()}") from None
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    def end(self):
        """For teardown: gone afterwards, whatever it does."""
        if not self.running():
            self.wait()
            return
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(5 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.wait()


class Kafka(Program):
    """rowstream-devkafka, holding the records of capture files."""

    def __init__(self, *args, port=0):
        super().__init__("rowstream-devkafka", "--port", port, *args)
        self.bootstrap = self.await_ready()


class Store(Program):
    """rowstream-devstore, and what its readers need of its HTTP interface."""

    def __init__(self, *args, port=0, scheme="http", ca_file=None):
        super().__init__("rowstream-devstore", "--port", port, *args)
        self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        address = self.await_ready()
        self.address = address.split("://")[-1].rstrip("/")
        self.host, port = self.address.rsplit(":", 1)
        self.port = int(port)
        tls = "true" if scheme == "https" else "false"
        self.url = f"esdb://{':'.join(ADMIN)}@{self.address}?tls={tls}"

    def request(self, method, path, headers=None, body=None, credentials=ADMIN):
        """(status, headers, body bytes) of one request on a connection of its own."""
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=DEADLINE_S, context=self._tls) if self._tls else \
            http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE_S)
        sent = {"Accept": "application/vnd.eventstore.atom+json", **(headers or {})}
        if credentials:
            sent["Authorization"] = "Basic " + b64encode(":".join(credentials).encode()).decode()
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def fault_hits(self):
        """How many requests the faults met."""
        status, _, body = self.request("GET", "/devstore/faults")
        assert status == 200, body
        return sum(fault["hits"] for fault in json.loads(body))

    def heal(self):
        """Takes all faults away."""
        assert self.request("DELETE", "/devstore/faults")[0] == 200

    def _pages(self, path):
        """Entries of a feed, oldest first, page after page forward."""
        while path:
            status, _, body = self.request("GET", path, {"ES-ResolveLinkTos": "false"})
            if status == 404:
                return
            assert status == 200, f"GET {path}: {status} {body[:200]!r}"
            page = json.loads(body)
            yield from reversed(page["entries"])
            links = {link["relation"]: link["uri"] for link in page["links"]}
            after = links.get("previous") if page["entries"] else None
            path = after and with_embed(after)

    def read(self, stream):
        """The events of one stream in order: dicts of number, id, type, data, metadata."""
        name = urllib.parse.quote(stream, safe="")
        path = f"/streams/{name}/0/forward/500?embed=body"
        return [event_of(entry) for entry in self._pages(path)]

    def streams(self):
        """Every stream that is not the server's own, with its events in order."""
        found = {}
        for entry in self._pages(f"/streams/%24all/{'0' * 32}/forward/500?embed=body"):
            name = entry.get("positionStreamId") or entry["streamId"]
            if not name.startswith("$"):
                found.setdefault(name, []).append(event_of(entry))
        for events in found.values():
            events.sort(key=lambda event: event["number"])
        return found

    def row_streams(self):
        """The same without the bridges' own streams (~rowstream-<group id>)."""
        return {name: events for name, events in self.streams().items()
                if not name.startswith("~rowstream-")}


def with_embed(uri):
    """The path of a paging link, with bodies."""
    parts = urllib.parse.urlsplit(uri)
    return parts.path + "?embed=body"


def event_of(entry):
    return {"number": entry["positionEventNumber"], "id": entry["eventId"].lower(),
            "type": entry["eventType"], "data": parse(entry.get("data") or "null"),
            "metadata": parse(entry.get("metaData") or "null")}


def parse(text):
    """JSON for comparing: the order of members counts, numbers by their decimal value (the server
    prints them anew), so that no double hides a difference."""
    return json.loads(text, object_pairs_hook=Members, parse_float=Decimal, parse_int=Decimal)


class Members(tuple):
    """An object's members as ordered pairs; never equal to an array."""

    def __getitem__(self, name):
        return dict(self)[name] if isinstance(name, str) else super().__getitem__(name)

    def get(self, name, default=None):
        return dict(self).get(name, default)


def fixture_path(name):
    """The capture file of a fixture directory."""
    plain = TESTS / "fixtures" / name / "records.jsonl"
    return plain if plain.exists() else plain.with_suffix(".jsonl.gz")


def fixture(name):
    """The records of a fixture directory."""
    path = fixture_path(name)
    opened = gzip.open(path, "rt", encoding="utf-8", newline="\n") if path.suffix == ".gz" else \
        open(path, encoding="utf-8", newline="\n")
    with opened as lines:
        return [json.loads(line) for line in lines]


def record(topic, offset, key, payload, partition=0, ts=1700000000000, headers=()):
    """One record as kcat prints it; key and payload as text, or as what json.dumps takes."""
    def text(value):
        return value if value is None or isinstance(value, str) else \
            json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return {"topic": topic, "partition": partition, "offset": offset, "tstype": "create", "ts": ts,
            "headers": list(headers), "key": text(key), "payload": text(payload)}


def row_change(op, table="t", before=None, after=None, ts_ms=1, name="srv", schema="public",
               db="db", lsn=None, **source):
    """The envelope of a row change as the PostgreSQL connector writes it, made up for a test."""
    return {"before": before, "after": after,
            "source": {"version": "3.7.0.Final", "connector": "postgresql", "name": name,
                       "ts_ms": ts_ms, "snapshot": "false", "db": db, "schema": schema,
                       "table": table, "txId": 7, "lsn": lsn, **source},
            "op": op, "ts_ms": ts_ms + 1, "transaction": None}


def write_capture(path, records):
    with open(path, "w", encoding="ascii") as out:
        for one in records:
            out.write(json.dumps(one) + "\n")
    return path


def tell(kafka, line):
    """One command to an embedded Kafka that was started with --control."""
    answers = len(kafka.lines["stdout"])
    kafka._process.stdin.write(line.encode() + b"\n")
    kafka._process.stdin.flush()
    wait_until(lambda: len(kafka.lines["stdout"]) > answers, f"Kafka answers {line}")
    assert kafka.lines["stdout"][-1].startswith("ok"), kafka.report()


def controlled_kafka(bench, *captures, partitions=1):
    files = [bench.capture(one) for one in captures]
    kafka = bench.program("rowstream-devkafka", "--control", "--partitions", partitions, *files,
                          stdin=subprocess.PIPE)
    kafka.bootstrap = kafka.await_ready()
    return kafka


class Workbench:
    """Everything that one test started, in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.programs = []
        self._files = 0

    def _keep(self, program):
        self.programs.append(program)
        return program

    def program(self, name, *args, **options):
        return self._keep(Program(name, *args, **options))

    def kafka(self, *captures, partitions=None, port=0):
        """An embedded Kafka that holds captures: paths, or lists of records."""
        files = [self.capture(one) if isinstance(one, list) else one for one in captures]
        flags = ["--partitions", partitions] if partitions else []
        return self._keep(Kafka(*flags, *files, port=port))

    def store(self, *args, **options):
        """A development store; in memory unless arguments say --data."""
        where = [] if "--data" in args else ["--memory"]
        return self._keep(Store(*where, *args, **options))

    def capture(self, records):
        self._files += 1
        return write_capture(self.directory / f"capture-{self._files}.jsonl", records)

    def config(self, kafka, store, topics, /, **sections):
        """A rowstream.yaml; sections add or replace options: pipeline={"dedupe": "source"}."""
        bootstrap = kafka if isinstance(kafka, str) else kafka.bootstrap
        url = store if isinstance(store, str) else store.url
        whole = {
            "kafka": {"bootstrap.servers": bootstrap, "group.id": "bridge",
                      "session.timeout.ms": 4000, "heartbeat.interval.ms": 500,
                      "auto.commit.interval.ms": 200},
            "source": {"topics": topics},
            "eventstore": {"url": url},
            "log": {"level": "debug"},
        }
        for section, options in sections.items():
            whole.setdefault(section, {}).update(options)
        self._files += 1
        path = self.directory / f"rowstream-{self._files}.yaml"
        # JSON is YAML; a test that is about YAML writes its own file.
        path.write_text(json.dumps(whole, indent=2))
        return path

    def run(self, config, *args, env=None):
        """`rowstream run`, running."""
        return self._keep(Program("rowstream", "run", "-c", config, *args, env=env,
                                  wrapper=WRAPPER))

    def rowstream(self, *args, stdin=None, env=None, cwd=None, stdout=subprocess.PIPE):
        """Any sub-command to its end: the subprocess.CompletedProcess, output as text."""
        return subprocess.run([*WRAPPER, str(BUILD / "rowstream"), *map(str, args)],
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=stdout, stderr=subprocess.PIPE, cwd=cwd, text=True,
                              timeout=DEADLINE_S, env=environment(env), check=False)

    def close(self):
        for program in reversed(self.programs):
            program.end()
        for program in self.programs:
            assert not SANITIZERS.search(program.stderr), program.report()
