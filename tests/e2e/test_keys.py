"""Which stream a row has: keys of every type, of several columns, with every sort of character, keys that
change, no key at all. Names are told by the database, escaped by the tests' own mapping."""
import base64
import json
import re

import pytest

from final_state import place_of
from harness import parse
from live_state import LiveState, plain
from mapping_oracle import escape, limited
from neighbours import KEY_COLUMNS

# Characters that mean something to a name, a path, a shell, JSON or nobody.
TEXTS = [
    "plain", "with space", "a/b", "100%", "%2F", "$streams", "~2F", "a:b", "a-b", "-", "", "ünïcödé",
    "日本", "\U0001F600", "tab\tnl\ncr\r\x01\x7f", '"quoted"', "it''s", "back\\slash", "?q=1&x#frag", "..", ".",
    "null", "true", "1", '{"id":1}', "a+b", "@x!*()", "e\u0301", "\u00e9", "A", "a", "\u2028", " both ends ",
    "<>", "a,b;c", "[x]", "a|b^c`", "x" * 700, "ü" * 300]
VALUES = ", ".join(f"('{text}', 'v')" for text in TEXTS)

# Table: its key columns, rows, and the parts of its key as SQL.
TABLES = {
    "k_text": ("k text", VALUES, ["k"]),
    "k_char": ("k char(6)", "('ab', 'v'), ('abcdef', 'v')", ["rpad(k, 6)"]),
    "k_big": ("k bigint", "(9007199254740993, 'v'), (9223372036854775807, 'v'), (-9223372036854775808, 'v'), "
              "(0, 'v'), (-1, 'v')", ["k"]),
    "k_small": ("k smallint", "(-32768, 'v'), (7, 'v')", ["k"]),
    "k_bool": ("k boolean", "(true, 'v'), (false, 'v')", ["k"]),
    "k_uuid": ("k uuid", "('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'v')", ["k"]),
    "k_num": ("k numeric(20,4)", "(0, 'v'), (1.5, 'v'), (-1.5, 'v'), (9999999999999999.9999, 'v'), "
              "(-0.0129, 'v')", ["trim_scale(k * 10000)"]),
    "k_free": ("k numeric", "(1, 'v'), (1.10, 'v'), (-0.000001, 'v'), "
               "(123456789012345678901234567890.123, 'v')", ["trim_scale(k)"]),
    "k_double": ("k double precision", "(0.1, 'v'), (-2.5, 'v')", ["k"]),
    "k_date": ("k date", "('2026-11-21', 'v'), ('1969-12-31', 'v')", ["k - '1970-01-01'"]),
    "k_stamp": ("k timestamp, k2 time, k3 timestamptz",
                "('2026-11-21 01:02:03.456789', '01:02:03.456789', '2026-11-21 01:02:03.456789+02', 'v')",
                ["(extract(epoch FROM k) * 1000000)::bigint", "(extract(epoch FROM k2) * 1000000)::bigint",
                 "to_char(k3 AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"]),
    "k_bytes": ("k bytea", r"('\x', 'v'), ('\x00', 'v'), ('\xfffefbff', 'v')", ["encode(k, 'base64')"]),
    "k_inet": ("k inet", "('10.0.0.1/8', 'v'), ('::1', 'v')", ["trim('\"' from to_json(k)::text)"]),
    "k_enum": ("k keys.color", "('dark-blue', 'v'), ('a:b', 'v')", ["k"]),
    "k_two": ("a text, b text", "('a:b', 'c', 'v'), ('a', 'b:c', 'v'), ('a', '', 'v'), ('', 'a', 'v')",
              ["a", "b"]),
    "K Odd-Table.1": ('"Key Col" int', "(1, 'v'), (2, 'v')", ['"Key Col"']),
}


def create(name, columns):
    names = ", ".join(re.findall(r'(?:^|, )("[^"]+"|\w+) ', columns))
    return f'CREATE TABLE keys."{name}" ({columns}, v text, PRIMARY KEY ({names}));'


POSTGRES = "CREATE SCHEMA keys; CREATE TYPE keys.color AS ENUM ('dark-blue', 'a:b');\n" + "\n".join(
    create(name, columns) for name, (columns, _, _) in TABLES.items()) + """
CREATE TABLE keys.moving (tenant text, id int, sub smallint, v text, PRIMARY KEY (id, tenant, sub));
CREATE TABLE keys.none (a int, v text);
ALTER TABLE keys.none REPLICA IDENTITY FULL;
INSERT INTO keys.none VALUES (1, 'a'), (1, 'a'), (2, NULL);
"""

MARIADB = """
CREATE DATABASE keys_of;
CREATE TABLE keys_of.texts (k varchar(255) COLLATE utf8mb4_bin PRIMARY KEY, v text);
CREATE TABLE keys_of.bytes (k varbinary(16) PRIMARY KEY, v text);
CREATE TABLE keys_of.moving (tenant varchar(20), id int, sub tinyint, v text, PRIMARY KEY (id, tenant, sub));
CREATE TABLE keys_of.none (a int, v text);
INSERT INTO keys_of.none VALUES (1, 'a'), (1, 'a'), (2, NULL);
"""


def rendered(name, parts):
    if name == "k_num":
        number = int(parts[0])
        width = (number if number >= 0 else ~number).bit_length() // 8 + 1
        parts = [base64.b64encode(number.to_bytes(width, "big", signed=True)).decode()]
    return ":".join(escape(part, True) for part in parts)


def live(streams, table):
    """Names of a table's streams whose row is there."""
    return sorted(name for name, events in streams.items()
                  if events[-1]["metadata"]["op"] != "d" and "~partition:" not in name and
                  str(events[-1]["metadata"]["table"]).endswith("." + table))


def test_keys_of_every_type_and_character(scene):
    database = scene.neighbourhood.postgres
    state = LiveState(database, "keys", POSTGRES, scene.neighbourhood.connectors()["pg"])
    scene.configure(r"^pg\.keys\.(k_|K).*", **state.sections())
    scene.start()
    for name, (_, values, _) in TABLES.items():
        table = f'keys."{name}"'
        database.sql(f"INSERT INTO {table} VALUES {values};\nUPDATE {table} SET v = 'changed';")
        if len(values.split("'v'")) > 3:  # of several rows one goes
            database.sql(f"DELETE FROM {table} WHERE ctid = (SELECT max(ctid) FROM {table});")
    streams = scene.settle(database)
    for name, (_, _, key) in TABLES.items():
        parts = [json.loads(line) for line in database.sql(
            f'SELECT json_build_array({", ".join(f"({one})::text" for one in key)}) FROM keys."{name}"')]
        assert live(streams, name) == sorted(
            limited(f"{escape(name, False)}-{rendered(name, one)}") for one in parts), name
    for table in ("none", "moving"):
        del state.tables[table]
    state.assert_equals(streams)


def test_keys_of_mariadb(scene):
    database = scene.neighbourhood.mariadb
    modes = scene.neighbourhood.connectors()["maria"]
    state = LiveState(database, "keys_of", MARIADB, modes)
    for table in ("none", "moving"):
        del state.tables[table]
    scene.configure(r"^maria\.keys_of\.(texts|bytes)", **state.sections())
    scene.start()
    texts = [text.replace("\\", "\\\\") for text in TEXTS if len(text) < 256] + ["nul\\0in", "ctl\\Z"]
    database.sql("INSERT INTO keys_of.texts VALUES " + ", ".join(f"('{text}', 'v')" for text in texts) +
                 "; INSERT INTO keys_of.bytes VALUES (x'', 'v'), (x'00ff', 'v'), ('text', 'v'), (x'01', 'v');"
                 "DELETE FROM keys_of.texts WHERE k = 'plain'; DELETE FROM keys_of.bytes WHERE k = x'01';"
                 "UPDATE keys_of.texts SET v = 'changed'; UPDATE keys_of.bytes SET v = 'changed';")
    streams = scene.settle(database)
    for table, key in (("texts", "k"), ("bytes", "replace(to_base64(k), '\\n', '')")):
        parts = [json.loads(line) for line in database.sql(f"SELECT JSON_ARRAY({key}) FROM keys_of.{table}")]
        assert live(streams, table) == sorted(f"{table}-{rendered(table, one)}" for one in parts), table
    state.assert_equals(streams)


@pytest.mark.parametrize("name, schema", [("postgres", "keys"), ("mariadb", "keys_of")])
def test_a_key_that_changes_ends_one_stream_and_begins_another(scene, name, schema):
    database = getattr(scene.neighbourhood, name)
    sql = POSTGRES if name == "postgres" else MARIADB
    state = LiveState(database, schema, sql, scene.neighbourhood.connectors()[database.prefix])
    state.tables = {"moving": state.tables["moving"]}
    scene.configure(rf"^{database.prefix}\.{schema}\.moving", **state.sections())
    scene.start()
    database.sql(f"""
        INSERT INTO {schema}.moving VALUES ('acme', 1, 2, 'c1'), ('a:b', 1, 2, 'c2'), ('a-b', -1, -2, 'c3');
        UPDATE {schema}.moving SET tenant = 'ACME Ltd', sub = 3 WHERE tenant = 'acme';
        UPDATE {schema}.moving SET v = 'after' WHERE tenant = 'ACME Ltd';
        DELETE FROM {schema}.moving WHERE tenant = 'a:b';
        INSERT INTO {schema}.moving VALUES ('acme', 1, 2, 'another');""")
    streams = scene.settle(database)
    state.assert_equals(streams)
    order = database.sql(KEY_COLUMNS.format(schema, "moving"))
    assert sorted(order) == ["id", "sub", "tenant"]

    def stream(**key):
        return "moving-" + ":".join(escape(str(key[column]), True) for column in order)
    old, new = stream(tenant="acme", id=1, sub=2), stream(tenant="ACME Ltd", id=1, sub=3)
    assert {name: [event["type"] for event in events] for name, events in streams.items()} == {
        old: ["c", "d", "c"], new: ["c", "u"], stream(tenant="a:b", id=1, sub=2): ["c", "d"],
        stream(tenant="a-b", id=-1, sub=-2): ["c"]}
    there, here = streams[old][1]["metadata"], streams[new][0]["metadata"]
    assert there["moved_to"]["tenant"] == "ACME Ltd" and here["moved_from"]["tenant"] == "acme"
    assert there["position"] == here["position"] and there["txid"] == here["txid"]


def place(event):
    return (0,) if event["type"] == "r" else (1, place_of(plain(event["metadata"])))


@pytest.mark.parametrize("name, schema", [("postgres", "keys"), ("mariadb", "keys_of")])
def test_rows_without_key(scene, name, schema):
    database = getattr(scene.neighbourhood, name)
    sql = POSTGRES if name == "postgres" else MARIADB
    state = LiveState(database, schema, sql, scene.neighbourhood.connectors()[database.prefix])
    state.tables = {"none": state.tables["none"]}
    scene.configure(rf"^{database.prefix}\.{schema}\.none", **state.sections())
    scene.start()
    database.sql(f"""
        INSERT INTO {schema}.none VALUES (3, 'c'), (3, 'c'), (NULL, NULL);
        UPDATE {schema}.none SET v = 'b' WHERE a = 1;
        DELETE FROM {schema}.none WHERE a = 3;""")
    streams = scene.settle(database)
    assert all(stream.startswith("none-~partition:") for stream in streams), streams.keys()
    assert sorted(event["type"] for events in streams.values() for event in events) == \
        list("ccc") + list("dd") + list("rrr") + list("uu")
    # Several partitions: in the order of the database's log, what was there before first.
    rows = []
    for event in sorted((event for events in streams.values() for event in events), key=place):
        if event["type"] in "ud":
            rows.remove(event["data"]["before"])
        if event["type"] != "d":
            rows.append(event["data"]["after"])
    printed = database.printed(f"{schema}.none", state.tables["none"].columns)
    assert sorted(rows, key=repr) == sorted(map(parse, printed), key=repr)
