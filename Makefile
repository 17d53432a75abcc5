# mailmond: plain GNU make. `make help` lists the targets.
CC      ?= cc
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/mailmond
MANDIR  ?= $(PREFIX)/share/man
MIBDIR  ?= $(PREFIX)/share/snmp/mibs
DATADIR ?= $(PREFIX)/share/mailmond
DOCDIR  ?= $(PREFIX)/share/doc/mailmond
EXAMPLEDIR ?= $(DOCDIR)/examples
SYSCONFDIR ?= /etc
UNITDIR ?= /lib/systemd/system
B       ?= build
VERSION := $(shell cat VERSION)

CFLAGS  ?= -O3 -g -fno-plt
# What snprintf cuts is meant to be cut.
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-unknown-warning-option -Wno-format-truncation
MYCPPFLAGS = -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DLIBEXECDIR='"$(LIBEXECDIR)"'
MYCFLAGS = -std=c17 $(WARN) -fno-strict-aliasing -MMD -MP $(SAN)

# Everything but the main programs and the one file with Net-SNMP: an archive, so that each program
# and each unit test takes what it needs of it.
LIB_SRC   := $(filter-out agent/main%.c agent/publish%.c,$(wildcard agent/*.c)) $(filter-out collectors/main%.c,$(wildcard collectors/*.c))
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o)
UNIT      := $(patsubst tests/unit/%.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FUZZ      := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
PROGRAMS  := $(B)/mailmond $(B)/mailmond-collect $(B)/mailmond-publish $(B)/mailmond-directory $(B)/mailmond-probe $(B)/mailmond-report

# The journal of systemd as a log: as pkg-config finds libsystemd, or JOURNAL=no.
JOURNAL ?= $(shell pkg-config --exists libsystemd 2>/dev/null && echo yes || echo no)
ifeq ($(JOURNAL),yes)
PROGRAMS += $(B)/mailmond-journal
LIBEXEC_JOURNAL := $(B)/mailmond-journal
MYCPPFLAGS += -DWITH_JOURNAL
endif

COLLECT_LIBS := -luv -lconfig -lsqlite3 -lmnl -lz -lm
DIRECTORY_LIBS := -lldap -llber -lcrypto
PROBE_LIBS   := -lssl -lcrypto -lcares
PUBLISH_LIBS := -lnetsnmpagent -lnetsnmp -lconfig
LDFLAGS += -Wl,--as-needed

all: $(PROGRAMS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(MYCPPFLAGS) $(CPPFLAGS) $(MYCFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/libmailmond.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/mailmond: $(B)/agent/main.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^
# What is none of another program.
COLLECT_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out agent/main_publish.c agent/main_directory.c agent/main_probe.c agent/main_report.c agent/main_journal.c,$(wildcard agent/main_*.c)))
$(B)/mailmond-collect: $(COLLECT_OBJ) $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(COLLECT_LIBS)
$(B)/mailmond-journal: $(B)/agent/main_journal.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libsystemd)
$(B)/mailmond-report: $(B)/agent/main_report.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lconfig -lsqlite3 -lm
$(B)/mailmond-probe: $(B)/agent/main_probe.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(PROBE_LIBS)
# The embedded master loads a library by the name that a program linked with it would know.
$(B)/agent/publish_master.o: MYCPPFLAGS += -DNETSNMPMIBS='"$(shell LC_ALL=C readelf -d "$$($(CC) -print-file-name=libnetsnmpmibs.so)" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')"'
PUBLISH_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard agent/publish*.c))
$(B)/mailmond-publish: $(B)/agent/main_publish.o $(PUBLISH_OBJ) $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(PUBLISH_LIBS)
$(B)/mailmond-directory: $(B)/agent/main_directory.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(DIRECTORY_LIBS)

$(B)/test_%: $(B)/tests/unit/test_%.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lcmocka $(COLLECT_LIBS) $(PROBE_LIBS)
# FUZZMAIN runs a corpus; the fuzzing engine brings a main of its own.
FUZZMAIN ?= $(B)/tests/fuzz/corpus_main.o
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZMAIN) $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(FUZZLINK) $(LDFLAGS) -o $@ $^ $(COLLECT_LIBS)

# Programs of the benchmarks; the live tests use some of them too.
BENCH := $(addprefix $(B)/,bench_model bench_alarm bench_probe bench_queue bench_sun_queue bench_tdata bench_tls responder bwalk wcl gen_postfix_log gen_queue)
GEN_OBJ := $(patsubst %,$(B)/tests/bench/gen_%.o,postfix_log world inbound message delivery truth)
$(B)/bench_%: $(B)/tests/bench/bench_%.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(COLLECT_LIBS)
$(B)/bench_probe: $(B)/tests/bench/bench_probe.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(PROBE_LIBS)
$(B)/bench_tls: $(B)/tests/bench/bench_tls.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lssl -lcrypto
$(B)/responder: $(B)/tests/bench/responder.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lssl -lcrypto
$(B)/bench_tdata: $(B)/tests/bench/bench_tdata.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lnetsnmpagent -lnetsnmp
$(B)/bwalk: $(B)/tests/bench/bwalk.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lnetsnmp
$(B)/wcl: $(B)/tests/bench/wcl.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^
$(B)/gen_postfix_log: $(GEN_OBJ)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^
$(B)/gen_queue: $(B)/tests/bench/gen_queue.o
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^
bench-programs: $(BENCH)

-include $(wildcard $(B)/agent/*.d $(B)/collectors/*.d $(B)/tests/*/*.d)

# What the project needs, from Debian's packages.
BUILD_DEPS := gcc make pkg-config libsnmp-dev libuv1-dev libconfig-dev libsqlite3-dev libmnl-dev zlib1g-dev libldap-dev libssl-dev libc-ares-dev libsystemd-dev
TEST_DEPS  := $(BUILD_DEPS) systemd systemd-container clang clang-format libclang-rt-14-dev libcmocka-dev snmp snmpd snmptrapd snmptt rsyslog postfix postfix-pcre \
  m4 liblockfile1 libnsl2 libwrap0 libevent-2.1-7 libldap-2.5-0 \
  dovecot-submissiond libjansson4 libpcre3 libpq5 \
  dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved iproute2 smitools slapd ldap-utils openssl python3-pytest python3-pysnmp4 python3-pysnmp4-mibs python3-pysmi python3-yaml libnet-snmp-perl \
  ruby-snmp erlang-snmp monitoring-plugins-standard mandoc gawk procps libidn12 libgnutls-dane0
BENCH_DEPS := $(TEST_DEPS) valgrind pflogsumm mtail strace prometheus-blackbox-exporter monitoring-plugins-basic
DEMO_DEPS  := $(BUILD_DEPS) snmp erlang-snmp procps
# Installs what is missing. Services are not started: RUNLEVEL=1 makes invoke-rc.d refuse.
INSTALL = missing=; for p in $(1); do dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok installed' || missing="$$missing $$p"; done; \
  [ -z "$$missing" ] || { echo "installing:$$missing"; apt-get update -qq && \
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 $$missing >/dev/null; }

# Building alone: nothing that a host of a mail system would mind.
build-deps:
	@$(call INSTALL,$(BUILD_DEPS))
# Testing too: mail systems, which push others off the host.
deps:
	@$(call INSTALL,$(TEST_DEPS))
	@/usr/bin/python3 tests/live/fetch.py
bench-deps:
	@$(call INSTALL,$(BENCH_DEPS))
demo-deps:
	@$(call INSTALL,$(DEMO_DEPS))

# Two commands: `make demo` shows it, `make test` proves it.
demo: demo-deps
	@$(MAKE) -s all
	@tests/demo/demo.sh

test: deps
	@tests/run.sh

# Unit, golden and corpus tests under ASan and UBSan, in a build of their own.
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
check:
	@$(MAKE) -s B=$(B)/san CFLAGS="-O1 -g" SAN="$(SAN_FLAGS)" $(patsubst $(B)/%,$(B)/san/%,$(UNIT) $(FUZZ)) $(B)/san/mailmond $(B)/san/mailmond-collect
	@tests/check.sh $(B)/san
unit: $(UNIT) $(FUZZ)
# Every C file compiled, tests too, and nothing linked: for another compiler's warnings.
objects: $(patsubst %.c,$(B)/%.o,$(wildcard agent/*.c collectors/*.c tests/*/*.c))

# Coverage-guided fuzzing with clang's libFuzzer, SECONDS for each parser; lines may be as long as a log's, and what takes
# long is a fault. What it finds is kept in $(B)/fuzz/found.
SECONDS ?= 60
fuzz:
	@for f in $(notdir $(FUZZ)); do \
	  $(MAKE) -s B=$(B)/fuzz CC=clang CFLAGS="-O1 -g" FUZZMAIN= SAN="-fsanitize=address,undefined,fuzzer-no-link" FUZZLINK=-fsanitize=fuzzer $(B)/fuzz/$$f && \
	  mkdir -p $(B)/fuzz/found/$$f && \
	  $(B)/fuzz/$$f -max_total_time=$(SECONDS) -max_len=65536 -timeout=10 -print_final_stats=1 $(B)/fuzz/found/$$f tests/fuzz/corpus/$${f#fuzz_} || exit 1; done

lint:
	@/usr/bin/python3 tests/lint/layers.py
	@/usr/bin/python3 tests/lint/length.py
	@/usr/bin/python3 tests/lint/names.py
	@clang-format --dry-run -Werror $(wildcard agent/*.[ch] collectors/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch])
	@for m in docs/*.[58]; do mandoc -T lint -W warning $$m || exit 1; done
	@grep -q '^mailmond ($(VERSION)-' debian/changelog || { echo "debian/changelog is not of version $(VERSION)"; exit 1; }

bench: bench-deps
	@$(MAKE) -s all
	@tests/bench/run.sh

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MIBDIR) $(DESTDIR)$(DATADIR)/mibs $(DESTDIR)$(EXAMPLEDIR) $(DESTDIR)$(SYSCONFDIR)/mailmond $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 755 $(B)/mailmond $(B)/mailmond-report $(DESTDIR)$(SBINDIR)
	install -m 755 $(B)/mailmond-collect $(B)/mailmond-publish $(B)/mailmond-directory $(B)/mailmond-probe $(LIBEXEC_JOURNAL) $(DESTDIR)$(LIBEXECDIR)
	install -m 644 docs/*.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 docs/*.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 mibs/*.txt $(DESTDIR)$(MIBDIR)
	install -m 644 mibs/base/*.txt $(DESTDIR)$(DATADIR)/mibs
	install -m 644 README.md CHANGELOG.md LICENSE docs/*.md $(DESTDIR)$(DOCDIR)
	install -m 644 snmpd.conf.example packaging/mailmond.conf packaging/snmptt.conf.mailmond $(DESTDIR)$(EXAMPLEDIR)
	install -d $(DESTDIR)$(EXAMPLEDIR)/nms
	install -m 644 packaging/nms/* $(DESTDIR)$(EXAMPLEDIR)/nms
	install -d $(DESTDIR)$(DOCDIR)/decisions
	install -m 644 docs/decisions/*.md $(DESTDIR)$(DOCDIR)/decisions
	sed 's|@SBINDIR@|$(SBINDIR)|g' packaging/mailmond.service > $(DESTDIR)$(UNITDIR)/mailmond.service
	install -m 644 packaging/mailmond.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/mailmond.conf

clean:
	rm -rf $(B)

help:
	@echo "all demo test check unit lint fuzz bench install clean build-deps deps; variables: CC CFLAGS B PREFIX DESTDIR"

.PHONY: all bench-programs build-deps deps bench-deps demo-deps demo test check unit objects fuzz lint bench install clean help
.SECONDARY:
