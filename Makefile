# make            build bin/vaurien and bin/vaurienctl; V=1 shows the whole commands
# make check      run all tests (./dev check installs the packages that they need)
# make demo       build, then show every behavior on a backend of its own
# make bench      measure it beside other proxies; writes docs/performance.md
# make SAN=address,undefined check    the same under sanitizers; SAN=thread likewise
# make install    with prefix and DESTDIR; make uninstall and make deb: see packaging/install.mk
# make fuzz       build the fuzz targets (clang); make docs writes the generated pages
# make clean      remove build/ and bin/
#
# Files are found by wildcard: to add a behavior or a protocol, add its file.

SAN     ?=
comma   := ,
BUILD   := build/$(if $(SAN),$(subst $(comma),-,$(SAN)),plain)
BIN     := $(if $(SAN),$(BUILD),bin)

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

CFLAGS  += -std=gnu11 $(OPT) $(WARN) $(HARDEN) -fno-strict-aliasing
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Isrc
LDFLAGS += -rdynamic $(HARDEN_LD)
LDLIBS  := -lmicrohttpd -ljansson -linih -lpcre2-8 -llua5.4 -lpthread -ldl -lm
ifneq ($(SAN),)
CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer
LDFLAGS += -fsanitize=$(SAN)
endif

SRC     := $(wildcard src/*.c src/*/*.c)
OBJ     := $(SRC:%.c=$(BUILD)/%.o)
CORE    := $(filter-out $(BUILD)/src/main.o,$(OBJ))    # all but main: what tests link
CTL     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard cli/*.c))

# One short line per file, such as "  CC    src/main.c": the whole command with V=1, nothing with -s.
Q       := $(if $(V),,@)
say      = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-5s %s\n' $1 '$(or $2,$@)')

all: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/toxiproxy-server

# A file that has gone leaves nothing that is newer than the program: the list of them does.
$(BUILD)/sources: always
	@mkdir -p $(@D)
	@echo $(SRC) | cmp -s - $@ || echo $(SRC) >$@

$(BIN)/vaurien: $(OBJ) $(BUILD)/sources
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(OBJ) $(LDLIBS)

# By that name it takes Toxiproxy's command line.
$(BIN)/toxiproxy-server: $(BIN)/vaurien
	$(call say,LN)
	$(Q)ln -sf vaurien $@

$(BIN)/vaurienctl: $(CTL)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(CTL) -lcurl -ljansson

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d) $(CTL:.o=.d)

include tests/tests.mk
include bench/bench.mk
include packaging/install.mk

clean:
	rm -rf build bin

.PHONY: all clean
