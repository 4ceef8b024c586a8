# make            build bin/vaurien, bin/vaurienctl and bin/vaurien-audit; V=1 shows the whole commands
# make check      run all tests (./dev check installs the packages that they need)
# make quick      run some tests of each kind, in a minute
# make demo       build, then show behaviors on a backend of its own
# make bench      measure it beside other proxies; writes docs/performance.md
# make interop    meet servers and clients that are not in Debian; writes docs/interop.md
# make SAN=address,undefined check    the same under sanitizers; SAN=thread likewise
# make install    with prefix and DESTDIR; make uninstall and make deb: see packaging/install.mk
# make fuzz       build the fuzz targets (clang); make docs writes the generated pages
# make cover      coverage of the tests; this and other reports: see tests/reports.mk
# make help       print this, and the same of the other makefiles
# make clean      remove build/ and bin/
#
# Files are found by wildcard: to add a behavior or a protocol, add its file.

SAN     ?=
COVER   ?=
unexport COVER                  # sub-makes get it; a make that a test starts does not
comma   := ,
BUILD   := build/$(if $(COVER),cover,$(if $(SAN),$(subst $(comma),-,$(SAN)),plain))
BIN     := $(if $(SAN)$(COVER),$(BUILD),bin)

CC      ?= gcc
OPT     ?= -O2
CFLAGS  ?= -g

WARN    := -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wshadow -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wredundant-decls \
	-Wformat=2 -Wundef -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough -Wdate-time
ifeq ($(SAN),)                  # the checks of sanitizers look like dereferences to it
WARN    += -Wnull-dereference
endif
ifeq ($(findstring clang,$(CC)),)
WARN    += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
else
WARN    += -Wno-bitwise-instead-of-logical      # a() | b(), where both are to be called
endif

# Hardening, as in Debian's packages; `make HARDEN= HARDEN_LD=` builds without it. The C library can
# check buffers only in optimized code, and the sanitizers check them themselves.
HARDEN    ?= -fstack-protector-strong -fPIE \
	$(if $(SAN)$(filter -O0,$(OPT)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now

# CPPFLAGS, CFLAGS and LDFLAGS are yours, from the environment or the command line; these are ours.
INCLUDE := -D_GNU_SOURCE -Iinclude -Isrc -I.
FLAGS    = -std=gnu11 $(OPT) $(WARN) $(HARDEN) -fno-strict-aliasing \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
	$(if $(COVER),--coverage -fprofile-update=atomic)
COMPILE  = $(CC) $(INCLUDE) $(CPPFLAGS) $(CFLAGS) $(FLAGS)
LINK     = $(CC) -rdynamic $(HARDEN_LD) $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) \
	$(if $(COVER),--coverage)
LDLIBS  := -lcurl -lmicrohttpd -ljansson -linih -lpcre2-8 -llua5.4 -lssl -lcrypto -lpthread -ldl -lm

SRC     := $(wildcard src/*.c src/*/*.c)
UI      := $(wildcard ui/*) $(BUILD)/ui/outages.ini        # the dashboard's files, parts of the program
OBJ     := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/ui_files.o
CORE    := $(filter-out $(BUILD)/src/main.o,$(OBJ))    # all but main: what tests link
AUDIT   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard audit/*.c)) $(BUILD)/audit/outages.o
# What the auditor shares with the program: options, files and rules; nothing that moves bytes.
SHARED  := $(filter $(patsubst %,$(BUILD)/src/%/%,base net spec behaviors protocols plugins toxiproxy config tls),$(OBJ))
CTL     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c) \
	$(addprefix src/base/,suggest.c text.c memory.c) \
	$(addprefix src/fleet/,base64.c etcd_number.c selector.c store_url.c table.c))

# One short line per file, such as "  CC    src/main.c": the whole command with V=1, nothing with -s.
Q       := $(if $(V),,@)
say      = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-5s %s\n' $1 '$(or $2,$@)')

all: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/toxiproxy-server $(if $(wildcard audit/main.c),$(BIN)/vaurien-audit,$(AUDIT))

# The program depends on the list of its sources, since a deleted file leaves nothing newer than the
# program; and every object on its flags.
$(BUILD)/sources: NOTE = $(SRC) $(UI)
$(BUILD)/flags: NOTE = $(strip $(COMPILE) $(LINK))
$(BUILD)/sources $(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(NOTE)' | cmp -s - $@ || echo '$(NOTE)' >$@

# A missing header is named before the compiler misses it, with its package: "header:package ...".
define need
@mkdir -p $(@D)
@command -v $(firstword $(CC)) >/dev/null || \
	{ echo 'make: the compiler $(firstword $(CC)) is missing; run: apt-get install gcc' >&2; exit 1; }
@missing=$$(for each in $1; do echo "#include <$${each%%:*}>" | \
	$(COMPILE) -DPCRE2_CODE_UNIT_WIDTH=8 -E -o /dev/null -x c - 2>/dev/null || echo "$${each#*:}"; done); \
	test -z "$$missing" || { echo "make: libraries are missing; run: apt-get install" $$missing >&2; exit 1; }
@touch $@
endef
$(BUILD)/need-build:
	$(call need,microhttpd.h:libmicrohttpd-dev jansson.h:libjansson-dev ini.h:libinih-dev \
		pcre2.h:libpcre2-dev lua5.4/lua.h:liblua5.4-dev curl/curl.h:libcurl4-openssl-dev \
		openssl/ssl.h:libssl-dev \
		ncurses.h:libncurses-dev)

$(BIN)/vaurien: $(OBJ) $(BUILD)/sources
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $(OBJ) $(LDLIBS)

# By that name it takes Toxiproxy's command line.
$(BIN)/toxiproxy-server: $(BIN)/vaurien
	$(call say,LN)
	$(Q)ln -sf vaurien $@

$(BIN)/vaurienctl: $(CTL)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $(CTL) -lcurl -ljansson -lncursesw -ltinfo -lm

$(BIN)/vaurien-audit: $(AUDIT) $(SHARED)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ -lcurl $(filter-out -lmicrohttpd,$(LDLIBS))

# The outages of audit/outages/, as the program has them: a file each. The list notices a deleted one.
OUTAGES := $(sort $(wildcard audit/outages/*.ini))
$(BUILD)/audit/outages.list: NOTE = $(OUTAGES)
$(BUILD)/audit/outages.list: always
	@mkdir -p $(@D)
	@echo '$(NOTE)' | cmp -s - $@ || echo '$(NOTE)' >$@
$(BUILD)/audit/outages.c: $(OUTAGES) $(BUILD)/audit/outages.list
	@awk 'BEGIN { print "#include \"audit/outages.h\"\n\nconst struct outage_file outage_files[] = {" } \
		FNR == 1 { if (NR > 1) print "\t},"; name = FILENAME; sub(/.*\//, "", name); \
			printf "\t{ \"%s\",\n", name } \
		{ gsub(/[\\"]/, "\\\\&"); printf "\t\"%s\\n\"\n", $$0 } \
		END { print "\t},\n\t{ 0 }\n};" }' $(OUTAGES) >$@
$(BUILD)/audit/outages.o: $(BUILD)/audit/outages.c $(BUILD)/flags
	$(call say,CC,audit/outages/*.ini)
	$(Q)$(COMPILE) -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/need-build
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# The dashboard reads all outages in one file.
$(BUILD)/ui/outages.ini: $(OUTAGES) $(BUILD)/audit/outages.list
	@mkdir -p $(@D)
	@awk 1 $(OUTAGES) >$@

# Each of the dashboard's files as an array of bytes.
$(BUILD)/ui_files.c: $(UI) $(BUILD)/sources
	$(call say,GEN)
	$(Q){ echo '#include "api/ui.h"'; n=0; rows=; \
	for file in $(UI); do \
		echo "static const unsigned char file_$$n[] = {"; \
		od -An -v -tu1 $$file | sed 's/ *\([0-9][0-9]*\)/\1,/g'; \
		echo '};'; \
		rows="$$rows{ \"$${file##*/}\", file_$$n, sizeof file_$$n }, "; n=$$((n + 1)); \
	done; echo "const struct ui_file ui_files[] = { $$rows{ 0 } };"; } >$@
$(BUILD)/ui_files.o: $(BUILD)/ui_files.c $(BUILD)/flags | $(BUILD)/need-build
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d) $(CTL:.o=.d) $(AUDIT:.o=.d)

include tests/tests.mk
include tests/reports.mk
include bench/bench.mk
include tests/interop/interop.mk
include packaging/install.mk
include examples/audit/audit.mk

clean:
	rm -rf build bin

# The comment at the head of each makefile.
help:
	@for file in Makefile tests/tests.mk tests/reports.mk bench/bench.mk tests/interop/interop.mk packaging/install.mk examples/audit/audit.mk; do \
		sed -n '/^#/!q; s/^# \{0,1\}//p' $$file; echo; done

.PHONY: all clean help
