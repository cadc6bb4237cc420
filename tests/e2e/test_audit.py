"""Every change is kept: the images in a row's stream are those that a trigger wrote into a log in the
same database, in the same order, none merged, lost or doubled; and a row is found as it was at any time."""
import json
import threading

from final_state import raw_members, table_of
from live_state import LiveState, images, plain_event

POSTGRES = """
CREATE SCHEMA audit;
SET search_path TO audit;
CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(60) NOT NULL, balance decimal(14,2) NOT NULL,
  status varchar(10) NOT NULL, note varchar(60));
CREATE TABLE transfers (id bigint PRIMARY KEY, from_id bigint NOT NULL, to_id bigint NOT NULL,
  amount decimal(14,2) NOT NULL, memo varchar(60));
ALTER TABLE accounts REPLICA IDENTITY FULL;
ALTER TABLE transfers REPLICA IDENTITY FULL;
CREATE TABLE log (seq bigserial PRIMARY KEY, tab text NOT NULL, op text NOT NULL, id bigint NOT NULL,
  image text NOT NULL);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE image record;
  BEGIN
    IF TG_OP = 'DELETE' THEN image := OLD; ELSE image := NEW; END IF;
    INSERT INTO audit.log (tab, op, id, image)
      VALUES (TG_TABLE_NAME, lower(translate(left(TG_OP, 1), 'I', 'c')), image.id, row_to_json(image));
    RETURN NULL;
  END $$;
CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION keep();
CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON transfers FOR EACH ROW EXECUTE FUNCTION keep();
"""

# Three clients over the same four rows, which come and go; a savepoint that is taken back.
CONTENDED = """
BEGIN;
INSERT INTO audit.accounts VALUES ({row}, '{who}', {n}, 'open', NULL)
  ON CONFLICT (id) DO UPDATE SET owner = '{who}', balance = audit.accounts.balance + {n};
SAVEPOINT s; UPDATE audit.accounts SET balance = -1 WHERE id = {row}; ROLLBACK TO s;
UPDATE audit.accounts SET note = '{who} {n}' WHERE id = {row};
COMMIT;
"""
TAKEN = "DELETE FROM audit.accounts WHERE id = {row};\n"


def contend(database, who):
    database.sql("".join(CONTENDED.format(row=n % 4, who=who, n=n) +
                         (TAKEN.format(row=(n + 1) % 4) if n % 5 == 0 else "")
                         for n in range(60)))


def load(neighbourhood, database, seed):
    generator = neighbourhood.generate(database, "--seed", seed, "--transactions", 300,
                                       search_path="audit")
    clients = [threading.Thread(target=contend, args=(database, f"client {n}")) for n in range(3)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    _, errors = generator.communicate(timeout=100)
    assert generator.returncode == 0, errors


def logged(state):
    """{(table, key as JSON): [(op, image)]} as the triggers wrote it."""
    found = {}
    for line in state.source.sql("SELECT json_build_array(tab, op, id, image) "
                                 "FROM audit.log ORDER BY seq"):
        table, op, key, image = json.loads(line)
        row = state.of_print(f"audit.{table}", raw_members(image))
        found.setdefault((f"audit.{table}", json.dumps({"id": key})), []).append((op, row))
    return found


def at_time(state, streams, when_ms):
    """The rows whose range [its event's ts, the next one's) holds the moment."""
    rows = {}
    for stream, events in streams.items():
        times = [int(event["metadata"]["ts"]) for event in events]
        assert times == sorted(times), f"{stream}: {times}"  # ranges without gap or overlap
        valid = [event for event, ts in zip(events, times) if ts < when_ms]
        if valid and valid[-1]["type"] != "d":
            event = plain_event(valid[-1])
            rows.setdefault(table_of(event.metadata), []).append(event.data["after"])
    return rows


def test_streams_hold_what_the_triggers_saw(scene):
    database = scene.neighbourhood.postgres
    state = LiveState(database, "audit", POSTGRES, scene.neighbourhood.connectors()["pg"])
    del state.tables["log"]
    scene.configure(r"^pg\.audit\.(accounts|transfers)", **state.sections())
    scene.start()
    load(scene.neighbourhood, database, 1)
    # Nobody writes in this moment; the next millisecond is after everything.
    moment = int(database.sql("SELECT pg_sleep(0.002); "
                              "SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)")[-1])
    state.read()
    then, state.printed = state.printed, {}
    database.sql("SELECT pg_sleep(0.002)")
    load(scene.neighbourhood, database, 2)
    streams = scene.settle(database)

    kept = images(state, streams)
    expected = logged(state)
    assert kept.keys() == expected.keys()
    for row, changes in expected.items():
        assert kept[row] == changes, row
    assert sum(map(len, kept.values())) > 2000
    assert {op for changes in kept.values() for op, _ in changes} == {"c", "u", "d"}

    state.assert_equals(streams)
    state.printed = then
    assert list(state.differences(at_time(state, streams, moment))) == []
