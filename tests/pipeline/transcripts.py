"""Replays recorded exchanges of real servers against a store, and says where it answers otherwise.

A recording (tests/transcripts/*.json) holds scenarios of requests and answers. Compared are status,
reason, current-version header, the number in Location, media type, caching and the body, without
what no two runs share: times, ids that the server makes, addresses, hashes in ETags.
"""
import http.client
import json
import pathlib
import re
import urllib.parse

RECORDINGS = pathlib.Path(__file__).resolve().parent.parent / "transcripts"
# Where the recorder cut long texts off.
CUT = (1500, 2000)
OURS = "00000000-0000-4000-8000-"
# Members that no two runs share, or that name positions in a log.
VOLATILE = {"updated", "timeStamp", "instanceId", "epochId", "epochPosition", "epochNumber",
            "lastCommitPosition", "writerCheckpoint", "chaserCheckpoint", "$c", "$p", "$v",
            "$eventTimestamp", "httpEndPointPort", "serverPort", "httpEndPointIp", "serverIp",
            "internalTcpPort", "externalTcpPort", "internalTcpIp", "externalTcpIp"}
POSITION = re.compile(r"(?<=/)[0-9A-F]{32}(?=/)")


def load(name):
    with open(RECORDINGS / f"{name}.json", encoding="utf-8") as file:
        return json.load(file)


def run_number(recording):
    """The digits that make a recording's stream names and ids its own."""
    return re.search(r"/streams/conf\d+\w*-r(\d+)", json.dumps(recording)).group(1)


class Difference:
    def __init__(self, recording, scenario, step, field, recorded, answered):
        self.recording, self.scenario, self.step, self.field = recording, scenario, step, field
        self.recorded, self.answered = recorded, answered

    def __str__(self):
        return (f"{self.recording} / {self.scenario} / step {self.step}: {self.field}\n"
                f"    recorded {shorten(self.recorded)}\n    answered {shorten(self.answered)}")


def shorten(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 1500 else text[:1000] + " … " + text[-400:]


class Replay:
    """One recording against one server. run: digits that take the place of the recording's own, so
    that a server which keeps its data can be asked twice."""

    def __init__(self, name, url, run=None, credentials=None):
        self.name = name
        recording = load(name)
        text = json.dumps(recording)
        if run:
            text = text.replace(run_number(recording), run)
        self.recording = json.loads(text)
        self.url = urllib.parse.urlsplit(url)
        self.credentials = credentials
        self.etags = {}
        self.connection = None
        self.dialect = known()["dialects"].get(name, {})

    def connect(self):
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else \
            http.client.HTTPConnection
        self.connection = kind(self.url.hostname, self.url.port or 2113, timeout=60)

    def steps(self):
        return sum(len(scenario["steps"]) for scenario in self.recording["scenarios"])

    def differences(self):
        found = []
        for scenario in self.recording["scenarios"]:
            for number, step in enumerate(scenario["steps"]):
                for field, recorded, answered in self.step(step):
                    found.append(Difference(self.name, scenario["name"], number, field,
                                            recorded, answered))
        return found

    def step(self, step):
        """[(field, recorded, answered)] for what differs in one exchange."""
        if "status" not in step["response"]:
            return []  # never left the recorder
        status, reason, headers, body = self.ask(step["request"])
        if headers.get("ETag"):
            self.etags[headers["ETag"].strip('"').split(";")[0]] = headers["ETag"]
        recorded = step["response"]
        answered = {"status": status, "reason": reason, **self.headers_of(headers)}
        expected = {"status": recorded["status"], "reason": recorded["reason"],
                    **self.headers_of(recorded["headers"])}
        answered["body"], expected["body"] = \
            (self.common(side) for side in self.bodies(body, recorded))
        return [(field, expected.get(field), answered.get(field))
                for field in sorted({*answered, *expected})
                if expected.get(field) != answered.get(field)]

    def common(self, value):
        """What is said the same way in every server's dialect."""
        if isinstance(value, dict):
            return {key: self.common(item) for key, item in value.items()
                    if key not in self.dialect.get("leaves_out", ())
                    and not (item is None and self.dialect.get("leaves_out_nulls"))}
        if isinstance(value, list):
            return [self.common(item) for item in value]
        if isinstance(value, str):
            for old, new in self.dialect.get("replace", {}).items():
                value = value.replace(old, new)
        return value

    def ask(self, request):
        headers = dict(request.get("headers") or {})
        if "If-None-Match" in headers:
            number = headers["If-None-Match"].strip('"').split(";")[0]
            headers["If-None-Match"] = self.etags.get(number, headers["If-None-Match"])
        if self.credentials and "Authorization" not in headers:
            headers["Authorization"] = self.credentials
        body = body_of(request)
        self.connect()
        try:
            # Only what was recorded is sent: no Accept-Encoding, no Accept of the library's own.
            self.connection.putrequest(request["method"], path_of(request),
                                       skip_accept_encoding=True)
            for name, value in headers.items():
                self.connection.putheader(name, value)
            if body is not None or request["method"] in ("POST", "PUT", "DELETE"):
                self.connection.putheader("Content-Length", str(len(body or b"")))
            self.connection.endheaders(body)
            answer = self.connection.getresponse()
            return answer.status, answer.reason, answer.headers, answer.read()
        finally:
            self.connection.close()

    @staticmethod
    def headers_of(headers):
        """The headers that are compared, in a form that two runs can share."""
        found = {}
        for name in ("Content-Type", "Cache-Control", "Vary", "ES-CurrentVersion",
                     "WWW-Authenticate"):
            if headers.get(name) is not None:
                found[name] = headers[name]
        if headers.get("ETag"):
            found["ETag"] = headers["ETag"].strip('"').split(";")[0]
        if headers.get("Location"):
            location = urllib.parse.urlsplit(headers["Location"]).path
            if "…" in location or len(location) > 200:
                location = "(long)"
            found["Location"] = re.sub(r"(?<=incoming/)[0-9a-f-]{36}$", "(id)", location)
        return found

    def bodies(self, body, recorded):
        """Answered and recorded, both normalised."""
        text = body.decode("utf-8", "replace")
        if "json" in recorded:
            try:
                answered = normal(json.loads(text))
            except ValueError:
                answered = text
            return answered, normal(recorded["json"])
        if recorded.get("empty"):
            return text, ""
        if "text" in recorded:
            answered, expected = (self.common(normal_text(side))
                                  for side in (text, recorded["text"]))
            if len(recorded["text"]) in CUT:
                expected = expected[:-80]
                answered = answered[:len(expected)]
            return answered, expected
        return "", ""  # too long to be kept


def path_of(request):
    """Long names are recorded with their middle left out: "…(517 characters)"."""
    path = request["path"]
    long = re.match(r"(.*?)k…\((\d+) characters\)$", path)
    return long.group(1) + "k" * (int(long.group(2)) - len(long.group(1))) if long else path


def body_of(request):
    body = request.get("body")
    if body is None:
        return None
    size = re.fullmatch(r"<(\d+) bytes>", body)
    return large_body(int(size.group(1))) if size else body.encode()


def large_body(size):
    """A batch of exactly that many bytes: one event, or 2,000 or 500 of about 1 KB."""
    count = {2180000: 2000, 545000: 500}.get(size, 1)
    each = size // count
    large_body.made = getattr(large_body, "made", 0) + 1
    events = []
    for number in range(count):
        event = {"eventId": f"00000000-0000-4000-9000-{large_body.made:06d}{number:06d}",
                 "eventType": "c", "data": {"p": ""}}
        event["data"]["p"] = "x" * (each - len(json.dumps(event)) - 2)
        events.append(event)
    text = json.dumps(events)
    assert len(text) == size, (len(text), size)
    return text.encode()


def normal(value):
    if isinstance(value, dict):
        return {key: normal_member(key, item) for key, item in value.items()
                if key not in VOLATILE}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return normal_text(value) if isinstance(value, str) else value


def normal_member(key, value):
    if key in ("eventId", "$causedBy") and isinstance(value, str):
        return value if value.startswith(OURS) else "(the server's own)"
    if key == "eTag" and value:
        return value.split(";")[0]
    if key == "linkMetaData" or (key == "metaData" and isinstance(value, str) and '"$v"' in value):
        return normal(json.loads(value)) if value else value
    return normal(value)


def normal_text(text):
    text = re.sub(r"https?://[^/\s\"]+(?=/)", "http://host", text)
    text = re.sub(r'("updated": ")[^"]*', r"\1(time)", text)
    text = re.sub(r'("eTag": "-?\d+);-?\d+', r"\1", text)
    return POSITION.sub("(position)", text)


def known():
    with open(RECORDINGS / "known-differences.json", encoding="utf-8") as file:
        return json.load(file)


def explain(difference, entries):
    """The entry that explains a difference, or None. A member left out of an entry fits all."""
    for entry in entries:
        if all((
                difference.recording in entry.get("recordings", [difference.recording]),
                difference.scenario in entry.get("scenarios", [difference.scenario]),
                difference.step in entry.get("steps", [difference.step]),
                difference.field in entry.get("fields", [difference.field]),
                fits(entry.get("recorded"), difference.recorded),
                fits(entry.get("answered"), difference.answered))):
            return entry
    return None


def fits(pattern, value):
    """pattern: a regular expression for the whole value as JSON."""
    return pattern is None or re.fullmatch(pattern, json.dumps(value), re.S) is not None
