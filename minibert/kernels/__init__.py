"""Attention as one kernel, forward and backward, that never holds a matrix of scores.

`functional.scaled_dot_product_attention` writes all scores to memory, reads them back, writes the
probabilities, reads those back: for long sequences that takes far longer than the arithmetic. Here
a tile of the result is computed from start to end in the processor's registers.

Read in this order: steps (from the formula to the algorithm, in PyTorch), random (dropout without
an order), triton_attention (the kernels), tiles (the table of their sizes), fused (the function of
PyTorch). `availability` says whether all this can run here.

Importing this package needs no Triton; the first use of `fused_attention` does.
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.kernels.fused import fused_attention
    from minibert.kernels.random import keep_mask

__all__ = ["fused_attention", "keep_mask"]

__getattr__ = exports(
    __name__,
    {"fused_attention": "minibert.kernels.fused", "keep_mask": "minibert.kernels.random"},
)
