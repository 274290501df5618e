"""What the fused kernels compute, held against the formula. `test_kernels.py` runs this file.

In Triton's interpreter on the CPU, or on a GPU with bfloat16 as well and longer sequences.
"""

import math
import random
from itertools import product

import pytest
import torch
import torch._dynamo.testing
import triton
import triton.language as tl
from ragged import DEVICE, assert_as_exact_as, example, explicit, largest_score, results

from minibert.errors import ConfigError
from minibert.kernels import fused, fused_attention, keep_mask, tiles, triton_attention
from minibert.kernels import random as by_place
from minibert.kernels.tiles import Tile, Tiles

GPU = DEVICE.type == "cuda"
DTYPES = [torch.float16, torch.float32, *([torch.bfloat16] if GPU else [])]
on_gpu = pytest.mark.skipif(not GPU, reason="only a GPU can show it")
interpreted = pytest.mark.skipif(GPU, reason="float64 is for the interpreter")


def ragged_lengths(seed, longest):
    """Short and long, one empty in between, one of length 1, and empty ones at the end."""
    draw = random.Random(seed)
    return [draw.randint(2, longest), 0, 1, draw.randint(longest // 2, longest), 0, 0]


def attend(given, dropout_p=0.0, seed=0, **options):
    """`fused_attention` with its seed drawn from a generator that stands at `seed`."""

    def function(*inputs):
        torch.manual_seed(seed)
        return fused_attention(*inputs, given.cu_seqlens, given.longest, dropout_p, **options)

    return function


def mask_of(given, dropout_p, seed=0):
    """What `attend` keeps with the same arguments."""
    torch.manual_seed(seed)
    drawn = by_place.draw_seed(DEVICE)
    heads = given.query.shape[1]
    return keep_mask(drawn, len(given.cu_seqlens) - 1, heads, given.longest, dropout_p)


def in_three_ways(given, dropout_p=0.0):
    """Context and gradients: ours, the formula's in the same precision, and in float64."""
    keep = mask_of(given, dropout_p) if dropout_p else None

    def formula(*inputs):
        return explicit(*inputs, given.cu_seqlens, dropout_p, keep)

    ours = results(attend(given, dropout_p), given)
    return ours, results(formula, given), results(formula, given, torch.float64)


# What is computed


SOME = [(16, 0.0), (32, 0.1), (64, 0.0), (128, 0.1)]  # the interpreter is slow


@pytest.mark.parametrize(
    ("width", "dropout_p"), product((16, 32, 64, 128), (0.0, 0.1)) if GPU else SOME
)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_context_and_gradients_are_as_exact_as_the_formula(dtype, width, dropout_p):
    lengths = ragged_lengths(width, 700 if GPU else 70)
    given = example(lengths, heads=4 if GPU else 1, width=width, dtype=dtype)
    assert_as_exact_as(*in_three_ways(given, dropout_p))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_several_heads_stay_apart(dtype):
    assert_as_exact_as(*in_three_ways(example([20, 37], heads=3, dtype=dtype), 0.3))


@interpreted
def test_float64_is_float64():
    ours, _, exact = in_three_ways(example([40, 0, 1, 33], heads=1), 0.25)
    for found, right in zip(ours, exact, strict=True):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-13)


@interpreted
def test_gradcheck():
    given = example([3, 0, 1, 34], heads=1)
    inputs = [x.requires_grad_() for x in given.inputs]
    assert torch.autograd.gradcheck(attend(given, 0.5), inputs, fast_mode=True)


@pytest.mark.parametrize("scale", [0.05, 2.0])
def test_another_scale(scale):
    given = example([40, 9], dtype=torch.float32)
    ours = results(attend(given, scale=scale), given)

    def formula(*inputs):
        return explicit(*inputs, given.cu_seqlens, scale=scale)

    naive, exact = results(formula, given), results(formula, given, torch.float64)
    assert_as_exact_as(ours, naive, exact, largest_score(given, scale))


@pytest.mark.parametrize("shape", ["HSS", "B11S", "BHSS", "S"])
def test_a_bias_is_added_and_minus_infinity_hides(shape):
    given = example([40, 0, 33], dtype=torch.float32)
    sizes = {"B": 3, "H": 2, "S": 40, "1": 1}
    bias = torch.randn([sizes[letter] for letter in shape], device=DEVICE)
    bias[..., 2] = -torch.inf
    if shape == "BHSS":
        bias[0, 1, 5] = -torch.inf  # this query has no key at all
        bias[2, :, :, :34] = -torch.inf  # nor has any of this sequence
    whole = bias.expand(3, 2, 40, 40)

    def formula(*inputs):
        return explicit(*inputs, given.cu_seqlens, bias=whole.to(inputs[0].dtype))

    ours = results(attend(given, bias=bias), given)
    naive, exact = results(formula, given), results(formula, given, torch.float64)
    largest = largest_score(given, 16**-0.5) + float(bias[bias > -torch.inf].abs().max())
    assert_as_exact_as(ours, naive, exact, largest)
    if shape == "BHSS":
        assert not ours[0][5, 1].any()
        assert not ours[0][40:].any()
    assert not ours[2][2].any()  # a key that nobody sees has no gradient


def test_a_large_bias_overflows_nowhere():
    """Not even for the rows by which the last tile reaches beyond the end."""
    given = example([40, 33], dtype=torch.float32)
    bias = torch.zeros(40, device=DEVICE)
    bias[7] = 1000
    context, *gradients = results(attend(given, bias=bias), given)
    torch.testing.assert_close(context[:40], given.value[7].expand(40, -1, -1))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_rows_behind_a_length_are_left_alone():
    """What stands in the padding, NaN here, reaches nothing; context and gradients there are 0."""
    lengths, room = [40, 0, 1, 33], 48
    packed = example(lengths, dtype=torch.float32)
    real = torch.arange(room) < torch.tensor(lengths)[:, None]
    padded = [torch.full((4 * room, 2, 16), torch.nan, device=DEVICE) for _ in range(3)]
    for rows, values in zip(padded, packed.inputs, strict=True):
        rows[real.flatten()] = values
    gradient = torch.zeros(4 * room, 2, 16, device=DEVICE)
    gradient[real.flatten()] = packed.gradient
    starts = torch.arange(5, device=DEVICE, dtype=torch.int32) * room
    given = packed._replace(
        query=padded[0], key=padded[1], value=padded[2], gradient=gradient, cu_seqlens=starts,
        longest=room,
    )  # fmt: skip
    counts = torch.tensor(lengths, device=DEVICE)
    found = results(attend(given, 0.3, lengths=counts), given)
    for ours, alone in zip(found, results(attend(packed, 0.3), packed), strict=True):
        assert not ours[~real.flatten()].any()
        torch.testing.assert_close(ours[real.flatten()], alone, rtol=0, atol=0)


def test_nothing_at_all():
    given = example([0, 0])._replace(longest=1)
    found = results(attend(given, 0.1), given, torch.float32)
    assert [tuple(x.shape) for x in found] == [(0, 2, 16)] * 4


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_large_scores_overflow_nowhere(dtype):
    given = example([40, 33], dtype=dtype)
    found = results(attend(given._replace(query=given.query * 100), 0.1), given)
    assert all(torch.isfinite(x).all() for x in found)


def test_rows_that_lie_apart_in_memory():
    """As those of one product for query, key and value, and a gradient that was expanded."""
    given = example([20, 13], dtype=torch.float32)
    joint = torch.cat(given.inputs, -1).requires_grad_()
    context = fused_attention(*joint.split(16, -1), given.cu_seqlens, given.longest)
    context.sum().backward()
    ones = given._replace(gradient=torch.ones_like(given.gradient))
    expected = results(attend(ones), ones)
    torch.testing.assert_close(context, expected[0], rtol=0, atol=0)
    torch.testing.assert_close(joint.grad, torch.cat(expected[1:], -1), rtol=0, atol=0)


# Dropout

SIZES = [Tile(32, 32, 4, 1), Tile(64, 32, 4, 2), Tile(32, 64, 4, 1), Tile(64, 128, 8, 2)]


def eye(length, width=128):
    """(length, 1, width): row i has its 1 at i, to see single elements of a product."""
    return torch.eye(length, width, device=DEVICE)[:, None]


@pytest.mark.parametrize("tile", SIZES, ids=lambda tile: f"{tile.queries}x{tile.keys}")
def test_all_kernels_drop_what_the_mask_says_in_tiles_of_any_size(tile, monkeypatch):
    dtype = torch.bfloat16 if GPU else torch.float32
    monkeypatch.setitem(tiles.TABLE, (dtype.itemsize, 128), Tiles(tile, tile, tile))
    length, dropout_p = 75, 0.4
    given = example([length], heads=1, width=128, dtype=dtype)
    keep = mask_of(given, dropout_p)[0, 0]
    # context = P * K @ 1 and grad_value = (P * K)^T @ 1: what of P is not 0 is kept.
    one = eye(length).to(dtype)
    seen = given._replace(query=0.1 * one, key=one, value=one, gradient=one)
    context, *_, grad_value = results(attend(seen, dropout_p), seen)
    assert torch.equal(context[:, 0, :length] > 0, keep)
    assert torch.equal(grad_value[:, 0, :length].T > 0, keep)
    # Where all gradients of P * K are alike, those of the scores are above 0 just where it is kept.
    ones = torch.ones_like(given.value)
    seen = given._replace(query=one, key=one, value=ones, gradient=ones)
    _, grad_query, grad_key, _ = results(attend(seen, dropout_p), seen)
    assert torch.equal(grad_query[:, 0, :length] > 0, keep)
    assert torch.equal(grad_key[:, 0, :length].T > 0, keep)


@triton.jit
def write_mask(result, seed, first_query, first_key, head, sequence, THRESHOLD: tl.constexpr):
    """A tile of the mask, 32 by 64, wherever it may lie."""
    row, column = tl.arange(0, 32), tl.arange(0, 64)
    keep = triton_attention.keep_tile(
        tl.load(seed), first_query + row, first_key, head, sequence, 64, THRESHOLD
    )
    tl.store(result + row[:, None] * 64 + column[None, :], keep.to(tl.int8))


@pytest.mark.parametrize("seed", [5, 2**62 - 1, 2**33])
@pytest.mark.parametrize(
    "place", [(0, 0, 0, 0), (65_536, 65_536, 0, 0), (2**20, 2**21, 127, 2**17), (31, 32, 1, 3)]
)
def test_the_mask_is_right_beyond_two_to_the_32_elements(seed, place):
    """At query and key 65 536 the running number of an element passes 2**32."""
    result = torch.empty(32, 64, dtype=torch.int8, device=DEVICE)
    drawn = torch.tensor([seed], device=DEVICE)
    limit = by_place.threshold(0.3)
    write_mask[(1,)](result, drawn, *place, THRESHOLD=limit)
    query, key, head, sequence = (torch.tensor(number, device=DEVICE) for number in place)
    rows = query + torch.arange(32, device=DEVICE)[:, None]
    columns = key + torch.arange(64, device=DEVICE)
    expected = by_place.keep_tile(drawn, rows, columns, head, sequence, 0.3)
    assert torch.equal(result.bool(), expected)


@on_gpu
def test_attention_over_more_than_two_to_the_32_elements():
    length, dropout_p = 66_000, 0.5
    given = example([length], heads=1, dtype=torch.bfloat16)
    context = attend(given, dropout_p)(*given.inputs)[-64:, 0]
    torch.manual_seed(0)
    seed, place = by_place.draw_seed(DEVICE), torch.arange(length, device=DEVICE)
    nought = torch.zeros((), dtype=torch.long, device=DEVICE)
    keep = by_place.keep_tile(seed, place[-64:, None], place, nought, nought, dropout_p)
    query, key, value = (x[:, 0].double() for x in given.inputs)
    probs = torch.softmax(query[-64:] @ key.T / 4, -1) * keep / (1 - dropout_p)
    torch.testing.assert_close(context.double(), probs @ value, rtol=0, atol=2e-4)


def test_dropout_follows_torchs_generator():
    given = example([40, 20], dtype=torch.float32)
    torch.manual_seed(1)
    first, second = (attend_on(given) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(attend_on(given), first)


def attend_on(given, dropout_p=0.5):
    return fused_attention(*given.inputs, given.cu_seqlens, given.longest, dropout_p)


def test_no_dropout_draws_no_number():
    torch.manual_seed(1)
    expected = torch.rand(1, device=DEVICE)
    torch.manual_seed(1)
    attend_on(example([5], dtype=torch.float32), 0.0)
    assert torch.equal(torch.rand(1, device=DEVICE), expected)


def test_dropping_everything():
    given = example([40], dtype=torch.float32)
    for found in results(attend(given, 1.0), given):
        assert not found.any()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_same_to_the_bit_each_time(dtype):
    lengths = ragged_lengths(3, 3000 if GPU else 70)
    given = example(lengths, heads=12 if GPU else 1, dtype=dtype)
    first = results(attend(given, 0.1), given)
    for _ in range(5 if GPU else 1):
        for found, expected in zip(results(attend(given, 0.1), given), first, strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_largest_and_smallest_tiles_agree(dtype, monkeypatch):
    """Whatever the table says: a short longest sequence changes the tiles, not the result."""
    given = example([30, 9, 1], heads=1, dtype=dtype)
    short = results(attend(given, 0.2), given)
    long = given._replace(longest=300)
    for found, expected in zip(results(attend(long, 0.2), given), short, strict=True):
        bound = 4 * torch.finfo(dtype).eps * float(expected.detach().abs().max())
        torch.testing.assert_close(found, expected, rtol=0, atol=bound)


# As a function of PyTorch


def test_opcheck():
    given = example([9, 0, 4], heads=1, dtype=torch.float32)
    lengths = torch.tensor([8, 0, 4], device=DEVICE)
    bias = torch.zeros(3, 1, 1, 9, device=DEVICE)
    where = given.cu_seqlens, lengths, bias, by_place.draw_seed(DEVICE)
    numbers = given.longest, 0.2, 0.25
    inputs = [x.requires_grad_() for x in given.inputs]
    torch.library.opcheck(fused._forward, (*inputs, *where, *numbers))
    inputs = [x.detach() for x in inputs]
    kept = fused._forward(*inputs, *where, *numbers)
    arguments = given.gradient, *inputs, *kept, *where, *numbers
    torch.library.opcheck(fused._backward, arguments)


def test_under_autocast_it_takes_the_low_precision():
    given = example([40, 9], dtype=torch.float32)
    low = torch.bfloat16 if GPU else torch.float16
    inputs = [x.requires_grad_() for x in given.inputs]
    with torch.autocast(DEVICE.type, low):
        context = fused_attention(*inputs, given.cu_seqlens, given.longest)
    assert context.dtype == low
    context.sum().backward()
    assert all(x.grad.dtype == torch.float32 for x in inputs)
    rounded = attend(given)(*(x.to(low) for x in given.inputs))
    torch.testing.assert_close(context, rounded, rtol=0, atol=0)


def test_one_whole_graph_under_compile():
    """Also for other lengths, without compiling anew each time."""
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")

    @torch.compile(fullgraph=True, dynamic=True, backend=counter)
    def compiled(query, key, value, cu_seqlens, longest):
        return fused_attention(query, key, value, cu_seqlens, longest, 0.2) * 2

    for lengths in ([9, 4], [20, 5], [11, 3]):
        given = example(lengths, heads=1, dtype=torch.float32)

        def function(*inputs, given=given):
            torch.manual_seed(0)
            return compiled(*inputs, given.cu_seqlens, given.longest)

        def plain(*inputs, given=given):
            return attend(given, 0.2)(*inputs) * 2

        for found, expected in zip(results(function, given), results(plain, given), strict=True):
            torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert counter.frame_count == 1


@on_gpu
def test_a_cuda_graph_draws_anew_at_each_replay():
    given = example([300, 40], dtype=torch.bfloat16)
    for _ in range(2):
        attend_on(given)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        context = attend_on(given)
    torch.cuda.manual_seed(3)
    graph.replay()
    first = context.clone()
    graph.replay()
    assert torch.isfinite(first).all()
    assert not torch.equal(first, context)
    torch.cuda.manual_seed(3)
    graph.replay()
    assert torch.equal(first, context)


@on_gpu
def test_float32_is_tf32_only_where_asked_for(monkeypatch):
    given = example([500], width=64, dtype=torch.float32)
    exact = explicit(*(x.double() for x in given.inputs), given.cu_seqlens)
    error = float((attend(given)(*given.inputs) - exact).abs().max())
    torch.set_float32_matmul_precision("high")
    try:
        fast = float((attend(given)(*given.inputs) - exact).abs().max())
    finally:
        torch.set_float32_matmul_precision("highest")
    assert error < 1e-5 < fast < 1e-2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"query": torch.zeros(3, 2, 16)}, "must share one shape"),
        ({"key": torch.zeros(9, 2, 16).double()}, "must share one dtype"),
        ({"cu_seqlens": torch.tensor([0.0, 9.0])}, "cu_seqlens must be a row of whole numbers"),
        ({"lengths": torch.tensor([[9]])}, "lengths must be a row of whole numbers"),
        ({"lengths": torch.tensor([4, 5])}, "2 lengths for 1 sequences"),
        ({"dropout_p": 1.5}, "1.5 is no probability"),
        ({"dropout_p": -0.1}, "-0.1 is no probability"),
        ({"scale": 0.0}, "scale must be above 0"),
        ({"bias": torch.zeros(8)}, r"bias \(8,\) does not broadcast to .* \(1, 2, 9, 9\)"),
        ({"bias": torch.zeros(1, 1, 2, 9, 9)}, "does not broadcast"),
        ({"bias": torch.zeros(9, requires_grad=True)}, "gets no gradient"),
        (
            {name: torch.zeros(9, 2, 24) for name in ("query", "key", "value")},
            "heads are 16, 32, 64, 128 numbers wide, not 24",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused(change, complaint):
    fine = {name: torch.zeros(9, 2, 16) for name in ("query", "key", "value")}
    fine |= {"cu_seqlens": torch.tensor([0, 9]), "max_seqlen": 9}
    given = {
        name: value.to(DEVICE) if isinstance(value, torch.Tensor) else value
        for name, value in (fine | change).items()
    }
    with pytest.raises(ConfigError, match=complaint):
        fused_attention(**given)


def test_the_mask_drops_at_the_right_rate():
    """To 4 standard deviations, read out of the kernel: uniform attention, values of 1."""
    lengths, dropout_p = [64, 50, 64], 0.1
    given = example(lengths, heads=2, dtype=torch.float32)
    given = given._replace(query=torch.zeros_like(given.query), value=torch.ones_like(given.value))
    kept = attend(given, dropout_p)(*given.inputs)[..., 0] * (1 - dropout_p)
    counts = torch.tensor(lengths, device=DEVICE).repeat_interleave(
        torch.tensor(lengths, device=DEVICE)
    )
    elements = 2 * sum(length**2 for length in lengths)
    rate = float((kept.double() * counts[:, None]).sum()) / elements
    assert abs(rate - (1 - dropout_p)) < 4 * math.sqrt(dropout_p * (1 - dropout_p) / elements)
