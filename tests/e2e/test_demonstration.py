"""The demonstration that began it: a MySQL-family source with default settings, event types in words, the
place in Kafka and the transaction in each event's metadata, a transaction found again as one stream."""

MARIADB = """
CREATE DATABASE demo;
CREATE TABLE demo.users (id int AUTO_INCREMENT PRIMARY KEY, name varchar(50), balance int);
CREATE TABLE demo.orders (id int AUTO_INCREMENT PRIMARY KEY, user_id int);
INSERT INTO demo.users (name, balance) VALUES ('Anna', 10), ('Bo', 20);
"""
TRANSACTION = """
START TRANSACTION;
UPDATE demo.users SET balance = balance - 5 WHERE id = 1;
UPDATE demo.users SET balance = balance + 5 WHERE id = 2;
INSERT INTO demo.orders (user_id) VALUES (1), (2);
DELETE FROM demo.users WHERE id = 3;
COMMIT;
SELECT @@last_gtid;
"""


def test_words_offsets_and_transactions(scene):
    database = scene.neighbourhood.mariadb
    scene.configure(r"^maria\.demo\..*", mapping={"event_types": "words"})
    scene.start()
    inserted, = database.sql("INSERT INTO demo.users (name, balance) VALUES ('Cy', 0); "
                             "SELECT @@last_gtid")
    transaction, = database.sql(TRANSACTION)
    started, = database.sql("SELECT floor(unix_timestamp() * 1000)")
    streams = scene.settle(database)

    assert {name: [event["type"] for event in events] for name, events in streams.items()} == {
        "users-1": ["Snapshot", "Update"], "users-2": ["Snapshot", "Update"],
        "users-3": ["Insert", "Delete"], "orders-1": ["Insert"], "orders-2": ["Insert"]}
    rows = database.sql("SELECT id, name, balance FROM demo.users ORDER BY id")
    assert [tuple(str(value) for _, value in streams[f"users-{number}"][-1]["data"]["after"])
            for number in (1, 2)] == [tuple(row.split("\t")) for row in rows]

    # Where each stood: every record of the topic once, in order.
    offsets = [int(event["metadata"]["offset"]) for number in (1, 2, 3)
               for event in streams[f"users-{number}"]]
    assert sorted(offsets) == sorted(set(offsets))
    for events in streams.values():
        for event in events:
            metadata = event["metadata"]
            assert metadata["topic"].startswith("maria.demo.")
            assert 0 < metadata["ts"] <= int(started) + 1000
            assert ("$correlationId" in dict(metadata)) == (event["type"] != "Snapshot")

    assert scene.links(f"$bc-{inserted}") == [("users-3", 0)]
    assert sorted(scene.links(f"$bc-{transaction}")) == [
        ("orders-1", 0), ("orders-2", 0), ("users-1", 1), ("users-2", 1), ("users-3", 1)]
