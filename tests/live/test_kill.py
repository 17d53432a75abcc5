"""A short run of tests/bench/kill.py: a log is written and rotated while processes are killed, and every
number must be right at the end."""
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "bench")]
from daemon import BUILD
from kill import run

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, snmpbulkwalk and the programs in MAILMOND_BUILD")


def test_kill(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):  # the daemon's accounts must get there
        if folder.owner() == "root" and folder != Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert run(tmp_path, lines=30000, kills=20, seed=5, seconds=16)
