"""Topics in Avro: the same tables through both converters become the same events; a registry that
is slow, away, closed or does not know a schema."""
import json
import subprocess

import pytest

import harness

VERSION = subprocess.run([harness.BUILD / "rowstream", "--version"], capture_output=True,
                         check=False, text=True).stdout
pytestmark = pytest.mark.skipif("without libavro" in VERSION, reason="built without libavro")

FIXTURES = harness.TESTS / "fixtures"

# What two connectors cannot have in common: their names, and when each read what.
OWN = {"source": {"name", "db", "ts_ms", "ts_us", "ts_ns", "lsn", "txId", "sequence"},
       "data": {"ts_ms", "ts_us", "ts_ns"},
       "metadata": {"topic", "ts", "txid", "$correlationId", "position", "source", "kafka_ts"}}

# Where the twins differ though nothing did in the database. Both mean the same: Java 17 printed a
# digit too many of the smallest normal float, and a map has no order.
DIFFERENCES = [("1.17549435E-38", "1.1754944E-38"),
               ('{"type":"path","closed":"true"}', '{"closed":"true","type":"path"}')]

PAIRS = [("postgres-avro", "postgres-avro-twin"),
         ("postgres-avro-json-key", "postgres-avro-twin"),
         ("postgres-types-avro", "postgres-types-avro-twin"),
         ("postgres-evolution-avro", "postgres-evolution-schemas")]


def schemas_of(case):
    return FIXTURES / case / "registry.json"


def lines_of(result):
    return [line for line in result.stdout.split("\n") if line]


def events(bench, case, *arguments):
    """What each record became: objects as pairs in their order, numbers as they were printed."""
    result = bench.rowstream("map", *arguments, harness.fixture_path(case))
    connector = json.loads((FIXTURES / case / "connector.json").read_text())
    for there, other in [*DIFFERENCES, (f'"{connector["database.dbname"]}.', '"db.')]:
        result.stdout = result.stdout.replace(there, other)
    return [json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str)
            for line in lines_of(result)]


def without_own(members, where):
    return [(name, without_own(value, name) if name in OWN and value else value)
            for name, value in members if name not in OWN.get(where, ())]


@pytest.mark.parametrize("avro, twin", PAIRS, ids=[pair[0] for pair in PAIRS])
@pytest.mark.parametrize("values", ["debezium", "canonical"])
def test_events_are_those_of_the_twin(bench, avro, twin, values):
    mine = events(bench, avro, "--mapping-values", values, "--schemas", schemas_of(avro))
    other = events(bench, twin, "--mapping-values", values)
    assert len(mine) == len(other) > 10
    for one, two in zip(mine, other):
        assert "refused" not in dict(one), one
        # The id is made of the topic's name.
        assert without_own([pair for pair in one if pair[0] != "id"], "event") == \
            without_own([pair for pair in two if pair[0] != "id"], "event")


def test_without_schemas_the_refusal_says_what_to_configure(bench):
    result = bench.rowstream("map", harness.fixture_path("postgres-avro"))
    refused = [json.loads(line).get("refused", "") for line in lines_of(result)]
    assert result.returncode == 1 and "61 refused" in result.stderr
    assert all("configure 'registry'" in text for text in refused)


def test_a_schema_that_no_file_has_is_named(bench):
    result = bench.rowstream("map", "--schemas", schemas_of("postgres-evolution-avro"),
                             harness.fixture_path("postgres-avro"))
    first = json.loads(lines_of(result)[0])["refused"]
    assert first == "shop-avro.public.orders/0 offset 0: schema id 1 is in no file of --schemas"


def test_schemas_may_come_from_several_files(bench):
    both = [part for case in ("postgres-avro", "postgres-types-avro")
            for part in ("--schemas", schemas_of(case))]
    result = bench.rowstream("map", *both, harness.fixture_path("postgres-avro"),
                             harness.fixture_path("postgres-types-avro"))
    assert result.returncode == 0 and " 0 refused" in result.stderr


@pytest.mark.parametrize("text, why", [
    ("", "expected"), ("[]", "no schemas"), ('{"ids": {}, ', "expected"),
    ('{"ids": 7}', "no schemas"),
    ('{"ids": {"x": {"schema": "\\"int\\""}}}', "'x' is no id"),
    ('{"ids": {"4294967296": {"schema": "\\"int\\""}}}', "is no id"),
    ('{"ids": {"1": {"error_code": 40403}}}', "'1' is no id with its schema")])
def test_a_file_of_schemas_that_is_none_is_a_usage_error(bench, tmp_path, text, why):
    path = tmp_path / "schemas.json"
    path.write_text(text)
    result = bench.rowstream("map", "--schemas", path, harness.fixture_path("postgres-avro"))
    assert result.returncode == 2 and result.stdout == ""
    assert str(path) in result.stderr and why in result.stderr
