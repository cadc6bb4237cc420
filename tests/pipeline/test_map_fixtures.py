"""`rowstream map` over every capture, against the second implementation of the specification: each
event's stream, id, type, data (to the byte) and metadata (members in their order), each skip and
each refusal."""
import gzip
import json
import pathlib

import pytest

import harness
from mapping_oracle import events_of

FIXTURES = harness.TESTS / "fixtures"
CASES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


def options_of(case):
    """The case's options.yaml, written as JSON, which is YAML."""
    path = FIXTURES / case / "options.yaml"
    return json.loads(path.read_text()) if path.exists() else {}


def lines_of_map(bench, case, *arguments):
    options = FIXTURES / case / "options.yaml"
    config = ["-c", options] if options.exists() else []
    result = bench.rowstream("map", *config, *arguments, harness.fixture_path(case))
    return result, [line for line in result.stdout.split("\n") if line]


def raw_data(line):
    """The data as it was printed, byte for byte."""
    start = line.index('"data":') + len('"data":')
    _, end = json.JSONDecoder().raw_decode(line, start)
    return line[start:end]


def compare(expected, line):
    found = json.loads(line)
    if expected.skipped:
        assert found == {"skipped": expected.skipped}
    elif expected.refused:
        assert "refused" in found, line
    else:
        assert found["stream"] == expected.stream
        assert found["id"] == expected.id
        assert found["type"] == expected.type
        assert raw_data(line) == expected.data.replace("\n", " ").replace("\r", " ")
        assert found["metadata"] == expected.metadata
        assert list(found["metadata"]) == list(expected.metadata)
        assert found.get("unless_deleted", False) == expected.unless_deleted


@pytest.mark.parametrize("case", CASES)
def test_every_record_becomes_what_the_specification_says(bench, case):
    records = harness.fixture(case)
    expected = events_of(records, options_of(case))
    result, lines = lines_of_map(bench, case)
    assert len(lines) == len(records), result.stderr
    for record, one, line in zip(records, expected, lines):
        place = f"{record['topic']}/{record['partition']} offset {record['offset']}"
        try:
            compare(one, line)
        except AssertionError as wrong:
            raise AssertionError(f"{case}: {place}: {wrong}") from None
    refused = sum(1 for one in expected if one.refused)
    assert result.returncode == (1 if refused else 0)


def test_input_may_be_plain_gzip_or_standard_input(bench, tmp_path):
    path = harness.fixture_path("postgres-default")
    plain = tmp_path / "records.jsonl"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    results = [bench.rowstream("map", path), bench.rowstream("map", plain),
               bench.rowstream("map", stdin=plain.read_text())]
    assert len({result.stdout for result in results}) == 1
    assert results[0].stdout.count("\n") == 61


def test_a_line_that_is_no_record_is_named_and_the_rest_goes_on(bench, tmp_path):
    lines = gzip.decompress(harness.fixture_path("postgres-default").read_bytes()).decode()
    path = tmp_path / "broken.jsonl"
    path.write_text('{"topic": "t"\n' + lines.split("\n")[0] + "\n")
    result = bench.rowstream("map", path)
    first, second = result.stdout.strip().split("\n")
    assert "line 1" in json.loads(first)["refused"]
    assert "stream" in json.loads(second)
    assert result.returncode == 1


def test_a_missing_file_is_a_usage_error(bench):
    result = bench.rowstream("map", pathlib.Path("/nowhere/records.jsonl"))
    assert result.returncode == 2
    assert "/nowhere/records.jsonl" in result.stderr


def test_explain_says_why(bench):
    _, lines = lines_of_map(bench, "postgres-tx", "--explain")
    whys = [json.loads(line)["why"] for line in lines]
    assert any("row as envelope of postgresql" in why for why in whys)
    assert any(why.startswith("heartbeat") for why in whys)


EXPLAINED = {"id": 1, "mail": "m", "login": "l", "day": 17702, "secret": 5}


@pytest.mark.parametrize("changes, key, options, rules", [
    ({}, {"id": 1}, {}, ["stream by mapping.stream {table}-{key}, type by mapping.event_types op"]),
    ({}, {"id": 1}, {"mapping": {"stream": "{schema}.{table}-{key}", "event_types": "words"}},
     ["stream by mapping.stream {schema}.{table}-{key}", "type by mapping.event_types words"]),
    ({}, None, {}, ["{table}-{key} without its key, since the record has none"]),
    ({"op": "t", "after": None}, None, {}, ["since a truncate is the whole table's"]),
    ({"op": "m", "message": {"prefix": "p"}}, None, {}, ["stream by the message's prefix"]),
    ({}, {"id": 1, "day": 3},
     {"filter": {"drop_columns": ["x", "*.secret"], "mask_columns": ["*.mail"],
                 "hash_columns": ["db.public.t.login"]},
      "mapping": {"values": "canonical"}, "types": {"*.day": "date"}},
     ["after: db.public.t.secret dropped by filter.drop_columns *.secret",
      "after: db.public.t.mail masked by filter.mask_columns *.mail",
      "after: db.public.t.login hashed by filter.hash_columns db.public.t.login",
      "after: db.public.t.day date by types *.day", "key: db.public.t.day date by types *.day"]),
    ({}, {"id": 1}, {"filter": {"drop_tables": ["a", "db.*"]}}, ["by filter.drop_tables db.*"]),
    ({}, {"id": 1}, {"filter": {"tables": ["a"]}}, ["by filter.tables (none of them)"]),
    ({}, {"id": 1}, {"filter": {"drop_ops": ["u"]}}, ["by filter.drop_ops u"]),
])
def test_explain_names_each_rule(bench, changes, key, options, rules):
    config = bench.directory / "options.yaml"
    config.write_text(json.dumps(options))
    value = {**harness.row_change("u", after=EXPLAINED), **changes}
    path = bench.capture([harness.record("srv.public.t", 0, key, value)])
    result = bench.rowstream("map", "--explain", "-c", config, path)
    why = json.loads(result.stdout)["why"]
    for rule in rules:
        assert rule in why


@pytest.mark.parametrize("value, headers, rule", [
    ({"a": 1}, ["eventType", "x"], "type by the header eventType"),
    ({"eventType": "y"}, [], "type by the member eventType"),
    ({"a": 1}, [], "type by the topic's last part, for want of eventType")])
def test_explain_of_an_outbox(bench, value, headers, rule):
    config = bench.directory / "options.yaml"
    config.write_text(json.dumps({"source": {"outbox_topics": ["outbox.order"]}}))
    path = bench.capture([harness.record("outbox.order", 0, "o-1", value, headers=headers)])
    why = json.loads(bench.rowstream("map", "--explain", "-c", config, path).stdout)["why"]
    assert rule in why
    assert "stream by the topic's last part and the key" in why


def test_explain_tells_what_the_schema_told(bench):
    config = bench.directory / "options.yaml"
    config.write_text(json.dumps({"mapping": {"values": "canonical"}}))
    result = bench.rowstream("map", "--explain", "-c", config,
                             harness.fixture_path("postgres-bank-schemas"))
    assert "after: schbank.public.accounts.balance decimal(2) by its schema" in result.stdout
