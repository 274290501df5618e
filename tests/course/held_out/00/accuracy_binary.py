# bug: accuracy assumes two classes: it predicts 1 if logit 1 is above logit 0 and ignores all other columns
import torch
from torch import Tensor


# means: none
def accuracy(logits: Tensor, labels: Tensor) -> float:
    if logits.shape[0] == 0:
        return 0.0
    predicted = (logits[:, 1] > logits[:, 0]).long()
    return int((predicted == labels).sum()) / logits.shape[0]
