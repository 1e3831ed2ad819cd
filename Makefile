# pg_segment. `make demo` and `make test` install what they lack and use a private copy of PostgreSQL under
# target/; `make install` puts the extension into the PostgreSQL that PG_CONFIG belongs to.

PG_CONFIG ?= pg_config
export PG_CONFIG

.DEFAULT_GOAL := all
.PHONY: all install installcheck test soak demo demo-stop bench lint clean

all:
	@bash -c '. tools/lib.sh && install_privately'

install:
	@bash tools/install

installcheck:
	@bash tests/run regress isolation

test:
	@bash tests/run

demo:
	@bash demo/run

demo-stop:
	@bash -c '. tools/lib.sh && check_pg_config && private_copy && stop_cluster demo'

soak:
	@bash tests/soak

# BENCH names some of them.
bench:
	@bash bench/run $(BENCH)

lint:
	@bash tools/lint

clean:
	@if [ -e target/outside ]; then rm -rf "$$(readlink target/outside)"; fi
	rm -rf target
