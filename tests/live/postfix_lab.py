"""What tests of mailmond beside one private Postfix share: what they need, their ports, folder and fixture."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import postfix_site as ps
from daemon import BUILD, Daemon
from snmp_lab import free_port, wait_for

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "23000"))

needs_postfix = pytest.mark.skipif(
    os.geteuid() != 0 or not ps.available() or not (BUILD / "mailmond").exists()
    or not shutil.which("snmpbulkwalk"),
    reason="needs root, Postfix, snmpbulkwalk and the programs in MAILMOND_BUILD")


class PostfixLab:
    """self.postfix and self.daemon, both started; `settings`: of mailmond, beyond those of its Postfix."""

    def __init__(self, folder, settings=lambda lab: {}):
        self.folder = folder
        self.postfix = ps.Postfix(folder / "main", "postfix", BASE).start()
        self.daemon = Daemon(folder / "agent", free_port(), {
            "postfix": [{"name": "postfix", "config_directory": self.postfix.config}], **settings(self)}).start()

    def stop(self):
        self.daemon.stop()
        self.postfix.stop()


def lab_fixture(Lab, name):
    @pytest.fixture(scope="module")
    def lab():
        folder = Path(tempfile.mkdtemp(prefix=f"mailmond-{name}-"))
        folder.chmod(0o755)
        there = Lab(folder)
        yield there
        there.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return lab


def eventually(what, seconds=15):
    """Waits until what() is true."""
    assert wait_for(what, seconds, 0.2)[0], what()
