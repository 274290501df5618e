"""The steps that lead to the kernel: all compute attention, each in its own way."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ragged import assert_as_exact_as, example, explicit, results

from minibert.kernels import keep_mask, steps
from minibert.kernels.random import draw_seed

STEPS = (
    steps.naive,
    steps.tiled,
    steps.online,
    steps.programs,
    steps.with_dropout,
    steps.with_backward,
)
every_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
CPU = torch.device("cpu")


@every_step
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@settings(max_examples=4, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(0, 70), min_size=1, max_size=3).filter(any))
def test_a_step_is_attention(step, dtype, lengths):
    given = example(lengths, dtype=dtype, device=CPU)
    ours = results(lambda *qkv: step(*qkv, given.cu_seqlens), given)
    naive = results(lambda *qkv: explicit(*qkv, given.cu_seqlens), given)
    exact = results(lambda *qkv: explicit(*qkv, given.cu_seqlens), given, torch.float64)
    assert_as_exact_as(ours, naive, exact)


@every_step
def test_large_scores_do_not_overflow(step):
    given = example([40, 33], dtype=torch.float32, device=CPU)
    large = given._replace(query=given.query * 100)
    ours = results(lambda *qkv: step(*qkv, given.cu_seqlens), large)
    assert all(torch.isfinite(found).all() for found in ours)


@pytest.mark.parametrize("step", STEPS[4:], ids=lambda step: step.__name__)
@pytest.mark.parametrize("dropout_p", [0.1, 1.0])
def test_a_step_drops_what_the_mask_says(step, dropout_p):
    given = example([0, 35, 1, 64], device=CPU)
    seed = draw_seed(CPU)
    keep = keep_mask(seed, 4, 2, 64, dropout_p)
    ours = results(lambda *qkv: step(*qkv, given.cu_seqlens, dropout_p, seed), given)
    exact = results(lambda *qkv: explicit(*qkv, given.cu_seqlens, dropout_p, keep), given)
    for found, right in zip(ours, exact, strict=True):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-13)
    assert (ours[0].abs().sum() == 0) == (dropout_p == 1)


def test_the_last_step_keeps_no_matrix_of_scores():
    """What autograd holds for the backward pass grows with the length, not with its square."""

    def held(step, length):
        given = example([length], device=CPU)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        ):
            step(*(x.requires_grad_() for x in given.inputs), given.cu_seqlens)
        return sum(sizes)

    assert held(steps.with_backward, 128) < 2.1 * held(steps.with_backward, 64)
    assert held(steps.with_dropout, 128) > 2.5 * held(steps.with_dropout, 64)
