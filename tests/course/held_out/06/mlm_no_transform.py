# bug: the transform is skipped: hidden is multiplied with the token table directly
import torch.nn.functional as F
from torch import Tensor


# means: mlm-no-transform
def masked_lm_logits(hidden: Tensor, weights: dict[str, Tensor], token_table: Tensor) -> Tensor:
    return F.linear(hidden, token_table, weights["bias"])
