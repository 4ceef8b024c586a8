# make interop [INTEROP="NAME..."]     servers and clients that are not in Debian; see tests/interop/interop.py

interop: all
	@PYTHONDONTWRITEBYTECODE=1 VAURIEN_BIN=$(abspath $(BIN))/vaurien /usr/bin/python3 tests/interop/interop.py $(INTEROP)

.PHONY: interop
