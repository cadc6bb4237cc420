"""What the bridge wrote from the real Kafka is what verify finds; and --repair keeps away from a
group that has members, which only a real broker tells."""
import json

POSTGRES = "CREATE TABLE verified (id int PRIMARY KEY, n int NOT NULL);"


def verify(scene, *arguments):
    done = scene.bench.rowstream("verify", "-c", scene.configuration, "--sums", "--format", "json",
                                 *arguments)
    return done, json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else []


def test_a_running_bridge_is_verified_but_not_repaired(scene):
    postgres = scene.neighbourhood.postgres
    postgres.sql("INSERT INTO verified SELECT g, 0 FROM generate_series(1, 50) g;"
                 "UPDATE verified SET n = n + 1; UPDATE verified SET id = id + 100 WHERE id < 10;"
                 "DELETE FROM verified WHERE id > 105")
    scene.configure(rf"^{postgres.prefix}\.public\.verified")
    scene.settle(postgres)
    bridge = scene.start()
    bridge.await_line("stderr", r"assigned ")
    done, (sums,) = verify(scene)
    assert done.returncode == 0, done.stderr
    events = sum(len(events) for events in scene.store.row_streams().values())
    assert (sums["same"], sums["behind"]) == (events, 0) and events > 100
    done, _ = verify(scene, "--repair")
    assert done.returncode == 1 and "live members (1)" in done.stderr, done.stderr
    scene.stop()
    # The same topic beside a store that has nothing.
    whole = scene.store.row_streams()
    scene.store = scene.bench.store()
    text = scene.configuration.read_text()
    configuration = json.loads(text)
    configuration["eventstore"]["url"] = scene.store.url
    scene.configuration.write_text(json.dumps(configuration))
    done, (sums,) = verify(scene)
    assert (done.returncode, sums["same"], sums["missing"]) == (1, 0, events)
    done, (sums,) = verify(scene, "--repair")
    assert (done.returncode, sums["repaired"]) == (0, events), done.stderr
    assert scene.store.row_streams() == whole
    assert verify(scene)[0].returncode == 0
