"""Findings of runs that are damaged, tiny, equal, huge or strangely named: said, finite and readable."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from planted_runs import card

from bench import store
from bench.cli import main
from bench.errors import EXIT_INCOMPLETE, NotComparable, StoreError
from bench.reports.comparison.compare import compare
from bench.reports.comparison.conditions import conditions
from bench.reports.comparison.explain import findings
from bench.reports.comparison.findings import Findings
from bench.reports.comparison.verdicts import verdicts
from bench.reports.pages.comparison_page import page

CARDS = [card("up"), card("down", "lower"), card("pass", high=1.0)]
TAGS = {"kind": ["a", "b"]}


def values(rng, n: int, size: float = 1.0) -> dict[str, np.ndarray]:
    return {
        "up:score": size * rng.normal(size=n), "down:score": size * rng.normal(size=n),
        "pass:score": rng.integers(0, 2, n).astype(float),
    }  # fmt: skip


def numbers(value) -> list[float]:
    """Every scalar number of nested dataclasses, mappings and sequences (arrays may hold NaN, by contract)."""
    if isinstance(value, bool | str) or value is None or isinstance(value, np.ndarray):
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if dataclasses.is_dataclass(value):
        return [
            x
            for f in dataclasses.fields(value)
            if f.name not in ("tables", "run")
            for x in numbers(getattr(value, f.name))
        ]
    if isinstance(value, dict):
        return [x for v in value.values() for x in numbers(v)]
    return [x for v in value for x in numbers(v)] if isinstance(value, list | tuple) else []


def finite(found: Findings) -> bool:
    parts = [found.forest, found.slices, found.flips, found.costs, found.changes]
    if found.prompts is not None:
        parts += [found.prompts.best, found.prompts.worst, found.prompts.disagreements]
    return all(math.isfinite(x) for part in parts for x in numbers(part))


def test_failed_images_and_holes(plant):
    rng = np.random.default_rng(0)
    a, b = values(rng, 40), values(rng, 40)
    for name in b:
        b[name][:7] = np.nan
    runs = [
        plant("a", a, CARDS, tags={"kind": ["a", "b"] * 20}),
        plant("b", b, CARDS, tags={"kind": ["a", "b"] * 20}, lost=range(7)),
    ]
    found = findings(compare(runs))
    assert finite(found) and {e.n for e in found.forest} == {33}
    assert all(np.isnan(v.gain[:7]).all() and np.isfinite(v.gain[7:]).all() for v in found.prompts.values)
    assert not any(p.place < 7 for p in (*found.prompts.best, *found.prompts.worst))


def test_no_common_prompt(plant):
    rng = np.random.default_rng(0)
    runs = [plant(n, values(rng, 20), CARDS, tags={"kind": ["a", "b"] * 10}) for n in "ab"]
    frame = store.samples(runs[1])
    store.write_parquet(Path(runs[1]) / "samples.parquet", frame.assign(sample="x" + frame["sample"]))
    found = findings(compare(runs))
    assert (
        finite(found) and found.slices == () and found.prompts is None and found.flips == () and found.agreement is None
    )
    assert all("no prompt in common" in e.refusal for e in found.forest)


@pytest.mark.parametrize("n", [1, 2])
def test_one_prompt_or_two(plant, n):
    rng = np.random.default_rng(0)
    found = findings(compare([plant(name, values(rng, n), CARDS, tags={"kind": ["a", "b"][:n]}) for name in "ab"]))
    assert finite(found) and len(found.forest) == 3 and found.slices == ()
    if n == 1:
        assert {e.kind for e in found.forest} == {"unknown"}


def test_one_system(plant):
    found = findings(compare([plant("a", values(np.random.default_rng(0), 30), CARDS)]))
    assert found.pair is None and found.forest == () and found.prompts is None
    assert found.agreement.basis == "values" and finite(found)


def test_all_ties_and_constant_scores(plant):
    same = {"up:score": np.ones(30), "down:score": np.zeros(30), "pass:score": np.ones(30)}
    found = findings(compare([plant(n, same, CARDS, tags={"kind": ["a", "b"] * 15}) for n in "ab"]))
    assert finite(found) and {e.kind for e in found.forest} == {"tied"} and {e.delta for e in found.forest} == {0.0}
    assert found.prompts.best == found.prompts.worst == found.prompts.disagreements == ()
    assert {s.kind for t in found.slices for s in t.slices} == {"tied"} and found.agreement is None
    assert all(not f.gained and not f.lost for f in found.flips)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_huge_and_tiny_values_say_the_same_as_common_ones(plant, size):
    told = []
    for scale in (1.0, size):
        rng = np.random.default_rng(7)
        runs = [plant(n, values(rng, 60, scale), CARDS, tags={"kind": ["a", "b"] * 30}) for n in "ab"]
        found = findings(compare(runs))
        assert finite(found)
        told.append(found)
    for one, other in zip(told[0].forest, told[1].forest, strict=True):
        assert (one.kind, one.p_adjusted) == (other.kind, other.p_adjusted)
        assert one.effect == pytest.approx(other.effect)
    assert [p.sample for p in told[0].prompts.worst] == [p.sample for p in told[1].prompts.worst]
    assert [s.q for t in told[0].slices for s in t.slices] == pytest.approx(
        [s.q for t in told[1].slices for s in t.slices]
    )
    assert told[0].agreement.rho == pytest.approx(told[1].agreement.rho)


def test_names_that_are_equal_or_hostile(plant):
    evil = "</script><img src=x onerror=alert(1)> $\\foo$ \u202e 图像 🐉 " + "x" * 500
    cards = [card("up", label=evil), card("down", "lower", label=evil)]
    rng = np.random.default_rng(0)
    runs = [
        plant(
            evil, {k: v for k, v in values(rng, 30).items() if k != "pass:score"}, cards, tags={evil: [evil, "b"] * 15}
        )
        for _ in range(2)
    ]
    compared = compare(runs)
    assert len({s.title for s in compared.systems}) == 2 and all(s.title.startswith(evil) for s in compared.systems)
    found = findings(compared)
    assert finite(found) and {t.tag for t in found.slices} == {evil} and found.slices[0].slices[0].value == evil


def test_a_missing_image_file_is_no_matter_of_numbers(plant):
    rng = np.random.default_rng(0)
    runs = [plant(n, values(rng, 20), CARDS, images=lambda i: f"images/nowhere-{i}.png") for n in "ab"]
    assert finite(findings(compare(runs)))


def test_runs_are_read_once(plant, monkeypatch):
    rng, read = np.random.default_rng(0), []
    runs = [plant(n, values(rng, 20), CARDS, tags={"kind": ["a", "b"] * 10}) for n in "abc"]
    samples = store.samples
    monkeypatch.setattr(store, "samples", lambda path: read.append(str(path)) or samples(path))
    found = compare(runs)
    for pair in ((0, 1), (2, 1), (0, 2)):
        findings(found, pair=pair)
    assert sorted(read) == sorted(runs)


# ---- damage --------------------------------------------------------------------------------------------------------


def damaged(path: str, how: str) -> str:
    folder = Path(path)
    if how == "record":
        (folder / "run.json").write_text("{")
    elif how == "table":
        (folder / "samples.parquet").write_bytes(b"PAR1 not really")
    elif how == "no table":
        (folder / "samples.parquet").unlink()
    elif how == "column":
        store.write_parquet(folder / "samples.parquet", store.samples(folder).drop(columns="group"))
    else:
        data = json.loads((folder / "run.json").read_text())
        data["cards"].pop("up")
        (folder / "run.json").write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("how", ["record", "table", "no table", "column", "card"])
def test_a_damaged_run_is_told_and_the_others_are_compared(plant, tmp_path, capsys, how):
    rng = np.random.default_rng(0)
    runs = [plant(n, values(rng, 20), CARDS) for n in "abc"]
    damaged(runs[1], how)
    found = compare(runs)
    assert [s.title for s in found.systems] == ["a", "c"] and len(found.broken) == 1 and runs[1] in found.broken[0]
    assert finite(findings(found))
    assert main(["compare", *runs, "--out", str(tmp_path / "out"), "--no-images"]) == EXIT_INCOMPLETE
    assert "not read" in capsys.readouterr().err
    assert Path(runs[1]).name in (tmp_path / "out" / "index.html").read_text()


def test_two_runs_of_which_one_is_damaged_are_no_comparison(plant):
    rng = np.random.default_rng(0)
    runs = [plant(n, values(rng, 20), CARDS) for n in "ab"]
    with pytest.raises(StoreError, match=r"samples\.parquet"):
        compare([runs[0], damaged(runs[1], "table")])


# ---- force ---------------------------------------------------------------------------------------------------------


def test_half_an_emoji_in_a_record_is_read_as_a_question_mark(plant):
    """Only JSON can hold one; digests and texts of it are made all the same."""
    rng = np.random.default_rng(0)
    runs = [plant("a", values(rng, 20), CARDS), plant("b", values(rng, 30), CARDS)]
    for path in runs:
        file = Path(path) / "run.json"
        data = json.loads(file.read_text())
        data["dataset"]["label"] = data["cards"]["up"]["outputs"][0]["label"] = "half \ud83d"
        file.write_text(json.dumps(data))
    found = compare(runs, force=True)
    assert len({r.world for r in found.rows}) == 2 and finite(findings(found))
    assert [g.name for g in conditions(runs).rankings.groups] == ["half ?"]


def test_unlike_prompt_lists_stand_apart_by_force_even_under_one_protocol(plant):
    """Two runs of other prompts never share a column, a difference, or a best mark, whatever their protocols say."""
    rng = np.random.default_rng(0)
    runs = [plant("a", values(rng, 20), CARDS), plant("b", values(rng, 30), CARDS), plant("c", values(rng, 30), CARDS)]
    with pytest.raises(NotComparable, match="prompts is list-20 in a, list-30 in b and c"):
        compare(runs)
    found = compare(runs, force=True)
    for row in found.rows:
        held = [c is not None for c in row.cells]
        assert held in ([True, False, False], [False, True, True]) and row.note.startswith("prompts ")
        assert all(d is None or {d.system, d.reference} == {1, 2} for d in row.differences)
    assert len(found.rows) == 6 and len({r.key for r in found.rows}) == 6
    assert {(i, j) for _, i, j in found.family.p} == {(1, 2)}
    assert finite(findings(found, pair=(1, 0))) and findings(found, pair=(1, 0)).slices == ()


def test_a_score_that_is_not_independent_says_so_beside_its_number_and_in_its_sentence(plant):
    rng = np.random.default_rng(0)
    runs = [plant("a", values(rng, 30), CARDS), plant("b", values(rng, 30), CARDS)]
    file = Path(runs[1]) / "run.json"
    data = json.loads(file.read_text())
    noted = data["scores"][0]
    noted["note"] = "not independent: the system asked a judge while it generated"
    file.write_text(json.dumps(data))
    found = compare(runs)
    told = {(v.row.card.metric, v.row.output.name): v.text for v in verdicts(found)}
    own = told.pop((noted["metric"], noted["output"]))
    assert own.endswith("; b: not independent: the system asked a judge while it generated")
    assert told and not any("not independent" in text for text in told.values())
    html = page(found)
    assert html.count('<small class="caveat"><bdi>not independent</bdi></small>') == 1
