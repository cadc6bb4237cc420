"""What a person meets first: help, version, mistakes, and the configuration as it is printed."""
import json
import re

import pytest

from harness import record, row_change

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3
SECRET = "hunter2"


def commands(bench):
    """Names of all sub-commands, from the list that `rowstream` prints."""
    listing = bench.rowstream().stdout
    return re.findall(r"(?m)^  (\S+) +\S", listing)


def test_without_a_command_it_lists_them(bench):
    alone, wanted = bench.rowstream(), bench.rowstream("help")
    assert alone.returncode == DONE and alone.stderr == ""
    assert alone.stdout == wanted.stdout == bench.rowstream("--help").stdout
    assert "config" in commands(bench)
    assert all(len(line) <= 100 for line in alone.stdout.splitlines())


def test_every_command_has_help_two_ways(bench):
    for name in commands(bench):
        asked, flag = bench.rowstream("help", name), bench.rowstream(name, "--help")
        assert asked.returncode == flag.returncode == DONE
        assert asked.stdout == flag.stdout == bench.rowstream(name, "-h").stdout
        assert asked.stdout.startswith(f"rowstream {name}: ")
        assert f"usage: rowstream {name}" in asked.stdout and "--config FILE" in asked.stdout
        assert all(len(line) <= 100 for line in asked.stdout.splitlines()), name


def test_version_names_the_libraries(bench):
    lines = bench.rowstream("--version").stdout.splitlines()
    assert re.fullmatch(r"rowstream \d+\.\d+\.\d+", lines[0])
    for library in ("librdkafka", "libcurl", "libyaml"):
        assert any(re.match(library + r" \d+\.\d+\.\d+", line) for line in lines), library


@pytest.mark.parametrize("words, hint", [
    (["confg", "print"], 'there is no command "confg": did you mean \'config\'?'),
    (["help", "confg"], 'there is no command "confg": did you mean \'config\'?'),
    (["xyzzy"], 'there is no command "xyzzy"\n'),
    (["a\033[2Jb"], 'there is no command "a\\x1b[2Jb"'),
    (["config"], "'config print' or 'config options'"),
    (["config", "pint"], "'config print' or 'config options'"),
    (["config", "print", "more"], "unexpected argument 'more'"),
    (["config", "options", "more"], "unexpected argument 'more'"),
    (["config", "options", "--format", "xml"], "'xml' is not one of yaml, markdown, man"),
    (["config", "print", "--eventstore-ulr=x"], "did you mean --eventstore-url?"),
    (["config", "print", "-c"], "option --config needs a value: FILE"),
    (["config", "print", "-c", "/nonexistent.yaml"],
     "cannot read /nonexistent.yaml: No such file or directory"),
])
def test_mistakes_are_named_and_exit_with_2(bench, words, hint):
    done = bench.rowstream(*words)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert hint in done.stderr and done.stderr.startswith("rowstream")


def test_no_file_means_defaults_and_the_usual_one_is_found(bench):
    where = bench.directory
    assert "# rowstream.yaml" not in bench.rowstream("config", "print", cwd=where).stdout
    (where / "rowstream.yaml").write_text("eventstore:\n  connections: 3\n")
    done = bench.rowstream("config", "print", cwd=where)
    assert "  connections: 3  # rowstream.yaml:2\n" in done.stdout
    (where / "rowstream.yaml").write_text("eventstore:\n  conections: 3\n")
    done = bench.rowstream("config", "print", cwd=where)
    assert done.returncode == USAGE
    assert "rowstream.yaml:2:3: unknown option 'conections'" in done.stderr
    # Who has a broken file needs the list of options most.
    assert bench.rowstream("config", "options", cwd=where).returncode == DONE


def test_the_options_are_a_file_of_defaults(bench):
    path = bench.directory / "all.yaml"
    path.write_text(bench.rowstream("config", "options").stdout)
    read = bench.rowstream("config", "print", "-c", path).stdout
    assert "all.yaml:" in read
    plain = bench.rowstream("config", "print", cwd=bench.directory).stdout
    assert re.sub(r"  # .*", "", read) == plain


@pytest.mark.valgrind
def test_no_secret_is_printed_from_file_variable_or_flag(bench):
    secret_file = bench.directory / "secret"
    secret_file.write_text(SECRET + "\n")
    path = bench.directory / "secrets.yaml"
    path.write_text(f"""
kafka:
  sasl.password: {SECRET}
  client.rack: ${{file:{secret_file}}}
eventstore:
  url: esdb://admin:{SECRET}@127.0.0.1:2113
  password: ${{ANOTHER_NAME}}
registry: {{url: 'http://u:{SECRET}@r', password: '{SECRET}'}}
filter: {{hash_salt: {SECRET}}}
""")
    done = bench.rowstream(
        "config", "print", "-c", path, "--kafka", f"ssl.key.password={SECRET}",
        "--eventstore-username=${file:" + str(secret_file) + "}",
        env={"ROWSTREAM_KAFKA_SSL_KEYSTORE_PASSWORD": SECRET, "ANOTHER_NAME": SECRET})
    assert done.returncode == DONE and done.stderr == ""
    assert SECRET not in done.stdout
    assert done.stdout.count("***") == 10
    assert "  ssl.key.password: '***'  # --kafka\n" in done.stdout
    assert "  ssl.keystore.password: '***'  # ROWSTREAM_KAFKA_SSL_KEYSTORE_PASSWORD\n" in done.stdout


@pytest.mark.parametrize("text", [
    "eventstore: {password: [hunter2]}",
    "eventstore: {password: {hunter2: hunter2}}",
    "eventstore: {password: '${hunter2 }'}",
    "eventstore: {password: 'hunter2${'}",
    "kafka: hunter2",
    "kafka: {sasl.password: [hunter2]}",
    "registry: {password: hunter2, pasword: hunter2}",
    "eventstore: {password: hunter2\n",
])
def test_no_secret_is_in_an_error(bench, text):
    path = bench.directory / "wrong.yaml"
    path.write_text(text)
    done = bench.rowstream("config", "print", "-c", path)
    assert done.returncode == USAGE and re.search(r"wrong\.yaml:[12]:\d+: ", done.stderr)
    assert SECRET not in done.stdout + done.stderr


def test_a_full_disk_is_no_success(bench):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = bench.rowstream("config", "options", stdout=full)
    assert done.returncode == REFUSED
    assert "cannot write to standard output: No space left on device" in done.stderr


# --- check ---


def checked(done):
    """The lines of `check` as {subject: [(result, text)]}."""
    found = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found.setdefault(row["subject"], []).append((row["result"], row["text"]))
    return found


def check(bench, config, *args):
    done = bench.rowstream("check", "-c", config, "--format", "jsonl", "--timeout", "20", *args)
    return done.returncode, checked(done)


@pytest.fixture
def kafka(bench):
    return bench.kafka([record("shop.public.orders", 0, {"id": 1}, row_change("c")),
                        record("shop.public.customers", 0, {"id": 1}, row_change("c"))],
                       partitions=2)


@pytest.mark.valgrind
def test_check_of_a_good_neighbourhood(bench, kafka):
    store = bench.store()
    code, found = check(bench, bench.config(kafka, store, [r"^shop\.public\..*"]))
    assert code == DONE
    assert found["kafka"] == [("ok", f"{kafka.bootstrap} answers")]
    (result, text), = found["topics"]
    assert result == "ok" and text.startswith("2 with 4 partitions: ")
    assert "shop.public.orders (2)" in text
    for subject in ("configuration", "mapping", "group", "eventstore", "read", "append"):
        assert [result for result, _ in found[subject]] == ["ok"], found
    # It tried whether it may append; nothing is there for that.
    assert store.streams() == {}


def test_check_of_dead_servers_says_what_was_tried(bench):
    config = bench.config("127.0.0.1:1", "esdb://admin:hunter2@127.0.0.1:2?tls=false", ["orders"])
    code, found = check(bench, config)
    assert code == UNREACHABLE
    (kafka,), (store,) = found["kafka"], found["eventstore"]
    assert kafka[0] == store[0] == "FAIL"
    assert "127.0.0.1:1" in kafka[1] and "Connection refused" in kafka[1]
    assert "GET http://127.0.0.1:2/info" in store[1]
    assert SECRET not in str(found)


def test_check_names_what_is_wrong_with_the_topics(bench, kafka):
    store = bench.store()
    code, found = check(bench, bench.config(kafka, store, ["orders", r"^shop\.public"]))
    assert code == REFUSED
    assert found["topics"][0][0] == "FAIL" and "matches none" in found["topics"][0][1]
    code, found = check(bench, bench.config(kafka, store, []))
    assert code == USAGE
    assert "source.topics names no topic" in found["kafka"][0][1]
    code, found = check(bench, bench.config(kafka, store, ["^(open"]))
    assert code == USAGE
    assert "source.topics: '^(open' is no regular expression" in found["kafka"][0][1]


def test_check_names_a_property_that_kafka_does_not_know(bench, kafka):
    store = bench.store()
    config = bench.config(kafka, store, ["^shop.*"])
    code, found = check(bench, config, "--kafka=no.such.property=x")
    assert code == USAGE
    assert "no.such.property" in found["kafka"][0][1]
    assert found["eventstore"][0][0] == "ok"


def test_check_names_an_option_of_the_mapping(bench, kafka):
    config = bench.config(kafka, bench.store(), ["^shop.*"], mapping={"stream": "{nothing}"})
    code, found = check(bench, config)
    assert code == USAGE
    assert found["mapping"][0][0] == "FAIL" and "nothing" in found["mapping"][0][1]


def test_check_knows_the_mapping_that_the_group_wrote_with(bench, kafka):
    config = bench.config(kafka, bench.store(), ["^shop.*"])
    assert bench.run(config, "--until-end").wait() == DONE
    code, found = check(bench, config)
    assert code == DONE, found
    assert found["mapping"][1] == ("ok", "the one that this group has written with")
    code, found = check(bench, config, "--mapping-stream={schema}.{table}-{key}")
    assert code == USAGE
    result, text = found["mapping"][1]
    assert result == "FAIL" and "{schema}.{table}-{key}" in text
    assert "--accept-mapping-change" in text


def test_check_of_credentials(bench, kafka):
    store = bench.store("--auth")
    config = bench.config(kafka, store, ["^shop.*"])
    code, found = check(bench, config)
    assert code == DONE, found
    code, found = check(bench, config, f"--eventstore-url=esdb://admin:no@{store.address}?tls=false")
    assert code == UNREACHABLE
    assert "HTTP 401: wrong user or password" in found["eventstore"][0][1]
    code, found = check(bench, config, f"--eventstore-url=esdb://{store.address}?tls=false")
    assert code == UNREACHABLE
    assert "HTTP 401" in found["read"][0][1] and "HTTP 401" in found["append"][0][1]


def test_check_says_that_atompub_is_off(bench, kafka):
    code, found = check(bench, bench.config(kafka, bench.store("--no-atom"), ["^shop.*"]))
    assert code == REFUSED
    assert "--enable-atom-pub-over-http" in found["eventstore"][1][1]


def test_check_for_people_is_a_table(bench):
    config = bench.config("127.0.0.1:1", "esdb://127.0.0.1:2?tls=false", ["orders"])
    done = bench.rowstream("check", "-c", config)
    assert done.returncode == UNREACHABLE and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["result", "subject", "text"]
    assert lines[1].startswith("ok      configuration  ") and lines[3].startswith("FAIL    kafka  ")


@pytest.mark.parametrize("flags, hint", [
    (["--format", "xml"], "--format 'xml' is not one of table, json, jsonl, csv"),
    (["--timeout", "soon"], "--timeout 'soon': not a number"),
    (["--timeout", "0"], "--timeout is not a number from 1 to 3600"),
    (["more"], "unexpected argument 'more'"),
])
def test_check_refuses_wrong_flags(bench, flags, hint):
    done = bench.rowstream("check", *flags)
    assert done.returncode == USAGE and hint in done.stderr and done.stdout == ""
