#!/usr/bin/env python3
"""Compares the rows that `rowstream table` rebuilds from their streams with what the databases
printed when the captures were made, row by row and column by column:
scripts/demo_compare.py ROWSTREAM CONFIG CAPTURE=CATEGORY-PREFIX…"""
import json
import os
import pathlib
import subprocess
import sys
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipeline"))
import final_state  # noqa: E402

BOLD = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")


def rows_of(rowstream, config, category):
    done = subprocess.run([rowstream, "table", "-c", config, category, "--format", "jsonl"],
                          stdout=subprocess.PIPE, check=True)
    *rows, last = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    assert last["complete"], last
    return [row["row"] for row in rows]


def main():
    rowstream, config, *pairs = sys.argv[1:]
    print(f"{BOLD[0]}{'table':<22}{'rows':>9}{'database':>10}{'differ':>8}{BOLD[1]}")
    sums = [0, 0, 0]
    for capture, prefix in (pair.split("=") for pair in pairs):
        state = final_state.FinalState(capture)
        for table in sorted(filter(state.captured, state.printed)):
            category = prefix + table.split(".")[1]
            rows = rows_of(rowstream, config, category)
            counts = [len(rows), len(state.printed[table]),
                      len({one.row for one in state.table_differences(table, rows)})]
            print(f"{category:<22}{counts[0]:>9,}{counts[1]:>10,}{counts[2]:>8,}")
            sums = [one + other for one, other in zip(sums, counts)]
    print(f"{'all':<22}{sums[0]:>9,}{sums[1]:>10,}{sums[2]:>8,}")
    sys.exit(1 if sums[2] else 0)


if __name__ == "__main__":
    main()
