"""Probing strategies: closed forms of the numbers, `none` exactly at chance, an answer that is known is found, and one
protocol for all."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy import stats

from bench import registry
from bench.cli import main
from bench.errors import NotFinite, UsageError
from bench.fusion.base import Fusion, FusionOut, position_code
from bench.spec import parse
from bench.training import probe_data as data
from bench.training.probe import Probe, Protocol, probe, read
from bench.training.probe_scores import hits, linear_probe, numbers, retrieval
from bench.world.description import meaning

TINY = Protocol(steps=3, rows=96, batch=16, gallery=12, fitted=60, tested=64)
STRATEGIES = [name for name, entry in registry.entries("fusion").items() if entry.origin == "built-in"]


# ---- numbers -------------------------------------------------------------------------------------------------------


def test_hits_with_and_without_ties():
    assert hits(np.eye(4), 1).tolist() == [1.0] * 4
    assert hits(-np.eye(4), 3).tolist() == [0.0] * 4 and hits(-np.eye(4), 4).tolist() == [1.0] * 4
    assert hits(np.zeros((10, 10)), 1) == pytest.approx(0.1) and hits(np.zeros((10, 10)), 5) == pytest.approx(0.5)
    half = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 2.0], [3.0, 2.0, 1.0]])
    assert hits(half, 1).tolist() == [0.5, 0.0, 0.0] and hits(half, 2).tolist() == [1.0, 1.0, 0.0]


def test_both_directions_are_told_apart():
    scores = np.array([[1.0, 2.0], [0.0, 3.0]])  # image 0 prefers text 1; each text prefers its own image
    found = retrieval(scores)
    assert found["image to text R@1"].tolist() == [0, 1] and found["text to image R@1"].tolist() == [1, 1]


def test_a_linear_probe_finds_a_line_and_nothing_where_there_is_none():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 5))
    shift = np.array([0.0, 3.0, 0.0, 0.0, 0.0])
    assert linear_probe(x + shift, x - shift, x[:50] + shift, x[:50] - shift).mean() > 0.97
    assert linear_probe(x + shift, x - shift, x[:50] - shift, x[:50] + shift).mean() < 0.03  # the wrong way round
    assert linear_probe(x, x, x[:50], x[:50]).tolist() == [0.5] * 50
    other = draw.normal(size=(400, 5))
    assert 0.4 < linear_probe(x, other, draw.normal(size=(500, 5)), draw.normal(size=(500, 5))).mean() < 0.6


def test_intervals_hold_the_mean_and_seeds_widen_them():
    draw = np.random.default_rng(1)
    rows = (draw.random((1, 300)) < 0.7).astype(float)
    alike, unlike = np.repeat(rows, 4, 0), np.clip(rows + np.array([[-0.3], [0.0], [0.1], [0.3]]), 0, 1)
    one, other = (numbers({"x": v}, {"x": 0.5})["x"] for v in (alike, unlike))
    assert one.low < one.value < one.high and one.value == pytest.approx(rows.mean())
    assert 0.05 < one.high - one.low < 0.15 < other.high - other.low


def test_one_seed_has_the_interval_of_its_rows():
    draw = np.random.default_rng(2)
    shares = draw.random((1, 40))
    half = stats.t.ppf(0.975, 39) * shares.std(ddof=1) / 40**0.5
    found = numbers({"x": shares}, {"x": 0.5})["x"]
    assert (found.low, found.high) == (pytest.approx(shares.mean() - half), pytest.approx(shares.mean() + half))
    perfect = numbers({"x": np.ones((3, 50))}, {"x": 0.5})["x"]
    assert (perfect.low, perfect.high) == (pytest.approx(50 / (50 + 1.96**2), abs=1e-4), 1.0)  # Wilson 1927


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_intervals_of_three_seeds_hold_the_truth_of_all(spread):
    """Rows are shared by the seeds; 300 tables: four standard errors below 95 %."""
    draw = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        chances = 0.5 + 0.2 * np.tanh(spread * draw.normal(size=(3, 1)) + draw.normal(size=(1, 100)))
        found = numbers({"x": (draw.random((3, 100)) < chances).astype(float)}, {"x": 0.5})["x"]
        held += found.low <= 0.5 <= found.high
    assert held / 300 > 0.95 - 4 * (0.95 * 0.05 / 300) ** 0.5


# ---- data ----------------------------------------------------------------------------------------------------------


def test_held_out_scenes_differ_in_meaning_and_edits_are_false():
    rows = data.held_out_rows(80)
    assert len({meaning(t) for t in rows.told}) == 80 and rows.features.shape == (80, 96, 8, 8)
    for kind in data.EDITS:
        places, ids = data.edited(rows, kind)
        assert len(places) == len(ids) > 10
        same = (ids == rows.ids[places]).all(1)
        assert not same.any()
    places, _ = data.edited(rows, "relation")
    assert all(rows.told[i].relations for i in places)


def test_nothing_frozen_depends_on_the_state_of_torch():
    ids = data.held_out_rows(8).ids
    torch.manual_seed(1)
    first, eye = read(ids), data.Eye()
    torch.manual_seed(2)
    after = torch.rand(1)
    torch.manual_seed(2)
    again, other = read(ids), data.Eye()
    assert torch.equal(after, torch.rand(1))  # and leaves it alone
    assert torch.equal(first.words, again.words) and torch.equal(eye.trunk[0][0].weight, other.trunk[0][0].weight)


def test_features_tell_colours_and_places_apart():
    """What is frozen lets a linear map see what a strategy must join: else nothing could be probed."""
    rows = data.training_rows(300)
    single = [i for i, t in enumerate(rows.told) if len(t.objects) == 1 and t.objects[0].count == 1]
    h = (rows.features[single] - 0.5 * position_code(96, 8, 8)).amax((2, 3)).double().numpy()
    red = np.array([t.objects[0].colour in ("red", "orange", "pink") for t in (rows.told[i] for i in single)])
    half = len(single) // 2
    first, last = slice(0, half), slice(half, None)
    found = linear_probe(h[first][red[first]], h[first][~red[first]], h[last][red[last]][:20], h[last][~red[last]][:20])
    assert found.mean() > 0.8


# ---- strategies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_can_be_probed_and_equal_commands_give_equal_numbers(name):
    found = probe(parse(name), [0], TINY)
    assert set(found.numbers) == {
        f"{way} R@{k}" for way in ("image to text", "text to image") for k in (1, 5, 10)
    } | set(data.EDITS)  # fmt: skip
    for key, one in found.numbers.items():
        assert 0 <= one.low <= one.value <= one.high <= 1, key
    assert abs(found.parameters / TINY.budget - 1) < 0.02
    assert probe(parse(name), [0], TINY) == found


def test_none_is_exactly_at_chance_however_long_it_learns():
    found = probe(parse("none"), [0, 1], dataclasses.replace(TINY, steps=8))
    for key, one in found.numbers.items():
        assert one.value == pytest.approx(one.chance, abs=1e-12), key


@registry.register("fusion", "toy-telling", summary="writes into every feature what a matching text would")
class Telling(Fusion):
    """Knows the answer: the seen colour's mean against the sentence, through a fixed table; `nan` breaks."""

    def __init__(self, channels, text_dim, nan=False):
        super().__init__()
        self.gain, self.nan = torch.nn.Parameter(torch.zeros(())), nan

    def forward(self, h, context, cond=None):
        if self.nan:
            return FusionOut(h * float("nan") * self.gain)
        other = (context.sentence - self.wanted(h)).abs().mean(1) > 1e-4
        return FusionOut(h * 0 + 3.0 * other[:, None, None, None] + 0 * self.gain)

    @staticmethod
    def wanted(h):
        """The true sentence of these features, looked up."""
        rows, texts = Telling.known
        at = torch.cdist(h.flatten(1), rows).argmin(1)
        return texts[at]


def test_a_strategy_that_knows_the_answer_gets_it(monkeypatch):
    held = data.held_out_rows(max(TINY.gallery, TINY.tested))
    learned = data.training_rows(TINY.rows)
    every = torch.cat([held.features, learned.features]).flatten(1)
    sentences = torch.cat([read(held.ids).sentence, read(learned.ids).sentence])
    monkeypatch.setattr(Telling, "known", (every, sentences), raising=False)
    found = probe(parse("toy-telling"), [0], dataclasses.replace(TINY, steps=60, rate=0.05))
    assert all(found.numbers[k].value > 0.95 for k in data.EDITS)
    assert found.numbers["image to text R@1"].value > 0.95 and found.loss < 0.5


def test_what_breaks_says_so_and_what_is_unknown_is_named():
    with pytest.raises(NotFinite, match=r"toy-telling.*step 1"):
        probe(parse("toy-telling(nan=true)"), [0], TINY)
    with pytest.raises(UsageError, match="Did you mean attention"):
        Probe(parse("atention"), 12_000, 0)


def test_the_protocol_has_all_but_strategy_and_seed():
    marks = {Protocol().digest()}
    for field in dataclasses.fields(Protocol):
        marks.add(dataclasses.replace(Protocol(), **{field.name: getattr(Protocol(), field.name) * 2}).digest())
    assert len(marks) == 1 + len(dataclasses.fields(Protocol))


# ---- the command ---------------------------------------------------------------------------------------------------

SMALL = ["--steps", "2", "--rows", "96", "--gallery", "12", "--tested", "64"]


def test_the_command_prints_a_table_and_json(capsys):
    assert main(["probe", "none", "film", *SMALL, "--seeds", "0,1"]) == 0
    told = capsys.readouterr()
    assert "image to text R@1 (0.0833333)" in told.out and "0.500 [0.500, 0.500]" in told.out
    assert "probe" in told.err and "Only tables of one protocol compare" in " ".join(told.out.split())
    assert main(["probe", "film", *SMALL, "--seeds", "0", "--json", "-q"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["strategies"][0]["fusion"] == "film" and found["strategies"][0]["numbers"]["colour"]["chance"] == 0.5
    assert len(found["protocol"]["digest"]) == 64 and not told.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flim"], "Did you mean film"),
        (["none", "flim"], "Did you mean film"),
        (["film(heads=2)"], "no parameter 'heads'"),
        (["film", "--seeds", "0,0"], "different whole numbers"),
        (["film", "--seeds", "a"], "different whole numbers"),
        (["film", "--gallery", "2"], "gallery"),
    ],
)
def test_bad_input_is_said_before_anything_is_trained(arguments, told, capsys):
    assert main(["probe", *arguments]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
