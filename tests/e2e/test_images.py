"""What a row image holds and what it leaves out: unchanged TOAST, replica identities, NULL everywhere, a
row of three megabytes."""
import json

from harness import parse
from live_state import LiveState, images

BIG = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 100) g)"
WIDE = "id int PRIMARY KEY, small int, big text, doc jsonb, bytes bytea, many text[], note text"
EXTERNAL = "ALTER TABLE images.{0} " + ", ".join(
    f"ALTER {column} SET STORAGE EXTERNAL" for column in ("big", "doc", "bytes", "many")) + ";"

POSTGRES = f"""
CREATE SCHEMA images;
CREATE TABLE images.toast ({WIDE});
CREATE TABLE images.whole ({WIDE});
{EXTERNAL.format("toast")}
{EXTERNAL.format("whole")}
ALTER TABLE images.whole REPLICA IDENTITY FULL;
INSERT INTO images.toast SELECT 9, 0, s, json_build_object('k', s), decode(s || s, 'hex'), ARRAY[s, 'x'], 'n' FROM (SELECT {BIG} s) q;
CREATE TABLE images.nulls (id int PRIMARY KEY, b boolean DEFAULT true, i int DEFAULT 5, n numeric(10,2) DEFAULT 1.5,
  free numeric DEFAULT 1.5, d double precision DEFAULT 0.5, t text DEFAULT 't', c char(3) DEFAULT 'c', j jsonb DEFAULT '{{}}', by bytea DEFAULT '\\x00',
  u uuid DEFAULT '00000000-0000-0000-0000-000000000001', da date DEFAULT '2026-01-01', ti time DEFAULT '01:00', ts timestamp DEFAULT '2026-01-01',
  tz timestamptz DEFAULT '2026-01-01 00:00:00+00', arr int[] DEFAULT '{{1}}', bi bit(3) DEFAULT B'101');
INSERT INTO images.nulls (id) VALUES (1), (2);
CREATE TABLE images.large (id int PRIMARY KEY, small int, big text);
"""

MARIADB = """
CREATE DATABASE images;
CREATE TABLE images.nulls (id int PRIMARY KEY, b boolean, i int, u bigint unsigned, n decimal(10,2), d double, t text, c char(3),
  j json, by_ varbinary(10), da date, ti time, dt datetime(6), ts timestamp NULL, e enum('a'), s set('a'), bi bit(3), y year);
INSERT INTO images.nulls VALUES (1, true, 5, 5, 1.5, 0.5, 't', 'c', '{}', x'00', '2026-01-01', '01:00', '2026-01-01', '2026-01-01',
  'a', 'a', b'101', 2026);
INSERT INTO images.nulls (id) VALUES (2);
CREATE TABLE images.large (id int PRIMARY KEY, small int, big longtext);
"""

CHANGES = """
INSERT INTO images.{0} SELECT 1, 0, s, json_build_object('k', s), decode(s || s, 'hex'), ARRAY[s, 'x'], 'n' FROM (SELECT {1} s) q;
UPDATE images.{0} SET small = 1 WHERE id = 1;
UPDATE images.{0} SET big = big || '!' WHERE id = 1;
UPDATE images.{0} SET note = NULL, small = 2 WHERE id = 1;
INSERT INTO images.{0} (id, big) VALUES (3, '__debezium_unavailable_value');
INSERT INTO images.{0} (id, note) VALUES (4, 'goes');
DELETE FROM images.{0} WHERE id = 4;
"""


def pg_state(scene, *tables):
    state = LiveState(scene.neighbourhood.postgres, "images", POSTGRES,
                      scene.neighbourhood.connectors()["pg"])
    state.tables = {table: state.tables[table] for table in tables}
    return state


def test_unchanged_toast_is_marked_and_rows_are_whole_again(scene):
    database = scene.neighbourhood.postgres
    state = pg_state(scene, "toast")
    scene.configure(r"^pg\.images\.toast", **state.sections())
    scene.start()
    database.sql(CHANGES.format("toast", BIG) + "UPDATE images.toast SET small = 7 WHERE id = 9;")
    streams = scene.settle(database)
    marked = [list(event["metadata"].get("placeholders", [])) for event in streams["toast-1"]]
    assert marked == [[], ["big", "doc", "bytes", "many"], ["doc", "bytes", "many"],
                      ["big", "doc", "bytes", "many"]]
    # A placeholder takes the value from the row's event before; one that is a value takes itself.
    state.assert_equals(streams)
    assert [event["data"]["before"] for event in streams["toast-1"]] == [None] * 4
    # Of a delete only the key is told.
    assert streams["toast-4"][1]["data"]["before"]["id"] == 4


def test_full_identity_brings_all_that_was_before(scene):
    database = scene.neighbourhood.postgres
    state = pg_state(scene, "whole")
    scene.configure(r"^pg\.images\.whole", **state.sections())
    scene.start()
    database.sql(CHANGES.format("whole", BIG))
    streams = scene.settle(database)
    kept = images(state, streams)  # each `before` is the `after` of the event before
    assert [op for op, _ in kept["images.whole", json.dumps({"id": 1})]] == list("cuuu")
    assert not any("placeholders" in dict(event["metadata"]) for name in ("whole-1", "whole-4")
                   for event in streams[name])
    state.assert_equals(streams)


def test_null_in_every_type(scene):
    for database, prefix in ((scene.neighbourhood.postgres, "pg"), (scene.neighbourhood.mariadb, "maria")):
        state = LiveState(database, "images", POSTGRES if prefix == "pg" else MARIADB,
                          scene.neighbourhood.connectors()[prefix])
        state.tables = {"nulls": state.tables["nulls"]}
        scene.configure(rf"^{prefix}\.images\.nulls", **state.sections())
        columns = [column for column in state.tables["nulls"].columns if column != "id"]
        database.sql(f"UPDATE images.nulls SET {', '.join(f'{one} = NULL' for one in columns)} WHERE id = 1;"
                     f"INSERT INTO images.nulls ({', '.join(columns)}, id) VALUES ({'NULL, ' * len(columns)}3);"
                     "INSERT INTO images.nulls SELECT 4, " + ", ".join(columns) + " FROM images.nulls WHERE id = 2;")
        streams = scene.settle(database)
        state.assert_equals(streams)
        for stream in ("nulls-1", "nulls-3"):
            after = streams[stream][-1]["data"]["after"]
            assert [value for name, value in after if name != "id"] == [None] * len(columns), stream
        assert streams["nulls-1"][0]["data"]["after"]["i"] == 5
        scene.store = scene.bench.store()


def test_a_row_of_three_megabytes(scene):
    postgres, mariadb = scene.neighbourhood.postgres, scene.neighbourhood.mariadb
    scene.configure(r"^(pg|maria)\.images\.large", mapping={"stream": "{name}.{table}-{key}"})
    scene.start()
    postgres.sql("INSERT INTO images.large VALUES (1, 0, repeat('abcé', 600000)), (2, 0, 'small');"
                 "UPDATE images.large SET small = 1;"
                 "UPDATE images.large SET big = repeat('\"\\', 750000) WHERE id = 2;"
                 "DELETE FROM images.large WHERE id = 1;")
    mariadb.sql("INSERT INTO images.large VALUES (1, 0, repeat('abcé', 600000)), (2, 0, 'small');"
                "DELETE FROM images.large WHERE id = 2;")
    streams = scene.settle(postgres, mariadb)
    assert {name: [event["type"] for event in events] for name, events in streams.items()} == {
        "pg.large-1": ["c", "u", "d"], "pg.large-2": ["c", "u", "u"], "maria.large-1": ["c"],
        "maria.large-2": ["c", "d"]}
    large = streams["pg.large-1"][0]["data"]["after"]["big"]
    assert len(large.encode()) == 3_000_000 and large == "abcé" * 600000
    state = pg_state(scene, "large")
    row, = postgres.printed("images.large", state.tables["large"].columns)
    assert parse(row) == streams["pg.large-2"][-1]["data"]["after"]
    row, = mariadb.printed("images.large", state.tables["large"].columns)
    assert parse(row) == streams["maria.large-1"][-1]["data"]["after"]
