"""`rowstream serve`: the JSON API, and the page in a real browser."""
import json
import http.client
import signal

import pytest

import browser
import harness
from harness import fixture, record, row_change, wait_until

T0 = 1700000000000
HOSTILE = "<img src=x onerror=\"document.title='broken in'\">"
BIG = 9007199254740993  # no double


def row(op, offset, key, before=None, after=None, topic="srv.public.people"):
    return record(topic, offset, {"id": key},
                  row_change(op, topic.rsplit(".", 1)[1], before, after, ts_ms=T0 + 1000 * offset))


PEOPLE = [
    row("c", 0, 1, after={"id": 1, "name": "Ann"}),
    row("c", 1, 2, after={"id": 2, "name": HOSTILE}),
    row("u", 2, 1, after={"id": 1, "name": "Anna", "big": BIG}),
    row("c", 3, 10, after={"id": 10, "name": None}),
    row("d", 4, 2, before={"id": 2}),
]
ORDERS = [row("c", n, f"a/{n}", after={"id": f"a/{n}"}, topic="srv.public.orders") for n in range(3)]


class Served:
    def __init__(self, bench, config, *args):
        self.bench, self.config = bench, config
        self.program = bench.program("rowstream", "serve", "-c", config, "--listen", "127.0.0.1:0",
                                     *args, wrapper=harness.WRAPPER)
        self.url = self.program.await_ready()
        self.address = self.url.split("//")[1]

    def request(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection(self.address, timeout=harness.DEADLINE_S)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v
                                                      for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path, status=200):
        """The body; a table that is being read is asked for again."""
        def answered():
            got, _, body = self.request(path)
            return None if got == 503 else (got, body)
        got, body = wait_until(answered, path)
        assert got == status, body
        return json.loads(body)


@pytest.fixture
def serve(bench):
    def start(*captures, args=(), topics=("^srv.*",), **sections):
        store = bench.store()
        config = bench.config(bench.kafka(*captures, partitions=1), store, list(topics), **sections)
        program = bench.run(config, "--until-end")
        assert program.wait() == 0, program.report()
        served = Served(bench, config, *args)
        served.store = store
        return served
    return start


def test_living_rows_in_pages(serve):
    api = serve(PEOPLE, ORDERS)
    assert [(t["name"], t["events"]) for t in api.json("/tables")["tables"]] == \
        [("orders", 3), ("people", 5)]
    first = api.json("/tables/people?size=1")
    assert [(r["key"], r["revision"], r["op"], r["row"]) for r in first["rows"]] == \
        [("1", 1, "u", {"id": 1, "name": "Anna", "big": BIG})]
    second = api.json(first["next"])
    assert [r["row"] for r in second["rows"]] == [{"id": 10, "name": None}]
    assert second["next"] is None
    _, headers, _ = api.request("/tables/people?size=1")
    assert headers["Link"] == f'<{first["next"]}>; rel="next"'
    assert [r["key"] for r in api.json("/tables/people?deleted=1")["rows"]] == ["2"]


def test_rows_now_and_then(serve):
    api = serve(PEOPLE, ORDERS)
    now = api.json("/tables/people/1")
    assert (now["revision"], now["row"]["name"], now["time"]) == \
        (1, "Anna", "2023-11-14T22:13:22.000Z")
    assert api.json("/tables/people/1?at=2023-11-14T22:13:21Z")["row"] == {"id": 1, "name": "Ann"}
    assert api.json("/tables/people/1?revision=0")["row"]["name"] == "Ann"
    assert "there was no row: revision 1 deleted it" in api.json("/tables/people/2", 404)["error"]
    assert [r["key"] for r in api.json(f"/tables/people?at={T0 + 1999}")["rows"]] == ["1", "2"]
    # a key's slash stands escaped in the stream's name, and so in the path
    href = api.json("/tables/orders?size=1")["rows"][0]["href"]
    assert href == "/tables/orders/a~2F0"
    assert api.json(href)["row"] == {"id": "a/0"}


def test_a_life_in_pages(serve):
    api = serve(PEOPLE)
    life = api.json("/tables/people/1/history?size=1")
    assert [e["op"] for e in life["events"]] == ["c"]
    later = api.json(life["next"])
    assert later["events"][0]["changes"] == [
        {"column": "name", "old": "Ann", "new": "Anna"}, {"column": "big", "new": BIG}]
    assert (later["begins"], later["next"]) == (0, None)


def test_changes_show_without_a_restart(serve):
    api = serve(PEOPLE)
    _, before, _ = api.request("/tables/people")
    _, row_before, _ = api.request("/tables/people/10")
    assert api.request("/tables/people", If_None_Match=before["ETag"])[0] == 304
    assert api.request("/tables/people/10", If_None_Match=row_before["ETag"])[0] == 304
    assert api.request("/tables/people/10", If_None_Match='"77"')[0] == 200
    more = [*PEOPLE, row("u", 5, 10, after={"id": 10, "name": "Bo"})]
    config = api.bench.config(api.bench.kafka(more), api.store, ["^srv.*"])
    assert api.bench.run(config, "--until-end").wait() == 0
    status, after, body = api.request("/tables/people", If_None_Match=before["ETag"])
    assert status == 200 and after["ETag"] != before["ETag"]
    assert json.loads(body)["rows"][1]["row"] == {"id": 10, "name": "Bo"}
    assert api.request("/tables/people/10", If_None_Match=row_before["ETag"])[0] == 200


@pytest.mark.parametrize("path, status, words", [
    ("/tables/people/1%00x", 404, "stream people-1%00x"),
    ("/nothing", 404, "/openapi.json"),
    ("/tables/people/1/history/x", 404, "/openapi.json"),
    ("/tables/nobody", 404, "there is no stream $ce-nobody"),
    ("/tables/people/99", 404, "stream people-99 does not exist"),
    ("/tables/people?at=noon", 400, "at: a time like"),
    ("/tables/people?size=1001", 400, "size: a number from 0 to 1000"),
    ("/tables/people?page=-1", 400, "page: a number"),
    ("/tables/people/1?revision=7", 404, "there is no revision 7, the last one is 1"),
])
def test_what_is_not_there_is_said(serve, path, status, words):
    assert words in serve(PEOPLE).json(path, status)["error"]


def test_it_only_reads_and_only_for_this_machine(serve):
    api = serve(PEOPLE)
    assert api.request("/tables", "POST")[0] == 405
    assert api.request("/tables", "DELETE")[0] == 405
    assert api.request("/tables", "HEAD")[0::2] == (200, b"")
    # a name that somebody else made to lead here
    assert api.request("/tables", Host="evil.example:80")[0] == 421
    assert api.request("/tables", Host="localhost:1")[0] == 200
    assert "other machines" not in api.program.stderr


def test_a_store_that_goes_and_comes(serve):
    api = serve(PEOPLE)
    assert len(api.json("/tables/people")["rows"]) == 2
    api.store.request("POST", "/devstore/faults", {"Content-Type": "application/x-faults"},
                      "unavailable")
    assert "could not be read" in api.json("/tables/people/1", 502)["error"]
    api.store.heal()
    assert api.json("/tables/people/1")["row"]["name"] == "Anna"
    assert len(api.json("/tables/people")["rows"]) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(serve, number):
    api = serve(PEOPLE)
    api.program.signal(number)
    assert api.program.wait() == 0, api.program.report()


def test_addresses_that_do_not_work(bench):
    done = bench.rowstream("serve", "--listen", "nowhere")
    assert (done.returncode, "no address to listen on" in done.stderr) == (2, True)


def test_tables_that_the_operator_names(serve):
    api = serve(PEOPLE, ORDERS, args=["--table", "people"])
    assert api.json("/tables") == {"tables": [{"name": "people", "href": "/tables/people"}],
                                   "complete": True, "read": 0}


def test_answers_are_as_described(serve):
    api = serve(PEOPLE)
    described = api.json("/openapi.json")
    schemas = described["components"]["schemas"]
    paths = {"/tables": "Tables", "/tables/{table}": "Rows", "/tables/{table}/{key}": "Row",
             "/tables/{table}/{key}/history": "History"}
    assert set(described["paths"]) == set(paths)
    for path, name in paths.items():
        answer = api.json(path.format(table="people", key="1"))
        complain(schemas[name], answer, path)


def complain(schema, value, where):
    """The part of JSON Schema that the description uses: types, required and no other members."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if "type" not in schema or (value is None and schema.get("nullable")):
        return
    assert isinstance(value, kinds[schema["type"]]), where
    if schema["type"] == "array":
        for one in value:
            complain(schema["items"], one, where + "[]")
    if schema["type"] == "object" and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value) <= set(schema["properties"]), where
        for name, one in value.items():
            complain(schema["properties"][name], one, f"{where}.{name}")


# --- The page ---

@browser.needed
def test_a_person_browses_a_table_and_a_life(serve):
    api = serve(PEOPLE, ORDERS)
    with browser.browser() as driver:
        def texts(selector):
            return driver.execute_script(
                "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)",
                selector)

        def until(selector, wanted):
            wait_until(lambda: texts(selector) == wanted,
                       f"{selector}: {texts(selector)} is not {wanted}")

        driver.get(api.url)
        until("#tables a span:first-child", ["orders", "people"])
        driver.find_elements("css selector", "#tables a")[1].click()
        until(".rows td:first-child", ["1", "10"])
        assert texts(".rows th") == ["key", "id", "name", "big"]
        # a number that no double holds, and a column that a row does not have
        assert texts(".rows td:nth-child(4)") == [str(BIG), ""]
        driver.find_element("css selector", ".rows td a").click()
        until(".line .op", ["insert", "update"])
        until(".line li:nth-child(2) .change", ['name: "Ann" → "Anna"', f"big: {BIG}"])
        until(".then th", ["id", "name", "big"])
        driver.find_element("css selector", ".line li").click()
        until(".then td", ["1", '"Ann"'])
        assert texts(".line [aria-selected=true] .op") == ["insert"]
        # what a row holds stays text
        driver.get(api.url + "/#/people?deleted=1")
        until(".rows td:first-child", ["2"])
        assert HOSTILE in driver.find_element("css selector", ".rows td.value[title*=img]") \
            .get_attribute("title").replace('\\"', '"')
        assert driver.title == "people · Rowstream"
        driver.get(api.url + f"/#/people?at={T0}")
        until(".rows td:first-child", ["1"])
        driver.get(api.url + "/#/nobody")
        wait_until(lambda: "there is no stream" in "".join(texts(".error")), "the error")
        assert not [line for line in driver.get_log("browser")
                    if line["level"] == "SEVERE" and "404" not in line["message"]]


def test_the_bank_as_the_command_shows_it(serve):
    api = serve(fixture("postgres-bank-readable"), topics=["^shopbank.*"])
    done = api.bench.rowstream("table", "customers", "-c", api.config, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
    page, served = "/tables/customers?size=50", []
    while page:
        answer = api.json(page)
        served += [one["row"] for one in answer["rows"]]
        page = answer["next"]
    assert served == [one.get("row", one) for one in rows]
    assert len(served) == 104


def test_an_address_belongs_to_one(serve, bench):
    first = serve(PEOPLE)
    second = bench.rowstream("serve", "-c", first.config, "--listen", first.address)
    assert second.returncode == 2
    assert f"cannot listen on {first.address}" in second.stderr
