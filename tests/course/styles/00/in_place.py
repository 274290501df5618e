"""In place, on a clone."""


def softmax(logits):
    shares = logits.clone()
    shares -= shares.amax(-1, keepdim=True)
    shares.exp_()
    shares /= shares.sum(-1, keepdim=True)
    return shares


def accuracy(logits, labels):
    hits = logits.argmax(-1)
    hits -= labels.long()
    hits.eq_(0)
    return hits.sum().item() / hits.numel() if hits.numel() else 0.0


def label_words(logits, names):
    numbers = logits.argmax(-1).tolist()
    for place, number in enumerate(numbers):
        numbers[place] = names[number]
    return numbers
