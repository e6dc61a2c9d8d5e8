"""Every kind of bad input ends with its documented exit code and one sentence, and leaves nothing half-written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bad_case import Case, Ended, Stage, carry_out, intact, sentence
from bad_tables import ALL

_carried_out: dict[Stage, Ended] = {}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory):
    """What a stage left; cases that share a stage share its run."""

    def of(stage: Stage) -> Ended:
        if stage not in _carried_out:
            _carried_out[stage] = carry_out(stage, tmp_path_factory.mktemp("case"))
        return _carried_out[stage]

    yield of
    _carried_out.clear()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.given)
def test_bad_input(one: Case, ended) -> None:
    left = ended(one.stage)
    assert left.code == one.code, left.err
    if one.says:
        assert re.fullmatch(one.says, sentence(one, left)), sentence(one, left)
    assert "Traceback" not in left.err and "internal error" not in left.err
    one.after(left)
    if not one.damaged:
        intact(left)


def test_there_are_at_least_sixty_kinds() -> None:
    names = [one.given for one in ALL]
    assert len(set(names)) == len(names) >= 60


def test_the_page_names_every_kind_with_its_exit_code() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bad-input.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and not line.startswith("| given")]
    shown = [(row[0].removeprefix("| "), row[1]) for row in rows if row[0] != "| ---"]
    assert shown == [(one.given, str(one.code)) for one in ALL], "python tools/bad_input.py > docs/bad-input.md"
