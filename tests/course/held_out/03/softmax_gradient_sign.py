# bug: the sign is turned: probs * (sum(probs * gradient) - gradient)
import torch
from torch import Tensor


# means: gradient-wrong-sign
def softmax_gradient(probs: Tensor, gradient: Tensor) -> Tensor:
    dot = torch.einsum("...s,...s->...", probs, gradient).unsqueeze(-1)
    return probs * (dot - gradient)
