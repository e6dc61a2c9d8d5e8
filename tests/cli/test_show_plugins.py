"""`bench show NAME` tells of a plug-in what its class says, with the parameters that an alias or the user gave."""

from __future__ import annotations

import json

import pytest

from bench import aliases, registry
from bench.cli import main

EVERY = [(kind, name) for kind in registry.KINDS for name in registry.entries(kind)]


def shown(capsys, name: str) -> list[dict]:
    assert main(["show", name, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("kind", "name"), EVERY, ids=lambda v: v)
def test_every_plugin_can_be_shown(kind: str, name: str, capsys) -> None:
    one = next(x for x in shown(capsys, name) if x["kind"] == kind)
    assert set(one["parameters"]) == set(registry.parameters(registry.load(kind, name)))
    assert main(["show", name]) == 0
    assert registry.entries(kind)[name].summary in capsys.readouterr().out


def test_an_alias_shows_its_own_protocol_not_the_metrics_defaults(capsys) -> None:
    (one,) = shown(capsys, "clean-fid")
    assert one["parameters"]["extractor"] == "inception-v3(resize=clean)"
    assert one["stands for"] == aliases.ALIASES["clean-fid"]
    (plain,) = shown(capsys, "fd")
    assert plain["parameters"]["extractor"] == "inception-v3" and "alias" not in plain


def test_given_parameters_win(capsys) -> None:
    (one,) = shown(capsys, "kid:subset_size=50")
    assert one["parameters"]["subset_size"] == 50
    assert one["minimum images"] == 50


def test_a_metric_tells_direction_bounds_views_and_paper(capsys) -> None:
    assert main(["show", "fid"]) == 0
    out = capsys.readouterr().out
    assert "lower is better, 0 to unbounded" in out
    assert "reference: features of reference by inception-v3(resize=tf-fid)" in out
    assert "arXiv:1706.08500" in out


def test_a_required_parameter_says_so(capsys) -> None:
    required = {
        name for name, p in registry.parameters(registry.load("generator", "callable")).items() if p.default is p.empty
    }
    (one,) = shown(capsys, "callable")
    assert {k for k, v in one["parameters"].items() if v == "required"} == required


def test_a_panel_shows_its_metrics(capsys) -> None:
    assert main(["show", "quick"]) == 0
    assert tuple(capsys.readouterr().out.split()) == ("quick", "(panel)", *aliases.PANELS["quick"])


def test_a_panel_and_a_dataset_of_one_name_are_both_shown(capsys) -> None:
    assert [one["kind"] for one in shown(capsys, "scenes")] == ["dataset", "panel"]
