#!/bin/bash
# tests/bench/run.sh: every figure of the project, on data made here with a known truth. `make bench`.
# QUICK=1 takes a tenth of the data. Each part prints its figures and limits; the exit status is 1 if
# one is missed. Needs root for the SNMP and Postfix parts; uses loopback and high ports only.
set -u
cd "$(dirname "$0")/../.." || exit 1
export B=${B:-build} MAILMOND_BUILD=${B:-build}
make -s all bench-programs || exit 1
quick=${QUICK:-}
full=yes
[ -z "$quick" ] || full= # on a small log starting distorts the ratios to peers
missed=0
part() { # name command...
    printf '\n== %s\n' "$1"
    shift
    "$@" || { missed=$((missed + 1)); echo "MISSED: $*"; }
}
part "log: read, exact, against the limit and peers" \
    tests/bench/bench_log.py ${quick:+50 --in-flight 5000 --peer-size 20} --limit 5.5 ${full:+--pflogsumm 70 --mtail 140}
part "log of Exim: read, exact, against the limit and eximstats" \
    tests/bench/bench_exim.py ${quick:+20 --rounds 3 --peer-size 20} --limit 6.5 ${full:+--peer 100}
part "log and queues of Sun: read, exact, against the limit and find -mmin" \
    tests/bench/bench_sun.py ${quick:+10 --rounds 3 --files 10000}
part "log of Dovecot: read, exact, against the limit" \
    tests/bench/bench_dovecot.py ${quick:+20 --rounds 3} --limit 6.5
part "logs of Sendmail and OpenSMTPD: read, exact, against the limit" \
    tests/bench/bench_syslog.py ${quick:+20 --rounds 3}
part "queue: scan and refresh, 100,000 files" tests/bench/bench_queue.sh "$B/bench_queue" "$B/gen_queue" 100000
[ -n "$quick" ] || part "queue: scan and refresh, 1,000,000 files" \
    tests/bench/bench_queue.sh "$B/bench_queue" "$B/gen_queue" 1000000
part "spool of Exim: scan, 100,000 files" tests/bench/bench_exim_spool.sh "$B/bench_queue"
part "SNMP: instructions and varbinds, AgentX and embedded" tests/bench/bench_snmp.py
part "follow: CPU at 2,000 lines/s against tail -F" tests/bench/follow_cpu.py
part "probes: beside an exporter and forked plugins" tests/bench/bench_probe.py
part "probes: true times while logs and queues are read" tests/bench/bench_accuracy.py
part "at rest: memory, CPU, wake-ups" tests/bench/rest.py ${quick:+--seconds 15}
part "checkpoint: 1,000,000 messages in flight" tests/bench/checkpoint.sh
part "master stopped, master restarted" tests/bench/stopped_master.py ${quick:+--seconds 10 --restarts 20}
part "alarms: 20 rules over 10,000 rows" "$B/bench_alarm"
part "alarms: from a fault to snmptrapd" unshare -m tests/bench/latency.py ${quick:+5}
part "alarms: all notifications, the master restarted and stopped" \
    tests/bench/notifications.py ${quick:+2000 5 10}
part "kill test" tests/bench/kill.py ${quick:+--lines 100000 --kills 40}
printf '\n%d parts missed a limit\n' "$missed"
[ "$missed" -eq 0 ]
