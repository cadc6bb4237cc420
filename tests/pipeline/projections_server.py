"""A stand-in for the projections engine of EventStoreDB: answers from the recorded ones.

Bodies, reasons and fault texts are those that a running 23.10.6 or KurrentDB 26.1.0 sent
(tests/transcripts/projections-*.json); what is kept here is which projections there are and the
states that they go through.
"""
import http.server
import json
import pathlib
import threading
import urllib.parse

TRANSCRIPTS = pathlib.Path(__file__).resolve().parent.parent / "transcripts"
STANDARD = ["$streams", "$by_correlation_id", "$stream_by_category", "$by_category",
            "$by_event_type"]


class Recording:
    """The recorded exchanges of one server, found by what was asked."""

    def __init__(self, name):
        whole = json.loads((TRANSCRIPTS / f"projections-{name}.json").read_text())
        self.steps = [step for one in whole["scenarios"] for step in one["steps"]
                      if "status" in step["response"]]

    def find(self, method, part, status, number=0):
        found = [step["response"] for step in self.steps
                 if step["request"]["method"] == method and part in step["request"]["path"]
                 and step["response"]["status"] == status]
        return found[number]

    def fault(self, part):
        """The recorded status of a projection whose name begins so."""
        return next(step["response"]["json"] for step in self.steps
                    if step["request"]["path"].startswith(f"/projection/{part}")
                    and str(step["response"].get("json", {}).get("status", "")).startswith("Fault"))


class Projection:
    def __init__(self, source, emits, track=False):
        self.source = source
        self.emits = emits
        self.track = track
        self.states = ["Running"]  # one a look; the last one stays
        self.reason = ""
        self.position = "C:1/P:1"
        self.progress = 100.0

    def look(self):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


class Engine:
    """Started by the test, which sets what goes wrong in the members below."""

    def __init__(self, recording):
        self.recording = Recording(recording)
        self.projections = {name: Projection("", True) for name in STANDARD}
        self.requests = []  # (method, path with query, body)
        self.missing = False  # the server runs no engine
        self.denied = 0  # this status to every request
        self.not_ready = 0  # that many requests are answered 503
        self.silent = set()  # (method, path's start): acted on, then the connection is closed
        self.fresh = ["Preparing", "Running"]  # the states of a new one
        self.progress = 100.0  # of a new one
        self.faults = {}  # name: recorded fault's name; when made, changed or started
        self.state = {}  # (name, partition): JSON text
        self.left = set()  # streams of partitions that deletions left behind
        handler = type("Handler", (_Handler,), {"engine": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"esdb://admin:changeit@127.0.0.1:{self._server.server_port}?tls=false"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def changes(self):
        return [f"{method} {path}" for method, path, _ in self.requests if method != "GET"]

    # --- answers: a recorded response, with another body where it is about other names ---

    def answer(self, method, path, body, headers):
        if self.denied:
            return {"status": self.denied, "reason": "Unauthorized", "text": ""}
        if self.not_ready:
            self.not_ready -= 1
            return {"status": 503, "reason": "Server Is Not Ready", "text": ""}
        if self.missing:
            return {"status": 404, "reason": "Not Found", "text": ""}
        if method in ("POST", "PUT") and "Content-Length" not in headers:
            return {"status": 411, "reason": "Length Required", "text": ""}
        if method in ("POST", "PUT") and "Content-Type" not in headers:
            return self.recording.find("POST", "name=ctype", 415)
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        if parts[0] == "projections" and method == "GET":
            return self._list()
        if parts[0] == "projections":
            return self._create(query, body)
        if parts[0] == "streams":
            self.left.discard(parts[1])
            return {"status": 204, "reason": "Stream deleted", "text": ""}
        if parts[1] not in self.projections:
            return self.recording.find("GET", "/projection/nope", 404)
        return self._one(method, parts[1], "/".join(parts[2:]), query, body)

    def _list(self):
        return {"status": 200, "reason": "OK", "json": {
            "projections": [self._statistics(name) for name in self.projections]}}

    def _statistics(self, name):
        one = self.projections[name]
        whole = dict(self.recording.find("GET", "/projection/$by_category", 200)["json"])
        whole.update(name=name, effectiveName=name, status=one.look(), stateReason=one.reason,
                     position=one.position, progress=one.progress)
        return whole

    def _done(self, name):
        answer = dict(self.recording.find("POST", "/command/enable", 200))
        answer["json"] = dict(answer["json"], name=name)
        return answer

    def _start(self, name):
        one = self.projections[name]
        one.states, one.reason, one.progress = list(self.fresh), "", self.progress
        if f"$projections-{name}-partitions" in self.left:
            one.states = ["Faulted (Enabled)"]
            one.reason = next(
                step["response"]["json"]["stateReason"] for step in self.recording.steps
                if "Multiple projections" in str(step["response"].get("json", {})))
        if name in self.faults:
            recorded = self.recording.fault(self.faults[name])
            one.states, one.reason = [recorded["status"]], recorded["stateReason"]
            one.position = recorded["position"]

    def _create(self, query, body):
        name = query["name"]
        if name in self.projections:
            return self.recording.find("POST", "/projections/continuous", 409)
        self.projections[name] = Projection(body, query["emit"] == "yes",
                                            query.get("trackemittedstreams") == "yes")
        self._start(name)
        answer = dict(self.recording.find("POST", "/projections/continuous", 201))
        answer["json"] = dict(answer["json"], name=name)
        return answer

    def _one(self, method, name, rest, query, body):
        one = self.projections[name]
        if method == "GET" and rest == "":
            return {"status": 200, "reason": "OK", "json": self._statistics(name)}
        if method == "GET" and rest == "query":
            whole = dict(self.recording.find("GET", "query?config=yes", 200)["json"])
            whole.update(name=name, query=one.source, emitEnabled=one.emits)
            return {"status": 200, "reason": "OK", "json": whole}
        if method == "GET" and rest == "state":
            return {"status": 200, "reason": "OK", "headers": {"ES-Position": '{"$s":{"x":5}}'},
                    "text": self.state.get((name, query.get("partition")), "")}
        if method == "PUT":
            one.source, one.emits = body, query["emit"] == "yes"
            self._start(name)
        elif method == "DELETE":
            if not any(word in one.states[0] for word in ("Stopped", "Faulted", "Aborted")):
                return self.recording.find("DELETE", "/projection/", 500)
            del self.projections[name]
            self.left.add(f"$projections-{name}-partitions")
        elif rest == "command/disable":
            one.states = ["Stopping", "Stopped"]
        elif rest == "command/enable":
            self._start(name)
        return self._done(name)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.engine.requests.append((self.command, self.path, body))
        answer = self.engine.answer(self.command, self.path, body, self.headers)
        for method, start in list(self.engine.silent):
            if self.command == method and self.path.startswith(start):
                self.engine.silent.discard((method, start))
                self.close_connection = True
                return
        text = answer.get("text")
        if text is None:
            text = json.dumps(answer["json"]) if "json" in answer else ""
        data = text.encode()
        self.send_response(answer["status"], answer["reason"])
        for name, value in (answer.get("headers") or {}).items():
            if name in ("Content-Type", "ES-Position", "Kurrent-Position"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *_):
        pass
