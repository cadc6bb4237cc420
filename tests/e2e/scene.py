"""A development store and a bridge that fills it from the real Kafka: what each test plays on."""
import itertools
import urllib.parse

from neighbours import SERVER_DEADLINE_S

_groups = itertools.count(1)


class Scene:
    def __init__(self, bench, neighbourhood):
        self.bench, self.neighbourhood = bench, neighbourhood
        self.store = bench.store()
        self.bridge = None
        self.configuration = None
        self.last = None

    def configure(self, *topics, **sections):
        """A bridge of a group of its own; topics are patterns."""
        kafka = {"group.id": f"e2e-{next(_groups)}", "session.timeout.ms": 6000,
                 "heartbeat.interval.ms": 1000}
        self.configuration = self.bench.config(
            self.neighbourhood.kafka, self.store, list(topics),
            **{**sections, "kafka": {**kafka, **sections.get("kafka", {})},
               "log": {"level": "info"}})

    def start(self):
        self.bridge = self.bench.run(self.configuration)
        return self.bridge

    def stop(self):
        assert self.bridge.stop() == 0, self.bridge.report()
        self.bridge = None

    def settle(self, *databases):
        """Everything committed in these databases until now is in the store; ends the bridge."""
        self.neighbourhood.await_all(*databases)
        if self.bridge:
            self.stop()
        self.last = self.bench.run(self.configuration, "--until-end")
        assert self.last.wait(SERVER_DEADLINE_S) == 0, self.last.report()
        return self.store.row_streams()

    def links(self, stream):
        """What a stream of links holds, in order: (stream, number) of each event."""
        path = f"/streams/{urllib.parse.quote(stream, safe='')}/0/forward/500?embed=body"
        return [(entry["streamId"], entry["eventNumber"]) for entry in self.store._pages(path)]
