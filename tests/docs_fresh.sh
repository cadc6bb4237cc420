#!/bin/sh
# The pages hold what the programs print; run in the build directory.
exec "${srcdir:?}/scripts/update-docs.sh" --check "$PWD"
