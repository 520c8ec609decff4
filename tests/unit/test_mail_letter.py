"""The mail says who called, when and how to call back, and nothing a caller is named can break it."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.mail.letter import LetterFacts, build_letter, file_name, length_in_words, one_line

FACTS = LetterFacts(
    message_id="<freizeichen-1764000000.12.0a1b@freizeichen.local>",
    language="de",
    sender="telefon@firma.example",
    recipient="verkauf@firma.example",
    office="Müller & Söhne GmbH",
    country="DE",
    time_zone="Europe/Berlin",
    department="Verkauf",
    caller="+49931123456",
    caller_name="Jörg Weiß",
    recorded_at=datetime(2026, 11, 24, 7, 5, 9, tzinfo=UTC),
    seconds=72.3,
)
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
}


def posted(facts: LetterFacts, mp3: bytes = b"\xff\xe3sound") -> EmailMessage:
    """The letter as the other side reads it."""
    letter = email.message_from_bytes(build_letter(facts, mp3).as_bytes(), policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def test_a_german_letter() -> None:
    letter = posted(FACTS)
    assert letter["Subject"] == "Neue Nachricht von 0931 123456 (Jörg Weiß) für Verkauf"
    assert str(letter["From"]) == "Müller & Söhne GmbH <telefon@firma.example>"
    assert letter["To"] == "verkauf@firma.example"
    assert letter["Message-ID"] == FACTS.message_id
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime == FACTS.recorded_at
    assert text_of(letter) == (
        "Jemand hat am Telefon eine Nachricht hinterlassen. Sie liegt als MP3-Datei bei.\n"
        "\n"
        "Abteilung: Verkauf\n"
        "Anrufer: 0931 123456\n"
        "Name: Jörg Weiß\n"
        "Zeit: 24.11.2026, 08:05 Uhr\n"
        "Länge: 1 Minute 12 Sekunden\n"
        "\n"
        "Zurückrufen: tel:+49931123456\n"
        "\n"
        "-- \n"
        "Müller & Söhne GmbH\n"
    )


def test_an_english_letter_from_abroad_in_summer() -> None:
    facts = replace(
        FACTS,
        language="en",
        caller="+442079460018",
        caller_name="",
        recorded_at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC),
        seconds=1.0,
    )
    letter = posted(facts)
    assert letter["Subject"] == "New message from +44 20 7946 0018 for Verkauf"
    assert text_of(letter) == (
        "Somebody left a message on the telephone. It is attached as an MP3 file.\n"
        "\n"
        "Department: Verkauf\n"
        "Caller: +44 20 7946 0018\n"
        "Time: 2026-07-02, 00:30\n"
        "Length: 1 second\n"
        "\n"
        "Call back: tel:+442079460018\n"
        "\n"
        "-- \n"
        "Müller & Söhne GmbH\n"
    )


def test_a_withheld_number() -> None:
    text = text_of(posted(replace(FACTS, caller="", caller_name="")))
    assert "Anrufer: unbekannt\n" in text
    assert "Die Rufnummer wurde nicht übermittelt.\n" in text
    assert "tel:" not in text
    assert file_name(replace(FACTS, caller="", language="en")) == "2026-11-24_08-05_unknown.mp3"


def test_a_phone_of_the_house() -> None:
    text = text_of(posted(replace(FACTS, caller="21")))
    assert "Anrufer: 21\n" in text
    assert "Zurückrufen: 21\n" in text


def test_the_sound_is_attached() -> None:
    mp3 = bytes(range(256)) * 20
    (attachment,) = posted(FACTS, mp3).iter_attachments()
    assert attachment.get_content_type() == "audio/mpeg"
    assert attachment.get_filename() == "2026-11-24_08-05_0931123456.mp3"
    assert attachment.get_content() == mp3


def test_the_same_facts_give_the_same_letter() -> None:
    first, second = posted(FACTS), posted(FACTS)
    assert [(name, first[name]) for name in HEADERS - {"Content-Type"}] == [
        (name, second[name]) for name in HEADERS - {"Content-Type"}
    ]
    assert text_of(first) == text_of(second)


@pytest.mark.parametrize(
    ("seconds", "german", "english"),
    [
        (0.2, "1 Sekunde", "1 second"),
        (12.4, "12 Sekunden", "12 seconds"),
        (59.6, "1 Minute", "1 minute"),
        (61, "1 Minute 1 Sekunde", "1 minute 1 second"),
        (120, "2 Minuten", "2 minutes"),
        (1799.9, "30 Minuten", "30 minutes"),
    ],
)
def test_lengths_are_said_in_words(seconds: float, german: str, english: str) -> None:
    assert length_in_words(seconds, "de") == german
    assert length_in_words(seconds, "en") == english


def test_a_domain_with_umlauts_is_written_as_servers_know_it() -> None:
    assert (
        posted(replace(FACTS, recipient=" verkauf@müller.example "))["To"] == "verkauf@xn--mller-kva.example"
    )


@pytest.mark.parametrize(
    "address",
    ["", "x", "a b@c", "a@b\r\nBcc: x@y", "@", "a@b>, <c@d", "a@", "ä@b.de", "a@b..c", "=?utf-8?q?a?=@b@c"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        build_letter(replace(FACTS, recipient=address), b"")
    with pytest.raises(ValueError, match="address"):
        build_letter(replace(FACTS, sender=address), b"")


NASTY = st.one_of(
    st.text(max_size=120),
    st.text(st.sampled_from("\r\n\t \0\"'\\<>@,;:=?()üß€😀\u2028\u0085\ud800abcBcc: "), max_size=120),
)


@settings(max_examples=150)
@given(name=NASTY, caller=NASTY, department=NASTY, office=NASTY, language=st.sampled_from(["de", "en"]))
@example("x\r\nBcc: evil@example.org", "\n\nbody", "<script>alert(1)</script>", '"a", <b@c>', "de")
@example("=?utf-8?q?x=0ABcc:_a@b?=", "=?utf-8?b?Cg==?=", "", "=?utf-8?q?a?= <evil@example.org>,", "en")
@example("ü" * 200, "+49", "ä" * 90, 'Bär, "Wolf" & Söhne; ' * 5, "de")
def test_nothing_from_outside_becomes_a_header(
    name: str, caller: str, department: str, office: str, language: str
) -> None:
    facts = replace(
        FACTS, caller_name=name, caller=caller, department=department, office=office, language=language
    )
    content = build_letter(facts, b"mp3").as_bytes()
    content.decode("ascii")
    letter = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(letter, EmailMessage)
    assert set(letter.keys()) == HEADERS
    assert not letter.defects
    assert [address.addr_spec for address in letter["To"].addresses] == [FACTS.recipient]
    assert [address.addr_spec for address in letter["From"].addresses] == [FACTS.sender]
    assert letter["Message-ID"] == FACTS.message_id
    assert "\n" not in letter["Subject"]
    assert len(text_of(letter).splitlines()) in (11, 12)
    (attachment,) = letter.iter_attachments()
    assert attachment.get_content() == b"mp3"
    filename = attachment.get_filename()
    assert filename is not None
    assert filename.isascii()
    assert set(filename) <= set("0123456789-_+.mpunkowebat")


@given(NASTY)
def test_a_line_is_a_line(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert len(line) <= 80
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("language", "begin", "sentence"),
    [
        ("de", "Bereitschaft nicht erreicht: Neue Nachricht", "vom Bereitschaftsdienst niemand zu erreichen"),
        ("en", "On-call duty not reached: New message", "nobody on duty could be reached"),
    ],
)
def test_a_message_after_a_missed_duty_says_so(language: str, begin: str, sentence: str) -> None:
    letter = posted(replace(FACTS, language=language, on_call_missed=True))
    assert letter["Subject"].startswith(begin)
    assert sentence in letter.get_body().get_content()  # type: ignore[union-attr]
    assert sentence not in posted(replace(FACTS, language=language)).get_body().get_content()  # type: ignore[union-attr]
