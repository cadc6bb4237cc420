"""The mapping's vectors: one line of tests/vectors/mapping.jsonl a rule, written by hand from
docs/mapping.md. `rowstream map` runs once for each set of options.

In the vectors SOURCE stands for the envelope's source block (its members taken from `connector` and
`source`), KEY<n> for n letters, DIGITS<n> for n digits, NESTED<n> for n brackets, CUT<n> for the
name that a key of n letters is cut to, UUID:<text> for the version 5 UUID over the text, and
SHA256:<text> for a digest: Python makes these, the program does not.
"""
import hashlib
import json
import re
import uuid

import pytest

import harness

NAMESPACE = uuid.UUID("7f9b3c1e-5b0a-5d0c-9c58-3c1f2a6f4d11")
VECTORS = [json.loads(line) for line in (harness.TESTS / "vectors" / "mapping.jsonl").open()]


def source_of(vector):
    source = {"version": "3.7.0.Final", "connector": vector.get("connector", "postgresql"),
              "name": "srv", "ts_ms": 1, "snapshot": "false", "db": "db", "schema": "public",
              "table": vector.get("table", "t"), **vector.get("source", {})}
    return '"source":' + json.dumps(source, separators=(",", ":"))


def cut(letters):
    name = "t-" + "k" * letters
    return name[:400] + "~~" + hashlib.sha1(name.encode()).hexdigest()


def fill(text, vector):
    text = text.replace("SOURCE", source_of(vector))
    text = re.sub(r"KEY(\d+)", lambda m: "k" * int(m.group(1)), text)
    text = re.sub(r"DIGITS(\d+)", lambda m: "7" * int(m.group(1)), text)
    text = re.sub(r"NESTED(\d+)", lambda m: "[" * int(m.group(1)) + "]" * int(m.group(1)), text)
    text = re.sub(r"CUT(\d+)", lambda m: cut(int(m.group(1))), text)
    text = re.sub(r"SHA256:(\w+)", lambda m: hashlib.sha256(m.group(1).encode()).hexdigest(), text)
    if text.startswith("UUID:"):
        text = str(uuid.uuid5(NAMESPACE, text[5:]))
    return text


def value_of(vector):
    if "raw" in vector:
        return vector["raw"] and fill(vector["raw"], vector)
    body = ",".join(f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}"
                    for name, value in vector["value"].items())
    return "{" + body + "," + source_of(vector) + "}"


def record_of(vector):
    record = {"topic": vector.get("topic", "srv.public.t"), "partition": vector.get("partition", 0),
              "offset": vector.get("offset", 0), "tstype": "create", "ts": 5,
              "headers": vector.get("headers", [])}
    if "key_b64" in vector:
        record["key_b64"] = vector["key_b64"]
    else:
        record["key"] = vector["key"] and fill(vector["key"], vector)
    if "value_b64" in vector:
        record["payload_b64"] = vector["value_b64"]
    else:
        record["payload"] = value_of(vector)
    return record


def data_of(line):
    start = line.index('"data":') + len('"data":')
    return line[start:json.JSONDecoder().raw_decode(line, start)[1]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The program's line for each vector."""
    bench = harness.Workbench(tmp_path_factory.mktemp("vectors"))
    groups = {}
    for index, vector in enumerate(VECTORS):
        groups.setdefault(json.dumps(vector.get("options", {})), []).append(index)
    lines = {}
    for number, (options, indexes) in enumerate(groups.items()):
        config = bench.directory / f"options-{number}.yaml"
        config.write_text(options)
        capture = bench.capture([record_of(VECTORS[index]) for index in indexes])
        result = bench.rowstream("map", "-c", config, capture)
        found = result.stdout.split("\n")[:-1]
        assert len(found) == len(indexes), result.stderr
        lines.update(zip(indexes, found))
    return lines


@pytest.mark.parametrize("index", range(len(VECTORS)), ids=[one["rule"] for one in VECTORS])
def test_vector(answers, index):
    vector, line = VECTORS[index], answers[index]
    found = json.loads(line)
    if "skipped" in vector:
        assert found == {"skipped": vector["skipped"]}
        return
    if "refused" in vector:
        assert vector["refused"] in found["refused"]
        assert f"{vector.get('topic', 'srv.public.t')}/{vector.get('partition', 0)} offset" \
            in found["refused"]
        return
    expect = dict(vector["expect"])
    assert "metadata" in found, line
    for name in expect.pop("absent", []):
        assert name not in found["metadata"]
    for name, value in expect.pop("metadata", {}).items():
        assert name in found["metadata"] and found["metadata"][name] == value, name
    if "data" in expect:
        assert data_of(line) == fill(expect.pop("data"), vector)
    for name, value in expect.items():
        assert found.get(name) == (fill(value, vector) if isinstance(value, str) else value)
