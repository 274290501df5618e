# %% [markdown]
# # 11. When it does not learn
#
# After this chapter you can look at the curves of a sick training run and say what it suffers from,
# and you know for each disease the one test that proves it.
#
# Three ideas are new: *a mistake has a face*, the same in every model; a curve gives a suspicion, a
# *test* gives certainty; and before anything else, *one batch by heart*.
#
# You need chapter 7: the loop, and what a healthy run looks like.

# %%
import csv
import math
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib import pyplot

from minibert import BertForSequenceClassification, BertTokenizer
from minibert.course import show, start
from minibert.model import functional
from minibert.training.reports import health

start("11")

# %% [markdown]
# ## The patients
#
# The task is chapter 7's, praise or complaint. One run is healthy. Each of the others has one
# fault, which is enough to spoil it; all are faults that people really bring to their teacher:
#
# | what is wrong | how it comes about |
# |---|---|
# | rate too high | a zero lost when the command was typed |
# | rate too low | three zeros too many |
# | no warm-up | at a rate five times as high, where it is needed: a twin with warm-up follows |
# | labels shuffled | texts and labels come from two files, and one of them was sorted |
# | texts cut | the maximal length is set for words, and is far too small |
# | body frozen | a line from an experiment was left in |
# | mask inverted | one library says 1 for "look", another says 1 for "hide" |
# | gradients pile up | `zero_grad` forgotten |
# | dev set in the training set | files were joined before they were split |

# %%
SST2 = Path("../data/glue/SST-2")
tokenizer = BertTokenizer.from_pretrained("minilm")


def read(name: str) -> list[tuple[str, int]]:
    """The sentences of a file with their labels."""
    with (SST2 / name).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["sentence"], int(row["label"])) for row in rows]


train_set, dev_set = read("train.tsv")[:128], read("dev.tsv")[:64]


class Fault(NamedTuple):
    """How a run is treated; as it stands here, rightly."""

    rate: float = 2e-4
    warmup: bool = True
    shuffled: bool = False
    max_length: int | None = None
    frozen: bool = False
    inverted: bool = False
    piling: bool = False
    leaking: bool = False


FAULTS = {
    "healthy": Fault(),
    "rate too high": Fault(rate=1e-2),
    "rate too low": Fault(rate=1e-7),
    "no warm-up": Fault(rate=1e-3, warmup=False),
    "labels shuffled": Fault(shuffled=True),
    "texts cut": Fault(max_length=5),
    "body frozen": Fault(frozen=True),
    "mask inverted": Fault(inverted=True),
    "gradients pile up": Fault(piling=True),
    "dev set in the training set": Fault(leaking=True),
}

# %% [markdown]
# This is the loop of chapter 7, with the faults built in. While it runs it takes notes.


# %%
class Notes(NamedTuple):
    """What was seen of a run."""

    losses: list[float]  # of each step
    norms: list[float]  # length of the gradient, before it was clipped
    dev: list[float]  # loss on the dev set after each epoch
    accuracy: float  # on the dev set at the end
    positive: float  # share of the dev set that was answered "positive"
    moved: float  # how far the body's weights went, compared with their own length


def collate(examples, fault):
    """Ids, mask and labels of some examples."""
    rows = [
        torch.tensor(tokenizer.encode(text, max_length=fault.max_length).ids)
        for text, _ in examples
    ]
    ids = torch.nn.utils.rnn.pad_sequence(rows, True, tokenizer.pad_id)
    mask = (torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]).long()
    return ids, 1 - mask if fault.inverted else mask, torch.tensor([label for _, label in examples])


def run(fault: Fault, epochs: int = 2) -> Notes:
    """Train with this fault and take notes."""
    torch.manual_seed(0)
    model = BertForSequenceClassification.from_pretrained("minilm", num_labels=2)
    model.bert.embeddings.requires_grad_(False)  # in all runs: saves time, and changes little
    if fault.frozen:
        model.bert.requires_grad_(False)
    first = model.bert.encoder.state_dict()
    first = {name: weight.clone() for name, weight in first.items()}
    examples = train_set[:64] + dev_set if fault.leaking else train_set
    if fault.shuffled:
        order = torch.randperm(len(examples)).tolist()
        examples = [
            (text, examples[other][1]) for (text, _), other in zip(examples, order, strict=True)
        ]

    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, weight_decay=0.01, fused=True)
    steps = epochs * math.ceil(len(examples) / 8)
    losses, norms, dev = [], [], []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(examples)).split(8):
            ids, mask, labels = collate([examples[row] for row in rows], fault)
            loss = functional.cross_entropy(model(ids, mask).logits, labels)
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(learnt, 1.0).item())
            step = len(losses)
            rising = step / (0.1 * steps) if fault.warmup else 1
            falling = (steps - step) / (0.9 * steps)
            for group in optimizer.param_groups:
                group["lr"] = fault.rate * min(rising, falling, 1)
            optimizer.step()
            if not fault.piling:
                optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        ids, mask, labels = collate(dev_set, fault)
        with torch.no_grad():
            logits = model(ids, mask).logits
        dev.append(functional.cross_entropy(logits, labels).item())

    answers = logits.argmax(-1)
    now = model.bert.encoder.state_dict()
    went = sum((now[name] - weight).square().sum() for name, weight in first.items()).sqrt()
    length = sum(weight.square().sum() for weight in first.values()).sqrt()
    right = (answers == labels).float().mean().item()
    return Notes(losses, norms, dev, right, answers.float().mean().item(), (went / length).item())


# %% [markdown]
# The runs take most of this chapter's time. They get letters in an order that you do not know.

# %% tags=["varies"]
names = list(FAULTS)
order = torch.randperm(len(names), generator=torch.Generator().manual_seed(11)).tolist()
causes = dict(zip("ABCDEFGHIJ", (names[place] for place in order), strict=True))
patients = {letter: run(FAULTS[cause]) for letter, cause in causes.items()}

figure, panels = pyplot.subplots(2, 5, figsize=(10.5, 4.6), sharey=True)
for axes, (letter, notes) in zip(panels.flat, patients.items(), strict=True):
    smooth = torch.tensor(notes.losses).unfold(0, 5, 1).mean(-1)
    axes.plot(range(3, 3 + len(smooth)), smooth, label="training")
    half = len(notes.losses) // 2
    axes.plot([half, 2 * half], notes.dev, "o", label="dev set")
    axes.axhline(math.log(2), color="0.6", linestyle=":", label="guessing")
    axes.set(title=letter, ylim=(0, 1.5))
panels[0, 0].legend(frameon=False, fontsize=8)
figure.supxlabel("step")
figure.supylabel("loss")
pyplot.show()

# %% [markdown]
# ## Your diagnosis
#
# Take a sheet of paper and write a disease beside each letter before you read on. Some faces are
# plain, others are alike: that is what the laboratory is for.

# %% tags=["varies"]
print("   first loss  last losses  dev loss  accuracy  'positive'  gradient   body moved")
for letter, notes in patients.items():
    late = sum(notes.losses[-8:]) / 8
    norm = sum(notes.norms) / len(notes.norms)
    print(
        f"{letter}  {notes.losses[0]:10.2f}  {late:11.2f}  {notes.dev[-1]:8.2f}"
        f"  {notes.accuracy:8.2f}  {notes.positive:10.2f}  {norm:8.1f}  {notes.moved:11.5f}"
    )

# %% [markdown]
# How to read it:
#
# - **First loss**: a fresh head guesses. All of them are near the logarithm of two, so no run was
#   broken before its first step.
# - **"Positive"**: half of the dev set is. Who says all or nothing has stopped reading.
# - **Gradient**: its mean length. Much too long means that something adds up which should not.
# - **Body moved**: how far the weights of the body went, in parts of their own length. Nothing
#   means frozen, or a rate that is next to nothing; much means that pretraining was destroyed.


# %% tags=["varies"]
def letter_of(cause: str) -> str:
    """Who has it."""
    return next(letter for letter, name in causes.items() if name == cause)


for cause in FAULTS:
    print(f"{letter_of(cause)}: {cause}")

# %% [markdown]
# ## From suspicion to proof
#
# **The loss stays at guessing.** Several diseases look like that: a rate too low, a frozen body,
# shuffled labels, an inverted mask, texts that were cut. Two questions part them. *Did the body
# move?* If not, look at the rate and at `requires_grad`:

# %%
model = BertForSequenceClassification.from_pretrained("minilm", num_labels=2)
model.bert.requires_grad_(False)
frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
print(f"{len(frozen)} of {len(list(model.named_parameters()))} parameters are frozen")

# %% [markdown]
# If it did move, look at *what the model is given*, the very tensors of a batch, turned back into
# text. Nearly every fault of data shows here, and it takes a minute:

# %%
for name in ("healthy", "texts cut", "mask inverted"):
    ids, mask, labels = collate(train_set[:3], FAULTS[name])
    seen = [
        [tokenizer.vocabulary[i] for i in row[keep]]
        for row, keep in zip(ids, mask.bool(), strict=True)
    ]
    print(f"{name}:")
    for tokens, label in zip(seen, labels, strict=True):
        print(f"  {label}  {' '.join(tokens)}")

# %% [markdown]
# **Shuffled labels** cannot be seen in one batch; read twenty sentences with their labels, and you
# will know. In the curves they have a face of their own if one trains for longer: the training loss
# falls at last, because the model learns the labels by heart, and the dev loss *rises above
# guessing*, because it is sure of things that are not so.
#
# **The loss is above guessing and jumps**, and all answers are the same: the rate is too high. The
# first large steps have destroyed what was pretrained, and it does not come back when the rate
# falls. Try a range of rates on a few batches before a long run: `--lr-range-test` draws it.
#
# **Without warm-up** the same happens at lower rates, in the very first steps: Adam moves every
# weight by the full rate at once, in whatever direction the first batch says. Here is the twin, at
# the same rate, with warm-up.

# %% tags=["varies"]
twin = run(Fault(rate=1e-3))
alone = patients[letter_of("no warm-up")]
print(f"without warm-up: dev loss {alone.dev[-1]:.2f}, accuracy {alone.accuracy:.2f}")
print(f"with warm-up:    dev loss {min(twin.dev):.2f}, accuracy {twin.accuracy:.2f}")

# %% [markdown]
# **The gradient is longer than the healthy run's in nearly every step**: it is a sum with those of
# the steps before. (Clipping shortens that sum each time. Without it, it would grow on and on.)

# %% tags=["varies"]
figure, axes = pyplot.subplots(figsize=(5.6, 2.8))
for cause in ("healthy", "gradients pile up"):
    axes.plot(patients[letter_of(cause)].norms, label=cause)
axes.set(xlabel="step", ylabel="length of the gradient", ylim=(0, None))
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# Such a run may even learn; it only steers badly, like a ship whose helm answers late. That makes
# this fault a mean one: no curve of the loss shows it, only the lengths do.
#
# **Too good to be true** is a disease as well. When sentences of the dev set are in the training
# set, the dev loss falls *with* the training loss, and no curve will ever tell you. Only this does:


# %%
def leaked(train: list[tuple[str, int]], dev: list[tuple[str, int]]) -> list[str]:
    """Sentences that are in both, however they are spaced or capitalised."""
    known = {" ".join(text.lower().split()) for text, _ in train}
    return [text for text, _ in dev if " ".join(text.lower().split()) in known]


print("in both, as it should be:", len(leaked(train_set, dev_set)))
print("in both, when files were joined:", len(leaked(train_set[:64] + dev_set, dev_set)))

# %% [markdown]
# ## One batch by heart
#
# Before you train for hours, train on a single batch, again and again, without dropout. A sound
# model and a sound loop learn eight sentences by heart in a few steps, whatever the labels are. If
# yours does not, the fault is in the code, not in the data; if it does, look at the data.


# %%
def by_heart(fault: Fault, steps: int = 10) -> float:
    """The loss on one batch after so many steps on it."""
    torch.manual_seed(0)
    model = BertForSequenceClassification.from_pretrained("minilm", num_labels=2, dropout=0.0)
    model.bert.requires_grad_(not fault.frozen)
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=fault.rate, fused=True)
    ids, mask, labels = collate(train_set[:8], fault)
    for _ in range(steps):
        loss = functional.cross_entropy(model(ids, mask).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


for cause in ("healthy", "rate too low", "body frozen", "mask inverted", "rate too high"):
    learnt = "learns it by heart" if by_heart(FAULTS[cause]) < 0.2 else "does not learn it"
    print(f"{cause:15}  {learnt}")

# %% [markdown]
# On the command line the same is `--overfit-batch`.
#
# ## The library as a doctor
#
# Everything you did by eye the library does by numbers at the end of each run: `report.md` and
# `metrics.json` carry its warnings. Here is one of its checks, and what all of this chapter's
# patients make it say.

# %%
show(health.unmoved_loss)

# %% tags=["varies"]
for letter, notes in patients.items():
    complaint = health.unmoved_loss(notes.losses, math.log(2))
    print(f"{letter}, {causes[letter]}: {complaint or 'no complaint'}")

# %% [markdown]
# It does not find every disease: leaks and piled-up gradients have no complaint about the loss.
# No program knows what you meant to do. Read your data, and read your curves.
#
# ## What you have now
#
# - A first loss that is not the logarithm of the number of classes: broken before training.
# - A loss that stays there: did the body move? What does a batch look like as text?
# - All answers alike, and a loss above guessing: the rate was too high.
# - A dev loss too good to be true: look for sentences that are in both sets.
# - One batch by heart tells faults of the code from faults of the data.
#
# The real code: [`health.py`](../minibert/training/reports/health.py),
# [`rehearsal.py`](../minibert/training/rehearsal.py).
#
# ## Exercises
#
# Copy [`exercises/11.py`](exercises/11.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 11 my_11.py
# ```
#
# 1. `expected_first_loss`: of a head that guesses
# 2. `leaked`: texts that are in both sets
# 3. `share_truncated`: how many texts lose their ends
# 4. `diagnose`: the disease from a few signs
#
# Next: [chapter 12](12_from_formula_to_kernel.ipynb) goes down to the machine. If that is not for
# you, you are through: you can use it all for texts of your own, `minibert finetune text --train
# my.csv`.
