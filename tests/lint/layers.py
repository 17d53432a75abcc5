#!/usr/bin/python3
"""Holds the include lines to the layers of docs/architecture.md: a file includes only lower layers, only
publish*.c knows Net-SNMP, collectors never see a table, the publisher never sees a collector or the store."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The layer of each module (both .c and .h); a later pattern wins over an earlier one.
LAYERS = [
    (r"agent/(slice|err|log|log_facility|metrics_url|hashindex|account|program|secret)", 0),
    (r"agent/(model|config|config_\w+|names|slots)", 1),
    (r"agent/(store|history|table)", 2),
    (r"agent/(tables|tables_\w+|lookup|persist|transitions)", 3),
    (r"agent/(dump|report)", 4),
    (r"agent/(alarm\w*|sample|notice|restart|whatif\w*)", 4),
    (r"agent/publish\w*", 5),
    (r"agent/(main\w*|supervise)", 6),
    (r"collectors/(event|field|reply|syslog|syslog_forms|queue_id|mta|detect|detect_\w+)", 2),
    (r"collectors/(explain|recipients|escape)", 2),
    (r"collectors/(sendmail|opensmtpd)_\w+", 3),
    (r"collectors/(message|tally\w*|postfix_\w+|exim_\w+|sun_\w+)", 3),
    (r"collectors/(access|access_dovecot|dovecot_prefix|access_cyrus|log_event)", 3),
    (r"collectors/(access_listing|log_pattern)", 3),
    (r"collectors/openmetrics", 2),
    (r"collectors/access_metrics", 3),
    (r"collectors/access_(session|tally\w*|internal|rows|store)", 4),
    (r"collectors/(exim_names|opensmtpd_queue)", 2),
    (r"collectors/(child|access_live|access_fetch|access_source|quota_source)", 5),
    (r"collectors/(collector|follow\w*|mta_\w+|maillog|mailq\w*|spool|sockets)", 4),
    (r"collectors/(source|log_source|queue_source|queue_command|socket|process|rate|statistics|collectors)", 5),
    (r"collectors/(own)", 0),
    (r"collectors/(watch|resolve|tls|dialog\w*)", 3),
    (r"collectors/(probe\w*|prober|response_request)", 4),
    (r"collectors/(response|route)", 4),
    (r"collectors/ldap_(facts|record)", 2),
    (r"collectors/ldap_(client\w*|run|probe)", 4),
    (r"collectors/directory\w*", 5),
    (r"collectors/sun_(source|queue_source|command|rows\w*)", 5),
    (r"collectors/(access_sun|sun_service|sun_expire|sun_program)", 4),
    (r"collectors/(trend|mounts|disk_space|proc_text|appl_status|file_scan|record_\w+|served)", 2),
    (r"collectors/proc_scan", 3),
    (r"collectors/process_rows", 4),
    (r"collectors/(disk|file|host|processes|record)", 5),
    (r"collectors/(log_line|journal_frame)", 2),
    (r"collectors/container", 3),
    (r"collectors/(input|journal|fifo)", 4),
]
# Who may include a library's headers.
LIBRARIES = {
    r"net-snmp/": r"agent/publish\w*\.[ch]",
    r"sqlite3\.h": r"agent/(store|history)\.c",
    r"libconfig\.h": r"agent/config\w*\.[ch]",
    r"uv\.h": r"(collectors/collector\.h|agent/main_(collect|read)\.c)",
    r"zlib\.h": r"(collectors/follow\w*\.c|agent/main_(read|explain)\.c)",
    r"openssl/": r"collectors/(tls|ldap_\w+)\.[ch]",
    r"ares\.h": r"collectors/resolve\.c",
    r"systemd/": r"agent/main_journal\.c",
    r"libmnl/": r"collectors/sockets\.c",
    r"(ldap|lber|openldap)\.h": r"collectors/ldap_client\w*\.[ch]",
}
FORBIDDEN = [
    (r"collectors/.*", r"agent/(table|tables|dump|publish|slots)\b"),
    (r"agent/(publish\w*|main_publish)\.[ch]", r"(collectors/|agent/(store|persist|names)\b)"),
    (r"agent/main_directory\.c", r"(agent/(store|persist|config|names|slots)|collectors/(?!ldap_))"),
    (r"agent/main_journal\.c", r"(agent/(store|persist|config|names|slots)|collectors/(?!journal_|log_line))"),
    (r"agent/(main|supervise)\.c", r"(collectors/|agent/(store|persist|config|publish)\b)"),
]


def layer(path):
    """The layer of a file; None if no line above names it."""
    stem = re.sub(r"\.[ch]$", "", path)
    found = [n for pattern, n in LAYERS if re.fullmatch(pattern, stem)]
    return found[-1] if found else None


def check(path, text):
    """The faults of one file, as (line, text)."""
    own = layer(path)
    if own is None:
        yield 1, "has no layer in tests/lint/layers.py"
        return
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if not m:
            continue
        if m[1] == "<":
            for library, who in LIBRARIES.items():
                if re.match(library, m[2]) and not re.fullmatch(who, path):
                    yield number, f"<{m[2]}> belongs to {who} alone"
            continue
        target = str((ROOT / path).parent.joinpath(m[2]).resolve().relative_to(ROOT))
        other = layer(target)
        if other is not None and other > own:
            yield number, f"layer {own} includes {target} of layer {other}"
        for who, what in FORBIDDEN:
            if re.fullmatch(who, path) and re.match(what, target):
                yield number, f"must not know {target}"


def main():
    faults = 0
    files = sorted(p for d in ("agent", "collectors") for p in (ROOT / d).glob("*.[ch]"))
    for p in files:
        path = str(p.relative_to(ROOT))
        for number, text in check(path, p.read_text()):
            print(f"{path}:{number}: {text}")
            faults += 1
    print(f"layers: {len(files)} files, {faults} faults")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main())
