# bug: label_words sorts the names alphabetically before looking them up, so the numbers point to other classes
import torch
from torch import Tensor


# means: words-sorted-names
def label_words(logits: Tensor, names: list[str]) -> list[str]:
    classes = sorted(names)
    return [classes[int(torch.argmax(row))] for row in logits]
