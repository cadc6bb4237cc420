"""What drop_columns, mask_columns and hash_columns hide leaves by no way: not in the data, the
metadata, a stream's name, an id, a message, a log. Every record here holds SECRET somewhere."""
import json

import pytest

import harness

SECRET = "alice@example.com"
DIGEST = "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"  # sha256sum of SECRET
RULES = {"drop_columns": ["*.mail"], "mask_columns": ["*.phone"], "hash_columns": ["*.login"]}
HIDDEN = ["mail", "phone", "login"]
ROW = {"id": 1, "mail": SECRET, "phone": SECRET, "login": SECRET, "open": "kept"}
TOPIC = "srv.public.t"


def row(**changes):
    return harness.row_change("u", before=dict(ROW), after=dict(ROW), **changes)


def mysql(**source):
    value = row()
    value["source"] = {"connector": "mysql", "name": "srv", "ts_ms": 1, "db": "db", "table": "t",
                       **source}
    return value


def mapped(bench, records, **options):
    """The program's lines for these records; whatever it says must not hold SECRET."""
    config = bench.directory / "options.yaml"
    config.write_text(json.dumps({"filter": RULES, **options}))
    result = bench.rowstream("map", "--explain", "-c", config, bench.capture(records))
    assert SECRET not in result.stdout
    assert SECRET not in result.stderr
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def one(bench, key, value, topic=TOPIC, headers=(), **options):
    line, = mapped(bench, [harness.record(topic, 0, key, value, headers=headers)], **options)
    return line


def test_digest_is_of_the_secret(bench):
    line = one(bench, {"id": 1}, row())
    for image in ("before", "after"):
        assert line["data"][image] == {"id": 1, "phone": "***", "login": DIGEST, "open": "kept"}


def test_names_with_escapes_are_the_same_names(bench):
    text = json.dumps(row()).replace('"mail"', '"m\\u0061il"')
    line = one(bench, {"id": 1}, text)
    assert "mail" not in line["data"]["after"]


def test_a_column_twice_is_hidden_twice(bench):
    text = json.dumps(row()).replace('"open": "kept"', f'"mail": "{SECRET}", "phone": "{SECRET}"')
    line = one(bench, {"id": 1}, text)
    assert line["data"]["after"] == {"id": 1, "phone": "***", "login": DIGEST}


def test_images_of_other_ops_are_under_the_rules_too(bench):
    for op in "crdtm":
        value = row()
        value.update(op=op, message={"prefix": "p", "content": ""})
        line = one(bench, {"id": 1}, value)
        assert line["data"]["after"]["phone"] == "***", op


def test_a_schema_block_stays_behind(bench):
    fields = [{"type": "string", "field": name, "default": SECRET} for name in ROW]
    schema = {"type": "struct", "name": "srv.public.t.Envelope",
              "fields": [{"type": "struct", "field": image, "fields": fields}
                         for image in ("before", "after")]}
    line = one(bench, {"schema": {"type": "struct", "fields": fields}, "payload": {"id": 1}},
               {"schema": schema, "payload": row()}, mapping={"values": "canonical"})
    assert line["data"]["after"]["phone"] == "***"


# --- The key and what it names ---

@pytest.mark.parametrize("key", [
    {"mail": SECRET}, {"id": 1, "phone": SECRET}, {"login": SECRET}, {"m\u0061il": None},
    SECRET, json.dumps(SECRET), json.dumps([SECRET]), "Struct{mail=%s}" % SECRET,
    "Struct{id=1,phone=%s}" % SECRET, {"schema": None, "payload": {"mail": SECRET}},
    {"schema": None, "payload": SECRET}])
@pytest.mark.parametrize("make", [row, lambda: {**row(), "op": "d", "after": None}])
def test_a_key_that_tells_is_refused(bench, key, make):
    assert "key" in one(bench, key, make())["refused"]


@pytest.mark.parametrize("key", [{"mail": SECRET}, "Struct{mail=%s}" % SECRET])
def test_so_is_the_key_of_a_tombstone(bench, key):
    line = one(bench, key, None, source={"flattened_topics": [TOPIC]})
    assert "key" in line["refused"]


def test_a_number_as_key_is_compared_too(bench):
    value = row()
    value["after"]["phone"] = 491701234567
    assert "key" in one(bench, "491701234567", value)["refused"]


def test_a_short_key_may_equal_a_hidden_value(bench):
    value = row()
    value["after"]["phone"] = 17
    assert one(bench, "17", value)["stream"] == "t-17"


@pytest.mark.parametrize("header", ["__debezium.newkey", "__debezium.oldkey"])
@pytest.mark.parametrize("text", [
    json.dumps({"mail": SECRET}), json.dumps({"schema": None, "payload": {"login": SECRET}}),
    "Struct{phone=%s}" % SECRET, SECRET, json.dumps(SECRET)])
def test_the_other_key_of_a_move_is_a_key(bench, header, text):
    line = one(bench, {"id": 1}, row(), headers=[header, text])
    assert "key" in line["refused"]


# --- Beside the images ---

@pytest.mark.parametrize("name", ["query", "redo_sql"])
def test_statements_are_hidden(bench, name):
    line = one(bench, {"id": 1}, mysql(**{name: f"UPDATE t SET mail='{SECRET}'"}))
    assert line["data"]["source"][name] == "***"


def test_without_rules_a_statement_stays(bench):
    config = bench.directory / "none.yaml"
    config.write_text("{}")
    path = bench.capture([harness.record(TOPIC, 0, {"id": 1}, mysql(query="SELECT 1"))])
    result = bench.rowstream("map", "-c", config, path)
    assert json.loads(result.stdout)["data"]["source"]["query"] == "SELECT 1"


@pytest.mark.parametrize("member", [SECRET, [SECRET], {"mail": SECRET}])
def test_a_member_that_no_rule_can_look_into_is_refused(bench, member):
    line = one(bench, {"id": 1}, {**row(), "diff": member})
    assert "diff" in line["refused"]


def test_placeholders_do_not_name_what_is_hidden(bench):
    value = row()
    value["after"] = {name: "__debezium_unavailable_value" for name in ROW}
    line = one(bench, {"id": 1}, value)
    assert line["metadata"]["placeholders"] == ["id", "open"]


def test_stringified_does_not_name_what_is_dropped(bench):
    value = row()
    value["after"] = {"mail": 0.1234567890123456789, "open": 1}
    text = json.dumps(value).replace(str(0.1234567890123456789), "0.1234567890123456789")
    assert "stringified" not in one(bench, {"id": 1}, text)["metadata"]


def test_a_value_that_does_not_fit_its_type_is_not_printed(bench):
    value = row()
    value["after"]["open"] = SECRET
    value["before"] = None
    line = one(bench, {"id": 1}, value, mapping={"values": "canonical"}, types={"*.open": "date"})
    assert "does not fit" in line["refused"]


@pytest.mark.parametrize("value", [
    {"op": SECRET, "source": {"connector": "mysql", "table": "t"}}, {"op": SECRET},
    {"op": "c", "source": {"connector": "mysql", "table": "t", "ts_ms": SECRET}}, [SECRET],
    '{"mail": "%s"' % SECRET, SECRET, {"schema": 1, "payload": {"mail": SECRET}}])
def test_a_refusal_does_not_quote_the_record(bench, value):
    assert "refused" in one(bench, {"id": 1}, value)


# --- Other forms ---

def test_flattened_rows_and_added_fields(bench):
    value = {**ROW, "__source_query": f"INSERT '{SECRET}'", "__op": "u", "__phone": SECRET}
    line = one(bench, {"id": 1}, value,
               source={"flattened_topics": [TOPIC], "flattened_fields": ["__phone"]},
               filter={**RULES, "mask_columns": ["*phone", "*.__source_query"]})
    assert line["data"] == {
        "key": {"id": 1}, "after": {"id": 1, "phone": "***", "login": DIGEST, "open": "kept"},
        "source": {"__source_query": "***", "__op": "u", "__phone": "***"}}


def test_flattened_statements_are_hidden_without_a_rule_of_their_own(bench):
    value = {**ROW, "__source_query": f"INSERT '{SECRET}'", "__op": "u"}
    line = one(bench, {"id": 1}, value, source={"flattened_topics": [TOPIC]})
    assert line["data"]["source"] == {"__source_query": "***", "__op": "u"}


def cloudevent(**more):
    return {"id": "x", "source": "/debezium/mysql/srv", "specversion": "1.0", "type": "t",
            "iodebeziumop": "u", "iodebeziumconnector": "mysql", "iodebeziumname": "srv",
            "iodebeziumdb": "db", "iodebeziumtable": "t", "iodebeziumtsms": "1",
            "data": {"before": dict(ROW), "after": dict(ROW)}, **more}


def test_cloudevents(bench):
    line = one(bench, {"id": 1}, cloudevent(iodebeziumquery=f"UPDATE '{SECRET}'"))
    assert line["data"]["after"] == {"id": 1, "phone": "***", "login": DIGEST, "open": "kept"}
    assert line["data"]["source"]["iodebeziumquery"] == "***"


@pytest.mark.parametrize("more", [{"changed": {"mail": SECRET}}, {"note": SECRET},
                                  {"data_base64": SECRET}])
def test_a_cloudevent_with_members_of_anothers_making(bench, more):
    assert "refused" in one(bench, {"id": 1}, cloudevent(**more))


MONGO = {"connector": "mongodb", "name": "srv", "ts_ms": 1, "db": "db", "collection": "t"}


@pytest.mark.parametrize("value", [
    {"op": "c", "after": json.dumps(ROW), "source": MONGO},
    {"op": "u", "before": None, "after": None, "source": MONGO,
     "updateDescription": {"updatedFields": json.dumps(ROW), "removedFields": ["mail"]}},
    {"op": "d", "before": None, "after": None, "source": MONGO},
    {"op": "u", "after": None, "patch": json.dumps({"$set": ROW}), "source": MONGO}])
def test_mongodb_strings_are_refused(bench, value):
    assert "strings of JSON" in one(bench, {"id": json.dumps(SECRET)}, value)["refused"]


OUTBOX = {"source": {"outbox_topics": ["^outbox.*"]}}


def test_outbox_data_and_headers(bench):
    line = one(bench, "o-1", dict(ROW), topic="outbox.event.order", **OUTBOX,
               headers=["mail", SECRET, "phone", SECRET, "login", SECRET, "tenant", "a"])
    assert line["data"] == {"id": 1, "phone": "***", "login": DIGEST, "open": "kept"}
    assert line["metadata"]["headers"] == {"phone": "***", "login": DIGEST, "tenant": "a"}


@pytest.mark.parametrize("payload", [json.dumps(SECRET), SECRET, json.dumps([SECRET])])
def test_outbox_data_that_is_no_object(bench, payload):
    line = one(bench, "o-1", payload, topic="outbox.event.order", **OUTBOX,
               filter={"mask_columns": ["*.payload"]})
    assert line["data"] == {"payload": "***"}


def test_an_outbox_object_inside_a_string(bench):
    line = one(bench, "o-1", json.dumps(json.dumps(ROW)), topic="outbox.event.order", **OUTBOX)
    assert line["data"] == {"id": 1, "phone": "***", "login": DIGEST, "open": "kept"}


def test_an_outbox_key_that_tells(bench):
    line = one(bench, SECRET, dict(ROW), topic="outbox.event.order", **OUTBOX)
    assert "key" in line["refused"]


@pytest.mark.parametrize("name", ["id", "eventType"])
def test_an_outbox_id_or_type_that_tells(bench, name):
    line = one(bench, "o-1", {"open": 1}, topic="outbox.event.order", **OUTBOX,
               headers=[name, SECRET], filter={"mask_columns": [f"*.{name}"]})
    assert name in line["refused"]


# --- Tables ---

def ddl(*ids):
    return {"source": {"connector": "mysql", "name": "srv", "ts_ms": 1, "db": "db"}, "ts_ms": 1,
            "databaseName": "db", "schemaName": None, "ddl": f"ALTER … DEFAULT '{SECRET}'",
            "tableChanges": [{"type": "ALTER", "id": one} for one in ids]}


@pytest.mark.parametrize("rules", [{"drop_tables": ["db.t"]}, {"tables": ["db.u"]}])
def test_schema_changes_of_filtered_tables_are_filtered(bench, rules):
    line = one(bench, {"databaseName": "db"}, ddl('"db"."t"'), topic="srv", filter=rules,
               mapping={"schema_changes": "append"})
    assert line["skipped"] == "filtered"


def test_schema_changes_of_other_tables_are_not(bench):
    config = bench.directory / "ddl.yaml"
    config.write_text(json.dumps({"filter": {"tables": ["db.u"]},
                                  "mapping": {"schema_changes": "append"}}))
    records = [harness.record("srv", 0, {"databaseName": "db"}, ddl('"db"."t"', '"db"."u"')),
               harness.record("srv", 1, {"databaseName": "db"}, ddl())]
    result = bench.rowstream("map", "-c", config, bench.capture(records))
    assert [json.loads(line).get("type") for line in result.stdout.splitlines()] == ["ddl", "ddl"]


def test_no_row_of_a_filtered_table_in_any_form(bench):
    records = [harness.record(TOPIC, 0, {"id": SECRET}, row()),
               harness.record(TOPIC, 1, {"id": SECRET}, cloudevent()),
               harness.record(TOPIC, 2, {"id": SECRET}, {**row(), "op": "t"})]
    lines = mapped(bench, records, filter={"drop_tables": ["*.t", "*.t.*", "db.*"]})
    assert {line["skipped"] for line in lines} == {"filtered"}


# --- The whole program ---

def test_nothing_reaches_the_store_or_the_log(bench):
    records = [harness.record(TOPIC, 0, {"id": 1}, row()),
               harness.record(TOPIC, 1, {"id": 2}, mysql(query=f"UPDATE '{SECRET}'")),
               harness.record(TOPIC, 2, {"mail": SECRET}, row())]
    kafka, store = bench.kafka(records), bench.store()
    config = bench.config(kafka, store, [TOPIC], filter=RULES)
    bridge = bench.run(config)
    assert bridge.wait() != 0  # the third record is refused
    assert "key" in bridge.stderr
    assert SECRET not in bridge.stderr + bridge.stdout
    everything = repr(store.streams())
    assert "***" in everything and SECRET not in everything
