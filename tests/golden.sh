#!/bin/sh
# golden.sh [--update]: what mailmond reads from each tests/data/NAME.log must be NAME.dump, to the
# letter; NAME begins with the format, "postfix_", and ends with "_hosts" where each host is an instance. B: the build
# directory. --update writes the dumps anew (an empty one begins a new test): look at the difference, and say in the
# commit why each number changed.
set -eu
cd "$(dirname "$0")/.."
program=${B:-build}/mailmond
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC0
failed=0
update=${1:-}
for log in tests/data/*.log; do
    dump=${log%.log}.dump
    [ -e "$dump" ] || continue
    # Syslog's short time stamps have no year: it is the file's.
    cp "$log" "$work/log"
    touch -d 2026-12-01T00:00:00Z "$work/log"
    format=${log##*/}
    format=${format%%_*}
    case $log in *_hosts.log) set -- --host '*' ;; *) set -- ;; esac
    if ! "$program" --read "$format" "$@" "$work/log" >"$work/dump" 2>"$work/err"; then
        cat "$work/err" >&2
        failed=1
    elif [ "$update" = --update ]; then
        cp "$work/dump" "$dump"
    elif ! diff -u --label "$dump" --label "what is read now" "$dump" "$work/dump"; then
        failed=1
    fi
    grep '^not recognised' "$work/err" && failed=1
    # By a pipe, too, packed or not.
    cat "$work/log" | "$program" --read "$format" "$@" - >"$work/dump" 2>"$work/err" || failed=1
    gzip -c "$work/log" | "$program" --read "$format" "$@" - 2>"$work/err" | diff "$work/dump" - || failed=1
done
exit $failed
