# bug: rows are keys and columns are queries (key @ query^T)
import torch
from torch import Tensor


# means: scores-transposed
def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    w = query.shape[-1]
    return torch.matmul(key, query.transpose(2, 3)) / w**0.5
