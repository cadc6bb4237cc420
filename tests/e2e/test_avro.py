"""Topics in Avro, with a real registry (Apicurio): rows rebuilt from their streams are the rows of the table."""
import json
import os
import signal

import pytest

import test_replicate
from live_state import LiveState

# Not imported by its name: what a module calls POSTGRES is executed in another database.
AVRO = test_replicate.POSTGRES


@pytest.fixture
def database(scene):
    if not scene.neighbourhood.registry:
        pytest.skip("the schema registry cannot be fetched")
    return scene.neighbourhood.avro


def state_of(scene, database):
    return LiveState(database, "replicate", AVRO, scene.neighbourhood.connectors()["avro"])


def test_rows_that_came_in_avro_equal_the_table(scene, database):
    state = state_of(scene, database)
    scene.configure(r"^avro\.replicate\..*", registry={"url": scene.neighbourhood.registry},
                    **state.sections())
    scene.start()
    database.sql(test_replicate.CHANGES["postgres"])
    streams = scene.settle(database)
    state.assert_equals(streams)
    first = [events[0]["type"] for events in streams.values()]
    assert first.count("r") == 4 and first.count("c") == len(first) - 4 > 2, first


def test_a_registry_that_does_not_answer_is_waited_for(scene, database):
    """Nothing is refused meanwhile, and work goes on by itself. It is stopped, not ended: it keeps its schemas in
    memory only."""
    state = state_of(scene, database)
    scene.neighbourhood.await_all(database)
    registry = scene.neighbourhood.pid("registry")
    os.kill(registry, signal.SIGSTOP)
    try:
        scene.configure(r"^avro\.replicate\..*", registry={"url": scene.neighbourhood.registry},
                        **state.sections())
        bridge = scene.start()
        bridge.await_line("stderr", "registry outage begins")
        assert scene.store.row_streams() == {}
    finally:
        os.kill(registry, signal.SIGCONT)
    bridge.await_line("stderr", "registry outage ends")
    state.assert_equals(scene.settle(database))


def test_check_finds_the_registry(scene, database):
    scene.configure(r"^avro\.replicate\..*", registry={"url": scene.neighbourhood.registry})
    done = scene.bench.rowstream("check", "-c", scene.configuration, "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert any("registry" in row["subject"] and row["result"] == "ok" for row in rows), rows
