"""Chapter 3: attention in three steps, and the softmax's gradient by hand."""

import torch
from torch import Generator, Tensor

from minibert.course.drawing import holes, normal, right_padded, sizes
from minibert.course.exercise import Exercise, Probe
from minibert.model import functional

PAGE = "03_attention_with_a_pencil"


def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    """From the gradient of the probabilities to that of the scores."""
    return probs * (gradient - (gradient * probs).sum(-1, keepdim=True))


def attention_scores_probes(generator: Generator) -> list[Probe]:
    """A single token, and numbers so small that only their scale is left to compare."""
    batch, heads, size, width = sizes(generator, 4)
    shape, square = (batch, heads, size, width), (2, 3, 3, 5)
    query, key = normal(generator, *shape), normal(generator, *shape)
    return [
        Probe("float64, with gradients", (query, key), gradients=(0, 1)),
        Probe("float32", (query.float(), key.float())),
        Probe("one token", (query[:, :, :1], key[:, :, :1]), gradients=(0, 1)),
        Probe("one sequence, one head", (query[:1, :1], key[:1, :1])),
        Probe("as many heads as tokens", (normal(generator, *square), normal(generator, *square))),
        Probe("large numbers", (1e4 * query, 1e4 * key)),
    ]


def masked_softmax_probes(generator: Generator) -> list[Probe]:
    """Masks of all kinds: none, padding, holes, one for each query, whole numbers, nothing left."""
    batch, heads, size = sizes(generator, 3, low=3)
    scores = normal(generator, batch, heads, size, size, deviation=2.0)
    padding, torn = right_padded(generator, batch, size), holes(generator, batch, 1, 1, size)
    empty = torn.clone()
    empty[1] = False
    tall = scores.clone()
    tall.masked_fill_(~torn, 1000.0)
    return [
        Probe("no mask", (scores, None), gradients=(0,)),
        Probe("padding", (scores, padding), gradients=(0,)),
        Probe("holes", (scores, torn), gradients=(0,)),
        Probe("a mask for every query", (scores, holes(generator, batch, 1, size, size)), (0,)),
        Probe("a mask of whole numbers", (scores, torn.long())),
        Probe("float32", (scores.float(), torn)),
        Probe("rows with no key left", (scores, empty), gradients=(0,)),
        Probe("float32, rows with no key left", (scores.float(), empty.long())),
        Probe("scores of some thousands", (3000 * scores, torn)),
        Probe("scores below -10000", (scores - 20000, torn)),
        Probe("masked scores far above the others", (tall, torn)),
    ]


def attention_probes(generator: Generator) -> list[Probe]:
    """The same masks, on their way through the whole of attention."""
    batch, heads, size, width = sizes(generator, 4, low=3)
    shape = (batch, heads, size, width)
    query, key, value = (normal(generator, *shape) for _ in range(3))
    torn, empty = holes(generator, batch, 1, 1, size), holes(generator, batch, 1, 1, size)
    empty[-1] = False
    inputs, single = (query, key, value), (query.float(), key.float(), value.float())
    each = holes(generator, batch, 1, size, size)
    return [
        Probe("no mask", (*inputs, None), gradients=(0, 1, 2)),
        Probe("padding", (*inputs, right_padded(generator, batch, size)), gradients=(0, 1, 2)),
        Probe("holes", (*inputs, torn), gradients=(0, 1, 2)),
        Probe("a mask for every query", (*inputs, each), gradients=(0, 1, 2)),
        Probe("rows with no key left", (*inputs, empty), gradients=(0, 1, 2)),
        Probe("float32", (*single, empty)),
        Probe("large scores", (100 * query, 100 * key, value, torn)),
    ]


def softmax_gradient_probes(generator: Generator) -> list[Probe]:
    """Probabilities with zeros among them, and a row of zeros only."""
    batch, heads, size = sizes(generator, 3, low=3)
    scores = normal(generator, batch, heads, size, size)
    torn = holes(generator, batch, 1, 1, size)
    torn[0] = False
    probs, gradient = torch.softmax(scores, -1), normal(generator, *scores.shape)
    return [
        Probe("any probabilities", (probs, gradient)),
        Probe("float32", (probs.float(), gradient.float())),
        Probe("zeros among them", (functional.masked_softmax(scores, torn), gradient)),
        Probe("the same gradient everywhere", (probs, torch.ones_like(probs))),
        Probe("one row", (probs[0, 0, 0], gradient[0, 0, 0])),
    ]


EXERCISES = (
    Exercise(
        name="attention_scores",
        title="Which key fits which query",
        points=2,
        difficulty=1,
        minutes=8,
        reference=functional.attention_scores,
        probes=attention_scores_probes,
        hints=(
            "@ multiplies the matrices of the last two dimensions, for each sequence and head.",
            "Of which shape must the key be, so that (S, W) @ (W, S) gives (S, S)?",
            "query @ key.transpose(-2, -1), divided by math.sqrt of the last size.",
        ),
        page=f"{PAGE}: Scores: which key fits which query?",
        forbidden=("minibert.model.functional.attention_scores",),
    ),
    Exercise(
        name="masked_softmax",
        title="Shares of those who may be looked at",
        points=4,
        difficulty=3,
        minutes=15,
        reference=functional.masked_softmax,
        probes=masked_softmax_probes,
        hints=(
            "Before the softmax, put a very low score where the mask is 0: exp makes it 0.",
            "-inf is low enough, but a row of nothing else gives NaN. The lowest finite number of "
            "the dtype, torch.finfo(scores.dtype).min, gives equal shares there.",
            "Fill twice: the lowest number before the softmax, 0.0 after it. mask.bool() also "
            "takes 1 and 0, and ~ turns it round.",
        ),
        page=f"{PAGE}: The mask: words that are not there",
        forbidden=("minibert.model.functional.masked_softmax",),
        tolerance=1e-7,  # some add a small number to the sums
    ),
    Exercise(
        name="scaled_dot_product_attention",
        title="All of attention",
        points=3,
        difficulty=2,
        minutes=10,
        reference=functional.scaled_dot_product_attention,
        probes=attention_probes,
        hints=(
            "Three steps: scores, shares, average. You have written the first two.",
            "The shares (S, S) times the values (S, W): a row of shares for each query.",
        ),
        page=f"{PAGE}: The average",
        forbidden=(
            "minibert.model.functional.scaled_dot_product_attention",
            "aten.scaled_dot_product_attention",
        ),
        tolerance=1e-7,
    ),
    Exercise(
        name="softmax_gradient",
        title="The softmax backwards, by hand",
        points=4,
        difficulty=3,
        minutes=15,
        reference=softmax_gradient,
        probes=softmax_gradient_probes,
        hints=(
            "If score j grows, share j grows, and all others shrink: every score's gradient hears "
            "of all shares of its row.",
            "The derivative of share i by score j is probs[i] * ((i == j) - probs[j]). Multiply by "
            "gradient[i] and sum over i.",
            "What remains is probs * (gradient - s), with one number s for each row: the sum of "
            "gradient * probs over it.",
        ),
        page=f"{PAGE}: The gradient by hand",
        forbidden=("aten._softmax", "aten._log_softmax", "aten._softmax_backward_data"),
    ),
)
