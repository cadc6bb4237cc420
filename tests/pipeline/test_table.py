"""`rowstream table`: a table's rows, folded from the events of all its streams."""
import json
import re
from decimal import Decimal

import pytest

import harness
from fake_registry import Registry, schemas_of
from final_state import FinalState
from final_state_exceptions import check
from test_final_state import CASES


@pytest.fixture
def registries():
    """Schema registries that hold a capture's schemas; closed after the test."""
    made = []

    def make(case):
        made.append(Registry(schemas_of(case)))
        return made[-1]
    yield make
    for one in made:
        one.close()


def config_of(bench, state, kafka, store, registries):
    """The capture's own options, for a bridge from kafka to store."""
    sections = state.options()
    if state.schemas():
        sections["registry"] = {"url": registries(state.case).url}
    topics = sections.get("source", {}).pop("topics", ["^[^_].*"])
    return bench.config(kafka, store, topics, **sections)


def categories(store):
    return sorted({name.split("-")[0] for name in store.row_streams() if name[0] != "~"})


def table_named(category):
    """A category is a table's name as it is escaped in streams (mapping.md, section 2.1)."""
    return re.sub("~([0-9A-F]{2})", lambda found: chr(int(found.group(1), 16)), category)


def rows_of(done):
    """The rows that a command printed as JSON lines; all of them, as the last line says."""
    assert done.returncode == 0, done.stderr
    *rows, last = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    assert last == {"complete": True, "rows": len(rows)}
    return rows


@pytest.mark.parametrize("case", CASES)
def test_tables_equal_the_database(bench, registries, case):
    """Bridged through the store, a capture's tables are what the database printed."""
    state = FinalState(case)
    kafka, store = bench.kafka(harness.fixture_path(case)), bench.store()
    config = config_of(bench, state, kafka, store, registries)
    bridge = bench.run(config, "--until-end")
    assert bridge.wait() == 0, bridge.report()
    tables = {}
    for category in categories(store):
        done = bench.rowstream("table", "-c", config, category, "--format", "jsonl")
        tables[table_named(category)] = [one["row"] for one in rows_of(done)]
    check(case, state.differences(tables))
