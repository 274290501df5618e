# %% [markdown]
# # 6. The whole BERT
#
# All parts are known. This chapter puts them together, and asks three questions that one should ask
# of any model: how large is it and what does it cost, what exactly was loaded into it, and is it
# really the model that it claims to be?
#
# Three ideas are new: size and cost *follow from five numbers* of the config; a *load table*
# accounts for every tensor of a file; and a model is *proved equal* to another stage by stage, not
# by its result.
#
# You need chapters 2 to 5.

# %%
import math
import time
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib import pyplot
from safetensors.numpy import load_file
from torch.utils.flop_counter import FlopCounterMode

from minibert import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertModel,
    BertTokenizer,
)
from minibert.checkpoint import find, names
from minibert.course import show, start
from minibert.lens.pictures import flow
from minibert.model import functional
from minibert.model.heads import MaskedLanguageHead
from minibert.trace import record

start("06")

tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm", attention="math")
config = model.config
text = tokenizer.encode("The old baker lost her keys.", "She found them under the flour.")
inputs = {
    "input_ids": torch.tensor([text.ids]),
    "token_type_ids": torch.tensor([text.type_ids]),
}
with torch.no_grad(), record() as stages:
    output = model(**inputs)

# %% [markdown]
# ## From ids to vectors
#
# Here is the way through the model, with the shapes of a real run: batch, words, width.

# %%
wanted = [name for name in stages if name[:3] == "emb" or name.count(".") == 2 or name == "pooled"]
flow({name: stages[name] for name in wanted if "norm" not in name}, title="MiniLM")
pyplot.show()

# %% [markdown]
# The stack itself is a loop. (What is said there of `checkpointing` saves memory, and `rows` saves
# time; the line that does the work is the last one of the loop.)

# %%
show(type(model.encoder).forward)

# %% [markdown]
# ## The pooler, and the heads of pretraining
#
# Last comes the *pooler*: the vector of `[CLS]`, through one more linear layer and a tanh. A
# classifier reads it as the vector of the whole text.

# %%
show(type(model.pooler))

# %% [markdown]
# Nobody labelled anything for BERT. It was given two tasks that text sets by itself, and a head for
# each. The first: some word pieces are hidden behind `[MASK]`, and the **masked-word head** is to
# name them. It transforms each vector once more, and compares it with *every row of the token
# table* of chapter 2: the row that it resembles most is the word. So the table serves twice.

# %%
show(MaskedLanguageHead)

# %% [markdown]
# The second: do the two texts follow each other? A linear layer on the pooled vector, with the
# classes 0, *is next*, and 1, *is not*. (Mind the order: most people expect the other one.) MiniLM
# comes without these heads, so ours are drawn at random, and guess.

# %%
torch.manual_seed(0)
pretraining = BertForPreTraining(BertConfig.tiny())
hidden = inputs["input_ids"].clone()
hidden[0, 3] = tokenizer.mask_id  # "baker"
with torch.no_grad():
    guess = pretraining(hidden, token_type_ids=inputs["token_type_ids"])
print("a score for every word piece at every place:", tuple(guess.prediction_logits.shape))
print("is next, is not:                            ", tuple(guess.seq_relationship_logits.shape))

# %% [markdown]
# Both losses are cross-entropies, and they are added. The first is a mean over the *hidden* places
# only: the label of all others is `-100`, which counts for nothing. Averaged over all places, it
# would be small for having been asked little. The second is a mean over the texts.

# %%
labels = torch.full_like(hidden, -100)
labels[0, 3] = inputs["input_ids"][0, 3]
words = functional.cross_entropy(guess.prediction_logits, labels)
follows = functional.cross_entropy(guess.seq_relationship_logits, torch.tensor([0]))
vocabulary = config.vocab_size
print(f"hidden word {words:.2f}, guessing costs ln({vocabulary}) = {math.log(vocabulary):.2f}")
print(f"is it next  {follows:.2f}, guessing costs ln(2) = {math.log(2):.2f}")

# %% [markdown]
# ## Parameters: by hand
#
# Five numbers decide: the vocabulary $V$, the width $D$, the inner width $F$, the layers $L$ and
# the longest length $P$. From them every part can be counted. A linear layer from $D$ to $F$ has
# $D \cdot F$ weights and $F$ biases; a LayerNorm has $2D$ numbers.
#
# | part | parameters |
# |---|---|
# | embeddings | $(V + P + 2)\,D$ for the three tables, $2D$ for the norm |
# | attention, of each layer | $4\,(D^2 + D)$ |
# | feed-forward, of each layer | $2DF + F + D$ |
# | two norms, of each layer | $4D$ |
# | pooler | $D^2 + D$ |
#
# The number of heads does not occur: chapter 4 has shown why.

# %%
V, D, F = config.vocab_size, config.hidden_size, config.intermediate_size
L, P, H = config.num_hidden_layers, config.max_position_embeddings, config.num_attention_heads
layer = 4 * (D * D + D) + (2 * D * F + F + D) + 4 * D
by_hand = {
    "embeddings": (V + P + 2) * D + 2 * D,
    "encoder": L * layer,
    "pooler": D * D + D,
}
by_code = dict.fromkeys(by_hand, 0)
for name, parameter in model.named_parameters():
    by_code[name.partition(".")[0]] += parameter.numel()
for part, count in by_hand.items():
    print(f"{part:10} {count:>11,} by hand {by_code[part]:>11,} by code")
print(f"{'sum':10} {sum(by_hand.values()):>11,} {sum(by_code.values()):>19,}")

# %% [markdown]
# The same for the sizes in which BERT was released. On the device "meta" a model has shapes and no
# numbers, so that even the large one is made in no time.

# %%
print(f"{'':7}{'layers':>7}{'width':>7}{'embeddings':>13}{'encoder':>13}{'all':>13}")
counts = {}
for name in ("tiny", "mini", "small", "medium", "base", "large"):
    size = getattr(BertConfig, name)()
    with torch.device("meta"):
        parts = BertModel(size)
    embeddings, encoder, whole = (
        sum(parameter.numel() for parameter in part.parameters())
        for part in (parts.embeddings, parts.encoder, parts)
    )
    counts[name] = (embeddings, encoder, whole - embeddings - encoder)
    print(f"{name:7}{size.num_hidden_layers:7}{size.hidden_size:7}", end="")
    print(f"{embeddings:13,}{encoder:13,}{whole:13,}")

figure, axes = pyplot.subplots(figsize=(6.4, 2.8))
begin = np.zeros(len(counts))
for place, part in enumerate(("embeddings", "encoder", "pooler")):
    millions = np.array([count[place] for count in counts.values()]) / 1e6
    axes.barh(list(counts), millions, left=begin, label=part)
    begin += millions
axes.invert_yaxis()
axes.set(xlabel="million parameters")
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# The paper says 110 million for base and 340 million for large: rounded, as we see. In the
# smallest models most of it is the table of word pieces.
#
# ## Operations: predicted, then measured
#
# A product of an $n \times k$ with a $k \times m$ matrix takes $n \cdot k \cdot m$ multiplications
# and as many additions: $2nkm$ operations. All else (softmax, GELU, norms) is little beside it. For
# $B$ texts of $S$ words:
#
# $$ 2 B S L\, \bigl(\,\underbrace{4D^2}_{\text{four linear layers}}
#    + \underbrace{2SD}_{\text{scores, average}}
#    + \underbrace{2DF}_{\text{feed-forward}}\bigr) \;+\; 2BD^2 $$
#
# The last term is the pooler. The tables cost nothing: to look up is not to multiply.

# %%
B, S = 4, 64
batch = torch.randint(V, (B, S))


def operations(B: int, S: int) -> int:
    """Multiplications and additions of the model's matrix products, for one forward pass."""
    return 2 * B * S * L * (4 * D * D + 2 * S * D + 2 * D * F) + 2 * B * D * D


with torch.no_grad(), FlopCounterMode(display=False) as counter:
    model(batch)
print(f"predicted {operations(B, S):,}")
print(f"counted   {counter.get_total_flops():,}")

# %% [markdown]
# Equal to the last digit. A training step takes three times as many: backward, each product has
# two gradients, one for each of its factors.

# %%
with FlopCounterMode(display=False) as counter:
    model(batch).pooled_output.sum().backward()
print(f"forward and backward: {counter.get_total_flops() / operations(B, S):.2f} times the forward")

# %% [markdown]
# From operations and a stopwatch follows how well a machine is used. It will be other on yours.

# %% tags=["varies"]
with torch.inference_mode():
    model(batch)  # once to warm up
    began = time.perf_counter()
    model(batch)
    seconds = time.perf_counter() - began
print(f"{1000 * seconds:.0f} ms; {operations(B, S) / seconds / 1e9:.0f} thousand million a second")

# %% [markdown]
# ## Memory: predicted, then measured
#
# For the backward pass, autograd keeps what went into each operation. Go through a layer and count
# what has to be kept, in vectors of width $D$ for each word:
#
# | kept for | numbers |
# |---|---|
# | query, key, value: their input (once) | $BSD$ |
# | the products: query, key, value themselves | $3\,BSD$ |
# | the average: the shares | $BHS^2$ |
# | output: the context | $BSD$ |
# | two norms: the sums that go in | $2\,BSD$ |
# | inner: its input | $BSD$ |
# | GELU and outer: their inputs | $2\,BSF$ |
#
# With $F = 4D$ this is sixteen vectors a word and layer, and the maps: $16\,BSD + BHS^2$ numbers of
# four bytes. torch lets us watch what is kept.


# %%
def kept_bytes(B: int, S: int) -> int:
    """Bytes that autograd keeps in one forward pass: every piece of memory once, no weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(torch.randint(V, (B, S)))  # as long as it lives, so does what is kept
    del output
    return sum(kept.values())


lengths = (32, 64, 128, 256)
predicted = [4 * L * (16 * B * S * D + B * H * S * S) / 2**20 for S in lengths]
measured = [kept_bytes(B, S) / 2**20 for S in lengths]
print("words   MiB predicted   MiB kept")
for row in zip(lengths, predicted, measured, strict=True):
    print("{:5} {:15.1f} {:10.1f}".format(*row))

# %% [markdown]
# The small rest is embeddings, pooler, and the means and deviations of the norms. In training mode
# dropout adds its own. The maps grow with the *square* of the length; when do they outweigh all
# else? For memory where $HS = 16D$; the operations can be compared in the same way.

# %%
lengths = np.arange(16, 2049, 16)
maps = H * lengths**2 / (16 * lengths * D + H * lengths**2)
products = 2 * lengths * D / (4 * D * D + 2 * lengths * D + 2 * D * F)
figure, axes = pyplot.subplots(figsize=(5.6, 3))
axes.plot(lengths, maps, label="memory: the maps")
axes.plot(lengths, products, label="operations: scores and average")
axes.axvline(P, color="0.6", linestyle=":")
axes.text(P, 0.02, " longest text of BERT", color="0.4")
axes.set(xlabel="words", ylabel="share of the whole", ylim=(0, 1))
axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
pyplot.show()
print(f"the maps are half of the memory from {16 * D // H} words on")

# %% [markdown]
# That is why fast kernels of attention never hold a whole map (`attention="sdpa"` or `"fused"`).
#
# Training also needs memory for the weights themselves: weight, gradient, and the two running means
# of Adam (chapter 7), four bytes each.

# %%
for name, count in (("MiniLM", sum(by_hand.values())), ("base", sum(counts["base"]))):
    print(f"{name:6}: {4 * count / 2**20:4.0f} MiB of weights, {16 * count / 2**20:5.0f} to train")

# %% [markdown]
# ## Loading: a table that adds up
#
# A checkpoint is a file of named tensors. Others have other names, so there has to be a
# translation. It stands in one place, as a table: Hugging Face's names beside ours.

# %%
for theirs, ours in names.BODY:
    print(f"{theirs:44} {ours}")

# %% [markdown]
# Loading goes through it, and keeps account. *Every* tensor of the file must be used or be left out
# for a reason; *every* parameter must be filled or be named as new. It would be easy to load what
# fits and to say nothing of the rest. That is how models come about that learn nothing, and nobody
# knows why.

# %%
rows = str(model.load_table).splitlines()
print(*rows[:13], "...", rows[-1], sep="\n")

# %% [markdown]
# MiniLM has no head for masked words. A model that wants one gets it fresh, and is told so:

# %%
print(BertForMaskedLM.from_pretrained("minilm").load_table.summary())

# %% [markdown]
# Google's own files have yet other names, and their matrices lie on the other side: $(D, F)$ where
# torch has $(F, D)$. A square matrix has the same shape both ways; a check of shapes would not
# notice if it were forgotten. Let us write MiniLM in that format, and read it again.

# %%
with TemporaryDirectory() as folder:
    model.save_pretrained(folder, to="tensorflow")
    back = BertModel.from_pretrained(folder, attention="math")
rows = str(back.load_table).splitlines()
print(*rows[:11], "...", rows[-1], sep="\n")
same = all(map(torch.equal, model.state_dict().values(), back.state_dict().values()))
print("the same to the last bit:", same)

# %% [markdown]
# ## Proof: is it BERT?
#
# The shapes fit, and every tensor has its place. Still the model might use a weight wrongly. The
# only proof is a *second computation that shares nothing with the first*. Here it is, in plain
# NumPy, from the file, by the file's own names; no torch, no function of the library. It doubles as
# the shortest complete BERT that you will read.

# %%
file = find("minilm") / "model.safetensors"
W = {name: tensor.astype(np.float64) for name, tensor in load_file(file).items()}
erf = np.vectorize(math.erf)


def linear(x, name):
    return x @ W[name + ".weight"].T + W[name + ".bias"]


def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
    return x * W[name + ".weight"] + W[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def numpy_bert(ids, types, gelu=gelu):
    """All stages of one text, by the names that `record` gives them."""
    found = {}
    words, tables = len(ids), "embeddings.{}_embeddings.weight"
    x = W[tables.format("word")][ids] + W[tables.format("token_type")][types]
    x = norm(x + W[tables.format("position")][:words], "embeddings.LayerNorm")
    found["embeddings.output"] = x
    for n in range(L):
        theirs, ours = f"encoder.layer.{n}.", f"layers.{n}."
        query, key, value = (
            linear(x, f"{theirs}attention.self.{name}").reshape(words, H, D // H)
            for name in ("query", "key", "value")
        )
        scores = np.einsum("ihw,jhw->hij", query, key) / np.sqrt(D // H)
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        probs = powers / powers.sum(-1, keepdims=True)
        context = np.einsum("hij,jhw->ihw", probs, value).reshape(words, D)
        attended = linear(context, f"{theirs}attention.output.dense")
        x = norm(x + attended, f"{theirs}attention.output.LayerNorm")
        inner = linear(x, f"{theirs}intermediate.dense")
        activated = gelu(inner)
        outer = linear(activated, f"{theirs}output.dense")
        found[f"{ours}attention.scores"], found[f"{ours}attention.probs"] = scores, probs
        found[f"{ours}attention.context"], found[f"{ours}attention.norm"] = context, x
        found[f"{ours}feed_forward.inner"] = inner
        found[f"{ours}feed_forward.activated"] = activated
        x = norm(x + outer, f"{theirs}output.LayerNorm")
        found[f"{ours}output"] = x
    found["pooled"] = np.tanh(linear(x[0], "pooler.dense"))
    return found


# %% [markdown]
# Compare stage by stage, each difference over the stage's largest value. Once with our model as it
# is, in float32, and once in float64, which has more digits.


# %%
def differences(model, theirs: dict) -> list[float]:
    """The largest difference of each stage, over its largest value."""
    with torch.no_grad(), record() as ours:
        model(**inputs)
    return [
        float(np.abs(ours[name][0].numpy() - value).max() / np.abs(value).max())
        for name, value in theirs.items()
    ]


theirs = numpy_bert(text.ids, text.type_ids)
single = differences(model, theirs)
exact = BertModel.from_pretrained("minilm", attention="math").double()
double = differences(exact, theirs)
print(f"{len(theirs)} stages")
print("float32: all below 2e-5: ", max(single) < 2e-5)
print("float64: all below 1e-10:", max(double) < 1e-10)

# %% [markdown]
# A proof that cannot fail is none. So let us put a mistake into the second computation, a small
# one: GELU by Google's later formula, which differs by less than a thousandth (chapter 5).


# %%
def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


other = numpy_bert(text.ids, text.type_ids, gelu_tanh)
mistaken = differences(exact, other)

figure, axes = pyplot.subplots(figsize=(9, 3.4))
for values, label in (
    (mistaken, "float64, with tanh GELU in one of the two"),
    (single, "float32"),
    (double, "float64"),
):
    axes.plot(values, marker=".", label=label)
starts = [place for place, name in enumerate(theirs) if name.endswith("scores")]
axes.set_xticks(starts, [f"layer {n}" for n in range(L)], ha="left")
axes.set(yscale="log", ylabel="largest difference")
axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
pyplot.show()
first = next(name for name, gap in zip(theirs, mistaken, strict=True) if gap > 1e-10)
print("the first stage that differs:", first)
one, two = other["pooled"], theirs["pooled"]
print(f"cosine of the results: {one @ two / np.linalg.norm(one) / np.linalg.norm(two):.5f}")

# %% [markdown]
# By the result alone one would call them equal. The stages tell where the two part: *the first one
# that differs* names the operation, all that comes after merely follows. The library does the same
# against `transformers`, where that is installed, with the gradients as well:
#
# ```
# minibert parity minilm --against transformers
# ```
#
# So what runs here is BERT: the same numbers, at every stage, from the same file.
#
# ## What you have now
#
# - Parameters, operations and memory follow from a few numbers; you can predict them on paper.
# - Longer texts cost in proportion, but for the maps, which cost the square.
# - A load table accounts for every tensor, and names what is new.
# - A second computation, compared stage by stage, proves a model, and finds its mistakes.
#
# The real code: [`bert.py`](../minibert/model/bert.py),
# [`heads.py`](../minibert/model/heads.py), [`names.py`](../minibert/checkpoint/names.py),
# [`table.py`](../minibert/checkpoint/table.py), [`parity.py`](../minibert/lens/parity.py).
#
# ## Exercises
#
# Copy [`exercises/06.py`](exercises/06.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 06 my_06.py
# ```
#
# 1. `count_parameters`: for any config
# 2. `pooler`: one vector for a text
# 3. `masked_lm_logits`: which word piece stands here? The head that BERT was trained with
# 4. `pretraining_loss`: both of its tasks, each averaged over the right things
#
# Next: [chapter 7](07_fine_tuning.ipynb) trains it.
