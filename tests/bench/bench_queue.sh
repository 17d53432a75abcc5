#!/bin/sh
# bench_queue.sh BENCH_QUEUE GEN_QUEUE [FILES]: makes a Postfix queue tree in a temporary directory with
# GEN_QUEUE (tests/bench/gen_queue.c) and measures the queue collector over it. Needs the disk space.
set -eu
bench=$1 gen=$2 files=${3:-1000000}
tree=$(mktemp -d "${TMPDIR:-/tmp}/bench_queue.XXXXXX")
trap 'rm -rf "$tree"' EXIT INT TERM
"$gen" "$tree/queue" -n "$files" >"$tree/truth.json"
"$bench" "$tree/queue"
