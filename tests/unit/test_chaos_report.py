"""What chaos writes down: runs of some variants are added to the others, and take the place of disturbed ones."""

from tests.chaos.report import _both

ROW = {
    "fault": 2,
    "sweeper": "on",
    "tries": 3,
    "kills": 4,
    "planned": 10,
    "accepted": 9,
    "lost": [],
    "duplicates": 1,
    "beyond promise": ["one"],
    "late": [],
    "left to the sweeper": 0,
    "time to recover": 2.0,
    "longest to recover": 5.0,
    "ended": {"COMPLETED": 9, "FAILED": 1},
    "violations": {"I3": ["one"]},
    "variants": ["a", "b"],
    "notes": ["said"],
    "ended by themselves": [],
}


def test_runs_of_other_variants_are_added():
    more = ROW | {
        "longest to recover": 7.0,
        "ended": {"COMPLETED": 2},
        "violations": {"I7": ["two"]},
        "variants": ["c"],
        "lost": ["x"],
    }
    both = _both(ROW, more)

    assert (both["tries"], both["kills"], both["planned"], both["duplicates"]) == (6, 8, 20, 2)
    assert (both["lost"], both["beyond promise"]) == (["x"], ["one", "one"])
    assert both["ended"] == {"COMPLETED": 11, "FAILED": 1}
    assert both["violations"] == {"I3": ["one"], "I7": ["two"]}
    assert (both["variants"], both["longest to recover"]) == (["a", "b", "c"], 7.0)
    assert both.keys() == ROW.keys()
