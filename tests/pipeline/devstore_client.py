"""What the tests of the development store share: appending, raw connections, appenders in threads."""
import http.client
import json
import socket
import ssl
import threading
import time
import uuid

import harness

EVENTS = "application/vnd.eventstore.events+json"
ATOM = "application/vnd.eventstore.atom+json"


def event_id(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def event(number=None, kind="c", data=None, metadata=None):
    found = {"eventId": str(uuid.uuid4()) if number is None else event_id(number),
             "eventType": kind, "data": {"n": number} if data is None else data}
    if metadata is not None:
        found["metadata"] = metadata
    return found


def append(store, stream, version, *events, headers=None, **more):
    """(status, Location's number or current version or None)."""
    sent = {"Content-Type": EVENTS, **(headers or {})}
    if version is not None:
        sent["ES-ExpectedVersion"] = str(version)
    status, got, _ = store.request("POST", f"/streams/{stream}", sent,
                                   json.dumps(list(events)), **more)
    if status == 201:
        return status, int(got["Location"].rsplit("/", 1)[1])
    version = got.get("ES-CurrentVersion")
    return status, None if version is None else int(version)


def page(store, path, headers=None):
    status, got, body = store.request("GET", path, headers)
    return status, got, json.loads(body) if body else None


def numbers(feed):
    return [entry.get("positionEventNumber") for entry in feed["entries"]]


def links(feed):
    return {link["relation"]: link["uri"].split("/streams/", 1)[1] for link in feed["links"]}


def set_metadata(store, stream, metadata, **more):
    status, _, _ = store.request("POST", f"/streams/{stream}/metadata", {"Content-Type": EVENTS},
                                 json.dumps([event(kind="$metadata", data=metadata)]), **more)
    assert status == 201


class Raw:
    """A connection that sends what it is told, byte by byte."""

    def __init__(self, store, tls=None):
        self.socket = socket.create_connection((store.host, store.port),
                                               timeout=harness.DEADLINE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self):
        """(status, reason, headers, body) of one answer."""
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        return answer.status, answer.reason, answer.headers, answer.read()

    def closed(self):
        """The other side has closed, and nothing more came."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request_text(method, path, headers=None, body=""):
    lines = [f"{method} {path} HTTP/1.1", "Host: test"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def append_text(stream, version, *events):
    return request_text("POST", f"/streams/{stream}",
                        {"Content-Type": EVENTS, "ES-ExpectedVersion": version},
                        json.dumps(list(events)))


class Appender(threading.Thread):
    """Appends events to streams of its own, one after the other, until it is stopped or cannot go
    on. answered: stream -> ids in order; unanswered: the one append whose answer never came."""

    def __init__(self, store, name, batch=1):
        super().__init__(daemon=True)
        self.store, self.stream, self.batch = store, name, batch
        self.answered, self.unanswered, self.refused = [], None, []
        self.halt = threading.Event()

    def run(self):
        number = 0
        try:
            with Raw(self.store) as raw:
                while not self.halt.is_set():
                    events = [event() for _ in range(self.batch)]
                    self.unanswered = [one["eventId"] for one in events]
                    raw.send(append_text(self.stream, number - 1, *events))
                    status, reason, _, _ = raw.answer()
                    if status != 201:
                        self.refused.append((status, reason))
                        return
                    self.answered += self.unanswered
                    self.unanswered = None
                    number += self.batch
        except (OSError, http.client.HTTPException):
            pass


def client_context(certificate):
    return ssl.create_default_context(cafile=certificate)


def wait_for_exit(program):
    harness.wait_until(lambda: not program.running(), f"{program.name} ends")


def monotonic():
    return time.monotonic()
