# Reports; `make check` runs none of them.
#
# make cover                   coverage of unit, protocols, model and scenarios (gcc, gcovr), in build/cover
# make analyze                 gcc -fanalyzer on base/, net/ and protocols/ of src/
# make format [BASE=main]      what clang-format would change in the lines that differ from BASE (HEAD)
# make compile_commands.json   how each file is compiled, for clangd, clang-tidy and cscope

cover:
	@command -v gcovr >/dev/null || { echo 'make cover: it needs gcovr; run: apt-get install gcovr' >&2; exit 1; }
	@rm -rf build/cover/counts
	@find build/cover -name '*.gcda' -delete 2>/dev/null || true
	@GO_ON=1 $(MAKE) --no-print-directory -k COVER=1 SAN= CC=gcc OPT=-O0 unit protocols model scenarios
	@mkdir -p build/cover/html
	gcovr --root . --object-directory build/cover --filter src/ --filter cli/ --exclude-unreachable-branches \
		--gcov-ignore-parse-errors --html-details build/cover/html/index.html --txt build/cover/cover.txt build/cover
	@cat build/cover/cover.txt
	@COUNTS=build/cover/counts tests/summary || true
	@echo 'in detail: build/cover/html/index.html'

ANALYZED := $(wildcard src/base/*.c src/net/*.c src/protocols/*.c)
analyze:
	@bad=0; for file in $(ANALYZED); do echo "  GCC   $$file"; \
		gcc $(INCLUDE) -std=gnu11 -O2 -fanalyzer -Werror -c -o /dev/null $$file || bad=$$((bad + 1)); done; \
		echo "$(words $(ANALYZED)) files analyzed, $$bad with findings"; test $$bad = 0

BASE ?= HEAD
format:
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/format.py $(BASE)

COMPILED := $(SRC) $(wildcard cli/*.c audit/*.c bench/*.c fuzz/*.c tests/unit/*.c tests/behaviors/*.c \
	tests/protocols/*.c tests/model/*.c examples/plugins/*.c)
compile_commands.json: always
	@{ separator='['; for file in $(COMPILED); do \
		printf '%s\n{ "directory": "%s", "file": "%s", "command": "%s -c %s" }' \
			"$$separator" '$(CURDIR)' "$$file" '$(subst ",\",$(strip $(COMPILE)))' "$$file"; \
		separator=,; done; printf '\n]\n'; } >$@

.PHONY: cover analyze format
