# bug: label_words looks only at the last logit's sign (above 0 is the last name, else the first) instead of taking the argmax
import torch
from torch import Tensor


# means: words-binary
def label_words(logits: Tensor, names: list[str]) -> list[str]:
    words = []
    for row in logits:
        if row[-1] > 0:
            words.append(names[-1])
        else:
            words.append(names[0])
    return words
