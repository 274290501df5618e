# bug: label_words takes the name of the class with the smallest logit
import torch
from torch import Tensor


# means: words-of-smallest
def label_words(logits: Tensor, names: list[str]) -> list[str]:
    return [names[i] for i in logits.argmin(dim=1).tolist()]
