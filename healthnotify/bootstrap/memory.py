"""Memory that nobody uses any more goes back to the system: glibc alone keeps it, between what is still used."""

import ctypes


def give_back() -> None:
    """Give back whole pages that are free, where the system's library can; it takes a millisecond."""
    try:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except TypeError:  # Windows has no such list of what is loaded
        return
    if trim:
        trim(0)
