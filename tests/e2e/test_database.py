"""`rowstream source` asks the database itself. types --database: the section `types` from its catalogue is the
one that schema blocks give, and makes readable what comes without them. check: rights and settings that
Connect does not look at."""
import json
import subprocess

import pytest
import yaml

from live_state import LiveState
from test_replicate import POSTGRES as USERS

POSTGRES = USERS.replace("replicate", "catalogue")
MARIADB = """
CREATE DATABASE catalogue;
CREATE TABLE catalogue.typed (id int PRIMARY KEY, d decimal(12,2), d0 decimal(5), wide decimal(65,30) unsigned,
  born date, wakes time, wakes6 time(6), seen datetime, seen3 datetime(3), seen6 datetime(6), at timestamp NULL,
  big bigint unsigned, f float, t text, founded year, flag boolean);
INSERT INTO catalogue.typed (id, born) VALUES (1, '2026-11-26');
"""


def types_of(done):
    """The section that was printed."""
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["types"]


def test_the_catalogue_says_what_schema_blocks_say(scene):
    database = scene.neighbourhood.mariadb
    scene.neighbourhood.await_all(database)
    sample = subprocess.run(["kcat", "-b", scene.neighbourhood.kafka, "-C", "-t", "maria.catalogue.typed", "-e",
                             "-q", "-J"], text=True, capture_output=True, check=True).stdout
    from_blocks = types_of(scene.bench.rowstream("source", "types", stdin=sample))
    done = scene.bench.rowstream("source", "types", "--database",
                                 f"mariadb://debezium:dbz@127.0.0.1:{database.port}/catalogue")
    assert types_of(done) == from_blocks
    assert len(from_blocks) == 9 and "dbz" not in done.stdout + done.stderr


def test_the_catalogue_makes_values_readable(scene):
    """Records without schema blocks, decimals and times as Debezium's defaults write them."""
    database = scene.neighbourhood.postgres
    done = scene.bench.rowstream("source", "types", "--database", database.url)
    state = LiveState(database, "catalogue", POSTGRES, scene.neighbourhood.connectors()["pg"])
    scene.configure(r"^pg\.catalogue\..*", types=types_of(done), mapping={"values": "canonical"})
    state.assert_equals(scene.settle(database))


@pytest.mark.parametrize("address, code, words", [
    ("postgresql://nobody:geheim@127.0.0.1:{pg}/shop", 3, "nobody"),
    ("postgresql://postgres:geheim@127.0.0.1:{pg}/nowhere", 3, "nowhere"),
    ("mariadb://debezium:geheim@127.0.0.1:{maria}/catalogue", 3, "Access denied"),
    ("postgresql://postgres:geheim@127.0.0.1:1/shop", 3, "refused"),
    ("oracle://u:geheim@127.0.0.1/x", 2, "postgresql://user:password@host"),
])
def test_a_database_that_cannot_be_asked(scene, address, code, words):
    postgres_port = scene.neighbourhood.postgres.url.rsplit(":", 1)[1].split("/")[0]
    done = scene.bench.rowstream("source", "types", "--database", address.format(
        pg=postgres_port, maria=scene.neighbourhood.mariadb.port))
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr and "geheim" not in done.stderr


def check(scene, connector):
    """(exit code, {result: [text of each finding about the database]}) of `source check`."""
    path = scene.bench.directory / "source.yaml"
    path.write_text(json.dumps({
        "kafka": {"bootstrap.servers": scene.neighbourhood.kafka},
        "connect": {"url": scene.neighbourhood.connect, "name": "checked"},
        "connector": {"database.hostname": "127.0.0.1", **connector}}))
    done = scene.bench.rowstream("source", "check", "-c", path, "--format", "jsonl")
    found = {}
    for row in map(json.loads, done.stdout.splitlines()):
        if row["subject"] == "database":
            found.setdefault(row["result"], []).append(row["text"])
    return done.returncode, found


def postgres(scene, user, **more):
    return {"connector.class": "Postgres", "database.dbname": "shop", "database.user": user,
            "database.port": scene.neighbourhood.postgres.url.rsplit(":", 1)[1].split("/")[0], **more}


def test_rights_in_postgres_are_looked_at(scene):
    code, found = check(scene, postgres(scene, "postgres"))
    assert code == 0 and set(found) == {"ok"}, found
    assert any("answers 'postgres'" in text for text in found["ok"])
    scene.neighbourhood.postgres.sql("CREATE ROLE weak LOGIN; REVOKE CREATE ON DATABASE shop FROM weak")
    code, found = check(scene, postgres(scene, "weak"))
    assert code == 1
    assert any("ALTER ROLE \"weak\" REPLICATION" in text for text in found["FAIL"]), found
    assert any("may not create the publication" in text for text in found["FAIL"]), found
    # The slot of the other database's connector, on the same server.
    code, found = check(scene, postgres(scene, "postgres", **{"slot.name": "told"}))
    assert code == 1
    assert any("belongs to another database" in text for text in found["FAIL"]), found
    # That of a connector that runs: two would stop each other.
    scene.neighbourhood.await_all(scene.neighbourhood.postgres)
    code, found = check(scene, postgres(scene, "postgres", **{"slot.name": "pg"}))
    assert code == 1
    assert any("another connector reads the slot 'pg'" in text for text in found["FAIL"]), found


def test_settings_of_mariadb_are_looked_at(scene):
    connector = {"connector.class": "MariaDb", "database.user": "debezium", "database.password": "dbz",
                 "database.port": scene.neighbourhood.mariadb.port, "database.server.id": "6001"}
    code, found = check(scene, connector)
    assert code == 0 and "FAIL" not in found, found
    scene.neighbourhood.mariadb.sql("GRANT SELECT, REPLICATION SLAVE ON *.* TO weak@'%' IDENTIFIED BY 'w'")
    code, found = check(scene, {**connector, "database.user": "weak", "database.password": "w"})
    assert any("rights lack REPLICATION CLIENT, RELOAD;" in text for text in found["warn"]), found
    number, = scene.neighbourhood.mariadb.sql("SELECT @@GLOBAL.server_id")
    code, found = check(scene, {**connector, "database.server.id": number})
    assert code == 1 and any("the server's own" in text for text in found["FAIL"]), found
