# usher-adapter.mk: build one adapter.
#
#	ADAPTER = acme
#	SOURCES = acme.c
#	include $(shell pkg-config --variable=makefile usher-sdk)
#
# (make says little where the last line finds nothing; the template's one asks
# for PKG_CONFIG_PATH, then.)
#
# make            acme.so
# make check      is it fit? how it is linked, the fixtures (FIXTURES, default
#                 acme.fixture where there is one), hostile requests, leaks:
#                 `usherctl adapter check`, to which CHECKFLAGS go
# make run        one handoff, step by step: FIELDS="email=... plan=pro", and
#                 RUNFLAGS for `usherctl adapter run`
# make install    into the gateway's directory of adapters (DESTDIR, ADAPTERDIR)
# make clean
#
# CFLAGS, LDFLAGS and LDLIBS are yours.  GNU make.

PKG_CONFIG ?= pkg-config
USHERCTL ?= usherctl
INSTALL ?= install

USHER_SDK_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags usher-sdk)
USHER_SDK_LIBS ?= $(shell $(PKG_CONFIG) --libs usher-sdk)
ADAPTERDIR ?= $(shell $(PKG_CONFIG) --variable=adapterdir usher-sdk)
FIXTURES ?= $(wildcard $(ADAPTER).fixture)

CFLAGS ?= -O2 -g -Wall -Wextra
# Nothing but the entry is seen from outside: a bundled library must never be
# taken for one of the gateway's, nor the other way round.
usher_cflags = -fPIC -fvisibility=hidden $(USHER_SDK_CFLAGS) $(CPPFLAGS) \
	$(CFLAGS)
# Missing symbols are found now rather than when the gateway loads the file.
usher_ldflags = -shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now \
	-Wl,--exclude-libs,ALL $(LDFLAGS)
usher_objects = $(SOURCES:.c=.o)

all: $(ADAPTER).so

$(ADAPTER).so: $(usher_objects)
	$(CC) $(CFLAGS) $(usher_ldflags) -o $@.tmp $(usher_objects) \
		$(USHER_SDK_LIBS) $(LDLIBS)
	chmod go-w $@.tmp
	mv -f $@.tmp $@

%.o: %.c
	$(CC) $(usher_cflags) -MMD -MP -c -o $@ $<

-include $(SOURCES:.c=.d)

check: $(ADAPTER).so
	$(USHERCTL) adapter check $(CHECKFLAGS) ./$(ADAPTER).so $(FIXTURES)

run: $(ADAPTER).so
	$(USHERCTL) adapter run $(RUNFLAGS) ./$(ADAPTER).so $(FIELDS)

install: $(ADAPTER).so
	$(INSTALL) -d $(DESTDIR)$(ADAPTERDIR)
	$(INSTALL) -m 644 $(ADAPTER).so $(DESTDIR)$(ADAPTERDIR)/$(ADAPTER).so.new
	mv -f $(DESTDIR)$(ADAPTERDIR)/$(ADAPTER).so.new \
		$(DESTDIR)$(ADAPTERDIR)/$(ADAPTER).so

clean:
	rm -f $(ADAPTER).so $(ADAPTER).so.tmp $(usher_objects) $(SOURCES:.c=.d)

.PHONY: all check run install clean
