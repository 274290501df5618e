# %% [markdown]
# # 2. Embeddings
#
# After this chapter you can compute what goes into BERT's first layer, number by number, and you
# have looked at what pretraining has put into its tables: which words lie together, how a position
# looks, and what the two segments are for.
#
# Three ideas are new: an *embedding* is a row of a table; BERT's input is the *sum of three rows*;
# and *LayerNorm* brings that sum to a size that the layers can rely on.
#
# You need chapter 1 (ids), and the cosine of chapter 0.

# %%
import torch
from matplotlib import pyplot

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.lens.pictures import similarity_map
from minibert.model import functional
from minibert.model.embeddings import Embeddings
from minibert.trace import record

start("02")
torch.set_printoptions(precision=4, sci_mode=False)

# %% [markdown]
# ## A row of a table
#
# An id is a number, but not a quantity: a piece with twice the id is not twice as much. So the
# model keeps a table with a row for each piece, and the id says which row to take. Here is one for
# six pieces, with three numbers each, and three rows taken from it:

# %%
rows = "0 0 0, 1 0.5 -1, 0.2 2 0.1, -1 1 3, 2 0 1, 0.5 0.5 0.5"
table = torch.tensor([[float(number) for number in row.split()] for row in rows.split(",")])
print(table)

# %%
ids = torch.tensor([4, 2, 4])
print(table[ids])

# %% [markdown]
# The same piece gives the same row, wherever it stands. In books you will find the same thing as a
# product with *one-hot* vectors, rows of zeros with a single one. It is the same, only slower:

# %%
one_hot = torch.nn.functional.one_hot(ids, len(table)).float()
print(one_hot)
print("the same rows:", torch.equal(one_hot @ table, table[ids]))

# %% [markdown]
# The numbers in the table are learnt, like all weights. A row learns only from texts in which its
# piece occurs. Say that the sum of all the numbers taken out is to be changed; this is the gradient
# of the table:

# %%
learnt = table.clone().requires_grad_()
learnt[ids].sum().backward()
print(learnt.grad)

# %% [markdown]
# The row that was taken twice gets twice the gradient. Rows that were not taken get none.
#
# ## The sum of three rows
#
# Which piece it is does not suffice. "The dog bit the man" is something else than "The man bit the
# dog", with the same pieces. And of two texts in one row, each piece must know its own. So BERT has
# three tables:
#
# $$ x_i = \text{token}[\text{id}_i] + \text{position}[i] + \text{segment}[\text{type}_i] $$
#
# Add up one row with the pencil before you run the cell.

# %%
positions = torch.tensor([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]])
segments = torch.tensor([[0.0, 0.0, 0.0], [-0.5, 0.0, 0.5]])
type_ids = torch.tensor([0, 0, 1])
total = table[ids] + positions[[0, 1, 2]] + segments[type_ids]
print(total)

# %% [markdown]
# The first and the last row are the same piece, and now they differ.
#
# Why a sum, and not the three side by side? Side by side the vectors would be three times as wide.
# And in a few hundred dimensions there is room: the tables can use different directions, so that a
# layer can tell the parts of the sum apart. Whether they do so, you will see below.
#
# ## LayerNorm
#
# Sums may be large or small. What comes next works best with numbers of a known size. So each
# vector is shifted to mean zero and divided by its standard deviation, *by itself*, without regard
# to its neighbours. Then each place of the vector gets a weight and a bias, which are learnt:
#
# $$ \text{norm}(x) = \frac{x - \text{mean}(x)}{\sqrt{\text{var}(x) + \varepsilon}} \cdot w + b $$
#
# The first row by hand. (The $\varepsilon$ is tiny; it prevents a division by zero.)

# %%
x = total[0]
mean = x.mean()
variance = ((x - mean) ** 2).mean()  # divided by the width, not by the width less one
print("x       ", x)
print(f"mean {mean:.4f}, variance {variance:.4f}, root of it {variance.sqrt():.4f}")
print("normed  ", (x - mean) / variance.sqrt())

# %%
weight, bias = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([0.0, 0.0, 5.0])
normed = functional.layer_norm(total, weight, bias, eps=1e-12)
by_hand = (x - mean) / torch.sqrt(variance + 1e-12) * weight + bias
print(normed)
print("the first row is ours:", torch.allclose(normed[0], by_hand))

# %% [markdown]
# That is the whole input of BERT. In the library it is this class; it owns the three tables and the
# norm. (Dropout is chapter 5's, and does nothing here.)

# %%
show(Embeddings)

# %% [markdown]
# ## In a real model
#
# Two sentences in one row, and the named values of the run: `record()` collects every value that
# the model names on its way.

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm").eval()
torch.set_grad_enabled(False)  # from here on we only look

encoding = tokenizer.encode("The dog bit the man.", "He was not amused.")
ids, types = torch.tensor([encoding.ids]), torch.tensor([encoding.type_ids])
with record() as stages:
    model(ids, token_type_ids=types)
for name in list(stages)[:4]:
    print(f"{name:20} {tuple(stages[name].shape)}")

# %% [markdown]
# One sequence, fourteen pieces, and 384 numbers for each. The sum and the norm, recomputed from the
# tables:

# %%
tables = model.embeddings
parts = {name: stages[f"embeddings.{name}"][0] for name in ("token", "position", "segment")}
total = tables.token.weight[ids[0]] + tables.position.weight[: ids.shape[1]]
total = total + tables.segment.weight[types[0]]
output = functional.layer_norm(total, tables.norm.weight, tables.norm.bias, tables.norm.eps)
print("the sum of the parts:", torch.allclose(sum(parts.values()), total, atol=1e-6))
print("and its norm:        ", torch.allclose(stages["embeddings.output"][0], output, atol=1e-5))

# %% [markdown]
# This is the word "dog" as a picture: the first numbers of each part, of their sum, and of what
# goes into the first layer. Red is positive, blue negative.

# %%
dog = encoding.tokens.index("dog")
strips = {name: part[dog] for name, part in parts.items()}
strips |= {"sum": total[dog], "after the norm": output[dog]}
figure, panels = pyplot.subplots(len(strips), 1, figsize=(8.4, 2.8))
for axes, (name, strip) in zip(panels, strips.items(), strict=True):
    limit = 2 if name == "after the norm" else 0.2
    image = axes.imshow(strip[None, :64], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_yticks([0], [name])
    axes.set_xticks([])
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, ticks=[-limit, limit], pad=0.01)
pyplot.show()

# %% [markdown]
# The word itself is the strongest part; position and segment add a little. What the norm changes
# most is the scale: look at the numbers beside the strips. Do the parts use directions of their
# own? Then the cosine of a piece's row and a position's row is near zero, whichever one takes. Here
# is its size, plus or minus left aside, on average; and that of random vectors as wide:

# %%
unit = torch.nn.functional.normalize(tables.token.weight, dim=-1)
unit_position = torch.nn.functional.normalize(tables.position.weight, dim=-1)
print(f"a piece and a position:    {(unit @ unit_position.T).abs().mean():.2f}")
drawn = torch.nn.functional.normalize(torch.randn(2, 500, unit.shape[1]), dim=-1)
print(f"two vectors of no meaning: {(drawn[0] @ drawn[1].T).abs().mean():.2f}")

# %% [markdown]
# No nearer than directions drawn by chance: in so many dimensions those are almost at right angles.
# So the parts can be told apart. How long are the vectors? (The *length*, or norm, is the root of
# the sum of squares.)

# %%
print("           token  position  segment    sum   after the norm")
for place, token in enumerate(encoding.tokens):
    lengths = [part[place].norm().item() for part in parts.values()]
    lengths += [total[place].norm().item(), output[place].norm().item()]
    print(f"{token:8}" + "{:8.2f}{:10.2f}{:9.2f}{:7.2f}{:17.2f}".format(*lengths))

# %% [markdown]
# One position is out of the ordinary: the first, where `[CLS]` always stands. Its vector is several
# times as long as the others, and so its sum is much longer too. After the norm it is in line.
#
# Before weight and bias all rows have the same length, the root of the width. Differences come back
# with the weights:

# %%
weight, bias = tables.norm.weight, tables.norm.bias
plain = functional.layer_norm(
    total, torch.ones_like(weight), torch.zeros_like(bias), tables.norm.eps
)
figure, axes = pyplot.subplots(figsize=(8.4, 2.8))
places = torch.arange(len(encoding.tokens))
for shift, (name, rows) in enumerate(
    {"sum": total, "normed": plain, "with weight and bias": output}.items()
):
    axes.bar(places + 0.27 * (shift - 1), rows.norm(dim=-1), width=0.25, label=name)
axes.set_xticks(places, encoding.tokens)
axes.set(ylabel="length", ylim=(0, 29))
axes.legend(frameon=False, ncols=3, loc="upper right")
pyplot.show()

# %%
lowest = weight.argmin()
print(f"the smallest weight is {weight[lowest]:.2f}, the one in the middle {weight.median():.2f}")
share = plain[:, lowest] ** 2 / (plain**2).sum(-1)
for token in ("the", "[SEP]", "dog", "man"):
    part = share[encoding.tokens.index(token)]
    print(f"{token:6} has {part:.0%} of its squared length in that one place")

# %% [markdown]
# One single place of the vector has a weight far below the others. Pieces that are everywhere, such
# as "the" and `[SEP]`, have about half of their length there, and the norm takes it from them;
# "dog" and "man" keep theirs. So the norm also decides what is loud and what is not.

# %% [markdown]
# ## What the words have learnt
#
# Nobody told the model what the pieces mean. Let us see which rows of the table point alike. All
# rows have been brought to length one above, so one product gives the cosines with all others.

# %%
vocabulary = tokenizer.vocabulary


def near(word: str, count: int = 7) -> str:
    """The nearest other pieces, with their cosines."""
    cosines = unit @ unit[vocabulary.index(word)]
    values, places = cosines.topk(count + 1)
    found = zip(places.tolist()[1:], values.tolist()[1:], strict=True)  # the first is the word
    return "  ".join(f"{vocabulary[place]} {value:.2f}" for place, value in found)


for word in "king monday walked cheese seven bank good ##ing".split():
    print(f"{word:8} {near(word)}")
print(tokenizer.encode("mozzarella cheddar").tokens)

# %% [markdown]
# Kings and queens, days and days. Some things are worth seeing:
#
# - Near does not mean "the same": "bad" is near "good", because they stand in the same places.
# - "seven" is nearest to its digit: spelling plays no part, only use does.
# - Endings are near endings. But two that are near "cheese" come from cheeses: the last line shows
#   how those are cut.
# - "bank" has one row, with the money in it. The river's bank shares it; only the layers above can
#   tell which is meant, from the neighbours *in the sentence*.
#
# What is a large cosine? Compare with pieces drawn by chance:

# %%
some = torch.randint(len(unit), (2, 5000))
chance = (unit[some[0]] * unit[some[1]]).sum(-1)
print(f"cosine of two pieces drawn by chance: {chance.mean():.2f}, give or take {chance.std():.2f}")

# %% [markdown]
# So a half is a lot. Here are five groups of words, each with each.

# %%
groups = [
    "monday tuesday friday sunday",
    "two three five seven",
    "paris berlin london rome",
    "bread cheese milk meat",
    "mother father sister uncle",
]
words = " ".join(groups).split()
figure, axes = pyplot.subplots(figsize=(6.6, 5.4))
similarity_map(unit[[vocabulary.index(word) for word in words]], words, axes)
pyplot.show()

# %% [markdown]
# The groups stand out as squares on the diagonal; the days hold together most.
#
# ## What the positions have learnt
#
# The positions have a table too, in contrast to the first Transformer, which took sines and cosines
# of the place. Nobody told this model which position comes after which. Yet:

# %%
positions = tables.position.weight
print(f"{len(positions)} positions; a longer text has no row left")
cosines = unit_position @ unit_position.T
print(f"cosine of the first with the others: {cosines[0, 1:].mean():.2f} on average")
apart = range(1, 257)
by_distance = [cosines.diagonal(distance)[1:].mean().item() for distance in apart]
for distance in (1, 2, 6, 10, 50, 100):
    print(f"cosine of two that are {distance:3} apart: {by_distance[distance - 1]:.2f}")

figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
similarity_map(positions, axes=left, title="every position with every other")
right.plot(apart, by_distance)
right.axhline(0, color="0.7", linewidth=1)
right.set(xlabel="how far apart", ylabel="cosine, on average")
pyplot.show()

# %% [markdown]
# The diagonal is dark red: neighbours are alike. All stripes run along the diagonal, which means
# that it matters how far apart two places are, and hardly where they are. So the model has found
# out by itself that places lie in a row. The likeness fades with the distance, but in waves: a
# little like the sines of the first Transformer, which nobody has put in here.
#
# What are positions good for? Take them away, by giving all pieces the same one, and compare the
# vector that comes out for "dog" when it bites and when it is bitten.


# %%
def outputs(text: str, place: int | None = None) -> dict[str, torch.Tensor]:
    """The model's output for each piece; with all pieces at one place, if that is given."""
    encoding = tokenizer.encode(text)
    ids = torch.tensor([encoding.ids])
    position_ids = None if place is None else torch.full_like(ids, place)
    hidden = model(ids, position_ids=position_ids).last_hidden_state[0]
    return dict(zip(encoding.tokens, hidden, strict=True))


for name, place in (("with positions", None), ("without", 1)):
    biting = outputs("A dog bit the man.", place)["dog"]
    bitten = outputs("The man bit a dog.", place)["dog"]
    moved = (biting - bitten).norm() / biting.norm()
    print(f"{name:15} the vector of 'dog' moves by {moved:.3f} of its length")

# %% [markdown]
# Without positions the two sentences are the same to BERT: a bag of pieces. Nothing in the layers
# above knows about order; it is all in these rows.
#
# ## What the segments do
#
# The third table has two rows only. They are long, but nearly the same:

# %%
first, second = tables.segment.weight
print(f"lengths {first.norm():.2f} and {second.norm():.2f}")
print(f"cosine {torch.cosine_similarity(first, second, dim=0):.2f}")
print(f"length of the difference {(first - second).norm():.2f}")

# %% [markdown]
# What both have in common is added to every piece, so it tells nothing; only the difference does.
# It is small beside a word. Does the model use it? Forget the type ids of the pair from above. That
# mistake is easily made, for nothing crashes:

# %%
right_types = model(ids, token_type_ids=types).last_hidden_state[0]
forgotten = model(ids).last_hidden_state[0]  # all zeros
moved = (right_types - forgotten).norm(dim=-1) / right_types.norm(dim=-1)
figure, axes = pyplot.subplots(figsize=(8.4, 2.4))
axes.bar(range(len(moved)), moved, color=[f"C{kind}" for kind in types[0].tolist()])
axes.set_xticks(range(len(moved)), encoding.tokens)
axes.set(ylabel="moved by (share)")
pyplot.show()
print(
    f"first text {moved[types[0] == 0].mean():.2f}, second text {moved[types[0] == 1].mean():.2f}"
)

# %% [markdown]
# The outputs move by some percent, those of the second text a little more. The first text moves as
# well, although its own rows were right: in the layers above every piece looks at all the others.
# That it is so little is no wonder, as MiniLM was trained last on single sentences. Chapter 8
# fine-tunes on pairs.
#
# ## What you have now
#
# - An embedding is a row of a learnt table; only rows that are taken learn.
# - The input is token plus position plus segment, and LayerNorm brings each vector to one size.
# - Words with the same use lie together, one row a word whatever it means in the sentence.
# - Positions found out their order by themselves, and without them a sentence is a bag.
#
# The real code: [`embeddings.py`](../minibert/model/embeddings.py), and `layer_norm` in
# [`functional.py`](../minibert/model/functional.py).
#
# ## Exercises
#
# Copy [`exercises/02.py`](exercises/02.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 02 my_02.py
# ```
#
# 1. `embed`: the sum of the three rows
# 2. `cosine_similarity`: every row with every other
# 3. `neighbours`: the nearest rows of a table
#
# Next: in [chapter 3](03_attention_with_a_pencil.ipynb) the vectors begin to look at each other.
