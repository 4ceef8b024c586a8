# make install      programs, header, manual pages, completions, documents, a unit for systemd; DESTDIR and prefix
# make uninstall    remove these again
# make man          the manual pages, in build/man
# make deb          Debian packages of programs and of the Python package, in build/deb

prefix      ?= /usr/local
bindir      ?= $(prefix)/bin
includedir  ?= $(prefix)/include
datadir     ?= $(prefix)/share
pcdir       ?= $(datadir)/pkgconfig
mandir      ?= $(datadir)/man
docdir      ?= $(datadir)/doc/vaurien
unitdir     ?= $(prefix)/lib/systemd/system
bashdir     ?= $(datadir)/bash-completion/completions
zshdir      ?= $(datadir)/zsh/site-functions

VERSION     := $(shell sed -n 's/^\#define VAURIEN_VERSION "\(.*\)".*/\1/p' include/vaurien.h)
MANUAL      := build/man/vaurien.1 build/man/vaurienctl.1 build/man/vaurien-audit.1 build/man/vaurien-plugins.7
SHOWN_FILES := $(foreach kind,ini json py c lua,$(wildcard examples/*.$(kind) examples/*/*.$(kind)))
FRAMED      := build/install/vaurien.pc build/install/vaurien.service
FILL         = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@prefix@|$(prefix)|g' -e 's|@bindir@|$(bindir)|g' -e 's|@includedir@|$(includedir)|g'

# What goes where: mode, file, place; or a link, to what it leads, and its place.
INSTALLED    = \
	755:$(BIN)/vaurien:$(bindir)/vaurien \
	755:$(BIN)/vaurienctl:$(bindir)/vaurienctl \
	755:$(BIN)/vaurien-audit:$(bindir)/vaurien-audit \
	link:vaurien:$(bindir)/toxiproxy-server \
	644:include/vaurien.h:$(includedir)/vaurien.h \
	644:build/install/vaurien.pc:$(pcdir)/vaurien.pc \
	644:build/man/vaurien.1:$(mandir)/man1/vaurien.1 \
	644:build/man/vaurienctl.1:$(mandir)/man1/vaurienctl.1 \
	644:build/man/vaurien-audit.1:$(mandir)/man1/vaurien-audit.1 \
	link:vaurien.1:$(mandir)/man1/toxiproxy-server.1 \
	644:build/man/vaurien-plugins.7:$(mandir)/man7/vaurien-plugins.7 \
	644:packaging/vaurien.bash:$(bashdir)/vaurien \
	644:packaging/vaurien.bash:$(bashdir)/vaurienctl \
	644:packaging/_vaurien:$(zshdir)/_vaurien \
	644:build/install/vaurien.service:$(unitdir)/vaurien.service \
	$(foreach page,README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md $(wildcard docs/*.md docs/*.png) $(SHOWN_FILES),644:$(page):$(docdir)/$(page))

ALL_vaurien := all
man: $(MANUAL)
build/man/%.1: packaging/%.1.in packaging/man.awk $(BIN)/%
	@mkdir -p $(@D)
	$(call say,MAN)
	$(Q)$(BIN)/$* --help $(ALL_$*) | awk -f packaging/man.awk - $< | $(FILL) >$@
build/man/vaurien-plugins.7: packaging/vaurien-plugins.7.in packaging/page.awk $(wildcard docs/writing-a-*.md)
	@mkdir -p $(@D)
	$(call say,MAN)
	$(Q){ cat $<; awk -f packaging/page.awk $(wildcard docs/writing-a-*.md); } | $(FILL) >$@
$(FRAMED): build/install/%: packaging/%.in always
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$(FILL) $< >$@

install: all $(MANUAL) $(FRAMED)
	@for line in $(INSTALLED); do \
		mode=$${line%%:*} rest=$${line#*:}; \
		from=$${rest%%:*} to="$(DESTDIR)$${rest#*:}"; \
		echo "install $$to"; \
		if [ $$mode = link ]; then ln -sf "$$from" "$$to"; else install -D -m $$mode "$$from" "$$to"; fi || exit 1; \
	done
uninstall:
	@for line in $(INSTALLED); do \
		rest=$${line#*:}; \
		echo "remove $(DESTDIR)$${rest#*:}"; \
		rm -f "$(DESTDIR)$${rest#*:}" || exit 1; \
	done
	-@find "$(DESTDIR)$(docdir)" -depth -type d -empty -delete

# dpkg-buildpackage leaves what it makes beside the source: so it gets a copy in a place of its own.
deb:
	@command -v dpkg-buildpackage >/dev/null || \
		{ echo 'make deb: dpkg-buildpackage is missing; run: ./dev deb' >&2; exit 1; }
	@test -n '$(DEBUILD)' || unmet=$$(dpkg-checkbuilddeps packaging/debian/control 2>&1) || \
		{ echo "make deb: $${unmet#*error: }; run: ./dev deb" >&2; exit 1; }
	@rm -rf build/deb
	@mkdir -p build/deb/vaurien-$(VERSION)
	$(call say,DEB,build/deb)
	$(Q)tar -cf - --exclude=./build --exclude=./bin --exclude=./.git . | tar -xf - -C build/deb/vaurien-$(VERSION)
	$(Q)cd build/deb/vaurien-$(VERSION) && cp -r packaging/debian debian && dpkg-buildpackage -b -us -uc $(DEBUILD)
	@ls -l build/deb/*.deb

always:
.PHONY: man install uninstall deb always
