#!/bin/sh
# tests/check.sh BUILD: runs every unit test, every fuzz corpus and the golden dumps of that build.
# Prints what failed and, at the end, "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
result() { # name status
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        tail -n 40 "$log"
    fi
}
for test in "$build"/test_*; do
    case $test in *.d | *.o) continue ;; esac
    "$test" >"$log" 2>&1
    result "$test" $?
done
for fuzz in "$build"/fuzz_*; do
    case $fuzz in *.d | *.o) continue ;; esac
    corpus=tests/fuzz/corpus/${fuzz##*/fuzz_}
    if [ -z "$(ls "$corpus" 2>/dev/null)" ]; then
        echo "no corpus: $corpus" >"$log"
        result "$fuzz" 1
        continue
    fi
    "$fuzz" "$corpus"/* >"$log" 2>&1
    result "$fuzz" $?
done
for option in --tables --help --version; do
    "$build/mailmond" $option >"$log" 2>&1
    result "mailmond $option" $?
done
B=$build tests/golden.sh >"$log" 2>&1
result "golden dumps" $?
dump=$(mktemp)
for truth in tests/data/generated/*.json; do
    { "$build/mailmond" --read postfix "${truth%.json}.log" >"$dump" &&
        /usr/bin/python3 tests/bench/check_truth.py "$dump" "$truth"; } >"$log" 2>&1
    result "truth of $truth" $?
done
rm -f "$dump"
/usr/bin/python3 tests/story/story.py --program "$build/mailmond" --seeds 1-15 >"$log" 2>&1
result "stories" $?
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
