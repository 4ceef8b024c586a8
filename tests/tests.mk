# All tests. Each part prints what it does and leaves its counts in build/counts; `make check` sums
# them up in its last line.
#
# make quick                              some of each, within 60 s on two quiet cores once all is built (build it
#                                         with "make quick-built": about as long again)
# make unit protocols behaviors model     C, seconds          make SAN=... the same under sanitizers
# make scenarios servers                  the program itself; with scripted ends, with the real servers
# make python                             the Python package, from the tree and as it is shipped
# make pour                               1 GiB each way through TLS, with new keys and rules that change; not part of the check
# make reports                            the formats of audit's reports; HTML in Chromium, pictures in build/screenshots
# make half-open                          10,000 half-open TLS handshakes, and the memory behind them; 10 s
# make lint docs-current                  laws of the folders, no circles, headers that stand alone; current pages

PYTEST  ?= /usr/bin/python3 -m pytest -q -p no:cacheprovider -p tests.bytecode -p tests.again
SPREAD  := -n $(if $(SAN),4,6) --dist loadfile        # most of them wait for something most of the time
COUNTS  := $(if $(QUICK),$(BUILD)/counts,build/$(if $(COVER),cover/)counts)
PART     = COUNTS=$(COUNTS) tests/summary $(if $(SAN),$(subst $(comma),-,$(SAN))-)$1
RUNTIME := $(if $(SAN),ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	TSAN_OPTIONS=halt_on_error=0:exitcode=66)
DRIVE    = $(RUNTIME) PYTHONDONTWRITEBYTECODE=1 GUESTS=$(abspath $(BUILD))/tests/guests VAURIEN_BIN=$(abspath $(BIN))/vaurien \
	VAURIENCTL_BIN=$(abspath $(BIN))/vaurienctl VAURIEN_SAN=$(SAN)

objects  = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $1))
UNIT    := $(call objects,tests/unit/*.c tests/behaviors/*.c)
RUNNER  := $(call objects,tests/protocols/*.c)
MODEL   := $(call objects,tests/model/*.c)
FUZZ    := protocols tls fields
CORPUS   = $(sort $(shell find fuzz/corpus/$1 -type f))

$(BUILD)/need-check:
	$(call need,cmocka.h:libcmocka-dev mariadb/mysql.h:libmariadb-dev)
$(UNIT): | $(BUILD)/need-check

define link
@mkdir -p $(@D)
$(call say,LD)
$(Q)$(LINK) -o $@ $^ $(LDLIBS)
endef

$(BUILD)/tests/unit/all: $(UNIT) $(CORE) $(filter-out $(BUILD)/audit/main.o,$(AUDIT))
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ -lcmocka -lcurl $(LDLIBS)
$(BUILD)/tests/audit/writers: $(BUILD)/tests/audit/writers.o $(filter-out $(BUILD)/audit/main.o,$(AUDIT)) $(SHARED)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(LINK) -o $@ $^ -lcurl $(LDLIBS)
$(BUILD)/tests/protocols/runner: $(RUNNER) $(CORE)
	$(link)
$(BUILD)/tests/model/model: $(MODEL) $(CORE)
	$(link)
$(FUZZ:%=$(BUILD)/fuzz/replay-%): $(BUILD)/fuzz/replay-%: $(BUILD)/fuzz/%.o $(BUILD)/fuzz/replay.o $(CORE)
	$(link)
$(BUILD)/tests/servers/prepared: tests/servers/prepared.c | $(BUILD)/need-check
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra $$(pkg-config --cflags libmariadb) -o $@ $< $$(pkg-config --libs libmariadb)

# The program without a guest, and all its guests as plugins, built against the public header alone.
# A protocol of several files has its name and _ at the beginning of the others.
GUEST    = $(CC) -D_GNU_SOURCE -Iinclude $(CFLAGS) $(FLAGS) -shared -fPIC
MORE    := $(wildcard src/protocols/*_*.c)
GUESTS  := $(patsubst src/%.c,$(BUILD)/tests/guests/%.so,$(wildcard src/behaviors/*.c) $(filter-out $(MORE),$(wildcard src/protocols/*.c)))
$(BUILD)/tests/guests/vaurien: $(filter-out $(BUILD)/src/behaviors/% $(BUILD)/src/protocols/%,$(OBJ))
	$(link)
EXAMPLES := $(BUILD)/tests/guests/examples/plugins
$(BUILD)/tests/guests/examples/%.so: examples/%.c include/vaurien.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(GUEST) -o $@ $<
$(BUILD)/tests/guests/protocols/%.so: src/protocols/%.c $(MORE) include/vaurien.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(GUEST) -Isrc -o $@ $< $(wildcard src/protocols/$*_*.c)
$(BUILD)/tests/guests/%.so: src/%.c include/vaurien.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(GUEST) -o $@ $<

-include $(UNIT:.o=.d) $(RUNNER:.o=.d) $(MODEL:.o=.d) $(BUILD)/tests/audit/writers.d $(FUZZ:%=$(BUILD)/fuzz/%.d) $(BUILD)/fuzz/replay.d

# ---- the parts ----

# The behaviors' tests are in the same binary as the units'.
unit behaviors: $(BUILD)/tests/unit/all
	@$(RUNTIME) $(call PART,unit) $<
protocols: $(BUILD)/tests/protocols/runner $(EXAMPLES)/beanstalk.so
	@$(RUNTIME) $(call PART,protocols) $< $(wildcard tests/protocols/*.txt)
	@$(RUNTIME) $(call PART,protocols-c) $< --plugin $(EXAMPLES)/beanstalk.so tests/examples/beanstalk.txt
	@$(RUNTIME) $(call PART,protocols-lua) $< --plugin examples/plugins/beanstalk.lua tests/examples/beanstalk.txt
model: $(BUILD)/tests/model/model
	@$(RUNTIME) $(call PART,model) $< --seeds 1-200
	@$(RUNTIME) $(call PART,model-found) $< --seeds 323
	@$(RUNTIME) $(call PART,model-bytewise) $< --seeds 1-60 --bufsize 1
	@$(RUNTIME) $(call PART,model-pieces) $< --seeds 1-40 --bufsize 7
	@$(RUNTIME) $(call PART,model-tls) $< --seeds 1-$(if $(SAN),20,60) --tls
	@$(RUNTIME) $(call PART,model-splice) $< --seeds 1-100 --splice-from 1
	@$(RUNTIME) $(call PART,model-bulk) $< --seeds 1-12 --bulk $(if $(SAN),4,16)
model-threads: $(BUILD)/tests/model/model
	@$(RUNTIME) $(call PART,model-threads) $< --seeds 1-10 --threads
	@$(RUNTIME) $(call PART,model-bulk) $< --seeds 1-12 --bulk 2
corpus: $(FUZZ:%=$(BUILD)/fuzz/replay-%)
	@$(RUNTIME) $(call PART,corpus) $< $(call CORPUS,protocols)
	@$(RUNTIME) $(call PART,corpus-tls) $(BUILD)/fuzz/replay-tls $(call CORPUS,tls)
	@$(RUNTIME) $(call PART,corpus-fields) $(BUILD)/fuzz/replay-fields $(call CORPUS,fields)
guests: $(BUILD)/tests/guests/vaurien $(GUESTS)
scenarios: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit guests
	@$(DRIVE) $(call PART,scenarios) $(PYTEST) $(SPREAD) tests/scenarios
scenarios-threads: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit
	@$(DRIVE) $(call PART,scenarios) $(PYTEST) $(SPREAD) -m threads tests/scenarios
# What tests/scenarios/test_tls_pour.py does with little, with much: minutes under sanitizers.
POUR_MIB ?= 1024
pour: $(BIN)/vaurien $(BIN)/vaurienctl
	@$(DRIVE) POUR_MIB=$(POUR_MIB) $(PYTEST) -s tests/scenarios/test_tls_pour.py
servers: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit $(BUILD)/tests/servers/prepared
	@$(DRIVE) PREPARED_BIN=$(abspath $(BUILD))/tests/servers/prepared $(call PART,servers) $(PYTEST) -n $(if $(SAN),2,3) --dist loadfile tests/servers
python: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit
	@$(DRIVE) $(call PART,python) $(PYTEST) -n 2 --dist loadfile \
		$(if $(SAN),tests/python/test_client.py tests/python/test_proxy.py,tests/python)
# The formats of the audit's reports; the page in a browser, which needs no sanitizer.
reports: $(BUILD)/tests/audit/writers
	@$(RUNTIME) PYTHONDONTWRITEBYTECODE=1 VAURIEN_SAN=$(SAN) WRITERS_BIN=$(abspath $<) $(call PART,reports) $(PYTEST) -n 2 --dist loadfile \
		$(if $(SAN),tests/audit/test_reports.py,tests/audit)
# Ten thousand half-open handshakes: what each takes, and that it is given back.
half-open: $(BIN)/vaurien $(BIN)/vaurienctl
	@$(DRIVE) HALF_OPEN=10000 $(PYTEST) -s -k half_open tests/scenarios/test_tls.py
# The pictures of docs/dashboard.md.
pictures: $(BIN)/vaurien $(BIN)/vaurienctl
	@$(DRIVE) VAURIEN_PICTURES=1 $(PYTEST) -k test_how_it_looks tests/servers/test_browser.py
	cp build/ui/dashboard-*.png docs/
shown: $(BIN)/vaurien $(BIN)/vaurien-audit
	@$(RUNTIME) $(call PART,demo) $< demo

# ---- make quick ----

# A scenario of each kind, which is one of each file, and each real server: see pytest_collection_modifyitems in harness.py.
QUICK_SERVERS := $(patsubst %,tests/servers/test_%.py,http_protocol kafka memcache mysql postgres redis smtp)

quick-built: all $(BUILD)/tests/unit/all $(BUILD)/tests/protocols/runner $(BUILD)/tests/model/model $(FUZZ:%=$(BUILD)/fuzz/replay-%)
quick: quick-built
	@rm -rf $(BUILD)/counts
	@GO_ON=1 $(MAKE) --no-print-directory -k $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) -Otarget QUICK=1 \
		quick-servers quick-scenarios quick-model unit protocols corpus lint docs-current || \
		COUNTS=$(BUILD)/counts GO_ON=1 tests/summary make false
	@COUNTS=$(BUILD)/counts tests/summary
quick-model: $(BUILD)/tests/model/model
	@$(RUNTIME) $(call PART,model) $< --seeds 1-40
	@$(RUNTIME) $(call PART,model-bytewise) $< --seeds 1-10 --bufsize 1
	@$(RUNTIME) $(call PART,model-tls) $< --seeds 1-10 --tls
	@$(RUNTIME) $(call PART,model-bulk) $< --seeds 1-2 --bulk 4
quick-scenarios: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit
	@$(DRIVE) VAURIEN_QUICK=1 $(call PART,scenarios) $(PYTEST) $(SPREAD) tests/scenarios
quick-servers: $(BIN)/vaurien $(BIN)/vaurienctl $(BIN)/vaurien-audit
	@$(DRIVE) VAURIEN_QUICK=1 $(call PART,servers) $(PYTEST) -n 2 --dist loadfile $(QUICK_SERVERS)

# ---- what can be said about the source ----

HEADERS := $(wildcard include/*.h src/*.h src/*/*.h audit/*.h)
PAGES   := docs/behaviors.md docs/protocols.md docs/tls-options.md

# The structure is read from the plain objects, with the program's own main.
lint: structure
	@$(call PART,headers) sh -c 'bad=0; n=0; for h in $(HEADERS); do \
		if $(COMPILE) -include $$h -fsyntax-only -x c /dev/null; \
		then n=$$((n + 1)); else bad=$$((bad + 1)); echo "$$h does not compile alone"; fi; done; \
		echo "$$n passed, $$bad failed"; test $$bad = 0'

structure: $(OBJ) $(AUDIT)
	@$(call PART,structure) /usr/bin/python3 tests/structure.py --objects $(BUILD)/src

docs: $(BIN)/vaurien
	@mkdir -p docs
	$(call say,GEN,$(PAGES))
	$(Q)for page in $(notdir $(PAGES)); do $< --list=$$page >docs/$$page || exit 1; done
docs-current: $(BIN)/vaurien
	@$(call PART,docs) sh -c 'bad=0; n=0; for page in $(notdir $(PAGES)); do \
		if $< --list=$$page | diff -u docs/$$page - ; \
		then n=$$((n + 1)); else bad=$$((bad + 1)); echo "docs/$$page is not current: make docs"; fi; done; \
		echo "$$n passed, $$bad failed"; test $$bad = 0'

# ---- all together ----

demo: all
	@$(BIN)/vaurien demo

MEMORY  := address,undefined
PARTS   := plain memory threads

check-plain: unit protocols model corpus lint docs-current shown scenarios servers python reports
check-memory:
	$(MAKE) SAN=$(MEMORY) OPT=-O1 CFLAGS=-g1 unit protocols model corpus scenarios servers python reports
check-threads:
	$(MAKE) SAN=thread OPT=-O1 CFLAGS=-g1 model-threads scenarios-threads

# A part that fails is counted and the others go on; make itself fails where one cannot be built.
check:
	@rm -rf build/counts
	@GO_ON=1 $(MAKE) --no-print-directory -k -Otarget $(PARTS:%=check-%) || \
		COUNTS=build/counts GO_ON=1 tests/summary make false
	@COUNTS=build/counts tests/summary

# ---- fuzzing: make fuzz, then build/fuzz/protocols fuzz/corpus/protocols; tls and fields likewise ----

FUZZED  := $(filter-out src/main.c,$(SRC)) $(BUILD)/ui_files.c
FUZZERS := $(FUZZ:%=build/fuzz/%)
fuzz: $(FUZZERS)
$(FUZZERS): build/fuzz/%: fuzz/%.c $(FUZZED)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)clang -std=gnu11 -g -O1 -Wno-unknown-warning-option $(INCLUDE) $(CPPFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $@ $^ $(LDLIBS)

.PHONY: pictures half-open pour quick quick-built quick-model quick-scenarios quick-servers unit behaviors protocols model model-threads corpus scenarios scenarios-threads servers guests python reports shown \
	lint structure docs docs-current demo check fuzz $(PARTS:%=check-%)
