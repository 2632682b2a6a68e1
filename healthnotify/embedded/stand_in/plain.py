"""The other personality: a small model on a small server, which ignores the wanted format and talks around its JSON."""

import json

from healthnotify.embedded.stand_in.answers import Said


def chatty(text: str, turn: int) -> Said:
    """The answer in one of the manners that such models have; `text` is the JSON that it would be alone."""
    pretty = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    manners = (
        f"Sure! Here is the message you asked for:\n\n```json\n{pretty}\n```\n\nLet me know if you want another one.",
        f"```\n{text}\n```",
        f"<think>\nThe brief wants something short and kind. No numbers of my own.\n</think>\n\n{text}",
        f"Here you go:\n{pretty}\nI kept it short, as the brief says.",
    )
    return Said(manners[turn % len(manners)])
