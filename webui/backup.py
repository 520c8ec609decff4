"""Backup and restore as one file."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Request, Response, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times, wishes
from appliance.store.changes import by_page
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from webui.box import BackupRefused
from webui.system import answer_to, the_box, while_waiting
from webui.visit import go, office, refusal, say, show, store, texts, who
from webui.wording import Words

pages: Final = Blueprint("backup", __name__, url_prefix="/system/backup")

LARGEST_UPLOAD_BYTES: Final = 1_000_000_000
_KEPT_SECONDS: Final = 3600


class LargeFiles(Request):
    """A backup or an update goes to the box's own disk: the folder for moments is in memory."""

    def _get_file_stream(self, *args: Any, **more: Any) -> Any:
        if self.endpoint == "backup.upload":
            folder = _folder()
        elif self.endpoint == "system.renew" and (given := the_box().update_folder):
            folder = given
        else:
            return super()._get_file_stream(*args, **more)
        folder.mkdir(exist_ok=True)
        handle = tempfile.NamedTemporaryFile("w+b", dir=folder, prefix="upload-", delete=False)  # noqa: SIM115
        Path(handle.name).chmod(0o640)
        return handle


@pages.get("")
def page() -> Response:
    """Both, and what came of the last restore."""
    return _show()


@pages.post("/file")
def make() -> AnyResponse:
    """The backup itself; it is gone from the box once it is sent."""
    day = times.now().astimezone().strftime("%Y-%m-%d")
    handle, name = tempfile.mkstemp(dir=office().store_path.parent, prefix=".backup-", suffix=".zip")
    os.close(handle)
    target = Path(name)
    try:
        the_box().write_backup(target)
        stream = target.open("rb")
    finally:
        target.unlink(missing_ok=True)
    return send_file(
        stream, mimetype="application/zip", as_attachment=True, download_name=f"freizeichen-{day}.zip"
    )


@pages.post("/upload")
def upload() -> AnyResponse:
    """Look at a backup whole and say what is in it; nothing is taken over yet."""
    file = request.files.get("file")
    path = Path(str(file.stream.name)) if file is not None and file.filename else None
    _sweep(path)
    if file is None or path is None:
        return refusal("backup.none", 400)
    file.stream.close()
    try:
        contents = the_box().check_backup(path)
    except BackupRefused as refused:
        path.unlink()
        return refusal("backup.refused", 400, reason=refused.sentences[texts().language])
    return _show(contents=contents, file=path.name)


@pages.post("/restore")
def restore() -> AnyResponse:
    """Take over the backup that was looked at."""
    name = request.form.get("file", "")
    if not name.startswith("upload-") or not name.isprintable() or name not in _uploads():
        return refusal("backup.gone", 400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("system.nobody_restarts", 409)
    wishes.ask(store(), "restore", by_page(who().name), times.now(), file=name)
    say("backup.is_restored")
    return go("/system/backup")


def _show(**values: Any) -> Response:
    facts = office_facts(store())
    response = show(
        "backup.html",
        w=Words(texts(), times.now(), facts.country, facts.time_zone),
        done=answer_to("restore"),
        **{"contents": None, "file": "", **values},
    )
    return while_waiting(response, "restore")


def _folder() -> Path:
    return office().store_path.parent / "restore"


def _uploads() -> list[str]:
    return [file.name for file in _folder().glob("upload-*")]


def _sweep(newest: Path | None) -> None:
    """What nobody has decided about for an hour goes."""
    for file in _folder().glob("upload-*"):
        if file != newest and time.time() - file.stat().st_mtime > _KEPT_SECONDS:
            file.unlink(missing_ok=True)
