"""Weights that a training begins with (`bench train ... --from FILE`): checked against their card, told of in the new
one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from bench import registry
from bench.generators.reference.trained import Trained
from bench.spec import Spec
from bench.statedict import load
from bench.training.recipes import How


@dataclass(frozen=True)
class Begun:
    """Weights of an earlier training of the same system."""

    path: Path
    card: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.card["sha256"])

    def into(self, network: nn.Module) -> None:
        """Load them."""
        load(network, self.path, str(self.card["generator"]))

    def told(self) -> dict[str, Any]:
        """What the card of what comes of them says of them."""
        kept = ("sha256", "command", "recipe", "figures", "made with", "begun from")
        return {"begun from": {key: self.card[key] for key in kept if key in self.card}}


def begun(name: str, how: How, fusion: Spec) -> Begun | None:
    """The weights that a command begins with; None where it names none. WeightsMissing where there is no such file,
    DataError for one that is damaged, without a card, or of another system."""
    if not how.begin:
        return None
    given = {"side": how.side, "blind": how.blind, "train_seed": how.seed or 0, "weights": how.begin}
    system = registry.create("generator", name, given)
    assert isinstance(system, Trained)
    system.fuse(fusion)
    return Begun(system.path(), system.card())
