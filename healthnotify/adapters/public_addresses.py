"""Which addresses of the Internet a stranger's URL may make us connect to (the guard against SSRF)."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

NAT64: Final = IPv6Network("64:ff9b::/96")

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


class NotPublic(OSError):
    """The name resolved to, or the URL named, an address inside; an OSError, so that it reads as a failed connect."""

    def __init__(self) -> None:
        super().__init__("the address is not public")


def is_public(text: str) -> bool:
    """Whether that literal address is a unicast host of the public Internet.

    IPv6 forms that carry an IPv4 address (mapped, 6to4, Teredo, NAT64) count as what they carry. Anything that is no
    canonical address (`127.1`, `0x7f000001`), which the system's resolver would still accept, is not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return is_public(str(carried))
        if address.is_site_local or address.is_reserved:
            return False
    return address.is_global and not address.is_multicast


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for exactly the address that is about to be connected to. Raises `NotPublic`.

    Checking here, after the resolution and on the very tuple that goes to `connect`, leaves no second look-up that
    could answer differently (DNS rebinding), and covers names and literals alike; a check of the URL would not.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise NotPublic
    return socket.socket(family, kind, protocol)


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
