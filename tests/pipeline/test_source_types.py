"""`rowstream source types`: the section `types` from schema blocks."""
import json

import pytest

import harness
from harness import fixture_path, parse

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


def config_of(bench, name, types="", **mapping):
    """A rowstream.yaml with canonical values and the section as it was printed."""
    path = bench.directory / f"{name}.yaml"
    path.write_text(types + "mapping: " + json.dumps({"values": "canonical", **mapping}) + "\n")
    return path


def rows_of(bench, config, capture):
    """What every row was, change by change: {table: [(op, key, before, after), …]}. Streams of
    decimal keys are called otherwise without schema blocks, so these do not tell."""
    done = bench.rowstream("map", "-c", config, fixture_path(capture))
    assert done.returncode == DONE, done.stderr
    rows = {}
    for line in done.stdout.rstrip("\n").split("\n"):
        event = parse(line)
        if event.get("stream"):
            data = event["data"]
            rows.setdefault(event["metadata"]["table"], []).append(
                (event["type"], data.get("key"), data.get("before"), data.get("after")))
    return rows


# The same workload on the same database, once with schema blocks and once without.
@pytest.mark.parametrize("with_schemas, without", [
    ("postgres-types-precise-schemas", "postgres-types-precise"),
    ("postgres-schemas", "postgres-default"),
    ("mariadb-schemas", "mariadb-default"),
    ("mysql-schemas", "mysql-default"),
])
def test_printed_types_make_up_for_schemas_that_are_not_there(bench, with_schemas, without):
    printed = bench.rowstream("source", "types", fixture_path(with_schemas))
    assert printed.returncode == DONE, printed.stderr
    told = rows_of(bench, config_of(bench, "told", printed.stdout), without)
    known = rows_of(bench, config_of(bench, "known"), with_schemas)
    untold = rows_of(bench, config_of(bench, "untold"), without)
    assert told.keys() == known.keys()
    for table, changes in known.items():
        assert told[table] == changes, table
    # They do make a difference.
    assert untold != told


def test_columns_and_types_as_they_are_written(bench):
    done = bench.rowstream("source", "types", fixture_path("postgres-types-precise-schemas"))
    lines = done.stdout.splitlines()
    assert lines[0] == "types:"
    for line in ("  types.public.numbers.n_12_2: 'decimal(2)'",
                 "  types.public.numbers.n_free: decimal",
                 "  types.public.times.t3: time-ms",
                 "  types.public.times.ts: timestamp-us",
                 "  types.public.arrs.ad: 'date[]'"):
        assert line in lines
    assert len(set(lines)) == len(lines)
    # Columns that need no type are not there.
    assert "numbers.i" not in done.stdout
    assert "91 with a schema block" in done.stderr


def test_standard_input_and_several_files(bench):
    path = fixture_path("postgres-schemas")
    read = bench.rowstream("source", "types", path)
    piped = bench.rowstream("source", "types", stdin="".join(
        json.dumps(record) + "\n" for record in harness.fixture("postgres-schemas")))
    twice = bench.rowstream("source", "types", path, path)
    assert read.stdout == piped.stdout == twice.stdout


def schema(field, name, **more):
    return {"field": field, "type": "bytes", "name": name, **more}


def row(topic, offset, fields, table="t", op="c"):
    """A create whose `after` has these fields in its schema block."""
    payload = harness.row_change(op, table=table, after={f["field"]: None for f in fields})
    block = {"type": "struct", "name": f"{topic}.Envelope", "fields": [
        {"field": "after", "type": "struct", "fields": fields}]}
    return harness.record(topic, offset, None, {"schema": block, "payload": payload})


def decimal(field, scale):
    return schema(field, "org.apache.kafka.connect.data.Decimal",
                  parameters={"scale": str(scale)})


def test_a_type_that_changed_is_marked_and_the_last_one_counts(bench):
    capture = bench.capture([row("s.public.t", 0, [decimal("a", 2), decimal("b", 1)]),
                             row("s.public.t", 1, [decimal("a", 4), decimal("b", 1)])])
    done = bench.rowstream("source", "types", capture)
    assert done.stdout == ("types:\n  db.public.t.a: 'decimal(4)'  # it had another type before\n"
                           "  db.public.t.b: 'decimal(1)'\n")


def test_names_that_yaml_would_read_otherwise(bench):
    names = ["x: y", "#z", "it's", "${HOME}", "tab\there", "ü"]
    capture = bench.capture([row("s.public.t", 0, [decimal(name, 3) for name in names])])
    done = bench.rowstream("source", "types", capture)
    path = bench.directory / "odd.yaml"
    path.write_text(done.stdout)
    again = bench.rowstream("config", "print", "-c", path)
    assert again.returncode == DONE, again.stderr
    assert done.stdout.count("decimal(3)") == len(names)
    # What is read is what was meant: printed again it is the same.
    lines = [line.split("  # ")[0] for line in again.stdout.split("\n")]
    start = lines.index("types:")
    assert lines[start:start + 1 + len(names)] == done.stdout.rstrip("\n").split("\n")
    assert "'db.public.t.${HOME}'" in done.stdout


def test_columns_that_need_no_type(bench):
    capture = bench.capture([row("s.public.t", 0, [{"field": "a", "type": "int32"}])])
    done = bench.rowstream("source", "types", capture)
    assert (done.returncode, done.stdout) == (DONE, "types: {}\n")


def test_without_schema_blocks_it_says_so(bench):
    done = bench.rowstream("source", "types", fixture_path("postgres-default"))
    assert done.returncode == REFUSED and done.stdout == ""
    assert "schemas.enable=true" in done.stderr


def test_what_is_no_record_is_passed_over(bench):
    good = json.dumps(row("s.public.t", 0, [decimal("a", 2)]))
    done = bench.rowstream("source", "types", stdin=f"no json\n{good}\n")
    assert done.returncode == DONE and "db.public.t.a" in done.stdout
    assert "-:1 is passed over" in done.stderr and "1 refused" in done.stderr


def test_a_file_that_is_not_there(bench):
    done = bench.rowstream("source", "types", "/nonexistent.jsonl")
    assert done.returncode == USAGE and "/nonexistent.jsonl" in done.stderr


def test_avro_and_its_twin(bench):
    directory = fixture_path("postgres-types-avro").parent
    avro = bench.rowstream("source", "types", "--schemas", directory / "registry.json",
                           fixture_path("postgres-types-avro"))
    twin = bench.rowstream("source", "types", fixture_path("postgres-types-avro-twin"))
    if "built --without-avro" in avro.stderr:
        pytest.skip("built without libavro")
    assert avro.returncode == DONE and avro.stdout == twin.stdout
    alone = bench.rowstream("source", "types", fixture_path("postgres-types-avro"))
    assert alone.returncode == REFUSED
