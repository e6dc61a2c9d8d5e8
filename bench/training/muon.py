"""Muon: momentum made orthogonal, for the matrices and convolutions of a network.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon): the step of a weight is the nearest semi-orthogonal
matrix to its momentum, found by Newton-Schulz iterations, so that every direction of a layer moves at one rate. Small
networks of few steps come as far in half as many. torch.optim.Muon has no convolutions; here a kernel is a matrix of
its outputs by all else. Embeddings, first and last layers, gains and biases are AdamW's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that the iterations apply to singular values: steepest at 0, all of (0, 1] ends within 0.7 to 1.2."""


class Muon(torch.optim.Optimizer):
    """params: tensors of two or more dimensions. lr: length of a step, whose matrix has singular values near 1 (times
    the square root of outputs over inputs, where there are more outputs). momentum: Nesterov's. weight_decay: as in
    AdamW, times lr."""

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step of all that has a gradient."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append(p)
            for params in alike.values():
                self._step(params, group)

    def _step(self, params: list[torch.Tensor], group: dict[str, Any]) -> None:
        """Of tensors of one shape, in one batch of products."""
        gradients = [p.grad for p in params if p.grad is not None]
        past = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in params]
        torch._foreach_lerp_(past, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, past, group["momentum"])
        steps = orthogonal(torch.stack([step.flatten(1) for step in ahead]))
        steps = steps * (group["lr"] * max(1.0, steps.shape[1] / steps.shape[2]) ** 0.5)
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_sub_(params, [step.view_as(p) for p, step in zip(params, steps, strict=True)])


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """(n, r, c) -> about U V^T of each matrix U S V^T, with singular values of 0.7 to 1.2; 0 stays 0."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):  # x <- a x + (b s + c s^2) x with s = x x^T
        square = torch.bmm(x, x.mT)
        square = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, square, x, beta=a)
    return x.mT if tall else x
