"""Chapter 7, Fine-tuning.

Copy this file, fill it in, and run: minibert check 07 my_07.py

All of torch's arithmetic is yours to use, but no function that does the whole exercise (such as
torch.softmax for a `softmax`): the grader refuses it, and says so. Each file stands alone: copy
what you need of your earlier files into it.
"""

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    """The loss of every classifier: log(sum(exp(logits))) - logits[label], the mean over rows.

    Rows labelled ignore_index count neither in the sum nor in the number that it is divided by. If
    no row is left, the loss is 0, not NaN. Logits may be in the thousands: nothing may overflow.

    logits (..., C), with any number of dimensions in front, labels (...) of class numbers -> a
    tensor without dimensions. Torch's cross_entropy and nll_loss are what you are to write.

    >>> cross_entropy(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.4100)
    >>> cross_entropy(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, -100]))
    tensor(0.1269)

    3 points, difficulty 3 of 5, about 20 minutes.
    """
    raise NotImplementedError


def rate(step: int, total: int, warmup: int, peak: float) -> float:
    """The learning rate in a step, counted from 0, of `total` steps.

    It rises on a straight line from 0 in step 0 to the peak in step `warmup`. From there it falls
    on a straight line, and would be 0 in step `total`, the one after the last. warmup may be 0.

    step, total, warmup: whole numbers, warmup < total, step <= total; peak: the highest rate.

    >>> [rate(step, 10, 2, 1.0) for step in range(5)]
    [0.0, 0.5, 1.0, 0.875, 0.75]

    2 points, difficulty 1 of 5, about 10 minutes.
    """
    raise NotImplementedError


def decays(name: str) -> bool:
    """Whether weight decay pulls at a parameter of that name: at all but biases and LayerNorms.

    name: as model.named_parameters() has it in this library, where LayerNorms are called norm,
    attention_norm and output_norm.

    >>> decays("bert.encoder.layers.0.attention.query.weight")
    True
    >>> decays("bert.encoder.layers.0.attention_norm.weight")
    False

    1 point, difficulty 1 of 5, about 5 minutes.
    """
    raise NotImplementedError


def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    """Shorten gradients that are too long, all by the same factor; the direction stays.

    Their norm is that of all numbers of all tensors together, as if they were one long vector. Only
    if it is above max_norm are they changed, and then the norm becomes max_norm.

    gradients: tensors of any shapes, perhaps none -> as many new tensors of the same shapes.

    >>> clip([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])], 1.0)  # 5 long
    [tensor([0.6000, 0.0000]), tensor([[0.8000]])]
    >>> clip([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])], 10.0)
    [tensor([3., 0.]), tensor([[4.]])]

    2 points, difficulty 2 of 5, about 10 minutes.
    """
    raise NotImplementedError


def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    step: int,
    rate: float,
    decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW for one parameter: its new value, and the two moments to be kept.

    first = 0.9 * first + 0.1 * gradient, second = 0.999 * second + 0.001 * gradient**2. For use
    they are corrected, first / (1 - 0.9**step) and second / (1 - 0.999**step), but kept as they
    are. The parameter loses rate * (corrected first / (root of corrected second + 1e-8)
    + decay * parameter), with the parameter as it was before.

    parameter, gradient, first, second: of one shape; step: counted from 1; -> the new parameter,
    first and second. The arguments must stay as they are.

    >>> one = torch.ones(1, dtype=torch.float64)
    >>> adamw_step(2 * one, 4 * one, 0 * one, 0 * one, 1, 0.1, 0.0)[0]
    tensor([1.9000], dtype=torch.float64)
    >>> adamw_step(2 * one, 4 * one, 0 * one, 0 * one, 1, 0.1, 0.5)[0]
    tensor([1.8000], dtype=torch.float64)

    3 points, difficulty 3 of 5, about 20 minutes.
    """
    raise NotImplementedError


def train(weight: Tensor, batches: list[tuple[Tensor, Tensor]], rate: float) -> Tensor:
    """The loop in its plainest form: for each batch one step downhill by `rate` times the gradient.

    The model is inputs @ weight; the loss of a batch is the mean squared difference to the targets.
    Let autograd find the gradient.

    weight (D,); batches: of inputs (N, D) and targets (N,), with another N from batch to batch, and
    perhaps none at all -> the weight (D,) after the last one. The argument must stay as it is.

    >>> batch = torch.tensor([[1.0], [2.0]]), torch.tensor([2.0, 4.0])
    >>> train(torch.zeros(1), [batch], 0.1)
    tensor([1.])
    >>> train(torch.zeros(1), [batch, batch], 0.1)
    tensor([1.5000])

    3 points, difficulty 2 of 5, about 15 minutes.
    """
    raise NotImplementedError
