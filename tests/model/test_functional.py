"""The mathematics: small examples worked by hand, and the docstrings' own formulas, executed."""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from minibert import BertConfig, BertModel
from minibert.model import functional


def double(values) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def equal(actual: Tensor, expected: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=atol)


# Formulas as the docstrings state them


def evaluate_formula(function, **values) -> Tensor:
    """The value of the docstring's "Formula:" line; sums, means and variances are over rows."""
    formula = re.search(r"Formula: ([^,\n]+)", function.__doc__).group(1).replace("^T", ".mT")
    words = {
        "erf": torch.erf,
        "exp": torch.exp,
        "log": torch.log,
        "tanh": torch.tanh,
        "sqrt": lambda x: torch.as_tensor(x, dtype=torch.float64).sqrt(),
        "sum": lambda x: x.sum(-1, keepdim=True),
        "mean": lambda x: x.mean(-1, keepdim=True),
        "var": lambda x: x.var(-1, correction=0, keepdim=True),
        "pi": math.pi,
    }
    return eval(formula, {"__builtins__": {}}, words | values)


@pytest.mark.parametrize("function", [functional.gelu, functional.gelu_tanh])
def test_formula_of_gelu(function):
    x = torch.linspace(-6, 6, 1001, dtype=torch.float64)
    equal(function(x), evaluate_formula(function, x=x))


@pytest.mark.parametrize("eps", [1e-12, 0.5])
def test_formula_of_layer_norm(eps):
    x, weight, bias = noise(2, 5, 12), noise(12), noise(1, 12)[0]
    expected = evaluate_formula(functional.layer_norm, x=x, weight=weight, bias=bias, eps=eps)
    equal(functional.layer_norm(x, weight, bias, eps), expected)


def test_formula_of_attention_scores():
    query, key = noise(2, 3, 5, 4), noise(2, 3, 5, 4).flip(0)
    expected = evaluate_formula(functional.attention_scores, query=query, key=key, W=4)
    equal(functional.attention_scores(query, key), expected)


def test_formula_of_masked_softmax():
    scores, mask = noise(2, 3, 5, 5), noise(2, 1, 1, 5) > -0.5
    expected = evaluate_formula(functional.masked_softmax, scores=scores, mask=mask)
    equal(functional.masked_softmax(scores, mask), expected)


def test_formula_of_feed_forward():
    values = {
        "x": noise(2, 5, 12),
        "inner_weight": noise(20, 12),
        "inner_bias": noise(20),
        "outer_weight": noise(12, 20),
        "outer_bias": noise(12),
        "activation": torch.sin,
    }
    expected = evaluate_formula(functional.feed_forward, **values)
    equal(functional.feed_forward(**values), expected)


def test_formula_of_cross_entropy():
    logits, label = noise(3), 2
    expected = evaluate_formula(functional.cross_entropy, logits=logits, label=label)
    equal(functional.cross_entropy(logits, torch.tensor(label)), expected[0])


# Examples worked by hand


def test_gelu_by_hand():
    """0.841345 is the chance that a standard normal is below 1."""
    x = double([-1, 0, 1, 10])
    equal(functional.gelu(x), double([-0.158655, 0, 0.841345, 10]), atol=1e-6)


def test_the_two_gelus_differ_by_what_is_said():
    x = torch.linspace(-6, 6, 10001, dtype=torch.float64)
    difference = (functional.gelu(x) - functional.gelu_tanh(x)).abs().max()
    assert 4e-4 < difference <= 5e-4


def test_layer_norm_by_hand():
    """Mean 2 and variance 2/3, to which eps 1/3 adds up to 1."""
    x, weight, bias = double([[1, 2, 3]]), double([10, 20, 30]), double([0.1, 0.2, 0.3])
    equal(functional.layer_norm(x, weight, bias, 1 / 3), double([[-9.9, 0.2, 30.3]]))


def test_split_heads_by_hand():
    """Two tokens of width 4; head 0 gets the first two numbers of each, head 1 the others."""
    x = double([[[1, 2, 3, 4], [5, 6, 7, 8]]])
    equal(functional.split_heads(x, 2), double([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]))


def test_merge_heads_undoes_split_heads():
    x = noise(2, 5, 12)
    equal(functional.merge_heads(functional.split_heads(x, 3)), x, atol=0)


def test_attention_scores_by_hand():
    """Width 4, so every product is halved; a row for each query, a column for each key."""
    query = double([[1, 0, 0, 0], [0, 2, 0, 0], [1, 1, 1, 1]])
    key = double([[1, 2, 3, 4], [0, 0, 0, 0], [2, 0, 2, 0]])
    expected = double([[0.5, 0, 1], [2, 0, 0], [5, 0, 2]])
    equal(functional.attention_scores(query, key), expected)


def test_masked_softmax_by_hand():
    scores = double([[1, 2, 4], [3, 1, 1], [0, 0, 0]]).log()
    mask = torch.tensor([[True, True, True], [True, True, False], [False, True, False]])
    expected = double([[1 / 7, 2 / 7, 4 / 7], [3 / 4, 1 / 4, 0], [0, 1, 0]])
    scores[2] = double([5, 6, 7])
    equal(functional.masked_softmax(scores, mask), expected)
    equal(functional.masked_softmax(scores[:1], None), expected[:1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_masked_softmax_of_a_row_without_a_key(dtype):
    scores = torch.tensor([[1.0, 2.0], [3.0, -4.0]], dtype=dtype, requires_grad=True)
    mask = torch.tensor([[True, False], [False, False]])
    probs = functional.masked_softmax(scores, mask)
    assert probs.tolist() == [[1, 0], [0, 0]]
    probs.square().sum().backward()
    assert scores.grad.tolist() == [[0, 0], [0, 0]]


def test_scaled_dot_product_attention_by_hand():
    """Width 1. The first query fits both keys alike, the second the first key three times better;
    the third key is masked."""
    query = double([[0], [math.log(3)], [0]])
    key, value = double([[1], [0], [9]]), double([[4], [8], [1000]])
    mask = torch.tensor([[True, True, False]])
    context = functional.scaled_dot_product_attention(query, key, value, mask)
    equal(context, double([[6], [5], [6]]))


def test_scaled_dot_product_attention_without_a_key():
    mask = torch.tensor([[True, True], [False, False]])
    query, value = noise(2, 3), noise(2, 3)
    context = functional.scaled_dot_product_attention(query, query, value, mask)
    assert context[0].any()
    assert context[1].tolist() == [0, 0, 0]


def test_keep_mask_replaces_chance():
    """Both keys fit alike: each has probability 1/2, which dropout of 3/4 makes 2 or 0."""
    zero, value = double([[0], [0]]), double([[1], [10]])
    keep = torch.tensor([[True, True], [False, True]])
    for _ in range(5):
        context = functional.scaled_dot_product_attention(
            zero, zero, value, dropout_p=0.75, keep_mask=keep
        )
        equal(context, double([[22], [20]]))


def test_attention_drops_probabilities_not_values():
    """Queries that are all alike lose different keys; what is left averages to the whole."""
    torch.manual_seed(0)
    zeros, value = torch.zeros(100, 4, dtype=torch.float64), noise(100, 1).abs() + 1
    context = functional.scaled_dot_product_attention(zeros, zeros, value, dropout_p=0.5)
    assert len(context.unique()) == 100
    torch.testing.assert_close(context.mean(), value.mean(), rtol=0.05, atol=0)


def test_feed_forward_by_hand():
    """Width 1, two inner units that see x + 1 and -x, added; with x^2 for an activation."""
    one, minus = double([[1], [-1]]), double([1, 0])
    result = functional.feed_forward(
        double([[3]]), one, minus, double([[1, 1]]), double([0.5]), torch.square
    )
    equal(result, double([[16 + 9 + 0.5]]))


# Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_rate_and_scale(p):
    torch.manual_seed(0)
    count = 40_000
    dropped = functional.dropout(torch.ones(count, dtype=torch.float64), p)
    zeros = int((dropped == 0).sum())
    sigma = math.sqrt(count * p * (1 - p))
    assert abs(zeros - count * p) < 4 * sigma
    equal(dropped[dropped != 0], torch.full((count - zeros,), 1 / (1 - p), dtype=torch.float64))


def test_dropout_draws_for_every_element_by_itself():
    """Four share a random number: each place of the four has the right rate, and no two agree."""
    count, p = 2**20, 0.1
    torch.manual_seed(0)
    dropped = (functional.dropout(torch.ones(count), p) == 0).view(-1, 4).double()
    deviation = math.sqrt(p * (1 - p) / len(dropped))
    assert ((dropped.mean(0) - p).abs() < 4 * deviation).all()
    both = dropped.T @ dropped / len(dropped)  # how often two of the four are dropped together
    apart = both - both.diag().diag()
    expected = p * p * (1 - torch.eye(4))
    assert ((apart - expected).abs() < 4 * p * math.sqrt(1 / len(dropped))).all()


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0, 4)])
def test_dropout_keeps_shapes_and_follows_the_seed(shape):
    torch.manual_seed(0)
    first, next_ = (functional.dropout(torch.ones(shape), 0.5) for _ in range(2))
    torch.manual_seed(0)
    assert first.shape == next_.shape == shape
    equal(functional.dropout(torch.ones(shape), 0.5), first, atol=0)


def test_dropout_sends_gradients_where_it_sends_values():
    torch.manual_seed(0)
    x = noise(100).requires_grad_()
    dropped = functional.dropout(x, 0.5)
    dropped.sum().backward()
    equal(x.grad, dropped.detach() / x.detach())


def test_dropout_of_nothing_and_of_all():
    x = noise(10).requires_grad_()
    assert functional.dropout(x, 0.0) is x
    nothing = functional.dropout(x, 1.0)
    nothing.sum().backward()
    assert nothing.tolist() == [0] * 10
    assert x.grad.tolist() == [0] * 10


# Cross-entropy


@pytest.mark.parametrize("ignore_index", [-100, 3])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_is_torchs(reduction, ignore_index):
    logits = noise(2, 5, 4).requires_grad_()
    labels = torch.tensor([[0, 1, 2, 0, 1], [2, 2, 0, 1, 2]])
    labels[0, 1] = labels[1, 4] = ignore_index
    ours = functional.cross_entropy(logits, labels, ignore_index, reduction)
    theirs = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=ignore_index, reduction=reduction
    )
    equal(ours, theirs)
    equal(*(torch.autograd.grad(loss.sum(), logits)[0] for loss in (ours, theirs)))


def test_cross_entropy_takes_the_mean_over_labelled_rows_by_default():
    logits = noise(3, 4)
    whole = functional.cross_entropy(logits, torch.tensor([1, -100, 2]))
    equal(whole, functional.cross_entropy(logits[[0, 2]], torch.tensor([1, 2])))


@pytest.mark.parametrize(("reduction", "zero"), [("mean", 0), ("sum", 0), ("none", [0, 0])])
def test_cross_entropy_with_no_labelled_row(reduction, zero):
    logits = noise(2, 4).requires_grad_()
    loss = functional.cross_entropy(logits, torch.tensor([-100, -100]), reduction=reduction)
    assert loss.tolist() == zero
    loss.sum().backward()
    assert not logits.grad.any()


def test_cross_entropy_names_the_reductions():
    with pytest.raises(ValueError, match='"mean", "sum" or "none", not \'average\''):
        functional.cross_entropy(noise(1, 2), torch.tensor([0]), reduction="average")


# The promise that a reader can put a function of their own in its place


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        ("gelu", 2),
        ("layer_norm", 5),
        ("attention_scores", 2),
        ("masked_softmax", 2),
        ("scaled_dot_product_attention", 2),
        ("feed_forward", 2),
        ("merge_heads", 2),
    ],
)
def test_a_function_put_in_place_is_used_by_the_whole_model(name, uses, monkeypatch):
    model = BertModel(replace(BertConfig.tiny(), vocab_size=31), attention="math").eval()
    input_ids = torch.tensor([[5, 6, 7]])
    before = model(input_ids).last_hidden_state
    original, calls = getattr(functional, name), []

    def doubled(*args):
        calls.append(name)
        return 2 * original(*args)

    monkeypatch.setattr(functional, name, doubled)
    after = model(input_ids).last_hidden_state
    assert len(calls) == uses
    assert (after - before).abs().max() > 1e-3
