#!/usr/bin/env python3
"""Shows what a run of the bridge did, and what a development store holds: records by outcome,
streams by category. Python's own library only, so it is also an example of reading the streams back
over HTTP."""
import base64
import json
import os
import re
import sys
import urllib.request

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
OPS = {"r": "snapshot", "c": "insert", "u": "update", "d": "delete", "t": "truncate"}


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def get(url):
    request = urllib.request.Request(url, headers={
        "Accept": "application/vnd.eventstore.atom+json",
        "Authorization": "Basic " + base64.b64encode(b"admin:changeit").decode()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def entries(store, path):
    """A feed's entries, oldest first, following the `previous` links to its end."""
    url = f"{store}{path}?embed=body"
    while url:
        page = get(url)
        yield from reversed(page["entries"])
        links = {link["relation"]: link["uri"] for link in page["links"]}
        url = links["previous"] + "?embed=body" if page["entries"] and "previous" in links else None


def print_outcomes(log_path):
    """From the totals that `rowstream run` logs at its end."""
    with open(log_path, encoding="utf-8") as log:
        lines = log.readlines()
    totals = next(line for line in reversed(lines) if " totals " in line)
    counts = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", totals)}
    reasons = [(reason, int(n)) for line in lines for reason, n in
               re.findall(r" skipped reason=\"?([\w ]+?)\"? records=(\d+)", line)]
    print(bold(f"\n{counts['delivered']:,} records"))
    for name in ("appended", "duplicate", "skipped", "refused", "dropped", "in_flight"):
        if counts[name]:
            why = ", ".join(f"{reason} {n:,}" for reason, n in reasons) if name == "skipped" else ""
            print(f"{name:<22}{counts[name]:>9,}   {why}".rstrip())


def count_by_category(store):
    """category -> [streams, events, {op: events}]"""
    counts, seen = {}, set()
    for entry in entries(store, f"/streams/%24all/{'0' * 32}/forward/1000"):
        stream = entry.get("positionStreamId") or entry["streamId"]
        if stream.startswith(("$", "~")):
            continue
        count = counts.setdefault(stream.split("-", 1)[0], [0, 0, {}])
        count[0] += stream not in seen
        count[1] += 1
        count[2][entry["eventType"]] = count[2].get(entry["eventType"], 0) + 1
        seen.add(stream)
    return counts


def print_categories(counts):
    print(bold(f"\n{'category':<22}{'streams':>9}{'events':>9}   by operation"))
    for category, (streams, events, ops) in sorted(counts.items()):
        by_op = ", ".join(f"{OPS.get(op, op)} {n:,}" for op, n in sorted(ops.items()))
        print(f"{category:<22}{streams:>9,}{events:>9,}   {by_op}")
    print(f"{'all':<22}{sum(c[0] for c in counts.values()):>9,}"
          f"{sum(c[1] for c in counts.values()):>9,}")


def main():
    log_path, store = sys.argv[1:]
    print_outcomes(log_path)
    print_categories(count_by_category(store))


if __name__ == "__main__":
    main()
