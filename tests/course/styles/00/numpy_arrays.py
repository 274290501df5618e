"""numpy from beginning to end."""

import numpy as np
import torch


def softmax(logits):
    array = logits.numpy()
    powers = np.exp(array - array.max(axis=-1, keepdims=True))
    return torch.from_numpy(powers / powers.sum(axis=-1, keepdims=True))


def accuracy(logits, labels):
    right = np.argmax(logits.numpy(), axis=1) == labels.numpy()
    return float(right.mean()) if right.size else 0.0


def label_words(logits, names):
    return np.array(names)[np.argmax(logits.numpy(), axis=-1)].tolist()
