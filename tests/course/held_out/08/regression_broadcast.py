# bug: logits (B, 1) minus scores (B,) broadcasts to (B, B), so every logit is compared with every score
from torch import Tensor


# means: regression-every-pair
def regression_loss(logits: Tensor, scores: Tensor) -> Tensor:
    return ((logits - scores) ** 2).mean()
