# bug: the hidden dimension is never cut: a single head over all of D whatever heads says (scaled by root D)
import torch
from torch import Tensor


# means: self-one-head
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    def lin(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    q, k, v = lin(hidden, "query"), lin(hidden, "key"), lin(hidden, "value")
    scores = q @ k.transpose(1, 2) / hidden.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask.squeeze(1), float("-inf"))
    probs = torch.softmax(scores, dim=-1).nan_to_num(0.0)
    return lin(probs @ v, "output")
