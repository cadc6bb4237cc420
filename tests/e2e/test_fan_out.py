"""One topic set, several bridges' views of it: tables taken and left out, columns that never leave, masked
or hashed ones, and event types that a reader can subscribe to by themselves."""
import hashlib

from harness import parse

POSTGRES = """
CREATE SCHEMA fan;
CREATE TABLE fan.people (id int PRIMARY KEY, name text, ssn text, email text, secret text);
CREATE TABLE fan.orders (id int PRIMARY KEY, person int, total numeric(10,2));
CREATE TABLE fan.internal (id int PRIMARY KEY, what text);
INSERT INTO fan.people VALUES (1, 'Anna', '111-11', 'anna@example.com', 's1');
"""
CHANGES = """
INSERT INTO fan.people VALUES (2, 'Bo', '222-22', NULL, 's2'), (3, 'Cy', '333-33', 'cy@example.com', NULL);
INSERT INTO fan.orders VALUES (10, 1, 5.00), (11, 2, 7.50);
INSERT INTO fan.internal VALUES (1, 'do not tell');
UPDATE fan.people SET ssn = '999-99' WHERE id = 2;
UPDATE fan.orders SET total = 6.00 WHERE id = 10;
DELETE FROM fan.people WHERE id = 3;
"""


def test_filters_columns_and_types(scene):
    database = scene.neighbourhood.postgres
    scene.configure(
        r"^pg\.fan\..*",
        mapping={"event_types": "{table}.{word}"},
        filter={"drop_tables": ["*.fan.internal"], "drop_columns": ["*.fan.people.secret"],
                "mask_columns": ["*.fan.people.ssn"], "hash_columns": ["*.fan.people.email"],
                "hash_salt": "salt"})
    scene.start()
    database.sql(CHANGES)
    streams = scene.settle(database)

    assert sorted(streams) == ["orders-10", "orders-11", "people-1", "people-2", "people-3"]
    rows = {parse(line)["id"]: parse(line) for line in database.sql(
        "SELECT row_to_json(p) FROM fan.people p")}
    assert sorted(rows) == [1, 2]
    for number, row in rows.items():
        after = streams[f"people-{number}"][-1]["data"]["after"]
        hashed = row["email"] and hashlib.sha256(f"salt{row['email']}".encode()).hexdigest()
        assert after == (("id", number), ("name", row["name"]), ("ssn", "***"), ("email", hashed))
    whole = scene.store.request("GET", "/streams/people-2?embed=body")[2].decode()
    assert "222-22" not in whole and "999-99" not in whole and "s2" not in whole

    # A reader of one type sees that type of that table, and no other.
    def of_type(name):
        return [stream for stream, _ in scene.links(f"$et-{name}")]
    assert of_type("people.Snapshot") == ["people-1"]
    assert sorted(of_type("people.Insert")) == ["people-2", "people-3"]
    assert of_type("people.Update") == ["people-2"]
    assert of_type("people.Delete") == ["people-3"]
    assert sorted(of_type("orders.Insert")) == ["orders-10", "orders-11"]
    assert of_type("orders.Update") == ["orders-10"]
    assert of_type("internal.Insert") == []
