"""Progress: plain lines are rare and whole; the live form ends as the same line and never leaves a hidden cursor."""

from __future__ import annotations

import io
import sys

import pytest

from bench.cli import progress
from bench.cli.progress import Live, Plain, Quiet, rate
from bench.cli.training import _Telling


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_plain_lines_come_every_ten_seconds_and_at_the_end(clock, capsys) -> None:
    shown = Plain()
    shown.phase("ours (1/2)", "images", 100)
    for _ in range(100):
        clock[0] += 0.25
        shown.advance()
    clock[0] += 5
    shown.line("a note")
    assert capsys.readouterr().err.splitlines() == [
        "ours (1/2): images  40/100  4.0/s  15 s left",
        "ours (1/2): images  80/100  4.0/s  5.0 s left",
        "ours (1/2): images  100/100  3.3/s  30 s",
        "a note",
    ]


def test_an_unfinished_phase_tells_how_far_it_came(clock, capsys) -> None:
    shown = Plain()
    shown.phase("ours", "images", 100)
    clock[0] += 2
    shown.advance(30)
    shown.close()
    assert capsys.readouterr().err == "ours: images  30/100  15.0/s  4.7 s left\n"


def test_what_an_earlier_process_did_makes_nothing_faster(clock, capsys) -> None:
    shown = Plain()
    shown.phase("ours", "train", 100, before=60)
    clock[0] += 2
    shown.advance(4)
    shown.close()
    assert capsys.readouterr().err == "ours: train  64/100  2.0/s  18 s left\n"


def test_a_training_that_goes_on_tells_its_own_speed(clock, capsys) -> None:
    tell = _Telling(quiet=False)
    for step in (61, 62, 63):
        tell("cgan", step, 100, {})
        clock[0] += 1
    tell.shown.close()
    assert capsys.readouterr().err == "cgan: train  63/100  1.0/s  37 s left\n"


def test_nothing_is_said_of_a_phase_without_work(clock, capsys) -> None:
    shown = Plain()
    shown.phase("ours", "texts", 0)
    shown.phase("ours", "score", 0)
    shown.close()
    assert capsys.readouterr().err == ""


def test_time_left_falls_as_work_is_done() -> None:
    assert rate(10, 100, 5) == "10/100  2.0/s  45 s left"
    assert rate(90, 100, 45) == "90/100  2.0/s  5.0 s left"
    assert rate(0, 100, 0) == "0/100  0.0/s"


@pytest.mark.parametrize(("seconds", "told"), [(0.44, "0.4 s"), (75, "75 s"), (720, "12 min"), (12_600, "3.5 h")])
def test_durations_read_as_people_say_them(seconds, told) -> None:
    assert progress.duration(seconds) == told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_live_ends_as_the_plain_line_and_shows_the_cursor_again(clock, monkeypatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    shown = progress.progress(quiet=False)
    assert isinstance(shown, Live)
    shown.phase("[bold]ours[/]", "images", 10)
    clock[0] += 2
    shown.advance(10)
    shown.close()
    assert "[bold]ours[/]: images  10/10  5.0/s  2.0 s" in screen.getvalue()
    hidden, visible = screen.getvalue().rfind("\x1b[?25l"), screen.getvalue().rfind("\x1b[?25h")
    assert 0 <= hidden < visible


def test_live_lets_go_when_closed_in_the_middle(clock, monkeypatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    shown = Live()
    shown.phase("ours", "images", 10)
    shown.advance(1)
    shown.line("a note\nof two lines")
    shown.close()
    shown.advance(1)
    assert "a note" in screen.getvalue()
    assert screen.getvalue().rfind("\x1b[?25l") < screen.getvalue().rfind("\x1b[?25h")


def test_no_color_means_no_colour(clock, monkeypatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = Live()
    shown.phase("ours", "images", 10)
    shown.advance(3)
    shown.close()
    assert "\x1b[3" not in screen.getvalue() and "\x1b[9" not in screen.getvalue()


def test_elsewhere_it_is_plain_and_quiet_says_nothing(capsys) -> None:
    assert type(progress.progress(quiet=False)) is Plain
    shown = progress.progress(quiet=True)
    assert isinstance(shown, Quiet)
    shown.phase("a", "b", 1)
    shown.advance()
    shown.line("c")
    assert capsys.readouterr().err == ""
