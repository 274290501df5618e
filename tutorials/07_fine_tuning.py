# %% [markdown]
# # 7. Fine-tuning on a single sentence
#
# After this chapter you can teach a pretrained BERT to tell praise from complaint, with a training
# loop that you wrote yourself, line by line; and you can tell from its curves how it went.
#
# Three ideas are new: the *loss*, one number that says how wrong the model is; the *step*, which
# makes it a little less wrong (AdamW, with warm-up and clipping); and the *curves*.
#
# You need chapter 6: what the model is, and how pretrained weights get into it.

# %%
import csv
import math
from pathlib import Path

import torch
from matplotlib import pyplot

from minibert import BertForSequenceClassification, BertTokenizer, training
from minibert.course import show, start
from minibert.model import functional
from minibert.training import loop
from minibert.training.settings import GlueSettings

start("07")

# %% [markdown]
# ## The task
#
# Sentences of opinion, each labelled 1 (positive) or 0 (negative). The file has the form of SST-2,
# a task of the GLUE benchmark; the sentences were written for this course.

# %%
SST2 = Path("../data/glue/SST-2")


def read(file: Path) -> list[tuple[str, int]]:
    """The sentences of a file with their labels; GLUE's files know no quotes."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["sentence"], int(row["label"])) for row in rows]


train_set, dev_set = read(SST2 / "train.tsv"), read(SST2 / "dev.tsv")
print(len(train_set), "to learn from,", len(dev_set), "held back to be tested on")
for sentence, label in train_set[:4]:
    print(label, sentence)

# %% [markdown]
# The **dev set** is held back: a model can learn its training sentences by heart, so how well it
# does on those says nothing.
#
# ## The head
#
# BERT gives a vector for each token. To answer *positive or negative?* we need two numbers for the
# whole sentence. So a **head** stands on the model: it takes the vector of `[CLS]`, after the
# pooler, and makes two numbers of it by a linear layer. They are called **logits**.

# %%
show(BertForSequenceClassification)

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
torch.manual_seed(1)
model = BertForSequenceClassification.from_pretrained("minilm", num_labels=2)
print(model.load_table.summary())
print("new, drawn at random:", ", ".join(model.load_table.new))

# %% [markdown]
# All that was pretrained is filled; only the head is new. It knows nothing yet.
#
# ## Collate: a batch from sentences
#
# A batch is one tensor, so its rows must be of one length. Short sentences are filled up with
# `[PAD]`, and the mask says which tokens are real (chapter 4 showed what happens without it).


# %%
def collate(examples: list[tuple[str, int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids (B, S), mask (B, S) and labels (B,) of some examples."""
    rows = [torch.tensor(tokenizer.encode(sentence).ids) for sentence, _ in examples]
    ids = torch.nn.utils.rnn.pad_sequence(rows, True, tokenizer.pad_id)
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    return ids, mask.long(), torch.tensor([label for _, label in examples])


ids, mask, labels = collate(train_set[:8])
print("ids", tuple(ids.shape), "labels", labels.tolist())
print("the first row:", *(tokenizer.vocabulary[token] for token in ids[0]))

# %%
figure, axes = pyplot.subplots(figsize=(6.4, 2.2))
axes.imshow(mask, cmap="Blues", vmin=-0.3, vmax=1.3, aspect="auto")
axes.set(
    xlabel="token", ylabel="sentence", title=f"real tokens: {mask.float().mean():.0%} of the batch"
)
pyplot.show()

# %% [markdown]
# The pale part is computed for nothing. The library therefore lays the sentences end to end, with
# no padding at all (`model.bert` accepts both); the numbers are the same.
#
# ## The loss
#
# The softmax turns the two logits into probabilities. If the model gives the right answer the
# probability $p$, its loss is $-\ln p$: nothing for certainty, a lot for certainty of the wrong
# answer. That is the **cross-entropy**; over a batch, one takes the mean.

# %%
model.eval()
with torch.no_grad():
    logits = model(ids, mask).logits
for number in range(3):
    probs = logits[number].softmax(-1)
    loss = -math.log(probs[labels[number]])
    print(f"label {labels[number]}: probabilities {probs[0]:.3f} {probs[1]:.3f}, loss {loss:.3f}")
print(f"the mean over the batch: {functional.cross_entropy(logits, labels):.3f}")
print(f"guessing:  -ln(1/2) =    {math.log(2):.3f}")

# %% [markdown]
# Remember that last line. A fresh head guesses, so the first loss must be near the logarithm of the
# number of classes. If it is not, something is wrong before training has begun.

# %%
show(functional.cross_entropy)

# %% [markdown]
# ## The step
#
# `loss.backward()` finds the gradient: for every one of the weights, how the loss would change if
# that weight grew. Walking *against* it makes the loss smaller. How far? Plain gradient descent
# takes `rate * gradient`; but in BERT some gradients are a thousand times larger than others.
#
# **Adam** divides each gradient by its own usual size, so that every weight moves by about the
# rate, whatever its gradient's size. Two weights, one with gradients a thousand times as large:

# %%
weights = torch.zeros(2, requires_grad=True)
adam = torch.optim.AdamW([weights], lr=0.01, weight_decay=0)
for step in range(3):
    weights.grad = torch.tensor([0.001, 1.0])
    adam.step()
    print("after step", step + 1, [round(weight, 4) for weight in weights.tolist()])

# %% [markdown]
# The **W** in AdamW is *weight decay*: in each step every weight is pulled towards zero by a small
# share, which keeps weights that are of no use from growing. Biases and LayerNorm's weights are
# left out: a LayerNorm is at home at one, not at zero. So there are two groups.


# %%
def decays(name: str) -> bool:
    """Whether the parameter of that name is pulled towards zero."""
    return not name.endswith("bias") and "norm" not in name


RATE = 1e-4
groups = [
    {"params": [p for n, p in model.named_parameters() if decays(n)], "weight_decay": 0.01},
    {"params": [p for n, p in model.named_parameters() if not decays(n)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
for group in groups:
    count = sum(p.numel() for p in group["params"])
    print(
        f"weight decay {group['weight_decay']}: {len(group['params'])} tensors, {count:,} weights"
    )

# %% [markdown]
# **Warm-up.** At first the head is random, so the gradients that reach the body are random too,
# and Adam does not know their usual size yet. So the rate begins at nothing, rises over the first
# tenth of all steps, and then falls again, in a straight line, to nothing.

# %%
EPOCHS, BATCH_SIZE = 3, 8
steps = EPOCHS * math.ceil(len(train_set) / BATCH_SIZE)
warmup = math.ceil(0.1 * steps)


def rate(step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if step < warmup:
        return RATE * step / warmup
    return RATE * (steps - step) / (steps - warmup)


figure, axes = pyplot.subplots(figsize=(5.6, 2.4))
axes.plot([rate(step) for step in range(steps)])
axes.set(xlabel="step", ylabel="rate", title=f"{steps} steps, {warmup} of them to warm up")
pyplot.show()

# %% [markdown]
# **Clipping.** Now and then a batch has a huge gradient. All gradients together are one long
# vector; if it is longer than 1, it is shortened to that, and keeps its direction.
# `torch.nn.utils.clip_grad_norm_` does so, and returns the length before.
#
# ## The loop
#
# That is all that is needed. For every batch: forward, loss, backward, clip, step. After every
# epoch (once through the training set): look at the dev set, with dropout switched off.


# %%
def evaluate(examples: list[tuple[str, int]]) -> tuple[float, float]:
    """Loss and accuracy on some examples; nothing is learnt."""
    model.eval()
    ids, mask, labels = collate(examples)
    with torch.no_grad():
        logits = model(ids, mask).logits
    right = logits.argmax(-1) == labels
    return functional.cross_entropy(logits, labels).item(), right.float().mean().item()


# %% tags=["varies"]
losses, norms, looks = [], [], [(0, *evaluate(dev_set))]
order = torch.Generator().manual_seed(1)
for epoch in range(EPOCHS):
    model.train()  # dropout on
    for rows in torch.randperm(len(train_set), generator=order).split(BATCH_SIZE):
        ids, mask, labels = collate([train_set[row] for row in rows])

        loss = functional.cross_entropy(model(ids, mask).logits, labels)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(len(losses))
        optimizer.step()
        optimizer.zero_grad()  # or the next gradients would be added to these

        losses.append(loss.item())
        norms.append(norm.item())
    looks.append((len(losses), *evaluate(dev_set)))
    print(f"epoch {epoch + 1}: dev loss {looks[-1][1]:.3f}, accuracy {looks[-1][2]:.2f}")

# %% [markdown]
# ## Reading the curves
#
# Single batches are noisy, so look at the trend. The dots are the dev set.

# %% tags=["varies"]
figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.6, 3.1))
left.plot(range(1, len(losses) + 1), losses, color="0.8", label="each batch")
smooth = torch.tensor(losses).unfold(0, 9, 1).mean(-1)
left.plot(range(5, 5 + len(smooth)), smooth, label="mean of 9 batches")
left.plot([at for at, _, _ in looks], [loss for _, loss, _ in looks], "o", label="dev set")
left.axhline(math.log(2), color="0.6", linestyle=":", label="guessing")
left.set(xlabel="step", ylabel="loss", ylim=(0, None))
left.legend(frameon=False, fontsize=8)
right.plot(range(1, len(norms) + 1), norms)
right.axhline(1, color="0.6", linestyle=":")
right.set(xlabel="step", ylabel="length of the gradient", ylim=(0, None))
pyplot.show()

# %% [markdown]
# What a healthy run looks like:
#
# - It **begins at guessing**, stays there while the rate warms up, and then falls.
# - The **dev loss falls with it**. If it turns and rises while the training loss goes on falling,
#   the model has begun to learn by heart: fewer epochs, or more data.
# - The **gradient** is large where a batch surprises the model, the more the surer it has become.
#   What is above the dotted line was clipped.
#
# Chapter 11 shows what ill runs look like.
#
# ## What it has learnt
#
# Sentences that it has never seen, and those of the dev set on which it is wrong, the surest first.
# Read them: is each of them really a mistake, or is it a hard sentence?


# %% tags=["varies"]
def probability(sentences: list[str]) -> torch.Tensor:
    """How likely each sentence is positive."""
    model.eval()
    ids, mask, _ = collate([(sentence, 0) for sentence in sentences])
    with torch.no_grad():
        return model(ids, mask).logits.softmax(-1)[:, 1]


mine = ["I would see it again tomorrow.", "Not as bad as I had feared.", "I want my money back."]
for sentence, positive in zip(mine, probability(mine), strict=True):
    print(f"{positive:.2f}  {sentence}")

print("\nmistakes on the dev set:")
positive = probability([sentence for sentence, _ in dev_set])
wrong = [
    (abs(p - label).item(), label, sentence)
    for p, (sentence, label) in zip(positive, dev_set, strict=True)
    if (p > 0.5) != label
]
for doubt, label, sentence in sorted(wrong, reverse=True)[:5]:
    print(f"{doubt:.2f} sure, but the label is {label}: {sentence}")

# %% [markdown]
# ## The library's loop
#
# The library trains every task with one loop, and you can read it now: the order is yours. What it
# has besides: it evaluates and keeps the best model, saves all that is needed to go on after it was
# stopped, cuts batches that are too large for the memory, and stops at a loss that is no number.

# %%
show(loop.train)

# %% [markdown]
# One call trains with it, and leaves a folder with the model and a report. The command for it:
#
# ```
# minibert finetune glue --task sst-2 --data data/glue --lr 1e-4 --batch-size 8 --epochs 2
# ```

# %% tags=["varies"]
settings = GlueSettings(
    task="sst-2",
    data=SST2.parent,
    learning_rate=1e-4,
    batch_size=8,
    epochs=2,
    output=Path("../runs/chapter-07"),
    overwrite=True,
)
run = training.fine_tune(settings)

# %% tags=["varies"]
pyplot.figure(figsize=(8.6, 5.6))
pyplot.imshow(pyplot.imread(run / "curves.png"))
pyplot.axis("off")
pyplot.show()

# %%
print(*sorted(path.name for path in run.iterdir()), sep="\n")

# %% [markdown]
# ## What you have now
#
# - A loop of ten lines that fine-tunes a pretrained BERT, and what each line is for.
# - The first loss of a fresh head is the logarithm of the number of classes.
# - AdamW moves each weight by about the rate; warm-up and clipping keep the first steps small.
# - Training loss and dev loss together tell whether a model learns, or learns by heart.
#
# The real code: [`loop.py`](../minibert/training/loop.py),
# [`optimizer.py`](../minibert/training/optimizer.py),
# [`schedule.py`](../minibert/training/schedule.py), and what tells ill runs from healthy ones,
# [`health.py`](../minibert/training/reports/health.py).
#
# ## Exercises
#
# Copy [`exercises/07.py`](exercises/07.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 07 my_07.py
# ```
#
# 1. `cross_entropy`: with rows that do not count
# 2. `rate`: warm-up and the way down
# 3. `decays`: which parameters are pulled towards zero
# 4. `clip`: the whole gradient, not each piece of it
# 5. `adamw_step`: one step of one weight
# 6. `train`: a loop in which gradients do not pile up
#
# Next: [chapter 8](08_pairs_and_scores.ipynb) asks about two sentences at once, and for a score in
# place of a class.
