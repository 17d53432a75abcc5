#!/usr/bin/python3
"""Gets what the live tests need of servers that conflict with installed ones: their packages, into
build/packages, unpacked for Exim; and the account that is compiled into Exim. What is there is kept."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import cyrus_site
import exim_site
import opensmtpd_site
import sendmail_site
from overlay import fetch

for site in (sendmail_site, opensmtpd_site, cyrus_site, exim_site):
    for package in site.PACKAGES:
        fetch(package)
exim_site.install()
