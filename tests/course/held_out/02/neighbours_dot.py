# bug: sorted by the dot product instead of the cosine
import torch
from torch import Tensor


# means: neighbours-by-dot-product
def neighbours(table: Tensor, row: int, count: int) -> list[int]:
    scores = table @ table[row]
    scores[row] = float("-inf")
    order = scores.argsort(descending=True).tolist()
    order.remove(row)
    return order[:count]
