"""What the benchmarks share: programs that run and what they cost, and the store read back."""
import base64
import collections
import http.client
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.parse
from calendar import timegm

BENCH = pathlib.Path(__file__).resolve().parent
CHECKOUT = BENCH.parent.parent
BUILD = pathlib.Path(os.environ.get("ROWSTREAM_BUILD")
                     or CHECKOUT / "build" / "release").absolute()
DEADLINE_S = 120
PAGE = 4096


class Failure(Exception):
    """Ends the benchmark with a sentence for a person."""


class Program:
    """A program with its output in files; always ended by its owner, by its own pid."""

    def __init__(self, directory, name, *args, stdin=subprocess.DEVNULL):
        path = BUILD / name
        if not path.exists():
            raise Failure(f"{path} is not there: run scripts/bench.sh, which builds it")
        self.name = pathlib.Path(name).name
        self.log = directory / f"{self.name}.log"
        self.out = directory / f"{self.name}.out"
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen([path, *map(str, args)], stdin=stdin, stdout=out,
                                            stderr=log, cwd=directory)
        self.pid = self.process.pid
        self.usage = None
        self.peak_mb = 0

    def running(self):
        """Also takes note of what it cost once it ended."""
        if self.usage is None:
            self.note_memory()
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.usage = usage
        return self.usage is None

    def note_memory(self):
        """The system's own high-water mark: getrusage's would be that of who forked it."""
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return
        mark = re.search(r"VmHWM:\s+(\d+)", status)
        if mark:
            self.peak_mb = int(mark.group(1)) / 1024

    def wait(self, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while self.running():
            if time.monotonic() > end:
                raise Failure(f"{self.name} did not end within {deadline_s} s\n{self.report()}")
            time.sleep(0.01)
        return self.process.returncode

    def report(self):
        text = self.log.read_text(errors="replace") + self.out.read_text(errors="replace")
        return "\n".join(text.splitlines()[-20:])

    def await_text(self, pattern, path=None, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while True:
            found = re.search(pattern, (path or self.out).read_text(errors="replace"), re.M)
            if found:
                return found
            if not self.running() or time.monotonic() > end:
                raise Failure(f"{self.name} never said {pattern!r}\n{self.report()}")
            time.sleep(0.02)

    def await_ready(self):
        return self.await_text(r"^ready (\S+)").group(1)

    def end(self):
        if self.running():
            self.process.terminate()
            try:
                self.wait(20)
            except Failure:
                self.process.kill()
                self.wait(20)

    def cpu_us(self):
        return (self.usage.ru_utime + self.usage.ru_stime) * 1e6

    def number(self, name):
        """Of the last line of its log that has it."""
        return int(re.findall(rf"\b{name}=(\d+)", self.log.read_text())[-1])


def run(name, *args, stdin=None, stdout=None):
    """Runs a program to its end; its standard output."""
    done = subprocess.run([BUILD / name, *map(str, args)], stdin=stdin,
                          stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failure(f"{name} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout.decode() if done.stdout is not None else ""


class Servers:
    """Apache Kafka, Connect and PostgreSQL, as scripts/neighbourhood.sh starts them."""

    def __init__(self, directory):
        self.directory = directory / "neighbourhood"
        directory.chmod(0o755)  # the database's user must get there
        self.script("up", "--bare", "--only", "postgres")
        self.env = dict(line.split("=", 1) for line in
                        (self.directory / "env").read_text().splitlines() if "=" in line)
        self.kafka = self.env["KAFKA"]

    def script(self, *arguments):
        done = subprocess.run([CHECKOUT / "scripts" / "neighbourhood.sh", *arguments, "--dir",
                               self.directory], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"neighbourhood.sh {arguments[0]}: {done.stderr}")

    def close(self):
        self.script("down")


# --- the store, read back ---

class StoreReader:
    """Reads $all of an EventStoreDB over HTTP, newest first."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        tls = dict(urllib.parse.parse_qsl(parts.query)).get("tls", "true") == "true"
        self.address = f"{parts.hostname}:{parts.port or 2113}"
        self.base = f"{'https' if tls else 'http'}://{self.address}"
        user = urllib.parse.unquote(parts.username or "")
        password = urllib.parse.unquote(parts.password or "")
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {basic}" if user else None
        kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        self.connection = kind(self.address, timeout=DEADLINE_S)

    def page(self, path):
        headers = {"Accept": "application/vnd.eventstore.atom+json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Failure(f"{self.base}{path}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def newest(self):
        """What tells the newest event from all others; None of an empty store."""
        entries = self.page("/streams/%24all/head/backward/1?embed=body")["entries"]
        return entries[0]["id"] if entries else None

    def back_to(self, last):
        """Entries newest first, down to the one that newest() named."""
        path = f"/streams/%24all/head/backward/{PAGE}"
        while path:
            page = self.page(path + "?embed=body")
            for entry in page["entries"]:
                if entry["id"] == last:
                    return
                yield entry
            links = {link["relation"]: link["uri"] for link in page["links"]}
            following = links.get("next") if page["entries"] else None
            path = urllib.parse.urlsplit(following).path if following else None


_seconds = {}


def time_us(text):
    """Of "2026-11-26T06:37:42.7373016Z"."""
    second = text[:19]
    if second not in _seconds:
        _seconds[second] = timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S"))
    fraction = text[20:].rstrip("Z") or "0"
    return _seconds[second] * 1_000_000 + int(fraction.ljust(7, "0")[:7]) / 10


Stored = collections.namedtuple("Stored", "first_us last_us latencies_ms")


def check_store(reader, last, name, plan):
    """The oracle: each stream of the plan holds exactly its records, in order, numbered from 0, and
    no other stream of that name is there. What the times of the events say."""
    left = {stream: list(numbers) for stream, numbers in plan.items()}
    times, latencies = [], []
    for entry in reader.back_to(last):
        stream = entry["streamId"]
        if not stream.startswith(name + "."):
            continue
        match = re.search(r'"n": ?(\d+),\s*"at_us": ?(\d+)', entry["data"])
        number = entry.get("positionEventNumber", entry["eventNumber"])
        expected = left.get(stream)
        if not expected or expected[-1] != int(match.group(1)) or number != len(expected) - 1:
            raise Failure(f"the store holds what it must not: {stream}, event {number}, record "
                          f"{match.group(1)}; expected here: "
                          f"{(expected or ['nothing'])[-1]}, number {len(expected or []) - 1}")
        expected.pop()
        at = time_us(entry["updated"])
        times.append(at)
        latencies.append((at - int(match.group(2))) / 1000)
    missing = sum(map(len, left.values()))
    if missing:
        raise Failure(f"{missing} events are not in the store, the first of "
                      f"{next(stream for stream in left if left[stream])}")
    return Stored(min(times), max(times), sorted(latencies))
