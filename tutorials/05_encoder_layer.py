# %% [markdown]
# # 5. One encoder layer
#
# Attention moves things between words. What else happens in a layer? After this chapter you can
# compute one from its parts, name the purpose of each, and say what a training run does differently
# from a prediction.
#
# Three ideas are new: a *feed-forward network* thinks about each word by itself; *residual sum and
# LayerNorm* keep the numbers in order, however deep the stack; and *dropout* disturbs the training,
# on purpose.
#
# You need chapter 4.

# %%
import math
from dataclasses import replace

import torch
from matplotlib import pyplot
from torch import Tensor

from minibert import BertConfig, BertForMaskedLM, BertModel, BertTokenizer
from minibert.course import show, start
from minibert.lens.pictures import flow
from minibert.model import functional
from minibert.model.encoder import EncoderLayer
from minibert.trace import record, stage

start("05")
torch.set_printoptions(precision=4, sci_mode=False)

tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm", attention="math")
text = tokenizer.encode("The old baker lost her keys.", "She found them under the flour.")
inputs = {
    "input_ids": torch.tensor([text.ids]),
    "token_type_ids": torch.tensor([text.type_ids]),
}
with torch.no_grad(), record() as stages:
    model(**inputs)

# %% [markdown]
# This is the module. Its `forward` has five lines that count, and the chapter explains them.

# %%
show(EncoderLayer)

# %%
first = {name[9:]: value for name, value in stages.items() if name.startswith("layers.0.")}
flow({"input": stages["embeddings.output"]} | first, title="the first layer of MiniLM")
pyplot.show()

# %% [markdown]
# From top to bottom are the two sublayers, attention and then feed-forward. The two lines on the
# left lead past them: what goes into each is added to what comes out.
#
# ## Feed-forward: each word by itself
#
# Two linear layers with an *activation* between them. The first makes the vector four times wider,
# the second brings it back:
#
# $$ \text{feed\_forward}(x) = \text{gelu}(x\, W_1^\top + b_1)\; W_2^\top + b_2 $$

# %%
show(functional.feed_forward)

# %% [markdown]
# No word looks at another here. So it cannot matter which others are there: give it one word alone,
# and the same comes out.

# %%
layer = model.encoder.layers[0]
with torch.no_grad():
    alone = layer.feed_forward(stages["layers.0.attention.norm"][:, 3])
together = stages["layers.0.feed_forward.output"][:, 3]
print(f"{text.tokens[3]!r}, the same by itself: {torch.allclose(alone, together, atol=1e-5)}")

# %% [markdown]
# ### GELU
#
# Without something bent between them, two linear layers would be one. The simplest bend is ReLU:
# negative becomes zero. BERT takes a softer one, the *Gaussian error linear unit*. It multiplies a
# number by the chance that a random number (normal, of mean zero and variance one) is smaller:
#
# $$ \text{gelu}(x) = x\,\Phi(x)
#    = \tfrac{1}{2}\, x \left(1 + \text{erf}\bigl(x / \sqrt 2\bigr)\right) $$
#
# Large positive numbers pass as they are, large negative ones become zero. By hand for three:

# %%
for x in (-1.0, 0.5, 3.0):
    chance = 0.5 * (1 + math.erf(x / math.sqrt(2)))
    library = functional.gelu(torch.tensor(x)).item()
    print(f"gelu({x:4}) = {x:4} x {chance:.4f} = {x * chance:7.4f}   library {library:7.4f}")

# %% [markdown]
# Its derivative is $\Phi(x) + x\,\varphi(x)$, with the bell curve $\varphi$; here autograd draws
# it. Beside the curves: what MiniLM's first layer really sends into it.

# %%
x = torch.linspace(-4, 4, 401, requires_grad=True)
figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(11, 3))
for name, bend in (("GELU", functional.gelu), ("ReLU", torch.relu)):
    y = bend(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    left.plot(x.detach(), y.detach(), label=name)
    middle.plot(x.detach(), slope, label=name)
left.set(title="the curve", xlabel="in", ylabel="out")
left.legend(frameon=False)
middle.set(title="its slope", xlabel="in")
inner = stages["layers.0.feed_forward.inner"].flatten()
right.hist(inner, bins=80, range=(-4, 4))
right.set(title="what comes in, layer 0", xlabel="in", ylabel="how often")
pyplot.show()

activated = stages["layers.0.feed_forward.activated"].flatten()
print(f"{(inner < 0).float().mean():.2f} of the inner numbers are negative")
print(f"{(activated > 0.5).float().mean():.2f} are above 0.5 after the activation")

# %% [markdown]
# GELU has a slope almost everywhere, also a little below zero, so a unit that is off can learn to
# be on again; a ReLU's slope there is zero. And most units are off: a word switches on a few of the
# many, which is why the layer in the middle is so wide.
#
# (Google's later code computes GELU by a formula with tanh. It is nearly the same, `gelu_tanh`. A
# checkpoint says in its config which of the two it was trained with.)

# %%
gap = (functional.gelu(x) - functional.gelu_tanh(x)).abs().max()
print(f"largest difference of the two: {gap:.4f}")

# %% [markdown]
# ## Residual: add, do not replace
#
# What attention or feed-forward gives is *added* to what went in: $x + f(x)$. So a word's vector
# goes through all layers, and each layer writes a correction on it. How large are the corrections?

# %%
before = stages["embeddings.output"]
print("layer   attention / its input   feed-forward / its input   cosine of in and out")
for n in range(model.config.num_hidden_layers):
    norm, output = (stages[f"layers.{n}.{name}"] for name in ("attention.norm", "output"))
    shares = [
        (stages[f"layers.{n}.{name}.output"].norm(dim=-1) / x.norm(dim=-1)).mean()
        for name, x in (("attention", before), ("feed_forward", norm))
    ]
    kept = torch.cosine_similarity(before, output, dim=-1).mean()
    print(f"{n:5} {shares[0]:14.2f} {shares[1]:24.2f} {kept:24.2f}")
    before = output

# %% [markdown]
# Most layers turn the vector by little. Only the last one changes much: there the vectors are made
# into what the model was trained to give out.
#
# ## LayerNorm
#
# Sums grow. After each one, every word's vector is shifted to mean zero and scaled to variance one,
# and then each place gets a learnt weight and bias:
#
# $$ \text{layer\_norm}(x) = \frac{x - \text{mean}(x)}{\sqrt{\text{var}(x) + \varepsilon}} \cdot
# \text{weight} + \text{bias} $$
#
# On paper, with four numbers. The variance divides by the count, not by one less as in statistics.

# %%
x = torch.tensor([1.0, 2.0, 3.0, 6.0])
centred = x - x.mean()
variance = (centred**2).mean()
print(f"mean {x.mean():.4f}, less the mean {centred.tolist()}, variance {variance:.4f}")
print("by hand:", centred / variance.sqrt())
one, zero = torch.ones(4), torch.zeros(4)
print("library:", functional.layer_norm(x, one, zero, eps=1e-12))
print("of 10 times x:", functional.layer_norm(10 * x, one, zero, eps=1e-12))
print("of equal numbers:", functional.layer_norm(torch.full((4,), 2.0), one, zero, eps=1e-12))

# %% [markdown]
# Ten times as large gives the same. Equal numbers have variance zero; that $\varepsilon$ stands
# inside the root saves us from dividing by it.
#
# Now on the real sentence: the sum that goes into the second LayerNorm of the first layer, each
# word a row of dots, one for each number of its vector. Look for the arrow at the top right of the
# first panel. (The axes are linear in the middle and logarithmic outside.)

# %%
config = model.config
total = (stages["layers.0.attention.norm"] + stages["layers.0.feed_forward.output"])[0]
plain = functional.layer_norm(
    total, torch.ones(config.hidden_size), torch.zeros(config.hidden_size), config.layer_norm_eps
)
final = stages["layers.0.output"][0]

figure, panels = pyplot.subplots(1, 3, figsize=(11.5, 4.4), sharey=True)
for axes, values, title in (
    (panels[0], total, "before"),
    (panels[1], plain, "mean 0, variance 1"),
    (panels[2], final, "times weight, plus bias"),
):
    for row, numbers in enumerate(values):
        axes.plot(numbers, [row] * len(numbers), ".", color="C0", alpha=0.15)
    axes.set_xscale("symlog", linthresh=4)
    axes.set(title=title, yticks=range(len(text)), yticklabels=text.tokens, xlim=(-300, 300))
    axes.set_xticks([-100, -10, 0, 10, 100], ["-100", "-10", "0", "10", "100"])
panels[0].invert_yaxis()
largest = total[0].max().item()  # of [CLS]
arrow = {"arrowstyle": "->"}
panels[0].annotate(f"{largest:.0f}", (largest, 0), (largest, 2), ha="center", arrowprops=arrow)
pyplot.show()
for name, values in (("before", total), ("after", plain)):
    deviations = values.std(-1, correction=0)
    others = deviations[1:]
    print(f"{name}: deviation of [CLS] {deviations[0]:.2f}, others {others.min():.2f}", end=" ")
    print(f"to {others.max():.2f}; largest number {values.abs().max():.0f}")

# %% [markdown]
# `[CLS]` sticks out: one place of its vector is huge. This may serve a purpose: as a mark by which
# the heads of chapter 4 find the place where they rest. LayerNorm brings every word to the same
# size, and by its learnt weight it decides which places may be loud.
#
# ## Dropout
#
# While training, dropout sets each number to zero with probability $p$, and divides the others by
# $1 - p$. So nothing that follows can rely on a single number. The division keeps the
# *expectation*: on average over many draws, $x$ stays $x$.

# %%
show(functional.dropout)

# %%
torch.manual_seed(0)
x = torch.full((8, 24), 1.0)
once = functional.dropout(x, 0.25)
mean = torch.stack([functional.dropout(x, 0.25) for _ in range(1000)]).mean(0)
figure, panels = pyplot.subplots(1, 3, figsize=(11, 1.9))
titles = ("before: all 1", "one draw, p = 0.25", "mean of 1000 draws")
for axes, values, title in zip(panels, (x, once, mean), titles, strict=True):
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1.5)
    axes.set(xticks=[], yticks=[], title=title)
figure.colorbar(image, ax=panels)
pyplot.show()
print("values that occur:", [round(value, 4) for value in once.unique().tolist()])
print(f"mean of one draw {once.mean():.2f}, of a thousand {mean.mean():.3f}")

# %% [markdown]
# A module knows by its *mode* whether to do so: `model.train()` turns dropout on, `model.eval()`
# off. `from_pretrained` gives a model in evaluation mode. A fresh model is in training mode, as all
# of torch's modules are. Forgetting the switch crashes nothing:


# %%
def twice() -> float:
    """The mean cosine of a model's outputs in two runs on the same text."""
    with torch.no_grad():
        one, two = (model(**inputs).last_hidden_state for _ in range(2))
    return torch.cosine_similarity(one, two, dim=-1).mean().item()


for mode, training in (("evaluation", False), ("training", True), ("evaluation", False)):
    model.train(training)  # model.eval() is model.train(False)
    print(f"{mode:10} mode: two runs have cosine {twice():.2f}")

# %% [markdown]
# In BERT dropout stands at three places: behind the embeddings, on the attention's shares, and
# behind attention and feed-forward, *before* the residual sum. At its extreme, $p = 1$, nothing
# but the residual is left, which is a good test of where it stands: the layer then is two
# LayerNorms.

# %%
layer.train()  # this one alone
layer.dropout.p = 1.0
with torch.no_grad(), record() as dropped:
    model(**inputs)
    norms_alone = layer.output_norm(layer.attention_norm(stages["embeddings.output"]))
layer.dropout.p = config.hidden_dropout_prob
layer.eval()
print("two LayerNorms:", torch.allclose(dropped["layers.0.output"], norms_alone, atol=1e-5))

# %% [markdown]
# ## The layer from its parts
#
# Everything is there. Once more in one place, with the attention of chapter 4, in evaluation mode:

# %%
weights = {name: value.detach() for name, value in layer.named_parameters()}


def linear(x: Tensor, name: str) -> Tensor:
    """One of the layer's linear layers."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(x: Tensor, name: str) -> Tensor:
    """One of its two LayerNorms."""
    return functional.layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)


x = stages["embeddings.output"]
query, key, value = (
    functional.split_heads(linear(x, f"attention.{name}"), config.num_attention_heads)
    for name in ("query", "key", "value")
)
context = functional.merge_heads(
    functional.scaled_dot_product_attention(query, key, value)  # one text: no padding, no mask
)
x = norm(x + linear(context, "attention.output"), "attention_norm")
inner = functional.gelu(linear(x, "feed_forward.inner"))
x = norm(x + linear(inner, "feed_forward.outer"), "output_norm")
print("the layer's output:", torch.allclose(x, stages["layers.0.output"], atol=1e-4))

# %% [markdown]
# ## Norm after or before?
#
# BERT normalises *after* the sum: post-norm, $\text{norm}(x + f(x))$. Most later models do it
# *before* the sublayer and leave the sum alone: pre-norm, $x + f(\text{norm}(x))$. One reads that
# post-norm is hard to train when it is deep. Let us measure instead of believing: fresh models of
# many thin layers, one backward pass, and how large the gradient of each layer's weights is.
#
# How fresh weights are drawn matters too. Many models draw them with a deviation of one over the
# root of the width, so that a linear layer's result is as large as what goes in. BERT draws them
# smaller. Its deviation of 0.02, at its width of 768, makes results about half as large. We take
# both, and reckon BERT's over to the width of our thin models.


# %%
class PreNormLayer(EncoderLayer):
    """The same parts in the other order."""

    def forward(self, hidden: Tensor, layout, rows=None) -> Tensor:
        hidden = hidden + self.dropout(self.attention(self.attention_norm(hidden), layout))
        return stage("output", hidden + self.dropout(self.feed_forward(self.output_norm(hidden))))


def fresh_model(kind: type[EncoderLayer], depth: int, deviation: float) -> BertForMaskedLM:
    """A thin random model of `depth` layers of one kind."""
    torch.manual_seed(0)
    thin = replace(
        BertConfig.tiny(), vocab_size=1000, num_hidden_layers=depth, initializer_range=deviation
    )
    fresh = BertForMaskedLM(thin, attention="math").eval()
    for layer in fresh.bert.encoder.layers:
        layer.__class__ = kind  # the weights are the same, only the order changes
    return fresh


def through(kind: type[EncoderLayer], depth: int, deviation: float) -> tuple[list, list, list]:
    """For each layer: size of its output, gradient of a query and of a feed-forward matrix."""
    fresh = fresh_model(kind, depth, deviation)
    ids, labels = torch.randint(1000, (2, 8, 32))
    with record() as seen:
        logits = fresh(ids).logits
    functional.cross_entropy(logits, labels).backward()
    layers = fresh.bert.encoder.layers
    return (
        [seen[f"layers.{n}.output"].detach().std().item() for n in range(depth)],
        [layer.attention.query.weight.grad.norm().item() for layer in layers],
        [layer.feed_forward.outer.weight.grad.norm().item() for layer in layers],
    )


DEPTH = 24
LARGE = BertConfig.tiny().hidden_size ** -0.5
base = BertConfig.base()
share = base.initializer_range * base.hidden_size**0.5
print(f"BERT: deviation {base.initializer_range}, width {base.hidden_size}: results {share:.2f} of")
print(f"what goes in; for our width {BertConfig.tiny().hidden_size} that is {share * LARGE:.3f}")
measured = {
    f"{name}, {begin}": through(kind, DEPTH, deviation)
    for begin, deviation in (("BERT's start", share * LARGE), ("large start", LARGE))
    for name, kind in (("post", EncoderLayer), ("pre", PreNormLayer))
}

# %% tags=["varies"]
figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.4))
titles = ("size of the layer's output", "gradient: query", "gradient: feed-forward")
for place, (axes, title) in enumerate(zip(panels, titles, strict=True)):
    for number, (name, values) in enumerate(measured.items()):
        # Lines that lie on each other are both seen: dashed ones on top of wide pale ones.
        style = {"ls": "--", "zorder": 3} if number < 2 else {"lw": 4, "alpha": 0.5}
        axes.plot(values[place], color=f"C{number % 2}", label=name, **style)
    axes.set(title=title, xlabel="layer", yscale="log" if place else "linear")
panels[0].legend(frameon=False)
pyplot.show()

print(f"{'':22}{'output size':>14}{'query gradient':>20}{'feed-forward gradient':>24}")
print(f"{'':22}{'first':>7}{'last':>7}{'first':>11}{'last':>9}{'first':>14}{'last':>10}")
for name, (sizes, queries, outers) in measured.items():
    print(
        f"{name:22}{sizes[0]:7.1f}{sizes[-1]:7.1f}{queries[0]:11.5f}{queries[-1]:9.5f}"
        f"{outers[0]:14.3f}{outers[-1]:10.3f}"
    )

# %% [markdown]
# Look at the large start first (wide lines).
#
# - **Pre-norm** (red): outputs grow with depth (first panel), because nobody scales the sum. Each
#   layer then matters less than the one before, and gradients fall gently towards the end.
# - **Post-norm** (blue): the size stays at one, for either start, so that in the first panel the
#   two blue lines lie on each other. The gradients of the last feed-forward matrices stay large
#   (third panel). But the queries of the deep layers get next to nothing (second panel). Why? Here
#   is a guess: each layer mixes the words, and then scales the mixture up again, until all words
#   are alike; and then it does not matter who looks at whom.
#
# With BERT's start (dashed) the sublayers add less, so a norm has less to do, and the gradients of
# the two orders differ far less.
#
# What was said of the depth, and the guess, can be tested:

# %% tags=["varies"]
print("depth   last feed-forward gradient: post    pre")
for depth in (6, 12, 24):
    last = [through(kind, depth, LARGE)[2][-1] for kind in (EncoderLayer, PreNormLayer)]
    print(f"{depth:5} {last[0]:35.3f} {last[1]:6.3f}")

for name, kind in (("post", EncoderLayer), ("pre", PreNormLayer)):
    fresh = fresh_model(kind, DEPTH, LARGE)
    with torch.no_grad(), record() as seen:
        fresh(torch.randint(1000, (1, 32)))
    alike = []
    for n in (0, 5, 11, 23):
        unit = torch.nn.functional.normalize(seen[f"layers.{n}.output"][0], dim=-1)
        cosines = unit @ unit.T
        alike.append((cosines.sum() - len(unit)).item() / (len(unit) * (len(unit) - 1)))
    print(f"{name:4}: mean cosine of two words after 1, 6, 12, 24 layers:", end=" ")
    print("  ".join(f"{cosine:.2f}" for cosine in alike))

# %% [markdown]
# So the order of two operations decides how a deep stack starts, if it starts large. BERT starts
# small, and it *warms up*: in the first steps the learning rate is tiny. Both help post-norm over
# the beginning ([Xiong and others](https://arxiv.org/abs/2002.04745) work out why). Chapter 11
# shows a run without warm-up. And a word of caution: this was one random model a row, fresh, of
# one width. It says how training starts, not how it ends.
#
# ## What you have now
#
# - The feed-forward network treats each word by itself; GELU switches on a few units of many.
# - A layer writes corrections onto a vector that passes through; LayerNorm keeps its size.
# - Dropout is for training; the expectation stays; `eval()` turns it off.
# - Post-norm keeps sizes, pre-norm keeps a free path; a small start makes them alike.
#
# The real code: [`encoder.py`](../minibert/model/encoder.py),
# [`layers.py`](../minibert/model/layers.py), [`functional.py`](../minibert/model/functional.py).
#
# ## Exercises
#
# Copy [`exercises/05.py`](exercises/05.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 05 my_05.py
# ```
#
# 1. `gelu`: the curve
# 2. `layer_norm`: where does the epsilon stand, and what divides the variance?
# 3. `dropout`: with a given mask of what to keep
# 4. `feed_forward`: two matrices and a bend
# 5. `encoder_layer`: all of it
#
# Next: [chapter 6](06_whole_bert.ipynb) stacks the layers, and proves that the result is BERT.
