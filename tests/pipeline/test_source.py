"""`rowstream source`: a connector in Kafka Connect, checked, made, watched, removed."""
import json

import pytest

import harness
from connect_server import MARIADB, POSTGRES, RECORDED, Connect

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
SECRET = "hunter2"
LIBPQ = "define WITH_LIBPQ 1" in (harness.BUILD / "autoconf.h").read_text()


@pytest.fixture
def connect():
    server = Connect()
    yield server
    server.close()


def configure(bench, connect, /, **more):
    """A rowstream.yaml for a connector 'shop'; more adds sections."""
    path = bench.directory / "source.yaml"
    whole = {
        "kafka": {"bootstrap.servers": "kafka:9092"},
        "connect": {"url": connect.url, "name": "shop"},
        # Nobody is there: what Connect says is recorded.
        "connector": {"connector.class": POSTGRES, "database.hostname": "127.0.0.1",
                      "database.port": "1",
                      "database.user": "debezium", "database.password": SECRET,
                      "database.dbname": "bank"},
    }
    for section, options in more.items():
        whole.setdefault(section, {}).update(options)
    path.write_text(json.dumps(whole))
    return path


def source(bench, config, *args):
    """The finished command and its rows."""
    done = bench.rowstream("source", *args, "-c", config, "--format", "jsonl")
    assert SECRET not in done.stdout + done.stderr
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def texts(rows, result=None, subject=None):
    return [row["text"] for row in rows
            if result in (None, row["result"]) and subject in (None, row["subject"])]


# --- check ---

def test_check_says_what_would_be_sent_and_changes_nothing(bench, connect):
    done, rows = source(bench, configure(bench, connect), "check")
    assert done.returncode == DONE, done.stdout
    assert texts(rows, "ok", "connect") == [f"{connect.url}: Kafka Connect 4.3.1"]
    assert texts(rows, "ok", "plugin") == [f"{POSTGRES} 3.5.0.Final"]
    recommended = dict(text.split(": ")[0].split("=") for text in texts(rows, "ok", "recommended"))
    assert recommended["slot.name"] == "rowstream_shop"
    assert recommended["value.converter.replace.null.with.default"] == "false"
    assert texts(rows, "ok", "connector") == ["'shop' is not there yet: rowstream source create"]
    assert connect.methods() == []
    # What was tried is what is said.
    sent = next(body for method, path, body in connect.requests if path.endswith("/validate"))
    assert {name: sent[name] for name in recommended} == recommended
    assert sent["database.password"] == SECRET and sent["name"] == "shop"


def test_the_documentation_gives_the_reason_of_each_recommended_property(bench, connect):
    page = (harness.CHECKOUT / "docs" / "debezium.md").read_text()
    for name in (POSTGRES, MARIADB):
        _, rows = source(bench, configure(bench, connect, connector={"connector.class": name}),
                         "check")
        for text in texts(rows, "ok", "recommended"):
            assert f"`{text.split('=')[0]}`" in page


@pytest.mark.parametrize("validation, words", [
    ("pg-bad-password", ["database.hostname: ", 'password authentication failed for user "dbz"',
                         "look at database.user and database.password"]),
    ("pg-no-db", ['database "nope" does not exist']),
    ("pg-refused", ["refused", "is the database up"]),
    ("pg-no-host", ["The connection attempt failed", "is database.hostname a name", "resolve"]),
    ("my-bad-password", ["Access denied for user", "look at database.user"]),
    ("my-refused", ["Connection refused", "is the database up"]),
    ("pg-bad-values", ["Class nope.Converter could not be found; ", "plugin.path"]),
])
def test_check_says_what_is_wrong_and_what_to_do(bench, connect, validation, words):
    connect.validation = validation
    kind = MARIADB if validation.startswith("my") else POSTGRES
    done, rows = source(bench, configure(bench, connect, connector={"connector.class": kind}),
                        "check")
    assert done.returncode == REFUSED
    failed = " | ".join(texts(rows, "FAIL", "property"))
    assert all(word in failed for word in [*words])
    assert not texts(rows, "ok", "recommended")
    # One line for each property that is wrong.
    assert len(texts(rows, "FAIL")) == len(RECORDED["validations"][validation])


def test_check_names_the_plugins_that_are_there(bench, connect):
    config = configure(bench, connect, connector={
        "connector.class": "io.debezium.connector.mysql.MySqlConnector"})
    done, rows = source(bench, config, "check")
    assert done.returncode == REFUSED
    (failed,) = texts(rows, "FAIL", "plugin")
    assert "MySqlConnector is not on the worker" in failed
    assert POSTGRES in failed and MARIADB in failed and "plugin.path" in failed


def test_check_takes_short_class_names(bench, connect):
    for name in ("PostgresConnector", "Postgres"):
        done, rows = source(bench, configure(bench, connect, connector={"connector.class": name}),
                            "check")
        assert texts(rows, "ok", "plugin") == [f"{POSTGRES} 3.5.0.Final"], done.stdout
        # It is known by what it is, whatever it is called.
        assert any(text.startswith("slot.name=") for text in texts(rows, "ok", "recommended"))


def test_a_database_that_is_not_reached_from_here_is_no_failure(bench, connect):
    """The worker may reach it all the same."""
    done, rows = source(bench, configure(bench, connect), "check")
    assert done.returncode == DONE
    if LIBPQ:
        (said,) = texts(rows, "warn", "database")
        assert "cannot be asked from here" in said and "refused" in said
    else:
        assert not texts(rows, None, "database")


def test_a_password_that_only_the_worker_knows_is_not_tried(bench, connect):
    config = configure(bench, connect, connector={
        "database.password": "$${file:/run/secrets/db.properties:password}"})
    done, rows = source(bench, config, "check")
    assert done.returncode == DONE
    if LIBPQ:
        (said,) = texts(rows, "warn", "database")
        assert "only the worker knows what database.password is" in said
    else:
        assert not texts(rows, None, "database")
    sent = next(body for _, path, body in connect.requests if path.endswith("/validate"))
    assert sent["database.password"] == "${file:/run/secrets/db.properties:password}"


def test_check_warns_of_slips_only(bench, connect):
    config = configure(bench, connect, connector={
        "table.inclde.list": "public.users", "transforms.unwrap.add.fields": "op",
        "producer.override.linger.ms": "5"})
    done, rows = source(bench, config, "check")
    assert done.returncode == DONE
    assert texts(rows, "warn", "database") or not LIBPQ
    assert [text for text in texts(rows, "warn") if text not in texts(rows, "warn", "database")] == [
        "table.inclde.list: the plugin knows no such property; did you mean table.include.list?"]


# --- no Connect ---

@pytest.mark.parametrize("command", ["check", "create", "status", "remove"])
def test_a_connect_that_is_away(bench, command):
    gone = Connect()
    gone.close()
    done = bench.rowstream("source", command, "-c", configure(bench, gone))
    assert done.returncode == UNREACHABLE
    assert "connect" in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["check", "create", "status", "remove"])
def test_another_server_is_not_taken_for_connect(bench, command):
    store = bench.store()
    config = configure(bench, type("Url", (), {"url": f"http://{store.address}"}))
    done = bench.rowstream("source", command, "-c", config)
    assert done.returncode in (REFUSED, UNREACHABLE)


def test_credentials(bench, connect):
    connect.credentials = ("operator", "pa:ss@word")
    done, rows = source(bench, configure(bench, connect), "check")
    assert done.returncode == REFUSED and "connect.password" in texts(rows, "FAIL", "connect")[0]
    config = configure(bench, connect, connect={"username": "operator", "password": "pa:ss@word"})
    done, rows = source(bench, config, "check")
    assert done.returncode == DONE
    config = configure(bench, connect, connect={
        "url": connect.url.replace("://", "://operator:pa%3Ass%40word@"),
        "username": "", "password": ""})
    done, rows = source(bench, config, "check")
    assert done.returncode == DONE and "ss@word" not in done.stdout


# --- create ---

def test_create_makes_it_once(bench, connect):
    config = configure(bench, connect)
    done, rows = source(bench, config, "create")
    assert done.returncode == DONE, done.stdout
    assert texts(rows, "ok", "connector") == ["'shop' is made"]
    assert texts(rows, "ok", "task") == ["RUNNING on 127.0.0.1:8083"]
    made = dict(connect.connectors["shop"].config)
    assert made["database.password"] == SECRET and made["publication.name"] == "rowstream_shop"
    done, rows = source(bench, config, "create")
    assert done.returncode == DONE
    assert texts(rows, "ok", "connector") == ["'shop' is there with these properties"]
    assert connect.methods() == ["PUT /connectors/shop/config"]
    assert connect.connectors["shop"].config == made


def test_create_names_what_it_changes(bench, connect):
    source(bench, configure(bench, connect, connector={"snapshot.mode": "initial"}), "create")
    done, rows = source(bench, configure(bench, connect, connector={"heartbeat.interval.ms": 5}),
                        "create")
    assert done.returncode == DONE
    (text,) = texts(rows, "ok", "connector")
    assert text.startswith("'shop' is there; changed: ")
    assert set(text.split(": ")[1].split(", ")) == {"heartbeat.interval.ms", "snapshot.mode"}


@pytest.mark.parametrize("trace, words", [
    ("walrep2", ["Creation of replication slot failed",
                 "logical decoding requires wal_level >= logical",
                 "ALTER SYSTEM SET wal_level = 'logical'"]),
    ("norole", ["must be superuser or replication role", "REPLICATION for the connector's user"]),
    ("walrep", ["Unable to create filtered publication", "permission denied for database",
                "GRANT CREATE ON DATABASE"]),
    ("notowner", ["must be owner of table accounts", "CREATE PUBLICATION"]),
    ("nopub", ["Publication autocreation is disabled", "restart the connector; CREATE PUBLICATION"]),
    ("mymixed", ["not configured to use a ROW binlog_format", "SET GLOBAL binlog_format = 'ROW'"]),
])
def test_create_says_why_the_task_failed(bench, connect, trace, words):
    connect.traces = [trace]
    done, rows = source(bench, configure(bench, connect), "create")
    assert done.returncode == REFUSED
    (failed,) = texts(rows, "FAIL", "task")
    assert failed.startswith("FAILED: ") and all(word in failed for word in words)
    assert "Exception" not in failed and "\n" not in failed
    assert "\tat " not in done.stdout


def test_create_sees_a_task_that_fails_a_moment_after_its_start(bench, connect):
    connect.traces = ["mypoor2"]
    connect.fails_after = 3
    done, rows = source(bench, configure(bench, connect), "create")
    assert done.returncode == REFUSED
    (failed,) = texts(rows, "FAIL", "task")
    assert "does not have the 'LOCK TABLES' privilege" in failed and "GRANT RELOAD" in failed


def test_create_does_not_take_an_old_failure_for_a_new_one(bench, connect):
    connect.traces = ["norole"]
    config = configure(bench, connect)
    assert source(bench, config, "create")[0].returncode == REFUSED
    done, rows = source(bench, config, "create")
    assert done.returncode == DONE, done.stdout
    assert texts(rows, "ok", "connector") == ["'shop' is there with these properties",
                                              "it had failed: restarted"]
    assert connect.methods()[-1] == \
        "POST /connectors/shop/restart?includeTasks=true&onlyFailed=true"


def test_create_resumes_what_was_stopped(bench, connect):
    config = configure(bench, connect)
    source(bench, config, "create")
    connect.connectors["shop"].state = "STOPPED"
    done, rows = source(bench, config, "create")
    assert done.returncode == DONE, done.stdout
    assert "it was stopped or paused: resumed" in texts(rows, "ok", "connector")


def test_create_makes_nothing_of_what_is_wrong(bench, connect):
    connect.validation = "pg-no-db"
    done, rows = source(bench, configure(bench, connect), "create")
    assert done.returncode == REFUSED and texts(rows, "FAIL", "property")
    assert connect.methods() == []


def test_create_waits_for_a_rebalance(bench, connect):
    connect.busy = 2
    done, _ = source(bench, configure(bench, connect), "create")
    assert done.returncode == DONE
    assert connect.methods() == ["PUT /connectors/shop/config"] * 3


def test_create_gives_up_in_the_end(bench, connect):
    connect.no_task = True
    done, rows = source(bench, configure(bench, connect), "create", "--timeout", 1)
    assert done.returncode == UNREACHABLE
    (failed,) = texts(rows, "FAIL", "task")
    assert "after 1 s" in failed and "UNASSIGNED" in failed
    connect.connectors.clear()
    connect.busy = 1000
    done, rows = source(bench, configure(bench, connect), "create", "--timeout", 1)
    assert done.returncode == UNREACHABLE and "HTTP 409" in texts(rows, "FAIL")[0]


def test_names_with_odd_characters(bench, connect):
    name = "shop/eu ?1"
    config = configure(bench, connect, connect={"name": name})
    assert source(bench, config, "create")[0].returncode == DONE
    assert list(connect.connectors) == [name]
    done, rows = source(bench, config, "status")
    assert {row["connector"] for row in rows} == {name} and done.returncode == DONE


# --- status ---

def test_status_of_one_and_all(bench, connect):
    config = configure(bench, connect)
    source(bench, config, "create")
    done, rows = source(bench, config, "status")
    assert done.returncode == DONE
    assert [(row["task"], row["state"], row["result"]) for row in rows] == \
        [(None, "RUNNING", "ok"), (0, "RUNNING", "ok")]
    connect.traces = ["walrep2"]
    source(bench, configure(bench, connect, connect={"name": "other"}), "create")
    done, rows = source(bench, config, "status", "--all")
    assert done.returncode == REFUSED
    assert [(row["connector"], row["task"], row["result"]) for row in rows] == [
        ("other", None, "ok"), ("other", 0, "FAIL"), ("shop", None, "ok"), ("shop", 0, "ok")]
    assert "wal_level >= logical; ALTER SYSTEM" in rows[1]["error"]


def test_status_of_none(bench, connect):
    done = bench.rowstream("source", "status", "-c", configure(bench, connect))
    assert done.returncode == REFUSED
    assert "there is no connector 'shop'" in done.stderr and "source create" in done.stderr
    done, rows = source(bench, configure(bench, connect), "status", "--all")
    assert done.returncode == DONE and rows == []


# --- remove ---

def test_remove_forgets_offsets_and_says_what_is_left(bench, connect):
    config = configure(bench, connect)
    source(bench, config, "create")
    del connect.requests[:]
    done, rows = source(bench, config, "remove")
    assert done.returncode == DONE, done.stdout
    assert connect.methods() == ["PUT /connectors/shop/stop", "DELETE /connectors/shop/offsets",
                                 "DELETE /connectors/shop"]
    assert connect.connectors == {}
    (left,) = texts(rows, "warn", "database")
    assert "pg_drop_replication_slot('rowstream_shop')" in left
    assert 'DROP PUBLICATION "rowstream_shop"' in left and "bank" in left
    done, rows = source(bench, config, "remove")
    assert done.returncode == DONE and "'shop' is not there" in texts(rows, "ok")


def test_remove_names_the_slot_that_the_connector_really_had(bench, connect):
    source(bench, configure(bench, connect, connector={"slot.name": "older"}), "create")
    _, rows = source(bench, configure(bench, connect), "remove")
    assert "pg_drop_replication_slot('older')" in texts(rows, "warn", "database")[0]


def test_remove_from_an_old_connect_says_that_offsets_stay(bench, connect):
    config = configure(bench, connect, connector={"connector.class": MARIADB})
    source(bench, config, "create")
    connect.old = True
    done, rows = source(bench, config, "remove")
    assert done.returncode == DONE and connect.connectors == {}
    assert "will go on where this one was" in texts(rows, "warn", "offsets")[0]
    # A binlog needs no slot.
    assert not texts(rows, "warn", "database")
    assert "__debezium-schema-history.shop" in texts(rows, "ok", "kafka")[0]


def test_remove_leaves_all_where_it_is_when_it_cannot_stop(bench, connect):
    config = configure(bench, connect)
    source(bench, config, "create")
    connect.busy = 1000
    done, rows = source(bench, config, "remove", "--timeout", 1)
    assert done.returncode == UNREACHABLE
    assert "shop" in connect.connectors


# --- mistakes ---

@pytest.mark.parametrize("args, words", [
    ([], "wanted is 'source check'"),
    (["destroy"], "wanted is 'source check'"),
    (["check", "more"], "unexpected argument 'more'"),
    (["check", "--format", "xml"], "'xml' is not one of table, json, jsonl, csv"),
    (["create", "--timeout", "0"], "--timeout is not a number from 1 to 3600"),
    (["check", "--connect-name", ""], "connect.name is empty"),
    (["check", "--connector", "connector.class=X", "--connect-url", "nonsense"], "connect.url is no address"),
    (["check"], "connector.class is not set"),
])
def test_mistakes(bench, args, words):
    done = bench.rowstream("source", *args, cwd=bench.directory)
    assert done.returncode == USAGE and words in done.stderr and done.stdout == ""
