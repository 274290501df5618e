"""One fine-tuning run on CoNLL-2003 with `transformers`, written without minibert.

    python benchmarks/ner_transformers.py --train eng.train --dev eng.testa --model DIR --seed 1 \
        --output ner-1.json

The recipe is that of `transformers_recipe.py`. The first word piece of each word is labelled, with
IOB2 tags; sentences too long for the model are cut into parts, so that no word is lost. Entities
are counted by `seqeval`, which does it as conlleval does.
"""

from pathlib import Path

import torch
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch.nn.utils.rnn import pad_sequence
from transformers import BertForTokenClassification
from transformers_recipe import autocast, fine_tune, limited, load, parser


def read(path):
    """Sentences as (words, IOB2 tags): the first column and the last."""
    sentences, words, tags = [], [], []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        columns = line.split()
        if columns and columns[0] != "-DOCSTART-":
            words.append(columns[0])
            tags.append(columns[-1])
        elif words:
            sentences.append((words, iob2(tags)))
            words, tags = [], []
    return sentences


def iob2(tags):
    """The tags with B- wherever an entity begins; IOB1 has it only between two of one type."""
    before = ["O", *tags]
    return [
        f"B-{tag[2:]}" if tag != "O" and tag[2:] != last[2:] else tag
        for last, tag in zip(before, tags, strict=False)
    ]


def parts_of(sentence, tokenizer, numbers, max_length):
    """The sentence as [(ids, labels), ...]: as many parts as it takes, broken between words."""
    words, tags = sentence
    room = max_length - 2
    split = tokenizer(words, add_special_tokens=False)
    parts = [([], [])]
    for pieces, tag in zip(split["input_ids"], tags, strict=True):
        pieces = pieces[:room] or [tokenizer.unk_token_id]
        if len(parts[-1][0]) + len(pieces) > room:
            parts.append(([], []))
        ids, labels = parts[-1]
        ids += pieces
        labels += [numbers[tag]] + [-100] * (len(pieces) - 1)
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    return [([first, *ids, last], [-100, *labels, -100]) for ids, labels in parts]


def collate(parts, pad):
    """One padded batch."""
    ids = [torch.tensor(ids) for ids, _ in parts]
    labels = [torch.tensor(labels) for _, labels in parts]
    return {
        "input_ids": pad_sequence(ids, batch_first=True, padding_value=pad),
        "attention_mask": pad_sequence(list(map(torch.ones_like, ids)), batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }


@torch.no_grad()
def tags_of(model, sentences, names, pad, args):
    """The predicted tags of every sentence, which is given by its parts."""
    model.eval()
    parts = [part for sentence in sentences for part in sentence]
    order = sorted(range(len(parts)), key=lambda row: len(parts[row][0]))
    found = [None] * len(parts)
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        batch = collate([parts[row] for row in rows], pad)
        with autocast(args):
            guesses = model(**batch).logits.argmax(-1)
        for row, guess, labels in zip(rows, guesses, batch["labels"], strict=True):
            found[row] = [names[number] for number in guess[labels >= 0].tolist()]
    taken = iter(found)
    return [[tag for _ in sentence for tag in next(taken)] for sentence in sentences]


def main():
    options = parser(__doc__, epochs=3, max_length=128)
    options.add_argument("--train", type=Path, required=True)
    options.add_argument("--dev", type=Path, required=True)
    args = options.parse_args()

    train, dev = read(args.train), read(args.dev)
    names = sorted({tag for _, tags in train + dev for tag in tags})
    numbers = {name: number for number, name in enumerate(names)}
    tokenizer, model = load(BertForTokenClassification, args, num_labels=len(names))
    pad = tokenizer.pad_token_id

    def parts(sentences):
        return [parts_of(one, tokenizer, numbers, args.max_length) for one in sentences]

    train_parts = [
        part for sentence in parts(limited(train, args.train_limit)) for part in sentence
    ]
    dev_parts, gold = parts(dev), [tags for _, tags in dev]
    print(f"{len(train_parts)} parts, and {sum(map(len, dev_parts))} of {len(dev)} dev sentences")

    def evaluate():
        guesses = tags_of(model, dev_parts, names, pad, args)
        return {
            "f1": float(f1_score(gold, guesses)),
            "precision": float(precision_score(gold, guesses)),
            "recall": float(recall_score(gold, guesses)),
            "accuracy": float(accuracy_score(gold, guesses)),
        }

    fine_tune(
        args,
        model,
        train_parts,
        lambda part: len(part[0]),
        lambda parts: collate(parts, pad),
        evaluate,
        "f1",
    )


if __name__ == "__main__":
    main()
