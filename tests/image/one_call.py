"""One caller over SIP: rings, listens to a second of speech, hangs up. Needs the standard library only.

Prints the final answer with how long it took, then "speech" once it was heard.
"""

from __future__ import annotations

import socket
import time

BOX = ("127.0.0.1", 5060)
ME = ("127.0.0.1", 5099)
SOUND = ("127.0.0.1", 7078)
SILENCE = (0xD5, 0x55)  # in A-law
_OFFER = (
    *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
    *(f"m=audio {SOUND[1]} RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", ""),
)


def request(method: str, number: int, *, to_tag: str = "", body: str = "") -> bytes:
    """A request of this call."""
    lines = [
        f"{method} sip:093155510@127.0.0.1:5060 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{number}{method};rport",
        "Max-Forwards: 70",
        "From: <sip:+491701234567@127.0.0.1>;tag=me",
        f"To: <sip:093155510@127.0.0.1>{';tag=' + to_tag if to_tag else ''}",
        f"Call-ID: one-call-{ME[1]}",
        f"CSeq: {number} {method}",
        "Contact: <sip:127.0.0.1:5099>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def main() -> None:
    """Make the call."""
    sip, sound = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for opened, address in ((sip, ME), (sound, SOUND)):
        opened.bind(address)
        opened.settimeout(30)
    began = time.monotonic()
    sip.sendto(request("INVITE", 1, body="\r\n".join(_OFFER)), BOX)
    while (answer := sip.recv(4096).decode()).startswith("SIP/2.0 1"):
        pass
    print(answer.split()[1], f"{time.monotonic() - began:.3f}", flush=True)
    tag = answer.split("\r\nTo:")[1].split("\r\n")[0].partition("tag=")[2]
    sip.sendto(request("ACK", 1, to_tag=tag), BOX)
    loud = 0
    while loud < 50:  # a second of speech: not the silence a line is kept open with
        loud += any(byte not in SILENCE for byte in sound.recv(400)[12:])
    print("speech", flush=True)
    sip.sendto(request("BYE", 2, to_tag=tag), BOX)
    while not sip.recv(4096).startswith(b"SIP/2.0 200"):
        pass


if __name__ == "__main__":
    main()
