"""The development store's page at /web, in a real browser."""
import json

import pytest

import browser
import harness
from devstore_client import append, event

pytestmark = browser.needed

HOSTILE = "<img src=x onerror=\"document.title='broken in'\">"


@pytest.fixture(scope="module")
def store():
    running = harness.Store("--memory")
    for number in range(1, 121):
        kind = "c" if number == 1 else "u"
        status, _ = append(running, "customers-1", number - 2, event(number, kind, {
            "op": kind, "after": {"id": 1, "name": f"Ada {number}", "balance": 1.25,
                                  "large": 12345678901234567890}}, {"offset": number}))
        assert status == 201
    for number in range(2, 30):
        append(running, f"customers-{number}", -1, event(1000 + number, "c", {"id": number}))
    append(running, "orders-1", -1, event(2001, HOSTILE, {"note": HOSTILE}, {"m": HOSTILE}))
    append(running, "caf%C3%A9%2F%3F%23%20-1", -1, event(2002, "c"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def chromium():
    with browser.browser() as driver:
        yield driver


@pytest.fixture
def page(store, chromium):
    shown = Page(chromium, f"http://{store.address}/web")
    shown.open("#/")
    yield shown
    assert shown.complaints() == []


class Page:
    def __init__(self, driver, url):
        self.driver, self.url = driver, url

    def open(self, place):
        self.driver.get("about:blank")
        self.driver.get(self.url + place)

    def texts(self, selector):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector)

    def until(self, selector, want, what=""):
        """Waits until want(texts of selector) holds, and returns the texts."""
        def right():
            found = self.texts(selector)
            return (found,) if want(found) else None
        return harness.wait_until(right, what or selector)[0]

    def press(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def place(self):
        return self.driver.execute_script("return location.hash")

    def click(self, selector):
        self.driver.find_element("css selector", selector).click()

    def complaints(self):
        """What the browser's console says, but for answers that are no pages."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "the server responded" not in entry["message"]]


def test_the_start_page_shows_what_there_is(page):
    categories = page.until("#categories a", lambda found: len(found) >= 2)
    assert [one.split("\n")[0] for one in categories] == ["caf\u00e9/?#", "customers", "orders"]
    assert categories[1].split("\n")[1] == "29"
    figures = page.until(".figures span", lambda found: found)
    assert "150 events" in figures and "31 streams" in figures
    assert page.texts(".warning summary") == [
        "For development and tests, not for data that matters."]
    lines = page.until("details.event .type", lambda found: len(found) == 20)
    assert lines[1] == HOSTILE


def test_a_stream_page_by_page_with_its_data(page):
    page.open("#/streams/customers-1")
    numbers = page.until("details.event .number", lambda found: len(found) == 50)
    assert numbers[0] == "119" and numbers[-1] == "70"
    page.click("details.event summary")
    bodies = page.until("details.event[open] pre", lambda found: len(found) == 2)
    # The store's own text: no number has gone through a double.
    assert '"large": 12345678901234567890' in bodies[0] and json.loads(bodies[1]) == {"offset": 120}
    page.press("o")
    assert page.until("details.event .number", lambda f: f and f[0] == "69")[-1] == "20"
    page.press("o")
    assert page.until("details.event .number", lambda f: f and f[0] == "19")[-1] == "0"
    assert page.driver.find_element("css selector", ".bar button:last-child").get_property("disabled")
    page.press("n")
    page.until("details.event .number", lambda f: f and f[0] == "119")


def test_new_events_appear_by_themselves(store, page):
    append(store, "live-1", -1, event(3001, "c", {"n": "first"}))
    page.open("#/streams/live-1")
    page.until("details.event .type", lambda found: found == ["c"])
    append(store, "live-1", 0, event(3002, "u", {"n": "second"}), event(3003, "d", {"n": "third"}))
    assert page.until("details.event .type", lambda found: len(found) == 3) == ["d", "u", "c"]
    page.click("#live")
    append(store, "live-1", 2, event(3004, "c"))
    page.click("#live")
    assert page.until("details.event .type", lambda f: len(f) == 4) == ["c", "d", "u", "c"]
    page.open("#/streams/%24ce-live")
    page.until("details.event .glance", lambda f: len(f) == 4 and f[0].startswith("live-1"))
    append(store, "live-2", -1, event(3005, "c"))
    page.until("details.event .glance", lambda f: len(f) == 5 and f[0].startswith("live-2"))


def test_finding_a_stream_by_name_with_the_keyboard(page):
    page.press("/")
    page.press("omers-2")
    page.press("\ue007")  # Enter
    found = page.until(".rows a span:first-child", lambda f: len(f) == 11)
    assert found[0] == "customers-2" and found[-1] == "customers-29"
    page.until("p[role=status]", lambda f: f == ["11 streams"])
    page.press("\ue00c")  # Escape leaves the field
    page.press("j", "j", "\ue007")
    assert page.until("details.event .type", lambda f: f == ["c"])
    assert page.place() == "#/streams/customers-20"


def test_events_open_and_close_with_the_keyboard(page):
    page.open("#/streams/customers-1")
    page.until("details.event .number", lambda found: len(found) == 50)
    page.press("j", "j", "\ue007")
    assert len(page.until("details.event[open] .number", lambda f: f)) == 1
    assert page.texts("details.event[open] .number") == ["118"]
    page.press("a")
    page.until("details.event[open]", lambda f: len(f) == 50)
    page.press("a")
    page.until("details.event[open]", lambda f: not f)
    page.press("?")
    page.until("#help[open] kbd", lambda f: len(f) > 5)
    page.press("\ue00c")
    page.until("#help[open]", lambda f: not f)


def test_a_category_lists_its_streams(page):
    page.until("#categories a", lambda found: len(found) >= 2)
    page.click("#categories li:nth-child(2) a")
    streams = page.until(".rows a span:first-child", lambda f: len(f) == 29)
    assert streams[0] == "customers-29" and streams[-1] == "customers-1"


def test_names_with_every_character_can_be_reached(page):
    page.open("#/search/%2F%3F%23")
    page.until(".rows a span:first-child", lambda f: f == ["caf\u00e9/?# -1"])
    page.click(".rows a")
    page.until("section h2", lambda f: f == ["caf\u00e9/?# -1"])
    page.until("details.event .type", lambda f: f == ["c"])


def test_data_never_becomes_html(page):
    page.open("#/streams/orders-1")
    page.until("details.event .type", lambda f: f == [HOSTILE])
    page.press("a")
    bodies = page.until("details.event[open] pre", lambda f: len(f) == 2)
    assert json.loads(bodies[0]) == {"note": HOSTILE}
    assert page.texts("#view img") == []
    assert page.driver.title == "orders-1 \u00b7 rowstream-devstore"


def test_what_is_not_there_is_said(store, page):
    page.open("#/streams/nothing-1")
    page.until("[role=alert]", lambda f: f == ["There is no such stream."])
    append(store, "deleted-1", -1, event(4001))
    store.request("DELETE", "/streams/deleted-1", {"ES-HardDelete": "true"})
    page.open("#/streams/deleted-1")
    page.until("[role=alert]", lambda f: f == ["This stream is deleted for ever."])


def test_light_and_dark(page):
    def background():
        return page.driver.execute_script(
            "return getComputedStyle(document.body).backgroundColor")
    light = background()
    page.press("d")
    assert background() != light
    page.press("d")
    assert background() == light


def test_on_a_phone(store):
    with browser.browser(width=380, height=720, dark=True) as driver:
        page = Page(driver, f"http://{store.address}/web")
        for place in ("#/", "#/streams/customers-1", "#/search/customers"):
            page.open(place)
            page.until("details.event .type, .rows a", lambda found: found)
            page.press("a")
            width = driver.execute_script("return document.documentElement.scrollWidth")
            assert width <= 380, place
        assert page.complaints() == []


def test_logging_in(chromium):
    guarded = harness.Store("--memory", "--auth")
    try:
        append(guarded, "secret-1", -1, event(1))
        page = Page(chromium, f"http://{guarded.address}/web")
        page.open("#/streams/secret-1")
        page.until("#login[open] label", lambda f: len(f) == 2)
        page.driver.find_element("id", "password").send_keys("changeit\ue007")
        page.until("details.event .type", lambda f: f == ["c"])
        page.until("#categories a", lambda f: len(f) == 1)
        page.complaints()
    finally:
        guarded.end()
