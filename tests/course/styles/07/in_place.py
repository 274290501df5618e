"""In place, on copies."""

import torch


def cross_entropy(logits, labels, ignore_index=-100):
    wanted = labels.clone()
    ignored = wanted == ignore_index
    wanted[ignored] = 0
    losses = -torch.log_softmax(logits, -1).gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
    losses = losses.masked_fill_(ignored, 0)
    return losses.sum().div_(max(1, int((~ignored).sum())))


def rate(step, total, warmup, peak):
    value = peak
    if step < warmup:
        value *= step
        value /= warmup
    else:
        value -= peak * (step - warmup) / (total - warmup)
    return value


def decays(name):
    if name.endswith("bias"):
        return False
    return not name.endswith(("attention_norm.weight", "output_norm.weight", ".norm.weight"))


def clip(gradients, max_norm):
    copies = [gradient.clone() for gradient in gradients]
    norm = torch.cat([torch.zeros(1), *(copy.flatten() for copy in copies)]).norm()
    if norm > max_norm:
        for copy in copies:
            copy *= max_norm
            copy /= norm
    return copies


def adamw_step(parameter, gradient, first, second, step, rate, decay):
    parameter, first, second = parameter.clone(), first.clone(), second.clone()
    first.mul_(0.9).add_(gradient, alpha=0.1)
    second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
    root = second.div(1 - 0.999**step).sqrt_().add_(1e-8)
    parameter.mul_(1 - rate * decay).addcdiv_(first, root, value=-rate / (1 - 0.9**step))
    return [parameter, first, second]


def train(weight, batches, rate):
    weight = weight.detach().clone().requires_grad_(True)
    for inputs, targets in batches:
        loss = ((inputs @ weight - targets) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, weight)
        weight.data.sub_(rate * gradient)
    return weight
