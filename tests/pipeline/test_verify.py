"""`rowstream verify` with whole programs: what `run` writes is what it finds, and every fault that
is put into a store by hand is told, and nothing else."""
import http.server
import json
import subprocess
import threading
import urllib.parse

import pytest

import harness
from devstore_client import EVENTS, set_metadata
from harness import fixture_path, record, row_change
from test_map_fixtures import options_of
from test_run import run_to_end

TOPIC = "srv.public.t"


def changes(rows=3, each=5, partitions=2):
    """The lives of a few rows: an insert and updates, each row's in one partition."""
    offsets = [0] * partitions
    out = []
    for n in range(each):
        for row in range(rows):
            partition = row % partitions
            out.append(record(TOPIC, offsets[partition], {"id": row}, row_change(
                "u" if n else "c", after={"id": row, "n": n, "price": 1.25}, lsn=n),
                partition=partition))
            offsets[partition] += 1
    return out


def raw_events(store, stream):
    """A stream's events as appends take them: texts, so that no number is read."""
    name = urllib.parse.quote(stream, safe="")
    status, _, body = store.request("GET", f"/streams/{name}/0/forward/4096?embed=body")
    assert status == 200, body
    return [{"id": entry["eventId"], "type": entry["eventType"], "data": entry["data"],
             "metadata": entry["metaData"]} for entry in reversed(json.loads(body)["entries"])]


def append(store, stream, events):
    """One request an event, so that the store takes what it has already."""
    for number, one in enumerate(events):
        body = (f'[{{"eventId":"{one["id"]}","eventType":"{one["type"]}","data":{one["data"]},'
                f'"metadata":{one["metadata"]}}}]')
        status, _, answer = store.request(
            "POST", f"/streams/{urllib.parse.quote(stream, safe='')}",
            {"Content-Type": EVENTS, "ES-ExpectedVersion": str(number - 1)}, body.encode())
        assert status == 201, answer


class Bridged:
    """A topic that was bridged; copies of the store, with faults, are compared with it."""

    def __init__(self, bench, records=None, **sections):
        self.bench, self.sections = bench, sections
        self.kafka = bench.kafka(records or changes())
        self.store = bench.store()
        self.topics = sections.pop("topics", ["^srv.*"])
        run_to_end(bench, self.config(self.store))

    def config(self, store, **more):
        return self.bench.config(self.kafka, store, self.topics, **{**self.sections, **more})

    def copy(self, edit, *arguments):
        """A store with what edit makes of {stream: events}, written stream by stream in the order
        of their names: the bridge writes streams of two partitions in either order, and verify
        tells its findings in the store's."""
        store = self.bench.store(*arguments)
        streams = {name: raw_events(self.store, name) for name in sorted(self.store.streams())}
        edit(streams)
        for name, events in streams.items():
            append(store, name, events)
        return store

    def verify(self, store, *arguments, code=None, config=None):
        done = self.bench.rowstream("verify", "-c", config or self.config(store),
                                    "--format", "jsonl", *arguments)
        *findings, last = map(json.loads, done.stdout.splitlines())
        assert last == {"complete": True, "rows": len(findings)}, done.stderr
        assert done.returncode == (bool(findings) if code is None else code), done.stderr
        self.stderr = done.stderr
        return [(one["finding"], one["stream"], one["revision"], one["partition"], one["offset"])
                for one in findings]

    def sums(self, store, *arguments):
        """The sums of the only topic."""
        done = self.bench.rowstream("verify", "-c", self.config(store), "--sums",
                                    "--format", "json", *arguments)
        (sums,) = json.loads(done.stdout)
        return sums


@pytest.fixture
def bridged(bench):
    return Bridged(bench)


# --- Nothing is found where nothing is wrong ---

SOUND = ["postgres-bank", "postgres-keys", "postgres-types-precise", "postgres-types-double",
         "postgres-toast", "postgres-tx", "postgres-outbox", "postgres-nulls-kept",
         "postgres-flattened-rewrite-tombstone", "postgres-flattened-delete-to-tombstone",
         "postgres-cloudevents", "postgres-evolution-schemas", "mysql-default", "mariadb-tx"]


@pytest.mark.parametrize("case", SOUND)
def test_what_the_bridge_wrote_is_as_it_should_be(bench, case):
    options = options_of(case)
    options.setdefault("mapping", {}).update(shared_streams="allow", transactions="append")
    kafka, store = bench.kafka(fixture_path(case)), bench.store()
    config = bench.config(kafka, store, ["^.*"], **options)
    run_to_end(bench, config)
    done = bench.rowstream("verify", "-c", config, "--format", "jsonl")
    assert (done.returncode, done.stdout) == (0, '{"complete":true,"rows":0}\n'), done.stderr
    done = bench.rowstream("verify", "-c", config, "--sums", "--format", "json")
    events = sum(len(events) for events in store.row_streams().values())
    assert sum(one["same"] for one in json.loads(done.stdout)) == events > 0


def test_folded_repeats_are_not_missing(bench):
    """104 changes that Debezium sent twice, and the bridge folded."""
    kafka, store = bench.kafka(fixture_path("postgres-restart-duplicates")), bench.store()
    folding = bench.config(kafka, store, ["^.*"], pipeline={"dedupe": "source"})
    run_to_end(bench, folding)
    assert bench.rowstream("verify", "-c", folding).returncode == 0
    done = bench.rowstream("verify", "-c", bench.config(kafka, store, ["^.*"]),
                           "--format", "jsonl")
    assert done.returncode == 1
    *findings, _ = map(json.loads, done.stdout.splitlines())
    assert [one["finding"] for one in findings] == ["missing"] * 104


def test_a_table_for_a_person(bridged):
    done = bridged.bench.rowstream("verify", "-c", bridged.config(bridged.store))
    assert done.returncode == 0
    names, sums = (line.split() for line in done.stdout.splitlines())
    assert names[:3] == ["topic", "records", "same"]
    assert sums == [TOPIC, "15", "15", *"0" * 9]
    assert "15 records compared: 15 same, 0 not there yet, 0 findings" in done.stderr


# --- Faults ---

def test_what_was_taken_out_is_missing(bridged):
    def edit(streams):
        del streams["t-0"][2]  # in the middle
        del streams["t-1"][3:]  # a tail
        del streams["t-2"]
    found = bridged.verify(bridged.copy(edit))
    missing = [("missing", "t-1", None, 1, 3), ("missing", "t-1", None, 1, 4),
               ("missing", "t-0", None, 0, 4)]
    missing += [("missing", "t-2", None, 0, offset) for offset in (1, 3, 5, 7, 9)]
    assert sorted(found, key=str) == sorted(missing, key=str)


def test_the_words_say_where_it_is_missing(bridged):
    def edit(streams):
        del streams["t-0"][2]
        del streams["t-1"][4]
        del streams["t-2"]
    done = bridged.bench.rowstream("verify", "-c", bridged.config(bridged.copy(edit)),
                                   "--format", "csv")
    assert done.returncode == 1
    words = {line.split(",")[1]: line.split(",", 6)[6] for line in done.stdout.splitlines()}
    assert "later records of its partition are" in words["t-0"]
    assert "ends before it" in words["t-1"]
    assert "does not exist" in words["t-2"]


def test_what_stands_there_twice_is_doubled(bridged):
    store = bridged.copy(lambda streams: streams["t-0"].append(streams["t-0"][1]))
    assert bridged.verify(store) == [("doubled", "t-0", 5, 0, 2)]


@pytest.mark.valgrind
def test_what_changed_places_is_out_of_order(bridged):
    def edit(streams):
        streams["t-1"][1:3] = reversed(streams["t-1"][1:3])
    assert bridged.verify(bridged.copy(edit)) == [("out of order", "t-1", 1, 1, 2)]


def test_what_says_something_else_is_different(bridged):
    def edit(streams):
        streams["t-0"][1]["type"] = "d"
        streams["t-0"][2]["data"] = streams["t-0"][2]["data"].replace("1.25", "1.26")
        metadata = streams["t-1"][0]["metadata"]
        streams["t-1"][0]["metadata"] = metadata.replace('"txid": "7"', '"txid": "8"')
        assert streams["t-1"][0]["metadata"] != metadata
    store = bridged.copy(edit)
    assert bridged.verify(store) == [("different", "t-0", 1, 0, 2), ("different", "t-0", 2, 0, 4),
                                     ("different", "t-1", 0, 1, 0)]
    done = bridged.bench.rowstream("verify", "-c", bridged.config(store), "--format", "csv")
    words = [line.rsplit(",", 1)[1].split(" not ")[0] for line in done.stdout.splitlines()[1:]]
    assert words == ["id or type", "data", "metadata"]


def test_another_print_of_the_same_json_is_the_same(bridged):
    def edit(streams):
        for one in streams["t-0"]:
            one["data"] = json.dumps(json.loads(one["data"])).replace("1.25", "125e-2")
            one["metadata"] = one["metadata"].replace("public", "p\\u0075blic")
    assert bridged.verify(bridged.copy(edit)) == []


def test_what_stands_in_another_stream_is_misplaced_and_missing(bridged):
    def edit(streams):
        streams["t-1"].insert(0, streams["t-0"].pop())
    assert sorted(bridged.verify(bridged.copy(edit)), key=str) == [
        ("misplaced", "t-1", 0, 0, 8), ("missing", "t-0", None, 0, 8)]


def test_an_event_of_a_record_that_becomes_none(bench):
    bridged = Bridged(bench)
    config = bridged.config(bridged.store, filter={"drop_ops": ["u"]},
                            kafka={"group.id": "another"})
    done = bench.rowstream("verify", "-c", config, "--format", "jsonl")
    assert done.returncode == 1
    found = [json.loads(line).get("finding") for line in done.stdout.splitlines()]
    assert found == ["unexpected"] * 12 + [None]


def test_events_of_others_are_no_findings(bridged):
    foreign = {"id": "11111111-0000-4000-8000-000000000001", "type": "u", "data": "{}",
               "metadata": '{"topic":"srv.public.t","partition":0,"offset":2}'}
    def edit(streams):
        streams["t-0"][2:2] = [foreign, {**foreign, "id": foreign["id"][:-1] + "2",
                                         "metadata": "{}"}]
        streams["diary"] = [{**foreign, "id": foreign["id"][:-1] + "3"}]
    assert bridged.verify(bridged.copy(edit)) == []
    assert "3 events of the store were not written by rowstream" in bridged.stderr


@pytest.mark.parametrize("table", [(), ("--table", "t")])
def test_what_was_cut_off_in_the_store_is_removed(bridged, table):
    store = bridged.store
    set_metadata(store, "t-0", {"$tb": 3})
    assert store.request("DELETE", "/streams/t-1")[0] == 204
    assert store.request("DELETE", "/streams/t-2", {"ES-HardDelete": "true"})[0] == 204
    assert bridged.verify(store, *table) == []
    # $all holds what was deleted until a scavenge, and that is said.
    assert ("streams were deleted in the store, 2 times" in bridged.stderr) == (not table)
    sums = bridged.sums(store, *table)
    assert (sums["same"] + sums["removed"], sums["missing"]) == (15, 0)


def test_a_stream_that_was_cut_by_hand_is_removed_up_to_there(bridged):
    """A copy whose first events never came, cut where they would have been: removed; what is
    missing behind is missing."""
    def edit(streams):
        streams["t-0"][0:2] = [{**streams["t-0"][0], "metadata": "{}",
                                "id": f"11111111-0000-4000-8000-00000000000{n}"} for n in (1, 2)]
        del streams["t-0"][3]
    store = bridged.copy(edit)
    set_metadata(store, "t-0", {"$tb": 2})
    assert bridged.verify(store) == [("missing", "t-0", None, 0, 6)]
    sums = bridged.sums(store)
    assert (sums["removed"], sums["missing"], sums["same"]) == (2, 1, 12)


def test_a_store_of_another_topic_of_that_name(bench):
    """The topic was made anew: it holds less, and other records under known offsets."""
    before = Bridged(bench)
    again = Bridged(bench, [{**one, "ts": one["ts"] + 1} for one in changes(each=4)])
    found = again.verify(before.store, code=1)
    assert [one[0] for one in found].count("different") == 12
    assert sorted(one for one in found if one[0] != "different") == [
        ("unknown", "t-1", 4, 1, 4), ("unknown", "t-2", 4, 0, 9)]
    assert "generation" in again.bench.rowstream(
        "verify", "-c", again.config(before.store)).stdout


# --- What is still to come, or is looked at only in part ---

def test_what_lies_beyond_the_commit_is_behind(bench):
    bridged = Bridged(bench)
    more = changes(each=6)[15:]
    for one in more:
        subprocess.run(
            ["kcat", "-b", bridged.kafka.bootstrap, "-P", "-t", TOPIC, "-p", str(one["partition"]),
             "-K", "\t"], input=f'{one["key"]}\t{one["payload"]}'.encode(), check=True,
            timeout=harness.DEADLINE_S)
    assert bridged.verify(bridged.store) == []
    sums = bridged.sums(bridged.store)
    assert (sums["records"], sums["same"], sums["behind"]) == (18, 15, 3)
    # A record beyond the commit that others of its stream have passed is missing all the same.
    other = bridged.config(bridged.copy(lambda streams: streams["t-0"].pop(1)),
                           kafka={"group.id": "another"})
    assert bridged.verify(None, config=other) == [("missing", "t-0", None, 0, 2)]
    assert "without a committed offset of this group: 2" in bridged.stderr


def test_records_that_the_operator_skipped_and_refused_ones(bench):
    records = changes(rows=1, each=3, partitions=1)
    records.insert(1, record(TOPIC, 1, {"id": 0}, {"no": "envelope"}))
    for offset, one in enumerate(records):
        one["offset"] = offset
    kafka, store = bench.kafka(records), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    assert bench.run(config, "--until-end").wait() == 1
    done = bench.rowstream("verify", "-c", config, "--sums", "--format", "json")
    (sums,) = json.loads(done.stdout)
    assert (done.returncode, sums["same"], sums["behind"]) == (0, 1, 3)
    assert bench.run(config, "--until-end", "--skip", f"{TOPIC}:0:1").wait() == 0
    done = bench.rowstream("verify", "-c", config, "--sums", "--format", "json")
    (sums,) = json.loads(done.stdout)
    assert (done.returncode, sums["same"], sums["no_event"]) == (0, 3, 1)
    # Committed, and nobody skipped it: in another store nothing remembers that.
    done = bench.rowstream("verify", "-c", bench.config(kafka, bench.store(), ["^srv.*"]),
                           "--format", "jsonl")
    assert [json.loads(line).get("finding") for line in done.stdout.splitlines()] == [
        "refused", "missing", "missing", "missing", None]


def test_an_event_that_was_written_late_is_in_order(bench):
    bridged = Bridged(bench)
    store = bridged.copy(lambda streams: streams["t-0"].pop(2))
    late = bridged.config(store, pipeline={"on_hole": "append"}, kafka={"group.id": "late"})
    run_to_end(bench, late)
    assert store.read("t-0")[-1]["metadata"]["late"] is True
    assert bridged.verify(store) == []


def test_one_table_and_one_topic(bench):
    records = changes() + [
        record("srv.public.u", n, {"id": n}, row_change("c", table="u", after={"id": n}))
        for n in range(4)]
    bridged = Bridged(bench, records)
    def edit(streams):
        del streams["t-0"][2]
        del streams["u-1"]
    store = bridged.copy(edit)
    assert sorted(one[1] for one in bridged.verify(store)) == ["t-0", "u-1"]
    assert [one[1] for one in bridged.verify(store, "--table", "u")] == ["u-1"]
    assert [one[1] for one in bridged.verify(store, "--topic", TOPIC)] == ["t-0"]
    assert bridged.sums(store, "--topic", "srv.public.u")["records"] == 4


def test_a_user_who_may_not_read_everything(bridged):
    """Without $all every stream is read by itself, and the same is found."""
    def edit(streams):
        streams["t-0"].append(streams["t-0"][1])
        del streams["t-0"][2]
        streams["t-1"][1:3] = reversed(streams["t-1"][1:3])
        del streams["t-2"]
    store = bridged.copy(edit, "--auth")
    store.url = store.url.replace("admin:changeit", "ops:changeit")
    assert store.request("GET", f"/streams/%24all/{'0' * 32}/forward/1",
                         credentials=("ops", "changeit"))[0] == 401
    assert sorted(bridged.verify(store), key=str) == sorted(
        [("doubled", "t-0", 4, 0, 2), ("missing", "t-0", None, 0, 4),
         ("out of order", "t-1", 1, 1, 2)]
        + [("missing", "t-2", None, 0, offset) for offset in (1, 3, 5, 7, 9)], key=str)
    assert "every stream is read by itself" in bridged.stderr


# --- What cannot be done ---

def test_a_store_that_dies_in_the_middle(bridged):
    """The group's stream and a page are read, then it is away for good."""
    store = bridged.copy(lambda streams: streams["t-0"].append(streams["t-0"][1]))
    fault = b"unavailable:method=GET,skip=2"
    assert store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                         fault)[0] in (200, 201, 204)
    done = bridged.bench.rowstream("verify", "-c", bridged.config(store), "--format", "jsonl")
    assert done.returncode == 3, done.stderr
    assert "Server Is Not Ready" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["complete"] is False


def test_servers_that_are_not_there(bridged):
    config = bridged.config("esdb://127.0.0.1:1?tls=false")
    done = bridged.bench.rowstream("verify", "-c", config)
    assert done.returncode == 3 and "127.0.0.1:1" in done.stderr, done.stderr
    config = bridged.bench.config("127.0.0.1:1", bridged.store, ["^srv.*"])
    done = bridged.bench.rowstream("verify", "-c", config)
    assert done.returncode == 3 and "kafka: no broker answers" in done.stderr, done.stderr


@pytest.mark.parametrize("topics, arguments, code, words", [
    (["nowhere"], [], 1, "there is no topic 'nowhere'"),
    (["^nowhere.*"], [], 1, "matches no topic"),
    (["^srv.*"], ["--topic", "other"], 2, "--topic 'other' is none of source.topics"),
    (["^srv.*"], ["--format", "xml"], 2, "--format 'xml'"),
    (["^srv.*"], ["extra"], 2, "extra"),
    ([], [], 2, "source.topics"),
])
def test_what_cannot_be_compared_is_said(bridged, topics, arguments, code, words):
    config = bridged.bench.config(bridged.kafka, bridged.store, topics)
    done = bridged.bench.rowstream("verify", "-c", config, *arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_another_mapping_is_refused(bridged):
    config = bridged.config(bridged.store, mapping={"event_types": "words"})
    done = bridged.bench.rowstream("verify", "-c", config)
    assert done.returncode == 2 and "event_types: words" in done.stderr, done.stderr


# --- --repair ---

@pytest.mark.valgrind
def test_ends_of_streams_are_repaired_and_nothing_else(bridged):
    def edit(streams):
        del streams["t-0"][2]
        del streams["t-0"][3:]
        del streams["t-1"][3:]
        del streams["t-2"]
    store = bridged.copy(edit)
    found = bridged.verify(store, "--repair", code=1)
    repaired = [("repaired", "t-0", None, 0, 8), ("repaired", "t-1", None, 1, 3),
                ("repaired", "t-1", None, 1, 4)]
    repaired += [("repaired", "t-2", None, 0, offset) for offset in (1, 3, 5, 7, 9)]
    middle = [("missing", "t-0", None, 0, 4)]
    assert sorted(found, key=str) == sorted(repaired + middle, key=str)
    assert [event["metadata"]["offset"] for event in store.read("t-0")] == [0, 2, 6, 8]
    for stream in ("t-1", "t-2"):
        assert store.read(stream) == bridged.store.read(stream)
    assert bridged.verify(store) == middle


def test_a_store_that_lost_everything_is_filled_again(bench):
    bridged = Bridged(bench, changes(rows=50, each=20))
    store = bench.store()
    assert len(bridged.verify(store, "--repair", code=0)) == 1000
    assert "1000 events were appended" in bridged.stderr
    assert store.row_streams() == bridged.store.row_streams()
    assert bridged.verify(store) == []


def test_what_repair_cannot_do_is_said(bench):
    """A store that takes nothing from one stream; cut and deleted streams are left alone."""
    bridged = Bridged(bench)
    def edit(streams):
        del streams["t-0"][4:]
        del streams["t-1"][3:]
    store = bridged.copy(edit)
    set_metadata(store, "t-2", {"$tb": 9})
    fault = b"too-large:method=POST,stream=t-0"
    assert store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                         fault)[0] in (200, 201, 204)
    done = bench.rowstream("verify", "-c", bridged.config(store), "--repair", "--format", "csv")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()[1:]
    assert [line.split(",")[0:2] for line in lines if line.startswith("repaired")] == [
        ["repaired", "t-1"]] * 2
    (refused,) = [line for line in lines if line.startswith("missing")]
    assert refused.startswith("missing,t-0") and "not repaired: " in refused, refused
    assert "413" in refused


def test_a_store_that_is_away_while_it_is_repaired(bench):
    bridged = Bridged(bench)
    store = bridged.copy(lambda streams: streams.pop("t-1"))
    fault = b"unavailable:method=POST"
    assert store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                         fault)[0] in (200, 201, 204)
    done = bench.rowstream("verify", "-c", bridged.config(store), "--repair", "--format", "jsonl")
    assert done.returncode == 3 and "takes no event any more" in done.stderr, done.stderr
    *findings, last = map(json.loads, done.stdout.splitlines())
    assert last["complete"] is False
    assert {one["finding"] for one in findings} == {"missing"} and len(findings) == 5
    store.heal()
    assert [one[0] for one in bridged.verify(store, "--repair", code=0)] == ["repaired"] * 5
    assert store.read("t-1") == bridged.store.read("t-1")


# --- Links that come later than their events ---

class LateLinks:
    """In front of a store: leaves the newest entries out of every category stream's pages."""

    def __init__(self, store, count):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                sent = {name: value for name, value in self.headers.items()
                        if name.lower() not in ("host", "authorization")}
                status, headers, body = store.request("GET", self.path, sent)
                if self.path.startswith("/streams/%24ce-") and status == 200:
                    page = json.loads(body)
                    page["entries"] = page["entries"][count:]
                    body = json.dumps(page).encode()
                self.send_response(status)
                self.send_header("Content-Type", headers.get("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"esdb://127.0.0.1:{self.server.server_address[1]}?tls=false"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_events_whose_links_are_still_to_come_are_not_missing(bridged):
    def edit(streams):
        streams["t-2"][4]["type"] = "d"
        del streams["t-1"][4]
    store = bridged.copy(edit)
    with LateLinks(store, 7) as late:
        found = bridged.verify(late, "--table", "t")
        sums = bridged.sums(late, "--table", "t")
    assert sorted(found, key=str) == [("different", "t-2", None, 0, 9),
                                      ("missing", "t-1", None, 1, 4)]
    assert (sums["same"], sums["different"], sums["missing"]) == (13, 1, 1)
