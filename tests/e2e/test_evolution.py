"""Tables that change while they are captured: columns added, renamed, dropped, of another type, another
key; and a table that is read once more by a signal."""
import json

from final_state import place_of
from harness import wait_until
from live_state import LiveState, plain

POSTGRES = """
CREATE SCHEMA evolution;
CREATE TABLE evolution.ev (id int PRIMARY KEY, a text, b int);
INSERT INTO evolution.ev VALUES (1, 'one', 1), (2, 'two', NULL);
CREATE TABLE evolution.again (id int PRIMARY KEY, v text);
INSERT INTO evolution.again SELECT n, 'row ' || n FROM generate_series(1, 300) n;
"""
MARIADB = """
CREATE DATABASE evolution;
CREATE TABLE evolution.ev (id int PRIMARY KEY, a varchar(50), b int);
INSERT INTO evolution.ev VALUES (1, 'one', 1), (2, 'two', NULL);
"""

# What is done, and the row that it touched.
POSTGRES_STEPS = [
    ("UPDATE evolution.ev SET a = 'one+' WHERE id = 1", "id = 1"),
    ("ALTER TABLE evolution.ev ADD COLUMN c bigint DEFAULT 15; INSERT INTO evolution.ev VALUES (3, 'three', 3)",
     "id = 3"),
    ("UPDATE evolution.ev SET b = 2 WHERE id = 2", "id = 2"),
    ("ALTER TABLE evolution.ev RENAME COLUMN a TO a2; UPDATE evolution.ev SET a2 = 'renamed' WHERE id = 1",
     "id = 1"),
    ("ALTER TABLE evolution.ev DROP COLUMN b; INSERT INTO evolution.ev VALUES (4, 'four', 4)", "id = 4"),
    ("ALTER TABLE evolution.ev ALTER COLUMN c TYPE text; UPDATE evolution.ev SET c = 'text' WHERE id = 4",
     "id = 4"),
    ("ALTER TABLE evolution.ev DROP CONSTRAINT ev_pkey, ADD COLUMN tenant text NOT NULL DEFAULT 't';"
     "ALTER TABLE evolution.ev ADD PRIMARY KEY (tenant, id); UPDATE evolution.ev SET c = 'keyed' WHERE id = 3",
     "id = 3"),
    ("INSERT INTO evolution.ev (id, tenant) VALUES (3, 'u')", "tenant = 'u'"),
]
MARIADB_STEPS = [
    ("UPDATE evolution.ev SET a = 'one+' WHERE id = 1", "id = 1"),
    ("ALTER TABLE evolution.ev ADD COLUMN c bigint DEFAULT 15 AFTER id;"
     "INSERT INTO evolution.ev (id, a) VALUES (3, 'three')", "id = 3"),
    ("UPDATE evolution.ev SET b = 2 WHERE id = 2", "id = 2"),
    ("ALTER TABLE evolution.ev CHANGE a a2 varchar(500), DROP COLUMN b;"
     "UPDATE evolution.ev SET a2 = 'renamed' WHERE id = 1", "id = 1"),
    ("ALTER TABLE evolution.ev MODIFY c text; UPDATE evolution.ev SET c = 'text' WHERE id = 3", "id = 3"),
    ("ALTER TABLE evolution.ev ADD COLUMN tenant varchar(9) NOT NULL DEFAULT 't', DROP PRIMARY KEY,"
     "ADD PRIMARY KEY (tenant, id); UPDATE evolution.ev SET c = 'keyed' WHERE id = 3", "id = 3"),
    ("INSERT INTO evolution.ev (id, tenant) VALUES (3, 'u')", "tenant = 'u'"),
]


def row_now(database, where):
    if database.name == "postgres":
        line, = database.sql(f"SELECT row_to_json(whole) FROM evolution.ev whole WHERE {where}")
        return json.loads(line)
    names, values = database.sql(
        f"SELECT group_concat(column_name ORDER BY ordinal_position) FROM information_schema.columns "
        f"WHERE table_schema = 'evolution' AND table_name = 'ev'; SELECT * FROM evolution.ev WHERE {where}")
    return dict(zip(names.split(","), values.split("\t")))


def comparable(row, database):
    """The client of MariaDB prints all as text."""
    items = row.items() if isinstance(row, dict) else row
    if database.name == "postgres":
        return [(name, value) for name, value in items]
    return [(name, "NULL" if value is None else str(value)) for name, value in items]


def evolve(scene, database, steps, settled_between):
    """The rows as they were after each step, and the images that the store has of them."""
    scene.configure(rf"^{database.prefix}\.evolution\.ev")
    scene.start()
    printed = []
    for statements, where in steps:
        database.sql(statements)
        printed.append(comparable(row_now(database, where), database))
        # This connector asks the database for a table's key, as it is by then.
        if settled_between:
            scene.neighbourhood.await_all(database)
    streams = scene.settle(database)
    events = sorted((event for some in streams.values() for event in some if event["type"] in "cu"),
                    key=lambda event: place_of(plain(event["metadata"])))
    assert [comparable(event["data"]["after"], database) for event in events] == printed
    return streams


def test_a_table_that_changes_in_postgres(scene):
    streams = evolve(scene, scene.neighbourhood.postgres, POSTGRES_STEPS, True)
    assert {name: [event["type"] for event in events] for name, events in streams.items()} == {
        "ev-1": ["r", "u", "u"], "ev-2": ["r", "u"], "ev-3": ["c"], "ev-4": ["c", "u"],
        "ev-t:3": ["u"], "ev-u:3": ["c"]}


def test_a_table_that_changes_in_mariadb(scene):
    streams = evolve(scene, scene.neighbourhood.mariadb, MARIADB_STEPS, False)
    assert {name: [event["type"] for event in events] for name, events in streams.items()} == {
        "ev-1": ["r", "u", "u"], "ev-2": ["r", "u"], "ev-3": ["c", "u"],
        "ev-t:3": ["u"], "ev-u:3": ["c"]}


def test_a_table_read_again_by_a_signal(scene):
    database = scene.neighbourhood.postgres
    state = LiveState(database, "evolution", POSTGRES, scene.neighbourhood.connectors()["pg"])
    state.tables = {"again": state.tables["again"]}
    scene.configure(r"^pg\.evolution\.again", **state.sections())
    scene.start()
    database.sql("""
        UPDATE evolution.again SET v = 'before' WHERE id <= 10;
        INSERT INTO signals VALUES ('again', 'execute-snapshot',
          '{"data-collections": ["evolution.again"], "type": "incremental"}');
        UPDATE evolution.again SET v = 'during' WHERE id BETWEEN 5 AND 15;
        DELETE FROM evolution.again WHERE id = 20;
        INSERT INTO evolution.again VALUES (301, 'new');""")

    def read():
        return database.sql("SELECT 1 FROM signals WHERE type = 'snapshot-window-close'")
    wait_until(read, "the table is read again", 60)
    database.sql("UPDATE evolution.again SET v = 'after' WHERE id = 1")
    streams = scene.settle(database)
    state.assert_equals(streams)
    twice = [name for name, events in streams.items()
             if [event["metadata"].get("snapshot") for event in events].count("incremental") == 1]
    # Rows that changed in the window are left to their change.
    assert len(twice) >= 280 and "again-100" in twice
    assert streams["again-1"][-1]["type"] == "u"
