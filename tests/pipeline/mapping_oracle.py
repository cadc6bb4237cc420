"""What the mapping specification says a record becomes: a second implementation, written from
docs/mapping.md and from nothing else, so that the program and it can only agree by being right.

events_of(records, options) gives one Outcome for each record, in order. Options are those of a
rowstream.yaml's sections source, generation, mapping and filter; only what the captures need of
section 8 is in it (no column rules, no canonical values).
"""
import base64
import hashlib
import json
import re
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from json.decoder import scanstring

NAMESPACE = uuid.UUID("7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11")
WORDS = {"c": "Insert", "i": "Insert", "u": "Update", "d": "Delete", "r": "Snapshot",
         "t": "Truncate", "m": "Message"}
SPACE = re.compile(r"[ \t\r\n]*")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
FLATTENED = set("op ts_ms ts_us ts_ns db schema table collection name connector version snapshot "
                "lsn txId gtid file pos row sequence".split())
ROUTERS = {"__dbz__physicalTableIdentifier", "__sourceIdentifier"}
DECODER = json.JSONDecoder(strict=True)


class Refused(Exception):
    """The record becomes no event, and stops the bridge."""


@dataclass
class Outcome:
    stream: str = None
    id: str = None
    type: str = None
    data: str = None
    metadata: dict = field(default_factory=dict)
    unless_deleted: bool = False
    skipped: str = None
    refused: str = None


# --- JSON as text: values keep their bytes ---

def members(text):
    """(name, raw name, raw value, start of name, end of value) of an object's members."""
    at = SPACE.match(text).end()
    assert text[at] == "{"
    at = SPACE.match(text, at + 1).end()
    while text[at] != "}":
        start = at
        name, at = scanstring(text, at + 1, True)
        raw_name = text[start:at]
        at = SPACE.match(text, at).end() + 1
        value_start = SPACE.match(text, at).end()
        _, at = DECODER.raw_decode(text, value_start)
        yield name, raw_name, text[value_start:at], start, at
        at = SPACE.match(text, at).end()
        if text[at] == ",":
            at = SPACE.match(text, at + 1).end()


def raw_member(text, name):
    """A member's value as text, None where there is none."""
    if not is_object(text):
        return None
    for found, _, raw, _, _ in members(text):
        if found == name:
            return raw
    return None


def is_object(text):
    return text is not None and text.lstrip(" \t\r\n").startswith("{")


def parse(text):
    return json.loads(text)


def is_null(raw):
    return raw is None or raw == "null"


def compact(raw):
    """White space outside strings removed."""
    out, at = [], 0
    while at < len(raw):
        if raw[at] == '"':
            _, end = scanstring(raw, at + 1, True)
            out.append(raw[at:end])
            at = end
        else:
            if raw[at] not in " \t\r\n":
                out.append(raw[at])
            at += 1
    return "".join(out)


def json_string(text):
    return json.dumps(text, ensure_ascii=False)


def as_text(raw):
    """A string's characters, a number's or boolean's literal; None for anything else."""
    if is_null(raw) or raw[0] in "{[":
        return None
    return parse(raw) if raw[0] == '"' else raw


def unwrap(raw):
    """A Connect wrapper's (payload, schema); anything else with schema None."""
    if is_object(raw):
        parts = {name: value for name, _, value, _, _ in members(raw)}
        count = sum(1 for _ in members(raw))
        if count == 2 and set(parts) == {"schema", "payload"} and \
                (parts["schema"] == "null" or is_object(parts["schema"])):
            schema = parts["schema"]
            return parts["payload"], None if schema == "null" else schema
    return raw, None


# --- Section 5: numbers that a server would damage ---

def survives(literal):
    if re.fullmatch(r"-?[0-9]+", literal):
        return len(literal.lstrip("-")) <= 380
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        return False
    return Decimal(literal) == Decimal(repr(value))


def stringify(text):
    """The text with damaged numbers as strings, and their JSON Pointers in document order."""
    out, pointers = [], []

    def walk(at, path):
        at = copy_space(at)
        char = text[at]
        if char == "{":
            return walk_items(at, path, True)
        if char == "[":
            return walk_items(at, path, False)
        if char == '"':
            _, end = scanstring(text, at + 1, True)
        elif char in "-0123456789":
            end = NUMBER.match(text, at).end()
            if not survives(text[at:end]):
                out.append(json_string(text[at:end]))
                pointers.append(path)
                return end
        else:
            end = at + (5 if char == "f" else 4)
        out.append(text[at:end])
        return end

    def copy_space(at):
        end = SPACE.match(text, at).end()
        out.append(text[at:end])
        return end

    def walk_items(at, path, is_members):
        out.append(text[at])
        at, index = copy_space(at + 1), 0
        while text[at] not in "}]":
            step = str(index)
            if is_members:
                name, end = scanstring(text, at + 1, True)
                out.append(text[at:end])
                at = copy_space(end)
                out.append(text[at])
                at += 1
                step = name.replace("~", "~0").replace("/", "~1")
            at = copy_space(walk(at, f"{path}/{step}"))
            if text[at] == ",":
                out.append(",")
                at = copy_space(at + 1)
            index += 1
        out.append(text[at])
        return at + 1

    walk(0, "")
    return "".join(out), pointers


# --- Section 2: names ---

def escape(value, is_key):
    out = bytearray()
    for byte in value.encode("utf-8"):
        char = chr(byte)
        if byte >= 0x80 or re.match(r"[A-Za-z0-9._@!*()']", char) or (is_key and char == "-"):
            out.append(byte)
        else:
            out += b"~%02X" % byte
    return out.decode("utf-8")


def limited(name):
    whole = name.encode("utf-8")
    if len(whole) <= 512:
        return name
    return whole[:400].decode("utf-8", "ignore") + "~~" + hashlib.sha1(whole).hexdigest()


def plain_decimal(encoded, scale):
    number = int.from_bytes(base64.b64decode(encoded, validate=True), "big", signed=True)
    sign, digits = ("-" if number < 0 else ""), str(abs(number))
    if scale <= 0:
        return sign + (digits + "0" * -scale if number else "0")
    digits = digits.rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def schema_of_column(schema, name):
    if schema is None:
        return None
    for one in parse(schema).get("fields") or []:
        if one.get("field") == name:
            return one
    return None


def mongo_id(text):
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict) and set(value) == {"$oid"} and isinstance(value["$oid"], str):
        return value["$oid"]
    if not isinstance(value, str):
        return compact(text)
    try:
        inner = json.loads(value)
    except ValueError:
        return value
    return value if isinstance(inner, str) else text


def render_column(raw, schema, connector):
    """A key column's text; None for null."""
    if raw == "null":
        return None
    if raw[0] == '"':
        text = parse(raw)
        if schema and schema.get("name") == "org.apache.kafka.connect.data.Decimal":
            return plain_decimal(text, int(schema["parameters"]["scale"]))
        return mongo_id(text) if connector == "mongodb" else text
    if is_object(raw):
        value = parse(raw)
        if set(value) == {"scale", "value"}:
            return plain_decimal(value["value"], value["scale"])
    return compact(raw) if raw[0] in "{[" else raw


def check_key(raw):
    """Lone surrogates and repeated members make no name."""
    def pairs(found):
        if len({name for name, _ in found}) != len(found):
            raise Refused("a member of the key twice")
        return dict(found)
    value = json.loads(raw, object_pairs_hook=pairs)
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("half of a surrogate pair in the key") from None


# --- Section 6: transactions and positions ---

TXID = {"postgresql": ["txId"], "mysql": ["gtid"], "mariadb": ["gtid"],
        "sqlserver": ["commit_lsn"], "db2": ["commit_lsn"], "oracle": ["txId"],
        "mongodb": ["lsid", "txnNumber"], "informix": ["begin_lsn", "txId"],
        "spanner": ["server_transaction_id"], "vitess": ["vgtid"]}
POSITION = {"mysql": ["server_id", "file", "pos", "row"],
            "mariadb": ["server_id", "file", "pos", "row"],
            "sqlserver": ["commit_lsn", "change_lsn", "event_serial_no"],
            "db2": ["commit_lsn", "change_lsn"], "oracle": ["commit_scn", "scn", "rs_id", "ssn"],
            "mongodb": ["ts_ms", "ord"], "informix": ["commit_lsn", "change_lsn"]}


def transaction_of(connector, source, block_id):
    parts = [source(name) for name in TXID.get(connector, [])]
    if parts and None not in parts:
        return ":".join(parts)
    return block_id if connector in ("mysql", "mariadb") else None


def position_of(connector, source):
    if connector == "postgresql":
        sequence = source("sequence")
        if source("lsn") is None or sequence is None:
            return None
        parts = json.loads(sequence)
    else:
        parts = [source(name) for name in POSITION.get(connector, [])]
    if not any(part is not None for part in parts):
        return None
    return ":".join("" if part is None else str(part) for part in parts)


def is_gtid(connector, txid):
    return connector in ("mysql", "mariadb") and not txid.startswith("file=")


# --- A record ---

class Mapper:
    def __init__(self, options):
        source = options.get("source") or {}
        mapping = options.get("mapping") or {}
        self.flattened = source.get("flattened_topics") or []
        self.prefix = source.get("flattened_prefix", "__")
        self.fields = source.get("flattened_fields") or []
        self.outbox = source.get("outbox_topics") or []
        self.outbox_type = source.get("outbox_type", "eventType")
        self.unavailable = source.get("unavailable_value", "__debezium_unavailable_value")
        self.generations = options.get("generation") or {}
        self.template = mapping.get("stream", "{table}-{key}")
        self.types = mapping.get("event_types", "op")
        self.keyless = mapping.get("keyless", "append")
        self.transactions = mapping.get("transactions", "skip")
        self.schema_changes = mapping.get("schema_changes", "skip")

    @staticmethod
    def among(patterns, topic):
        return any(re.fullmatch(p[1:], topic) if p.startswith("^") else
                   re.fullmatch(re.escape(p).replace(r"\*", ".*"), topic) for p in patterns)

    def map(self, record):
        self.record = record
        self.topic = record["topic"]
        self.identity = dict.fromkeys(("connector", "name", "db", "schema", "table"))
        self.op = self.ts = self.txid = self.position = self.snapshot = None
        self.tx_order = self.moved = None
        self.tombstone = False
        try:
            return self.outcome()
        except Refused as why:
            return Outcome(refused=str(why))

    def outcome(self):
        self.headers = list(zip(self.record["headers"][::2], self.record["headers"][1::2]))
        self.read_key()
        if self.among(self.outbox, self.topic):
            return self.outbox_event()
        value = self.record.get("payload")
        if "payload_b64" in self.record:
            raise Refused("binary value")
        if value is not None:
            try:
                json.loads(value)
            except ValueError:
                raise Refused("the value is no JSON") from None
            value, self.schema = unwrap(value.strip(" \t\r\n"))
        is_flat = self.among(self.flattened, self.topic)
        if is_null(value):
            return self.tombstone_event() if is_flat else Outcome(skipped="tombstone")
        return self.flattened_event(value) if is_flat else self.classified(value)

    # --- keys ---

    def read_key(self):
        self.key, self.key_schema, self.key_text = None, None, None
        if "key_b64" in self.record:
            raise Refused("binary key")
        key = self.record.get("key")
        if key is None:
            return
        try:
            json.loads(key)
        except ValueError:
            self.key_text = key
            return
        raw, self.key_schema = unwrap(key.strip(" \t\r\n"))
        check_key(raw)
        self.key = None if raw == "null" else raw

    def rendered_key(self, keep_routers=False):
        """The escaped key, None when the record is keyless."""
        if self.key_text is not None:
            return escape(self.key_text, True)
        if self.key is None:
            return None
        connector = self.identity["connector"]
        columns = [(None, self.key, parse(self.key_schema) if self.key_schema else None)]
        if is_object(self.key):
            columns = [(name, raw, schema_of_column(self.key_schema, name))
                       for name, _, raw, _, _ in members(self.key)
                       if keep_routers or name not in ROUTERS]
        parts = [render_column(raw, schema, connector) for _, raw, schema in columns]
        if not parts or None in parts:
            return None
        return ":".join(escape(part, True) for part in parts)

    # --- streams ---

    def placeholder(self, name):
        if name == "topic":
            return escape(self.topic, False)
        if name == "partition":
            return str(self.record["partition"])
        return escape(self.identity[name] or "", False)

    def row_stream(self, keep_routers=False):
        key = self.rendered_key(keep_routers)
        before, after = self.template.split("{key}")
        fill = lambda text: re.sub(r"{(\w+)}", lambda m: self.placeholder(m.group(1)), text)
        if key is None:
            if self.keyless == "refuse" and self.op != "t":
                raise Refused("no key")
            return limited(fill(before) + f"~partition:{self.record['partition']}")
        return limited(fill(before) + key + fill(after))

    # --- events ---

    def event_id(self):
        return str(uuid.uuid5(NAMESPACE, f"{self.generation()}/{self.topic}/"
                                         f"{self.record['partition']}/{self.record['offset']}"))

    def generation(self):
        for pattern, text in self.generations.items():
            if self.among([pattern], self.topic):
                return text
        return ""

    def event_type(self):
        if self.types == "op":
            return self.op
        if self.types == "words":
            return WORDS[self.op]
        values = {**self.identity, "op": self.op, "word": WORDS[self.op]}
        return re.sub(r"{(\w+)}", lambda m: values[m.group(1)] or "", self.types)

    def key_json(self):
        if self.key_text is not None:
            return json_string(self.key_text)
        return self.key

    def finish(self, stream, type_, data, extra=None, **changes):
        data, pointers = stringify(data)
        record, identity = self.record, self.identity
        ts = record["ts"] if record.get("ts", -1) >= 0 else None
        table = ".".join(identity[part] for part in ("db", "schema", "table") if identity[part])
        metadata = {"topic": self.topic, "partition": record["partition"],
                    "offset": record["offset"], "op": self.op, "ts": self.ts, "txid": self.txid}
        if self.txid is not None and identity["name"] is not None:
            gtid = changes.get("gtid", is_gtid(identity["connector"], self.txid))
            metadata["$correlationId"] = self.txid if gtid else f"{identity['name']}:{self.txid}"
        metadata.update(connector=identity["connector"], source=identity["name"],
                        table=table or None, position=self.position, kafka_ts=ts)
        if self.generation():
            metadata["generation"] = self.generation()
        if self.snapshot not in (None, "false"):
            metadata["snapshot"] = self.snapshot
        for name, header in (("moved_to", "__debezium.newkey"),
                             ("moved_from", "__debezium.oldkey")):
            value = dict(self.headers).get(header)
            if value is not None and self.moved is not False:
                metadata[name] = self.header_json(value)
        metadata.update(extra or {})
        if self.tx_order is not None:
            metadata["tx_order"] = int(self.tx_order)
        if self.tombstone:
            metadata["tombstone"] = True
        if pointers:
            metadata["stringified"] = pointers
        if changes.get("headers"):
            metadata["headers"] = changes["headers"]
        return Outcome(stream=stream, id=changes.get("id") or self.event_id(), type=type_,
                       data=data, metadata=metadata, unless_deleted=self.tombstone)

    @staticmethod
    def header_json(value):
        try:
            return json.loads(unwrap(value)[0])
        except ValueError:
            return value

    def with_key(self, payload):
        key = self.key_json()
        if key is None:
            return payload
        rest = payload[1:]
        return '{"key":' + key + ("" if rest.lstrip(" \t\r\n") == "}" else ",") + rest

    # --- kinds ---

    def classified(self, value):
        if not is_object(value):
            raise Refused("no envelope")
        names = {name for name, *_ in members(value)}
        schema = (parse(self.schema).get("name") or "") if self.schema else ""
        if schema.endswith(".Heartbeat"):
            return Outcome(skipped="heartbeat")
        if schema.endswith(".Notification"):
            return Outcome(skipped="notification")
        if {"op", "source"} <= names:
            return self.envelope(value)
        if {"specversion", "iodebeziumop"} <= names:
            return self.cloudevent(value)
        if names & {"ddl", "tableChanges"}:
            return self.schema_change(value, names)
        if {"status", "id"} <= names:
            return self.transaction(value)
        if {"aggregate_type", "type"} <= names:
            return Outcome(skipped="notification")
        if "ts_ms" in names <= {"ts_ms", "ts_us", "ts_ns", "vgtid"}:
            return Outcome(skipped="heartbeat")
        raise Refused("not known")

    def read_source(self, source):
        for part in ("connector", "name", "db", "schema"):
            self.identity[part] = source(part) or None
        self.identity["db"] = source("keyspace") or self.identity["db"]
        if self.identity["connector"] is None:
            raise Refused("no connector")
        self.identity["table"] = source("table") if source("table") is not None \
            else source("collection")
        self.ts = int(source("ts_ms")) if source("ts_ms") else None
        self.snapshot = source("snapshot")
        self.position = position_of(self.identity["connector"], source)

    def is_unavailable(self, value):
        text = self.unavailable
        strings = {text, base64.b64encode(text.encode()).decode()}
        if isinstance(value, str):
            return value in strings or value == json.dumps({text: text}, separators=(",", ":"))
        if isinstance(value, list) and value:
            digest = hashlib.md5(text.encode()).digest()
            strings.add(str(uuid.UUID(bytes=digest, version=3)))
            return value == list(text.encode()) or all(one in strings for one in value
                                                       if isinstance(one, str)) and \
                all(isinstance(one, str) for one in value)
        return value == {text: text}

    def placeholders(self, after):
        found = [name for name, value in parse(after).items() if self.is_unavailable(value)] \
            if is_object(after) else []
        return {"placeholders": found} if found else None

    def envelope(self, value):
        raw_source = raw_member(value, "source")
        if not is_object(raw_source) or not (raw_member(value, "op") or "").startswith('"'):
            raise Refused("op or source")
        source = lambda name: as_text(raw_member(raw_source, name))
        self.op = parse(raw_member(value, "op"))
        self.read_source(source)
        block = raw_member(value, "transaction")
        block_id = as_text(raw_member(block, "id"))
        self.tx_order = as_text(raw_member(block, "total_order"))
        self.txid = transaction_of(self.identity["connector"], source, block_id)
        if self.op == "m":
            prefix = as_text(raw_member(raw_member(value, "message"), "prefix"))
            return self.finish(limited("~message-" + escape(prefix, True)), self.event_type(),
                               self.with_key(value))
        if self.op == "t":
            self.key_kept, self.key = self.key, None
            stream = self.row_stream()
            self.key = self.key_kept
            return self.finish(stream, self.event_type(), self.with_key(value))
        if self.op not in "cudr" and not (self.op == "i" and
                                          self.identity["connector"] == "cassandra"):
            raise Refused(f"op {self.op}")
        return self.finish(self.row_stream(), self.event_type(), self.with_key(value),
                           self.placeholders(raw_member(value, "after")))

    def cloudevent(self, value):
        attribute = lambda name: as_text(raw_member(value, "iodebezium" + name.replace("_", "")))
        self.op = attribute("op")
        self.read_source(attribute)
        block_id = as_text(raw_member(value, "iodebeziumtxid"))
        self.tx_order = as_text(raw_member(value, "iodebeziumtxtotalorder"))
        self.txid = transaction_of(self.identity["connector"], attribute, block_id)
        inner, _ = unwrap(raw_member(value, "data"))
        before, after = (raw_member(inner, name) or "null" for name in ("before", "after"))
        around = "{" + ",".join(value[start:end] for name, _, _, start, end in members(value)
                                if name != "data") + "}"
        key = self.key_json()
        data = (("{" if key is None else '{"key":' + key + ",") + f'"before":{before},'
                f'"after":{after},"source":{around},"op":{raw_member(value, "iodebeziumop")}}}')
        if self.op == "t":
            self.key = None
        return self.finish(self.row_stream(), self.event_type(), data, self.placeholders(after))

    def transaction(self, value):
        if self.transactions != "append":
            return Outcome(skipped="transaction")
        txid = as_text(raw_member(value, "id"))
        gtid = txid.count("-") in (2, 4) and "=" not in txid
        if re.fullmatch(r"\d+:\d+", txid):
            txid = txid.split(":")[0]
        ts = raw_member(value, "ts_ms")
        self.ts = None if is_null(ts) else int(ts)
        self.txid = txid
        self.identity["name"] = self.topic.rpartition(".")[0]
        stream = f"~transaction-{escape(self.identity['name'], True)}:{escape(txid, True)}"
        return self.finish(limited(stream), parse(raw_member(value, "status")),
                           self.with_key(value), gtid=gtid)

    def schema_change(self, value, names):
        if "position" in names:
            raise Refused("the connector's own history")
        if self.schema_changes != "append":
            return Outcome(skipped="schema change")
        raw_source = raw_member(value, "source")
        source = lambda name: as_text(raw_member(raw_source, name))
        self.read_source(source)
        self.txid = transaction_of(self.identity["connector"], source, None)
        self.identity["db"] = as_text(raw_member(value, "databaseName"))
        stream = f"~schema-{escape(self.identity['name'], True)}:" \
                 f"{escape(self.identity['db'] or '', True)}"
        return self.finish(limited(stream), "ddl", self.with_key(value))

    def tombstone_event(self):
        self.op, self.tombstone = "d", True
        self.identity["table"] = self.topic.rpartition(".")[2]
        key = self.key_json()
        data = ("{" if key is None else '{"key":' + key + ",") + '"before":null,"after":null}'
        return self.finish(self.row_stream(keep_routers=True), self.event_type(), data)

    def is_added(self, name):
        if name == "__deleted" or name in self.fields:
            return True
        if not name.startswith(self.prefix):
            return False
        rest = name[len(self.prefix):]
        return rest in FLATTENED or rest.startswith(("source_", "source.", "transaction_"))

    def flattened_event(self, value):
        if not is_object(value):
            raise Refused("no row")
        added, row = {}, []
        for name, _, raw, start, end in members(value):
            if self.is_added(name):
                added[name] = (raw, value[start:end])
            else:
                row.append(value[start:end])
        def extra(name):
            if name in added:
                return as_text(added[name][0])
            text = dict(self.headers).get(name)
            if text is None:
                return None
            try:
                return as_text(unwrap(json.dumps(json.loads(text)))[0])
            except ValueError:
                return text
        self.op = extra(self.prefix + "op") or ("d" if extra("__deleted") == "true" else "u")
        if self.op not in tuple("cudr"):
            raise Refused("added op")
        ts = extra(self.prefix + "source_ts_ms")
        self.ts = int(ts) if ts else None
        self.txid = next((extra(self.prefix + name) for name in
                          ("source_txId", "txId", "source_gtid", "gtid")
                          if extra(self.prefix + name) is not None), None)
        self.identity["table"] = self.topic.rpartition(".")[2]
        key = self.key_json()
        image = "{" + ",".join(row) + "}"
        data = ("{" if key is None else '{"key":' + key + ",") + \
            ('"before":' if self.op == "d" else '"after":') + image
        if added:
            data += ',"source":{' + ",".join(text for _, text in added.values()) + "}"
        return self.finish(self.row_stream(keep_routers=True), self.event_type(), data + "}",
                           None if self.op == "d" else self.placeholders(image))

    def outbox_event(self):
        last = self.topic.rpartition(".")[2]
        key = self.rendered_key()
        stream = limited(escape(last, False) + "-" + (key if key is not None else
                         f"~partition:{self.record['partition']}"))
        value = self.record.get("payload")
        raw = None
        if value is not None:
            try:
                json.loads(value)
                raw, _ = unwrap(value.strip(" \t\r\n"))
            except ValueError:
                raw = json_string(value)
        data = f'{{"payload":{"null" if raw is None else raw}}}'
        if is_object(raw):
            data = raw
        elif raw is not None and raw[0] == '"':
            inner = parse(raw)
            try:
                if isinstance(json.loads(inner), dict):
                    data = inner.strip(" \t\r\n")
            except ValueError:
                pass
        headers = dict(self.headers)
        type_ = headers.get(self.outbox_type) or \
            (as_text(raw_member(raw, self.outbox_type)) if is_object(raw) else None) or last
        self.ts = self.record["ts"]
        self.moved = False
        own = {name: text for name, text in self.headers if not name.startswith("__debezium.")}
        try:
            id_ = str(uuid.UUID(headers.get("id", "")))
        except ValueError:
            id_ = None
        return self.finish(stream, type_, data, headers=own, id=id_)


def events_of(records, options=None):
    mapper = Mapper(options or {})
    return [mapper.map(record) for record in records]
