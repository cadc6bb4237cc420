"""Records of connectors and envelopes that could not be captured, written by hand from Debezium's
documentation and source, against events written by hand from docs/mapping.md (expected.jsonl, a
line for each record). test_map_fixtures.py maps them too, against the second implementation."""
import json

import pytest

import harness

FIXTURES = harness.TESTS / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/expected.jsonl"))


def json_lines(path):
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def payload_of(text):
    """What the converter's wrapper holds."""
    value = harness.parse(text)
    if isinstance(value, harness.Members) and [name for name, _ in value] == ["schema", "payload"]:
        return value.get("payload")
    return value


def data_of(record):
    """The envelope with the key before it."""
    value = tuple(payload_of(record["payload"]))
    if record["key"] is None:
        return harness.Members(value)
    return harness.Members((("key", payload_of(record["key"])), *value))


def check_event(record, expected, line):
    found = json.loads(line)
    assert "stream" in found, line
    assert found["stream"] == expected["stream"]
    assert found["type"] == expected["type"]
    where = {"topic": record["topic"], "partition": record["partition"],
             "offset": record["offset"], "kafka_ts": record["ts"]}
    assert found["metadata"] == {**where, **expected["metadata"]}
    assert dict(harness.parse(line))["data"] == data_of(record)


@pytest.mark.parametrize("case", CASES)
def test_records_become_the_events_that_were_written_down(bench, case):
    folder = FIXTURES / case
    records, expected = harness.fixture(case), json_lines(folder / "expected.jsonl")
    options = ["-c", folder / "options.yaml"] if (folder / "options.yaml").exists() else []
    lines = bench.rowstream("map", *options, harness.fixture_path(case)).stdout.split("\n")[:-1]
    assert len(lines) == len(records) == len(expected)
    for record, wanted, line in zip(records, expected, lines):
        if "skipped" in wanted:
            assert json.loads(line) == wanted
        elif "refused" in wanted:
            assert wanted["refused"] in json.loads(line)["refused"]
        else:
            check_event(record, wanted, line)


def test_every_fixture_says_where_it_comes_from():
    for folder in FIXTURES.iterdir():
        if not folder.is_dir():
            continue
        meta = folder / "meta.json"
        handwritten = meta.exists() and json.loads(meta.read_text())["origin"] == "hand-written"
        assert handwritten != (folder / "connector.json").exists(), folder.name
        assert handwritten == folder.name.endswith("-handwritten"), folder.name


def test_the_connectors_that_nobody_could_run_are_there():
    told = {line["metadata"]["connector"] for case in CASES
            for line in json_lines(FIXTURES / case / "expected.jsonl") if "metadata" in line}
    assert told >= {"sqlserver", "oracle", "db2", "informix", "mongodb", "cassandra", "vitess",
                    "spanner"}
