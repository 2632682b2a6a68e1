"""Why a peer could not be reached, as a reason code: the same words for mail, SMS and webhooks."""

import socket
import ssl
from typing import Final

from healthnotify.adapters.public_addresses import NotPublic

#: The first that fits counts: every class here but the last is a kind of OSError.
REASONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (NotPublic, "private_address"),
    (socket.gaierror, "dns"),
    (ssl.SSLCertVerificationError, "tls_certificate"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "connection_refused"),
    (ConnectionError, "disconnected"),
    (OSError, "connection_failed"),
)


def reason(problem: BaseException | None) -> str:
    """A code of `REASONS` for what a socket raised; what no class fits is `connection_failed`."""
    return next((code for kind, code in REASONS if isinstance(problem, kind)), "connection_failed")
