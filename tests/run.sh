#!/bin/bash
# tests/run.sh: all that `make test` runs, with one line of totals at the end.
#   build with gcc and with clang, warnings being errors · lint · unit, golden and corpus tests under ASan
#   and UBSan · MIB checks · live tests with a real Postfix, a real snmpd and clients nobody here wrote
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
passed=0 failed=0
step() { # name command...
    local name=$1 start=$SECONDS
    shift
    if "$@"; then
        echo "ok: $name ($((SECONDS - start)) s)"
        passed=$((passed + 1))
    else
        echo "FAILED: $name ($((SECONDS - start)) s)"
        failed=$((failed + 1))
    fi
}
# Adds the totals that a runner printed to ours, and shows its output if it failed.
counted() { # pattern-kind log status
    local p f
    p=$(grep -oE '[0-9]+ passed' "$1" | tail -n 1 | grep -oE '[0-9]+')
    f=$(grep -oE '[0-9]+ failed' "$1" | tail -n 1 | grep -oE '[0-9]+')
    e=$(grep -oE '[0-9]+ errors?' "$1" | tail -n 1 | grep -oE '[0-9]+')
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-0} + ${e:-0}))
    s=$(grep -oE '[0-9]+ skipped' "$1" | tail -n 1 | grep -oE '[0-9]+')
    [ -z "$s" ] || { echo "FAILED: $s tests were skipped: run make test as root"; failed=$((failed + s)); }
    [ "$2" -eq 0 ] || { [ "${f:-0}${e:-0}" != 00 ] || failed=$((failed + 1)); }
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
runner() { # name command...
    local name=$1 start=$SECONDS
    shift
    "$@" >"$log" 2>&1
    local status=$?
    counted "$log" $status
    if [ $status -eq 0 ]; then
        echo "ok: $name: $(tail -n 1 "$log") ($((SECONDS - start)) s)"
    else
        echo "FAILED: $name ($((SECONDS - start)) s)"
        tail -n 150 "$log"
    fi
}
step "build with gcc, no warning" make -s -j"$jobs" B=build CC=gcc SAN=-Werror all bench-programs
step "build with clang, no warning" make -s -j"$jobs" B=build/clang CC=clang SAN=-Werror all
step "lint" make -s lint
runner "unit, golden and corpus tests (ASan, UBSan)" make -s -j"$jobs" check
runner "MIB modules" /usr/bin/python3 -m pytest -q tests/mibs
runner "live tests" /usr/bin/python3 -m pytest -q tests/live
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
