"""Boards made by hand: plausible scores of S systems on C columns, with every kind of row, and names of strangers.

Prompt scores are simulated jointly (ease of the prompt, skill of the system, noise), and everything of a board follows
from them as it would from runs: means, errors of all pairs, reach, ranks, shares, letters. Nothing is read or written.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from bench.reports.board.nouns import (
    Board,
    BoardRow,
    BoardSpec,
    Column,
    DatasetSpec,
    Effect,
    Factorial,
    MetricSpec,
    OrderSpec,
    Pairs,
)
from bench.reports.board.pairs import different
from bench.reports.comparison.nouns import Cell
from bench.reports.numbers import decimals
from bench.stats.letters import letters
from bench.stats.ranks import rank_intervals

EVIL = "</script><img src=x onerror=alert(1)>"
STRANGE = (
    EVIL, "x" * 500, "\u202eright to left אבגד", "图像生成模型 🐉 é", "$\\foo$ {{ 7*7 }} {% raw %}", "=HYPERLINK(\"http://evil\")",
    "word " * 60, "\"' &amp; <b>bold</b>", "twice", "twice", "+1", "@sum", "-2+3", "javascript:alert(1)",
)  # fmt: skip
GENERATORS = ("flow", "pixart", "sdxl", "mdlm", "unet", "vqgan", "gan", "ar-large", "ar-small", "kandinsky")
FUSIONS = ("", "concat", "film", "attention")
SKILLS = (
    ("VQAScore", "vqa-score", "value", "higher", 0.7, 0.06, ""),
    ("Objects present", "object-presence", "value", "higher", 0.62, 0.1, ""),
    ("FID", "fd(extractor=inception-v3,k=3)", "value", "lower", 24.0, 5.0, ""),
    ("CLIPScore", "clipscore", "value", "higher", 27.0, 1.5, ""),
    ("Relations hold", "relation(rule=visor)", "value", "higher", 0.31, 0.1, ""),
    ("Text legible", "ocr", "accuracy", "higher", 0.2, 0.12, ""),
    ("Colours right", "color", "value", "higher", 0.55, 0.1, ""),
    ("Counting error", "counting", "error", "lower", 1.8, 0.4, "objects"),
    ("Vendi score", "vendi", "value", "none", 140.0, 12.0, ""),
)
"""label, metric, output, direction, typical value, typical spread, unit"""


def digest(text: str, length: int = 64) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def board(
    systems: int = 12,
    columns: int = 6,
    *,
    controls: int = 2,
    external: int = 2,
    unranked: int = 2,
    hostile: bool = False,
    prompts: int = 400,
    seed: int = 0,
    spread: float = 1.0,
    own: int = 0,
    scale: float = 1.0,
    primary: int = 10,
) -> Board:
    """A board of so many rows and columns.

    hostile: names, reasons and labels of strangers; spread: of the systems' skills (0: all tie); own: so many systems
    lack a value and have differences of their own, on the prompts that both have; scale: of all scores; primary: so
    many columns are in the family.
    """
    rng = np.random.default_rng(seed)
    skill = np.sort(rng.normal(size=systems))[::-1] * spread
    made = [_column(c, hostile, scale, primary) for c in range(columns)]
    cells, pairs = [], {}
    for at, (column, level, unit) in enumerate(made):
        found, paired = _scores(rng, column, level, unit, skill if at == 0 else _own_skill(rng, skill), prompts, own)
        cells.append(found)
        if paired is not None:
            pairs[column.id] = paired
    _ranked(made[0][0], cells, pairs)
    made = [
        (replace(c, decimals=decimals([x.half for x in own_cells], [x.value for x in own_cells])), level, unit)
        for (c, level, unit), own_cells in zip(made, cells, strict=True)
    ]
    rows = _systems(rng, systems, cells, hostile, prompts)
    rows += _others(rng, made, controls, external, unranked, hostile)
    first = made[0][0]
    return Board(
        _spec(made, hostile, prompts), tuple(c for c, _, _ in made), tuple(rows), first.id, pairs,
        tuple(letters(different(pairs[first.id]))), _factorial(rows, first) if systems > 1 else None,
        (f"A note of the board with {EVIL}" if hostile else "Two runs were made on another machine.",),
    )  # fmt: skip


def _ranked(column: Column, cells: list[list[Cell]], pairs: dict[str, Pairs]) -> None:
    """Bring all into the order of the first column."""
    sign = -1 if column.direction == "lower" else 1
    order = sorted(range(len(cells[0])), key=lambda i: -sign * (cells[0][i].value or 0))
    for own in cells:
        own[:] = [own[i] for i in order]
    for key, p in pairs.items():
        square = np.ix_(order, order)
        pairs[key] = replace(
            p, delta=p.delta[square], error=p.error[square], reach=p.reach[order], rank_shares=p.rank_shares[order],
            ranks=tuple(p.ranks[i] for i in order),
        )  # fmt: skip


def _own_skill(rng: np.random.Generator, skill: np.ndarray) -> np.ndarray:
    return 0.7 * skill + 0.7 * rng.normal(size=len(skill))


def _column(c: int, hostile: bool, scale: float, primary: int) -> tuple[Column, float, float]:
    label, metric, output, direction, level, unit, units = SKILLS[c % len(SKILLS)]
    dataset = ("scenes-test", "partiprompts", "coco-30k", "geneval")[c // len(SKILLS) % 4]
    if hostile:
        label = f"{label} {STRANGE[c % len(STRANGE)]}"
    return Column(
        id=f"{dataset}/{metric}.{output}" + (f"#{c}" if c >= 4 * len(SKILLS) else ""), dataset=dataset, metric=metric,
        output=output, protocol=digest(f"protocol {c}"), label=label, direction=direction,
        title=f"{label} as published" if c % 3 == 0 else "", unit=units,
        meaning=f"What {label} says about an image and its prompt.", primary=c < primary, shown=c < 7,
        caveat="weights trained by this project" if c % 5 == 4 else "",
    ), level * scale, unit * scale  # fmt: skip


def _scores(rng, column, level, unit, skill, prompts, own) -> tuple[list[Cell], Pairs | None]:
    """Cells and pairs of one column; with `own`, the last system lacks a number where lower or nothing is better."""
    sign = -1 if column.direction == "lower" else 1
    ease = rng.normal(size=prompts)
    noise = rng.normal(size=(len(skill), prompts)) * rng.uniform(0.6, 1.6, size=(len(skill), 1))
    scores = level + sign * unit * (0.5 * skill[:, None] + ease + noise)
    mean, error = scores.mean(1), scores.std(1, ddof=1) / np.sqrt(prompts)
    covariance = np.cov(scores) / prompts if len(skill) > 1 else np.array([[error[0] ** 2]])
    variance = np.diag(covariance)
    apart = np.sqrt(np.maximum(variance[:, None] + variance[None] - 2 * covariance, 0))
    np.fill_diagonal(apart, 0)
    delta = mean[:, None] - mean[None]
    notes = {}
    for i in range(len(skill) - own, len(skill)):
        shift = 0.3 * unit * rng.normal(size=len(skill)) / np.sqrt(prompts)
        delta[i] += shift
        delta[:, i] -= shift
        delta[i, i] = 0
    if own and column.direction != "higher":
        i = len(skill) - 1
        notes[i] = "fewer images than the metric's minimum"
        delta[i, :] = delta[:, i] = apart[i, :] = apart[:, i] = np.nan
    reach = 2.0 + 0.45 * np.log10(max(len(skill), 2)) + 0.1 * rng.uniform(size=len(skill))
    cells = [
        Cell(None, n=0, note=notes[i]) if i in notes else
        Cell(float(m), float(m - 1.96 * e), float(m + 1.96 * e), "bootstrap", prompts, protocol=column.protocol)
        for i, (m, e) in enumerate(zip(mean, error, strict=True))
    ]  # fmt: skip
    half = reach[:, None] * apart
    there = [i for i in range(len(skill)) if i not in notes]
    apart_there, half_there = (sign * delta)[np.ix_(there, there)], half[np.ix_(there, there)]
    ranks = [(0, 0)] * len(skill)
    for i, rank in zip(there, rank_intervals(apart_there - half_there, apart_there + half_there), strict=True):
        ranks[i] = rank
    drawn = rng.multivariate_normal(mean, covariance, size=300, check_valid="ignore", method="eigh")
    places = (-sign * drawn).argsort(1).argsort(1)
    shares = np.stack([np.bincount(places[:, i], minlength=len(skill)) for i in range(len(skill))]) / len(drawn)
    if column.direction == "none":
        return cells, None
    method = "max-T over each row's own comparisons" if column.primary else "each comparison by itself, not adjusted"
    return cells, Pairs(
        delta, apart, reach, tuple(ranks), shares, prompts, not column.primary,
        f"paired by prompt, {prompts} prompts, {method}", prompts - 1,
    )  # fmt: skip


def _systems(rng, systems, cells, hostile, prompts) -> list[BoardRow]:
    rows = []
    for i in range(systems):
        generator, fusion = GENERATORS[i // 4 % len(GENERATORS)], FUSIONS[i % 4]
        system = f"{generator}(steps={16 + i})+{fusion}".rstrip("+")
        title = f"{generator}+{fusion}".rstrip("+") if systems <= 40 else system
        title = STRANGE[i % len(STRANGE)] if hostile else title
        failed = {"failed": 3, "refused": 2} if i % 7 == 3 else {}
        card = {
            "size": f"{0.4 + 0.3 * (i % 9):.1f} B", "licence": ("Apache-2.0", "CreativeML", "proprietary")[i % 3],
            "training_data": EVIL if hostile else "CC12M, public", "prompts_trained_on": "no",
        }  # fmt: skip
        rows.append(BoardRow(
            digest(f"system {i}", 8), title, "system", tuple(c[i] for c in cells), system, generator, fusion,
            (digest(f"run {i}", 16),), 1 + (i % 3 == 0) * 2, prompts * 2, failed,
            1 - sum(failed.values()) / (2 * prompts), ("self-reported", "re-scored", "regenerated")[i % 3],
            card if i % 4 else {}, latency=float(np.round(rng.lognormal(0, 0.8), 3)) if i % 5 else None,
        ))  # fmt: skip
    return rows


def _others(rng, made, controls, external, unranked, hostile) -> list[BoardRow]:
    def cells(shift: float, bare: bool) -> tuple[Cell | None, ...]:
        found: list[Cell | None] = []
        for c, (column, level, unit) in enumerate(made):
            sign = -1 if column.direction == "lower" else 1
            value = level + sign * unit * (shift + 0.2 * rng.normal())
            half = None if bare else 0.05 * unit
            low, high = (None, None) if half is None else (value - half, value + half)
            found.append(None if bare and c % 2 else Cell(value, low, high, "", 400, protocol=column.protocol))
        return tuple(found)

    names = {"control": ("noise", "real"), "external": ("DALL-E 3", "Imagen"), "unranked": ("old run", "short run")}
    counts = {"control": controls, "external": external, "unranked": unranked}
    source = EVIL if hostile else "Betker et al. 2023, table 2, read 2024-05-01"
    reason = EVIL if hostile else "another prompt list: 3f2a… instead of 9bc1…"
    rows = []
    for role, count in counts.items():
        for i in range(count):
            name = f"{EVIL} {role} {i}" if hostile else names[role][i % 2] + ("" if i < 2 else f" {i}")
            rows.append(BoardRow(
                digest(f"{role} {i}", 8), name, role,
                tuple(None for _ in made) if role == "unranked" else cells((-3, 3)[i % 2], role == "external"),
                source=source if role == "external" else "", reason=reason if role == "unranked" else "",
                images=0 if role == "external" else 800, coverage=None if role == "external" else 1.0,
            ))  # fmt: skip
    return rows


def _spec(made, hostile, prompts) -> BoardSpec:
    names = dict.fromkeys(c.dataset for c, _, _ in made)
    return BoardSpec(
        f"Board {EVIL}" if hostile else "Fusion strategies on scenes", "2024.1",
        tuple(DatasetSpec(n, digest(n), prompts) for n in names),
        tuple(MetricSpec(c.metric, c.output, c.dataset, c.protocol) for c, _, _ in made),
        OrderSpec(made[0][0].metric, made[0][0].output, made[0][0].dataset),
        excluded={"cheat": EVIL if hostile else "trained on the prompts"}, notes=("Runs enter by pull request.",),
        digest=digest("board"),
    )  # fmt: skip


def _factorial(rows: list[BoardRow], column: Column) -> Factorial:
    rng = np.random.default_rng(5)
    found = {(r.generator, r.fusion): r.cells[0].value for r in rows if r.role == "system" and r.cells[0]}
    generators = tuple(dict.fromkeys(g for g, _ in found))
    fusions = tuple(f for f in FUSIONS if any(key[1] == f for key in found))
    effects = []
    for (g, f), value in sorted(found.items()):
        base = found.get((g, ""))
        if value is None:
            continue
        delta = None if f == "" or base is None else value - base
        wide = 0.02 * abs(value)
        more = 0.2 * wide * float(rng.normal())
        effects.append(Effect(
            g, f, value, delta, None if delta is None else delta - wide, None if delta is None else delta + wide,
            None if delta is None else more, None if delta is None else more - wide,
            None if delta is None else more + wide,
        ))  # fmt: skip
    main = []
    for f in fusions:
        deltas = [e.delta for e in effects if e.fusion == f and e.delta is not None]
        if deltas:
            mean = float(np.mean(deltas))
            main.append((f, mean, mean - 0.01, mean + 0.01))
    return Factorial(column.id, generators, fusions, tuple(effects), tuple(main))
