# %% [markdown]
# # 3. Attention with a pencil
#
# After this chapter you can compute attention on paper: for three words, with vectors of two
# numbers, from the first product to the gradient. Then you put your own version of it into a
# pretrained BERT, and see that it still works.
#
# Three ideas are new: attention is an *average with weights that the words choose themselves*; a
# *mask* takes words out of that average; and the *gradient* of all this is three short lines.
#
# You need chapter 2 (each word is a vector), and a pencil.

# %%
import math

import torch
from matplotlib import pyplot

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.lens.pictures import attention_map
from minibert.model import functional
from minibert.trace import record

start("03")
torch.set_printoptions(precision=4, sci_mode=False)

# %% [markdown]
# ## What each word brings along
#
# In *the cat sleeps*, the vector of "sleeps" should come to know who sleeps. So every word gets
# three vectors, each for one purpose:
#
# - a **query**: what am I looking for?
# - a **key**: what can I be found by?
# - a **value**: what do I hand over when I am found?
#
# In BERT they are made of the word's own vector by three linear layers, which are learnt. Here we
# simply write them down, two numbers each, so that you can follow with the pencil.

# %%
words = ["the", "cat", "sleeps"]
query = torch.tensor([[1.0, 0.0], [1.0, 2.0], [2.0, 1.0]])  # a row for each word
key = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]])
value = torch.tensor([[1.0, 0.0], [0.0, 4.0], [2.0, 2.0]])

# %% [markdown]
# ## Scores: which key fits which query?
#
# The *dot product* of a query and a key says how well they fit: multiply place by place, add up.
# "sleeps" looks with its query at the key of "cat":

# %%
print(f"{query[2].tolist()} times {key[1].tolist()}: 2 x 2 + 1 x 0 = {query[2] @ key[1]:.0f}")

# %% [markdown]
# All nine products at once are one matrix product, $QK^\top$. The row is the word that looks, the
# column the word that is looked at. Compute two or three of them yourself before you run the cell.

# %%
products = query @ key.T
print(products)

# %% [markdown]
# ## Scale: why the root of the width?
#
# A sum of more products is larger. If queries and keys were random numbers of variance one, their
# product over a width $W$ would have variance $W$, so its typical size is $\sqrt{W}$. Let us not
# believe it, but draw some and look.

# %%
print("width   typical product   divided by the root of the width")
for width in (2, 8, 64, 512):
    many = (torch.randn(20_000, width) * torch.randn(20_000, width)).sum(-1)
    print(f"{width:5}   {many.std():15.1f}   {(many / math.sqrt(width)).std():10.1f}")

# %% [markdown]
# Divided by the root, the scores keep their size whatever the width is. That matters because of
# what comes next, the softmax: given large numbers it puts everything on one word, and then there
# is nothing left to learn, because its gradient is zero. The picture shows how much the softmax
# gives to its favourite among ten words, and how steep it still is there.

# %%
widths = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
plain, scaled = [], []
for width in widths:
    q, k = torch.randn(500, 1, width), torch.randn(500, 10, width)
    raw = (q * k).sum(-1)
    for kept, scores in ((plain, raw), (scaled, raw / math.sqrt(width))):
        top = scores.softmax(-1).max(-1).values
        kept.append((top.mean(), (top * (1 - top)).mean()))

figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3))
for label, kept in (("as it is", plain), ("divided by the root", scaled)):
    left.plot(widths, [share for share, _ in kept], marker="o", label=label)
    right.plot(widths, [slope for _, slope in kept], marker="o", label=label)
left.set(xscale="log", xlabel="width", ylabel="share of the favourite", ylim=(0, 1.05))
right.set(xscale="log", xlabel="width", ylabel="slope of the softmax there", ylim=(0, None))
left.legend(frameon=False)
pyplot.show()
# %% [markdown]
# Our width is two, so the products are divided by $\sqrt 2$. These numbers are called **scores**:
#
# $$ \text{scores} = \frac{Q K^\top}{\sqrt{W}} $$

# %%
scores = products / math.sqrt(2)
print(scores)

# %% [markdown]
# This is the library's function for it. The names are the same, only that there may be more
# dimensions in front (sentences, and heads, which are the next chapter's). The comment with the
# arrow tells the shapes before and after; a test runs all such comments, so they can be trusted.

# %%
show(functional.attention_scores)

# %%
print("the same as ours:", torch.equal(functional.attention_scores(query, key), scores))

# %% [markdown]
# ## Softmax: from scores to shares
#
# Scores may be anything, also negative. Shares must be positive and add up to one. So each score
# becomes a power of $e$, and each row is divided by its sum:
#
# $$ \text{probs}_{ij} = \frac{e^{\text{scores}_{ij}}}{\sum_k e^{\text{scores}_{ik}}} $$
#
# For the row of "sleeps", with every number on the page:

# %%
powers = [math.exp(score) for score in scores[2].tolist()]
print("scores ", "  ".join(f"{score:7.4f}" for score in scores[2].tolist()))
print("powers ", "  ".join(f"{power:7.4f}" for power in powers), f"  sum {sum(powers):.4f}")
print("shares ", "  ".join(f"{power / sum(powers):7.4f}" for power in powers))

# %% [markdown]
# "sleeps" looks mostly at "cat". Here are all three rows, and the picture of them that you will
# meet throughout the course: a row looks at the columns.

# %%
probs = scores.softmax(-1)
print(probs)
print("each row adds up to", probs.sum(-1).tolist())

# %%
attention_map(probs, words, title="who looks at whom")
pyplot.show()
# %% [markdown]
# ## The average
#
# What comes out for a word is the average of all *values*, each with its share. That is one more
# matrix product. The result is called the **context**: what the word has gathered from the others.

# %%
p = probs[2].tolist()
print(f"first number  of 'sleeps': {p[0]:.4f} x 1 + {p[1]:.4f} x 0 + {p[2]:.4f} x 2")
print(f"second number of 'sleeps': {p[0]:.4f} x 0 + {p[1]:.4f} x 4 + {p[2]:.4f} x 2")
context = probs @ value
print(context)

# %% [markdown]
# That is all of it, in one line:
#
# $$ \text{attention}(Q, K, V) = \text{softmax}\left(\frac{Q K^\top}{\sqrt{W}}\right) V $$
#
# and in the library it is this function, in which `stage` gives a value its name, so that it can
# be looked at later. (Dropout is chapter 5's.)

# %%
show(functional.scaled_dot_product_attention)

# %%
# It wants (batch, heads, words, width): one sentence and one head.
theirs = functional.scaled_dot_product_attention(
    query[None, None], key[None, None], value[None, None]
)
print("largest difference:", (theirs[0, 0] - context).abs().max().item())

# %% [markdown]
# ## The mask: words that are not there
#
# Sentences in a batch have different lengths, so short ones are filled up with `[PAD]`. Nobody may
# look at a `[PAD]`. Suppose "sleeps" were one. Its column must get the share zero, *and the others
# must share its part among themselves*. So it has to go before the softmax, not after it. The
# usual way is to make its score so low that its power is zero:

# %%
mask = torch.tensor([True, True, False])  # True: may be looked at
hidden_scores = scores.masked_fill(~mask, float("-inf"))
print(hidden_scores)
print(hidden_scores.softmax(-1))

# %% [markdown]
# What goes wrong if the mask comes after the softmax? The column is zero as well, and nothing
# crashes. But the rows do not add up to one any more; every average has become too small.

# %%
too_late = scores.softmax(-1) * mask
print(too_late, "\nrow sums:", too_late.sum(-1))

# %%
figure, panels = pyplot.subplots(1, 3, figsize=(8.6, 3.1))
attention_map(probs, words, panels[0], "no mask")
attention_map(hidden_scores.softmax(-1), words, panels[1], "mask before the softmax")
attention_map(too_late, words, panels[2], "mask after it: wrong")
pyplot.show()
# %% [markdown]
# One case is left: a row in which *no* word may be looked at. With minus infinity the softmax
# divides zero by zero there.

# %%
nobody = torch.tensor([False, False, False])
print("with -inf:      ", scores[0].masked_fill(~nobody, float("-inf")).softmax(-1))
print("in the library: ", functional.masked_softmax(scores[0], nobody))

# %% [markdown]
# The library uses the lowest finite number in place of minus infinity, and sets what is masked to
# zero once more at the end. Read its two comments; each is there because of that row.

# %%
show(functional.masked_softmax)

# %% [markdown]
# ## The gradient by hand
#
# To learn, we must know how the result changes with every input. Say that a change of the context
# by a little costs `blame` times as much. The chain rule walks back through the three steps:
#
# 1. **The average**, $C = PV$. It is a matrix product, so
#    $\;dV = P^\top\, dC\;$ and $\;dP = dC\, V^\top$.
# 2. **The softmax.** If one share grows, the others of its row must shrink. A score gets what its
#    share gets, less the row's average, times the share itself:
#    $\;dS_{ij} = P_{ij}\,\bigl(dP_{ij} - \sum_k P_{ik}\, dP_{ik}\bigr)$.
# 3. **The scores**, $S = QK^\top / \sqrt W$: again a product,
#    $\;dQ = dS\, K / \sqrt W\;$ and $\;dK = dS^\top Q / \sqrt W$.
#
# Take the pencil for one number of step 2 before you run the cell.

# %%
blame = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])  # dC: of our choice

d_value = probs.T @ blame
d_probs = blame @ value.T
d_scores = probs * (d_probs - (probs * d_probs).sum(-1, keepdim=True))
d_query = d_scores @ key / math.sqrt(2)
d_key = d_scores.T @ query / math.sqrt(2)
print(d_scores)
print("each row adds up to zero:", (d_scores.sum(-1).abs() < 1e-6).tolist())

# %% [markdown]
# Every row of `d_scores` adds up to zero: raising all scores of a row by the same amount changes
# nothing, so there can be no gradient in that direction. Now let autograd do the same.

# %%
leaves = [x.clone().requires_grad_() for x in (query, key, value)]
functional_context = functional.attention_scores(leaves[0], leaves[1]).softmax(-1) @ leaves[2]
functional_context.backward(blame)
for name, by_hand, leaf in zip(
    ("query", "key", "value"), (d_query, d_key, d_value), leaves, strict=True
):
    print(f"{name:6} differs by less than 1e-6: {bool((by_hand - leaf.grad).abs().max() < 1e-6)}")

# %% [markdown]
# There is a third witness, who knows no calculus at all: wiggle one number a little, and look at
# how the result moves. Here is the key of "cat", its first number.


# %%
def cost(step: float) -> float:
    """The blame-weighted sum of the context, with the key of "cat" moved by a step."""
    moved = key.double().clone()
    moved[1, 0] += step
    shares = functional.attention_scores(query.double(), moved).softmax(-1)
    return (shares @ value.double() * blame).sum().item()


print(f"by wiggling {(cost(1e-4) - cost(-1e-4)) / 2e-4:.4f}, by hand {d_key[1, 0]:.4f}")

# %% [markdown]
# ## In a real model
#
# MiniLM has six layers of twelve heads, and each head does what you have just done, with a width
# of 32. `record()` collects the named values of a run. Here is one head that has learnt to look at
# the word before.

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm", attention="math").eval()
text = tokenizer.encode("The cat that the dog chased sleeps on the warm stove.")
ids = torch.tensor([text.ids])

with torch.no_grad(), record() as stages:
    model(ids)
every = torch.stack([stages[f"layers.{layer}.attention.probs"][0] for layer in range(6)])
# the share of the word before: (layers, heads)
before = every.diagonal(offset=-1, dim1=-2, dim2=-1).mean(-1)
layer, head = divmod(before.argmax().item(), before.shape[1])
print(f"layer {layer}, head {head}: {before.max():.2f} of its attention goes to the word before")

# %%
attention_map(every[layer, head], text.tokens, title=f"layer {layer}, head {head}")
pyplot.show()

# %% [markdown]
# Now put your own function into it. The model calls the mathematics through the module
# `functional`, so a function set in its place there is used by all layers.


# %%
def my_scores(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Scores written with einsum: the same numbers in another style."""
    return torch.einsum("bhiw,bhjw->bhij", query, key) / query.shape[-1] ** 0.5


def unscaled(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """The same, with the root forgotten."""
    return query @ key.transpose(-2, -1)


def sharpness(scores_function) -> tuple[torch.Tensor, list[float]]:
    """The model's output with these scores, and the favourite's mean share in each layer."""
    original = functional.attention_scores
    functional.attention_scores = scores_function
    try:
        with torch.no_grad(), record() as stages:
            output = model(ids).last_hidden_state
    finally:
        functional.attention_scores = original
    shares = [stages[f"layers.{n}.attention.probs"].max(-1).values.mean().item() for n in range(6)]
    return output, shares


right, right_shares = sharpness(functional.attention_scores)
mine, _ = sharpness(my_scores)
wrong, wrong_shares = sharpness(unscaled)
print("einsum:        outputs agree to 1e-5:", torch.allclose(mine, right, atol=1e-5))
cosine = torch.cosine_similarity(wrong, right, dim=-1).mean()
print(f"root forgotten: mean cosine with the right outputs {cosine:.2f}")

# %%
figure, axes = pyplot.subplots(figsize=(5.6, 3.2))
axes.plot(right_shares, marker="o", label="right")
axes.plot(wrong_shares, marker="o", label="root forgotten")
axes.set(xlabel="layer", ylabel="share of the favourite", ylim=(0, 1))
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# Without the root every word looks almost at one other word only, and the outputs are others. But
# nothing crashed, and all the shapes were right. That is how most mistakes in a network look, and
# why this course compares numbers at every step: `minibert swap` does for a file of yours what the
# last cells did, stage by stage, and then scores a fine-tuned model with it (which it trains the
# first time, in about a minute).
#
# ## What you have now
#
# - Attention is an average of values; the shares are the softmax of how well keys fit a query.
# - The root of the width keeps the softmax soft, whatever the width.
# - A mask acts before the softmax, and a row without any key gives zeros.
# - The gradient is three lines; a row of the scores' gradient adds up to zero.
#
# The real code: [`functional.py`](../minibert/model/functional.py), and for fast machines the same
# in tiles, step by step, in [`kernels/steps.py`](../minibert/kernels/steps.py).
#
# ## Exercises
#
# Copy [`exercises/03.py`](exercises/03.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 03 my_03.py
# minibert swap my_03.py
# ```
#
# 1. `attention_scores`: the scaled products
# 2. `masked_softmax`: with the row in which nobody may be looked at
# 3. `scaled_dot_product_attention`: all of it
# 4. `softmax_gradient`: step 2 of the gradient, by hand
#
# Next: [chapter 4](04_multi_head_attention.ipynb) lets twelve such averages run side by side.
