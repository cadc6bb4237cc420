"""A table's rows, rebuilt from its streams, are the rows of the table: snapshot, inserts, updates and
deletes while the bridge runs, column by column with every type that both sides have."""
import pytest

from live_state import LiveState

POSTGRES = """
CREATE SCHEMA replicate;
CREATE TABLE replicate.users (id bigserial PRIMARY KEY, name text NOT NULL, active boolean NOT NULL DEFAULT true,
  settings jsonb, raw json, balance numeric(12,2), ratio numeric, born date, wakes time(3), seen timestamp(3),
  seen6 timestamp, at timestamptz, score double precision, small smallint, code char(4), avatar bytea,
  uid uuid, tags text[], numbers int[], flags bit(5), span interval);
INSERT INTO replicate.users (name, active, settings, raw, balance, ratio, born, wakes, seen, seen6, at, score,
  small, code, avatar, uid, tags, numbers, flags, span) VALUES
  ('Anna', true, '{"a": [1, 2.50, null], "b": {"c": "é"}}', '{"z":1, "a" : 12345678901234567890}', 12.30, 0.1000,
   '1970-01-01', '07:30:00.250', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678901',
   '2026-01-02 03:04:05.678901+05:30', 0.1, -32768, 'ab', '\\x00ff', '00000000-0000-0000-0000-000000000001',
   '{a,"b c",NULL}', '{1,-2}', B'10001', '1 year 2 days 03:04:05.6'),
  ('Bjørn "B"', false, 'null', '[]', -0.01, 123456789012345678901234567890.123, '0001-01-01', '00:00:00',
   '9999-12-31 23:59:59.999', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999-08', 1e300,
   32767, '', '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{}', '{}', B'00000', '-1 month');
INSERT INTO replicate.users (name) VALUES ('nothing'), ('gone soon');
"""

MARIADB = """
CREATE DATABASE replicate;
CREATE TABLE replicate.users (id int AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL, flag boolean,
  one tinyint(1), tiny tinyint, tinyu tinyint unsigned, big bigint unsigned, balance decimal(12,2),
  ratio decimal(30,10), born date, wakes time, wakes6 time(6), seen datetime, seen3 datetime(3),
  seen6 datetime(6), at timestamp NULL, at6 timestamp(6) NULL, score double, settings json, kind enum('x','y z'),
  many set('p','q'), bits bit(5), avatar varbinary(20), founded year);
INSERT INTO replicate.users (name, flag, one, tiny, tinyu, big, balance, ratio, born, wakes, wakes6, seen, seen3,
  seen6, at, at6, score, settings, kind, many, bits, avatar, founded) VALUES
  ('Анна', true, 1, -128, 255, 9223372036854775807, 12.30, 0.1, '1970-01-01', '07:30:00', '-01:02:03.000004',
   '2026-01-02 03:04:05', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05',
   '2026-01-02 03:04:05.678901', 0.1, '{"b":1, "a" : [1,2.50,null]}', 'y z', 'p,q', b'10001', x'00ff', 2026),
  ('O''Hara', false, 0, 127, 0, 0, -0.01, -12345678901234567890.0123456789, '9999-12-31', '838:59:59', '00:00:00',
   '1970-01-01 00:00:00', '9999-12-31 23:59:59.999', '1969-12-31 23:59:59.999999', '2038-01-19 03:14:07',
   '1970-01-01 00:00:01.000001', 1e300, '"s"', 'x', '', b'00000', x'', 1901);
INSERT INTO replicate.users (name) VALUES ('nothing'), ('gone soon');
"""

# Inserted again while it streams: the other path through a connector. And what follows.
CHANGES = {
    "postgres": """
INSERT INTO replicate.users (name, active, settings, raw, balance, ratio, born, wakes, seen, seen6, at, score,
  small, code, avatar, uid, tags, numbers, flags, span) SELECT name || ' again', active, settings, raw, balance,
  ratio, born, wakes, seen, seen6, at, score, small, code, avatar, uid, tags, numbers, flags, span
  FROM replicate.users ORDER BY id;
UPDATE replicate.users SET balance = coalesce(balance, 0) + 0.1, at = '2026-03-04 05:06:07+00' WHERE id IN (1, 3);
UPDATE replicate.users SET settings = settings || '{"new": true}', active = NOT active WHERE id = 1;
UPDATE replicate.users SET name = 'nobody', settings = NULL, avatar = NULL WHERE id = 5;
DELETE FROM replicate.users WHERE name = 'gone soon';
BEGIN; UPDATE replicate.users SET name = 'lost'; DELETE FROM replicate.users; ROLLBACK;
""",
    "mariadb": """
INSERT INTO replicate.users (name, flag, one, tiny, tinyu, big, balance, ratio, born, wakes, wakes6, seen, seen3,
  seen6, at, at6, score, settings, kind, many, bits, avatar, founded) SELECT concat(name, ' again'), flag, one, tiny,
  tinyu, big, balance, ratio, born, wakes, wakes6, seen, seen3, seen6, at, at6, score, settings, kind, many, bits,
  avatar, founded FROM replicate.users ORDER BY id;
UPDATE replicate.users SET balance = coalesce(balance, 0) + 0.1, at = '2026-03-04 05:06:07' WHERE id IN (1, 3);
UPDATE replicate.users SET flag = NOT flag, settings = JSON_SET(settings, '$.new', true) WHERE id = 1;
UPDATE replicate.users SET name = 'nobody', settings = NULL, avatar = NULL WHERE id = 2;
DELETE FROM replicate.users WHERE name = 'gone soon';
START TRANSACTION; UPDATE replicate.users SET name = 'lost'; DELETE FROM replicate.users; ROLLBACK;
""",
}


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_rows_rebuilt_from_the_streams_equal_the_table(scene, name):
    database = getattr(scene.neighbourhood, name)
    modes = scene.neighbourhood.connectors()[database.prefix]
    state = LiveState(database, "replicate", POSTGRES if name == "postgres" else MARIADB, modes)
    scene.configure(rf"^{database.prefix}\.replicate\..*", **state.sections())
    scene.start()
    database.sql(CHANGES[name])
    streams = scene.settle(database)
    state.assert_equals(streams)
    # The snapshot was one: of the four rows that were there before.
    first = [events[0]["type"] for events in streams.values()]
    assert first.count("r") == 4 and first.count("c") == len(first) - 4 > 2, first
