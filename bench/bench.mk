# make bench [BENCH="--quick"]     what it costs, beside other proxies; see bench/bench.py --help
# make bench-run                   what a connect costs under `vaurien run`; see bench/run_cost.py

LOAD     := build/bench/load
LOAD_SRC := $(wildcard bench/*.c)

$(LOAD): $(LOAD_SRC) bench/load.h
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wno-missing-field-initializers -o $@ $(LOAD_SRC) -lssl -lcrypto

bench: all $(LOAD)
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/bench.py $(BENCH)

bench-run: all
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 bench/run_cost.py

.PHONY: bench bench-run
