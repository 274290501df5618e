"""What there is to learn: at which word piece the answer begins, and at which it ends."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minibert.model import functional
from minibert.model.heads import SpanLogits
from minibert.tasks.losses import Loss
from minibert.tasks.sequence import Batch


def loss(out: SpanLogits, batch: Batch) -> Loss:
    """The mean of the cross-entropies of beginning and end, summed over the windows.

    Every position of a window is a class, those of the question and [CLS] too; padding is none.
    """
    assert batch.labels is not None, "an unlabelled batch has no loss"
    logits = padded_logits(out, batch)  # (B, S, 2)
    losses = functional.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none")
    return Loss(losses.sum() / 2, (batch.labels[:, 0] >= 0).sum())


def padded_logits(out: SpanLogits, batch: Batch) -> Tensor:
    """The scores of beginning and end, (B, S, 2), minus infinity for padding.

    From the output for a padded batch (B, S), or for a packed one (T,). In float32 at least.
    """
    logits = torch.stack(out, -1)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if "cu_seqlens" in batch.inputs:
        lengths = batch.inputs["cu_seqlens"].diff()
        windows = logits.split(lengths[lengths > 0].tolist())
        return pad_sequence(list(windows), batch_first=True, padding_value=-torch.inf)
    padding = batch.inputs["attention_mask"] == 0
    return logits.masked_fill(padding[..., None], -torch.inf)


def flat_logits(out: SpanLogits, batch: Batch) -> Tensor:
    """The same without padding, end to end as in `Windows`: (T, 2)."""
    logits = torch.stack(out, -1)
    if "cu_seqlens" not in batch.inputs:
        logits = logits[batch.inputs["attention_mask"] == 1]
    return logits.float()
