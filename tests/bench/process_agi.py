"""An AGI program as people write them: one process a call that asks a database and says whom to ring.

It uses the standard library only; started by the Asterisk of the bench's row "setup", never imported.
"""

import sqlite3
import sys
import time

while sys.stdin.readline().strip():
    pass


def told(command: str) -> str:
    """Send one command and read its answer."""
    print(command, flush=True)
    return sys.stdin.readline()


db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
is_open = db.execute(
    "SELECT state FROM schedule WHERE department = 'support' AND at <= ? ORDER BY at DESC LIMIT 1", [now]
).fetchone()
phones = [row[0] for row in db.execute("SELECT phone FROM agents ORDER BY name").fetchall()]
for phone in phones if is_open is None or is_open[0] != "closed" else ():
    if "NOT_INUSE" in told(f"GET FULL VARIABLE ${{DEVICE_STATE(PJSIP/{phone})}}"):
        told(f"SET VARIABLE PHONE {phone}")
        break
