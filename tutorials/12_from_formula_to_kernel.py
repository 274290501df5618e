# %% [markdown]
# # 12. From the formula to a kernel
#
# After this chapter you know how attention is computed on a GPU in practice: without the matrix of
# scores that every picture of it shows, forward and backward. You can read the library's kernel,
# and run it.
#
# Three ideas are new: a softmax can be computed *in pieces*, and corrected as one goes; what is
# cheap to compute *need not be kept* for the backward pass; and a random number can depend on
# *where it is needed* instead of on when it is drawn.
#
# You need chapter 3, the gradient included, chapter 4, and of chapter 5 what dropout is. There is
# no GPU in this chapter.

# %%
import os

# The section "The kernel" explains it. It is looked at once, when minibert's kernels are imported.
os.environ["TRITON_INTERPRET"] = "1"

import torch
from matplotlib import pyplot

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.kernels import fused_attention, keep_mask, random, steps
from minibert.kernels.availability import why_not
from minibert.trace import record

start("12")

# %% [markdown]
# ## The price of a matrix
#
# $\text{softmax}(QK^\top / \sqrt W)\,V$ is short to write. But $QK^\top$ has a number for every two
# tokens, in each head. It is written to memory, read for the softmax, written again, and read once
# more for the product with the values; in training it is also kept for the backward pass. Here is
# what it takes for one text in one layer of BERT-base, beside query, key, value and context. (BERT
# reads no more than 512 tokens; models of the same kind that read 4096 and more are common.)

# %%
print("tokens     scores   query, key, value, context")
for length in (128, 512, 4096):
    scores, rest = (4 * 12 * length * width / 1e6 for width in (length, 4 * 64))
    print(f"{length:6} {scores:7.1f} MB {rest:25.1f} MB")

# %% [markdown]
# The longer the text, the more of it is scores. And the arithmetic in between is little: a number
# that comes from memory is hardly used before it goes back. So a GPU, which computes much faster
# than it can fetch, spends its time on fetching. (The two limits are drawn in
# [Performance](../docs/performance.md), for a CPU: what lies under the slope waits for memory.) The
# way out is not to compute less. It is to compute a piece of the result from start to end in the
# small and fast memory right beside the arithmetic, and to write down *nothing as large as the
# scores*.
#
# ## Texts end to end
#
# Three texts, far from equally long. The library lays them end to end, without padding; where one
# ends and the next begins stands in `cu_seqlens`.

# %%
texts = [
    "Spring tide.",
    "How long does it take from one high water to the next?",
    "When Sun and Moon line up, their efforts add together and produce spring tides, a name that "
    "has nothing to do with the season. When they stand at right angles, the difference between "
    "high and low water shrinks, and sailors speak of neap tides.",
]
tokenizer = BertTokenizer.from_pretrained("minilm")
encoded = [tokenizer.encode(text).ids for text in texts]
lengths = [len(ids) for ids in encoded]
cu_seqlens = torch.tensor([0, *lengths]).cumsum(0)
print("lengths", lengths, "  cu_seqlens", cu_seqlens.tolist())

# %% [markdown]
# Query, key and value are those of a layer of MiniLM, as the model itself computes them, in
# float64, so that rounding cannot hide a mistake.

# %%
model = BertModel.from_pretrained("minilm", attention="math").double().eval()
with torch.no_grad(), record() as stages:
    ids = torch.tensor([piece for ids in encoded for piece in ids])
    model(ids, cu_seqlens=cu_seqlens.int())
query, key, value = (
    stages[f"layers.3.attention.{name}"].unflatten(-1, (12, -1))  # (T, D) -split-> (T, H, W)
    for name in ("query", "key", "value")
)
print("tokens, heads, width:", tuple(query.shape))

# %% [markdown]
# The first of six steps is the formula, one text at a time. All others must give the same.

# %%
show(steps.naive)

# %%
formula = steps.naive(query, key, value, cu_seqlens)
in_the_model = stages["layers.3.attention.context"].unflatten(-1, (12, -1))
print("as in the model:", torch.allclose(formula, in_the_model, rtol=0, atol=1e-12))

# %% [markdown]
# ## A softmax in pieces
#
# Now let a query see only some of the keys at a time: a **tile**. Two things stand in the way.
#
# *The denominator.* A share is a power divided by the sum of all powers, which is known at the end.
# But one may divide at the end as well: add up powers times values, add up powers, and divide the
# one sum by the other.
#
# *The maximum.* Powers overflow: in float32, that of 88 is about the largest there is. So the
# highest score is subtracted from all, which changes no share. But it is known at the end, too.

# %%
for score in (88.0, 89.0):
    print(f"e to the power of {score:.0f} in float32: {torch.tensor(score).exp():.1e}")

# %% [markdown]
# The second step walks through the keys twice, to find the maximum first. Every score is computed
# twice.

# %%
show(steps.tiled)

# %% [markdown]
# ## One walk
#
# What if we subtract the largest score *so far*? When a larger one comes, all that was added up
# until then is too large: by the same factor, for every key. So it can be put right:
#
# $$ e^{s - \text{new}} = e^{s - \text{old}} \cdot e^{\text{old} - \text{new}} $$
#
# One query, six keys, tiles of two, and powers of two in place of those of $e$, so that a pencil is
# enough. Compute the second row before you look.

# %%
scores, values = (1, 3, 2, 5, 4, 0), (4, 8, 0, 2, 6, 1)
maximum, total, context = -float("inf"), 0.0, 0.0
print("scores  values  maximum  shrink    total  context")
for tile in (slice(0, 2), slice(2, 4), slice(4, 6)):
    new_maximum = max(maximum, *scores[tile])
    powers = [2 ** (score - new_maximum) for score in scores[tile]]
    shrink = 2 ** (maximum - new_maximum)
    total = total * shrink + sum(powers)
    weighted = sum(power * one for power, one in zip(powers, values[tile], strict=True))
    context = context * shrink + weighted
    maximum = new_maximum
    seen = f"{scores[tile]}  {values[tile]}  {maximum:7}  {shrink:6.2f}"
    print(f"{seen}  {total:7.5f}  {context:7.5f}")
every = [2**score for score in scores]
average = sum(power * one for power, one in zip(every, values, strict=True)) / sum(every)
print(f"context / total = {context / total:.5f}; the softmax's average = {average:.5f}")

# %% [markdown]
# Before the first tile the maximum is minus infinity, so that the factor is 0: nothing is there to
# be put right. And here is what the library's third step changes in its second. Lines with a minus
# have gone, those with a plus are new:

# %%
show(steps.online, since=steps.tiled)


# %%
def is_formula(step) -> None:
    """Say whether a step computes what the formula does."""
    difference = (step(query, key, value, cu_seqlens) - formula).abs().max()
    print(f"{step.__name__}: the same as the formula, {difference < 1e-12}")


is_formula(steps.tiled)
is_formula(steps.online)

# %% [markdown]
# This is called **online softmax** ([Milakov and Gimelshein](https://arxiv.org/abs/1805.02867)).
# All that follows is a consequence of these few lines.
#
# ## Programs
#
# A GPU runs thousands of programs at once that know nothing of each other. So queries are cut into
# tiles as well, and each program takes one: some queries of one head of one text, against all keys
# of that text in turn. What it needs (some queries, some keys, a tile of scores, three running
# sums) fits into the fast memory. The picture counts the tiles that are computed, for one head, for
# 32 queries and 32 keys each, beside those of a padded batch, where the grey is computed for
# nothing. (Not drawn is what the last tiles compute beyond a text's end.)


# %%
def tiles(lengths: list[int], size: int) -> list[tuple[int, int, int]]:
    """Text, first query and first key of each tile."""
    return [
        (text, first_query, first_key)
        for text, length in enumerate(lengths)
        for first_query in range(0, length, size)
        for first_key in range(0, length, size)
    ]


figure, panels = pyplot.subplots(1, 2, figsize=(8.6, 3.6), sharey=True)
padded = [max(lengths)] * len(lengths)
for axes, rows, title in zip(panels, (padded, lengths), ("padded", "end to end"), strict=True):
    starts = [0, *torch.tensor(rows).cumsum(0).tolist()]
    for text, first_query, first_key in tiles(rows, steps.KEYS):
        corner = starts[text] + first_key, starts[text] + first_query
        for length, colour in ((rows[text], "0.85"), (lengths[text], f"C{text}")):
            width, height = (min(steps.KEYS, length - n) for n in (first_key, first_query))
            if width > 0 and height > 0:
                tile = pyplot.Rectangle(corner, width, height, facecolor=colour, edgecolor="w")
                axes.add_patch(tile)
    end = sum(padded)
    count = len(tiles(rows, steps.KEYS))
    axes.set(title=f"{title}: {count} tiles", xlabel="keys", aspect="equal")
    axes.set(xlim=(0, end), ylim=(end, 0))
panels[0].set_ylabel("queries")
pyplot.show()
for rows, name in ((padded, "padded"), (lengths, "end to end")):
    count = len(tiles(rows, steps.KEYS))
    print(f"{name:10}  {count:2} tiles of {steps.QUERIES} x {steps.KEYS} for each head")

# %% [markdown]
# Tiles have one size, whatever a text's length: the last ones reach beyond its end. There zeros are
# loaded, scores become minus infinity, and nothing is stored: `_load_rows` and `_store_rows` see to
# that. A mask is never made; it is a comparison, `column >= length`.
#
# The three outer loops of this step, over texts, heads and tiles of queries, are the programs, one
# after the other where a GPU has them side by side. The innermost loop is the walk you know.

# %%
show(steps.programs)

# %%
is_formula(steps.programs)

# %% [markdown]
# ## Dropout without a mask
#
# In training some of the shares are dropped. Usually that takes a mask as large as the scores, kept
# for the backward pass, and then nothing has been gained. To draw the numbers again does not help
# by itself: a generator gives one number after the other, and these programs run in no fixed order.
#
# So the library uses a function in place of a generator: **Philox** scrambles four numbers under a
# seed, and the four are the *place*: query, group of keys, head, text. Whoever knows the seed knows
# what is dropped there, at any time, in any order. Out come four words of 32 bits, which serve
# eight keys with sixteen bits each: a share is dropped if they are a number below $65536\,p$.
#
# A round multiplies two of the four words by fixed numbers. The product of two words of 32 bits has
# 64, an upper and a lower half; the halves change places with those of the other product, and the
# other two words and the seed go in by *exclusive or* (`^`: a bit is set where the two differ). The
# seed takes a step, and the next round follows.

# %%
show(random.philox)

# %% [markdown]
# That mixes well: places that differ by one look unrelated. Of the 128 bits that come out, about
# half should change, each as often as the others, as if a coin had been tossed for it.

# %%
seed = torch.tensor([2026])


def bits(query: int, group: int) -> str:
    """The four words of a place in head 0 of text 0, bit by bit."""
    place = (torch.tensor(number) for number in (query, group, 0, 0))
    return "".join(f"{word.item():032b}" for word in random.philox(seed, tuple(place)))


print("query 0, group 0:", bits(0, 0)[:32], "...")
print("query 0, group 1:", bits(0, 1)[:32], "...")
pairs = [(bits(n, n), bits(n, n + 1)) for n in range(1000)]
changed = torch.tensor([[a != b for a, b in zip(*pair, strict=True)] for pair in pairs]).float()
print(f"of 128 bits {changed.sum(1).mean():.1f} change on average")
rates = changed.mean(0)
print(
    f"the bit that changes least does so in {rates.min():.0%} of the cases, most {rates.max():.0%}"
)

# %% [markdown]
# The step that drops out differs from the one before by little: `_keep` asks Philox about the tile.
# Mind the place of the new line: *after* the sum. The total still counts what is dropped, so that
# the others do not grow by being divided by less; the factor $1/(1-p)$ makes up for it on average.

# %%
show(steps.with_dropout, since=steps.programs)

# %% [markdown]
# Where does it drop? `keep_mask` writes out the mask that nobody holds, so that the formula can be
# given the same one, and compared number by number.

# %%
torch.manual_seed(0)
seed = random.draw_seed(torch.device("cpu"))
keep = keep_mask(seed, len(lengths), heads=12, length=max(lengths), dropout_p=0.1)
print("what is kept, of all texts, heads, queries and keys:", tuple(keep.shape))
print(f"its mean: {keep.float().mean():.3f}")

dropped = steps.with_dropout(query, key, value, cu_seqlens, 0.1, seed)
text, rows = 2, slice(cu_seqlens[2], cu_seqlens[3])
probs = (query[rows, 0] @ key[rows, 0].T / query.shape[-1] ** 0.5).softmax(-1)
by_formula = (probs * keep[text, 0] / 0.9) @ value[rows, 0]
print("the same as by the formula:", bool((dropped[rows, 0] - by_formula).abs().max() < 1e-12))

figure, axes = pyplot.subplots(figsize=(3.6, 3.6))
axes.imshow(keep[text, 0], cmap="gray", vmin=-0.3)
edges = range(steps.KEYS, lengths[text], steps.KEYS)
for draw in (axes.axvline, axes.axhline):
    for edge in edges:
        draw(edge - 0.5, color="C1")
axes.set(xlabel="key", ylabel="query", title="dropped (dark), and where tiles meet")
pyplot.show()

# %% [markdown]
# ## Backwards from one number
#
# Chapter 3 wrote the gradient in three lines. Two of them need the shares, and autograd would have
# kept them. A kernel computes them anew: from query and key, which are there, and *one* number for
# each query, the logarithm of the softmax's denominator:
#
# $$ P_{ij} = e^{S_{ij} - L_i} \qquad L_i = \log \sum_k e^{S_{ik}} = \text{maximum} +
# \log \text{total} $$
#
# The softmax's line has a sum over a whole row, $\sum_k P_{ik}\, dP_{ik}$, which no tile can know.
# But $dP = dC\,V^\top$, and so that sum is $\sum_k P_{ik} (V_k \cdot dC_i) = C_i \cdot dC_i$:
# a product of two rows that are at hand. It is called **delta**. (With dropout too: what is kept,
# and its factor, are in $dP$ as they are in $C$.) Here is all of it for one head of the longest
# text; maximum and total are what the walk ends with.

# %%
scale = query.shape[-1] ** -0.5
torch.manual_seed(0)
blame = torch.randn(query[rows, 0].shape, dtype=torch.float64)  # dC: of our choice
q, k, v = (x[rows, 0] for x in (query, key, value))
maximum = (q @ k.T * scale).amax(-1, keepdim=True)
total = torch.exp(q @ k.T * scale - maximum).sum(-1, keepdim=True)
log_sum_exp = maximum + torch.log(total)
context = formula[rows, 0]

delta = (context * blame).sum(-1, keepdim=True)
probs = torch.exp(q @ k.T * scale - log_sum_exp)
d_value = probs.T @ blame
d_scores = probs * (blame @ v.T - delta)
d_query, d_key = d_scores @ k * scale, d_scores.T @ q * scale

leaves = [x.clone().requires_grad_() for x in (q[:, None], k[:, None], v[:, None])]
steps.naive(*leaves, torch.tensor([0, lengths[2]])).backward(blame[:, None])
for name, by_hand, leaf in zip("qkv", (d_query, d_key, d_value), leaves, strict=True):
    difference = (by_hand - leaf.grad[:, 0]).abs().max()
    print(f"gradient of {name} as autograd has it: {difference < 1e-12}")

# %% [markdown]
# The last step walks through the tiles in that manner, and twice: by keys, for the gradients of key
# and value, which add up over queries; then by queries, for that of the query. It could be done in
# one walk, if programs were allowed to add to the same number. But then chance would decide on the
# order, and with it on the last bits: two runs of the same training would part. The price of being
# the same to the bit is to compute the shares and their gradient once more.
#
# The listing is long because it says everything twice. Read the first half, by keys; the second is
# the same with rows and columns exchanged.

# %%
show(steps.WithBackward.backward)

# %%
leaves = [[x.clone().requires_grad_() for x in (query, key, value)] for _ in range(2)]
for step, given in zip((steps.naive, steps.with_backward), leaves, strict=True):
    step(*given, cu_seqlens).square().sum().backward()
for name, one, other in zip("qkv", *leaves, strict=True):
    same = bool((one.grad - other.grad).abs().max() < 1e-12)
    print(f"gradient of {name}, all texts and heads, as the formula's: {same}")

# %% [markdown]
# What does it gain? Here is how many numbers autograd holds between forward and backward.


# %%
def held(step, length: int) -> int:
    """How many numbers are kept for the backward pass: one text, 12 heads of width 32."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        """Torch calls this for each tensor that it keeps; some share their memory."""
        memory = tensor.untyped_storage()
        kept[memory.data_ptr()] = memory.nbytes() // 4  # bytes of a float32
        return tensor

    given = [torch.randn(length, 12, 32, requires_grad=True) for _ in range(3)]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = step(*given, torch.tensor([0, length]))
    del result
    return sum(kept.values())


sizes = (32, 64, 96, 128)
counts = {step.__name__: [held(step, n) for n in sizes] for step in (steps.naive, steps.online)}
counts["with_backward"] = [held(steps.with_backward, n) for n in sizes]
figure, axes = pyplot.subplots(figsize=(5.6, 3.2))
for name, numbers in counts.items():
    axes.plot(sizes, [count / 1e3 for count in numbers], marker="o", label=name)
    print(f"{name:13}", "  ".join(f"{count / 1e3:6.0f} thousand" for count in numbers))
axes.set(xlabel="tokens", ylabel="thousand numbers held", ylim=(0, None))
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# Note the middle line: to compute in tiles saves nothing by itself in training, for autograd keeps
# every tile, and all that was summed up on the way. Only with a backward pass of our own does what
# is kept grow with the length, and not with its square.
#
# ## The kernel
#
# What is left is to write it in a language that a GPU runs. **Triton** is Python with tiles for
# numbers: `tl.dot` multiplies two of them, `tl.where` chooses from two, `tl.sum` adds up along one
# side. The names are those of the steps. This is the heart of the forward kernel, one tile of keys.
# Pass over `bias` and all strides (how far apart rows lie in memory) at first; what is a
# `constexpr` is known when the kernel is compiled, so that an `if` on it costs nothing.

# %%
show("minibert.kernels.triton_attention.attend_to_tile")

# %% [markdown]
# It is the inner loop of `with_dropout`, line by line. What is new are wishes of the machine:
#
# - `exp2`: hardware knows powers of two, as our pencil did. The factor that turns them into powers
#   of $e$ disappears in the scale; `maximum` is kept in that measure, too.
# - `LAST`: only the last tile can reach beyond the text, so that only there one has to compare.
# - `PRECISION`: a GPU multiplies float32 with fewer digits unless it is told not to.
# - `WIDE`: sums are kept in float32 at least, even if what is added up has sixteen bits.
#
# Triton also has an **interpreter**, which runs programs one after the other in Python: thousands
# of times slower, on any machine, and it computes what they say. The first cell has switched it on.
# If Triton is installed, this runs the kernel on our texts, forward and backward.

# %% tags=["varies"]
hindrance = why_not(query.device, query.dtype, query.shape[-1])
if hindrance:
    print("the kernel cannot run here:", hindrance)
else:
    given = [x.clone().requires_grad_() for x in (query, key, value)]
    context = fused_attention(*given, cu_seqlens, max_seqlen=max(lengths))
    right = steps.naive(*given, cu_seqlens)
    gradients = torch.autograd.grad(context.sum(), given)
    rights = torch.autograd.grad(right.sum(), given)
    for name, ours, theirs in zip(
        ("context", "d_query", "d_key", "d_value"),
        (context, *gradients),
        (right, *rights),
        strict=True,
    ):
        print(f"{name:8} largest difference {(ours - theirs).abs().max():.0e}")

# %% [markdown]
# In a model it is `attention="fused"`; on a GPU, `"auto"` takes it by itself, and
# `minibert doctor` says so. [Performance](../docs/performance.md#gpu) says what has been measured
# there, and what has not.
#
# ## What you have now
#
# - For long texts on a GPU, writing and reading scores is what takes the time, not computing them.
# - A softmax in one walk: a running maximum, and a factor that puts right what was added before.
# - One number for each query brings the shares back, and delta is a product of two rows.
# - Random numbers that depend on the place need no mask and no order.
# - The same to the bit, because no two programs add to the same number.
#
# The idea is that of FlashAttention ([Dao and others](https://arxiv.org/abs/2205.14135)). The real
# code, in the order to read it: [`steps.py`](../minibert/kernels/steps.py),
# [`random.py`](../minibert/kernels/random.py),
# [`triton_attention.py`](../minibert/kernels/triton_attention.py),
# [`fused.py`](../minibert/kernels/fused.py).
#
# ## Exercises
#
# Copy [`exercises/12.py`](exercises/12.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 12 my_12.py
# ```
#
# 1. `programs`: which program takes which queries
# 2. `running_sums`: maximum and total after each tile
# 3. `merge`: two halves of a softmax made one
# 4. `scores_gradient`: backwards from one number
# 5. `philox_round`: a round of scrambling
#
# That was the last chapter. You can now read every file in
# [`minibert/`](../minibert/__init__.py), and use it for texts of your own:
# `minibert finetune text --train my.csv`.
