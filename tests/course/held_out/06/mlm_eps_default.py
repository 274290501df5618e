# bug: LayerNorm's eps is torch's default 1e-5 instead of 1e-12
import torch
from torch import Tensor


# means: mlm-eps
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    x = torch.nn.functional.gelu(hidden @ weights["dense.weight"].T + weights["dense.bias"])
    x = torch.layer_norm(x, [x.shape[-1]], weights["norm.weight"], weights["norm.bias"])
    return x @ token_table.T + weights["bias"]
