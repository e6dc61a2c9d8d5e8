"""Weights of reference generators as training leaves them, without a training: small tests need a network only."""

from __future__ import annotations

import json

import pytest
import torch

from bench import registry
from bench.formats.large_files import sha256
from bench.generators.reference.fusing import about
from bench.generators.reference.trained import Trained
from bench.spec import Spec


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Batches are filled up: four rows are enough here."""
    monkeypatch.setattr(Trained, "batch_size", 4)


def weights_of(folder, name, seed=0, size=0.1, **params):
    """Text form of generator `name` with weights that say something: neither 0 nor the identity."""
    from safetensors.torch import save_file

    generator = registry.create("generator", name, params)
    torch.manual_seed(seed)
    network = generator.build()
    with torch.no_grad():
        draw = torch.Generator().manual_seed(seed)
        for parameter in network.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=draw))
    path = folder / f"{name}-{seed}.safetensors"
    save_file({k: v.detach().half().contiguous() for k, v in network.state_dict().items()}, path)
    card = {**about(name, generator.side, generator.strategy, False, generator.train_seed), "sha256": sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(card))
    return str(Spec(name, {**params, "weights": str(path)}))
