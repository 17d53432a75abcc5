#!/usr/bin/env python3
"""Probes: processor time, rate, memory and accuracy of the engine, beside prometheus-blackbox-exporter
and forked check_smtp, against a responder that delays each answer by 5 ms.

Exit status 1 if a limit is missed. Environment: B (build), MAILMOND_TEST_BASE (20300), QUICK."""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("B", "build")).resolve()
sys.path.insert(0, str(HERE.parent / "live"))
import fault_peer as fp

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "20300"))
FAST, SLOW, EXPORTER, TLS = BASE, BASE + 1, BASE + 2, BASE + 3
CHECK_SMTP = "/usr/lib/nagios/plugins/check_smtp"
MODULE = """modules:
  smtp:
    prober: tcp
    timeout: 20s
    tcp:
      preferred_ip_protocol: ip4
      query_response:
      - expect: "^220"
      - send: "EHLO prober\\r"
      - expect: "^250 "
      - send: "QUIT\\r"
      - expect: "^221"
"""
missed = []


def limit(what, value, most, text):
    good = value <= most
    print(f"{what}: {text} (at most {most:g}){'' if good else ' MISSED'}")
    if not good:
        missed.append(what)


def probe(protocol, port, count, in_flight, *more):
    out = subprocess.run([BUILD / "bench_probe", protocol, "127.0.0.1", str(port), str(count),
                          str(in_flight), *more], capture_output=True, text=True, check=True).stdout
    found = {k: float(v) for k, v in re.findall(r"(\S+) (-?[\d.]+)", out)}
    assert f"up={count}" in out, out
    return found


def cpu_seconds(pid):
    return sum(int((t / "schedstat").read_text().split()[0])
               for t in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def status(pid, name):
    """kB"""
    return int(re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


class Exporter:
    def __init__(self, folder):
        config = Path(folder) / "blackbox.yml"
        config.write_text(MODULE)
        self.process = subprocess.Popen(
            ["prometheus-blackbox-exporter", f"--config.file={config}",
             f"--web.listen-address=127.0.0.1:{EXPORTER}", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)

    def probes(self, count, in_flight):
        """(rate, us of processor time for each); our engine's HTTP asks it."""
        before = cpu_seconds(self.process.pid)
        found = probe("http", EXPORTER, count, in_flight, "timeout_ms=30000", "step_ms=30000",
                      f"path=/probe?target=127.0.0.1:{FAST}&module=smtp")
        return found["probes/s"], (cpu_seconds(self.process.pid) - before) * 1e6 / count


def forked(count, in_flight):
    """us of processor time for each check_smtp."""
    t = os.times()
    before = t.children_user + t.children_system
    subprocess.run(f"seq {count} | xargs -P {in_flight} -I@ {CHECK_SMTP} -H 127.0.0.1 -p {FAST} "
                   ">/dev/null", shell=True, check=True)
    t = os.times()
    return (t.children_user + t.children_system - before) * 1e6 / count


def against_peers(folder, quick):
    exporter = Exporter(folder)
    idle_kb = status(exporter.process.pid, "VmRSS")
    rounds = []
    try:
        for _ in range(1 if quick else 3):  # in turn, so that noise hits all
            ours = probe("smtp", FAST, 20000, 200)
            rate, cpu = exporter.probes(4000, 200)
            rounds.append((ours["cpu_us"], cpu, forked(400, 200), ours["probes/s"], rate,
                           ours["mean_ms"]))
        cpu_us, theirs, spawned, rate, their_rate, mean = (statistics.median(c) for c in zip(*rounds))
        print(f"200 in flight: {rate:.0f}/s at {cpu_us:.0f} us and {mean:.1f} ms measured (15 ms); "
              f"exporter {their_rate:.0f}/s at {theirs:.0f} us; check_smtp {spawned:.0f} us")
        limit("processor time, of the exporter's", cpu_us / theirs, 1 / 8, f"1/{theirs / cpu_us:.1f}")
        limit("processor time, of check_smtp's", cpu_us / spawned, 1 / 25, f"1/{spawned / cpu_us:.1f}")
        limit("exporter's rate, of ours", their_rate / rate, 1 / 3.5, f"1/{rate / their_rate:.1f}")
        ours = probe("smtp", FAST, 20000, 1000)
        exporter.probes(4000, 1000)
        added = status(exporter.process.pid, "VmHWM") - idle_kb
        print(f"1,000 in flight: {ours['probes/s']:.0f}/s, {ours['added_kb']:.0f} kB added; exporter "
              f"{added} kB")
        limit("memory added, of the exporter's", ours["added_kb"] / added, 1 / 25,
              f"1/{added / ours['added_kb']:.1f}")
    finally:
        exporter.process.terminate()
        exporter.process.wait()


def one_slow_of_ten():
    """Ten in flight to ten ports, once with one that answers each line after 500 ms."""
    fast = ",".join([str(FAST)] * 9)
    alone = probe("smtp", fast, 400, 10, "ignore_ms=500")["mean_ms"]
    mixed = probe("smtp", f"{fast},{SLOW}", 400, 10, "ignore_ms=500")["mean_ms"]
    limit("one slow target in ten, time of the others", mixed / alone, 1.05,
          f"{mixed:.2f} ms of {alone:.2f} ms")


def tls(folder):
    certificates = fp.make_certificates(Path(folder) / "certificates")
    peer = subprocess.Popen([BUILD / "responder", f"{TLS}:5000:{certificates / 'good.pem'}"],
                            stdout=subprocess.PIPE)
    peer.stdout.readline()
    ratios = []
    for _ in range(3):
        bare = float(subprocess.run([BUILD / "bench_tls", certificates / "ca.pem",
                                     certificates / "good.pem", "500"], capture_output=True,
                                    text=True, check=True).stdout)
        ours = probe("smtps", TLS, 2000, 200, f"ca={certificates / 'ca.pem'}")["cpu_us"]
        ratios.append((ours / (1.3 * bare + 80), ours, bare))
    peer.terminate()
    peer.wait()
    ratio, ours, bare = sorted(ratios)[1]
    limit("TLS probe, of 1.3 bare handshakes + 80 us", ratio, 1, f"{ours:.0f} us, bare {bare:.0f} us")


def main():
    quick = bool(os.environ.get("QUICK"))
    responder = subprocess.Popen([BUILD / "responder", f"{FAST}:5000", f"{SLOW}:500000"],
                                 stdout=subprocess.PIPE)
    responder.stdout.readline()
    with tempfile.TemporaryDirectory(prefix="mailmond-bench-") as folder:
        try:
            against_peers(folder, quick)
            one_slow_of_ten()
            tls(folder)
        finally:
            responder.terminate()
            responder.wait()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
