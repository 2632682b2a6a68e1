"""Ids that the examples of the documentation share, so that each reads as the sequel of another."""

from typing import Final

KEY: Final = "0e9bd9a6-7d8c-4f0e-9a3c-0a6f5b7f1d11"
USER: Final = "5a2a9af3-1e30-4933-bfbe-57dbc4f77687"
NOTIFICATION: Final = "4b0c51f4-5d0a-4b1e-9a51-8f4f6f0e2a77"
