"""The first process of the machine lines are tested in: does what it is asked over TCP.

A connection carries one request and one answer, both a line of JSON: {"run": words} runs a program to its
end, {"start": words, "name": NAME} leaves it running with its output in /share/NAME.log,
{"store": FILE, "order": SQL} asks or changes a database,
{"clock": true} tells the seconds since it was switched on,
{"relay": [OUTER, INNER]} hands connections to port OUTER on to port INNER of the loopback.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PORT = 7000
SHARE = Path("/share")
_PIECE = 65536


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request."""
    if "clock" in request:
        return {"clock": time.monotonic()}
    if "store" in request:
        with contextlib.closing(sqlite3.connect(request["store"], timeout=60)) as db:
            rows = db.execute(request["order"]).fetchall()
            db.commit()
            return {"rows": rows}
    if "relay" in request:
        outer, inner = request["relay"]
        threading.Thread(target=_relay, args=(outer, inner), daemon=True).start()
        return {}
    if "start" in request:
        with (SHARE / f"{request['name']}.log").open("ab") as log:
            process = subprocess.Popen(request["start"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        threading.Thread(target=process.wait, daemon=True).start()
        return {"pid": process.pid}
    try:
        done = subprocess.run(
            request["run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request.get("seconds", 60),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return {"status": 124, "output": (error.stdout or b"").decode(errors="replace")}
    return {"status": done.returncode, "output": done.stdout.decode(errors="replace")}


def never_idle() -> None:
    """Count on while nobody has anything to do: while the processor rested, time would go on without it.

    In that time the machine around may let us wait, and everything here would be late.
    """
    if os.fork() == 0:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            pass


class _Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return  # somebody looks whether we are there
        try:
            reply = answer(json.loads(line))
        except (OSError, ValueError, KeyError, sqlite3.Error) as error:
            reply = {"status": 125, "output": repr(error)}
        self.wfile.write(json.dumps(reply).encode() + b"\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _relay(outer: int, inner: int) -> None:
    with socket.create_server(("0.0.0.0", outer)) as server:
        while True:
            theirs, _ = server.accept()
            try:
                ours = socket.create_connection(("127.0.0.1", inner), 5)
            except OSError:
                theirs.close()
                continue
            ours.settimeout(None)
            for source, target in ((theirs, ours), (ours, theirs)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    never_idle()
    with _Server(("0.0.0.0", PORT), _Request) as server:
        print("the machine listens", flush=True)
        server.serve_forever()
