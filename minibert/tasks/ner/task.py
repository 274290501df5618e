"""What there is to learn, the tag of every word; and what the model says of them, word by word."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minibert.model.heads import Logits
from minibert.tasks.features import Batch
from minibert.tasks.losses import Loss, Weighting, weighted_cross_entropy
from minibert.tasks.ner.windows import TaggedWindows


def loss(out: Logits, batch: Batch, weighting: Weighting) -> Loss:
    """Cross-entropy summed over the labelled words of a batch, padded or packed.

    In float32 at least. The denominator is how many there are, or the sum of their tags' weights.
    """
    assert batch.labels is not None, "an unlabelled batch has no loss"
    logits = out.logits if out.logits.dtype.itemsize > 4 else out.logits.float()
    return weighted_cross_entropy(logits, _labels(batch), weighting)


def _labels(batch: Batch) -> Tensor:
    """The labels as the logits lie: in rows (B, S), or end to end (T,)."""
    assert batch.labels is not None
    if "cu_seqlens" not in batch.inputs:
        return batch.labels
    rows, longest = batch.labels.shape
    lengths = batch.inputs["cu_seqlens"].diff()[:rows, None]  # empty sequences may trail
    columns = torch.arange(longest, device=lengths.device)
    return batch.labels[columns < lengths]


def collect(
    found: Sequence[tuple[list[int], Logits]], windows: TaggedWindows
) -> NDArray[np.float32]:
    """The logits of every word (W, C), in the order of the file, from (rows, output) of batches.

    Outputs may be padded (B, S, C) or packed (T, C).
    """
    logits = np.empty((len(windows.positions), len(windows.tag_set.names)), np.float32)
    words = np.searchsorted(windows.positions, windows.starts)  # of each window its first word
    for rows, out in found:
        given = np.asarray(out.logits)
        width = windows.lengths[rows] if given.ndim == 2 else np.full(len(rows), given.shape[1])
        starts = np.cumsum(width) - width  # of each window in what was given, end to end
        given = given.reshape(-1, given.shape[-1])
        for start, row in zip(starts, rows, strict=True):
            read = slice(words[row], words[row + 1])
            logits[read] = given[start + windows.positions[read] - windows.starts[row]]
    return logits
