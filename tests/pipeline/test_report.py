"""`rowstream report`, against sums made from the records themselves."""
import collections
import json
import xml.dom.minidom

import pytest

import mapping_oracle
from harness import fixture, fixture_path

BANK = "postgres-bank-readable"
WORDS = {"c": "insert", "u": "update", "d": "delete", "r": "snapshot", "t": "truncate"}


@pytest.fixture
def report(bench):
    """The bank's capture, bridged; returns a function that reports on it."""
    store = bench.store()
    config = bench.config(bench.kafka(fixture_path(BANK), partitions=1), store, ["^shopbank.*"])
    program = bench.run(config, "--until-end")
    assert program.wait() == 0, program.report()
    return lambda *args: bench.rowstream("report", "-c", config, *args)


def expected(outcomes):
    """Figures from the events that the oracle makes of the records."""
    ops = collections.defaultdict(collections.Counter)
    rows, streams, hours, delays = (collections.Counter() for _ in range(4))
    for event in outcomes:
        meta = dict(event.metadata)
        ops[meta["table"]][WORDS[meta["op"]]] += 1
        streams[event.stream] += 1
        if meta["op"] == "r":
            continue
        rows[meta["$correlationId"]] += 1
        hours[meta["ts"] // 3600000] += 1
        delays[meta["kafka_ts"] - meta["ts"]] += 1
    return ops, rows, streams, hours, delays


def bucket(rows):
    if rows <= 2:
        return str(rows)
    high = 1 << (rows - 1).bit_length()
    return f"{high // 2 + 1} to {high}"


def test_figures_are_those_of_the_records(report):
    outcomes = [one for one in mapping_oracle.events_of(fixture(BANK), {}) if one.stream]
    ops, rows, streams, hours, delays = expected(outcomes)
    done = report("--format", "json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    charts = figures["charts"]
    assert (figures["events"], figures["foreign"]) == (len(outcomes), 0)
    assert figures["transactions"] == len(rows)
    assert {row["table"]: {word: count for word, count in row.items() if word in ops[row["table"]]}
            for row in charts["operations"]["rows"]} == ops
    sizes = collections.Counter(map(bucket, rows.values()))
    assert {row["rows"]: row["transactions"] for row in charts["transactions"]["rows"]
            if row["transactions"]} == sizes
    assert sum(sum(count for name, count in row.items() if name != "time")
               for row in charts["churn"]["rows"]) == sum(hours.values())
    assert [row["events"] for row in charts["hottest"]["rows"]] == \
        sorted(streams.values(), reverse=True)[:10]
    assert all(streams[row["stream"]] == row["events"] for row in charts["hottest"]["rows"])
    slowest = {row["way"]: row["ms"] for row in charts["latency"]["rows"]}
    assert slowest["database to Kafka, 100 %"] == max(delays)


def test_one_table_by_its_category(report):
    figures = json.loads(report("--table", "customers", "--format", "json").stdout)
    assert [row["table"] for row in figures["charts"]["operations"]["rows"]] == ["shopbank.public.customers"]
    assert figures["events"] == 208
    done = report("--table", "nothing")
    assert done.returncode == 1
    assert "stream $ce-nothing does not exist" in done.stderr
    assert "does $by_category run?" in done.stderr


def test_text_is_plain_in_a_pipe(report):
    done = report()
    assert done.returncode == 0, done.stderr
    assert "\033" not in done.stdout
    assert "Operations by table (events)\n  shopbank.public.accounts  1,192 █" in done.stdout


def test_pictures_are_whole_documents(report, tmp_path):
    done = report("--svg", tmp_path / "svg", "--html", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    pictures = sorted(path.name for path in (tmp_path / "svg").iterdir())
    assert pictures == ["churn.svg", "hottest.svg", "latency.svg", "operations.svg",
                        "transactions.svg"]
    for name in pictures:
        svg = xml.dom.minidom.parse(str(tmp_path / "svg" / name)).documentElement
        assert svg.getElementsByTagName("rect"), name
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg ") == 5 and page.endswith("</html>\n")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_what_cannot_be_written_is_said(report):
    assert "--svg /dev/null/x cannot be made" in report("--svg", "/dev/null/x").stderr
    done = report("--html", "/nowhere/report.html")
    assert (done.returncode, "/nowhere/report.html cannot be written" in done.stderr) == (2, True)
    assert report("--format", "csv").returncode == 2
