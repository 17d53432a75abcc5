#!/bin/sh
# demo.sh: mailmond with its embedded master agent on a recorded Postfix that is played again, so that
# the numbers move. Everything is below one temporary directory and listens on loopback only; it runs
# until Ctrl-C, or for DEMO_SECONDS. `make demo` calls it.
#
#   B             build directory (build)
#   DEMO_PORT     first UDP port tried (1161)
#   DEMO_SECONDS  ends after so many seconds
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$root" && cd "${B:-build}" && pwd)
arc=.1.3.6.1.4.1.8072.9999.9999.1566
daemon=''
player=''
sleeper=''
dir=''

stop() {
    [ -z "$1" ] || kill "$1" 2>/dev/null || return 0
    [ -z "$1" ] || wait "$1" 2>/dev/null || :
}

clean_up() {
    trap '' INT TERM HUP
    stop "$sleeper"
    stop "$daemon"
    stop "$player"
    [ -z "$dir" ] || rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 0' INT TERM HUP

# A sleep that a signal ends at once.
nap() {
    sleep "$1" &
    sleeper=$!
    wait "$sleeper"
    sleeper=
}

die() {
    echo "demo: $*" >&2
    exit 1
}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

# What is typed is shown, shortened by the options that are the same each time.
show() { printf '$ %s\n' "$*"; }

# The first UDP port from $1 on that nobody has bound (Linux: local addresses as hex in /proc/net).
free_port() {
    awk -v want="$1" 'FNR > 1 { split($2, a, ":"); used[a[2]] = 1 }
        END { while (sprintf("%04X", want) in used) want++; print want }' /proc/net/udp /proc/net/udp6
}

# Directories with the modules that ours import; Debian has them in the package erlang-snmp.
find_mibs() {
    for d in /usr/lib/erlang/lib/snmp-*/mibs /usr/share/snmp/mibs/ietf /var/lib/mibs/ietf \
        /usr/share/snmp/mibs; do
        if [ -e "$d/SNMPv2-SMI.mib" ] || [ -e "$d/SNMPv2-SMI" ] || [ -e "$d/SNMPv2-SMI.txt" ]; then
            echo "$root/mibs:$root/mibs/base:$d"
            return
        fi
    done
}

snmp() {
    tool=$1
    shift
    MIBS='' "$tool" -M "$mibs" -m MTA-MIB:MAILMON-MIB -v2c -c public -OX "$@"
}

# One column as "index value" lines: by SNMP, or, where SNMP's tools know no names, by --dump.
column() {
    if [ "$mibs" ]; then
        snmp snmpbulkwalk -OqUT "127.0.0.1:$port" "$1" 2>/dev/null |
            sed -n 's/^[^[]*\[\([^ ]*\)\] /\1 /p' | sed 's/\]\[/./g'
    else
        "$build/mailmond" --config "$dir/mailmond.conf" --dump |
            sed -n "s/^[A-Z-]*::$1\.\([0-9.]*\) = [A-Za-z0-9]*: /\1 /p"
    fi
}

# table TITLE PREFIX COLUMN...: the columns side by side, named without PREFIX; ":N" cuts to N.
table() {
    say "$1"
    prefix=$2
    shift 2
    for c in "$@"; do
        echo "# ${c%:*} ${c#*:}"
        column "$prefix${c%:*}"
    done | awk '
        /^# / { n++; name[n] = $2; most[n] = $3 + 0; width[n] = length($2); next }
        {
            at = $1; value = $0; sub(/^[^ ]* /, "", value); gsub(/"/, "", value)
            sub(/ (messages|recipients|seconds|items|octets|milliseconds|kB)$/, "", value)
            sub(/\([0-9]*\)$/, "", value)
            if (most[n] && length(value) > most[n]) value = substr(value, 1, most[n] - 2) ".."
            if (!(at in seen)) { seen[at] = 1; order[++rows] = at }
            cell[at, n] = value
            if (value !~ /^-?[0-9]+$/) left[n] = 1
            if (length(value) > width[n]) width[n] = length(value)
        }
        END {
            for (r = 0; r <= rows; r++) {
                line = ""
                for (i = 1; i <= n; i++) {
                    v = r ? (order[r], i) in cell ? cell[order[r], i] : "-" : name[i]
                    line = line sprintf(left[i] ? " %-" width[i] "s" : " %" width[i] "s", v)
                }
                sub(/ +$/, "", line); print line
            }
        }'
}

counters() {
    for c in mtaReceivedMessages mtaTransmittedMessages mtaTransmittedRecipients mtaStoredMessages \
        applAccumulatedInboundAssociations applRejectedInboundAssociations mailmonSourceItems; do
        column $c | sed "s/ [a-z]*\$//; s/^\([0-9.]*\) /$c.\1 /"
    done
}

start() {
    dir=$(mktemp -d "${TMPDIR:-/tmp}/mailmond-demo.XXXXXX")
    chmod 755 "$dir" # the publishing process, started by root, becomes another account
    port=$(free_port "${DEMO_PORT:-1161}")
    cat >"$dir/mailmond.conf" <<CONF
state_dir = "$dir/state";
run_dir = "$dir/run";
queue = { interval = "2 s"; };
snmp = { mode = "standalone"; listen = "udp:127.0.0.1:$port"; };
postfix = ( { name = "postfix"; config_directory = "$dir/no-main.cf";
              queue_directory = "$dir/spool"; log = "$dir/mail.log"; } );
CONF
    mkfifo "$dir/ready"
    ${CC:-cc} -std=c17 -D_GNU_SOURCE -O2 -o "$dir/replay" "$here/replay.c"
    setsid "$dir/replay" "$here/site.log" "$dir/spool" "$dir/mail.log" >"$dir/ready" &
    player=$!
    read -r word <"$dir/ready" || die "the replay did not start"
    [ "$word" = ready ] || die "the replay did not start: $word"
    setsid "$build/mailmond" --config "$dir/mailmond.conf" --foreground 2>"$dir/mailmond.log" &
    daemon=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        ! grep -qs ' is ready$' "$dir/mailmond.log" || return 0
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.5
    done
    cat "$dir/mailmond.log" >&2
    die "mailmond did not start"
}

tables() {
    table "applTable (NETWORK-SERVICES-MIB): the applications" appl \
        Name Version OperStatus AccumulatedInboundAssociations
    table "mtaTable (MTA-MIB): each MTA as a whole" mta \
        ReceivedMessages StoredMessages TransmittedMessages TransmittedRecipients
    table "mtaGroupTable (MTA-MIB): services (-1), transports (-2), queues (-3)" mtaGroup \
        Name Hierarchy ReceivedMessages TransmittedMessages StoredMessages
    table "mailmonDestinationTable (MAILMON-MIB): where mail waits" mailmonDestination \
        Domain:24 Queued OldestAge LastReason:34
    table "mailmonSourceTable (MAILMON-MIB): what is read, and how it fares" mailmonSource \
        Name:30 Kind Status Age Items Unrecognised
}

walk() {
    if [ "$mibs" ]; then
        say "One walk, by name"
        show "snmpwalk -v2c -c public 127.0.0.1:$port mtaTable"
        snmp snmpwalk "127.0.0.1:$port" mtaTable
    fi
    say "The same by number, without any MIB"
    show "snmpwalk -On -v2c -c public 127.0.0.1:$port .1.3.6.1.2.1.28.1"
    MIBS='' snmpwalk -On -v2c -c public "127.0.0.1:$port" .1.3.6.1.2.1.28.1
}

moved() {
    say "Fifteen seconds later: what moved"
    counters >"$dir/before"
    nap 15
    counters >"$dir/after"
    awk 'NR == FNR { was[$1] = $2; next }
        was[$1] != $2 { printf "  %-42s %8d -> %8d  (%+d)\n", $1, was[$1], $2, $2 - was[$1] }' \
        "$dir/before" "$dir/after"
}

hints() {
    say "It runs on until Ctrl-C. To try, in another terminal:"
    if [ "$mibs" ]; then
        cat <<TRY

  export MIBDIRS=$root/mibs:$root/mibs/base
  export MIBDIRS=\$MIBDIRS:${mibs##*:}
  export MIBS=MTA-MIB:MAILMON-MIB
  snmptable -Cb -Cw 80 -v2c -c public 127.0.0.1:$port mtaTable
  snmpwalk -v2c -c public 127.0.0.1:$port mailmonPeerTable
TRY
    fi
    cat <<TRY

  snmpwalk -v2c -c public 127.0.0.1:$port $arc
  $build/mailmond --config $dir/mailmond.conf --dump
  tail -f $dir/mail.log
TRY
    [ "$mibs" ] || cat <<TRY

The names above came from mailmond --dump: SNMP's tools find no SNMPv2-SMI on
this host, on which all modules rest. The package erlang-snmp has it (make deps).
TRY
}

[ -x "$build/mailmond" ] || die "$build/mailmond is not there: make"
command -v snmpbulkwalk >/dev/null || die "snmpbulkwalk is not there: make deps (package snmp)"
mibs=$(find_mibs)
begun=$(date +%s)
start
echo "mailmond serves a recorded Postfix, played again, on udp:127.0.0.1:$port;"
echo "its own log is $dir/mailmond.log"
nap 6 # the queue and the sockets are read after the log
tables
walk
moved
hints
if [ "${DEMO_SECONDS:-}" ]; then
    left=$((begun + DEMO_SECONDS - $(date +%s)))
    [ $left -le 0 ] || nap $left
else
    wait "$daemon" || :
fi
