#!/bin/bash
# tests/bench/checkpoint.sh [MESSAGES]: what a checkpoint costs with so many messages in flight
# (1,000,000), every second and every fifteen seconds. The state is made in build/bench, on a real disk.
# Exit status 1 if a limit is missed at the interval that mailmond has by default (15 s).
set -e
cd "$(dirname "$0")/../.."
build=${B:-build}
messages=${1:-1000000}
make -s B="$build" "$build/libmailmond.a"
mkdir -p "$build/bench"
program=$build/bench/checkpoint
"${CC:-cc}" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -O2 -g -o "$program" tests/bench/checkpoint.c \
    "$build/libmailmond.a" -luv -lconfig -lsqlite3 -lmnl -lz -lpthread
dir=$(mktemp -d "$build/bench/state.XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$program" "$dir/1" "$messages" 1 60 || true
"$program" "$dir/15" "$messages" 15 12
