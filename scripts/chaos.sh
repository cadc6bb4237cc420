#!/bin/sh
# The fault campaign: chaos.sh [--rounds N] [--seed S] [--seconds N] [--store URL]; see --help.
set -eu
cd "$(dirname "$0")/.."
exec python3 tests/chaos/chaos.py "$@"
