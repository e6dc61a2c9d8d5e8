"""The pytest plug-in: one test for each comparison of the gate.

    pytest --t2i-run RUN --t2i-baseline main --t2i-policy gate.toml

Nothing of the suite is imported unless the options are given, so that other people's tests start as fast as before.
A regression is a failure, what cannot be compared or is incomplete an error, what the data cannot decide a skip with a
warning (a failure with --t2i-strict). Every worker of xdist judges for itself: that takes less than a second, and all
see the same tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.regression.verdict import Item, Verdict

_KEY = pytest.StashKey[Any]()
"""Where the verdict is kept in a session's stash."""


class GateWarning(UserWarning):
    """A comparison that is inconclusive."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("text-image-bench", "regression tests of text-to-image models")
    group.addoption("--t2i-run", default="", metavar="RUN", help="run to judge: a run's folder or label")
    group.addoption("--t2i-root", default="runs", metavar="DIR", help="folder of the runs")
    group.addoption("--t2i-baseline", action="append", default=[], metavar="NAME", help="baseline; may be repeated")
    group.addoption("--t2i-baselines", default="baselines", metavar="DIR", help="folder of the baselines")
    group.addoption("--t2i-policy", default="", metavar="FILE", help="gate.toml")
    group.addoption("--t2i-strict", action="store_true", help="inconclusive is a failure")
    group.addoption("--t2i-update-baseline", default="", metavar="REASON", help="set the baseline to the run instead")
    group.addoption("--t2i-report", default="", metavar="DIR", help="write the comparison page there")


def pytest_configure(config: pytest.Config) -> None:
    given = config.getoption("--t2i-run"), config.getoption("--t2i-baseline")
    if any(given) and not all(given):
        raise pytest.UsageError("--t2i-run and --t2i-baseline belong together: a run, and what it is held against.")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Under xdist whoever hands out the tests collects none: baseline and page are written here, before any worker."""
    config = session.config
    if config.getoption("--t2i-run") and config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        _verdict(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the gate's tests before -k chooses among all."""
    if config.getoption("--t2i-run"):
        collector = _Gate.from_parent(session, name="gate", nodeid="gate")
        items.extend(collector.collect())


@pytest.fixture(scope="session")
def t2i_verdict(request: pytest.FixtureRequest) -> Verdict:
    """The gate's verdict (`bench.regression.verdict.Verdict`), for assertions of one's own."""
    if not request.config.getoption("--t2i-run"):
        pytest.skip("no --t2i-run is given")
    return _verdict(request.config)


def _verdict(config: pytest.Config) -> Verdict:
    """Judged once a process. A failure of the suite's own kind ends pytest with its sentence."""
    if _KEY not in config.stash:
        from bench.errors import BenchError

        try:
            config.stash[_KEY] = _judged(config)
        except BenchError as error:
            raise pytest.UsageError(*error.messages) from None
    return config.stash[_KEY]


def _judged(config: pytest.Config) -> Verdict:
    import dataclasses
    from pathlib import Path

    from bench.errors import UsageError
    from bench.regression import baseline as files
    from bench.regression.gate import gate
    from bench.regression.naming import found_run
    from bench.regression.policy import policy_at
    from bench.regression.report import report
    from bench.regression.verdict import options

    home, names = Path(config.getoption("--t2i-baselines")), config.getoption("--t2i-baseline")
    run = found_run(config.getoption("--t2i-run"), config.getoption("--t2i-root"))
    reason, first = config.getoption("--t2i-update-baseline"), [n for n in names if n not in files.names(home)]
    worker = hasattr(config, "workerinput")
    for name in names if reason else first:
        if worker:
            continue  # written once, by whoever hands out the tests
        new = files.candidate(run, name, reason or "first candidate, written by pytest", home)
        old = files.renewed(files.read(home, name), new) if name not in first else new
        written = files.write(old, home, replace_it=True)
        said = f"Baseline '{name}' was written; commit {' and '.join(map(str, written))}"
        if not reason:
            raise UsageError(f"{said}, if it is what later runs are to be held against. Nothing was judged.")
        config.issue_config_time_warning(GateWarning(said), 2)
    held = [files.read(home, name) for name in names]
    verdict = gate(run, held, policy_at(config.getoption("--t2i-policy")), home=home)
    policy, strict = config.getoption("--t2i-policy"), config.getoption("--t2i-strict")
    verdict = dataclasses.replace(verdict, options=options(policy=policy, baselines=str(home), strict=strict))
    if config.getoption("--t2i-report") and not worker:
        report(verdict, run, held, home, Path(config.getoption("--t2i-report")))
    return verdict


class _Gate(pytest.Collector):
    """All comparisons of a verdict, and what was found before them."""

    def collect(self) -> Iterator[pytest.Item]:
        verdict = _verdict(self.config)
        for line in verdict.differences:
            yield _Found.from_parent(self, name="comparable", outcome="not comparable", text=line)
        for finding in verdict.findings:
            if finding.outcome != "pass":
                yield _Found.from_parent(self, name=finding.kind, outcome=finding.outcome, text=finding.text)
        for item in verdict.items:
            held = f" vs {item.baseline}" if len(verdict.baselines) > 1 else ""
            name = f"{verdict.dataset}::{item.name}{held}"
            yield _Compared.from_parent(self, name=name, item=item, verdict=verdict)


class _Failed(Exception):
    """A verdict that is told without a traceback."""


class _Judged(pytest.Item):
    """A test that ends as its outcome says."""

    outcome: str
    blocking = True

    def told(self) -> str:
        """What is printed when it does not pass; each kind has its own."""
        raise NotImplementedError

    def setup(self) -> None:
        if self.blocking and self.outcome in ("not comparable", "incomplete"):
            raise _Failed(self.told())

    def runtest(self) -> None:
        if not self.blocking:
            return
        strict = self.config.getoption("--t2i-strict")
        if self.outcome == "regressed" or (self.outcome == "inconclusive" and strict):
            raise _Failed(self.told())
        if self.outcome == "inconclusive":
            self.warn(GateWarning(self.told().splitlines()[0]))
            pytest.skip(self.told())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int, str]:
        return "gate", 0, self.name


class _Found(_Judged):
    """A collapse, missing images, a broken prompt, or two runs that are not comparable."""

    def __init__(self, *, outcome: str, text: str, **more: Any) -> None:
        super().__init__(**more)
        self.outcome, self.text = outcome, text

    def told(self) -> str:
        return self.text


class _Compared(_Judged):
    """One metric (or slice) against one baseline."""

    def __init__(self, *, item: Item, verdict: Verdict, **more: Any) -> None:
        super().__init__(**more)
        self.item, self.verdict = item, verdict
        self.outcome, self.blocking = item.outcome, item.blocking
        for key in ("outcome", "delta", "low", "high", "margin", "prompts", "detectable"):
            self.user_properties.append((key, getattr(item, key)))

    def told(self) -> str:
        from bench.regression import forms

        lines = [forms.sentence(self.item)]
        if self.item.detectable is not None:
            lines.append(f"The smallest true drop seen with 80 % power is {self.item.detectable:.3g}.")
        lines += [f"  {forms.line(fall)}" for fall in self.item.falls]
        return "\n".join([*lines, f"again: {forms.reproduce(self.verdict)}"])
