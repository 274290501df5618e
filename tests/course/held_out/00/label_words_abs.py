# bug: label_words takes the class whose logit is largest in absolute value
import torch
from torch import Tensor


# means: none
def label_words(logits: Tensor, names: list[str]) -> list[str]:
    best = logits.abs().argmax(-1)
    return [names[b] for b in best]
