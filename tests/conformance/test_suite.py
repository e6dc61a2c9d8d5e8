"""The conformance suite passes what is right and tells what is wrong: each check meets a plug-in that breaks it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from bench import registry
from bench.cli import main
from bench.conformance import metrics, others
from bench.conformance.finding import carried_out
from bench.conformance.suite import findings
from bench.errors import UsageError
from bench.extractors.base import Extractor
from bench.functional import checks
from bench.metrics.base import Metric, mean_output
from bench.types import OutputCard, View


class Right(Metric):
    """Mean length of the features."""

    outputs = (mean_output("value", "length", high=None),)

    def __init__(self):
        super().__init__()
        self.state = self.add_rows("length")

    def views(self):
        return {"image": View("generated", "features", "any")}

    def update(self, *, image, ids=None):
        checks.features(image, "image", ids=ids)
        getattr(self, self.state).append(image.double().norm(dim=1))

    def table(self):
        return {"score": self.joined(self.state).numpy()}

    def compute(self):
        found = self.joined(self.state)
        self.need(len(found))
        return found.mean()


class Distance(Right):
    """A distance of two sets."""

    scope = "set"
    outputs = (OutputCard("value", "distance", "lower", 0.0),)

    def __init__(self):
        super().__init__()
        self.other = self.add_rows("other")

    def views(self):
        return {"generated": View("generated", "features", "any"), "reference": View("reference", "features", "any")}

    def update(self, *, generated=None, reference=None, ids=None):
        for rows, state in ((generated, self.state), (reference, self.other)):
            if rows is not None:
                checks.features(rows, "rows", ids=ids if rows is generated else None)
                getattr(self, state).append(rows.double())

    def compute(self):
        mine, theirs = self.joined(self.state), self.joined(self.other)
        self.need(len(mine))
        return (mine.mean(0) - theirs.mean(0)).norm()

    def replicates(self, blocks):
        return {"value": np.full(10, float(self.compute()))}


def last_only(self):
    self.need(len(self.joined(self.state)))
    return getattr(self, self.state)[-1].mean()


def first_row(self):
    self.need(len(self.joined(self.state)))
    return self.joined(self.state)[0]


def random_value(self):
    self.need(len(self.joined(self.state)))
    return torch.rand(())


def spoiling(self, *, image, ids=None):
    Right.update(self, image=image, ids=ids)
    image.zero_()


def careless(self, *, image, ids=None):
    getattr(self, self.state).append(image.double().norm(dim=1))


def counting_calls(self, *, image, ids=None):
    Right.update(self, image=image, ids=ids)
    self.calls = getattr(self, "calls", 0) + 1


def single_precision(self, *, image, ids=None):
    Right.update(self, image=image if image.dtype == torch.float64 else image * 1.01, ids=ids)


def inverse_spread(self):
    self.need(len(self.joined(self.state)))
    return 1 / self.joined(self.state).std(correction=0)


WRONG = {
    "declares its outputs and views": {"outputs": (mean_output("length", "length"),)},
    "stays within its bounds": {"outputs": (mean_output("value", "length", high=1e-3),)},
    "any batches": {"compute": last_only},
    "any order of rows": {"compute": first_row},
    "same rows, same number": {"compute": random_value},
    "inputs unmodified": {"update": spoiling},
    "too few rows": {"need": lambda self, n, what="images": None},
    "NaN names its sample": {"update": careless},
    "float32 as float64": {"update": single_precision},
    "reset, clone, pickle, state_dict": {
        "update": counting_calls, "compute": lambda self: self.joined(self.state).mean() * getattr(self, "calls", 0)
    },
    "constant input": {"compute": inverse_spread},
}  # fmt: skip
"""Check -> what is wrong with the metric."""


def told(make) -> dict:
    return {f.check: f for f in carried_out(metrics.CHECKS, make)}


def test_a_right_metric_passes_everything():
    for kind in (Right, Distance):
        found = told(kind)
        assert not [f for f in found.values() if f.passed is False]
        assert sum(f.passed is True for f in found.values()) >= 11


@pytest.mark.parametrize("check", WRONG)
def test_each_check_can_fail(check):
    broken = type("Broken", (Right,), WRONG[check])
    found = told(broken)[check]
    assert found.passed is False and found.told, found


def test_a_set_that_is_far_from_itself_is_told():
    broken = type("Broken", (Distance,), {"compute": lambda self: 5 - Distance.compute(self)})
    assert told(broken)["equal sets"].passed is False
    assert told(Distance)["equal sets"].passed is True


def test_two_processes_see_the_whole():
    found = {f.check: f for f in findings("fd", processes=True)}
    assert found["two processes as one"].passed is True, found["two processes as one"]


@pytest.mark.parametrize("name", ["counting-error", "event-order", "collapse", "fjd"])
def test_cards_keep_their_promises(name):
    found = {f.check: f for f in findings(name, controls=True)}["responds as its card says"]
    assert found.passed is True and " to " in found.told, found


def test_a_card_that_promises_too_much_is_told(monkeypatch):
    monkeypatch.setattr(registry.load("metric", "counting-error"), "responds_to", ("wrong-colour",))
    found = {f.check: f for f in findings("counting-error", controls=True)}["responds as its card says"]
    assert found.passed is False and "wrong-colour makes nothing worse" in found.told


class Still(Extractor):
    """Mean colour of an image."""

    image_outputs = ("features",)

    def identity(self):
        return {"kind": "mean"}

    def extract_images(self, batch, queries=None):
        return {"features": torch.stack([torch.from_numpy(i).double().mean((0, 1)).float() for i in batch])}


def dependent(self, batch, queries=None):
    rows = Still.extract_images(self, batch)["features"]
    return {"features": rows + torch.arange(len(rows))[:, None]}


def writing(self, image):
    image[:] = 0
    return image


@pytest.mark.parametrize(
    "check, wrong",
    [
        ("gives what it declares", {"image_outputs": ("features", "logits")}),
        ("any place in a batch", {"extract_images": dependent}),
        ("inputs unmodified", {"prepare_image": writing}),
        ("identity is JSON and stable", {"identity": lambda self: {"at": object()}}),
    ],
)
def test_extractors(check, wrong):
    fine = {f.check: f.passed for f in carried_out(others.CHECKS["extractor"], Still())}
    assert all(fine.values())
    found = {f.check: f for f in carried_out(others.CHECKS["extractor"], type("Broken", (Still,), wrong)())}
    assert found[check].passed is False


@pytest.mark.parametrize("name", ["scene-answers", "scene-segmenter", "oracle", "shuffled", "scenes"])
def test_built_in_plug_ins_of_other_kinds_pass(name):
    found = list(findings(name))
    assert found and all(f.passed is not False for f in found), found


def test_names_and_exit_codes(capsys):
    with pytest.raises(UsageError, match="Did you mean clipscore"):
        list(findings("clipscor"))
    assert main(["check", "fid", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fid"]
    assert {f["check"] for f in found} == set(metrics.CHECKS) and not any(f["passed"] is False for f in found)
    assert main(["check", "no-such-thing"]) == 2
