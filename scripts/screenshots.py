#!/usr/bin/env python3
"""Takes the README's pictures of pages anew: scripts/screenshots.py BUILD

BUILD is a build directory. Needs chromium, chromium-driver and python3-selenium. Writes
docs/images/{devstore-*,serve-row,status}.png.
"""
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))


def fill(store, client):
    """A small shop: customers, orders and accounts as a bridge would have written them."""
    number = 0
    customers = ["Ada Lovelace", "Grace Hopper", "Karen Sp\u00e4rck Jones", "Radia Perlman"]
    for key, name in enumerate(customers, 1):
        row = {"id": key, "name": name, "email": name.split()[0].lower() + "@example.org",
               "balance": "100.00"}
        for version, kind in enumerate(["c", "u", "u"][:1 + key % 3]):
            before = None if version == 0 else dict(row)
            if version:
                row["balance"] = f"{100 + 25 * version}.50"
            number += 1
            client.append(store, f"customers-{key}", version - 1, client.event(
                number, kind, {"before": before, "after": row, "op": kind},
                {"topic": "shop.public.customers", "partition": key % 3, "offset": number,
                 "$correlationId": f"tx-{700 + number}", "source": "postgresql shop"}))
    for key in range(1, 9):
        number += 1
        client.append(store, f"orders-{key}", -1, client.event(
            number, "c", {"before": None, "after": {
                "id": key, "customer_id": 1 + key % 4, "total": f"{19 * key}.90",
                "items": [{"sku": f"A-{key}", "count": key}]}, "op": "c"},
            {"topic": "shop.public.orders", "partition": 0, "offset": number,
             "$correlationId": f"tx-{700 + number}", "source": "postgresql shop"}))
    client.append(store, "orders-3", 0, client.event(
        number + 1, "d", {"before": {"id": 3}, "after": None, "op": "d"}, {"offset": number + 1}))


def save(driver, name):
    target = ROOT / "docs" / "images" / f"{name}.png"
    target.parent.mkdir(exist_ok=True)
    driver.save_screenshot(str(target))
    print(target.relative_to(ROOT), target.stat().st_size)


def take(driver, url, name, place, opened):
    import harness
    driver.get("about:blank")
    driver.get(url + place)
    lines = "return document.querySelectorAll('details.event').length"
    harness.wait_until(lambda: driver.execute_script(lines), "events are shown")
    harness.wait_until(lambda: driver.execute_script(
        "return document.querySelectorAll('#categories a').length"), "categories are shown")
    driver.execute_script(
        "document.querySelectorAll('details.event').forEach((e, i) => e.open = i < arguments[0]);",
        opened)
    save(driver, f"devstore-{name}")


def take_devstore():
    import browser
    import devstore_client
    import harness
    store = harness.Store("--memory")
    try:
        fill(store, devstore_client)
        url = f"http://{store.address}/web"
        with browser.browser(1000, 480) as driver:
            take(driver, url, "start", "#/", 0)
        with browser.browser(1000, 640) as driver:
            take(driver, url, "stream", "#/streams/customers-2", 1)
        with browser.browser(1000, 640, dark=True) as driver:
            take(driver, url, "dark", "#/streams/%24ce-customers", 1)
        with browser.browser(390, 700) as driver:
            take(driver, url, "phone", "#/streams/customers-2", 1)
    finally:
        store.end()


def take_bridge(bench):
    """A bridge that has written a bank's changes, and `serve` over what it wrote."""
    import browser
    import harness
    store = bench.store()
    config = bench.config(bench.kafka(harness.fixture_path("postgres-bank-readable")), store,
                          ["^shopbank.*"], status={"listen": "127.0.0.1:0"})
    bridge = bench.run(config)
    status = bridge.await_line("stderr", r"status address=(\S+)").group(1)
    shown = "return document.getElementById('figures').innerText.includes('2,893')"
    with browser.browser(1000, 760) as driver:
        driver.get(f"http://{status}/")
        harness.wait_until(lambda: driver.execute_script(shown), "everything is appended")
        save(driver, "status")
    serve = bench.program("rowstream", "serve", "-c", config, "--listen", "127.0.0.1:0")
    with browser.browser(1100, 560) as driver:
        driver.get(serve.await_ready() + "/#/accounts/2")
        lines = "return document.querySelectorAll('ol.line li').length"
        harness.wait_until(lambda: driver.execute_script(lines), "the row's life is shown")
        save(driver, "serve-row")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.environ["ROWSTREAM_BUILD"] = sys.argv[1]
    import harness
    take_devstore()
    with tempfile.TemporaryDirectory() as directory:
        bench = harness.Workbench(pathlib.Path(directory))
        try:
            take_bridge(bench)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
