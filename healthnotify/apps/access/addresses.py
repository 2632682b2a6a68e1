"""Where a request comes from, as limits and lock-outs count it."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

#: A household or a rented machine has a whole network of IPv6 addresses, so they count as one.
NETWORK: Final = 64


def address_of(request: Any) -> str | None:
    """The address that the server believes after looking at the proxies that it trusts; None when it is none."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    return str(_counted(address))


def _counted(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Network((int(address), NETWORK), strict=False).network_address
