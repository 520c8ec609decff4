"""What can be wrong with a config file, said in German and English. All the wording is here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SHOWN_LENGTH = 60

# What is wrong: (German, English). {value} is what the file says, {limit} and {other} what it meets.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "not utf-8": (
        "Die Datei ist kein UTF-8-Text.",
        "The file is not UTF-8 text.",
    ),
    "syntax": (
        "So lässt sich die Datei nicht lesen: {detail}.",
        "The file cannot be read: {detail}.",
    ),
    "missing": (
        "Diese Angabe fehlt.",
        "This setting is missing.",
    ),
    "unknown": (
        "Diese Angabe gibt es nicht.",
        "There is no such setting.",
    ),
    "not a table": (
        "Das muss ein Abschnitt [{value}] sein, und nur einer.",
        "This must be one section [{value}], and only one.",
    ),
    "not tables": (
        "Jeder Abschnitt dieser Art beginnt mit [[{value}]], in doppelten Klammern.",
        "Each section of this kind begins with [[{value}]], in double brackets.",
    ),
    "not text": (
        "Hier gehört ein Text in Anführungszeichen hin.",
        "This must be a text in quotes.",
    ),
    "not a whole number": (
        "Hier gehört eine ganze Zahl ohne Anführungszeichen hin.",
        "This must be a whole number without quotes.",
    ),
    "not yes or no": (
        "Hier gehört true (ja) oder false (nein) ohne Anführungszeichen hin.",
        "This must be true (yes) or false (no) without quotes.",
    ),
    "not texts": (
        'Hier gehört eine Liste von Texten hin, etwa ["a", "b"].',
        'This must be a list of texts, such as ["a", "b"].',
    ),
    "empty": (
        "Hier darf nicht nichts stehen.",
        "This must not be empty.",
    ),
    "not printable": (
        "Hier steht ein Zeichen, das sich nicht anzeigen lässt (Steuerzeichen, Zeilenumbruch).",
        "There is a character here that cannot be shown (a control character or line break).",
    ),
    "code in a title": (
        "Hier nicht erlaubt, weil die Telefonanlage es als Befehl lesen könnte: {value}",
        "Not allowed here, because the telephone system could read it as a command: {value}",
    ),
    "too long": (
        "Das ist zu lang; höchstens {limit} Zeichen sind möglich.",
        "This is too long; at most {limit} characters are possible.",
    ),
    "not a name": (
        "{value} ist kein Name: a-z klein, Ziffern, _ und -, vorn ein Buchstabe, höchstens 31 Zeichen.",
        "{value} is not a name: small a-z, digits, _ and -, a letter first, at most 31 characters.",
    ),
    "reserved": (
        "Den Namen {value} braucht die Telefonanlage selbst; bitte einen anderen wählen.",
        "The telephone system needs the name {value} itself; please choose another.",
    ),
    "twice": (
        "{value} kommt zweimal vor, zuerst in Zeile {other}.",
        "{value} occurs twice, first in line {other}.",
    ),
    "range": (
        "{value} geht nicht: der Wert muss zwischen {limit} liegen.",
        "{value} is not possible: the value must be between {limit}.",
    ),
    "choice": (
        "{value} gibt es hier nicht; möglich sind {limit}.",
        "{value} is not possible here; possible are {limit}.",
    ),
    "country": (
        "{value} ist kein Land; gemeint ist das Kürzel aus zwei Großbuchstaben, etwa DE, AT oder CH.",
        "{value} is not a country; write its two capital letters, such as DE, AT or CH.",
    ),
    "area code": (
        '{value} ist keine Vorwahl; nur Ziffern, etwa "0931", oder leer, wo es keine gibt.',
        '{value} is not an area code; digits only, such as "0931", or empty where there are none.',
    ),
    "time zone": (
        "Die Zeitzone {value} gibt es nicht.",
        "There is no time zone {value}.",
    ),
    "mail address": (
        "{value} ist keine Mailadresse.",
        "{value} is not a mail address.",
    ),
    "host": (
        "{value} ist weder ein Rechnername noch eine IP-Adresse.",
        "{value} is neither a host name nor an IP address.",
    ),
    "telephone number": (
        "{value} ist keine mögliche Telefonnummer.",
        "{value} is not a possible telephone number.",
    ),
    "extension": (
        "{value} ist keine Nebenstelle: zwei bis sechs Ziffern.",
        "{value} is not an extension: two to six digits.",
    ),
    "emergency": (
        "{value} ist ein Notruf und kann keine Nebenstelle sein.",
        "{value} is an emergency number and cannot be an extension.",
    ),
    "feature key": (
        '{value} ist keine Tastenfolge zum Weitergeben: * oder #, dann bis zu drei Tasten, etwa "#1".',
        '{value} is not a key sequence for transfers: * or #, then up to three keys, such as "#1".',
    ),
    "feature keys alike": (
        "{value} und {other} lassen sich nicht unterscheiden: keine Folge darf mit der anderen beginnen.",
        "{value} and {other} cannot be told apart: neither may begin with the other.",
    ),
    "secret": (
        "Das Kennwort eines Telefons hat 8 bis 64 Zeichen, nur A-Z, a-z, 0-9, Punkt, _ und -.",
        "A phone's secret has 8 to 64 characters, only A-Z, a-z, 0-9, full stop, _ and -.",
    ),
    "only waiting": (
        'Nur warten lassen geht nicht: "callback" oder "message" muss dabei sein.',
        'Letting people only wait is not possible: "callback" or "message" must be among them.',
    ),
    "ticket digits": (
        '{value} ist keine Zahl von Ziffern; gemeint ist etwa "6" oder "5-8", von 1 bis 20.',
        '{value} is not a number of digits; write "6" or "5-8", from 1 to 20.',
    ),
    "ticket prefix": (
        "{value} kann kein Anfang einer Ticketnummer sein: nur Ziffern.",
        "{value} cannot be the beginning of a ticket number: digits only.",
    ),
    "ticket prefix too long": (
        "{value} ist länger als eine ganze Ticketnummer; die hat höchstens {limit} Ziffern.",
        "{value} is longer than a whole ticket number, which has at most {limit} digits.",
    ),
    "no such agent": (
        "Einen Agenten {value} gibt es nicht.",
        "There is no agent {value}.",
    ),
    "rota always open": (
        "{value} ist immer geöffnet; eine Rufbereitschaft wird nur gerufen, wenn geschlossen ist.",
        "{value} is always open; whoever is on call is only rung while it is closed.",
    ),
    "duties": (
        'Hier gehört hin, wer in welchem Dienst angerufen wird, etwa {{ anna = ["0171 5550101", "anna"] }}.',
        'This must say who is rung in which duty, such as {{ anna = ["0171 5550101", "anna"] }}.',
    ),
    "no such duty": (
        "Einen Dienst {value} gibt es unter duties nicht.",
        "There is no duty {value} among duties.",
    ),
    "rota without plan": (
        "Es steht nirgends, wer wann Dienst hat: dafür sind weeks (reihum) und weekdays da.",
        "Nothing says who is on duty when: that is what weeks (in turn) and weekdays are for.",
    ),
    "plan of duties": (
        'Hier gehört hin, wer wann Dienst hat, etwa {{ sat-sun = "anna" }}.',
        'This must say who is on duty when, such as {{ sat-sun = "anna" }}.',
    ),
    "hand-over": (
        '{value} ist keine Zeit für die Übergabe; gemeint ist etwa "mon 08:00", von 00:00 bis 23:59.',
        '{value} is not a time to hand over; write "mon 08:00", from 00:00 to 23:59.',
    ),
    "weekday twice": (
        "Der Tag {value} ist zweimal vergeben.",
        "The day {value} is given to two.",
    ),
    "date": (
        '{value} ist kein Datum, das es gibt; gemeint ist etwa "2026-12-24".',
        '{value} is not a date there is; write "2026-12-24".',
    ),
    "on-call number": (
        "{value} wird nicht angerufen: {why}.",
        "{value} is not called: {why}.",
    ),
    "no such department": (
        "Eine Abteilung {value} gibt es nicht.",
        "There is no department {value}.",
    ),
    "no such phone": (
        "Ein Telefon {value} gibt es nicht.",
        "There is no phone {value}.",
    ),
    "phone shared": (
        "Das Telefon {value} gehört schon dem Agenten {other}.",
        "The phone {value} already belongs to the agent {other}.",
    ),
    "agent without department": (
        "Ein Agent muss mindestens einer Abteilung angehören.",
        "An agent must serve at least one department.",
    ),
    "department without number": (
        "Ohne Telefonnummer und ohne Platz in einem Menü ist eine Abteilung nicht zu erreichen.",
        "A department needs a telephone number or a place in a menu, or nobody can reach it.",
    ),
    "block too long": (
        "{value} wird mit der Nebenstelle {other} zu lang; eine Telefonnummer hat höchstens 15 Ziffern.",
        "{value} with the extension {other} is too long; a telephone number has at most 15 digits.",
    ),
    "not entries": (
        'Hier gehören Angaben in geschweiften Klammern hin, etwa {{ 1 = "support", 2 = "accounting" }}.',
        'This must be entries in curly brackets, such as {{ 1 = "support", 2 = "accounting" }}.',
    ),
    "menu key": (
        "{value} ist keine Taste für ein Menü; möglich sind 1 bis 9.",
        "{value} is not a key for a menu; possible are 1 to 9.",
    ),
    "menu size": (
        "Ein Menü hat zwei bis vier Möglichkeiten, nicht {value}: mehr kann sich am Telefon niemand merken.",
        "A menu has two to four choices, not {value}: nobody can remember more on the telephone.",
    ),
    "menu to itself": (
        "Das Menü führt zu {value} zurück, also im Kreis.",
        "The menu leads back to {value}, in a circle.",
    ),
    "second level": (
        "{value} hat selbst ein Menü. Es gibt nur eine Ebene: wer gewählt hat, kommt bei Menschen an.",
        "{value} has a menu itself. There is only one level: who has chosen reaches people.",
    ),
    "menu twice": (
        "Zu {value} führt schon eine andere Taste.",
        "Another key leads to {value} already.",
    ),
    "menu prompt": (
        "Die Ansage von {value} im Menü fehlt: dort menu_prompt angeben, eine eigene oder eine von {limit}.",
        "The announcement of {value} in a menu is missing: set its menu_prompt, your own or one of {limit}.",
    ),
    "hours": (
        'Hier gehört "always" hin oder eine Angabe je Tag, etwa {{ mon-fri = "08:00-17:00" }}.',
        'This must be "always" or one entry per day, such as {{ mon-fri = "08:00-17:00" }}.',
    ),
    "day": (
        "{value} ist kein Tag; möglich sind mon, tue, wed, thu, fri, sat, sun und Bereiche wie mon-fri.",
        "{value} is not a day; possible are mon, tue, wed, thu, fri, sat, sun and ranges such as mon-fri.",
    ),
    "span": (
        '{value} ist keine Zeitspanne; gemeint ist etwa "08:00-12:00, 13:00-17:00", von 00:00 bis 24:00.',
        '{value} is not a span of time; write "08:00-12:00, 13:00-17:00", from 00:00 to 24:00.',
    ),
    "dates": (
        '{value} ist kein Datum, das es gibt; gemeint ist etwa "2026-12-24" oder "2026-12-24..2027-01-01".',
        '{value} is not a date there is; write "2026-12-24" or "2026-12-24..2027-01-01".',
    ),
    "dates backwards": (
        "{value} endet, bevor es beginnt.",
        "{value} ends before it begins.",
    ),
    "dates twice": (
        "{value} und {other} gelten für denselben Tag; jeder Tag kann nur einmal vorkommen.",
        "{value} and {other} are about the same day; a day can be there only once.",
    ),
    "state": (
        '{value} ist kein Land von {other} mit eigenen Feiertagen; gemeint ist etwa "BY" für Bayern.',
        '{value} is not a state of {other} with public holidays of its own; write "BY" for Bavaria.',
    ),
    "overlap": (
        "Die Zeiten {value} und {other} überschneiden sich.",
        "The times {value} and {other} overlap.",
    ),
    "nothing set up": (
        "Es ist noch nichts eingerichtet.",
        "Nothing has been set up yet.",
    ),
}
_SUGGESTION = ("Meinten Sie {0}?", "Did you mean {0}?")
_LINE = ("Zeile {0}", "line {0}")
_FILE = ("Datei", "file")

# What the TOML reader complains about, by how its complaint begins: (German, English).
_TWICE = ("das steht zweimal da", "this is there twice")
_SYNTAX: Mapping[str, tuple[str, str]] = {
    "Cannot overwrite": _TWICE,
    "Cannot declare": _TWICE,
    "Cannot mutate": _TWICE,
    "Cannot redefine": _TWICE,
    "Duplicate inline": _TWICE,
    "Expected '='": ("nach dem Namen der Angabe fehlt das =", "there is no = after the setting's name"),
    "Expected ']": ("der Abschnitt endet nicht mit ]", "the section does not end with ]"),
    "Expected newline": ("hier steht zu viel in einer Zeile", "there is too much on this line"),
    "Invalid statement": (
        "das ist weder eine Angabe noch ein Abschnitt",
        "this is neither a setting nor a section",
    ),
    "Invalid initial character": ("hier fehlt der Name der Angabe", "the name of the setting is missing"),
    "Invalid value": (
        'dieser Wert ist nicht lesbar; Texte stehen in "…"',
        'this value is not readable; texts are in "…"',
    ),
    "Invalid date": ("dieses Datum gibt es nicht", "there is no such date"),
    "Unclosed array": ("die Liste endet nicht mit ]", "the list does not end with ]"),
    "Unclosed inline": ("die Klammer { wird nicht mit } geschlossen", "the bracket { is not closed by }"),
    "Unterminated string": (
        "der Text endet nicht mit einem Anführungszeichen",
        "the text does not end with a quote",
    ),
    "Illegal character": (
        "hier steht ein Zeichen, das nicht erlaubt ist",
        "there is a character that is not allowed",
    ),
    "Unescaped": ("im Text steht ein \\, das nichts bedeutet", "the text has a \\ that means nothing"),
}
_UNREADABLE = ("das ist kein gültiges TOML", "this is not valid TOML")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: which sentence applies, on which line (0: none), at which setting.

    `path` leads to it in the file's content, as in ``("department", 2, "numbers", 0)``.
    """

    code: str
    line: int
    field: str
    values: Mapping[str, str | tuple[str, str]] = dataclasses.field(default_factory=dict)
    suggestion: str = ""
    path: tuple[str | int, ...] = dataclasses.field(default=(), compare=False)

    def said(self, language: str) -> dict[str, str]:
        """What fills the sentence, in German ('de') or English."""
        which = 0 if language == "de" else 1
        return {key: value if isinstance(value, str) else value[which] for key, value in self.values.items()}

    def text(self, language: str) -> str:
        """The line, the setting and the sentence, in German ('de') or English."""
        which = 0 if language == "de" else 1
        where = _LINE[which].format(self.line) if self.line else _FILE[which]
        sentence = self.sentence(language)
        return f"{where}, {self.field}: {sentence}" if self.field else f"{where}: {sentence}"

    def sentence(self, language: str) -> str:
        """The sentence alone."""
        which = 0 if language == "de" else 1
        sentence = SENTENCES[self.code][which].format(**self.said(language))
        if self.suggestion:
            sentence += " " + _SUGGESTION[which].format(self.suggestion)
        return sentence


class ConfigError(ValueError):
    """A config that was refused as a whole, with everything that is wrong with it, by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """Every problem on a line of its own, in German ('de') or English."""
        return "\n".join(problem.text(language) for problem in self.problems)


def syntax_problem(complaint: str, last_line: int) -> Problem:
    """Say in plain words what the TOML reader complained about; `last_line` is the file's."""
    found = re.search(r"at line ([0-9]+)", complaint)
    line = int(found[1]) if found else last_line
    detail = next((said for start, said in _SYNTAX.items() if complaint.startswith(start)), _UNREADABLE)
    return Problem("syntax", line, "", {"detail": detail})


def shown(value: object) -> str:
    """A value from the file as it can be shown: in quotes, shortened, nothing invisible in it."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _SHOWN_LENGTH:
        text = text[: _SHOWN_LENGTH - 1] + "…"
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return f'"{visible}"' if isinstance(value, str) else visible
