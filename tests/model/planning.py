"""Planning: two planners and a user who changes a preference, for one occasion. A model of its own, because nothing of
it meets the road before the row exists."""

from typing import NamedTuple

from tests.model.consumer import Label
from tests.model.scenarios import Scenario
from tests.model.search import Found


class Wish(NamedTuple):
    """A preference: which revision it has, and whether the occasion is still to be planned."""

    revision: int = 0
    is_due: bool = True


class Occasion(NamedTuple):
    """A row for the occasion."""

    state: str  #: planned, taken (somebody has claimed it), superseded
    revision: int


class Plans(NamedTuple):
    """A state of planning."""

    wish: Wish = Wish()
    rows: tuple[Occasion, ...] = ()
    seen: tuple[Wish | None, Wish | None] = (None, None)  #: what each planner has read
    changes: int = 2  #: that the user may still make
    crashes: int = 2


PLANNING_MUTANTS = {
    "plans_without_comparing": ("A planner records what it has read, whoever was faster", "I11"),
    "occasions_are_not_unique": ("Another revision's row may stand beside one that is on its way", "I11"),
}
PLANNERS = ("planner", "second planner")


def plan_steps(w: Plans, broken: str = "") -> list[tuple[Label, Plans]]:
    """What may happen next."""
    found: list[tuple[Label, Plans]] = []
    for who, name in enumerate(PLANNERS):
        if w.seen[who] is None and w.wish.is_due:
            found.append(((name, "reads", 0, w.wish.revision, None), _saw(w, who, w.wish)))
        elif w.seen[who] is not None:
            found.append(((name, "plans", 0, w.seen[who].revision, None), _plan(w, who, broken)))
            if w.crashes:
                found.append(((name, "is killed", 0, None, None), _saw(w, who, None)._replace(crashes=w.crashes - 1)))
    for i, row in enumerate(w.rows):
        if row.state == "planned":
            taken = (*w.rows[:i], row._replace(state="taken"), *w.rows[i + 1 :])
            found.append((("consumer", "claims", 0, row.revision, None), w._replace(rows=taken)))
    if w.changes:
        found.append((("user", "changes the preference", 0, w.wish.revision + 1, None), _change(w)))
    return found


def _saw(w: Plans, who: int, wish: Wish | None) -> Plans:
    return w._replace(seen=(wish, w.seen[1]) if who == 0 else (w.seen[0], wish))


def _plan(w: Plans, who: int, broken: str) -> Plans:
    """PLAN: the preference is advanced by compare-and-set, and a row is added unless its occasion has one already."""
    seen = w.seen[who]
    assert seen is not None
    after = _saw(w, who, None)
    if seen != w.wish and broken != "plans_without_comparing":
        return after
    after = after._replace(wish=w.wish._replace(is_due=False))
    same_id = any(row.revision == seen.revision for row in w.rows)  # the id follows from the occasion and the revision
    stands = any(row.state != "superseded" for row in w.rows)
    if same_id or (stands and broken != "occasions_are_not_unique"):
        return after
    return after._replace(rows=(*after.rows, Occasion("planned", seen.revision)))


def _change(w: Plans) -> Plans:
    """The user's change: what nobody has claimed is superseded, and all is planned anew, in one transaction."""
    rows = tuple(row._replace(state="superseded") if row.state == "planned" else row for row in w.rows)
    return w._replace(wish=Wish(w.wish.revision + 1), rows=rows, changes=w.changes - 1)


def is_broken(w: Plans) -> bool:
    """I11: at most one row of the occasion stands, and none of a revision that is past, unless it was on its way."""
    standing = [row for row in w.rows if row.state != "superseded"]
    past = [row for row in standing if row.state == "planned" and row.revision != w.wish.revision]
    return len(standing) > 1 or bool(past)


def search_planning(broken: str = "") -> Found:
    """Every interleaving."""
    first = Plans()
    came: dict[Plans, tuple[Plans, Label] | None] = {first: None}
    queue = [first]
    steps = 0
    for w in queue:
        for label, after in plan_steps(w, broken):
            steps += 1
            if after not in came:
                came[after] = (w, label)
                queue.append(after)
                if is_broken(after):
                    return Found(Scenario("planning"), len(came), steps, "I11", _way(after, came))
    unplanned = [w for w in queue if not w.wish.is_due and not any(row.state != "superseded" for row in w.rows)]
    lost = _way(unplanned[0], came) if unplanned else ()
    return Found(Scenario("planning"), len(came), steps, "I1" if unplanned else "", lost)


def _way(w: Plans, came: dict[Plans, tuple[Plans, Label] | None]) -> tuple[tuple[Label, Plans], ...]:
    way: list[tuple[Label, Plans]] = []
    while (before := came[w]) is not None:
        way.append((before[1], w))
        w = before[0]
    return ((("", "begin", 0, None, None), w), *reversed(way))
