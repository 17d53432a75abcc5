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
# Adds the totals that a runner printed last to ours; a skipped test is a failed one.
counted() { # log status
    local line f
    line=$(grep -E '[0-9]+ (passed|failed|skipped|error)' "$1" | tail -n 1)
    of() { grep -oE "[0-9]+ $1" <<<"0 $1 $line" | tail -n 1 | grep -oE '^[0-9]+'; }
    f=$(($(of failed) + $(of error) + $(of skipped)))
    [ "$2" -eq 0 ] || [ $f -gt 0 ] || f=1
    passed=$((passed + $(of passed)))
    failed=$((failed + f))
    return $((f > 0))
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
runner() { # name command...
    local name=$1 start=$SECONDS
    shift
    "$@" >"$log" 2>&1
    if counted "$log" $?; then
        echo "ok: $name: $(tail -n 1 "$log") ($((SECONDS - start)) s)"
    else
        echo "FAILED: $name ($((SECONDS - start)) s)"
        tail -n 150 "$log"
    fi
}
step "build with gcc, no warning" make -s -j"$jobs" B=build CC=gcc SAN=-Werror all bench-programs
step "build with clang, no warning" make -s -j"$jobs" B=build/clang CC=clang SAN=-Werror all objects
step "lint" make -s lint
runner "unit, golden and corpus tests (ASan, UBSan)" make -s -j"$jobs" check
runner "MIB modules, files for managers, examples" /usr/bin/python3 -m pytest -q tests/mibs tests/docs
start=$SECONDS
/usr/bin/python3 tests/live/run.py 2>&1 | tee "$log" # one line for each file, the output of failed ones
counted "$log" "${PIPESTATUS[0]}"
echo "live tests: $((SECONDS - start)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
