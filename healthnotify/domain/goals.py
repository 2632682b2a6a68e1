"""What the target of each goal counts. Texts name the numbers alone, so only whoever enters them has to know."""

from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Goal

TARGETS: Final[Mapping[Goal, str]] = {
    Goal.WALK_MORE: "steps a day",
    Goal.SLEEP_EARLIER: "earlier nights a week",
    Goal.DRINK_WATER: "glasses of water a day",
    Goal.SCREEN_BREAK: "breaks from the screen a day",
    Goal.STRETCH: "stretches a day",
    Goal.MINDFULNESS: "quiet minutes a day",
    Goal.EAT_WELL: "portions of vegetables and fruit a day",
    Goal.CHECKUP: "check-ups a year",
}
