# bug: probabilities (a softmax over the vocabulary) are returned instead of scores
import torch.nn.functional as F
from torch import Tensor


# means: mlm-probabilities
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    x = F.gelu(F.linear(hidden, weights["dense.weight"], weights["dense.bias"]))
    x = F.layer_norm(x, x.shape[-1:], weights["norm.weight"], weights["norm.bias"], 1e-12)
    return F.softmax(F.linear(x, token_table, weights["bias"]), dim=-1)
