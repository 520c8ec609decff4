# One line per target; what takes more than a line is a script in .make/.
.PHONY: help demo test estimate bench soak image test-image lint setup lock audit clean
help: ; @sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile  ## List what can be made
demo: setup ; @.venv/bin/freizeichen demo $(if $(ONCE),--once)  ## Start the whole box on simulated lines and let callers ring in; ONCE=1 ends after their story
test: setup ; @.venv/bin/python -m pytest -n 4 --dist worksteal $(ARGS)  ## Run every test, the linters and the type checks; ARGS goes to pytest
estimate: setup ; @.venv/bin/python -m tests.estimate $(ARGS)  ## Measure the expected wait against app_queue in simulated lines, a few minutes; ARGS=--help tells the options
bench: setup ; @.venv/bin/python -m tests.bench $(ARGS)  ## Measure the product against what people would use instead, half an hour; ARGS=--help tells the rows and options
soak: setup ; @.venv/bin/python -m tests.chaos $(ARGS)  ## Break what can break and count what is lost, three quarters of an hour; ARGS=--help tells the parts and options
image: setup ; @PYTHONPATH=. .venv/bin/python image-build/make_image.py $(ARGS)  ## Make the card image for the Raspberry Pi in .image; a quarter of an hour the first time
test-image: setup ; @$(if $(ARGS)$(wildcard .image/*.img.xz),,$(MAKE) --no-print-directory image &&) PYTHONPATH=image-build .venv/bin/python -m tests.image.boot_card $(ARGS) && PYTHONPATH=image-build .venv/bin/python -m tests.image.power_cuts $(if $(CUTS),--cuts $(CUTS)) $(ARGS)  ## Boot the card image of .image (made if there is none) in an emulated machine, use it, pull its plug; CUTS=100 pulls it so often
lint: setup ; @.venv/bin/python -m pytest -q tests/test_house.py  ## Run the linters, the type checks and the rules of the house only
setup: ; @python3 .make/setup  ## Make .venv with all libraries; does nothing when it is up to date
lock: setup ; @.make/lock $(if $(UPGRADE),--upgrade)  ## Write requirements.lock from pyproject.toml; UPGRADE=1 takes newer versions
audit: ; @.make/audit $(ARGS)  ## Ask the public lists of known faults about every library we use; needs the internet
clean: ; @rm -rf .venv .cache .demo .image .mypy_cache .ruff_cache .pytest_cache .hypothesis  ## Remove everything that was made here
