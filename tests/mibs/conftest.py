"""Fixtures of the MIB tests."""

import pytest

from mibtools import compile_modules


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Our modules, compiled by pysmi and loaded by pysnmp."""
    return compile_modules(str(tmp_path_factory.mktemp("pysnmp")))
