"""Asterisk's own voicemail, and our floor's message, recorded by the same Asterisk in one trace.

app_voicemail says thank you without having synced anything: the harness must show that its messages get lost,
else it shows nothing about ours.
"""

from __future__ import annotations

import subprocess
import time
import wave
from collections.abc import Collection
from pathlib import Path

from appliance.telephony.asterisk import AsteriskInstance
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import AsteriskProgram
from tests.chaos.trace import MARKS, Recording, look_at, read_into, strace_command

_SECONDS = 2
_PATIENCE_SECONDS = 30.0
_MODULES = (
    *(
        "pbx_config",
        "app_voicemail",
        "app_playback",
        "app_record",
        "app_system",
        "app_senddtmf",
        "format_wav",
    ),
    *("app_echo", "codec_ulaw", "codec_alaw", "codec_a_mu", "res_timing_timerfd", "res_timing_pthread"),
    *("func_strings", "res_clioriginate", "format_gsm", "codec_gsm", "format_pcm", "app_exec"),
)
_EXTENSIONS = """
[leave]
exten => theirs,1,Answer()
 same => n,VoiceMail(100@default,s)
 same => n,System(cat '{marks}theirs kept')
 same => n,Wait(1)
exten => ours,1,Answer()
 same => n,Record({spool}/recordings/ours.wav,5,30,k)
 same => n,System(sync {spool}/recordings/ours.wav {spool}/recordings)
 same => n,System(cat '{marks}ours kept')
 same => n,Wait(1)
[speak]
exten => s,1,Answer()
 same => n,Wait(1)
 same => n,Playback({spool}/words)
 same => n,SendDTMF(#)
 same => n,Wait(4)
"""


def record_both(program: AsteriskProgram, folder: Path) -> Recording:
    """One message for each; what was done to the spool. Raises PreparationError."""
    spool = folder / "spool"
    asterisk = AsteriskInstance(program, folder / "asterisk")
    _write(asterisk, spool)
    log = folder / "strace"
    asterisk.start()
    try:
        recording = look_at(spool)
        command = [*strace_command(log, [])[:-1], str(log), "-p", str(asterisk.process_id)]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        tracer.stderr.readline()  # attached
        for kept in ("theirs", "ours"):
            asterisk.ask(f"channel originate Local/{kept}@leave extension s@speak")
            _wait_for_mark(log, f"{kept} kept")
        tracer.terminate()
        tracer.wait()
    finally:
        asterisk.stop()
    read_into(recording, log.read_text("ascii", errors="replace").splitlines(), spool)
    return recording


def _wait_for_mark(log: Path, text: str) -> None:
    wanted = "".join(f"\\x{byte:02x}" for byte in (MARKS + text).encode())
    until = time.monotonic() + _PATIENCE_SECONDS
    while wanted not in log.read_text("ascii", errors="replace"):
        if time.monotonic() > until:
            raise PreparationError(f"No message was left ({text}).", f"Keine Nachricht ({text}).")
        time.sleep(0.1)


def _write(asterisk: AsteriskInstance, spool: Path) -> None:
    etc, folder, program = asterisk.folder / "etc", asterisk.folder, asterisk.program
    (spool / "recordings").mkdir(parents=True)
    with wave.open(str(spool / "words.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes.fromhex("701be8e4") * 4000 * _SECONDS)
    files = {
        "asterisk.conf": f"[directories]\nastetcdir = {etc}\nastmoddir = {program.modules}\n"
        f"astvarlibdir = {folder}\nastdbdir = {folder}\nastkeydir = {folder}\nastdatadir = {program.data}\n"
        f"astagidir = {folder}\nastspooldir = {spool}\nastrundir = {asterisk.run_folder}\n"
        f"astlogdir = {folder / 'log'}\n[options]\nentityid = 02:00:00:00:00:01\n",
        "modules.conf": "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in _MODULES),
        "logger.conf": "[general]\n[logfiles]\nmessages = notice,warning,error\n",
        "voicemail.conf": "[general]\nformat = wav\n[default]\n100 => 1234,Anna\n",
        "extensions.conf": _EXTENSIONS.format(spool=spool, marks=MARKS),
    }
    for name, text in files.items():
        (etc / name).write_text(text)


def losses(state: Path, told: Collection[str]) -> list[str]:
    """Whose message, told to be kept, is not there as it was spoken: sound whole and, theirs, who called."""
    found = []
    inbox = state / "voicemail" / "default" / "100" / "INBOX"
    if "theirs kept" in told:
        text = inbox / "msg0000.txt"
        if not _is_whole(inbox / "msg0000.wav"):
            found.append("theirs: the sound")
        if not text.exists() or b"callerid=" not in text.read_bytes():
            found.append("theirs: who called")
    if "ours kept" in told and not _is_whole(state / "recordings" / "ours.wav"):
        found.append("ours: the sound")
    return found


def _is_whole(file: Path) -> bool:
    """Whether most of what was spoken is in it, be its header right or not."""
    if not file.exists():
        return False
    content = file.read_bytes()
    return content[:4] == b"RIFF" and len(content) - content.count(0) > 8000 * _SECONDS
