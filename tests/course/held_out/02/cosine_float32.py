# bug: the result is float32 whatever the dtype of the rows (built with torch.zeros and loops)
import torch
from torch import Tensor


# means: none
def cosine_similarity(rows: Tensor) -> Tensor:
    N = len(rows)
    result = torch.zeros(N, N)
    for i in range(N):
        for j in range(N):
            length = rows[i].norm() * rows[j].norm()
            if length > 0:
                result[i, j] = torch.dot(rows[i], rows[j]) / length
    return result
