"""`bench list` shows what the registry holds, by name, without importing a plug-in."""

from __future__ import annotations

import json

import pytest

from bench import aliases, registry
from bench.cli import main


@pytest.mark.parametrize(("what", "kind"), [(room, kind) for kind, room in registry.KINDS.items()])
def test_a_list_has_every_plugin_of_its_kind_and_no_other(what: str, kind: str, capsys) -> None:
    assert main(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in rows] == list(registry.entries(kind))
    assert {r["kind"] for r in rows} <= {kind}
    assert all(r["summary"] for r in rows if r["origin"] == "built-in")


def test_metrics_carry_scope_and_direction(capsys) -> None:
    main(["list", "metrics", "--json"])
    rows = {r["name"]: r for r in json.loads(capsys.readouterr().out)}
    assert (rows["fd"]["scope"], rows["fd"]["direction"]) == ("set", "lower")
    assert set(rows["fd"]) == {"kind", "name", "summary", "origin", "scope", "direction"}


def test_the_arrow_of_a_metric_points_where_better_is(capsys) -> None:
    main(["list", "metrics"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "↓" in lines["fd"] and "↑" in lines["clipscore"]


def test_everything_is_listed_under_its_kind(capsys) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line in registry.KINDS.values()] == list(registry.KINDS.values())


def test_panels_and_aliases_as_data(capsys) -> None:
    main(["list", "aliases", "--json"])
    assert json.loads(capsys.readouterr().out) == aliases.ALIASES
    main(["list", "panels", "--json"])
    assert json.loads(capsys.readouterr().out) == {name: list(texts) for name, texts in aliases.PANELS.items()}


def test_columns_align_under_wide_characters() -> None:
    from bench.cli.options import table

    lines = table([["猫", "a"], ["cat", "b"]], ["x", "y"]).splitlines()
    assert lines == ["x    y", "猫   a", "cat  b"]
