"""The append protocol with whole programs: what a group remembers, topics made anew, deleted
streams, holes, repeats of the source, several instances, outages of one stream and of all."""
import json
import signal

import pytest

import harness
from harness import controlled_kafka, fixture, record, row_change, tell, wait_until
from test_run import (assert_adds_up, assert_streams, expected_streams, run_to_end, totals)


def changes(count, start=0, rows=10, partition=0, topic="srv.public.t", ts=1700000000000):
    """Records of a few rows: each is inserted, then updated."""
    out = []
    for offset in range(start, start + count):
        row = offset % rows
        op = "c" if offset < rows else "u"
        out.append(record(topic, offset, {"id": row},
                          row_change(op, after={"id": row, "n": offset}, lsn=offset),
                          partition=partition, ts=ts + offset))
    return out


def count_of(store, stream):
    return len(store.read(stream))


# --- what the group remembers ---

def test_another_mapping_is_refused_until_it_is_accepted(bench):
    kafka, store = bench.kafka(changes(20)), bench.store()
    run_to_end(bench, bench.config(kafka, store, ["^srv.*"]))
    other = bench.config(kafka, store, ["^srv.*"], mapping={"event_types": "words"})
    refused = bench.run(other, "--until-end")
    assert refused.wait() == 2, refused.report()
    assert "event_types: op" in refused.stderr and "event_types: words" in refused.stderr
    assert "--accept-mapping-change" in refused.stderr
    accepted = bench.run(other, "--until-end", "--accept-mapping-change")
    assert accepted.wait() == 0, accepted.report()
    run_to_end(bench, other)
    remembered = store.read("~rowstream-bridge")
    assert [event["type"] for event in remembered] == ["mapping", "mapping"]


def test_skipped_records_of_several_instances_are_all_remembered(bench):
    kafka, store = bench.kafka(changes(30, rows=30)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    bridges = [bench.run(config, "--skip", f"srv.public.t:0:{offset}") for offset in (3, 4, 5)]
    wait_until(lambda: sum(event["type"] == "skipped"
                           for event in store.read("~rowstream-bridge")) == 3,
               "three skipped records are remembered")
    for bridge in bridges:
        assert bridge.stop() == 0, bridge.report()
    run_to_end(bench, config)
    kinds = [event["type"] for event in store.read("~rowstream-bridge")]
    assert sorted(kinds) == ["mapping", "skipped", "skipped", "skipped"]
    # Whoever had the partition before the others had told may have appended one of them; the
    # last to read the group's stream leaves it out for good.
    for row in (0, 1, 2, 6, 29):
        assert count_of(store, f"t-{row}") == 1


def test_a_skipped_record_stays_skipped_when_all_is_read_again(bench):
    kafka, store = bench.kafka(changes(10)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    first = bench.run(config, "--until-end", "--skip", "srv.public.t:0:3")
    assert first.wait() == 0, first.report()
    assert count_of(store, "t-3") == 0
    again = bench.run(config, "--until-end", "--from", "earliest", "--force")
    assert again.wait() == 0, again.report()
    counts = totals(again)
    assert counts["skipped"] == 1 and count_of(store, "t-3") == 0
    assert_adds_up(counts)


# --- topics made anew, other stores, where to start ---

def test_a_topic_made_anew_under_known_ids_is_named(bench):
    store = bench.store()
    run_to_end(bench, bench.config(bench.kafka(changes(20)), store, ["^srv.*"]))
    anew = bench.kafka(changes(20, rows=5, ts=1800000000000))
    bridge = bench.run(bench.config(anew, store, ["^srv.*"]), "--until-end")
    assert bridge.wait() == 1, bridge.report()
    assert "created anew" in bridge.stderr and "generation" in bridge.stderr
    before = {row: count_of(store, f"t-{row}") for row in range(10)}
    told = bench.config(anew, store, ["^srv.*"], generation={"srv.public.t": "2"})
    run = bench.run(told, "--until-end", "--accept-mapping-change")
    assert run.wait() == 0, run.report()
    assert sum(count_of(store, f"t-{row}") for row in range(10)) == sum(before.values()) + 20


def test_a_commit_whose_event_is_nowhere_stops_the_bridge(bench):
    kafka, other = bench.kafka(changes(20)), bench.store()
    run_to_end(bench, bench.config(kafka, bench.store(), ["^srv.*"]))
    bridge = bench.run(bench.config(kafka, other, ["^srv.*"]), "--until-end")
    assert bridge.wait() == 1, bridge.report()
    assert "srv.public.t/0: offset 19 was committed" in bridge.stderr
    assert other.row_streams() == {}
    forced = bench.run(bench.config(kafka, other, ["^srv.*"]), "--until-end",
                       "--from", "srv.public.t:0:0", "--force")
    assert forced.wait() == 0, forced.report()
    assert_streams(other, expected_streams(changes(20)))


def test_records_that_are_gone_are_counted_and_from_is_the_way_on(bench):
    kafka, store = bench.kafka(changes(50)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    run_to_end(bench, config)
    # The embedded Kafka keeps 5 MiB a partition: seven megabytes push the first records out.
    for _ in range(18):
        harness.subprocess.run(["kcat", "-b", kafka.bootstrap, "-P", "-t", "srv.public.t",
                                "-p", "0"], input=b"x" * 400000, check=True)
    bridge = bench.run(config, "--until-end")
    assert bridge.wait() == 1, bridge.report()
    gone = int(harness.re.search(r"(\d+) records from the committed offset 50 on are gone",
                                 bridge.stderr).group(1))
    assert 1 <= gone <= 18
    assert f"--from srv.public.t:0:{50 + gone}" in bridge.stderr
    on = bench.run(config, "--until-end", "--from", f"srv.public.t:0:{50 + gone}")
    assert on.wait() == 1, on.report()  # what was pushed in is no change event, and is named
    assert f"srv.public.t/0 offset {50 + gone} is refused" in on.stderr


def test_from_is_refused_where_a_commit_is_valid(bench):
    kafka, store = bench.kafka(changes(20)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    run_to_end(bench, config)
    bridge = bench.run(config, "--until-end", "--from", "earliest")
    assert bridge.wait() == 2, bridge.report()
    assert "--force" in bridge.stderr
    fresh = bench.config(kafka, bench.store(), ["^srv.*"], kafka={"group.id": "late"})
    late = bench.run(fresh, "--until-end", "--from", "srv.public.t:0:15")
    assert late.wait() == 0, late.report()
    assert totals(late)["delivered"] == 5


# --- deleted streams, holes, shared names ---

def delete(store, stream, hard=False):
    status, _, _ = store.request("DELETE", f"/streams/{stream}",
                                 {"ES-HardDelete": "true"} if hard else {})
    assert status == 204


@pytest.mark.parametrize("policy, hard, code, appended", [
    ("recreate", False, 0, True), ("skip", False, 0, False), ("refuse", False, 1, False),
    ("recreate", True, 1, False), ("skip", True, 0, False)])
def test_a_deleted_stream_follows_the_policy(bench, policy, hard, code, appended):
    kafka, store = controlled_kafka(bench, changes(20)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"], pipeline={"on_deleted": policy})
    run_to_end(bench, config)
    delete(store, "t-3", hard)
    tell(kafka, f"produce {bench.capture(changes(10, start=20))}")
    bridge = bench.run(config, "--until-end")
    assert bridge.wait() == code, bridge.report()
    assert_adds_up(totals(bridge))
    if code:
        assert "t-3" in bridge.stderr and "deleted" in bridge.stderr
    elif appended:
        assert [event["number"] for event in store.read("t-3")] == [2]
    else:
        assert totals(bridge)["skipped"] == 1
    assert count_of(store, "t-2") == 3


def test_a_hole_is_refused_and_may_be_filled_late(bench):
    kafka, store = bench.kafka(changes(30)), bench.store()
    config = bench.config(kafka, store, ["^srv.*"])
    jumped = bench.run(config, "--until-end", "--from", "srv.public.t:0:15")
    assert jumped.wait() == 0, jumped.report()
    back = bench.run(config, "--until-end", "--from", "earliest", "--force")
    assert back.wait() == 1, back.report()
    assert "on_hole" in back.stderr
    late = bench.config(kafka, store, ["^srv.*"], pipeline={"on_hole": "append"})
    filled = bench.run(late, "--until-end", "--from", "earliest", "--force")
    assert filled.wait() == 0, filled.report()
    events = store.read("t-7")
    assert [event["metadata"]["offset"] for event in events] == [17, 27, 7]
    assert [event["metadata"].get("late", False) for event in events] == [False, False, True]


def test_two_tables_of_one_name_do_not_share_a_stream(bench):
    records = [record("srv.a.t", 0, {"id": 1}, row_change("c", schema="a", after={"id": 1})),
               record("srv.b.t", 0, {"id": 1}, row_change("c", schema="b", after={"id": 1}))]
    kafka, store = bench.kafka(records), bench.store()
    bridge = bench.run(bench.config(kafka, store, ["^srv.*"]), "--until-end")
    assert bridge.wait() == 1, bridge.report()
    assert "db.a.t" in bridge.stderr and "db.b.t" in bridge.stderr
    assert "{schema}.{table}-{key}" in bridge.stderr
    shared = bench.config(kafka, store, ["^srv.*"], mapping={"shared_streams": "allow"})
    run_to_end(bench, shared)
    assert count_of(store, "t-1") == 2


# --- what the source sent twice ---

def test_changes_that_the_source_repeated_are_folded(bench):
    records = fixture("postgres-restart-duplicates")
    kafka = bench.kafka(harness.fixture_path("postgres-restart-duplicates"))
    store = bench.store()
    config = bench.config(kafka, store, ["^.*"], pipeline={"dedupe": "source"})
    counts = totals(run_to_end(bench, config))
    expected = {}
    for stream, events in expected_streams(records).items():
        seen = set()
        for event in events:
            data, metadata = event["data"], event["metadata"]
            change = (metadata["position"], metadata["txid"], metadata["op"],
                      str(data.get("key")), str(data["before"]), str(data["after"]))
            if metadata["position"] is None or change not in seen:
                seen.add(change)
                expected.setdefault(stream, []).append({**event, "number": len(seen) - 1})
    folded = sum(map(len, expected_streams(records).values())) - sum(map(len, expected.values()))
    assert folded >= 50  # of the 104 repeats those that are rows
    assert counts["duplicate"] == folded
    assert_streams(store, expected)
    assert_adds_up(counts)
    again = bench.run(config, "--until-end", "--from", "earliest", "--force")
    assert again.wait() == 0, again.report()
    assert_streams(store, expected)


# --- several instances ---

def spread(count, partitions=4):
    return [one for p in range(partitions)
            for one in [dict(r, partition=p, key=json.dumps({"id": f"{p}-{r['offset'] % 10}"}))
                        for r in changes(count)]]


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_instances_come_and_go(bench, strategy):
    kafka = controlled_kafka(bench, spread(50), partitions=4)
    store = bench.store("--fault", "delay:rate=0.3,ms=30")
    config = bench.config(kafka, store, ["^srv.*"],
                          kafka={"partition.assignment.strategy": strategy,
                                 "session.timeout.ms": 4000})
    one = bench.run(config)
    one.await_line("stderr", "assigned")
    two = bench.run(config)
    two.await_line("stderr", "assigned", 2 * harness.DEADLINE_S)
    records = spread(120)
    tell(kafka, f"produce {bench.capture([r for r in records if r['offset'] >= 50])}")
    one.kill()
    three = bench.run(config)
    expected = expected_streams(records)
    wanted = sum(map(len, expected.values()))
    wait_until(lambda: sum(map(len, store.row_streams().values())) >= wanted,
               "all records are in the store", 4 * harness.DEADLINE_S)
    for bridge in (two, three):
        assert bridge.stop() == 0, bridge.report()
        assert_adds_up(totals(bridge))
    assert_streams(store, expected)


def test_a_frozen_instance_wakes_while_another_has_gone_on(bench):
    kafka, store = controlled_kafka(bench, spread(30), partitions=4), bench.store()
    config = bench.config(kafka, store, ["^srv.*"], kafka={"session.timeout.ms": 4000})
    store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                  b"delay:ms=500,for=3000,method=POST")
    frozen = bench.run(config)
    frozen.await_line("stderr", "assigned")
    wait_until(lambda: any(fault["hits"] for fault in json.loads(
        store.request("GET", "/devstore/faults")[2])), "an append is on its way")
    frozen.signal(signal.SIGSTOP)
    other = bench.run(config)
    records = spread(60)
    tell(kafka, f"produce {bench.capture([r for r in records if r['offset'] >= 30])}")
    expected = expected_streams(records)
    wanted = sum(map(len, expected.values()))
    wait_until(lambda: sum(map(len, store.row_streams().values())) >= wanted,
               "the other has gone on", 4 * harness.DEADLINE_S)
    frozen.signal(signal.SIGCONT)
    frozen.await_line("stderr", "partitions lost|commit failed|partitions revoked")
    for bridge in (frozen, other):
        assert bridge.stop() == 0, bridge.report()
    assert_streams(store, expected)


# --- outages ---

def test_the_store_goes_away_and_comes_back(bench, tmp_path):
    kafka = controlled_kafka(bench, changes(20))
    store = bench.store("--data", tmp_path / "store.db")
    bridge = bench.run(bench.config(kafka, store, ["^srv.*"]))
    wait_until(lambda: count_of(store, "t-9") == 2, "the first records are there")
    store.kill()
    tell(kafka, f"produce {bench.capture(changes(80, start=20))}")
    bridge.await_line("stderr", "outage begins")
    assert bridge.running()
    back = bench.store("--data", tmp_path / "store.db", port=store.port)
    bridge.await_line("stderr", "outage ends")
    wait_until(lambda: count_of(back, "t-9") == 10, "the others followed by themselves")
    assert bridge.stop() == 0, bridge.report()
    assert_streams(back, expected_streams(changes(100)))
    assert totals(bridge)["refused"] == 0


def test_atom_pub_switched_off_at_a_restart_is_an_outage_that_is_explained(bench, tmp_path):
    kafka = controlled_kafka(bench, changes(20))
    store = bench.store("--data", tmp_path / "store.db")
    bridge = bench.run(bench.config(kafka, store, ["^srv.*"]))
    wait_until(lambda: count_of(store, "t-9") == 2, "the first records are there")
    store.stop()
    off = bench.store("--data", tmp_path / "store.db", "--no-atom", port=store.port)
    tell(kafka, f"produce {bench.capture(changes(20, start=20))}")
    bridge.await_line("stderr", "AtomPub")
    off.stop()
    back = bench.store("--data", tmp_path / "store.db", port=store.port)
    wait_until(lambda: count_of(back, "t-9") == 4, "the others followed by themselves")
    assert bridge.stop() == 0, bridge.report()
    assert totals(bridge)["refused"] == 0


def test_one_stream_that_refuses_us_holds_up_no_other(bench):
    kafka, store = controlled_kafka(bench, changes(20)), bench.store("--auth")
    url = store.url.replace("admin:changeit", "ops:changeit")
    config = bench.config(kafka, url, ["^srv.*"])
    bridge = bench.run(config)
    wait_until(lambda: count_of(store, "t-9") == 2, "the first records are there")
    body = json.dumps([{"eventId": "11111111-1111-1111-1111-111111111111",
                        "eventType": "$metadata", "data": {"$acl": {"$w": "$admins"}}}])
    status, _, answer = store.request(
        "POST", "/streams/t-3/metadata",
        {"Content-Type": "application/vnd.eventstore.events+json"}, body)
    assert status == 201, answer
    tell(kafka, f"produce {bench.capture(changes(200, start=20))}")
    bridge.await_line("stderr", r"stream in trouble.*t-3")
    wait_until(lambda: count_of(store, "t-9") == 22, "the others go on")
    assert count_of(store, "t-3") == 2
    body = body.replace("1111-", "2222-").replace('"$admins"', '"$all"')
    assert store.request("POST", "/streams/t-3/metadata",
                         {"Content-Type": "application/vnd.eventstore.events+json"},
                         body)[0] == 201
    wait_until(lambda: count_of(store, "t-3") == 22, "it goes on, too", 4 * harness.DEADLINE_S)
    assert bridge.stop() == 0, bridge.report()
    assert_streams(store, expected_streams(changes(220)))


@pytest.mark.parametrize("fault", ["unavailable:for=4000", "never:for=3000", "deny:for=4000",
                                   "close:every=1", "close:every=100",
                                   "delay:ms=5000,count=3",
                                   "lose-before:for=4000,method=POST",
                                   "too-large-after:rate=0.2,method=POST",
                                   "too-large:rate=0.2,method=POST"])
def test_trouble_that_passes_loses_nothing_and_refuses_nothing(bench, fault):
    kafka, store = bench.kafka(changes(200)), bench.store("--fault", fault)
    config = bench.config(kafka, store, ["^srv.*"], eventstore={"request_timeout_ms": 1000})
    counts = totals(run_to_end(bench, config))
    assert counts["refused"] == 0
    assert_adds_up(counts)
    assert_streams(store, expected_streams(changes(200)))


def test_the_leader_is_elsewhere(bench):
    leader = bench.store("--auth")
    follower = bench.store("--auth", "--fault", f"redirect:to={leader.address}")
    run_to_end(bench, bench.config(bench.kafka(changes(50)), follower, ["^srv.*"]))
    assert_streams(leader, expected_streams(changes(50)))


def test_kafka_goes_away_and_comes_back(bench):
    kafka, store = controlled_kafka(bench, changes(20)), bench.store()
    bridge = bench.run(bench.config(kafka, store, ["^srv.*"]))
    wait_until(lambda: count_of(store, "t-9") == 2, "the first records are there")
    tell(kafka, "down")
    bridge.await_line("stderr", "kafka error")
    tell(kafka, "up")
    tell(kafka, f"produce {bench.capture(changes(20, start=20))}")
    wait_until(lambda: count_of(store, "t-9") == 4, "the others followed by themselves",
               4 * harness.DEADLINE_S)
    assert bridge.stop() == 0, bridge.report()
    assert_streams(store, expected_streams(changes(40)))


# --- The broker's ways ---

def test_a_broker_far_away_is_waited_for(bench):
    """Answers take longer than the first slice in which offsets are asked for."""
    kafka, store = controlled_kafka(bench, changes(20)), bench.store()
    tell(kafka, "rtt 400")
    config = bench.config(kafka.bootstrap, store, ["^srv.*"], kafka={
        "session.timeout.ms": 30000, "heartbeat.interval.ms": 3000})
    bridge = bench.run(config, "--until-end")
    assert bridge.wait() == 0, bridge.report()
    assert_streams(store, expected_streams(changes(20)))


@pytest.mark.parametrize("kafka, topics, words", [
    ({}, ["srv.*"], "source.topics: 'srv.*' is a name"),
    ({"auto.commit.interval.ms": 0}, ["^srv.*"], "auto.commit.interval.ms 0 switches commits off"),
    ({"security.protocol": "sasl_plaintext", "sasl.mechanisms": "OAUTHBEARER"}, ["^srv.*"],
     "OAUTHBEARER needs sasl.oauthbearer.method: oidc"),
])
def test_settings_that_would_quietly_do_nothing_are_refused(bench, kafka, topics, words):
    config = bench.config("127.0.0.1:1", "esdb://127.0.0.1:1?tls=false", topics, kafka=kafka)
    for command in ("run", "check"):
        done = bench.rowstream(command, "-c", config)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr + done.stdout
