# %% [markdown]
# # 0. Start here
#
# After this chapter you know that everything is in place, how the chapters are used, and what you
# are going to build. You will have searched eight pieces of prose by meaning, and trained a first
# classifier on top of a pretrained BERT. No internet and no GPU is needed.
#
# Three ideas are new: a model makes a *vector* of a sentence; sentences that mean alike get vectors
# that *point alike*; and on top of such vectors a *single linear layer* can learn to judge.
#
# You need Python, and have seen a tensor before.

# %%
from pathlib import Path

import torch
from matplotlib import pyplot

from minibert import BertModel, BertTokenizer
from minibert.course import show, start
from minibert.course.syllabus import CHAPTERS
from minibert.lens.pictures import similarity_map, step_curves
from minibert.training import doctor

start("00")

# %% [markdown]
# This is a *notebook*: text, and cells of Python with what they print. **Shift-Enter** runs a cell
# and goes to the next one. Run them from top to bottom, since each builds on those above it. If
# something is in a muddle, take *Restart Kernel* from the menu and begin at the top again. You
# cannot break anything: change numbers, write other sentences, and look what comes of it.
#
# `make learn` in the project's folder opens this chapter; in an environment of your own,
# `jupyter lab` does.
#
# ## Is everything here?
#
# `minibert doctor` in a terminal tells what is installed, and what minibert will make of your
# machine. From Python it is a function. Two lines matter now: *minilm weights* should be installed,
# and the *tensor check* passed. If the weights are missing, the line says what to type.

# %% tags=["varies"]
print(doctor())

# %% [markdown]
# ## How the course is made
#
# There are thirteen chapters. Each prints at its start how long it takes, on a laptop that has
# nothing else to do.

# %%
print("          to read   to compute   about")
for chapter in CHAPTERS:
    times = f"{chapter.minutes:3} min   {chapter.seconds:7} s"
    print(f"chapter {int(chapter.number):2}{times}   {chapter.title}")

# %% [markdown]
# The folder `tutorials/`, in which you are, holds for each of them
#
# - the **notebook** (`00_start_here.ipynb`), and the Python file that it was built from;
# - **exercises** (`exercises/00.py`): functions with their description, to be filled in by you.
#
# To do the exercises, copy the file to one of your own, write your code into it, and have it
# checked. In a terminal, in the folder `tutorials/` (the first line switches on the project's
# environment; on Windows it is `..\.venv\Scripts\activate`):
#
# ```
# source ../.venv/bin/activate
# cp exercises/00.py my_00.py
# minibert check 00 my_00.py
# ```
#
# The answer is a table: what is right, what is not, and very often which mistake it was. Use any
# arithmetic of torch, but not a function that does the whole exercise, such as `torch.softmax` for
# `softmax`: that is refused. `minibert check 00 --hint softmax` gives a hint, and a further one
# each time you ask. From chapter 3 on, `minibert swap` puts your own functions into the pretrained
# model, in the place of the library's.
#
# One more rule: a chapter never retells what the library does. It shows the real code, read from
# the file at this moment, with a link to its place.

# %%
show(start)

# %% [markdown]
# ## A pretrained BERT
#
# BERT reads a text and gives back a vector for every piece of it: a few hundred numbers, in which
# it has put what it makes of that piece *in this sentence*. It has learnt this from very many texts
# before, and that is why you need so few examples later. The one you have here is MiniLM, a small
# BERT that comes as a Python package.

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
model = BertModel.from_pretrained("minilm").eval()
print(f"{sum(weight.numel() for weight in model.parameters()):,} learnt numbers")
print(f"{model.config.num_hidden_layers} layers, vectors of {model.config.hidden_size} numbers")

# %% [markdown]
# Two steps lead from a sentence to vectors. The *tokenizer* cuts it into pieces and looks up the
# number of each in a list (chapter 1). The *model* makes a vector of each (chapters 2 to 6).

# %%
encoding = tokenizer.encode("The train climbs to Pontresina.")
with torch.no_grad():  # nothing is trained here
    vectors = model(torch.tensor([encoding.ids])).last_hidden_state[0]
print(encoding.tokens)
print(encoding.ids)
print("vectors:", tuple(vectors.shape), "a row for each piece")

# %% [markdown]
# The name was not in the list, so it was cut into pieces that are. `[CLS]` and `[SEP]` mark where a
# text begins and ends.
#
# ## A vector for a sentence
#
# The plainest way to one vector for the whole sentence is the mean of its rows. We also give it the
# length one, so that only its direction is left.


# %%
def sentence_vectors(texts: list[str]) -> torch.Tensor:
    """A row of length one for each text: the mean of the vectors of its pieces."""
    rows = []
    for text in texts:
        ids = torch.tensor([tokenizer.encode(text, max_length=128).ids])
        with torch.no_grad():
            rows.append(model(ids).last_hidden_state[0].mean(0))
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


# %% [markdown]
# Of two vectors of length one the dot product (multiply place by place, add up) is the *cosine* of
# the angle between them: one if they point the same way, zero if they have nothing to do with each
# other. Here are eight sentences, in four pairs. The two of a pair say something alike, and say it
# in other words.

# %%
sentences = [
    "The train climbs slowly over the pass.",
    "A railway leads across the mountains.",
    "Knead the dough until it is smooth.",
    "The loaf comes out of the oven.",
    "The clock has no hands.",
    "Nobody knew what time it was.",
    "She sued the bank and won.",
    "They sat on the bank of the river.",
]
letters = "ABCDEFGH"
lettered = [f"{text}  {letter}" for text, letter in zip(sentences, letters, strict=True)]
figure, axes = pyplot.subplots(figsize=(8, 4.2))
similarity_map(sentence_vectors(sentences), lettered, axes)
axes.set_xticks(range(8), letters, rotation=0)
pyplot.show()
# %% [markdown]
# Every sentence is nearest to itself, hence the diagonal. Beside it stand the pairs: the train and
# the railway have no noun in common, and yet they are near. The model was taught to see that.
#
# The last pair was a trap. The two sentences share the word "bank" and nothing else. Their cosine
# is above that of strangers, so the shared word is noticed, but it is the lowest of the four.
#
# ## Searching by meaning
#
# With this you can search. `data/prose` holds eight pieces of prose, stories and essays, written
# for this project. Here is a vector for each paragraph (for its beginning, if it is long).

# %%
places, paragraphs = [], []
for file in sorted(Path("../data/prose").glob("*.txt")):
    title, *rest = file.read_text(encoding="utf-8").strip().split("\n\n")
    places += [title] * len(rest)
    paragraphs += rest
library = sentence_vectors(paragraphs)
print(f"{len(paragraphs)} paragraphs, so {tuple(library.shape)} numbers")

# %% [markdown]
# A question becomes a vector too, and the answer is the paragraph with the largest cosine. Put your
# own questions in.

# %%
questions = [
    "Where does the little red railway go?",
    "How did people tell the time in ancient Egypt?",
    "What happens to the loaf in the oven?",
    "What shall we engrave in memory of her?",
]
for question, cosines in zip(questions, sentence_vectors(questions) @ library.T, strict=True):
    best = cosines.argmax().item()
    print(f"{question}\n  {cosines[best]:.2f}  {places[best]}: {paragraphs[best][:70]}...\n")

# %% [markdown]
# ## A first classifier
#
# `data/glue/SST-2` holds sentences from reviews, each with a label: praise or blame. This is how
# they look.

# %%
names = ["blame", "praise"]


def read_reviews(file: str) -> tuple[list[str], torch.Tensor]:
    """The sentences and their labels, 0 or 1."""
    _header, *lines = Path("../data/glue/SST-2", file).read_text(encoding="utf-8").splitlines()
    texts, labels = zip(*(line.split("\t") for line in lines), strict=True)
    return list(texts), torch.tensor([int(label) for label in labels])


train_texts, train_labels = read_reviews("train.tsv")
dev_texts, dev_labels = read_reviews("dev.tsv")
print(len(train_texts), "train sentences, to learn from")
print(len(dev_texts), "dev sentences (for development), kept apart to be tested on")
for text, label in zip(train_texts[:4], train_labels[:4].tolist(), strict=True):
    print(f"  {names[label]:6}  {text}")

# %%
train_rows, dev_rows = sentence_vectors(train_texts), sentence_vectors(dev_texts)
print(tuple(train_rows.shape), tuple(dev_rows.shape))

# %% [markdown]
# The classifier is one linear layer: for each of the two labels a weighted sum of the sentence's
# numbers. These two sums are called **logits**. The *softmax* makes shares of them, which are
# positive and add up to one:
#
# $$ \text{share}_i = \frac{e^{\text{logit}_i}}{\sum_j e^{\text{logit}_j}} $$
#
# Training changes the weights in small steps so that the share of the right label grows. The *loss*
# says how far it is off: the negative logarithm of that share, on average. Chapter 7 takes such a
# loop apart; for now it is enough to see the loss fall.

# %% tags=["varies"]
head = torch.nn.Linear(model.config.hidden_size, len(names))
optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
losses = {"train": [], "dev": []}
for _ in range(100):
    loss = torch.nn.functional.cross_entropy(head(train_rows), train_labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        losses["train"].append(loss.item())
        losses["dev"].append(torch.nn.functional.cross_entropy(head(dev_rows), dev_labels).item())
step_curves(losses)
pyplot.show()

# %% [markdown]
# How good is it? The answer is the label with the larger share; the **accuracy** is the share of
# answers that are right. Only the dev sentences count, which the classifier has never seen.

# %% tags=["varies"]
with torch.no_grad():
    dev_shares = head(dev_rows).softmax(-1)
right = dev_shares.argmax(-1) == dev_labels
print(f"accuracy {right.float().mean():.2f}: {int(right.sum())} of {len(dev_labels)}")
for place in (~right).nonzero().flatten().tolist()[:4]:
    share = dev_shares[place, dev_labels[place]]
    print(f"  wrong: {names[dev_labels[place]]} got only {share:.2f}: {dev_texts[place]}")

# %% [markdown]
# The picture shows how sure it is: each dev sentence by the share that praise got. Left of the line
# the answer is blame, right of it praise. What lies on the wrong side is a mistake.

# %% tags=["varies"]
figure, axes = pyplot.subplots(figsize=(6.4, 2.6))
groups = [dev_shares[dev_labels == label, 1].tolist() for label in (0, 1)]
axes.hist(groups, bins=20, range=(0, 1), stacked=True, label=names)
axes.axvline(0.5, color="black", linewidth=1)
axes.set(xlabel="share of praise", ylabel="dev sentences")
axes.yaxis.get_major_locator().set_params(integer=True)
axes.legend(frameon=False, title="true label", loc="center left", bbox_to_anchor=(1, 0.5))
pyplot.show()

# %% [markdown]
# Now sentences of your own. Try to fool it: irony, a "not", praise for something dreadful.

# %% tags=["varies"]
mine = [
    "I laughed, I cried, and I would see it again tomorrow.",
    "Two hours of my life that I will never get back.",
    "The soup was not bad at all.",
    "What a wonderful way to waste an evening.",
]
with torch.no_grad():
    shares = head(sentence_vectors(mine)).softmax(-1)
for text, row in zip(mine, shares, strict=True):
    print(f"{names[row.argmax()]:6}  {row.max():.2f}  {text}")

# %% [markdown]
# Most of this comes from the pretrained model; what *you* have trained is one layer, on a few
# hundred sentences. **Fine-tuning** trains the whole model on them, and is where the course leads.
# `make demo` does it at once, in about two minutes, if you want to see it. Do not read much into
# the accuracy: a single sentence more or less is a point.
#
# ## What you have now
#
# - `minibert doctor` says what is installed; a chapter is run from top to bottom.
# - A BERT makes a vector of each piece of a text; their mean stands for the sentence.
# - The cosine of two such vectors says how alike the meanings are, and that is already a search.
# - Logits, softmax and accuracy: what a classifier puts out, and how it is judged.
#
# The real code: [`tokenization.py`](../minibert/tokenization.py) and
# [`bert.py`](../minibert/model/bert.py). You will have read all of both by chapter 6.
#
# ## Exercises
#
# Copy [`exercises/00.py`](exercises/00.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 00 my_00.py
# ```
#
# 1. `softmax`: from logits to shares
# 2. `accuracy`: how many answers are right
# 3. `label_words`: from logits to the names of the labels
#
# Next: [chapter 1](01_words_to_numbers.ipynb) looks into the first step, from words to numbers.
