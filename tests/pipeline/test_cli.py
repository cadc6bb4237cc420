"""What a person meets first: help, version, mistakes, and the configuration as it is printed."""
import re

import pytest

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
