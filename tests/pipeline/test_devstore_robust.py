"""The development store treated badly: killed, out of disk, attacked, told to misbehave; and its
users, rights and TLS."""
import json
import socket
import sqlite3
import ssl
import subprocess
import time

import pytest

import harness
from devstore_client import (ATOM, EVENTS, Appender, Raw, append, append_text, event, event_id,
                             page, request_text, set_metadata)

FAULTS = {"Content-Type": "application/x-faults"}


# --- Durable ---

def appenders_of(store, count, batch=1):
    started = [Appender(store, f"kill-{number}", batch) for number in range(count)]
    for appender in started:
        appender.start()
    return started


def ids_of(store, stream):
    return [one["id"] for one in store.read(stream)]


@pytest.mark.parametrize("batch", [1, 3])
def test_kill_9_loses_nothing_that_was_answered(bench, tmp_path, batch):
    data = tmp_path / "store.db"
    store = bench.store("--data", data)
    started = appenders_of(store, 16, batch)
    harness.wait_until(lambda: all(len(a.answered) >= 30 for a in started), "appends")
    store.kill()
    for appender in started:
        appender.join()
    store = bench.store("--data", data)
    for appender in started:
        found = ids_of(store, appender.stream)
        assert found[:len(appender.answered)] == appender.answered
        # The append without an answer is there whole or not at all, and its repeat settles it.
        rest = found[len(appender.answered):]
        assert rest in ([], appender.unanswered)
        version = len(appender.answered) - 1
        events = [{"eventId": one, "eventType": "c", "data": {}} for one in appender.unanswered]
        assert append(store, appender.stream, version, *events) == (201, version + 1)
        assert ids_of(store, appender.stream) == appender.answered + appender.unanswered
    feed = store.read("$ce-kill")
    assert len(feed) == sum(len(a.answered) + len(a.unanswered) for a in started)


def test_links_and_events_agree_after_kills(bench, tmp_path):
    data = tmp_path / "store.db"
    for _ in range(3):
        store = bench.store("--data", data)
        started = [Appender(store, f"agree-{time.monotonic_ns()}-{n}") for n in range(8)]
        for appender in started:
            appender.start()
        harness.wait_until(lambda: sum(len(a.answered) for a in started) > 100, "appends")
        store.kill()
        for appender in started:
            appender.join()
    with sqlite3.connect(data) as database:
        one = lambda query: database.execute(query).fetchone()[0]
        assert one("PRAGMA integrity_check") == "ok"
        events = one("SELECT count(*) FROM events")
        assert one("SELECT max(position) FROM events") == events
        for links in ("$ce-agree", "$et-c"):
            assert one(f"SELECT count(*) FROM links WHERE stream = '{links}'") == events
            assert one(f"SELECT max(number) + 1 FROM links WHERE stream = '{links}'") == events
        assert one("SELECT count(*) FROM links WHERE position NOT IN "
                   "(SELECT position FROM events)") == 0
    database.close()


def test_the_second_process_on_a_file_is_refused(bench, tmp_path):
    data = tmp_path / "store.db"
    bench.store("--data", data)
    second = bench.program("rowstream-devstore", "--port", "0", "--data", data)
    assert second.wait() == 2
    assert f"--data {data}: is in use by another process" in second.stderr


@pytest.mark.parametrize("content, text", [
    (b"no database" * 1000, "is no database"), (None, "some other program")])
def test_files_of_others_are_left_alone(bench, tmp_path, content, text):
    data = tmp_path / "other.db"
    if content:
        data.write_bytes(content)
    else:
        with sqlite3.connect(data) as database:
            database.execute("CREATE TABLE mine (x)")
        database.close()
    before = data.read_bytes()
    refused = bench.program("rowstream-devstore", "--port", "0", "--data", data)
    assert refused.wait() == 2
    assert text in refused.stderr and str(data) in refused.stderr
    assert data.read_bytes() == before


def test_a_full_disk_is_a_500_that_writes_nothing(bench, tmp_path):
    data = tmp_path / "store.db"
    program = bench.program("rowstream-devstore", "--port", "0", "--data", data,
                            wrapper=("prlimit", "--fsize=3000000"))
    store = attach(program)
    written, answer = 0, None
    while written < 1000:
        answer = store.request("POST", "/streams/full-1", {
            "Content-Type": EVENTS, "ES-ExpectedVersion": str(written - 1)},
            json.dumps([event(data={"p": "x" * 100_000}) for _ in range(3)]))
        if answer[0] != 201:
            break
        written += 3
    status, headers, body = answer
    assert status == 500 and headers.get("ES-CurrentVersion") is None
    assert b"nothing was written" in body
    # It still reads, and says so again; nothing of the refused batch is there.
    assert ids_count(store) == written
    assert page(store, "/streams/full-1/head/backward/1?embed=rich")[2]["entries"][0][
        "eventNumber"] == written - 1
    assert program.stop() == 0
    again = bench.store("--data", data)
    assert ids_count(again) == written
    assert append(again, "full-1", written - 1, event()) == (201, written)


def test_no_answer_goes_out_before_its_own_commit(bench, tmp_path):
    """The second request of a pipeline is handled while the first one's answer is sent. Its commit
    fails, so its answer must not be 201."""
    program = bench.program("rowstream-devstore", "--port", "0", "--data", tmp_path / "store.db",
                            wrapper=("prlimit", "--fsize=2000000"))
    store = attach(program)
    large = [event(data={"p": "x" * 1_000_000}) for _ in range(4)]
    with Raw(store) as raw:
        raw.send(append_text("first-1", -1, event()) + append_text("second-1", -1, *large))
        received = b""
        while received.count(b"HTTP/1.1 ") < 2:
            received += raw.socket.recv(65536)
    assert [int(one.split()[0]) for one in received.split(b"HTTP/1.1 ")[1:]] == [201, 500]
    assert page(store, "/streams/first-1")[0] == 200
    assert page(store, "/streams/second-1")[0] == 404


def ids_count(store):
    return len(ids_of(store, "full-1"))


# --- Hostile ---

def test_broken_requests_get_an_error_and_the_store_lives(bench):
    store = bench.store("--memory")
    for data, status in (
            (b"nonsense\r\n\r\n", 400), (b"GET /streams/a HTTP/3.0\r\n\r\n", 400),
            (b"GET /" + b"x" * 9000, 414), (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200, 431),
            (b"POST /streams/a HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            (b"POST /streams/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 ),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400)):
        with Raw(store) as raw:
            raw.send(data)
            got, _, headers, _ = raw.answer()
            assert got == status and headers["Connection"] == "close"
            assert raw.closed()
    assert append(store, "alive-1", -1, event()) == (201, 0)


@pytest.mark.parametrize("body", [
    b"", b"[", b"[" * 100_000, b'{"a":' * 100_000, b'[{"eventId":', b"\xff\xfe[\x00]\x00",
    b'[{"eventId":"' + event_id(1).encode() + b'","eventType":"c","data":' + b"9" * 5000 + b"}]",
    b"[" + b"null," * 100_000 + b"null]", b'"' + b"\\u0000" * 100_000, b"\x00" * 1000])
def test_broken_bodies_are_400(bench, body):
    store = bench.store("--memory")
    status, headers, _ = store.request("POST", "/streams/broken-1", {"Content-Type": EVENTS}, body)
    assert status == 400 and headers.get("ES-CurrentVersion") is None
    assert page(store, "/streams/broken-1")[0] == 404


def test_thousands_of_idle_connections(bench):
    store = bench.store("--memory")
    idle = []
    try:
        for number in range(3000):
            idle.append(socket.create_connection((store.host, store.port)))
            if number % 3 == 1:
                idle[-1].sendall(b"GET /streams/a HTTP/1.1\r\n")
            if number % 3 == 2:
                idle[-1].sendall(b"POST /streams/a HTTP/1.1\r\nContent-Length: 100\r\n\r\n[")
        assert append(store, "busy-1", -1, event()) == (201, 0)
        stats = page(store, "/stats", {"Accept": "application/json"})[2]
        assert stats["proc"]["connections"] >= 3000
    finally:
        for one in idle:
            one.close()
    harness.wait_until(lambda: page(store, "/stats", {"Accept": "application/json"})[2]["proc"][
        "connections"] < 100, "closed connections are noticed")


def test_more_connections_than_descriptors(bench):
    program = bench.program("rowstream-devstore", "--port", "0", "--memory",
                            wrapper=("prlimit", "--nofile=40"))
    store = attach(program)
    with Raw(store) as first:
        first.send(request_text("GET", "/info"))
        assert first.answer()[0] == 200
        crowd = [socket.create_connection((store.host, store.port)) for _ in range(60)]
        # Those inside are served, and the process does not spin over those outside.
        before = cpu_ticks(program.pid)
        first.send(append_text("crowd-1", -1, event()))
        assert first.answer()[0] == 201
        time.sleep(0.5)
        assert cpu_ticks(program.pid) - before < 25
        for one in crowd:
            one.close()
    assert append(store, "crowd-1", 0, event()) == (201, 1)


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def attach(program):
    """A Store over a program that was started in some other way."""
    store = harness.Store.__new__(harness.Store)
    store.address = program.await_ready().split("//")[1]
    store.host, port = store.address.split(":")
    store.port, store._tls = int(port), None
    return store


def test_a_body_that_comes_too_slowly_is_a_bare_200(bench):
    store = bench.store("--memory")
    with Raw(store) as raw:
        raw.send(f"POST /streams/slow-1 HTTP/1.1\r\nHost: x\r\nContent-Type: {EVENTS}\r\n"
                 "Content-Length: 1000\r\n\r\n[")
        status, _, headers, body = raw.answer()
        assert (status, headers.get("Location"), body) == (200, None, b"")
    assert page(store, "/streams/slow-1")[0] == 404


def test_a_client_that_leaves_before_its_answer_harms_nobody(bench):
    store = bench.store("--memory", "--fault", "delay:ms=300,stream=left-*")
    for number in range(20):
        with Raw(store) as raw:
            raw.send(append_text(f"left-{number}", -1, event()))
    assert append(store, "stayed-1", -1, event()) == (201, 0)
    assert append(store, "left-0", 0, event()) in ((201, 1), (400, -1))


# --- Users and rights ---

ALICE = ("alice", "secret:with:colons")


@pytest.fixture(scope="module")
def guarded():
    store = harness.Store("--memory", "--user", ":".join(ALICE))
    yield store
    store.end()


@pytest.mark.parametrize("method, path, who, answer", [
    ("GET", "/streams/a", None, (401, None)), ("POST", "/streams/a", None, (401, None)),
    ("GET", "/streams/a", ("admin", "wrong"), (401, 'X-Basic realm="ESDB"')),
    ("GET", "/info", ("nobody", "x"), (401, 'X-Basic realm="ESDB"')),
    ("GET", "/info", None, (200, None)), ("GET", "/ping", None, (200, None)),
    ("GET", "/gossip", None, (200, None)), ("GET", "/health/live", None, (204, None)),
    ("GET", "/health/live", ("nobody", "x"), (204, None)), ("GET", "/stats", None, (401, None)),
    ("GET", "/stats", ALICE, (200, None)), ("GET", "/streams/a", ALICE, (404, None)),
    ("GET", "/streams/%24all", ALICE, (401, None)),
    ("GET", "/streams/%24all", harness.ADMIN, (200, None)),
    ("GET", "/streams/%24foo", ("ops", "changeit"), (401, None)),
    ("GET", "/streams/%24foo", harness.ADMIN, (404, None)),
    ("GET", "/streams/%24ce-nothing", ALICE, (401, None)),
    ("GET", "/streams/%24ce-nothing", harness.ADMIN, (404, None)),
    ("POST", "/admin/scavenge", ALICE, (401, None)),
    ("POST", "/admin/scavenge", ("ops", "changeit"), (200, None)),
    ("GET", "/devstore/faults", ALICE, (401, None))])
def test_who_may_do_what(guarded, method, path, who, answer):
    headers = {"Content-Type": EVENTS} if method == "POST" else \
        {"Accept": "application/json" if not path.startswith("/streams") else ATOM}
    status, got, _ = guarded.request(method, path, headers, credentials=who)
    assert (status, got.get("WWW-Authenticate")) == answer


def test_access_lists(guarded):
    assert append(guarded, "acl-1", -1, event(), credentials=ALICE) == (201, 0)
    set_metadata(guarded, "acl-1", {"$acl": {"$w": ["$ops"], "$r": "alice", "$mr": ["$admins"]}})
    assert append(guarded, "acl-1", 0, event(), credentials=ALICE)[0] == 401
    assert append(guarded, "acl-1", 0, event(), credentials=("ops", "changeit")) == (201, 1)
    assert append(guarded, "acl-1", 1, event()) == (201, 2)
    def reads(path, who):
        return guarded.request("GET", path, credentials=who)[0]
    assert reads("/streams/acl-1", ALICE) == 200
    assert reads("/streams/acl-1", ("ops", "changeit")) == 401
    assert reads("/streams/acl-1/metadata", ALICE) == 401
    assert reads("/streams/%24%24acl-1", ALICE) == 401
    assert reads("/streams/%24ce-acl", ALICE) == 200
    assert reads("/streams/%24%24acl-1", harness.ADMIN) == 200
    assert guarded.request("DELETE", "/streams/acl-1", credentials=ALICE)[0] == 204
    set_metadata(guarded, "acl-2", {"$acl": {"$w": "$all", "$d": []}})
    assert append(guarded, "acl-2", -1, event(), credentials=ALICE) == (201, 0)
    assert guarded.request("DELETE", "/streams/acl-2", credentials=ALICE)[0] == 401


# --- TLS ---

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return cert, key


def test_tls(bench, certificate):
    cert, key = certificate
    store = bench.store("--memory", "--tls-cert", cert, "--tls-key", key, scheme="https",
                        ca_file=cert)
    assert store.await_ready().startswith("https://")
    status, headers, _ = store.request(
        "POST", "/streams/tls-1", {"Content-Type": EVENTS, "ES-ExpectedVersion": "-1"},
        json.dumps([event(data={"p": "x" * 2_000_000}) for _ in range(5)]))
    assert status == 201 and headers["Location"].startswith("https://")
    assert len(store.read("tls-1")) == 5
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Raw(store, context) as raw:
        assert raw.socket.selected_alpn_protocol() == "http/1.1"
        raw.send("".join(append_text("tls-2", number - 1, event()) for number in range(3)))
        received = b""
        while received.count(b"Location:") < 3:
            received += raw.socket.recv(65536)
    with Raw(store) as plain:
        plain.send("GET /info HTTP/1.1\r\n\r\n")
        assert plain.closed()


@pytest.mark.parametrize("arguments, text", [
    (("--tls-cert", "CERT"), "--tls-cert and --tls-key belong together"),
    (("--tls-cert", "/nonexistent", "--tls-key", "KEY"), "--tls-cert /nonexistent"),
    (("--tls-cert", "CERT", "--tls-key", "CERT"), "--tls-key"),
    (("--port", "70000"), "--port 70000: a number from 0 to 65535"),
    (("--port", "x"), "--port x"), (("--listen", "localhost"), "an IP address is wanted"),
    (("--data", "x.db"), "exclude each other"), (("--fault", "x"), "no kind of fault"),
    (("--user", "x"), "--user wants NAME:PASSWORD"), (("stray",), '"stray" is no option'),
    (("--nonsense",), "--help")])
def test_usage_errors(bench, certificate, arguments, text):
    cert, key = certificate
    places = {"CERT": cert, "KEY": key}
    program = bench.program("rowstream-devstore", "--memory",
                            *(places.get(one, one) for one in arguments))
    assert program.wait() == 2
    assert text in program.stderr


def test_a_port_in_use_is_told(bench):
    store = bench.store("--memory")
    second = bench.program("rowstream-devstore", "--memory", "--port", store.port)
    assert second.wait() == 2
    assert f"cannot listen on 127.0.0.1 port {store.port}" in second.stderr


# --- Faults ---

def hits(store):
    return [fault["hits"] for fault in page(store, "/devstore/faults",
                                            {"Accept": "application/json"})[2]]


@pytest.mark.parametrize("fault, status, reason, written", [
    ("error", 500, "Write timeout", False), ("error-after", 500, "Write timeout", True),
    ("unavailable", 503, "Server Is Not Ready", False), ("deny", 401, "Unauthorized", False),
    ("too-large", 413, "Too large events received. Limit is 4mb", False),
    ("too-large-after", 413, "Too large events received. Limit is 4mb", True),
    ("redirect:to=other.example:2113", 307, "Temporary Redirect", False),
    ("delay:ms=50", 201, "Created", True)])
def test_faults_that_answer(bench, fault, status, reason, written):
    more = "," if ":" in fault else ":"
    store = bench.store("--memory", "--fault", fault + more + "count=1")
    with Raw(store) as raw:
        start = time.monotonic()
        raw.send(append_text("f-1", -1, event(1)))
        got = raw.answer()
        assert got[:2] == (status, reason)
        if fault.startswith("delay"):
            assert time.monotonic() - start >= 0.05
        if fault.startswith("redirect"):
            assert got[2]["Location"] == "http://other.example:2113/streams/f-1"
        # The same connection goes on, and the fault is over.
        assert page(store, "/streams/f-1")[0] == (200 if written else 404)
        raw.send(append_text("f-1", -1, event(1)))
        assert raw.answer()[0] == 201
    assert hits(store) == [1]
    assert len(store.read("f-1")) == 1


@pytest.mark.parametrize("fault, written", [("lose-before", False), ("lose-after", True)])
def test_faults_that_lose_the_answer(bench, fault, written):
    store = bench.store("--memory", "--fault", fault + ":count=1,method=POST")
    with Raw(store) as raw:
        raw.send(append_text("f-1", -1, event(1)))
        assert raw.closed()
    assert page(store, "/streams/f-1")[0] == (200 if written else 404)
    assert append(store, "f-1", -1, event(1)) == (201, 0)
    assert len(store.read("f-1")) == 1


def test_an_append_that_is_executed_after_its_sender_gave_up(bench):
    store = bench.store("--memory", "--fault", "late:ms=300,count=2,method=POST")
    for stream in ("f-1", "f-2"):
        with Raw(store) as raw:
            raw.send(append_text(stream, -1, event(1)))
            assert raw.closed()
    assert append(store, "f-2", -1, event(2)) == (201, 0)
    harness.wait_until(lambda: page(store, "/streams/f-1")[0] == 200, "it is written")
    assert [one["id"] for one in store.read("f-1")] == [event_id(1)]
    # The other one came too late: its version was taken.
    assert [one["id"] for one in store.read("f-2")] == [event_id(2)]
    assert hits(store) == [2]


@pytest.mark.parametrize("fault, written", [("never", False), ("never-after", True)])
def test_faults_that_never_answer(bench, fault, written):
    store = bench.store("--memory", "--fault", fault + ":count=1,method=POST")
    with Raw(store) as raw:
        raw.send(append_text("f-1", -1, event(1)))
        harness.wait_until(lambda: hits(store) == [1], "the fault hits")
        assert page(store, "/streams/f-1")[0] == (200 if written else 404)
        raw.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.socket.recv(1)


def test_a_connection_closed_after_each_request_or_after_some(bench):
    store = bench.store("--memory", "--fault", "close")
    with Raw(store) as raw:
        raw.send(append_text("f-1", -1, event(1)))
        status, _, headers, _ = raw.answer()
        assert (status, headers["Connection"]) == (201, "close") and raw.closed()
    store.request("DELETE", "/devstore/faults")
    store.request("POST", "/devstore/faults", FAULTS, "close:every=3")
    with Raw(store) as raw:
        for number in range(3):
            raw.send(append_text("f-2", number - 1, event(number)))
            assert raw.answer()[0] == 201
        assert raw.closed()


def test_refused_connections_come_back(bench):
    store = bench.store("--memory")
    with Raw(store) as bystander:
        store.request("POST", "/devstore/faults", FAULTS, "refuse:ms=500,count=1,stream=f-1")
        with Raw(store) as raw:
            raw.send(append_text("f-1", -1, event(1)))
            assert raw.closed() and bystander.closed()
        with pytest.raises(ConnectionRefusedError):
            Raw(store)
    def back():
        try:
            return append(store, "f-1", -1, event(1)) == (201, 0)
        except ConnectionRefusedError:
            return False
    harness.wait_until(back, "the store listens again")


def test_faults_of_one_stream_leave_the_others_alone(bench):
    store = bench.store("--memory", "--fault", "deny:stream=bad-*", "--fault", "delay:ms=1")
    for number in range(5):
        assert append(store, f"bad-{number}", -1, event())[0] == 401
        assert append(store, f"good-{number}", -1, event()) == (201, 0)
    assert hits(store) == [5, 10]


def test_faults_are_changed_at_run_time(bench):
    store = bench.store("--memory")
    status, _, body = store.request("POST", "/devstore/faults", FAULTS,
                                    "unavailable:rate=0.5,seed=3\ndelay:ms=1,rate=0.1\n")
    assert status == 200 and len(json.loads(body)) == 2
    statuses = [append(store, "f-1", -1, event(1))[0] for _ in range(60)]
    assert set(statuses) == {201, 503}
    assert 10 < statuses.count(503) < 50 and hits(store)[0] == statuses.count(503)
    status, _, body = store.request("POST", "/devstore/faults", FAULTS, "nonsense")
    assert status == 400 and b'"nonsense" is no kind of fault' in body
    assert store.request("POST", "/devstore/faults", {"Content-Type": "text/plain"}, "error")[0] \
        == 400
    assert json.loads(store.request("DELETE", "/devstore/faults")[2]) == []
    assert append(store, "f-1", -1, event(1)) == (201, 0)


def test_the_same_seed_meets_the_same_requests(bench):
    def statuses(seed):
        store = bench.store("--memory", "--fault", f"error:rate=0.3,seed={seed}")
        return [append(store, "f-1", -1, event(1))[0] for _ in range(40)]
    assert statuses(5) == statuses(5) != statuses(6)
