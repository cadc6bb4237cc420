"""The development store over HTTP: what its answers are. The recordings say most (see
test_devstore_replay.py); here stands what was measured but not recorded (facts of 23.10.6)."""
import json
import time
import uuid
import xml.etree.ElementTree

import pytest

import harness
from devstore_client import (ATOM, EVENTS, Appender, Raw, append, append_text, event, event_id,
                             links, numbers, page, request_text, set_metadata)


@pytest.fixture(scope="module")
def store():
    running = harness.Store("--memory")
    yield running
    running.end()


@pytest.mark.parametrize("text, answer", [
    ("-1", (201, 0)), (" -1 ", (201, 0)), ("", (201, 0)), ("+0", (400, -1)), ("00", (400, -1)),
    ("9223372036854775807", (400, -1)), ("9223372036854775808", (400, None)), ("2.0", (400, None)),
    ("abc", (400, None)), ("-5", (400, None)), ("-4", (400, -1)), ("-2", (201, 0))])
def test_expected_version_header(store, text, answer):
    assert append(store, f"version-{uuid.uuid4()}", text, event()) == answer


def test_expected_version_minus_3_is_a_bare_200(store):
    status, headers, body = store.request(
        "POST", "/streams/minus-3", {"Content-Type": EVENTS, "ES-ExpectedVersion": "-3"},
        json.dumps([event()]))
    assert (status, headers.get("Location"), body) == (200, None, b"")
    assert page(store, "/streams/minus-3")[0] == 404


def test_header_names_in_any_case_and_of_newer_servers(store):
    assert append(store, "names-1", None, event(), headers={"es-expectedversion": "0"}) == \
        (400, -1)
    assert append(store, "names-1", None, event(), headers={"Kurrent-ExpectedVersion": "7"}) == \
        (400, -1)
    assert append(store, "names-1", -1, event(), headers={"Kurrent-ExpectedVersion": ""}) == \
        (201, 0)


def single(store, stream, kind, body, **headers):
    return store.request("POST", f"/streams/{stream}", {
        "Content-Type": kind, "ES-EventType": "t", "ES-EventId": event_id(1),
        **{name.replace("_", "-"): value for name, value in headers.items()}}, body)


def test_a_single_event_keeps_its_bytes(store):
    sent = '{ "a" : 1.10, "b":1e400,"dup":1,"dup":2, "f":"\\u00e9\\/" }'
    assert single(store, "single-1", "application/json", sent)[0] == 201
    path = "/streams/single-1/0"
    entry = page(store, "/streams/single-1/0/forward/1?embed=body")[2]["entries"][0]
    assert entry["data"] == sent and entry["isJson"] and entry["metaData"] is None
    assert store.request("GET", path, {"Accept": "application/octet-stream"})[2] == sent.encode()
    assert json.loads(store.request("GET", path, {"Accept": "application/json"})[2]) == \
        {"a": 1.1, "b": "Infinity", "dup": 2, "f": "\u00e9/"}
    got = page(store, path, {"Accept": "application/vnd.eventstore.event+json"})[2]
    assert got["metadata"] == "" and got["eventId"] == event_id(1)


def test_broken_json_and_bytes_are_kept_too(store):
    assert single(store, "single-2", "application/json", '{ "v" : ')[0] == 201
    assert page(store, "/streams/single-2/0/forward/1?embed=body")[2]["entries"][0]["data"] == \
        '{ "v" : '
    every_byte = bytes(range(256))
    assert single(store, "single-3", "application/octet-stream", every_byte)[0] == 201
    assert store.request("GET", "/streams/single-3/0",
                         {"Accept": "application/octet-stream"})[2] == every_byte
    entry = page(store, "/streams/single-3/0/forward/1?embed=body")[2]["entries"][0]
    assert entry["data"] is None and entry["isJson"] is False


def test_a_single_event_without_id_is_sent_to_a_place_with_one(store):
    status, headers, body = store.request(
        "POST", "/streams/single-4", {"Content-Type": "application/json", "ES-EventType": "t"},
        "{}")
    assert (status, body) == (307, b"Forwarding to idempotent URI")
    path = headers["Location"].split(store.address)[1]
    assert path.startswith("/streams/single-4/incoming/")
    for _ in range(2):
        status, headers, _ = store.request("POST", path, {
            "Content-Type": "application/json", "ES-EventType": "t", "ES-ExpectedVersion": "-1"},
            "{}")
        assert status == 201 and headers["Location"].endswith("/streams/single-4/0")


@pytest.mark.parametrize("headers, answer", [
    ({"ES-EventId": "x"}, b"ES-EventId header in wrong format."),
    ({"ES-EventId": "00000000-0000-0000-0000-000000000000"}, b"ES-EventId header in wrong format."),
    ({"ES-EventType": ""}, b"Must include an event type with the request either in body or as "
                           b"ES-EventType header."),
    ({"ES-RequireLeader": "yes"}, b"ES-RequireLeader header in wrong format."),
    ({"ES-RequireMaster": "yes"}, b"ES-RequireLeader header in wrong format.")])
def test_bad_headers_of_a_single_event(store, headers, answer):
    status, _, body = store.request("POST", "/streams/bad-headers", {
        "Content-Type": "application/json", "ES-EventId": event_id(1), "ES-EventType": "t",
        **headers}, "{}")
    assert (status, body) == (400, answer)


@pytest.mark.parametrize("kind, status", [
    ("application/vnd.eventstore.events+json; charset=utf-8", 201),
    ("application/vnd.eventstore.event+json", 201),
    ("application/vnd.kurrent.events+json", 201),
    ("application/vnd.eventstore.events+json; charset=latin1", 415),
    ("Application/vnd.eventstore.events+json", 415), ("text/plain", 415)])
def test_content_types(store, kind, status):
    assert append(store, "types-1", -2, event(), headers={"Content-Type": kind})[0] == status


def padded(size):
    """An event whose data is stored in that many bytes: {\\n  "p": "xx"\\n}."""
    return event(data={"p": "x" * (size - len('{\n  "p": ""\n}'))})


def test_sizes_around_the_limit(store):
    limit = 4 * 1024 * 1024
    assert append(store, "size-1", -1, padded(limit)) == (201, 0)
    status, headers, body = store.request(
        "POST", "/streams/size-1", {"Content-Type": EVENTS, "ES-ExpectedVersion": "0"},
        json.dumps([padded(limit + 1)]))
    assert (status, headers.get("Content-Type"), body) == (413, None, b"")
    assert append(store, "size-1", 0, *(padded(2000000) for _ in range(14))) == (201, 1)
    status, _, body = store.request(
        "POST", "/streams/size-1", {"Content-Type": EVENTS, "ES-ExpectedVersion": "14"},
        json.dumps([padded(17 * 1024 * 1024)]))
    assert (status, body) == (400, b"Record is too big. (Parameter 'data')")
    assert append(store, "size-1", 14, event()) == (201, 15)


def test_a_body_over_30_mb_is_a_bare_200_and_not_written(store):
    status, headers, body = store.request(
        "POST", "/streams/size-2", {"Content-Type": EVENTS, "ES-ExpectedVersion": "-1"},
        b"[" + b" " * 30_000_000)
    assert (status, headers.get("Location"), body) == (200, None, b"")
    assert page(store, "/streams/size-2")[0] == 404


def test_chunked_bodies_and_expect(store):
    with Raw(store) as raw:
        body = json.dumps([event()])
        raw.send(f"POST /streams/chunked-1 HTTP/1.1\r\nHost: x\r\nContent-Type: {EVENTS}\r\n"
                 "ES-ExpectedVersion: -1\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 7):
            piece = body[start:start + 7]
            raw.send(f"{len(piece):x}\r\n{piece}\r\n")
        raw.send("0\r\n\r\n")
        assert raw.answer()[:2] == (201, "Created")
        raw.send(f"POST /streams/chunked-1 HTTP/1.1\r\nHost: x\r\nContent-Type: {EVENTS}\r\n"
                 f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        assert raw.socket.recv(100).startswith(b"HTTP/1.1 100 ")
        raw.send(body)
        assert raw.answer()[0] == 201


def test_pipelined_requests_are_answered_in_order(store):
    with Raw(store) as raw:
        raw.send("".join(append_text("pipeline-1", number - 1, event()) for number in range(5)))
        answers = []
        received = b""
        while received.count(b"Location:") < 5:
            received += raw.socket.recv(65536)
        answers = [line.rsplit(b"/", 1)[1] for line in received.split(b"\r\n")
                   if line.startswith(b"Location:")]
    assert answers == [b"0", b"1", b"2", b"3", b"4"]


def all_at_once(store, texts):
    """The answers to requests that are sent at the same time, each on its own connection."""
    connections = [Raw(store) for _ in texts]
    for raw, text in zip(connections, texts):
        raw.send(text)
    answers = [raw.answer() for raw in connections]
    for raw in connections:
        raw.close()
    return [(status, headers.get("ES-CurrentVersion")) for status, _, headers, _ in answers]


def test_of_writers_at_one_version_exactly_one_wins(store):
    for turn in range(20):
        answers = all_at_once(store, [append_text(f"race-{turn}", -1, event()) for _ in range(32)])
        assert sorted(answers, key=str) == [(201, None)] + [(400, "0")] * 31


def test_one_event_appended_by_many_is_there_once(store):
    for version in (-1, -2):
        one = event()
        answers = all_at_once(store, [append_text(f"same{version}", version, one)] * 32)
        assert answers == [(201, None)] * 32
        assert len(store.read(f"same{version}")) == 1


# --- Names ---

@pytest.mark.parametrize("sent, kept", [
    ("name%20x", "name%20x"), ("name%252Fx", "name%2Fx"), ("name%2Fy", "name%2Fy"),
    ("name%5Cx", "name%5Cx"), ("name%3Fx", "name%3Fx"), ("name%23x", "name%23x"),
    ("name%25", "name%25"), ("name%zz", "name%25zz"), ("name%E9", "name%25E9"),
    ("name+x", "name%2Bx"), ("name%7Ex", "name~x"), ("name'()*!x", "name%27%28%29%2A%21x"),
    ("name%F0%9F%98%80", "name%F0%9F%98%80"), ("name%7F", "name%7F"), ("%20name%20", "%20name%20"),
    ("name..", "name.."), ("head", "head"), ("metadata", "metadata"), ("0", "0"),
    ("incoming", "incoming"), ("%24name", "%24name"), ("%24%24name", "%24%24name")])
def test_names_come_back(store, sent, kept):
    status, headers, _ = store.request(
        "POST", f"/streams/{sent}", {"Content-Type": EVENTS, "ES-ExpectedVersion": "-1"},
        json.dumps([event()]))
    assert status == 201
    assert headers["Location"] == f"http://{store.address}/streams/{kept}/0"
    feed = page(store, f"/streams/{kept}/0/forward/1?embed=body")[2]
    assert feed["id"] == f"http://{store.address}/streams/{kept}"
    assert numbers(feed) == [0]


def test_names_that_are_none(store):
    def post(target):
        with Raw(store) as raw:
            raw.send(request_text("POST", target, {"Content-Type": EVENTS}, json.dumps([event()])))
            return raw.answer()[0]
    assert post("/streams/caf\u00e9".encode("latin-1").decode("latin-1")) == 400
    assert post("/streams/a%00b") == 400
    assert post("/streams/a/b") == 405
    assert post("/streams/a//") == 404
    assert post("/streams/.") == post("/streams/..") == 404
    assert post("/streams/" + "x" * 8200) == 414
    assert post("/streams/" + "x" * 8100) == 201
    status, headers, body = store.request("GET", "/streams/moved-1/")
    assert (status, body) == (307, b"Moved Permanently")
    assert headers["Location"] == f"http://{store.address}/streams/moved-1"


def test_addresses_follow_the_proxy(store):
    append(store, "proxy-1", -1, event())
    feed = page(store, "/streams/proxy-1", {
        "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Port": "8443", "X-Forwarded-Prefix": "es"})[2]
    assert feed["id"] == "https://shop.example:8443/es/streams/proxy-1"


# --- Reading ---

@pytest.fixture(scope="module")
def seven(store):
    append(store, "seven-1", -1, *(event(number) for number in range(1, 8)))
    return "/streams/seven-1"


@pytest.mark.parametrize("path, want, head, previous", [
    ("", [6, 5, 4, 3, 2, 1, 0], True, "7/forward/20"),
    ("/head/backward/2", [6, 5], True, "7/forward/2"),
    ("/head/2", [6, 5], True, "7/forward/2"),
    ("/3/2", [3, 2], False, "4/forward/2"),
    ("/0/forward/20", [6, 5, 4, 3, 2, 1, 0], True, "7/forward/20"),
    ("/6/forward/1", [6], True, "7/forward/1"),
    ("/2/forward/2", [3, 2], False, "4/forward/2"),
    ("/7/forward/20", [], True, None),
    ("/100/forward/20", [], True, None),
    ("/100/backward/3", [], False, "7/forward/3")])
def test_pages(store, seven, path, want, head, previous):
    status, headers, feed = page(store, f"{seven}{path}?embed=rich")
    assert status == 200 and numbers(feed) == want and feed["headOfStream"] is head
    found = links(feed).get("previous")
    assert found == (previous and f"seven-1/{previous}")
    full = path in ("/3/2", "/6/forward/1", "/2/forward/2")
    assert headers["Cache-Control"] == (
        "max-age=31536000, private" if full else "max-age=0, no-cache, must-revalidate")
    assert (headers.get("ETag") is None) == full


def test_walking_a_stream_both_ways_by_its_links(store, seven):
    path, seen = f"{seven}/head/backward/3?embed=rich", []
    while path:
        feed = page(store, path)[2]
        seen += numbers(feed)
        path = links(feed).get("next")
        path = path and f"/streams/{path}?embed=rich"
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    path, seen = f"{seven}/0/forward/3?embed=rich", []
    while path:
        feed = page(store, path)[2]
        seen += reversed(numbers(feed))
        path = links(feed).get("previous")
        path = path and f"/streams/{path}?embed=rich"
    assert seen == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("path, status, text", [
    ("/0/forward/4097", 500, b""), ("/0/forward/0", 400, b"'0' is not valid count. Should be "
                                    b"positive integer"),
    ("/0/forward/abc", 400, b"'abc' is not valid count. Should be positive integer"),
    ("/-1/forward/5", 400, b"'-1' is not valid event number"),
    ("/head/forward/5", 400, b"'head' is not valid event number"),
    ("/9223372036854775808/forward/5", 400, b"'9223372036854775808' is not valid event number"),
    ("/abc", 400, b"'abc' is not valid event number"), ("/99", 404, b"{}")])
def test_reads_that_make_no_sense(store, seven, path, status, text):
    got = store.request("GET", seven + path, {"Accept": "application/json"})
    assert (got[0], got[2]) == (status, text)


def test_count_4096_is_allowed(store, seven):
    assert page(store, f"{seven}/0/forward/4096")[0] == 200


@pytest.mark.parametrize("accept, path, status, kind", [
    (None, "", 406, "application/vnd.eventstore.streamdesc+json"),
    ("*/*", "", 406, "application/vnd.eventstore.streamdesc+json"),
    ("*/*", "/0/forward/2", 200, "application/vnd.eventstore.streamdesc+json"),
    ("application/vnd.eventstore.streamdesc+json", "", 200,
     "application/vnd.eventstore.streamdesc+json"),
    ("image/png", "", 406, None), ("application/json, image/png", "", 200, "application/json"),
    ("image/png, */*;q=0.1", "/0", 200, "application/atom+xml"),
    ("*/*", "/0", 200, "application/atom+xml"),
    ("application/vnd.kurrent.atom+json", "", 200, "application/vnd.kurrent.atom+json"),
    ("text/xml", "", 200, "text/xml"), ("text/html", "", 200, "text/html")])
def test_accept(store, seven, accept, path, status, kind):
    with Raw(store) as raw:
        raw.send(request_text("GET", seven + path, {"Accept": accept} if accept else {}))
        got, _, headers, _ = raw.answer()
    assert got == status
    assert headers.get("Content-Type") == (kind and kind + "; charset=utf-8")


def test_xml_feed_says_what_the_json_feed_says(store, seven):
    atom = "{http://www.w3.org/2005/Atom}"
    body = store.request("GET", f"{seven}/head/backward/3?embed=content",
                         {"Accept": "application/atom+xml"})[2]
    feed = xml.etree.ElementTree.fromstring(body)
    assert feed.tag == atom + "feed"
    assert [entry.find(atom + "title").text for entry in feed.findall(atom + "entry")] == \
        ["6@seven-1", "5@seven-1", "4@seven-1"]
    assert {link.get("rel"): link.get("href") for link in feed.findall(atom + "link")} == {
        link["relation"]: link["uri"]
        for link in page(store, f"{seven}/head/backward/3")[2]["links"]}
    content = feed.find(f"{atom}entry/{atom}content")
    assert content.find("data/n").text == "7" and content.find("eventNumber").text == "6"


def test_head_requests_and_unknown_methods_are_405(store, seven):
    for method in ("HEAD", "PUT", "PATCH"):
        with Raw(store) as raw:
            raw.send(request_text(method, seven))
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 405 Method Not Allowed")


def test_not_modified(store, seven):
    etag = page(store, seven)[1]["ETag"]
    for given in (etag, etag.strip('"')):
        assert page(store, seven, {"If-None-Match": given})[0] == 304
        assert page(store, f"{seven}/7/forward/20", {"If-None-Match": given})[0] == 304
    for given in ("W/" + etag, f'{etag}, "x"', "*", '"6;1"'):
        assert page(store, seven, {"If-None-Match": given})[0] == 200
    other = page(store, seven, {"Accept": "application/json"})[1]["ETag"]
    assert other != etag
    assert page(store, seven, {"If-None-Match": other})[0] == 200


# --- Long polls ---

def test_a_long_poll_ends_empty_after_its_time(store):
    append(store, "poll-1", -1, event())
    start = time.monotonic()
    status, _, feed = page(store, "/streams/poll-1/1/forward/5", {"ES-LongPoll": "1"})
    assert status == 200 and feed["entries"] == []
    assert time.monotonic() - start >= 0.9


def parked(store, path, headers):
    raw = Raw(store)
    raw.send(request_text("GET", path, {"Accept": ATOM, **headers}))
    return raw


def test_long_polls_are_woken_by_an_append(store):
    append(store, "poll-2", -1, event())
    waiting = [parked(store, path, {"ES-LongPoll": "60"}) for path in (
        "/streams/poll-2/1/forward/5?embed=rich", "/streams/%24ce-poll/"
        + str(store_head(store, "%24ce-poll") + 1) + "/forward/5?embed=rich",
        "/streams/poll-new/0/forward/5?embed=rich")]
    # An answered request of a later connection shows that the polls have arrived before it.
    page(store, "/streams/poll-2")
    append(store, "poll-2", 0, event())
    assert numbers(json.loads(waiting[0].answer()[3])) == [1]
    assert len(json.loads(waiting[1].answer()[3])["entries"]) == 1
    append(store, "poll-new", -1, event())
    assert numbers(json.loads(waiting[2].answer()[3])) == [0]
    for raw in waiting:
        raw.close()


def store_head(store, stream):
    return int(page(store, f"/streams/{stream}")[1]["ETag"].strip('"').split(";")[0])


def test_a_long_poll_of_a_stream_that_never_comes_is_404(store):
    assert page(store, "/streams/poll-never/0/forward/5", {"ES-LongPoll": "1"})[0] == 404


@pytest.mark.parametrize("seconds", ["0", "-1", "1.5", "abc"])
def test_long_polls_that_make_no_sense(store, seven, seconds):
    status, _, body = store.request("GET", f"{seven}/7/forward/5", {"ES-LongPoll": seconds})
    assert (status, body) == (400, b"ES-LongPoll header in wrong format.")


def test_head_urls_do_not_wait(store, seven):
    etag = page(store, seven)[1]["ETag"]
    assert page(store, seven, {"ES-LongPoll": "60", "If-None-Match": etag})[0] == 304


# --- Metadata, limits, deletes ---

def test_metadata_of_streams_that_have_none(store):
    append(store, "meta-1", -1, event())
    assert page(store, "/streams/meta-1/metadata")[::2] == (200, {})
    assert store.request("GET", "/streams/meta-1/metadata",
                         {"Accept": "application/atom+xml"})[2] == b""
    assert page(store, "/streams/meta-never/metadata")[0] == 404


def test_metadata_is_written_and_read(store):
    append(store, "meta-2", -1, event())
    path = "/streams/meta-2/metadata"
    body = json.dumps({"$maxCount": 3, "own": "x"})
    json_type = {"Content-Type": "application/json"}
    assert store.request("POST", path, json_type, body)[2] == \
        b"Empty eventId provided. (Parameter 'eventId')"
    assert store.request("POST", path, {**json_type, "ES-EventId": event_id(1),
                                        "ES-EventType": "x"}, body)[2] == \
        b"Bad Request. You should not include an event type for metadata."
    status, headers, _ = store.request("POST", path, {**json_type, "ES-EventId": event_id(1)}, body)
    assert status == 201 and headers["Location"].endswith("/streams/%24%24meta-2/0")
    assert store.request("POST", path, {"Content-Type": EVENTS, "ES-ExpectedVersion": "-1"},
                         json.dumps([event()]))[0] == 400
    assert page(store, path, {"Accept": "application/json"})[2] == {"$maxCount": 3, "own": "x"}
    assert page(store, f"{path}/0")[2]["summary"] == "$metadata"
    assert numbers(page(store, f"{path}/head/backward/5?embed=rich")[2]) == [0]
    assert numbers(page(store, f"{path}/0/forward/5?embed=rich")[2]) == [0]
    assert store.request("GET", "/streams/%24%24meta-2/metadata")[0] == 400


def test_max_age_hides_events_when_their_time_comes(store):
    append(store, "age-1", -1, event(), event())
    set_metadata(store, "age-1", {"$maxAge": 1})
    assert numbers(page(store, "/streams/age-1?embed=rich")[2]) == [1, 0]
    harness.wait_until(lambda: not page(store, "/streams/age-1")[2]["entries"], "events expire")
    status, headers, feed = page(store, "/streams/age-1/head/backward/1?embed=body")
    assert (status, feed["entries"]) == (200, [])
    assert headers["ETag"].startswith('"1;')
    assert append(store, "age-1", -1, event()) == (400, 1)
    assert append(store, "age-1", 1, event()) == (201, 2)
    assert numbers(page(store, "/streams/age-1?embed=rich")[2]) == [2]
    assert page(store, "/streams/age-1/0", {"Accept": "application/json"})[0] == 404


def test_cache_control_of_a_stream(store):
    append(store, "cache-1", -1, event())
    set_metadata(store, "cache-1", {"$cacheControl": 12})
    assert page(store, "/streams/cache-1")[1]["Cache-Control"] == "max-age=12, private"


def test_a_truncated_page_leads_on(store):
    append(store, "trunc-1", -1, *(event() for _ in range(6)))
    set_metadata(store, "trunc-1", {"$maxCount": 2})
    status, headers, feed = page(store, "/streams/trunc-1/0/forward/2?embed=rich")
    assert status == 200 and feed["entries"] == [] and feed["headOfStream"] is False
    assert links(feed)["previous"] == "trunc-1/2/forward/2"
    assert headers["Cache-Control"] == "max-age=31536000, private"


def test_deletes(store):
    append(store, "del-1", -1, event(), event())
    def delete(**headers):
        return store.request("DELETE", "/streams/del-1", {
            name.replace("_", "-"): value for name, value in headers.items()})
    status, headers, _ = delete(ES_ExpectedVersion="0")
    assert (status, headers["ES-CurrentVersion"]) == (400, "1")
    assert delete(ES_HardDelete="maybe")[2] == b"ES-HardDelete header in wrong format."
    assert delete(ES_HardDelete="false")[0] == 204
    assert page(store, "/streams/del-1/metadata", {"Accept": "application/json"})[2] == \
        {"$tb": 9223372036854775807}
    assert append(store, "del-1", -1, event()) == (201, 2)
    assert page(store, "/streams/del-1/metadata", {"Accept": "application/json"})[2] == {"$tb": 2}
    assert delete(ES_HardDelete="true")[0] == 204
    assert delete(ES_HardDelete="true")[0] == 410
    assert page(store, "/streams/del-1")[0] == 410
    status, _, body = store.request("GET", "/streams/del-1/0", {"Accept": "application/json"})
    assert (status, body) == (410, b"{}")
    assert page(store, "/streams/del-1/metadata")[0] == 410
    status, headers, _ = store.request("DELETE", "/streams/del-never")
    assert (status, headers["ES-CurrentVersion"]) == (400, "-1")


# --- Links ---

def test_links_to_what_is_gone_keep_their_place(store):
    append(store, "gone-1", -1, event(1), event(2))
    append(store, "gone-2", -1, event(3))
    set_metadata(store, "gone-1", {"$tb": 1})
    store.request("DELETE", "/streams/gone-2", {"ES-HardDelete": "true"})
    feed = page(store, "/streams/%24ce-gone/0/forward/10?embed=body")[2]
    titles = [entry["title"] for entry in reversed(feed["entries"])]
    assert titles == ["0@gone-1", "1@gone-1", "0@gone-2", "9223372036854775807@gone-2"]
    first, second = list(reversed(feed["entries"]))[:2]
    assert "eventNumber" not in first and first["summary"] == "$>"
    assert second["eventId"] == event_id(2) and second["positionStreamId"] == "$ce-gone"
    assert second["positionEventNumber"] == 1 and second["eventNumber"] == 1
    assert json.loads(second["linkMetaData"])["$o"] == "gone-1"
    assert page(store, "/streams/%24ce-gone/0", {"Accept": "application/json"})[0] == 404
    assert page(store, "/streams/%24ce-gone/1", {"Accept": "application/json"})[2] == {"n": 2}


def test_links_of_clients(store):
    append(store, "target-1", -1, event(1))
    append(store, "linking-1", -1, event(kind="$>", data="0@target-1"),
           event(kind="$>", data="5@target-1"))
    feed = page(store, "/streams/linking-1?embed=body", {"ES-ResolveLinkTos": "false"})[2]
    assert feed["entries"][1]["eventId"] == event_id(1)  # false is ignored on feeds, as there
    assert feed["entries"][1]["positionStreamId"] == "linking-1"
    assert "eventId" not in feed["entries"][0]


def test_computed_streams_cannot_be_written(store):
    assert append(store, "%24ce-x", -1, event()) == (400, None)
    assert store.request("DELETE", "/streams/%24streams")[0] == 400


def test_all_and_its_filters(store):
    append(store, "all-1", -1, event(1, "first"), event(2, "second"))
    def found(query):
        feed = page(store, f"/streams/%24all/filtered/head/backward/4096?embed=rich&{query}")[2]
        return [entry["eventType"] for entry in feed["entries"] if entry["streamId"] == "all-1"]
    assert found("context=streamid&type=prefix&data=all-") == ["second", "first"]
    assert found("context=eventtype&type=regex&data=^f.*st$") == ["first"]
    assert found("exclude-system-events=true") == ["second", "first"]
    assert page_status(store, "context=x&type=prefix&data=a") == 400
    assert page_status(store, "context=streamid&type=regex&data=(") == 400
    assert page_status(store, "exclude-system-events=no") == 400


def page_status(store, query):
    return store.request("GET", f"/streams/%24all/filtered?{query}")[0]


# --- The server itself ---

def test_liveness_and_description(store):
    assert store.request("GET", "/health/live")[0] == 204
    assert store.request("HEAD", "/health/live")[0] == 204
    info = page(store, "/info", {"Accept": "application/json"})[2]
    assert info["features"] == {"projections": False, "userManagement": False, "atomPub": True}
    assert info["rowstreamDevstore"]
    stats = page(store, "/stats", {"Accept": "application/json"})[2]
    assert stats["es"]["events"] > 0
    status, _, body = store.request("GET", "/projections/any", {"Accept": "application/json"})
    assert status == 501 and b"no projections" in body
    assert store.request("POST", "/admin/scavenge")[0] == 200


def test_without_atompub(bench):
    plain = bench.store("--memory", "--no-atom")
    for method, path in (("GET", "/streams/a"), ("POST", "/streams/a")):
        status, headers, body = plain.request(method, path, {"Content-Type": EVENTS})
        assert (status, headers.get("Content-Type"), body) == (404, None, b"")
    assert page(plain, "/info", {"Accept": "application/json"})[2]["features"]["atomPub"] is False


def test_sigterm_sends_current_answers_and_ends(bench):
    running = bench.store("--memory")
    appenders = [Appender(running, f"term-{number}") for number in range(8)]
    for appender in appenders:
        appender.start()
    harness.wait_until(lambda: all(len(a.answered) > 20 for a in appenders), "appends")
    assert running.stop() == 0
    for appender in appenders:
        appender.join()
        assert not appender.refused


def test_sigterm_ends_long_polls(bench):
    running = bench.store("--memory")
    append(running, "poll-1", -1, event())
    waiting = parked(running, "/streams/poll-1/1/forward/5", {"ES-LongPoll": "60"})
    page(running, "/streams/poll-1")
    assert running.stop() == 0
    status, _, headers, body = waiting.answer()
    assert (status, headers["Connection"], json.loads(body)["entries"]) == (200, "close", [])
