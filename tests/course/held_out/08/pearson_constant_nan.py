# bug: no special case for a constant side: the result is NaN instead of 0
import torch


# means: pearson-division-by-0
def pearson(x: list[float], y: list[float]) -> float:
    a = torch.tensor(x, dtype=torch.float64)
    b = torch.tensor(y, dtype=torch.float64)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / torch.sqrt((a * a).sum() * (b * b).sum()))
