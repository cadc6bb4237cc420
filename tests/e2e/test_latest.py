"""The rows of a table from its category alone: the latest event per key, after two rounds of a bank's
load and a restart of the bridge between them."""
import pytest

from live_state import LiveState

TABLES = """
CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(60) NOT NULL, balance decimal(14,2) NOT NULL,
  status varchar(10) NOT NULL, note varchar(60));
CREATE TABLE transfers (id bigint PRIMARY KEY, from_id bigint NOT NULL, to_id bigint NOT NULL,
  amount decimal(14,2) NOT NULL, memo varchar(60));
"""

POSTGRES = "CREATE SCHEMA bank; SET search_path TO bank;" + TABLES
MARIADB = "USE bank;" + TABLES


def load(neighbourhood, database, seed):
    generator = neighbourhood.generate(database, "--seed", seed, "--transactions", 400,
                                       search_path="bank")
    _, errors = generator.communicate(timeout=100)
    assert generator.returncode == 0, errors


def category(scene, name):
    """{stream: events} of what $ce-<name> links to."""
    numbers = {}
    for stream, number in scene.links(f"$ce-{name}"):
        numbers.setdefault(stream, []).append(number)
    streams = {stream: scene.store.read(stream) for stream in numbers}
    for stream, events in streams.items():
        assert numbers[stream] == [event["number"] for event in events], stream
    return streams


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_latest_per_key_of_the_category_is_the_table(scene, name):
    database = getattr(scene.neighbourhood, name)
    modes = scene.neighbourhood.connectors()[database.prefix]
    state = LiveState(database, "bank", TABLES, modes)
    scene.configure(rf"^{database.prefix}\.bank\..*", **state.sections())
    for seed in (1, 2):
        bridge = scene.start()
        bridge.await_line("stderr", r"assigned|start ")
        load(scene.neighbourhood, database, seed)
        scene.settle(database)
        state.assert_equals({**category(scene, "accounts"),
                             **category(scene, "transfers")})
