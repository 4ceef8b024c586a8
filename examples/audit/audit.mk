# make audit-demo     audit a small shop on a real MariaDB and Redis, as it was written and as it was
#                     repaired; reports are left in build/audit-demo. 5 minutes; FAULTS=default: 30

FAULTS ?= quick

audit-demo: all
	@for shop in naive repaired; do \
		printf '\n== the %s shop\n\n' $$shop; \
		SHOP=$$shop /usr/bin/python3 examples/audit/servers.py sh -c '$(abspath $(BIN))/vaurien audit \
			--config examples/audit/shop.ini --faults $(FAULTS) --report build/audit-demo/$$SHOP \
			-- /usr/bin/python3 examples/audit/$$SHOP.py $$SHOP_PORT' || test $$? = 1 -o $$? = 3 || exit 1; \
	done
	@printf '\nbuild/audit-demo/naive/audit.html and build/audit-demo/repaired/audit.html are the reports.\n'

.PHONY: audit-demo
