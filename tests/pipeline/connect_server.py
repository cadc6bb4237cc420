"""A stand-in for Kafka Connect: its REST interface over connectors in memory.

It answers with what Kafka Connect 4.3.1 and Debezium 3.5.0 answered (connect_answers.json), and
goes through the states that they went through: a new connector has no status at first, then no
task, then one; offsets can be deleted of a stopped connector only.
"""
import base64
import http.server
import json
import pathlib
import threading
import urllib.parse

RECORDED = json.loads(pathlib.Path(__file__).with_name("connect_answers.json").read_text())
POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"
MARIADB = "io.debezium.connector.mariadb.MariaDbConnector"


class Connector:
    def __init__(self, config):
        self.config = config
        self.state = "RUNNING"
        self.trace = None
        self.asked = 0  # how often its status was asked since it was made or started


class Connect:
    """Started by the test, which sets what goes wrong in the members below."""

    def __init__(self):
        self.connectors = {}
        self.requests = []  # (method, path, body)
        self.validation = None  # a recorded validation's name; None: nothing is wrong
        self.traces = []  # recorded traces; each start of a task takes one (None: it runs)
        self.fails_after = 0  # that many looks at RUNNING come before the failure
        self.busy = 0  # that many changing requests are answered 409
        self.credentials = None
        self.old = False  # as before Kafka 3.5: connectors cannot be stopped
        self.no_task = False  # tasks stay UNASSIGNED
        handler = type("Handler", (_Handler,), {"connect": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def methods(self):
        """All requests but reads: what was changed, in order."""
        return [f"{method} {path}" for method, path, _ in self.requests
                if method != "GET" and not path.endswith("/validate")]

    # --- answers: (status, object or text or None) ---

    def answer(self, method, path, body):
        parts = [urllib.parse.unquote(part) for part in path.partition("?")[0].split("/")[1:]]
        if path == "/":
            return recorded("version")
        if parts[0] == "connector-plugins":
            return self._plugins(parts, body)
        if parts == ["connectors"]:
            return 200, sorted(self.connectors)
        if method != "GET" and self.busy:
            self.busy -= 1
            return 409, error(409, "Cannot complete request momentarily due to stale "
                                   "configuration (typically caused by a concurrent config change)")
        return self._connector(method, parts[1], "/".join(parts[2:]), body)

    def _plugins(self, parts, body):
        if len(parts) == 1:
            return recorded("plugins")
        known = next((name for name in RECORDED["known"]
                      if name == parts[1] or
                      name.endswith(f".{parts[1].removesuffix('Connector')}Connector")), None)
        if not known:
            return recorded("missing-plugin")
        wrong = RECORDED["validations"][self.validation] if self.validation else {}
        assert body["connector.class"] == parts[1] and body["name"]
        return 200, {"name": parts[1], "error_count": len(wrong), "groups": [], "configs": [
            {"definition": {"name": name}, "value": {
                "name": name, "value": body.get(name), "recommended_values": [],
                "errors": wrong.get(name, []), "visible": True}}
            for name in RECORDED["known"][known]]}

    def _connector(self, method, name, what, body):
        connector = self.connectors.get(name)
        if (method, what) == ("PUT", "config"):
            return self._write(name, connector, body)
        if not connector:
            return recorded({"config": "config-none", "status": "status-none",
                             "stop": "stop-none", "offsets": "offsets-none"}
                            .get(what, "delete-none"), name)
        if self.old and what in ("stop", "offsets"):
            return 404, error(404, "HTTP 404 Not Found")
        return {
            ("GET", "config"): lambda: (200, connector.config),
            ("GET", "status"): lambda: self._status(name, connector),
            ("PUT", "stop"): lambda: self._start(connector, "STOPPED", 204),
            ("PUT", "resume"): lambda: self._start(connector, "RUNNING", 202),
            ("POST", "restart"): lambda: self._start(connector, "RUNNING", 202),
            ("DELETE", "offsets"): lambda: recorded(
                "offsets" if connector.state == "STOPPED" and connector.asked > 1
                else "offsets-running"),
            ("DELETE", ""): lambda: (self.connectors.pop(name), (204, None))[1],
        }[method, what]()

    def _write(self, name, connector, body):
        if connector:
            connector.config = body
            if connector.state == "RUNNING":
                self._start(connector, "RUNNING", 200)
            return 200, {"name": name, "config": body, "tasks": [], "type": "source"}
        self.connectors[name] = Connector(body)
        self._start(self.connectors[name], "RUNNING", 201)
        return 201, {"name": name, "config": body, "tasks": [], "type": "source"}

    def _start(self, connector, state, status):
        connector.state = state
        connector.asked = 0
        if state == "RUNNING":
            connector.trace = self.traces.pop(0) if self.traces else None
        return status, None

    def _status(self, name, connector):
        connector.asked += 1
        if connector.state == "STOPPED" and connector.asked == 1:
            return 200, status(name, "RUNNING", [task("RUNNING")])
        if connector.state != "RUNNING":
            return 200, status(name, connector.state, [])
        if connector.asked == 1:
            return recorded("status-none", name)
        if connector.asked == 2:
            return 200, status(name, "RUNNING", [])
        if self.no_task:
            return 200, status(name, "RUNNING", [task("UNASSIGNED")])
        if connector.trace and connector.asked > 2 + self.fails_after:
            return 200, status(name, "RUNNING",
                               [task("FAILED", RECORDED["traces"][connector.trace])])
        return 200, status(name, "RUNNING", [task("RUNNING")])


def error(code, message):
    return {"error_code": code, "message": message}


def recorded(name, connector="none"):
    one = RECORDED["answers"][name]
    return one["status"], one["answer"].replace("connector none", f"connector {connector}")


def task(state, trace=None):
    return {"id": 0, "state": state, "worker_id": "127.0.0.1:8083", "version": "3.5.0.Final",
            **({"trace": trace} if trace else {})}


def status(name, state, tasks):
    return {"name": name, "connector": {"state": state, "worker_id": "127.0.0.1:8083",
                                        "version": "3.5.0.Final"},
            "tasks": tasks, "type": "source"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.connect.requests.append((self.command, self.path, body))
        wanted = self.connect.credentials
        if wanted and self.headers.get("Authorization") != \
                "Basic " + base64.b64encode(":".join(wanted).encode()).decode():
            code, answer = 401, "User cannot access the resource."
        else:
            code, answer = self.connect.answer(self.command, self.path, body)
        text = "" if answer is None else answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(code)
        if text:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_PUT = do_POST = do_DELETE = _handle

    def log_message(self, *_):
        pass
