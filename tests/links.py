#!/usr/bin/env python3
"""Every relative link of the Markdown files leads to a file, and every #anchor to a heading."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def anchors(path):
    """The heading anchors as a web forge makes them."""
    found = set()
    for heading in re.findall(r"(?m)^#+ +(.*)$", path.read_text(encoding="utf-8")):
        text = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(text.replace(" ", "-"))
    return found


def main():
    bad = 0
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            there = (page.parent / name).resolve() if name else page
            if not there.exists() or (anchor and there.suffix == ".md"
                                      and anchor not in anchors(there)):
                print(f"{page.relative_to(ROOT)}: nothing at {target}")
                bad += 1
    print(f"{len(pages)} pages, {bad} bad links")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
