"""As short as can be, through the logarithm of the sum."""

softmax = lambda logits: (logits - logits.logsumexp(-1, True)).exp()
accuracy = lambda logits, labels: sum((logits.argmax(1) == labels).tolist()) / (len(labels) or 1)
label_words = lambda logits, names: [names[row.argmax()] for row in logits]
