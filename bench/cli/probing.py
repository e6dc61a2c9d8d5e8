"""`bench probe`: fusion strategies by themselves, without a generator."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import json_option, print_json, table, whole_numbers
from bench.cli.say import say

_COUNT = click.IntRange(min=1)


@click.command()
@click.argument("fusion", nargs=-1)
@click.option("--seeds", default="0,1,2", show_default=True, help="Of the strategies' first weights and data order.")
@click.option("--steps", type=click.IntRange(min=0), default=400, show_default=True, help="Of training.")
@click.option("--rows", type=click.IntRange(min=64), default=4096, show_default=True, help="Scenes to learn from.")
@click.option("--gallery", type=click.IntRange(min=10), default=100, show_default=True, help="Captions to rank.")
@click.option("--tested", type=click.IntRange(min=64), default=512, show_default=True, help="Test scenes.")
@click.option("--budget", type=click.IntRange(min=2000), default=12_000, show_default=True,
              help="Parameters of each strategy.")  # fmt: skip
@click.option("--threads", type=_COUNT, help="Of torch; sums of other lengths round differently.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@json_option
def probe(
    fusion: tuple[str, ...], seeds: str, threads: int | None, quiet: bool, as_json: bool, **settings: int
) -> None:
    """Probe fusion strategies: FUSION, e.g. attention film "gated(frozen=true)"; without any, all that are registered.

    Each is trained for the same steps between frozen features of scenes and a frozen text encoder, and then asked
    which caption belongs to which image (R@1, R@5, R@10 of a gallery), and by linear probes whether a caption is true
    or has one edit (colour, shape, binding, relation). Intervals: 95 %, over other rows and seeds. `none` is at chance.

    \b
        bench probe none film attention
        bench probe --seeds 0,1,2,3,4 --json > probe.json
    """
    import torch

    from bench import registry
    from bench.cli.progress import progress
    from bench.generators.reference.fusing import strategy
    from bench.training.probe import Protocol
    from bench.training.probe import probe as probed

    chosen = [strategy(text) for text in fusion or registry.entries("fusion")]  # all are known, or none is probed
    numbers = whole_numbers("--seeds", seeds)
    if threads is not None:
        torch.set_num_threads(threads)
    protocol = Protocol(**settings)
    shown = progress(quiet)
    click.get_current_context().call_on_close(shown.close)
    found = []
    for spec in chosen:
        shown.phase(str(spec), "probe", len(numbers) * max(1, protocol.steps))
        found.append(probed(spec, numbers, protocol, lambda *_: shown.advance(1)))
    shown.close()
    if as_json:
        print_json({"protocol": {"digest": protocol.digest(), **vars(protocol)}, "strategies": found})
        return
    say(_text(found, protocol))


def _text(found: list[Any], protocol: Any) -> str:
    """A table of the retrieval and one of the probes, best binding first, and what they rest on."""
    order = sorted(found, key=lambda one: -one.numbers["binding"].value)
    columns = list(order[0].numbers)
    parts = []
    for names in ([c for c in columns if "@" in c], [c for c in columns if "@" not in c]):
        head = ["strategy", "parameters", *(f"{n} ({order[0].numbers[n].chance:g})" for n in names)]
        rows = [[one.fusion, str(one.parameters), *(_cell(one.numbers[n]) for n in names)] for one in order]
        parts.append(table(rows, head))
    seeds = ", ".join(map(str, order[0].seeds))
    tested = ", ".join(f"{order[0].numbers[n].n} {n}" for n in columns if "@" not in n)
    parts.append(
        f"In brackets: chance, and 95 % intervals over rows and seeds ({seeds}). Gallery {protocol.gallery}; test "
        f"scenes: {tested}; {protocol.steps} steps.\n"
        f"Only tables of one protocol compare; this is {protocol.digest()[:8]}."
    )
    return "\n\n".join(parts)


def _cell(one: Any) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
