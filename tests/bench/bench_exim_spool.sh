#!/bin/sh
# bench_exim_spool.sh BENCH_QUEUE [MESSAGES]: makes a split Exim spool of that many messages, -H and -D, in a
# temporary directory and measures a scan of it: against raw getdents64, and against `exipick -bpc`, where the
# live tests' package of Exim is unpacked.
set -eu
bench=$1 messages=${2:-50000}
cd "$(dirname "$0")/../.."
tree=$(mktemp -d "${TMPDIR:-/tmp}/bench_exim.XXXXXX")
trap 'rm -rf "$tree"' EXIT INT TERM
/usr/bin/python3 - "$tree" "$messages" <<'PY'
import os, random, sys, time
root, messages = sys.argv[1], int(sys.argv[2])
base = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
def digits(n, length):
    text = ""
    for _ in range(length):
        n, d = divmod(n, 62)
        text = base[d] + text
    return text
random.seed(1)
header = open("tests/data/exim_spool/1xUz0X-00066b-0Z-H").read()
for c in base:
    os.makedirs(f"{root}/input/{c}")
for i in range(messages):
    t = digits(int(time.time()) - random.randrange(432000), 6)
    name = f"{t}-{digits(i, 6)}-{digits(random.randrange(2000), 2)}"
    where = f"{root}/input/{t[5]}/{name}"
    with open(where + "-H", "w") as f:
        f.write(header.replace("1xUz0X-00066b-0Z", name))
    with open(where + "-D", "w") as f:
        f.write(f"{name}-D\ntext\n")
PY
"$bench" "$tree" exim
exipick=${MAILMOND_EXIM:-build/exim-package}/usr/sbin/exipick
if [ -x "$exipick" ]; then
    start=$(date +%s.%N)
    "$exipick" -bpc -spool "$tree" >"$tree/count" 2>/dev/null
    end=$(date +%s.%N)
    echo "exipick -bpc: $(cat "$tree/count") messages, $(echo "($end - $start) * 1000" | bc | cut -d. -f1) ms"
fi
