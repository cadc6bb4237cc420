"""Rows rebuilt from the events of a capture (canonical values, latest per key, deletes, truncates
by source position) equal what the database printed, row by row and column by column.

Where a connector tells something else than the database held, final_state_exceptions.py names it.
"""
import json

import pytest

import harness
from final_state import FIXTURES, FinalState, replay, state_of
from final_state_exceptions import check

CASES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir() and state_of(path.name))


def lines_of(bench, state, tmp_path):
    config = tmp_path / "options.yaml"
    config.write_text(json.dumps(state.options()))
    schemas = ["--schemas", state.schemas()] if state.schemas() else []
    result = bench.rowstream("map", "-c", config, *schemas, harness.fixture_path(state.case))
    assert result.returncode == 0, result.stderr
    return [line for line in result.stdout.split("\n") if line]


def rows_of(bench, state, tmp_path):
    return replay(lines_of(bench, state, tmp_path))


@pytest.mark.parametrize("case", CASES)
def test_rows_rebuilt_from_events_equal_the_database(bench, tmp_path, case):
    state = FinalState(case)
    check(case, state.differences(rows_of(bench, state, tmp_path)))


def test_a_row_too_few_too_many_or_other_is_told(bench, tmp_path):
    """The comparison itself: without it, the test above could not fail."""
    state = FinalState("postgres-nulls-kept")
    rows = rows_of(bench, state, tmp_path)
    users = {row["id"]: row for row in rows["public.users"]}
    users[1]["balance"] = "0.01"
    users[2]["active"] = 1
    del users[3]["note"]
    rows["public.users"].remove(users[6])
    rows["public.scratch"].append({"id": 7, "v": "ghost"})
    assert sorted(one.place() for one in state.differences(rows)) == [
        "public.scratch [7] +", "public.users [1] balance", "public.users [2] active",
        "public.users [3] note", "public.users [6] -"]


@pytest.mark.parametrize("case", ["postgres-toast", "postgres-toast-hex", "postgres-toast-schemas"])
def test_columns_that_were_not_sent_keep_their_values(bench, tmp_path, case):
    """The row as it was before its key changed: three updates left its large columns out."""
    lines = [line for line in lines_of(bench, FinalState(case), tmp_path)
             if '"stream":"public.t_default-1"' in line]
    first, changed = (replay(some)["public.t_default"][0] for some in (lines[:1], lines[:4]))
    assert changed["small"] == 1 and changed["n"] is None
    assert changed["big"] == first["big"] + "!"
    for column in ("bigvc", "bj", "bb", "ba", "bia", "bua"):
        assert changed[column] == first[column] and first[column]
