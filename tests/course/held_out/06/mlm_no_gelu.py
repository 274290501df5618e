# bug: the GELU of the transform is missing
import torch.nn.functional as F
from torch import Tensor


# means: mlm-no-gelu
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    x = hidden @ weights["dense.weight"].T + weights["dense.bias"]
    x = F.layer_norm(x, (x.size(-1),), weights["norm.weight"], weights["norm.bias"], eps=1e-12)
    return F.linear(x, token_table, weights["bias"])
