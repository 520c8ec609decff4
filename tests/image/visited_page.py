"""Somebody at the office's page over the network, with nothing but what a browser sends."""

from __future__ import annotations

import http.client
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.web.set_up_office import Fields

_NAME = "freizeichen.local"


class VisitedPage:
    """The page at a port of this machine. Raises OSError or AssertionError with what it said instead."""

    def __init__(self, port: int, patience_seconds: float) -> None:
        self._port, self._patience_seconds = port, patience_seconds
        self._cookies = dict[str, str]()

    def reads(self, where: str) -> str:
        """A page that is there."""
        status, _, text = self._asks("GET", where)
        assert status == 200, f"{where}: {status} {text[-500:]}"
        return text

    def sends(self, where: str, **changed: str) -> str:
        """Fill in the form of a page and send it; returns where the page goes on."""
        fields = Fields(where)
        fields.feed(self.reads(where))
        status, target, text = self._asks("POST", where, urlencode({**fields.values, **changed}, doseq=True))
        assert status == 303, f"{where}: {status} {text[-1500:]}"
        return target

    def _asks(self, method: str, where: str, body: str = "") -> tuple[int, str, str]:
        page = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience_seconds)
        headers = {
            "Host": _NAME,
            "Origin": f"http://{_NAME}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        page.request(method, where, body, headers)
        answer = page.getresponse()
        text = answer.read().decode()
        for given in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(given).items()}
        page.close()
        return answer.status, answer.headers.get("Location", ""), text
