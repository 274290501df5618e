# %% [markdown]
# # 8. Pairs and scores
#
# After this chapter you can give BERT two texts at once, have it answer with a number instead of a
# class, and choose the figure that tells whether the answers are any good.
#
# Three ideas are new: a *pair in one input*, whose halves are told apart by segment ids;
# *regression*, with one output and a squared error; and *metrics*, which answer different questions
# about the same answers.
#
# You need chapter 7: head, loss, and the loop.

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.lens.pictures import attention_map
from minibert.tasks.glue import HUB_MNLI_LABELS, MNLI_LABELS, TASKS
from minibert.tasks.labels import fit_labels
from minibert.tasks.metrics import METRICS, accuracy, f1, matthews, pearson, spearman
from minibert.tasks.sequence import SequenceTask
from minibert.tasks.signs import class_signs
from minibert.tasks.sources import Sources
from minibert.trace import record
from minibert.training import SavedRun, fine_tune
from minibert.training.settings import GlueSettings

start("08")
data = Sources(Path("../data/glue"))
tokenizer = BertTokenizer.from_pretrained("minilm")
body = BertModel.from_pretrained("minilm", attention="math").eval()

# %% [markdown]
# ## Three questions about two texts
#
# The GLUE benchmark has several tasks about pairs. **MRPC**: do two sentences say the same?
# **MNLI**: does the second follow from the first, contradict it, or neither? **STS-B**: how alike
# are they, from nothing to five? Here is one example of each. (The files have the benchmark's form;
# the sentences were written for this course.)

# %%
for name in ("mrpc", "mnli", "sts-b"):
    task = TASKS[name]
    example = task.examples("train", data)[1]
    label = task.label_names[example.label] if task.label_names else example.label
    print(f"{name}, {len(task.examples('train', data))} pairs to learn from: {label}")
    print(f"   {example.text}\n   {example.pair}")

# %% [markdown]
# ## Two texts in one input
#
# BERT reads a pair as one sequence: `[CLS] first [SEP] second [SEP]`. A third row of numbers, the
# **segment ids** (`type_ids`), says which half a piece belongs to. Each segment has a vector of its
# own, which is added to every piece of that half (chapter 2).

# %%
pair = tokenizer.encode("The ferry leaves at noon.", "At noon the boat departs.")
for name, row in (("piece", pair.tokens), ("id", pair.ids), ("segment", pair.type_ids)):
    print(f"{name:8}", *(f"{value!s:7}" for value in row))

# %% [markdown]
# Why not encode each text by itself and compare two vectors? In one sequence every word can look at
# the words of the *other* text, in every layer. Of MiniLM's heads, one has learnt to look for the
# same word over there:

# %%
ids, segments = torch.tensor([pair.ids]), torch.tensor([pair.type_ids])
with torch.no_grad(), record() as stages:
    body(ids, token_type_ids=segments)
probs = torch.stack([stages[f"layers.{layer}.attention.probs"][0] for layer in range(6)])
twins = [
    (i, j)
    for i, one in enumerate(pair.ids)
    for j, other in enumerate(pair.ids)
    if one == other and pair.type_ids[i] == 0 and pair.type_ids[j] == 1 and pair.tokens[i].isalpha()
]
shares = torch.stack([probs[:, :, i, j] for i, j in twins]).mean(0)  # (layers, heads)
layer, head = divmod(shares.argmax().item(), shares.shape[1])
figure, axes = pyplot.subplots(figsize=(5.4, 5.4))
attention_map(probs[layer, head], pair.tokens, axes, f"layer {layer}, head {head}")
pyplot.show()

# %% [markdown]
# Where it finds none, it looks at `[CLS]`, which means: at nothing in particular. (And *boat* looks
# a little at *ferry*.)
#
# ### What if the segment ids are left out?
#
# Nothing crashes. They are zero then, and the whole pair passes for a single text. The vectors that
# come out are others:

# %%
with torch.no_grad():
    told = body(ids, token_type_ids=segments).last_hidden_state[0]
    untold = body(ids).last_hidden_state[0]
moved = (told - untold).norm(dim=-1) / told.norm(dim=-1)
figure, axes = pyplot.subplots(figsize=(7, 2.2))
axes.bar(range(len(moved)), moved, color=[f"C{segment}" for segment in pair.type_ids])
axes.set_xticks(range(len(moved)), pair.tokens, rotation=60)
axes.set(ylabel="share of its length", title="how far each piece's vector moves without segments")
pyplot.show()
for name, segment in (("first text", 0), ("second text", 1)):
    print(f"{name:11} {moved[segments[0] == segment].mean():.2f} of its length")

# %% [markdown]
# It is a small part of each vector, for `[SEP]` still shows where the second text begins. That is
# the danger: a model trained *with* segments and asked *without* them gives other answers, not
# absurd ones, and nobody is told. We shall measure it at the end on a model of our own.
#
# ## Longest first
#
# A pair that is too long has to be cut. If one simply cut the end off, the second text would go
# first. So pieces are dropped one by one from the end of *whichever text is longer*.

# %%
example = TASKS["mnli"].examples("dev", data)[0]
for most in (None, 32, 24, 12):
    cut = tokenizer.encode(example.text, example.pair, max_length=most)
    lengths = f"{cut.type_ids.count(0) - 2:2} and {cut.type_ids.count(1) - 1:2} pieces"
    print(f"{most or 'all'!s:4} {lengths}  {' '.join(cut.tokens)}")
whole = tokenizer.encode(example.text, example.pair).tokens
print(f"24, if the end is cut off:  {' '.join(whole[:24])}")

# %% [markdown]
# Down to a certain length only the longer text gives; from there on they take turns. The library
# counts what it cuts and says so (`data.txt` of a run).
#
# ## A number instead of a class
#
# STS-B's labels are scores. *Nearly the same* and *opposite* are not just different answers: one is
# further away. A classifier does not know that. So the head gets **one** output $\hat y$, no
# softmax, and the loss is the squared error:
#
# $$ \text{loss} = \frac{1}{N} \sum_i (\hat y_i - y_i)^2 \qquad
#    \frac{\partial\, \text{loss}}{\partial \hat y_i} = \frac{2}{N} (\hat y_i - y_i) $$
#
# Twice as wrong counts four times.

# %%
scores = torch.tensor([5.0, 2.5, 0.0])
answers = torch.tensor([4.0, 2.5, 2.0], requires_grad=True)
loss = ((answers - scores) ** 2).mean()
loss.backward()
print("errors  ", (answers - scores).tolist())
print(f"loss     (1 + 0 + 4) / 3 = {loss:.4f}")
print("gradient", [round(value, 4) for value in answers.grad.tolist()])

# %%
show(SequenceTask.loss)

# %% [markdown]
# In chapter 7 the first loss had to be near that of guessing. What is guessing here? Whoever knows
# nothing does best by always saying the mean; the loss of that is the *variance*. A model that is
# no better has learnt nothing from the texts.

# %%
sts = TASKS["sts-b"]
train, dev = sts.examples("train", data), sts.examples("dev", data)
labels = np.array([example.label for example in dev])
mean = np.mean([example.label for example in train])
print(f"mean of the training scores {mean:.2f}; always saying that costs, on the dev set:")
print(f"{((mean - labels) ** 2).mean():.2f}")

# %% [markdown]
# ## Which figure?
#
# ### Accuracy, F1, Matthews
#
# Here are three answerers for MRPC's dev set, none of which reads the sentences.

# %%
same = np.array([example.label for example in TASKS["mrpc"].examples("dev", data)])
coin = np.random.default_rng(0).integers(0, 2, len(same))
print(f"{same.sum()} of {len(same)} pairs say the same\n")
print(f"{'':12}accuracy      f1  matthews")
for name, guess in (("always yes", np.ones_like(same)), ("always no", 0 * same), ("a coin", coin)):
    row = [metric(guess, same) for metric in (accuracy, f1, matthews)]
    print(f"{name:12}" + "".join(f"{value:8.2f}" for value in row))

# %% [markdown]
# "Always yes" looks best, in accuracy and still more in F1. **F1** asks only about the class *yes*:
# of what I called the same, how much was (precision $P$), and of what is the same, how much did I
# find (recall $R$)?
#
# $$ F_1 = \frac{2 P R}{P + R} \qquad
#    \text{Matthews} = \frac{TP \cdot TN - FP \cdot FN}
#    {\sqrt{(TP+FP)(TP+FN)(TN+FP)(TN+FN)}} $$
#
# By hand, for "always yes": everything is found, and the precision is the share of yes.

# %%
precision, recall = same.mean(), 1.0
print(f"2 x {precision:.2f} x {recall:.2f} / ({precision:.2f} + {recall:.2f}) = ", end="")
print(f"{2 * precision * recall / (precision + recall):.2f}")

# %% [markdown]
# **Matthews'** correlation looks at all four cells of the table. It is zero for whoever answers
# without reading, whatever the share of yes is. CoLA, whose classes are uneven, is measured by it.

# %%
many = np.arange(1, 100)
truth = [np.arange(100) < positive for positive in many]
figure, axes = pyplot.subplots(figsize=(5.2, 3))
for metric in (accuracy, f1, matthews):
    axes.plot(many, [metric(np.ones(100), one) for one in truth], label=metric.__name__)
axes.set(xlabel="percent of yes in the data", title="what always saying yes is worth")
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# So a figure means nothing until you know what it is worth to say always the same. On the real
# MRPC, where 68 percent are yes, that has an F1 of 81; our fine-tuned MiniLM has 86.1.
#
# ### Pearson, Spearman
#
# For scores, one asks whether answers rise where the labels rise. **Pearson** asks for a straight
# line; **Spearman** is Pearson of the *ranks*, so only the order counts. Neither cares about the
# scale. For real answers without any training take MiniLM's cosine of two sentences, each encoded
# by itself: that is what these weights were packaged for.


# %%
@torch.no_grad()
def sentence_vectors(texts: list[str]) -> torch.Tensor:
    """The mean of each text's vectors (N, D)."""
    rows = [torch.tensor([encoding.ids]) for encoding in tokenizer.encode_batch(texts)]
    return torch.stack([body(row).last_hidden_state[0].mean(0) for row in rows])


first, second = ([example[place] for example in dev] for place in (0, 1))
cosines = torch.cosine_similarity(sentence_vectors(first), sentence_vectors(second)).numpy()
outlier = np.where(labels == labels.max(), -6.0, cosines)
panels = {
    "cosine": cosines,
    "bent: exp(8 cosine - 8)": np.exp(8 * cosines - 8),
    "one outlier": outlier,
}
figure, grid = pyplot.subplots(1, 3, figsize=(9, 3))
for axes, (name, answers) in zip(grid, panels.items(), strict=True):
    axes.scatter(labels, answers, s=18)
    linear, ranks = pearson(answers, labels), spearman(answers, labels)
    axes.set(xlabel="label", title=f"{name}\nPearson {linear:.2f}, Spearman {ranks:.2f}")
    print(f"{name:23} Pearson {linear:.2f}  Spearman {ranks:.2f}", end="")
    print(f"  mean squared error {((answers - labels) ** 2).mean():.2f}")
pyplot.show()

# %% [markdown]
# The cosines lie between zero and one, the labels go up to five, and the squared error is poor; the
# correlation does not mind. Bending the scale costs Pearson a lot and leaves Spearman exactly as it
# was. One wild answer spoils Pearson, and Spearman less. STS-B reports both: where they differ,
# look at the picture. In the first one, two pairs stand much too high. They are worth reading:

# %%
for row in np.argsort(labels / 5 - cosines)[:2]:
    print(f"label {labels[row]}, cosine {cosines[row]:.2f}")
    print(f"   {dev[row].text}\n   {dev[row].pair}")

# %% [markdown]
# The words are the same, and who does what to whom is not. Two vectors, made without seeing the
# other text, hardly tell; that is what a pair in one input is for.
#
# Each task of GLUE knows its own figures; the first decides which model is kept.

# %%
for name, task in TASKS.items():
    print(f"{name:6}", *task.metric_names)
assert all(name in METRICS for task in TASKS.values() for name in task.metric_names)

# %% [markdown]
# ## A trap: the order of MNLI's labels
#
# A class is only a number. Google's code and the `datasets` library number MNLI's three classes
# differently:

# %%
for number in range(3):
    print(f"{number}  Google: {MNLI_LABELS[number]:14} datasets: {HUB_MNLI_LABELS[number]}")

# %% [markdown]
# Take a good model: on both dev sets together it is right nine times in ten. Now read its numbers
# in the other order.

# %%
mnli = TASKS["mnli"]
truth = np.array(
    [e.label for split in ("dev", "dev_mismatched") for e in mnli.examples(split, data)]
)
places = np.arange(len(truth))
good = np.where(places % 10 == 0, (truth + 1 + places // 10 % 2) % 3, truth)
theirs = np.array([MNLI_LABELS.index(HUB_MNLI_LABELS[number]) for number in good])
print(f"read rightly {accuracy(good, truth):.3f}, in the other order {accuracy(theirs, truth):.3f}")
print("\nwhat the library says to that:")
logits = np.eye(3, dtype=np.float32)[theirs]
print(*class_signs(MNLI_LABELS, logits, truth).all, sep="\n")

# %% [markdown]
# Guessing would be right once in three. *Far below guessing* never means that a model has learnt
# nothing: it has learnt well, and calls things by the wrong names. So a checkpoint should carry the
# names of its classes. If it does, the library puts the rows of its head in order when it loads it:

# %%
head = torch.nn.Linear(4, 3)
print(fit_labels(head, theirs=HUB_MNLI_LABELS, ours=MNLI_LABELS))

# %% [markdown]
# ## Train it
#
# One of the three, STS-B, with the library. The head begins at zero and the scores lie around
# three; so the head gets a higher rate of its own, or most of this short training would go into
# finding the mean.

# %% tags=["varies"]
folder = Path(tempfile.mkdtemp())
settings = GlueSettings(
    task="sts-b",
    data=Path("../data/glue"),
    output=folder / "sts-b",
    epochs=5,
    batch_size=4,
    max_length=64,
    learning_rate=2e-4,
    head_learning_rate=1e-2,
)
path = fine_tune(settings)

# %% [markdown]
# Compare the dev loss with the variance above, the one of always saying the mean. Here is every
# pair of the dev set, and what becomes of the same model when it is asked without segment ids:

# %% tags=["varies"]
run = SavedRun(path)
features = sts.features(dev, run.tokenizer, run.max_length)
batch = features.batch(range(len(dev))).to(run.precision.device)
with torch.no_grad():
    answers = run.model(**batch.inputs).logits[:, 0].float().cpu().numpy()
    without = {name: value for name, value in batch.inputs.items() if name != "token_type_ids"}
    merged = run.model(**without).logits[:, 0].float().cpu().numpy()

figure, grid = pyplot.subplots(1, 2, figsize=(7.4, 3.4), sharey=True)
for axes, name, given in zip(
    grid, ("as trained", "segments left out"), (answers, merged), strict=True
):
    axes.plot([0, 5], [0, 5], color="0.7", linestyle=":")
    axes.scatter(labels, given, s=18)
    axes.set(xlabel="label", title=f"{name}: Pearson {pearson(given, labels):.3f}")
grid[0].set(ylabel="answer")
pyplot.show()
print(f"mean squared error {((answers - labels) ** 2).mean():.2f}", end="")
print(f", without segments {((merged - labels) ** 2).mean():.2f}")

# %% [markdown]
# The order of the answers may hardly change, so the correlation sees little of it; but the answers
# themselves shift, and the squared error sees that. Two figures, two questions.
#
# Now two pairs that are new. Answers may lie outside the scale, since nothing keeps a linear layer
# inside it; what is handed in to GLUE's server is clipped.

# %% tags=["varies"]
texts = ["A dog is running on the beach.", "A dog is running on the beach."]
others = ["A dog runs along the shore.", "The parliament voted on the budget."]
for text, other, answer in zip(texts, others, run.predict(texts, others), strict=True):
    print(f"{answer.value:5.2f}  {text}  |  {other}")

# %% [markdown]
# A hundred pairs are few, and the bare cosine, which cost no training, may have been as good: look
# at the picture above. These weights had seen very many sentence pairs *as two inputs*; a pair as
# one input is new to them, and so is the head. With all of STS-B's training pairs, the same code
# reached a Pearson of 86.1 percent on its dev set (the mean of five seeds; the README has
# `transformers` beside it).
#
# ## What you have now
#
# - A pair is one sequence; segment ids say which half a piece is in, and go missing in silence.
# - Pairs are cut longest first, so that neither text disappears.
# - Regression is one output and a squared error; the variance is what guessing costs.
# - F1 flatters whoever says yes, Matthews nobody; Pearson wants a line, Spearman an order.
# - Far below guessing means: wrong names.
#
# The real code: [`tasks/glue.py`](../minibert/tasks/glue.py), a row for each task;
# [`tasks/sequence.py`](../minibert/tasks/sequence.py);
# [`tasks/metrics.py`](../minibert/tasks/metrics.py);
# [`tasks/labels.py`](../minibert/tasks/labels.py).
#
# ## Exercises
#
# Copy [`exercises/08.py`](exercises/08.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 08 my_08.py
# ```
#
# 1. `f1`: of the class yes, also where there is none
# 2. `matthews`: from the four cells
# 3. `pearson`: also where nothing varies
# 4. `segment_ids`: of a pair with its special tokens
# 5. `regression_loss`: one output, a squared error
#
# Next: [chapter 9](09_questions_and_answers.ipynb) gives a question and a passage as a pair, and
# looks for the answer in it.
