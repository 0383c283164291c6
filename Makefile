# Rille: `make help` lists the targets.

# ---- what it stands on ------------------------------------------------------
# gcc make pkg-config   the compiler and its driver
# libluajit2-5.1-dev    LuaJIT, OpenResty's branch: keyed string hash, GC64, string.buffer; linked statically
# libuv1-dev            the event loop
# node-llhttp           the HTTP/1 parser, as three C files that we compile in its strict mode
# libpq-dev             PostgreSQL's client, loaded when it is first needed (core/pg/libpq.c)
# libedit-dev           the console's line editing: BSD's licence, editing and history by key, no global state
# libcjson-dev          documents that C itself reads, and the oracle of the decoder's fuzzing
# postgresql-15         the private development cluster, and every database test
# lua-busted            specs; lua-check: lint; lua-socket, lua-filesystem: sockets and files in specs
# libcmocka-dev         C tests
# tzdata                time zones, for schedules
# iso-codes             the shop's countries and currencies: real ISO 3166 and 4217 data
# chromium chromium-driver   the shop's pages, seen as people see them; its driver speaks WebDriver
# wrk                   load for `make bench`
# golang-go             what `make bench-tasks` compares with
# gnuplot-nox           plots of the bench
# golang-github-*       what `make bench` compares with: servers of Go, and their client of PostgreSQL
# nginx lua-cjson       and nginx with its Lua module; besides, with npm if that is there, fastify and pg
# valgrind              counts the instructions of a request, for `make gate`
# clang libclang-rt-14-dev   libFuzzer
# pgbouncer             the pooler that many databases stand behind, for its specs
# curl ca-certificates  ask while the build is trained (apps/bench/train), and the three lines that `make run` prints
BUILD_PACKAGES := gcc make pkg-config libluajit2-5.1-dev libuv1-dev node-llhttp libpq-dev libcjson-dev libedit-dev curl
RUN_PACKAGES := postgresql-15 tzdata iso-codes ca-certificates
TEST_PACKAGES := lua-busted lua-check lua-socket lua-filesystem libcmocka-dev chromium chromium-driver wrk clang \
	libclang-rt-14-dev pgbouncer valgrind
PEER_PACKAGES := golang-go golang-github-valyala-fasthttp-dev golang-github-gin-gonic-gin-dev golang-github-jackc-pgx-v4-dev \
	nginx libnginx-mod-http-lua lua-cjson

# ---- flags ------------------------------------------------------------------
CC := gcc
SAN ?=
comma := ,
O := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
VERSION := 0.1.0
PREFIX ?= /usr/local

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Werror
# -fexceptions: a Lua error unwinds through C frames (thread sanitizer crashes without it)
# A request crosses twenty small functions in as many files: optimized together, a
# quarter of their instructions goes.
CFLAGS ?= $(if $(SAN),-O1 -g,-O3 -g -flto=auto)
# And it is told which way requests go, which a build of its own counts first (apps/bench/train): up to a
# tenth goes again. Once for a tree: functions that change later do without until `make clean`.
PROFILE := $(if $(SAN)$(filter-out file,$(origin CFLAGS)),,build/profile)
TRAINED = $(if $(PROFILE),-fprofile-use -dumpdir $(patsubst $(O)/%,$(PROFILE)/%,$(@D))/ \
	-fprofile-partial-training -fprofile-correction -Wno-missing-profile -Wno-coverage-mismatch)
FLAGS = -std=gnu11 -D_GNU_SOURCE -fexceptions -fno-strict-aliasing -pthread $(CFLAGS) $(WARN) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# These ask tools that `make deps` may have to install first: so = and not :=
LUA_LIB = $(shell $(CC) -print-file-name=libluajit-5.1.a)
PG_INC = $(shell pg_config --includedir 2>/dev/null || echo /usr/include/postgresql)
# Static as well: its calls are short, and many.
UV_LIB = $(shell $(CC) -print-file-name=libuv_a.a)
LLHTTP := /usr/share/llhttp
INC = -Icore -Ispec/core -I/usr/include/luajit-2.1 -I$(PG_INC) -I/usr/share/include/llhttp -DRILLE_VERSION='"$(VERSION)"'
# Static, with what it stands on: a server's machine needs none of it.
EDIT_LIBS = $(foreach lib,edit tinfo bsd md,$(shell $(CC) -print-file-name=lib$(lib).a))
# Without libpq: core/pg/libpq.c loads it.
LIBS = $(LUA_LIB) $(UV_LIB) $(EDIT_LIBS) -lcjson -lm -ldl -lpthread
# What C modules of Lua (lfs and its like) look up in the program, and no more.
EXPORTS := -Wl,--dynamic-list=core/vm/exports.txt

SOURCES := $(filter-out core/cli/main.c core/vm/embed.c,$(sort $(wildcard core/*/*.c)))
OBJECTS := $(SOURCES:%.c=$(O)/%.o) $(O)/llhttp/api.o $(O)/llhttp/http.o $(O)/llhttp/llhttp.o
C_TESTS := $(sort $(wildcard spec/core/*/*_test.c))
FUZZ_TARGETS := $(sort $(wildcard spec/core/*/*_fuzz.c))
LUA_SOURCES := $(sort $(wildcard lua/rille.lua lua/rille/*.lua lua/rille/*/*.lua))

.PHONY: help deps deps-build deps-run build run test check c-tests thread-tests specs lint annotations bench bench-peers bench-plot bench-scale \
	bench-tasks bench-loop gate fuzz fuzz-build clean install luajit
.DEFAULT_GOAL := help

help:
	@echo "make run      install what is missing, build, start a private PostgreSQL, serve apps/shop"
	@echo "make test     install what is missing, then every test; ends with 'N passed, N failed'"
	@echo "make build    build/rille            SAN=address,undefined or SAN=thread: with sanitizers"
	@echo "make deps     install the Debian packages that are missing (uses sudo unless root)"
	@echo "make lint     floors, luacheck"
	@echo "make annotations  build/annotations/rille.lua, for lua-language-server"
	@echo "make bench    what a request costs, beside a bare loop and other servers; results in build/bench"
	@echo "make bench-peers  install those others: fasthttp, Gin, nginx with Lua, Fastify"
	@echo "make bench-plot RUNS=\"a.tsv b.tsv\"  runs of the bench side by side"
	@echo "make bench-scale  what it costs as the work grows: routes, rows, bodies, connections"
	@echo "make gate     whether a request costs more instructions than it did"
	@echo "make bench-tasks  tasks, channels and locks beside Go's"
	@echo "make bench-loop   what a save, a reload, a hang and a new process cost those who wait"
	@echo "make fuzz     fuzz the HTTP parser and the JSON decoder; SECONDS=60 each"
	@echo "make install  to PREFIX=$(PREFIX)"
	@echo "make clean    remove build/"

# ---- building ----------------------------------------------------------------

# $(call install,PACKAGES): those that are missing, with sudo unless root.
define install
@missing=$$(for p in $(1); do dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -q '^installed' || echo $$p; done); \
if [ -n "$$missing" ]; then \
	echo "installing:" $$missing; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
fi
endef

deps:
	$(call install,$(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES))

deps-build:
	$(call install,$(BUILD_PACKAGES))

deps-run: deps-build
	$(call install,$(RUN_PACKAGES))

# Another LuaJIT of the same name has neither the keyed hash nor what the scheduler needs.
luajit:
	@nm "$(LUA_LIB)" 2>/dev/null | grep -q luaopen_thread_exdata || \
		{ echo "no libluajit-5.1.a of libluajit2-5.1-dev: run make deps"; exit 1; }

build: $(O)/rille

ifneq ($(PROFILE),)
$(PROFILE)/done: | luajit
	@echo "PROFILE"
	@mkdir -p $(@D)
	@$(MAKE) --no-print-directory O=$(PROFILE) build >$(PROFILE)/log \
		CFLAGS="-O3 -fprofile-generate -fprofile-update=prefer-atomic -DRL_TRAINING" || { tail -n 3 $(PROFILE)/log; exit 1; }
	@flock $(PROFILE)/lock sh apps/bench/train $(PROFILE) || echo "rille is built without a profile"
	@touch $@
endif

$(O)/%.o: %.c Makefile | luajit $(PROFILE:%=%/done)
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(FLAGS) $(TRAINED) $(INC) -MMD -MP -c $< -o $@

$(O)/llhttp/%.o: $(LLHTTP)/%.c | $(PROFILE:%=%/done)
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) -std=gnu11 $(CFLAGS) $(TRAINED) -w $(INC) -DLLHTTP_STRICT_MODE=1 -c $< -o $@

$(O)/librille.a: $(OBJECTS)
	@echo "AR $@"
	@rm -f $@ && gcc-ar rcs $@ $^

$(O)/embed: core/vm/embed.c | luajit
	@mkdir -p $(@D)
	@$(CC) $(filter-out -fsanitize%,$(FLAGS)) $(INC) $< -o $@ $(LUA_LIB) -lm -ldl

$(O)/embedded.c: $(LUA_SOURCES) $(O)/embed
	@echo "EMBED lua/"
	@$(O)/embed $(LUA_SOURCES) > $@

$(O)/embedded.o: $(O)/embedded.c
	@$(CC) -std=gnu11 $(CFLAGS) -c $< -o $@

$(O)/rille: $(O)/core/cli/main.o $(O)/embedded.o $(O)/librille.a core/vm/exports.txt
	@echo "LD $@"
	@$(CC) $(FLAGS) $(O)/core/cli/main.o $(O)/embedded.o $(O)/librille.a -o $@ $(EXPORTS) $(LIBS)
	@! readelf -d $@ | grep -q 'NEEDED.*luajit' || { echo "$@ links a shared LuaJIT: it must be static"; rm $@; exit 1; }
	@! readelf -d $@ | grep -q 'NEEDED.*libpq' || { echo "$@ links libpq: core/pg/libpq.c must load it"; rm $@; exit 1; }

-include $(shell find $(O) -name '*.d' 2>/dev/null)

install: build
	@install -D -m 755 $(O)/rille $(DESTDIR)$(PREFIX)/bin/rille
	@$(O)/rille exec apps/hello lua/annotations.lua $(DESTDIR)$(PREFIX)/share/rille/rille.lua
	@echo "installed $(DESTDIR)$(PREFIX)/bin/rille, and its annotations for editors in $(DESTDIR)$(PREFIX)/share/rille"

clean:
	@rm -rf build

# ---- running ------------------------------------------------------------------

run: deps-run
	@$(MAKE) --no-print-directory build
	@sh apps/run

# ---- testing ------------------------------------------------------------------

test: deps
	@sh spec/run

# A C test is one program: spec/core/base/buf_test.c tests core/base/buf.c. It
# links spec/core/mem.c, whose allocations can be made to fail one by one.
$(O)/spec/core/%_test: $(O)/spec/core/%_test.o $(O)/spec/core/mem.o $(O)/librille.a
	@echo "LD $@"
	@$(CC) $(FLAGS) $^ -o $@ $(LIBS) -lpq -lcmocka

# They run for moments and are compiled for seconds. Less optimized, the compiler knows less of
# the ranges of numbers, and warns of what cannot be.
$(O)/spec/core/%.o: CFLAGS := -Og -g -Wno-format-truncation

c-tests: $(C_TESTS:%.c=$(O)/%)

# What several threads share, for SAN=thread.
THREAD_TESTS := $(addprefix spec/core/,base/log loop/loop loop/job loop/prompt pg/crew pg/budget pg/supply pg/audience pg/listener vm/thread \
	sync/queue sync/channel sync/topics sync/store cli/notice)
thread-tests: $(THREAD_TESTS:%=$(O)/%_test)

.PRECIOUS: $(O)/spec/core/%.o $(O)/%.o

lint:
	@sh spec/lint

# Plain Lua: busted brings it.
annotations:
	@lua lua/annotations.lua build/annotations/rille.lua
	@echo "build/annotations/rille.lua"

$(O)/spec/bench/%: spec/bench/%.c $(wildcard spec/bench/*.h)
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(FLAGS) $< -o $@

bench: deps
	$(call install,gnuplot-nox)
	@$(MAKE) --no-print-directory build $(addprefix $(O)/spec/bench/,pace pingpong reference)
	@sh spec/bench/run

# Beside what `make bench` measures by itself. Packages of npm stay in build/.
bench-peers:
	$(call install,$(PEER_PACKAGES))
	@! command -v npm >/dev/null || npm install --prefix build/bench/npm --silent --no-audit --no-fund fastify@5 pg@8

bench-plot:
	$(call install,gnuplot-nox)
	@sh spec/bench/plot $(RUNS)

# QUICK=1: most curves without their last decade
bench-scale: deps
	$(call install,gnuplot-nox)
	@$(MAKE) --no-print-directory build $(addprefix $(O)/spec/bench/,crowd pace)
	@sh spec/bench/curves

gate: deps
	@$(MAKE) --no-print-directory build
	@WRITE=$(WRITE) sh spec/bench/gate

bench-tasks: deps-build
	$(call install,golang-go)
	@$(MAKE) --no-print-directory build
	@sh spec/bench/tasks/run

bench-loop: deps
	@$(MAKE) --no-print-directory build
	@REPLACEMENTS=$${REPLACEMENTS:-100} build/rille spec spec/bench/loop.lua spec/apps/replacement_spec.lua

# libFuzzer wants clang, and everything instrumented: an own tree of objects.
SECONDS ?= 60
FUZZ_O := build/fuzz
FUZZ_FLAGS = -std=gnu11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -pthread $(INC)
FUZZ_SOURCES := $(sort $(wildcard core/base/*.c core/json/*.c)) $(addprefix core/http/,$(filter-out \
	access.c body.c conn.c input.c lines.c output.c request.c server.c spool.c tag.c,$(notdir $(wildcard core/http/*.c))))

$(FUZZ_O)/%: spec/core/%.c $(FUZZ_SOURCES)
	@mkdir -p $(@D)
	@echo "FUZZ $<"
	@clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -DLLHTTP_STRICT_MODE=1 -w $< $(FUZZ_SOURCES) \
		$(LLHTTP)/api.c $(LLHTTP)/http.c $(LLHTTP)/llhttp.c -o $@ -lcjson -lm

fuzz-build: $(FUZZ_TARGETS:spec/core/%.c=$(FUZZ_O)/%)

# New inputs go to a scratch folder, so that the kept corpus stays small.
fuzz: fuzz-build
	@for target in $(FUZZ_TARGETS:spec/core/%.c=%); do \
		mkdir -p $(FUZZ_O)/found/$$target; \
		$(FUZZ_O)/$$target -max_total_time=$(SECONDS) -verbosity=0 -print_final_stats=0 -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix=$(FUZZ_O)/ $(FUZZ_O)/found/$$target spec/core/$$(dirname $$target)/corpus \
			>$(FUZZ_O)/$$target.log 2>&1 & pids="$$pids $$!"; \
	done; failed=0; for pid in $$pids; do wait $$pid || failed=1; done; \
	for target in $(FUZZ_TARGETS:spec/core/%.c=%); do \
		if grep -qE 'ERROR|SUMMARY' $(FUZZ_O)/$$target.log; then echo "not ok fuzz $$target"; tail -40 $(FUZZ_O)/$$target.log; \
		else echo "ok fuzz $$target"; fi; \
	done; exit $$failed
