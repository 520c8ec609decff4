"""`python -m webui`: the page alone, beside a supervisor that runs elsewhere."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from webui.app import create_app
from webui.server import serve
from webui.texts import TEXTS, Texts


def _texts() -> Texts:
    """The language of the terminal."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return TEXTS["de" if locale.startswith("de") else "en"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the exit status is 2 for a bad store or a taken port."""
    t = _texts()
    parser = argparse.ArgumentParser(prog="python -m webui", description=t("command.about"))
    parser.add_argument("--store", type=Path, required=True, metavar="PATH", help=t("command.store"))
    parser.add_argument("--port", type=int, default=8080, metavar="N", help=t("command.port"))
    options = parser.parse_args(arguments)
    if not options.store.is_file():
        parser.error(t("command.missing", path=options.store))
    app = create_app(options.store, secret_key=secrets.token_hex())
    try:
        server = serve(app, port=options.port)
    except (OSError, OverflowError) as error:
        parser.error(t("command.taken", port=options.port, error=error))
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    print(t("command.ready", url=server.url), flush=True)
    asked_to_end.wait()
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
