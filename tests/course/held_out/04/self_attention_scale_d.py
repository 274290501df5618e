# bug: the scores are divided by the root of the hidden size D instead of the width W of a head
import math

import torch
import torch.nn.functional as F
from torch import Tensor


# means: self-by-hidden-width
def self_attention(
    hidden: Tensor, weights: dict[str, Tensor], heads: int, mask: Tensor | None
) -> Tensor:
    batch, length, dim = hidden.shape
    width = dim // heads
    query = F.linear(hidden, weights["query.weight"], weights["query.bias"])
    key = F.linear(hidden, weights["key.weight"], weights["key.bias"])
    value = F.linear(hidden, weights["value.weight"], weights["value.bias"])
    results = []
    for h in range(heads):
        part = slice(h * width, (h + 1) * width)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(dim)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, 0], float("-inf"))
        probs = torch.softmax(scores, dim=-1)
        probs = torch.where(torch.isnan(probs), torch.zeros_like(probs), probs)
        results.append(probs @ value[..., part])
    return F.linear(torch.cat(results, dim=-1), weights["output.weight"], weights["output.bias"])
