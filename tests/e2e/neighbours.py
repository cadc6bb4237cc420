"""The real servers around the bridge, as scripts/neighbourhood.sh starts them: SQL into the databases,
connectors into Connect, and waiting until Kafka has everything.

A *fence* is a row written after all else. That it is in Kafka says nothing about other partitions: the
producer sends one batch of each at a time. Connect commits a connector's place in the database only when
Kafka has every record before it; so the place it committed must reach the one before the fence.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

import harness
from harness import wait_until

SCRIPT = harness.CHECKOUT / "scripts" / "neighbourhood.sh"
GENERATE = harness.CHECKOUT / "scripts" / "generate.sh"
CANNOT_FETCH = 3
SERVER_DEADLINE_S = 120 * harness.PATIENCE

CONVERTERS = {f"{side}.converter{option}": value for side in ("key", "value") for option, value in (
    ("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "false"),
    (".replace.null.with.default", "false"))}
THREE_PARTITIONS = {"topic.creation.default.partitions": "3",
                    "topic.creation.default.replication.factor": "1"}


def avro_converters(registry):
    """Apicurio's, in Confluent's wire format."""
    return {f"{side}.converter{option}": value for side in ("key", "value") for option, value in (
        ("", "io.apicurio.registry.utils.converter.AvroConverter"),
        (".apicurio.registry.url", registry),
        (".apicurio.registry.auto-register", "true"), (".apicurio.registry.find-latest", "true"),
        (".apicurio.registry.as-confluent", "true"), (".apicurio.registry.use-id", "contentId"),
        (".apicurio.registry.headers.enabled", "false"))}


class CannotFetch(Exception):
    pass


def run(command, stdin=None, env=None):
    """A command to its end; its standard output."""
    done = subprocess.run(list(map(str, command)), input=stdin, text=True, capture_output=True,
                          check=False, timeout=SERVER_DEADLINE_S, env={**os.environ, **(env or {})},
                          **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    assert done.returncode == 0, f"$ {' '.join(map(str, command))[:300]}\n{done.stderr[-3000:]}"
    return done.stdout


KEY_COLUMNS = """SELECT column_name FROM information_schema.key_column_usage
    WHERE table_schema = '{}' AND table_name = '{}' ORDER BY ordinal_position"""


class Postgres:
    """One database of the server."""
    name = "postgres"

    def __init__(self, port, database, prefix):
        self.database, self.prefix = database, prefix
        self.url = f"postgresql://postgres@127.0.0.1:{port}/{database}"

    def client(self, url=None):
        return ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url or self.url]

    def sql(self, text):
        """Statements; each commits for itself. What they print, as lines."""
        return run(self.client(), text,
                   {"PGOPTIONS": "--client-min-messages=warning"}).split("\n")[:-1]

    @staticmethod
    def quoted(name):
        return f'"{name}"'

    def create(self):
        run(self.client(self.url.rsplit("/", 1)[0] + "/postgres"),
            f"SELECT 'CREATE DATABASE {self.database}' WHERE NOT EXISTS "
            f"(SELECT FROM pg_database WHERE datname = '{self.database}') \\gexec")
        self.sql("CREATE TABLE fence (id serial PRIMARY KEY)")
        self.sql("CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(32), data varchar(2048))")

    def fence(self):
        """The place before a row that is written now."""
        return int(self.sql("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn; "
                            "INSERT INTO fence DEFAULT VALUES")[0])

    @staticmethod
    def place(offset):
        return int(offset["lsn"])

    def printed(self, table, _types):
        """The rows of a table, each as the JSON text that the database prints."""
        return self.sql(f"SELECT row_to_json(whole) FROM {table} whole")

    def streaming(self):
        return self.sql("SELECT 1 FROM pg_stat_replication r JOIN pg_replication_slots s "
                        f"ON s.active_pid = r.pid WHERE s.slot_name = '{self.prefix}' "
                        "AND r.state = 'streaming'") == ["1"]


class Mariadb:
    name = "mariadb"

    def __init__(self, port, prefix):
        self.port, self.prefix = port, prefix

    def client(self, database=""):
        return ["mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", self.port, "-u", "debezium",
                "-pdbz", "-N", "--batch", "--raw", "--default-character-set=utf8mb4", database]

    def sql(self, text):
        return run(self.client(), text).split("\n")[:-1]

    @staticmethod
    def quoted(name):
        return f"`{name}`"

    def create(self):
        self.sql("CREATE DATABASE fence; CREATE TABLE fence.fence (id int AUTO_INCREMENT PRIMARY KEY)")

    def fence(self):
        log, position = self.sql("SHOW MASTER STATUS")[0].split("\t")[:2]
        self.sql("INSERT INTO fence.fence VALUES ()")
        return log, int(position)

    @staticmethod
    def place(offset):
        return offset["file"], int(offset["pos"])

    @staticmethod
    def printable(column, type_):
        """What JSON_OBJECT would print as bytes."""
        if type_.name in ("binary", "varbinary", "blob", "longblob"):
            return f"replace(to_base64(`{column}`), '\\n', '')"
        return f"`{column}` + 0" if type_.name == "bit" else f"`{column}`"

    def printed(self, table, types):
        members = ", ".join(f"'{column}', {self.printable(column, type_)}"
                            for column, type_ in types.items())
        return self.sql(f"SELECT JSON_OBJECT({members}) FROM {table}")

    def streaming(self):
        return self.sql("SELECT count(*) FROM information_schema.processlist "
                        "WHERE command LIKE 'Binlog Dump%'") == ["1"]


class Neighbourhood:
    def __init__(self):
        # Not pytest's own folder: the databases' users must get there.
        self.folder = tempfile.mkdtemp(prefix="rowstream-e2e-")
        os.chmod(self.folder, 0o755)

    def script(self, *arguments):
        return subprocess.run([str(SCRIPT), *arguments, "--dir", self.folder], check=False, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=900)

    def up(self):
        done = self.script("up", "--bare", "--registry")
        if done.returncode == CANNOT_FETCH:  # perhaps only the registry
            done = self.script("up", "--bare")
        if done.returncode == CANNOT_FETCH:
            raise CannotFetch(done.stderr.strip())
        assert done.returncode == 0, done.stdout + done.stderr
        with open(f"{self.folder}/env", encoding="utf-8") as lines:
            env = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.kafka, self.connect = env["KAFKA"], env["CONNECT"]
        self.postgres = Postgres(env["POSTGRES_PORT"], "shop", "pg")
        self.mariadb = Mariadb(env["MARIADB_PORT"], "maria")
        # A second connector, with what is not the default, at a database of its own.
        self.told = Postgres(env["POSTGRES_PORT"], "told", "told")
        self.databases = [self.postgres, self.mariadb, self.told]
        # One that writes Avro, where there is a registry; self.registry is its address, or None.
        self.registry, self.apicurio = env.get("REGISTRY"), env.get("REGISTRY_APICURIO")
        self.avro = Postgres(env["POSTGRES_PORT"], "avro", "avro")
        if self.registry:
            self.databases.append(self.avro)

    def down(self):
        try:
            done = self.script("down")
            assert done.returncode == 0, done.stdout + done.stderr
        finally:
            shutil.rmtree(self.folder)

    def again(self):
        """What was ended or died runs again, where it was."""
        done = self.script("up", "--bare")
        assert done.returncode == 0, done.stdout + done.stderr

    def end(self, *servers):
        done = self.script("down", *servers)
        assert done.returncode == 0, done.stdout + done.stderr

    def pid(self, server):
        with open(f"{self.folder}/run/{server}.pid", encoding="utf-8") as line:
            return int(line.read().split()[0])

    def kill(self, server):
        """As a crash; it is gone afterwards."""
        pid = self.pid(server)
        os.kill(pid, signal.SIGKILL)

        def gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                    return stat.read().rsplit(")", 1)[1].split()[0] in "ZX"
            except (FileNotFoundError, ProcessLookupError):
                return True
        wait_until(gone, f"{server} is gone")

    # --- connectors ---

    def connectors(self):
        postgres = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                    "database.hostname": "127.0.0.1", "database.user": "postgres",
                    "database.port": self.postgres.url.rsplit(":", 1)[1].split("/")[0],
                    "database.password": "", "plugin.name": "pgoutput",
                    "publication.autocreate.mode": "all_tables", **CONVERTERS}
        plain = {name: value for name, value in postgres.items() if name not in CONVERTERS}
        avro = {"avro": {**plain, **avro_converters(self.apicurio), "database.dbname": "avro",
                         "topic.prefix": "avro", "slot.name": "avro", "publication.name": "avro",
                         "schema.name.adjustment.mode": "avro",
                         "field.name.adjustment.mode": "avro"}} if self.registry else {}
        return {
            **avro,
            "pg": {**postgres, **THREE_PARTITIONS, "database.dbname": "shop", "topic.prefix": "pg",
                   "slot.name": "pg", "publication.name": "pg", "skipped.operations": "none",
                   "signal.data.collection": "public.signals"},
            "told": {**postgres, "database.dbname": "told", "topic.prefix": "told",
                     "slot.name": "told", "publication.name": "told",
                     "provide.transaction.metadata": "true", "heartbeat.interval.ms": "500",
                     "tombstones.on.delete": "false", "decimal.handling.mode": "string"},
            # As Connect and Debezium are out of the box: schemas in every record.
            "maria": {"connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
                      "database.hostname": "127.0.0.1", "database.port": self.mariadb.port,
                      "database.user": "debezium", "database.password": "dbz",
                      "database.server.id": "5001", "topic.prefix": "maria",
                      "schema.history.internal.kafka.bootstrap.servers": self.kafka,
                      "schema.history.internal.kafka.topic": "history-maria",
                      "key.converter": CONVERTERS["key.converter"],
                      "value.converter": CONVERTERS["value.converter"]},
        }

    def rest(self, method, path, body=None):
        """(status, answer) of Connect; (0, None) where nobody answers."""
        sent = urllib.request.Request(self.connect + path, method=method,
                                      headers={"Content-Type": "application/json"},
                                      data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, None

    def register(self):
        for name, config in self.connectors().items():
            def put(name=name, config=config):
                status, answer = self.rest("PUT", f"/connectors/{name}/config", config)
                assert status in (200, 201, 409), f"connector {name}: {status} {answer}"
                return status != 409
            wait_until(put, f"Connect takes connector {name}", SERVER_DEADLINE_S)
        self.await_streaming()

    def assert_not_failed(self):
        status, answer = self.rest("GET", "/connectors?expand=status")
        for name, one in (answer.items() if status == 200 else ()):
            for task in one["status"]["tasks"]:
                assert task["state"] != "FAILED", f"connector {name}: {task.get('trace')}"

    def await_streaming(self):
        for database in self.databases:
            def streaming(database=database):
                self.assert_not_failed()
                return database.streaming()
            wait_until(streaming, f"connector {database.prefix} streams", SERVER_DEADLINE_S)

    def keys(self, topic):
        """The keys of a topic's records, as they are now; none where there is no topic."""
        done = subprocess.run(["kcat", "-b", self.kafka, "-C", "-t", topic, "-e", "-q", "-f", "%k\\n"],
                              check=False, text=True, capture_output=True, timeout=SERVER_DEADLINE_S)
        return done.stdout.split("\n")[:-1]

    def committed(self, database):
        """The place that the database's connector committed; None where it has none yet."""
        status, answer = self.rest("GET", f"/connectors/{database.prefix}/offsets")
        if status != 200 or not answer["offsets"]:
            return None
        return database.place(answer["offsets"][0]["offset"])

    def await_all(self, *databases):
        """Everything that was committed in them until now is in Kafka."""
        fences = [(database, database.fence()) for database in databases]
        for database, fence in fences:
            def there(database=database, fence=fence):
                self.assert_not_failed()
                place = self.committed(database)
                return place is not None and place >= fence
            wait_until(there, f"connector {database.prefix} reaches {fence}", SERVER_DEADLINE_S)

    def generate(self, database, *arguments, search_path=None):
        """The bank's random load into a database: scripts/generate.sh's options."""
        client = database.client(search_path or "bank") if database.name == "mariadb" else database.client()
        options = f"--client-min-messages=warning -c search_path={search_path or 'public'}"
        return subprocess.Popen(
            [str(GENERATE), "--to", database.name, *map(str, arguments), "--", *map(str, client)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PGOPTIONS": options})
