"""Muon's step is the semi-orthogonal matrix nearest to the momentum, for matrices and kernels."""

from __future__ import annotations

import pytest
import torch

from bench.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 12, 12), (2, 8, 40), (2, 40, 8)])
def test_singular_values_come_near_1_and_vectors_stay(shape):
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, _, v = torch.linalg.svd(given, full_matrices=False)
    values = u.mT @ orthogonal(given) @ v.mT  # diagonal, where the singular vectors are those of what was given
    diagonal = values.diagonal(dim1=1, dim2=2)
    assert 0.6 < float(diagonal.min()) and float(diagonal.max()) < 1.25
    assert float((values - torch.diag_embed(diagonal)).abs().max()) < 1e-9


def test_nothing_stays_nothing_and_sizes_say_nothing():
    assert float(orthogonal(torch.zeros(1, 4, 6)).abs().max()) == 0
    given = torch.randn(1, 4, 6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(orthogonal(given), orthogonal(1000 * given), atol=1e-5)


def test_the_first_step_is_downhill_of_the_length_asked_for():
    weight = torch.nn.Parameter(torch.zeros(6, 6))
    weight.grad = torch.eye(6) * 5
    Muon([weight], lr=0.1).step()
    found = -weight.detach().diagonal()
    assert bool((found > 0.06).all()) and bool((found < 0.125).all())


def test_a_kernel_is_a_matrix_of_its_outputs_by_all_else_and_shapes_do_not_meet():
    draw = torch.Generator().manual_seed(2)
    kernels = [torch.randn(8, 3, 3, 3, generator=draw) for _ in range(2)]
    flat, other = [k.flatten(1).clone() for k in kernels], torch.randn(5, 4, generator=draw)
    some = [torch.nn.Parameter(k.clone()) for k in (*kernels, *flat, other)]
    for p in some:
        p.grad = p.detach().sin()
    Muon(some, lr=0.02, weight_decay=0.1).step()
    for kernel, matrix in zip(some[:2], some[2:4], strict=True):
        assert torch.allclose(kernel.flatten(1), matrix, atol=1e-6)
    alone = torch.nn.Parameter(other.clone())
    alone.grad = other.sin()
    Muon([alone], lr=0.02, weight_decay=0.1).step()
    assert torch.equal(alone, some[4])


def test_it_finds_the_least_squares_solution_that_others_find():
    draw = torch.Generator().manual_seed(3)
    inputs, wanted = torch.randn(64, 8, generator=draw), torch.randn(6, 8, generator=draw)
    weight = torch.nn.Parameter(torch.zeros(6, 8))
    optimiser = Muon([weight], lr=0.05)
    for step in range(1000):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / 1000)
        optimiser.zero_grad()
        (inputs @ weight.T - inputs @ wanted.T).square().mean().backward()
        optimiser.step()
    assert float((weight.detach() - wanted).abs().max()) < 0.05


def test_against_the_matrices_of_torch():
    """torch.optim.Muon, where it is there, has the same rule for what has two dimensions."""
    theirs = getattr(torch.optim, "Muon", None)
    if theirs is None:
        pytest.skip("this torch has none")
    draw = torch.Generator().manual_seed(4)
    start = torch.randn(10, 6, generator=draw)
    ours, other = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    one = Muon([ours], lr=0.02, weight_decay=0.1)
    two = theirs([other], lr=0.02, weight_decay=0.1, momentum=0.95, nesterov=True)
    for _ in range(3):
        gradient = torch.randn(10, 6, generator=draw)
        ours.grad, other.grad = gradient.clone(), gradient.clone()
        one.step()
        two.step()
    # theirs rounds its iterations to bfloat16
    assert float((ours - other).abs().max()) < 0.01 * 3 * 0.02 * 2 and not torch.equal(ours, start)
