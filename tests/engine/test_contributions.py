"""Influences through the engine: contributions of images, their intervals, paired differences; and whole stories."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toys

import bench.api as api
from bench import store
from bench.datasets.base import Dataset
from bench.engine.options import Options
from bench.errors import TooFew
from bench.metrics.base import Metric, mean_output
from bench.registry import register
from bench.study import Study
from bench.types import OutputCard, Sample, View


@register("metric", "toy-green", summary="mean green value of the set, with influences")
class ToyGreen(toys.ToyDistance):
    """Linear, so that every interval is known in closed form."""

    outputs = (OutputCard("value", "green", "lower"),)

    def __init__(self, extractor: str = "toy-mean", least: int = 1) -> None:
        super().__init__(extractor)
        self.least = least

    def _value(self, generated):
        return generated.double()[:, 1].mean()

    def influence(self):
        green = torch.cat(self.toy_distance_g)[:, 1].double().numpy()
        if len(green) < self.least:
            raise TooFew("too few for it")
        return {"value": green - green.mean()}


@register("dataset", "toy-stories", summary="prompts of one to three frames")
class ToyStories(Dataset):
    def __init__(self, n: int = 30) -> None:
        self.n = n

    def identity(self):
        return {"n": self.n}

    def __iter__(self):
        for i in range(self.n):
            colour = toys.COLOURS[i % 8]
            yield Sample(f"s{i:02d}", f"a {colour} square", frames=1 + i % 3, reference=f"{colour}:{i}", meaning=colour)

    def load_image(self, locator):
        return toys.ToyColours().load_image(locator)


@register("generator", "toy-storyteller", summary="paints stories; loses a frame of sample `lose`")
class ToyStoryteller(toys.ToyPainter):
    def __init__(self, lose: str = "") -> None:
        super().__init__()
        self.lose = lose

    def _one(self, request):
        frames = [super(ToyStoryteller, self)._one(request) for _ in range(request.frames)]
        for f, frame in enumerate(frames):
            frame[:] = np.clip(frame.astype(int) + f, 0, 255)
        if request.sample_id == self.lose:
            frames = frames[:-1]
        return frames if request.frames > 1 else frames[0]


@register("metric", "toy-frames", summary="number of frames of a story, which it takes whole")
class ToyFrames(Metric):
    scope = "sample"
    outputs = (mean_output("value", "frames", high=3.0),)
    frames = True

    def __init__(self, extractor: str = "toy-mean") -> None:
        super().__init__()
        self.extractor = str(extractor)
        self.told: list[float] = []
        self.add_state("toy_frames", [], dist_reduce_fx="cat")

    def views(self):
        return {
            "rows": View("generated", "features", self.extractor),
            "truth": View("sample", "truth"),
            "text": View("prompt", "features", self.extractor),
        }

    def update(self, *, ids=None, rows, truth, text):
        assert len(ids) == len(rows) == len(truth) == len(text)
        for name, frames in zip(ids, rows, strict=True):
            assert frames.shape == (1 + int(name[1:3]) % 3, 3)
            self.toy_frames.append(torch.tensor([float(len(frames))]))

    def compute(self):
        return torch.cat(self.toy_frames).mean()

    def table(self):
        return {"score": torch.cat(self.toy_frames).double().numpy()}


def run(tmp_path, *systems, dataset="toy-colours(n=160)", metrics=("toy-green",), **fields):
    return api.run(Study(systems=systems, dataset=dataset, metrics=metrics, **fields), options=Options(root=tmp_path))


def test_contributions_average_to_the_score_and_give_its_interval(tmp_path):
    found = run(tmp_path, "toy-painter")[0]
    column = store.samples(found.path)["toy-green:contribution to value"].to_numpy()
    score = found.scores[0]
    assert column.mean() == pytest.approx(score.value)
    assert score.low < score.value < score.high
    assert score.high - score.low == pytest.approx(2 * 1.96 * column.std(ddof=1) / 160**0.5, rel=0.05)
    assert score.method.startswith("influence of images") and score.replicates == ()


def test_prompts_are_the_unit_not_images(tmp_path):
    once, often = (run(tmp_path, "toy-painter", repeats=k)[0].scores[0] for k in (1, 4))
    assert often.n == 4 * once.n
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.05)


def test_where_influences_are_not_valid_blocks_are_left_out(tmp_path):
    score = run(tmp_path, "toy-painter", metrics=("toy-green(least=161)",))[0].scores[0]
    assert len(score.replicates) == 10 and "jackknife" in score.method


def test_two_runs_pair_by_contribution(tmp_path):
    runs = run(tmp_path, "toy-painter", "w=toy-painter(wrong=true)")
    (row,) = api.compare(runs, baseline="w").rows
    apart = next(d for d in row.differences if d is not None)
    a, b = (store.samples(r.path)["toy-green:contribution to value"].to_numpy() for r in runs)
    assert apart.delta == pytest.approx((a - b).mean())
    half = 1.96 * (a - b).std(ddof=1) / 160**0.5
    assert apart.high - apart.low == pytest.approx(2 * half, rel=0.05)
    assert apart.groups == 160 and 0 < apart.p <= 1


def test_a_missing_image_has_no_contribution(tmp_path):
    found = run(tmp_path, "toy-painter(refuse=s003)")[0]
    column = store.samples(found.path).set_index("sample")["toy-green:contribution to value"]
    assert np.isnan(column["s003"]) and column.drop("s003").mean() == pytest.approx(found.scores[0].value)
    assert found.scores[0].n == 159 and found.scores[0].n_missing == 1


def test_frames_of_a_story_are_one_contribution_and_one_row(tmp_path):
    found = run(tmp_path, "toy-storyteller", dataset="toy-stories", metrics=("toy-green", "toy-frames"))[0]
    table = store.samples(found.path)
    green, frames = found.scores
    assert green.n == 60 and frames.n == 30 and frames.value == 2.0
    assert table["toy-green:contribution to value"].mean() == pytest.approx(green.value)
    assert table.sort_values("sample")["toy-frames:score"].tolist() == [1.0, 2.0, 3.0] * 10


def test_a_story_that_lacks_a_frame_is_missing_as_a_whole(tmp_path):
    found = run(tmp_path, "toy-storyteller(lose=s05)", dataset="toy-stories", metrics=("toy-frames",))[0]
    (score,) = found.scores
    assert score.n == 29 and score.n_missing == 1
    assert store.samples(found.path).set_index("sample")["toy-frames:score"]["s05"] == 0.0
