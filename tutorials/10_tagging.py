# %% [markdown]
# # 10. Tagging
#
# After this chapter you can teach BERT to find names: of persons, places, organisations. You know
# which word piece carries a label and why the others have none, you read the figures that are
# reported for such a model, and you can say *how* it goes wrong.
#
# Three ideas are new: a label belongs to a word, but the model sees *pieces*; what counts is the
# *entity*, not the word; and tags that are best one by one may make a sequence that *cannot be*.
#
# You need chapter 1 (word pieces) and chapter 7 (fine-tuning).

# %%
import json
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot

from minibert import BertTokenizer
from minibert.course import show, start
from minibert.model import functional
from minibert.tasks.ner.decoding import best_path
from minibert.tasks.ner.reading import read_sentences
from minibert.tasks.ner.report import pairs, tag_report
from minibert.tasks.ner.schemes import TagSet, detect, entities_of, legal, tags_of
from minibert.tasks.ner.scoring import accuracy, figures, metrics
from minibert.tasks.ner.windows import TaggedWindows, word_pieces
from minibert.training import SavedRun, fine_tune
from minibert.training.settings import NerSettings

start("10")
tokenizer = BertTokenizer.from_pretrained("minilm")
train = read_sentences(Path("../data/ner/train.txt"))
dev = read_sentences(Path("../data/ner/dev.txt"))

# %% [markdown]
# ## Tags: B begins, I goes on, O is outside
#
# A name may have several words, and the file has one tag for every word. So a tag says two things:
# the type of the name, and whether the word *begins* it (`B-`) or is *inside* (`I-`). All other
# words are `O`, outside.

# %%
sentence = next(one for one in dev + train if "Georgia" in one.words and "Nino" in one.words)
for word, tag in zip(sentence.words, sentence.tags, strict=True):
    print(f"{word:8} {tag}")

# %% [markdown]
# Why is `B-` needed? Look at *Georgia Nino*: two persons side by side. With nothing but `I-` they
# would melt into one. There are several ways to write this down, called schemes. The oldest, IOB1,
# writes `B-` only where two names of one type touch; IOB2, also called BIO, at every first word;
# IOBES marks the last word and single words as well. They all say the same:

# %%
found = entities_of(sentence.tags)
print(f"{'':8}", *(f"{word:8}" for word in sentence.words))
for scheme in ("IOB1", "IOB2", "IOBES"):
    print(f"{scheme:8}", *(f"{tag:8}" for tag in tags_of(found, len(sentence.words), scheme)))

# %% [markdown]
# Files seldom tell which scheme they are written in. Who looks for `B-` in a file of the oldest
# scheme loses nearly all names, and nothing crashes. So the library takes the scheme in which the
# fewest tags are illegal, says so, and turns everything into IOB2.

# %%
in_iob1 = [one._replace(tags=tuple(tags_of(entities_of(one.tags), len(one.words), "IOB1")))
           for one in train]  # fmt: skip
print("the file:         ", detect(train))
print("the same as IOB1: ", detect(in_iob1))
print("words with B- in it:", sum(tag[0] == "B" for one in in_iob1 for tag in one.tags))
same = all(entities_of(a.tags) == entities_of(b.tags) for a, b in zip(train, in_iob1, strict=True))
print("entities are equal:", same)

# %%
show(entities_of)

# %% [markdown]
# ## One word, many pieces, one label
#
# The tags are of words. The model sees word pieces, and names are just the words that a vocabulary
# does not hold: they fall into more pieces than others do.

# %%
tag_set = TagSet.of(train)
names, others = [], []
for one in train:
    counts = np.diff(word_pieces(one.words, tokenizer).firsts)
    for count, tag in zip(counts, one.tags, strict=True):
        (others if tag == "O" else names).append(count)
print(f"pieces a word: {np.mean(names):.2f} in names, {np.mean(others):.2f} elsewhere")
print("the model's classes:", *tag_set.names)

# %% [markdown]
# So somebody has to decide which piece answers for the word. BERT's paper takes the **first**. The
# others get the label `-100`, which the cross-entropy passes over, and so do `[CLS]` and `[SEP]`.

# %%
sentence = next(one for one in train if "Łukasz" in one.words)
windows = TaggedWindows([sentence], tokenizer, tag_set)
pieces = [tokenizer.vocabulary[number] for number in windows.ids]
starts = dict(zip(windows.positions.tolist(), sentence.words, strict=True))
for place, (piece, label) in enumerate(zip(pieces, windows.labels.tolist(), strict=True)):
    meaning = "" if label == -100 else tag_set.names[label]
    print(f"{place:3} {piece:10} {label:5}  {meaning:6} {starts.get(place, '')}")

# %% [markdown]
# `-100` is not a class with a strange number. It is the absence of a question: where it stands, the
# loss does not count, and the gradient is exactly zero.

# %%
torch.manual_seed(0)
logits = torch.randn(len(pieces), len(tag_set.names), requires_grad=True)
functional.cross_entropy(logits, windows.labels).backward()
asked = windows.labels != -100
print(f"{len(pieces)} pieces, {int(asked.sum())} of them asked, for {len(sentence.words)} words")
print(f"sum of all gradients' sizes at those that are asked: {logits.grad[asked].abs().sum():.3f}")
print(f"and at those that are not:                           {logits.grad[~asked].abs().sum():.3f}")

# %% [markdown]
# What if every piece got the word's label? It would train, too. But a word of five pieces would
# count five times, in the loss and, worse, in the figures; and the pieces of one word could
# disagree. The first piece is enough, because the layers below have mixed the others into it.
#
# The function that cuts the words keeps the places of first pieces. A word in which the tokenizer
# sees nothing must not vanish, or all labels behind it would slide by one: it becomes `[UNK]`.

# %%
show(word_pieces)

# %% [markdown]
# ## Why accuracy flatters
#
# Most words are no names. A model that never finds anything is right about all of them:

# %%
gold = [one.tags for one in dev]
nothing = [("O",) * len(tags) for tags in gold]
for name, value in metrics(gold, nothing, tag_set).items():
    print(f"{name:10} {value:.3f}")

# %% [markdown]
# So one counts **entities**. An entity is found only if its type, its first word and its last word
# are right. Half of a name is no name.
#
# $$ \text{precision} = \frac{\text{right}}{\text{predicted}} \qquad
#    \text{recall} = \frac{\text{right}}{\text{there}} \qquad
#    F_1 = \frac{2 \cdot \text{right}}{\text{there} + \text{predicted}} $$
#
# With a pencil, for one sentence. The prediction begins the second name a word too late:

# %%
words = ["Ada", "met", "New", "York", "United"]
right_tags = ["B-PER", "O", "B-ORG", "I-ORG", "I-ORG"]
given_tags = ["B-PER", "O", "O", "B-ORG", "I-ORG"]
there, given = entities_of(right_tags), entities_of(given_tags)
print(
    "there:    ", *(f"{' '.join(words[e.first : e.last + 1])} ({e.type})" for e in there), sep="  "
)
print(
    "predicted:", *(f"{' '.join(words[e.first : e.last + 1])} ({e.type})" for e in given), sep="  "
)
both = figures([there], [given])[0]
print(f"\naccuracy {accuracy([right_tags], [given_tags]):.2f}: two of five words are wrong")
print(f"right {both.right}, predicted {both.predicted}, there {both.gold}: ", end="")
print(f"precision {both.precision:.2f}, recall {both.recall:.2f}, F1 {both.f1:.2f}")

# %% [markdown]
# ## Five ways to be wrong
#
# F1 says how many are wrong, not how. These are the kinds, each with an example:

# %%
examples = {
    "boundary": (["B-ORG", "I-ORG", "O"], ["B-ORG", "O", "O"]),
    "type": (["B-ORG", "I-ORG", "O"], ["B-LOC", "I-LOC", "O"]),
    "both": (["B-ORG", "I-ORG", "O"], ["B-LOC", "O", "O"]),
    "missed": (["B-ORG", "I-ORG", "O"], ["O", "O", "O"]),
    "invented": (["O", "O", "O"], ["O", "O", "B-PER"]),
}
for name, (there, given) in examples.items():
    (pair,) = pairs(entities_of(there), entities_of(given))
    print(f"{pair.kind:9} gold {' '.join(there):16} predicted {' '.join(given)}")
    assert pair.kind == name

# %% [markdown]
# They ask for different cures. Many *types*: the classes are alike, or the labels are. Many
# *boundaries*: people did not agree where a name ends. Many *missed*: too little training, or names
# unlike any that were seen.
#
# ## Train it
#
# The loop is chapter 7's; only the head differs, with one output a class at *every* position. The
# sample has few sentences, so the rate is high and there are more epochs than usual. This takes
# most of the chapter's computing.

# %% tags=["varies"]
folder = Path(tempfile.mkdtemp())
settings = NerSettings(
    data=Path("../data/ner"),
    output=folder / "ner",
    epochs=6,
    batch_size=8,
    max_length=64,
    learning_rate=3e-4,
)
path = fine_tune(settings)

# %% [markdown]
# Read the report from the top. The accuracy looks like a finished model; F1 does not. Below stand
# the kinds of error, and which type was taken for which: `(none)` in a column is missed, in a row
# invented. The same two figures after each epoch:

# %% tags=["varies"]
log = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
epochs = [line for line in log if "f1" in line]
figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.6, 3))
for name in ("accuracy", "f1", "precision", "recall"):
    left.plot(range(1, len(epochs) + 1), [line[name] for line in epochs], marker="o", label=name)
left.axhline(metrics(gold, nothing, tag_set)["accuracy"], color="0.6", linestyle=":")
left.annotate("accuracy of finding nothing", (1, 0.78), va="top", color="0.4", fontsize=8)
left.set(xlabel="epoch", ylim=(0, 1), title="on the dev set")
left.legend(frameon=False, loc="lower right")

run = SavedRun(path)
scores = run.run(dev)  # the logits of every word
tags = run.task.tags(scores, dev)
report = tag_report(dev, tags, run.task.tag_set)
right.barh(list(report.kinds), list(report.kinds.values()))
right.invert_yaxis()
right.set(xlabel="entities", title="what became of them")
pyplot.show()

# %% [markdown]
# And the sentences with most errors. Ask of each what you would have said, without knowing the
# people and the firms (they are invented): the model cannot know them either. It has only the
# words around.

# %% tags=["varies"]
print(*report.worst[:3], sep="\n\n")

# %% [markdown]
# ## Sequences that cannot be
#
# The head answers for every word by itself. So it can say `O I-PER`: *inside* a name that never
# began. The table of legal moves in IOB2 is small; a sentence begins as if `O` stood before it.

# %%
small = TagSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
figure, axes = pyplot.subplots(figsize=(4, 3.6))
axes.imshow(small.moves(), cmap="Blues", vmin=0, vmax=1.6)
axes.set_xticks(range(len(small.names)), small.names)
axes.set_yticks(range(len(small.names) + 1), ("(begin)", *small.names))
for row, column in np.argwhere(~small.moves()):
    axes.text(column, row, "no", ha="center", va="center")
axes.set(xlabel="next tag", ylabel="tag before", title="legal moves in IOB2")
pyplot.show()

# %% [markdown]
# Here is such a case by hand: three words, five classes, and a first word about which the model is
# in two minds.

# %%
words = ("Ursina", "Caduff", "laughed")
logits = np.array([[2.0, 0.3, 0.1, 1.7, 0.2], [0.8, 0.1, 0.4, 0.5, 2.6], [3.0, 0.1, 0.0, 0.2, 0.4]])
each_best = [small.names[number] for number in logits.argmax(1)]
path_numbers = best_path(logits, np.array([0, 3]), small)
legal_best = [small.names[number] for number in path_numbers]
for name, chosen in (("each by itself", each_best), ("the best legal path", legal_best)):
    total = sum(logits[word, small.names.index(tag)] for word, tag in enumerate(chosen))
    spans = [(" ".join(words[e.first : e.last + 1]), e.type) for e in entities_of(chosen)]
    print(f"{name:20} {' '.join(chosen):18} sum {total:.1f}  {spans}")

# %%
figure, axes = pyplot.subplots(figsize=(7, 3.2))
axes.imshow(logits.T, cmap="Greys", vmin=0, vmax=5, aspect="auto")
for (word, tag), value in np.ndenumerate(logits):
    axes.text(word, tag, f"{value:.1f}", ha="center", va="center", fontsize=8)
axes.plot(
    logits.argmax(1), ":", marker="o", markersize=22, fillstyle="none", label="each by itself"
)
axes.plot(path_numbers, "-", marker="s", markersize=24, fillstyle="none", label="best legal path")
axes.set_xticks(range(3), words)
axes.set_yticks(range(len(small.names)), small.names)
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), labelspacing=2)
axes.set(title="scores of the tags", xlim=(-0.6, 2.6))
pyplot.show()

# %% [markdown]
# Giving up a little at the first word wins the whole name. How is the best path found without
# trying all of them? By Viterbi's remark: of all ways that reach a tag at a word, only the best one
# can be a part of the best path. So for every word and tag one number and one step back are kept.

# %%
show(best_path)

# %% [markdown]
# It is a choice at prediction time; nothing is trained anew. (`minibert finetune ner
# --constrained` sets it for a run.) What does it do to our model?

# %% tags=["varies"]
constrained = replace(run.task, constrained=True)
for name, task in (("each by itself", run.task), ("legal paths only", constrained)):
    said = task.tags(scores, dev)
    broken = sum(not legal(*move, "IOB2") for one in said for move in pairwise(("O", *one)))
    f1 = metrics(gold, said, task.tag_set)["f1"]
    print(f"{name:18} illegal moves {broken:2}, entity F1 {f1:.3f}")

# %% [markdown]
# Now every answer makes sense. Whether F1 rises as well is another question, which the dev set must
# answer; fifty sentences do not tell much.
#
# ## Entities of raw text
#
# Raw text has no words yet, only characters. It is divided as tagged files are, and every entity
# comes with its place: it is cut from the text itself, so its capitals and accents are the text's.

# %% tags=["varies"]
text = (
    "Last May Ingrid Solberg left Siemens in Munich and went to Porto, where she met José Saraiva."
)
(answer,) = run.predict([text])
for entity in answer.entities:
    assert text[entity.start : entity.end] == entity.text
    print(f"{entity.start:3} to {entity.end:3}  {entity.type:5} {entity.score:.2f}  {entity.text}")

# %% [markdown]
# ## What a real set gives
#
# This run has seen a hundred and fifty sentences. With all of CoNLL-2003, about a hundred times as
# much, the same model and the same code reached an F1 of 90.0 percent on its dev set (the mean of
# three seeds); the README has the settings, and the figures of `transformers` beside ours.
#
# ## What you have now
#
# - The first piece of a word carries its label; `-100` elsewhere means: not asked.
# - Schemes differ in what they write, not in what they say; entities are what they say.
# - F1 of entities is what counts. Accuracy of words flatters, because most words are `O`.
# - Errors have kinds: boundary, type, both, missed, invented.
# - The best legal path is found by Viterbi's algorithm, and costs no training.
#
# The real code, in the order to read it in: [`tasks/ner/`](../minibert/tasks/ner/__init__.py). Your
# own tagged words: [Questions and answers, and tagging](../docs/questions_and_tagging.md).
#
# ## Exercises
#
# Copy [`exercises/10.py`](exercises/10.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 10 my_10.py
# ```
#
# 1. `label_pieces`: the label at the first piece, `-100` elsewhere
# 2. `to_iob2`: from the older scheme
# 3. `entities`: what tags say, legal or not
# 4. `entity_f1`: right only if all of it is right
#
# Next: [chapter 11](11_when_it_does_not_learn.ipynb) shows runs that went wrong, and lets you find
# out why.
