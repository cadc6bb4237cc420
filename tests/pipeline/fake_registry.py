"""A schema registry for tests: Confluent's /schemas/ids/N over fixtures' registry.json, which can be
told to misbehave. Its faults are here, not in a real registry, because no real one can be told to."""
import base64
import http.server
import json
import ssl
import threading

import harness


def schemas_of(*cases):
    """id -> what the registry answered, of all the fixtures together."""
    found = {}
    for case in cases:
        path = harness.TESTS / "fixtures" / case / "registry.json"
        found.update(json.loads(path.read_text())["ids"])
    return found


class Registry:
    """A server on a port of its own. While gate is clear it answers nobody; asked has the paths of
    all requests; what it answers is answer(), which a test may replace."""

    def __init__(self, schemas, base="", port=0, user=None, certificate=None):
        self.schemas = schemas
        self.base = base
        self.user = user
        self.asked = []
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()
        self._changed = threading.Condition()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}{base}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _handler(registry):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.note(self.path)
                registry.gate.wait()
                if registry.closed:  # a thread that was left from before
                    self.close_connection = True
                    return
                status, body = registry.answer(self.path, self.headers)
                text = body.encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        return Handler

    def note(self, path):
        with self._changed:
            self.asked.append(path)
            self._changed.notify_all()

    def await_asked(self, count):
        """Until so many requests have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= count, harness.DEADLINE_S), \
                self.asked

    def answer(self, path, headers):
        if self.user:
            wanted = "Basic " + base64.b64encode(self.user.encode()).decode()
            if headers.get("Authorization") != wanted:
                return 401, json.dumps({"error_code": 401, "message": "Unauthorized"})
        if path == self.base + "/schemas/types":
            return 200, '["JSON","PROTOBUF","AVRO"]'
        prefix = self.base + "/schemas/ids/"
        found = self.schemas.get(path[len(prefix):]) if path.startswith(prefix) else None
        if found is None:
            return 404, json.dumps({"error_code": 40403, "message": "Schema not found"})
        return 200, json.dumps(found)

    def close(self):
        self.closed = True
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
