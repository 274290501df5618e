"""numpy, where no gradient is asked for."""

import numpy as np
import torch


def cross_entropy(logits, labels, ignore_index=-100):
    flat, wanted = logits.flatten(0, -2), labels.flatten()
    places = torch.from_numpy(np.flatnonzero(wanted.numpy() != ignore_index))
    if not len(places):
        return logits.new_zeros(())
    log_probs = flat[places].log_softmax(-1)
    return -log_probs[torch.arange(len(places)), wanted[places]].mean()


def rate(step, total, warmup, peak):
    if not warmup:
        return np.interp(step, [0, total], [peak, 0])
    return np.interp(step, [0, warmup, total], [0, peak, 0])


def decays(name):
    return not np.char.endswith(name, np.array(["bias", "norm.weight"])).any()


def clip(gradients, max_norm):
    numbers = [gradient.numpy() for gradient in gradients]
    if not numbers:
        return []
    norm = np.linalg.norm(np.concatenate([one.ravel() for one in numbers]))
    return [torch.from_numpy(one * min(1.0, float(max_norm / (norm + 1e-6)))) for one in numbers]


def adamw_step(parameter, gradient, first, second, step, rate, decay):
    kind = parameter.numpy().dtype
    p, g, m, v = (one.numpy().astype(np.float64) for one in (parameter, gradient, first, second))
    m, v = m + 0.1 * (g - m), v + 0.001 * (np.square(g) - v)
    p = (
        p
        - rate * decay * p
        - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    )
    return tuple(torch.from_numpy(one.astype(kind)) for one in (p, m, v))


def train(weight, batches, rate):
    w = weight.numpy().copy()
    for inputs, targets in batches:
        x, y = inputs.numpy(), targets.numpy()
        w = w - np.asarray(rate * 2 * x.T @ (x @ w - y) / len(y), dtype=w.dtype)
    return torch.from_numpy(w)
