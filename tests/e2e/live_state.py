"""What a running database holds now, compared with rows rebuilt from the store's streams: the
comparison of tests/pipeline/final_state.py with SELECT in place of a capture's last state."""
import json
from decimal import Decimal

from column_values import Reader
from final_state import Event, FinalState, raw_members, replay, table_of, tables_of
from harness import Members


def plain(value):
    """harness.parse's trees as json.loads would make them."""
    if isinstance(value, Members):
        return {name: plain(one) for name, one in value}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def lines_of(streams):
    """As `rowstream map` prints events."""
    for stream, events in streams.items():
        for event in events:
            yield json.dumps({"stream": stream, "data": plain(event["data"]),
                              "metadata": plain(event["metadata"])})


class LiveState(FinalState):
    """Of the tables that `sql` creates in one schema, captured by a connector with `modes`."""

    def __init__(self, database, schema, sql, modes):
        self.source, self.schema, self.modes = database, schema, modes
        self.connector = "postgresql" if database.name == "postgres" else "mysql"
        self.reader = Reader(self.connector, modes)
        self.tables = tables_of(sql)
        self.printed = {}

    def has_schemas(self):
        return self.modes.get("value.converter.schemas.enable") != "false"

    def sections(self):
        """Of a rowstream.yaml, for values that can be compared."""
        types = {} if self.has_schemas() else {"types": self.types()}
        return {"mapping": {"values": "canonical"}, **types}

    def read(self):
        """SELECT * of every table."""
        self.printed = {}
        for name, table in self.tables.items():
            full = f"{self.schema}.{name}"
            self.printed[full] = [raw_members(text) for text in self.source.printed(
                f"{self.schema}.{self.source.quoted(name)}", table.columns)]
        return self

    def assert_equals(self, streams):
        """Rows rebuilt from all events of these streams, and the tables as they are now."""
        differences = list(self.read().differences(replay(lines_of(streams))))
        assert not differences, "\n".join(
            f"{one.place()}: the store has {one.found!r}, the database {one.printed!r}"
            for one in differences[:20])


def images(state, streams):
    """{(table, key as JSON): [(op, image)]} of all streams in their order; where a connector sends what was
    before, that is what the event before it left, so that nothing is missing, doubled or merged."""
    found = {}
    for stream, events in streams.items():
        last = None
        for event in map(plain_event, events):
            table = table_of(event.metadata)
            before, after = (event.data[name] and state.of_event(table, event.data[name])
                             for name in ("before", "after"))
            assert before == last, f"{stream}: {event}"
            last = after
            found.setdefault((table, json.dumps(event.data["key"])), []).append(
                (event.op, before if event.op == "d" else after))
    return found


def plain_event(event):
    return Event("", plain(event["data"]), plain(event["metadata"]))
