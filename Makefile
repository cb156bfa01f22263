# The development tasks. Each target sets up what it needs (a virtual environment in .venv,
# dependencies from PyPI) and is quick if that exists already.
#
#   make demo         a server and a client over a real socket, frame by frame
#   make check        linters, types, the quick tests: under a minute, for every save
#   make test         linters, types, all tests, branch coverage
#   make lint         linters and types only
#   make docs         the manual, in build/docs; warnings are errors
#   make bench        speed against the published h2 and jh2, and growth; ARGS="--only get"
#   make gate         the instruction counts that CI checks; ARGS="--update" writes new limits
#   make machine-gate machine instructions of the compiled build against limits; needs valgrind
#   make consumers    test suites of programs that use h2, compared with h2 4.4.1; ARGS="httpcore"
#   make wheels       sdist, pure wheel and one compiled wheel per available CPython, in dist
#   make wheel-test   build sdist and wheels and test them on every available Python
#   make release-check  rehearse a release in a clone, up to the upload; ARGS="--pure"
#   make clean        remove everything that the targets above created
#
# PYTHON=python3.12 selects the interpreter for .venv; by default a suitable one is searched for.

VENV := .venv/bin

# Many tests wait for other programs, so use more processes than cores.
PARALLEL := -n 4 --dist loadfile

# The fast tests of the package itself. Tests of the tools and the manual, and long searches, are
# left to `make test`.
QUICK := tests/unit tests/conformance tests/buffered -m "not slow and not heavy" -q -n 2 \
	--dist loadfile

.PHONY: demo check test lint docs bench gate machine-gate consumers wheels release-check \
	wheel-test clean venv

demo: venv
	$(VENV)/python -m examples.demo $(ARGS)

check: lint
	$(VENV)/python -m pytest $(QUICK) $(ARGS)

test: lint
	$(VENV)/python -m pytest $(PARALLEL) --cov --cov-report=term-missing --cov-fail-under=100 $(ARGS)

lint: venv
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy

docs: venv
	$(VENV)/python -m sphinx -b html -W --keep-going -q $(ARGS) docs build/docs
	@echo "read it: build/docs/index.html"

bench: venv
	$(VENV)/python -m benchmarks.run $(ARGS)

gate: venv
	$(VENV)/python -m benchmarks.gate $(ARGS)

machine-gate: venv
	$(VENV)/python -m benchmarks.machine $(ARGS)

consumers: venv
	$(VENV)/python -m tools.consumer_suites $(ARGS)

wheels: venv
	$(VENV)/python -m tools.wheels $(ARGS)

release-check: venv
	$(VENV)/python -m tools.release check $(ARGS)

wheel-test: venv
	$(VENV)/python -m tools.wheel_test $(ARGS)

venv:
	@python=$$(sh tools/find-python.sh) && "$$python" -m tools.venvs dev >/dev/null

clean:
	rm -rf .venv .benchmarks .consumers .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	rm -rf src/h2.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
