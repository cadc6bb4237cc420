"""Servers that end under load: Connect killed, Kafka restarted, the databases restarted. Nothing is missing,
doubled or merged in the store, and the bridge, which runs all the time, needs nobody."""
import pytest

from harness import wait_until
from live_state import LiveState, images
from neighbours import SERVER_DEADLINE_S

TABLES = """
CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(60) NOT NULL, balance decimal(14,2) NOT NULL,
  status varchar(10) NOT NULL, note varchar(60));
CREATE TABLE transfers (id bigint PRIMARY KEY, from_id bigint NOT NULL, to_id bigint NOT NULL,
  amount decimal(14,2) NOT NULL, memo varchar(60));
"""
SCHEMAS = ["killed", "broker", "restarted"]
POSTGRES = "".join(f"CREATE SCHEMA {one}; SET search_path TO {one};" + TABLES +
                   "ALTER TABLE accounts REPLICA IDENTITY FULL; ALTER TABLE transfers REPLICA IDENTITY FULL;"
                   for one in SCHEMAS)
MARIADB = "".join(f"CREATE DATABASE {one}; USE {one};" + TABLES for one in SCHEMAS)


class Play:
    """Both databases under load, with one bridge of both."""

    def __init__(self, scene, schema):
        self.scene, self.neighbourhood, self.schema = scene, scene.neighbourhood, schema
        self.databases = [self.neighbourhood.postgres, self.neighbourhood.mariadb]
        modes = self.neighbourhood.connectors()
        self.states = {one.name: LiveState(one, schema, TABLES, modes[one.prefix])
                       for one in self.databases}
        # What Connect writes again after it was killed is the same change at another offset.
        scene.configure(rf"^(pg|maria)\.{schema}\..*", pipeline={"dedupe": "source"},
                        **{**self.states["postgres"].sections(),
                           "mapping": {"values": "canonical", "stream": "{name}.{table}-{key}"}})
        scene.start()
        self.loads = []

    def load(self, seed, transactions, rate):
        self.loads = [self.neighbourhood.generate(one, "--seed", seed, "--transactions", transactions,
                                                  "--rate", rate, search_path=self.schema)
                      for one in self.databases]

    def await_streams(self, least):
        """In the middle of the load: this many transfers of each are in the store."""
        for one in self.databases:
            wait_until(lambda one=one: len(self.scene.links(f"$ce-{one.prefix}.transfers")) > least,
                       f"{least} transfers of {one.prefix}", SERVER_DEADLINE_S)

    def ended(self):
        codes = []
        for load in self.loads:
            _, errors = load.communicate(timeout=SERVER_DEADLINE_S)
            codes.append((load.returncode, errors))
        return codes

    def assert_complete(self):
        assert self.scene.bridge.running(), self.scene.bridge.report()
        streams = self.scene.settle(*self.databases)
        for one in self.databases:
            mine = {name: events for name, events in streams.items()
                    if name.startswith(one.prefix + ".")}
            state = self.states[one.name]
            images(state, mine)
            state.assert_equals(mine)
            assert len(mine) > 100


@pytest.fixture
def play(scene, request):
    played = Play(scene, request.param)
    yield played
    for load in played.loads:
        load.kill()
        load.wait()


@pytest.mark.parametrize("play", ["killed"], indirect=True)
def test_connect_is_killed(play):
    play.load(1, 1200, 200)
    play.await_streams(100)
    play.neighbourhood.kill("connect")
    play.neighbourhood.again()
    assert [code for code, _ in play.ended()] == [0, 0]
    play.assert_complete()


@pytest.mark.parametrize("play", ["broker"], indirect=True)
def test_kafka_is_restarted(play):
    play.load(1, 1200, 200)
    play.await_streams(100)
    play.neighbourhood.end("kafka")
    play.neighbourhood.again()
    assert [code for code, _ in play.ended()] == [0, 0]
    play.assert_complete()


@pytest.mark.parametrize("play", ["restarted"], indirect=True)
def test_the_databases_are_restarted(play):
    play.load(1, 100000, 200)
    play.await_streams(100)
    play.neighbourhood.end("postgres", "mariadb")
    assert all(code for code, _ in play.ended())  # their clients lost them
    play.neighbourhood.again()
    play.neighbourhood.await_streaming()
    play.load(2, 300, 1000)
    assert [code for code, _ in play.ended()] == [0, 0]
    play.assert_complete()
