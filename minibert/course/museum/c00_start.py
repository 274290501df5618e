"""What goes wrong in chapter 0: the mistakes that people make in its exercises."""

import torch

from minibert.course.exercise import Mistake
from minibert.course.exercises.c00_start import accuracy, label_words

SOFTMAX_MISTAKES = (
    Mistake(
        "softmax-first-dimension",
        "the softmax over the first dimension: columns add up to one, not rows",
        lambda logits: torch.softmax(logits, 0),
    ),
    Mistake(
        "softmax-second-dimension",
        "the softmax over dimension 1: that is the last one only of a matrix",
        lambda logits: torch.softmax(logits, 1),
    ),
    Mistake(
        "softmax-of-everything",
        "one sum over all rows together",
        lambda logits: torch.softmax(logits.flatten(), 0).view_as(logits),
    ),
    Mistake(
        "softmax-overflow",
        "no maximum subtracted first: exp(1000) is infinite, and inf / inf is NaN",
        lambda logits: logits.exp() / logits.exp().sum(-1, keepdim=True),
    ),
    Mistake(
        "softmax-one-maximum",
        "the maximum of the whole tensor subtracted: rows far below it become 0 / 0",
        lambda logits: (
            (logits - logits.max()).exp() / (logits - logits.max()).exp().sum(-1, keepdim=True)
        ),
    ),
    Mistake(
        "softmax-without-exp",
        "the logits divided by their sum, without exp",
        lambda logits: logits / logits.sum(-1, keepdim=True),
    ),
    Mistake(
        "softmax-not-divided",
        "the exp of the shifted logits, not divided by their sum",
        lambda logits: (logits - logits.amax(-1, keepdim=True)).exp(),
    ),
    Mistake(
        "softmax-of-minus-logits",
        "the maximum minus the logits instead of the logits minus the maximum",
        lambda logits: torch.softmax(-logits, -1),
    ),
    Mistake(
        "softmax-twice",
        "the softmax of the softmax",
        lambda logits: torch.softmax(torch.softmax(logits, -1), -1),
    ),
    Mistake(
        "softmax-logarithm",
        "the logarithm of the probabilities",
        lambda logits: torch.log_softmax(logits, -1),
    ),
    Mistake("sigmoid-for-softmax", "a sigmoid of each logit by itself", torch.sigmoid),
)

ACCURACY_MISTAKES = (
    Mistake(
        "accuracy-count",
        "the number of right answers, not their share",
        lambda logits, labels: float((logits.argmax(-1) == labels).sum()),
    ),
    Mistake(
        "accuracy-percent",
        "percent instead of a share",
        lambda logits, labels: 100 * accuracy(logits, labels),
    ),
    Mistake(
        "accuracy-wrong-dimension",
        "the best row for each class, instead of the best class for each row",
        lambda logits, labels: accuracy(logits.T, labels),
    ),
    Mistake(
        "accuracy-of-errors",
        "the share of wrong answers",
        lambda logits, labels: 1 - accuracy(logits, labels),
    ),
    Mistake(
        "accuracy-nothing-of-nothing",
        "0 / 0 where there are no rows",
        lambda logits, labels: (logits.argmax(-1) == labels).double().mean().item(),
    ),
    Mistake(
        "accuracy-division-by-zero",
        "a division by the number of rows, which may be zero",
        lambda logits, labels: (logits.argmax(-1) == labels).sum().item() / len(labels),
    ),
    Mistake(
        "accuracy-by-classes",
        "a division by the number of classes instead of rows",
        lambda logits, labels: (logits.argmax(-1) == labels).sum().item() / logits.shape[-1],
    ),
    Mistake(
        "accuracy-by-elements",
        "a division by the number of logits instead of rows",
        lambda logits, labels: (logits.argmax(-1) == labels).sum().item() / max(1, logits.numel()),
    ),
    Mistake(
        "accuracy-whole-division",
        "a division of whole numbers, which rounds down",
        lambda logits, labels: float(accuracy(logits, labels) // 1),
    ),
    Mistake(
        "accuracy-rounded",
        "the share rounded to two digits",
        lambda logits, labels: round(accuracy(logits, labels), 2),
    ),
    Mistake(
        "accuracy-of-smallest",
        "the smallest logit of each row",
        lambda logits, labels: accuracy(-logits, labels),
    ),
)

LABEL_WORDS_MISTAKES = (
    Mistake(
        "words-numbers",
        "the numbers of the classes, not their names",
        lambda logits, names: logits.argmax(-1).tolist(),
    ),
    Mistake(
        "words-wrong-dimension",
        "the best row for each class, instead of the best class for each row",
        lambda logits, names: [names[place] for place in logits.argmax(0).tolist()],
    ),
    Mistake(
        "words-sorted-names",
        "the names in alphabetical order: a class's number is its place in the list as it is",
        lambda logits, names: label_words(logits, sorted(names)),
    ),
    Mistake(
        "words-of-smallest",
        "the smallest logit of each row",
        lambda logits, names: label_words(-logits, names),
    ),
    Mistake(
        "words-count-from-one",
        "class numbers that count from one",
        lambda logits, names: [names[place - 1] for place in logits.argmax(-1).tolist()],
    ),
    Mistake(
        "words-first-row",
        "an answer for the first row only",
        lambda logits, names: label_words(logits[:1], names),
    ),
    Mistake(
        "words-binary",
        "a test of whether the logit of class 1 is above 0, which is for two classes at most",
        lambda logits, names: [names[int(row[1] > 0)] for row in logits],
    ),
    Mistake(
        "words-each-once",
        "each predicted name once, instead of one name for each row",
        lambda logits, names: list(dict.fromkeys(label_words(logits, names))),
    ),
)

MISTAKES = {
    "softmax": SOFTMAX_MISTAKES,
    "accuracy": ACCURACY_MISTAKES,
    "label_words": LABEL_WORDS_MISTAKES,
}
