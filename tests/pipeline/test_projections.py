"""`rowstream projections`: made, changed, watched and removed on a stand-in for the engine."""
import json

import pytest

import harness
from projections_server import Engine

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
OURS = sorted(f"rowstream-{path.stem}" for path in (harness.CHECKOUT / "projections").glob("*.js"))
EMITTING = {"rowstream-deleted-rows", "rowstream-tables"}


@pytest.fixture(params=["23.10.6", "kurrentdb-26.1.0"])
def engine(request):
    server = Engine(request.param)
    yield server
    server.close()


def projections(bench, engine, *args, directory=harness.CHECKOUT / "projections"):
    """The finished command and its rows."""
    more = ["--dir", directory] if args[0] in ("list", "deploy") else []
    done = bench.rowstream("projections", *args, *more, "--eventstore-url", engine.url,
                           "--format", "jsonl", cwd=bench.directory)
    assert "changeit" not in done.stdout + done.stderr
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def write(bench, **sources):
    directory = bench.directory / "js"
    directory.mkdir(exist_ok=True)
    for name, source in sources.items():
        (directory / f"{name}.js").write_text(source)
    return directory


# --- deploy ---

def test_deploy_makes_them_once(bench, engine):
    done, _ = projections(bench, engine, "deploy")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert sorted(set(engine.projections) & set(OURS)) == OURS and len(OURS) == 6
    for name in OURS:
        one = engine.projections[name]
        path = harness.CHECKOUT / "projections" / f"{name.removeprefix('rowstream-')}.js"
        assert one.source == path.read_text()
        assert one.emits == one.track == (name in EMITTING)
    engine.requests.clear()
    done, rows = projections(bench, engine, "deploy")
    assert done.returncode == DONE
    assert engine.changes() == []
    assert sum("is there with this text" in row["text"] for row in rows) == 6


def test_deploy_changes_only_what_differs(bench, engine):
    directory = write(bench, a="fromAll().when({})", b="fromAll().when({ $any: s => s })")
    projections(bench, engine, "deploy", directory=directory)
    write(bench, b="/* Emit: yes */ fromAll().when({ $any: function (s) { return s } })")
    engine.requests.clear()
    done, rows = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == DONE
    assert engine.changes() == ["PUT /projection/rowstream-b/query?emit=yes"]
    assert any("goes on with the state" in row["text"] for row in rows)
    engine.requests.clear()
    projections(bench, engine, "deploy", "b", "--reset", directory=directory)
    assert engine.changes() == ["POST /projection/rowstream-b/command/reset"]


@pytest.mark.parametrize("recorded, words", [
    ("bad1", "Unexpected end of input"),
    ("bad2", "'emit' is not allowed by the projection/configuration/mode"),
    ("bad3", "boom"),
    ("bad5", "None of streams and categories are included"),
])
def test_deploy_shows_the_engines_own_error(bench, engine, recorded, words):
    engine.faults["rowstream-a"] = recorded
    directory = write(bench, a="fromAll().when({", b="fromAll().when({})")
    done, rows = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == REFUSED
    [failed] = [row for row in rows if row["result"] == "FAIL"]
    assert failed["subject"] == "rowstream-a" and words in failed["text"]
    # The other one is there all the same.
    assert engine.projections["rowstream-b"].states == ["Running"]


def test_deploy_sees_a_fault_that_comes_with_the_first_event(bench, engine):
    engine.fresh, engine.progress = ["Preparing", "Running", "Running", "Faulted (Enabled)"], 0.0
    done, rows = projections(bench, engine, "deploy", "operations")
    assert done.returncode == REFUSED and rows[-1]["text"].startswith("Faulted (Enabled)")


def test_deploy_is_content_with_one_that_has_much_to_read(bench, engine):
    engine.progress = 0.5
    done, rows = projections(bench, engine, "deploy", "operations")
    assert done.returncode == DONE and rows[-1]["text"] == "Running, 0.5 %"


def test_deploy_of_one_that_faults_again(bench, engine):
    engine.faults["rowstream-a"] = "bad3"
    directory = write(bench, a="fromAll().when({})")
    projections(bench, engine, "deploy", directory=directory)
    done, rows = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == REFUSED and "boom" in rows[-1]["text"]
    del engine.faults["rowstream-a"]
    done, rows = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == DONE and rows[-1]["text"].startswith("Running")


def test_deploy_starts_one_that_faulted_before_or_was_switched_off(bench, engine):
    directory = write(bench, a="fromAll().when({})", b="fromAll().when({ })")
    projections(bench, engine, "deploy", directory=directory)
    engine.projections["rowstream-a"].states = ["Faulted (Enabled)"]
    engine.projections["rowstream-b"].states = ["Stopped"]
    engine.requests.clear()
    done, _ = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == DONE
    assert engine.changes() == ["POST /projection/rowstream-a/command/enable",
                                "POST /projection/rowstream-b/command/enable"]


def test_deploy_waits_through_what_comes_before_running(bench, engine):
    engine.fresh = ["Creating", "Preparing", "Prepared", "LoadingStopped state", "Running"]
    done, rows = projections(bench, engine, "deploy", "operations")
    assert done.returncode == DONE and rows[-1]["text"].startswith("Running")


def test_deploy_gives_up_on_one_that_never_runs(bench, engine):
    engine.fresh = ["Preparing"]
    done, rows = projections(bench, engine, "deploy", "operations", "--timeout", "1")
    assert done.returncode == UNREACHABLE
    assert "does not run after 1 s: it is 'Preparing'" in rows[-1]["text"]


def test_deploy_after_an_answer_that_was_lost(bench, engine):
    directory = write(bench, a="fromAll().when({})")
    engine.silent.add(("POST", "/projections/continuous"))
    done, _ = projections(bench, engine, "deploy", directory=directory)
    # The connection was not new, so the request was sent again: the name is taken, by us.
    assert done.returncode == DONE
    assert len(engine.changes()) == 2 and "rowstream-a" in engine.projections


def test_deploy_after_one_that_was_cut_short(bench, engine):
    directory = write(bench, a="fromAll().when({})", b="fromAll().when({ })")
    projections(bench, engine, "deploy", "a", directory=directory)
    engine.projections["rowstream-a"].states = ["Prepared", "Stopped"]
    engine.requests.clear()
    done, _ = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == DONE
    assert [change.partition("&")[0] for change in engine.changes()] == [
        "POST /projection/rowstream-a/command/enable",
        "POST /projections/continuous?name=rowstream-b"]


def test_standard_ones_are_switched_on(bench, engine):
    for name in ("$by_category", "$by_correlation_id"):
        engine.projections[name].states = ["Stopped"]
    done, _ = projections(bench, engine, "deploy", "operations", "--standard")
    assert done.returncode == DONE, done.stdout
    assert engine.changes()[:2] == ["POST /projection/%24by_category/command/enable",
                                    "POST /projection/%24by_correlation_id/command/enable"]
    assert len(engine.changes()) == 3


def test_deploy_of_an_unknown_name_changes_nothing(bench, engine):
    done, _ = projections(bench, engine, "deploy", "operations", "nope")
    assert done.returncode == USAGE and "no projection 'nope'" in done.stderr
    assert engine.changes() == []


@pytest.mark.parametrize("source", ["", "a\0b", "x" * 1100000])
def test_deploy_of_a_file_that_is_no_javascript(bench, engine, source):
    done, _ = projections(bench, engine, "deploy", directory=write(bench, a=source))
    assert done.returncode == USAGE and "a.js" in done.stderr
    assert engine.changes() == []


def test_deploy_from_a_directory_that_is_not_there(bench, engine):
    done, _ = projections(bench, engine, "deploy", directory=bench.directory / "nope")
    assert done.returncode == USAGE and "--dir names where" in done.stderr


# --- the server ---

@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("command", ["list", "deploy", "status", "remove"])
def test_no_right(bench, engine, status, command):
    engine.denied = status
    done, _ = projections(bench, engine, command)
    assert done.returncode == UNREACHABLE
    assert f"HTTP {status}" in done.stderr and "$admins or $ops" in done.stderr


def test_no_engine(bench, engine):
    engine.missing = True
    done, _ = projections(bench, engine, "list")
    assert done.returncode == REFUSED and "--run-projections=All" in done.stderr


def test_the_development_store_has_none(bench):
    store = bench.store()
    done = bench.rowstream("projections", "deploy", "--eventstore-url", store.url,
                           cwd=bench.directory)
    assert done.returncode == REFUSED
    assert "runs no projections (HTTP 501)" in done.stderr


def test_no_server(bench, engine):
    engine.close()
    done, _ = projections(bench, engine, "status")
    assert done.returncode == UNREACHABLE and "127.0.0.1" in done.stderr


def test_a_node_that_is_not_ready_for_a_moment(bench, engine):
    directory = write(bench, a="fromAll().when({})")
    projections(bench, engine, "deploy", directory=directory)
    engine.projections["rowstream-a"].states = ["Stopped"]

    answer, calls = engine.answer, []

    def busy_once(method, path, *rest):
        if method == "GET" and path == "/projection/rowstream-a" and not calls:
            calls.append(path)
            engine.not_ready = 1
        return answer(method, path, *rest)

    engine.answer = busy_once
    done, _ = projections(bench, engine, "deploy", directory=directory)
    assert done.returncode == DONE and calls, done.stdout


# --- list, status, state ---

def test_list_shows_what_is_there_and_what_could_be(bench, engine):
    projections(bench, engine, "deploy", "operations")
    done, rows = projections(bench, engine, "list")
    assert done.returncode == DONE
    status = {row["name"]: row["status"] for row in rows}
    assert status["$by_category"] == status["rowstream-operations"] == "Running"
    assert status["rowstream-latest-rows"] == "not deployed"


def test_status_is_of_ours_and_fails_with_one(bench, engine):
    projections(bench, engine, "deploy", "operations", "tables")
    done, rows = projections(bench, engine, "status")
    assert done.returncode == DONE
    assert [row["name"] for row in rows] == ["rowstream-operations", "rowstream-tables"]
    engine.projections["rowstream-tables"].states = ["Faulted (Enabled)"]
    engine.projections["rowstream-tables"].reason = "boom\x1b[31m"
    done, rows = projections(bench, engine, "status")
    assert done.returncode == REFUSED and rows[1]["result"] == "FAIL"
    done, rows = projections(bench, engine, "status", "nope")
    assert done.returncode == REFUSED and rows[0]["status"] == "not there"


def test_state(bench, engine):
    projections(bench, engine, "deploy", "operations", "latest-rows")
    engine.state["rowstream-operations", None] = '{"tables":{"db1/a.b":{"c":12345678901234567890}}}'
    engine.state["rowstream-latest-rows", "a b-1&x=ü"] = '{"row":{"id":1.10}}'
    done, rows = projections(bench, engine, "state", "operations")
    assert done.returncode == DONE
    assert rows == [{"name": "rowstream-operations", "partition": None,
                     "position": {"$s": {"x": 5}},
                     "state": {"tables": {"db1/a.b": {"c": 12345678901234567890}}}}]
    done, _ = projections(bench, engine, "state", "latest-rows", "--partition", "a b-1&x=ü")
    assert done.returncode == DONE and '"id":1.10' in done.stdout
    table = bench.rowstream("projections", "state", "operations", "--eventstore-url", engine.url,
                            cwd=bench.directory)
    assert "tables > db1/a.b > c" in table.stdout


@pytest.mark.parametrize("state", ['{"":{"":1},"a":{}}', "[]", "7", '"x"', "{}", "null"])
def test_state_of_any_shape_as_a_table(bench, engine, state):
    projections(bench, engine, "deploy", "operations")
    engine.state["rowstream-operations", None] = state
    done = bench.rowstream("projections", "state", "operations", "--eventstore-url", engine.url,
                           cwd=bench.directory)
    assert done.returncode == DONE and "member" in done.stdout


def test_a_state_that_is_no_json(bench, engine):
    projections(bench, engine, "deploy", "operations")
    engine.state["rowstream-operations", None] = "<html>"
    done, _ = projections(bench, engine, "state", "operations")
    assert done.returncode == REFUSED and done.stderr


def test_no_state(bench, engine):
    projections(bench, engine, "deploy", "latest-rows")
    done, _ = projections(bench, engine, "state", "latest-rows")
    assert done.returncode == REFUSED and "--partition" in done.stderr
    done, _ = projections(bench, engine, "state", "latest-rows", "--partition", "x")
    assert done.returncode == REFUSED and "no partition 'x'" in done.stderr
    done, _ = projections(bench, engine, "state", "nope")
    assert done.returncode == REFUSED and "no projection 'rowstream-nope'" in done.stderr
    done, _ = projections(bench, engine, "state")
    assert done.returncode == USAGE


def test_the_state_of_one_that_never_compiled_is_not_asked_for(bench, engine):
    """A running server leaves that question without an answer."""
    engine.faults["rowstream-a"] = "bad1"
    projections(bench, engine, "deploy", directory=write(bench, a="fromAll("))
    engine.requests.clear()
    done, _ = projections(bench, engine, "state", "a")
    assert done.returncode == REFUSED and "Unexpected end of input" in done.stderr
    assert not any("/state" in path for _, path, _ in engine.requests)


# --- remove ---

def test_remove_only_says_so_without_yes(bench, engine):
    projections(bench, engine, "deploy", "operations")
    engine.requests.clear()
    done, rows = projections(bench, engine, "remove")
    assert done.returncode == DONE and engine.changes() == []
    assert [row["subject"] for row in rows] == ["rowstream-operations"]
    assert "--yes" in rows[0]["text"]


def test_remove_takes_ours_and_nothing_else(bench, engine):
    engine.projections["theirs"] = type(engine.projections["$streams"])("x", False)
    projections(bench, engine, "deploy", "operations", "tables")
    engine.projections["rowstream-tables"].states = ["Faulted (Enabled)"]
    engine.requests.clear()
    done, _ = projections(bench, engine, "remove", "--yes")
    assert done.returncode == DONE, done.stdout
    assert "theirs" in engine.projections and "$by_category" in engine.projections
    assert not set(engine.projections) & set(OURS)
    assert ("DELETE /projection/rowstream-tables?deleteStateStream=yes&deleteCheckpointStream=yes"
            "&deleteEmittedStreams=yes") in engine.changes()
    # And the name can be used again.
    done, _ = projections(bench, engine, "deploy", "operations", "tables")
    assert done.returncode == DONE, done.stdout
    done, rows = projections(bench, engine, "remove", "nope", "--yes")
    assert done.returncode == DONE and rows[0]["text"] == "is not there"


def test_remove_of_the_servers_own_is_refused(bench, engine):
    done, _ = projections(bench, engine, "remove", "$by_category", "--yes")
    assert done.returncode == USAGE and engine.changes() == []


def test_a_name_that_the_engine_stumbles_over(bench, engine):
    engine.left.add("$projections-rowstream-operations-partitions")
    done, rows = projections(bench, engine, "deploy", "operations")
    assert done.returncode == REFUSED
    assert "Multiple projections emitting" in rows[-1]["text"]
    assert "delete the stream" in rows[-1]["text"]
