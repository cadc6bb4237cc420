#!/usr/bin/env python3
"""Replays the recorded exchanges of tests/transcripts against any server and prints where it
answers otherwise: scripts/replay-transcripts.py --url http://localhost:2113 [RECORDING...]

The server's AtomPub must be on; a real EventStoreDB is best started with --insecure, as the
recorded one was. Stream names and ids are new on every run. Exit code 1: there are differences
that tests/transcripts/known-differences.json does not explain.
"""
import argparse
import base64
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
import transcripts  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="http://host:port")
    parser.add_argument("--user", help="NAME:PASSWORD")
    parser.add_argument("--keep-names", action="store_true", help="the recording's own names and ids")
    parser.add_argument("--all", action="store_true", help="also what is known to differ")
    parser.add_argument("recordings", nargs="*", default=["eventstore-23.10.6"])
    arguments = parser.parse_args()
    credentials = arguments.user and \
        "Basic " + base64.b64encode(arguments.user.encode()).decode()
    unexplained = 0
    for name in arguments.recordings:
        run = None if arguments.keep_names else f"{random.randrange(10000, 99999)}"
        replay = transcripts.Replay(name, arguments.url, run, credentials)
        entries = [] if arguments.all else transcripts.known()["differences"]
        differences = replay.differences()
        left = [d for d in differences if not transcripts.explain(d, entries)]
        for difference in left:
            print(difference)
        print(f"{name}: {replay.steps()} exchanges, {len(differences)} differences, "
              f"{len(differences) - len(left)} of them known")
        unexplained += len(left)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
