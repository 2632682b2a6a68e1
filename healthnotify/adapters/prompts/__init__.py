"""The prompts, each a reviewed text file; its name is its id, and a changed text gets a new name."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system prompt as it is sent."""

    id: str
    text: str

    @property
    def hash(self) -> str:
        """SHA-256 of the text, in hexadecimal: kept with every message instead of the text itself."""
        return sha256(self.text.encode()).hexdigest()


def prompt(name: str) -> Prompt:
    """The prompt of that id. Raises `FileNotFoundError` for one that was not shipped."""
    return Prompt(name, (HERE / f"{name}.txt").read_text(encoding="utf-8"))
