# mailmond: plain GNU make. `make help` lists the targets.
CC      ?= cc
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/mailmond
MANDIR  ?= $(PREFIX)/share/man
MIBDIR  ?= $(PREFIX)/share/mailmond/mibs
DOCDIR  ?= $(PREFIX)/share/doc/mailmond
SYSCONFDIR ?= /etc
UNITDIR ?= /lib/systemd/system
B       ?= build
VERSION := $(shell cat VERSION)

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wconversion
CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DLIBEXECDIR='"$(LIBEXECDIR)"'
MYCFLAGS = -std=c17 $(WARN) -fno-strict-aliasing -MMD -MP $(SAN)

# Everything but the main programs and the one file with Net-SNMP: an archive, so that each program
# and each unit test takes what it needs of it.
LIB_SRC   := $(filter-out agent/main%.c agent/publish%.c,$(wildcard agent/*.c)) $(filter-out collectors/main%.c,$(wildcard collectors/*.c))
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o)
UNIT      := $(patsubst tests/unit/%.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FUZZ      := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
PROGRAMS  := $(B)/mailmond $(B)/mailmond-collect $(B)/mailmond-publish

COLLECT_LIBS := -luv -lconfig -lsqlite3 -lmnl -lz
PUBLISH_LIBS := -lnetsnmpmibs -lnetsnmpagent -lnetsnmp -lconfig
LDFLAGS += -Wl,--as-needed

all: $(PROGRAMS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(MYCFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/libmailmond.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/mailmond: $(B)/agent/main.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^
$(B)/mailmond-collect: $(B)/agent/main_collect.o $(B)/agent/main_read.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(COLLECT_LIBS)
PUBLISH_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard agent/publish*.c))
$(B)/mailmond-publish: $(B)/agent/main_publish.o $(PUBLISH_OBJ) $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(PUBLISH_LIBS)

$(B)/test_%: $(B)/tests/unit/test_%.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ -lcmocka $(COLLECT_LIBS)
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libmailmond.a
	$(CC) $(CFLAGS) $(SAN) $(FUZZLINK) $(LDFLAGS) -o $@ $^ $(COLLECT_LIBS)

-include $(wildcard $(B)/agent/*.d $(B)/collectors/*.d $(B)/tests/*/*.d)

.PHONY: all
.SECONDARY:
