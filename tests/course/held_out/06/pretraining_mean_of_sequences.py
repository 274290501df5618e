# bug: the masked words' loss is averaged per sequence first and then over the sequences, so words of sequences with fewer masked words count more
import torch
import torch.nn.functional as F
from torch import Tensor


# means: pretraining-mean-of-sequences
def pretraining_loss(
    prediction_logits: Tensor, labels: Tensor, next_logits: Tensor, is_next: Tensor
) -> Tensor:
    losses = []
    for logits, row in zip(prediction_logits, labels):
        if (row != -100).any():
            losses.append(F.cross_entropy(logits, row))
    words = torch.stack(losses).mean() if losses else prediction_logits.new_zeros(())
    return words + F.cross_entropy(next_logits, (~is_next.bool()).long())
