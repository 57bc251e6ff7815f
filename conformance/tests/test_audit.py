"""The audit: every limit lies well above honest code and far below the nearest mistake, and the committed table says so."""

import pytest

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import RUNGS, in_precisions
from nn_maintain.audit import HONEST, MAY_HIDE, NEAREST, Extreme, Row, audit, committed, mistaken_extremes
from nn_maintain.mistakes import CATALOGUE, applicable

STORE = Store()
# Differences of a loss are judged in float64 alone.
# No mistake of the catalogue is in ∂L/∂x alone, which is never an update's.
AUDITED = [rung.name for rung in RUNGS if rung.name != "input-gradient"]
KEYS = {(rung, dtype) for rung in AUDITED for dtype in ("float32", "float64")} - {("own-loss", "float32")}
# What needs many calls, `nn-conformance audit` measures; the tests of each has its own mistakes.
DEAR = ("own-loss", "metamorphic")
# Systems that share no probes: between them they have them all.
DISTINCT = list(
    {tuple(sorted(i for i in STORE.of_system(s) if "probe-" in i)): s for s in STORE.index.systems}.values()
)


@pytest.mark.slow
@pytest.mark.parametrize("system", DISTINCT[::3])  # of all, `python -m nn_maintain audit`
def test_the_nearest_mistake_is_ten_times_beyond_each_limit(system):
    """Each mistake that a system can have shows on the rungs that are its business, at ten times the limit or more."""
    # Limits of float32 are 2²⁹ times as wide as those of float64, which `nn-conformance audit` measures too.
    cases = [(loaded, dtype) for loaded, dtype in in_precisions(STORE.cases(system)) if dtype == "float32"]
    found = mistaken_extremes(cases, DEAR)
    business = {rung for loaded, _ in cases for mistake in applicable(loaded.case) for rung in mistake.rungs}

    assert {rung for rung, _ in found} >= business - set(MAY_HIDE)
    assert {key: extreme for key, extreme in found.items() if not extreme.ratio >= NEAREST} == {}


def test_committed_table_has_every_rung_and_is_sound():
    """The table that ships has a row for each rung and precision, and each is sound."""
    rows = committed()

    assert {(row.rung, row.dtype) for row in rows} == KEYS
    assert all(row.sound for row in rows)


@pytest.mark.slow
def test_committed_table_is_what_the_audit_measures():
    """For a system the nearest mistakes are no nearer than the table says, and those it names are as far off as it says."""
    rows = {(row.rung, row.dtype): row for row in committed()}
    system = "mnist-tanh-deeper/documented"
    found = mistaken_extremes(list(in_precisions(STORE.cases(system))), DEAR)

    # The mistakes' numbers are the same on every machine but for their own rounding, some 1e-7 of them in float32.
    assert all(extreme.ratio >= 0.99 * rows[key].mistaken.ratio for key, extreme in found.items())
    named = [
        key for key, row in rows.items() if row.mistaken.check.startswith("mnist-tanh-deeper/") and key[0] not in DEAR
    ]
    assert named
    for key in named:
        assert found[key].who == rows[key].mistaken.who
        assert abs(found[key].ratio / rows[key].mistaken.ratio - 1) <= 0.01


def test_every_mistake_of_the_catalogue_is_audited():
    """No mistake of the catalogue applies to no probe."""
    applied = {
        mistake.slug for case_id in STORE.ids if "probe-" in case_id for mistake in applicable(STORE.case(case_id).case)
    }

    assert applied == {mistake.slug for mistake in CATALOGUE}


@pytest.mark.parametrize(
    ("honest", "mistaken", "sound"),
    [(0.3, 11, True), (HONEST, NEAREST, True), (0.34, 1e9, False), (0.1, 9.9, False), (0.1, float("nan"), False),
     (float("nan"), 1e9, False), (0.0, float("inf"), True)],
)  # fmt: skip
def test_a_limit_is_sound_only_with_room_on_both_sides(honest, mistaken, sound):
    """A third below and ten times above, or the limit is none; NaN never is."""
    assert Row("gradient", "float64", Extreme(honest, "a", ""), Extreme(mistaken, "b", "")).sound is sound


def test_a_rung_without_honest_code_is_unsound(monkeypatch):
    """Who measures nothing has not shown that a limit is sound."""
    far = {("gradient", "float64"): Extreme(1e9, "sign", "")}
    monkeypatch.setattr("nn_maintain.audit.mistaken_extremes", lambda _: far)
    (row,) = audit(STORE, ["xor-sigmoid/documented"], [])

    assert not row.sound
