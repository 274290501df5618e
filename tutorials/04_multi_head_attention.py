# %% [markdown]
# # 4. Multi-head attention
#
# Chapter 3 computed one average a word. BERT computes twelve, side by side, each with an eye for
# something else. After this chapter you can follow every shape on the way, read pictures of heads,
# and find a wrong mask that crashes nothing.
#
# Three ideas are new: a *head* is a slice of the width with an attention of its own; *several* of
# them see what one cannot, at the same cost; and one *mask* has to fit all of them.
#
# You need chapter 3, and chapter 1 for `[CLS]`, `[SEP]` and `[PAD]`.

# %%
import csv
from pathlib import Path

import torch
from matplotlib import pyplot
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.lens.pictures import attention_map, flow, head_maps, step_curves
from minibert.model import functional
from minibert.model.attention import multi_head
from minibert.trace import record

start("04")
torch.set_printoptions(precision=4, sci_mode=False)

# %% [markdown]
# ## A head is a slice
#
# Two short texts go through MiniLM, and `record()` keeps every value that has a name. We follow
# the second layer, which has the number 1.

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm", attention="math")
config = model.config

text = tokenizer.encode("The old baker lost her keys.", "She found them under the flour.")
with torch.no_grad(), record() as stages:
    model(torch.tensor([text.ids]), token_type_ids=torch.tensor([text.type_ids]))

names = ("query", "key", "value", "scores", "probs", "context", "output")
made = {f"attention.{name}": stages[f"layers.1.attention.{name}"] for name in names}
flow({"input": stages["layers.0.output"]} | made, title="the attention of layer 1")
pyplot.show()

# %% [markdown]
# Query, key and value come out of their linear layers as wide as they went in. Then the width is
# cut into equal slices, one for each head. That costs nothing: no number is computed, the tensor is
# only looked at in another way. After that heads stand *before* words, because each head works on
# all words, and knows nothing of the other heads:
#
# $$ (B, S, D) \;\rightarrow\; (B, S, H, W) \;\rightarrow\; (B, H, S, W), \qquad D = H \cdot W $$

# %%
show(functional.split_heads)

# %%
print("batch, words, width D:", tuple(stages["layers.1.attention.query"].shape))
query, key, value = (
    functional.split_heads(stages[f"layers.1.attention.{name}"], config.num_attention_heads)
    for name in ("query", "key", "value")
)
print("batch, heads H, words, head width W:", tuple(query.shape))

# %% [markdown]
# It is tempting to do both steps at once, with `view(B, H, S, W)`. The shape is right. What is
# inside is not. Here are three words of width four and two heads; each number says which word it
# belongs to, and the picture shows what the *first head* gets.

# %%
words = ["a", "b", "c"]
hidden = torch.arange(3).repeat_interleave(4).view(1, 3, 4)  # word 0 0 0 0, word 1 1 1 1, ...
right = functional.split_heads(hidden, 2)
wrong = hidden.view(1, 2, 3, 2)
print("shapes agree:", right.shape == wrong.shape, "  values agree:", torch.equal(right, wrong))

figure, panels = pyplot.subplots(1, 3, figsize=(7.6, 2.4), width_ratios=(2, 1, 1))
for axes, values, title in (
    (panels[0], hidden[0], "before"),
    (panels[1], right[0, 0], "split_heads: head 0"),
    (panels[2], wrong[0, 0], "view: head 0, wrong"),
):
    axes.imshow(values, cmap="Blues", vmin=-1, vmax=3)
    for row, column in torch.cartesian_prod(*map(torch.arange, values.shape)).tolist():
        axes.text(column, row, words[values[row, column]], ha="center", va="center")
    axes.set(xticks=[], yticks=[], title=title)
pyplot.show()

# %% [markdown]
# With `view`, a "word" of a head is made of pieces of several words. Nothing warns you. (Merging
# the heads at the end has the same trap: transpose first, then flatten.)
#
# Each head then does chapter 3, all in one go, as the formula does not mind dimensions in front.
# At the end the slices are laid side by side again. That is the whole of it:

# %%
show(multi_head)

# %% [markdown]
# Is one go really the same as a loop over heads? Take the recorded queries, keys and values, and
# do each head by itself:

# %%
contexts = []
for head in range(config.num_attention_heads):
    probs = functional.attention_scores(query[:, head], key[:, head]).softmax(-1)
    contexts.append(probs @ value[:, head])
looped = torch.cat(contexts, dim=-1)  # side by side
recorded = stages["layers.1.attention.context"]
print(tuple(looped.shape), "agree to 1e-5:", torch.allclose(looped, recorded, atol=1e-5))

# %% [markdown]
# Side by side, but still apart: so far no head has heard of another. One more linear layer, the
# *output*, mixes what they have found. Here is the module that owns the four matrices.
# (`layout.attend` calls `multi_head`; it also knows how a batch is padded.)

# %%
show(type(model.encoder.layers[1].attention))

# %% [markdown]
# ## Heads as pictures
#
# The same layer, its twelve maps. As always a row looks at the columns.

# %%
maps = stages["layers.1.attention.probs"][0]
head_maps(maps, text.tokens)
pyplot.show()

# %% [markdown]
# No two are alike. Two of them in large: head 8 looks at the next word. Head 3 is odd: look along
# the row of *them*.

# %%
figure, panels = pyplot.subplots(1, 2, figsize=(11, 5.4))
for axes, head in zip(panels, (8, 3), strict=True):
    attention_map(maps[head], text.tokens, axes, f"layer 1, head {head}")
pyplot.show()

# %%
row = maps[3, text.tokens.index("them")]
for share, place in zip(*(found.tolist() for found in row.topk(3)), strict=True):
    print(f"them -> {text.tokens[place]:6} {share:.2f}")

# %% [markdown]
# *Them* are the keys, a sentence earlier. It is one example, and pretty ones are easy to pick, so
# do not conclude that this is "the pronoun head". What one can do is to measure something over
# many sentences, for all heads alike. Three questions: how much of its attention does a head give
# to the word before, how much to the word after, how much to `[CLS]`?

# %%
lines = Path("../data/glue/SST-2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:41]
sums = torch.zeros(3, config.num_hidden_layers, config.num_attention_heads)
for line in lines:
    ids = torch.tensor([tokenizer.encode(line.split("\t")[0]).ids])
    with torch.no_grad(), record() as seen:
        model(ids)
    every = torch.stack(
        [seen[f"layers.{n}.attention.probs"][0] for n in range(config.num_hidden_layers)]
    )
    before, after = (every.diagonal(shift, -2, -1)[..., 1:-1].mean(-1) for shift in (-1, 1))
    sums += torch.stack([before, after, every[..., 1:-1, 0].mean(-1)])
means = sums / len(lines)

figure, panels = pyplot.subplots(1, 3, figsize=(11, 2.6), sharey=True)
titles = ("the word before", "the word after", "[CLS]")
for axes, table, title in zip(panels, means, titles, strict=True):
    image = axes.imshow(table, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="head", title=f"share on {title}")
    axes.set(xticks=range(config.num_attention_heads), yticks=range(config.num_hidden_layers))
    layer_number, head = divmod(table.argmax().item(), config.num_attention_heads)
    print(f"{title:15} most: layer {layer_number}, head {head}: {table.max():.2f}")
panels[0].set(ylabel="layer")
figure.colorbar(image, ax=panels, label="share")
pyplot.show()
print(
    f"[CLS], mean of all heads: layer 0 {means[2, 0].mean():.2f}, others {means[2, 1:].mean():.2f}"
)

# %% [markdown]
# One head of the first layer does nothing but pass on the word before. Others look at the next one.
# But beyond the first layer the heads give, on average, half of their attention to `[CLS]`. What do
# they find there? A look at the *values* tells: how long is the value of `[CLS]`, compared with
# those of the others?

# %%
for n in range(config.num_hidden_layers):
    lengths = functional.split_heads(stages[f"layers.{n}.attention.value"], 12)[0].norm(dim=-1)
    print(f"layer {n}: {(lengths[:, 0].mean() / lengths[:, 1:].mean()).item():.2f}")

# %% [markdown]
# Beyond the first layer, almost nothing. Shares must add up to one, so a head that has found
# nothing has to look somewhere, and these have learnt a place where it does no harm. So a dark
# column is not importance. *A map shows where a head looks, not what that does*; for that, one
# would have to look at share times value.
#
# ## What several heads buy
#
# One head with the whole width would have the same matrices and the same number of multiplications,
# whatever the number of heads. But it would have one set of shares a word: one average. If a word
# has to know *both* the word before *and* the word after, one average mixes the two.
#
# Let us see whether that matters. A model with nothing but attention is to name both neighbours of
# a word, in lines of random words. The width stays the same; only the cut changes.

# %%
WORDS, LENGTH, WIDTH, STEPS = 40, 10, 48, 100


class Neighbours(nn.Module):
    """Names the word before and the word after, by attention alone."""

    def __init__(self, heads: int):
        super().__init__()
        self.heads = heads
        self.word, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.output = nn.Linear(WIDTH, 2 * WORDS)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.word(ids) + self.place.weight
        query, key, value = self.query(hidden), self.key(hidden), self.value(hidden)
        context = multi_head(query, key, value, self.heads, mask=None, way="math", dropout_p=0)
        return self.output(context).unflatten(-1, (2, WORDS))  # a guess for each neighbour


def learn(heads: int) -> tuple[Neighbours, list[float]]:
    """A trained model, and the share of words with both neighbours right, step by step."""
    torch.manual_seed(0)
    neighbours = Neighbours(heads)
    optimizer = torch.optim.Adam(neighbours.parameters(), lr=1e-2)
    right = []
    for _ in range(STEPS):
        ids = torch.randint(WORDS, (64, LENGTH))
        labels = torch.stack([ids[:, :-2], ids[:, 2:]], dim=-1)
        logits = neighbours(ids)[:, 1:-1]
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right.append((logits.argmax(-1) == labels).all(-1).float().mean().item())
    return neighbours, right


# %%
trained, curves = {}, {}
for heads in (1, 2, 8):
    neighbours, right = learn(heads)
    trained[heads] = neighbours
    curves[f"{heads} head" + "s" * (heads > 1)] = right
    numbers = sum(parameter.numel() for parameter in neighbours.parameters())
    with FlopCounterMode(display=False) as counter:
        neighbours(torch.zeros(1, LENGTH, dtype=torch.long))
    operations = counter.get_total_flops()
    print(
        f"{heads} of width {WIDTH // heads:2}: {numbers} parameters, {operations} operations a line"
    )

# %% tags=["varies"]
step_curves(curves, ylabel="both neighbours right").set(ylim=(0, 1.02))
pyplot.show()
for name, right in curves.items():
    print(f"{name:7} {right[-1]:.2f} right at the end")

# %% [markdown]
# The one head does not get it, at the same price. Two heads do, and soon. What do they look at?

# %%
line = torch.arange(LENGTH)[None]
with torch.no_grad(), record() as seen:
    trained[2](line)
head_maps(seen["attention.probs"][0], [f"word {n}" for n in range(LENGTH)], columns=2)
pyplot.show()

# %% [markdown]
# One takes the word before, the other the word after; nobody told them to share the work so. (The
# first and the last word have only one neighbour, and were not asked.)
#
# The reverse can be tried on the pretrained model: give all heads of a layer the same shares, the
# average of their maps, and see whether its vectors still say what is similar. STS-B has pairs of
# sentences with a score by people. The model's own score is the cosine of the two mean vectors;
# the *correlation* of both is one if they agree perfectly. Chapter 8 says more. Our sample is tiny.

# %%
with open("../data/glue/STS-B/dev.tsv", encoding="utf-8") as file:
    pairs = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
people = torch.tensor([float(pair["score"]) for pair in pairs])


def pad(texts: list[str]) -> tuple[Tensor, Tensor]:
    """ids and mask of a batch, (B, S) each; the mask is 1 where there is a word."""
    rows = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)  # [PAD] is number 0
    return ids, (ids != tokenizer.pad_id).long()


def mean_vectors(texts: list[str]) -> Tensor:
    """One vector a text: the mean over its words, padding left out."""
    ids, mask = pad(texts)
    with torch.no_grad():
        hidden = model(ids, attention_mask=mask).last_hidden_state
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def agreement() -> float:
    """The correlation of the model's similarities with people's."""
    first, second = (mean_vectors([pair[f"sentence{n}"] for pair in pairs]) for n in (1, 2))
    cosines = torch.cosine_similarity(first, second)
    return torch.corrcoef(torch.stack([cosines, people]))[0, 1].item()


def with_softmax(function, measure):
    """`measure()` while the whole model uses another function for masked_softmax."""
    original = functional.masked_softmax
    functional.masked_softmax = function
    try:
        return measure()
    finally:
        functional.masked_softmax = original


right_softmax = functional.masked_softmax


def same_shares(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Every head gets the average of all heads' maps."""
    return right_softmax(scores, mask).mean(1, keepdim=True).expand_as(scores)


print(f"{len(pairs)} pairs")
print(f"twelve maps a layer: {agreement():.3f}")
print(f"one map a layer:     {with_softmax(same_shares, agreement):.3f}")

# %% [markdown]
# ## The mask of a batch
#
# A batch is a rectangle, so shorter texts are filled up with `[PAD]`. The mask of shape $(B, S)$
# says which are words. The scores have shape $(B, H, S, S)$: batch, heads, looking, *looked at*.
# The mask belongs to the last dimension, and is the same for all heads and all looking words. So it
# gets two dimensions of size one, and is stretched along them by itself ("broadcasting").

# %%
texts = ["The dog sleeps.", "The dog that the cat had chased all morning sleeps."]
ids, mask = pad(texts)
tokens = [tokenizer.vocabulary[number] for number in ids[0].tolist()]
keys = mask[:, None, None, :].bool()  # (B, S) -> (B, 1, 1, S)
print("short text:", tokens)
print("mask:      ", mask[0].tolist(), tuple(mask.shape), "->", tuple(keys.shape))

# %% [markdown]
# A law to check a mask by: *padding changes nothing*. The short text by itself, and in the batch,
# must get the same vectors. So let us write three masks that are wrong, as people write them:
#
# 1. **After the softmax.** Chapter 3 did that on paper: shares are lost, rows fall short of one.
# 2. **Too small a number.** Many codes add a large negative number to masked scores. How large is
#    large? Scores are not all small: it depends on them.
# 3. **The wrong axis.** `mask[:, None, :, None]` has a fitting shape as well. It hides the *rows*
#    of the padding, which nobody reads, and leaves its columns open.


# %%
def after_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Mistake 1: the masked shares are set to zero when they have been handed out already."""
    return scores.softmax(-1) * (1 if mask is None else mask)


def added(number: float):
    """Mistake 2, or none: `number` is added to the scores of what is masked."""
    return lambda scores, mask: (scores + number * ~mask).softmax(-1)


def wrong_axis(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Mistake 3: the mask lies along the looking words."""
    return right_softmax(scores, mask.transpose(-2, -1))


def look() -> tuple[Tensor, Tensor]:
    """The short text in the batch: a map of layer 0 (head 4), and the vectors of its words."""
    with torch.no_grad(), record() as stages:
        hidden = model(ids, attention_mask=mask).last_hidden_state
    return stages["layers.0.attention.probs"][0, 4], hidden[0, : mask[0].sum()]


with torch.no_grad():
    alone = model(ids[:1, : mask[0].sum()]).last_hidden_state[0]

ways = {
    "right": right_softmax,
    "after the softmax": after_softmax,
    "add -2": added(-2),
    "wrong axis": wrong_axis,
    "add -10": added(-10),
    "add -10000": added(-10_000),
}
results = {name: with_softmax(function, look) for name, function in ways.items()}

# %%
figure, panels = pyplot.subplots(1, 4, figsize=(13.6, 4), sharey=True)
for axes, (name, (probs, _)) in zip(panels, results.items(), strict=False):
    attention_map(probs, tokens, axes, name)
    axes.axvline(mask[0].sum() - 0.5, color="0.5", linestyle=":")  # padding begins here
    axes.set(ylabel="looking" if axes is panels[0] else "")
pyplot.show()

# %% [markdown]
# Read only the upper rows, those of words; what is right of the dotted line belongs to `[PAD]`. In
# numbers, with what becomes of the words' vectors, and of the agreement with people:

# %%
words = int(mask[0].sum())
print(f"{'':18} on [PAD]  row sum  farthest from alone  agreement")
for name, (probs, hidden) in results.items():
    shares = probs[:words]
    print(
        f"{name:18} {shares[:, words:].sum(-1).mean():8.4f} {shares.sum(-1).mean():8.4f}"
        f" {(hidden - alone).abs().max():20.4f} {with_softmax(ways[name], agreement):10.3f}"
    )

# %% [markdown]
# This is what makes masks dangerous. The wrong ones run; the shapes fit; the score falls by a
# little, and one would blame the data. Only the law, *padding changes nothing*, calls them out at
# once, and it needs neither labels nor training. `tests/` of this project hold all ways to compute
# attention to it.
#
# Adding a number works if it is low enough. The scores say what is enough:

# %%
for n in range(config.num_hidden_layers):
    scores = stages[f"layers.{n}.attention.scores"]
    print(f"layer {n}: scores from {scores.min():6.1f} to {scores.max():5.1f}")

# %% [markdown]
# Some scores of the first layer differ by far more than ten. That is why the library does not add,
# but fills in the lowest number that there is.
#
# ## What you have now
#
# - A head is a slice of the width; cutting and merging only moves numbers, and the order matters.
# - Several averages see what one cannot, for the same parameters and multiplications.
# - A map shows where a head looks. Many rest on `[CLS]`, whose value is next to nothing.
# - A mask belongs to the keys, before the softmax, and low enough. Padding must change nothing.
#
# The real code: [`attention.py`](../minibert/model/attention.py) and
# [`functional.py`](../minibert/model/functional.py).
#
# ## Exercises
#
# Copy [`exercises/04.py`](exercises/04.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 04 my_04.py
# ```
#
# 1. `split_heads`: from width to slices
# 2. `merge_heads`: and back
# 3. `padding_mask`: from lengths to a mask that fits all heads
# 4. `self_attention`: all of it, with the four matrices
#
# Next: [chapter 5](05_encoder_layer.ipynb) puts the rest of a layer around it.
