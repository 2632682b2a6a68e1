"""One letter as an Internet message: plain text and HTML, with the headers that unsubscribe in one click."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import format_datetime, formataddr, parseaddr
from html import escape
from typing import Final

from healthnotify.domain.delivery import Letter
from healthnotify.domain.errors import Misconfigured

ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII | re.IGNORECASE)
LONGEST_ADDRESS: Final = 254
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
UTF_8: Final = Charset("utf-8")
UTF_8.body_encoding = QP  # readable in a log, and lines stay short; never 8bit, which a relay may not take
UTF_8.header_encoding = BASE64  # a subject in quoted-printable takes ten times as long to measure and split

UNSUBSCRIBE: Final = {
    "en": "Unsubscribe",
    "de": "Abbestellen",
    "es": "Cancelar la suscripción",
    "fr": "Se désabonner",
    "it": "Annulla l'iscrizione",
    "nl": "Afmelden",
    "pt": "Cancelar a subscrição",
}

PAGE: Final = """<!doctype html>
<html lang="{language}" dir="auto">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 sans-serif;color:#222;background:#fff">
<div style="max-width:36em;margin:0 auto">
{paragraphs}
<p style="margin-top:32px;font-size:13px"><a href="{link}" style="color:#555">{unsubscribe}</a></p>
</div>
</body>
</html>
"""


class AsGiven(Compat32):
    """Writes headers as they are; folding them again costs more than half of the whole message."""

    linesep = "\r\n"

    def fold_binary(self, name: str, value: str) -> bytes:
        """One header, its lines folded already where they can be long."""
        return f"{name}: {value}{self.linesep}".encode("ascii")


class Unsendable(Exception):
    """This letter can never be sent as it is; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom mail comes from: the address for the envelope, the name for people, the domain for message ids."""

    name: str
    address: str

    @classmethod
    def parse(cls, text: str) -> "Sender":
        """From `Name <address>` or a bare address. Raises `Misconfigured`."""
        name, address = parseaddr("" if CONTROL.search(text) else text)
        try:
            return cls(name, checked_address(address))
        except Unsendable:
            fix = "Give it as: Name <address@domain>."
            raise Misconfigured("DEFAULT_FROM_EMAIL", "it holds no e-mail address", fix) from None

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """What goes over the wire: the envelope's recipient, and the message with CRLF line ends."""

    recipient: str
    content: bytes


def compose(letter: Letter, *, sender: Sender, link: str, at: datetime) -> Mail:
    """The letter as a message from `sender`, dated `at` (aware), with `link` to unsubscribe. Raises `Unsendable`.

    Message-ID and boundary come from the letter's id, so that every attempt is the same message. The older MIME
    classes are used on purpose: EmailMessage takes three times as long, and it folds a long link in List-Unsubscribe
    into encoded words that mail programs do not follow.
    """
    recipient = checked_address(letter.address)
    if CONTROL.search(letter.subject) or not letter.subject.strip():
        raise Unsendable("bad_subject")
    message = MIMEMultipart("alternative", boundary=f"=_{letter.id.hex}")  # "=_" is in no quoted-printable text
    message["From"] = formataddr((sender.name, sender.address))
    message["To"] = recipient
    message["Subject"] = _folded(letter.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{letter.id}@{sender.domain}>"
    message["List-Unsubscribe"] = f"<{link}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"  # keeps holiday replies away
    message.attach(MIMEText(_plain(letter, link), "plain", UTF_8))  # type: ignore[arg-type]
    message.attach(MIMEText(_page(letter, link), "html", UTF_8))  # type: ignore[arg-type]
    return Mail(recipient, message.as_bytes(policy=AsGiven()))


def checked_address(text: str) -> str:
    """The address with its domain in ASCII. Raises `Unsendable`: a line break in it would be a second command."""
    local, _, domain = text.rpartition("@")
    if not local.isascii():
        raise Unsendable("address_not_ascii")  # SMTPUTF8 is refused by too many relays to be worth a second path
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise Unsendable("bad_address") from None
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        raise Unsendable("bad_address")
    return address


def _folded(subject: str) -> str:
    return Header(subject, None if subject.isascii() and "=?" not in subject else UTF_8, header_name="Subject").encode(
        linesep="\r\n"
    )


def _language(letter: Letter) -> str:
    return re.split("[-_]", letter.locale, maxsplit=1)[0].lower()


def _unsubscribe(letter: Letter) -> str:
    return UNSUBSCRIBE.get(_language(letter), UNSUBSCRIBE["en"])


def _plain(letter: Letter, link: str) -> str:
    return f"{letter.text}\n\n-- \n{_unsubscribe(letter)}: {link}\n"


def _page(letter: Letter, link: str) -> str:
    paragraphs = (escape(part).replace("\n", "<br>\n") for part in re.split(r"\n\s*\n", letter.text.strip()))
    return PAGE.format(
        language=escape(letter.locale.replace("_", "-")),
        subject=escape(letter.subject),
        paragraphs="\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs),
        link=escape(link),
        unsubscribe=escape(_unsubscribe(letter)),
    )
