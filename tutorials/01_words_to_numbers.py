# %% [markdown]
# # 1. Words to numbers
#
# After this chapter you can cut words into pieces as BERT does, by hand, and read everything that a
# tokenizer puts out. You will know what becomes of rare words, of numbers, and of other scripts.
#
# Three ideas are new: words are cut into *word pieces*, the longest that fits first; a text gets a
# *frame* of special tokens, in which two texts have room; and *offsets* lead from every piece back
# to its characters.
#
# You need Python. No network is computed in this chapter.

# %%
from collections import Counter
from pathlib import Path

import torch
from matplotlib import pyplot
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from minibert import BertTokenizer
from minibert.course import show, start

start("01")

# %% [markdown]
# ## Why not words?
#
# A model has a list of what it knows, its *vocabulary*, and learns a vector for each entry. Suppose
# the entries were words. Here are those of the prose in `data/`, eight stories and essays.

# %%
files = sorted(Path("../data/prose").glob("*.txt"))
texts = [file.read_text(encoding="utf-8") for file in files]
splitter = BertPreTokenizer()  # at spaces, and around punctuation
words = [
    word for text in texts for word, _ in splitter.pre_tokenize_str(text.lower()) if word.isalpha()
]
counts = Counter(words)
once = sum(count == 1 for count in counts.values())
print(f"{len(words)} words, {len(counts)} different ones")
print(f"{once / len(counts):.0%} of those occur only once, such as", *sorted(counts)[-120:-116])

# %% [markdown]
# More than half of the different words occur only once. From one occurrence little can be learnt;
# and the next text has words that stand in no list at all. Letters would solve that: there are few,
# and all of them are known. But then a sentence is very long, and a letter means nothing by itself.
#
# **Word pieces** are between the two. Frequent words are entries of their own; rare ones are put
# together from parts, in the worst case from letters.
#
# ## By hand
#
# Here is a small vocabulary. A piece with `##` in front can only go on with a word, not begin it.

# %%
pieces = "un under re dis play use us ##play ##able ##ing ##ed ##er ##s".split()
tricky = ["play", "plays", "playing", "players", "replayed"]
tricky += ["unplayable", "underplayed", "using", "used", "playful"]
print("vocabulary:", *pieces)
print("ten words: ", *tricky)

# %% [markdown]
# The rule is short. From the left, take **the longest piece that fits**. Go on with what is left
# of the word, now with `##` in front. If at some place nothing fits, the *whole word* becomes
# `[UNK]`, "unknown", also what had fitted before.
#
# Cut the ten words with the pencil before you go on. Two or three are not what they seem.
#
# This is one step of it: the longest beginning of `rest` that the vocabulary has.


# %%
def longest(rest: str, inside: bool) -> str | None:
    """The longest piece at the beginning of `rest`; what was tried is printed."""
    for end in range(len(rest), 0, -1):
        piece = "##" * inside + rest[:end]
        if piece in pieces:
            print(f"  {piece}   <- fits")
            return piece
        print(f"  {piece}")
    return None


# %% [markdown]
# "underplayed" goes in three steps. "un" would fit as well, but "under" is longer.

# %%
longest("underplayed", inside=False)
longest("played", inside=True)
longest("ed", inside=True)
print("nothing is left: done")

# %% [markdown]
# And "used"? Look what happens after the first step.

# %%
longest("used", inside=False)
print("the rest:")
print("found:", longest("d", inside=True))

# %% [markdown]
# "us" and "##ed" would have made the word, but the rule never goes back on a choice: the longest
# was "use", and so "used" is unknown. The rule is *greedy*. It is fast, and real vocabularies hold
# the single letters too, so that such dead ends are rare there.
#
# Here is the solution for all ten, by the library's tokenizer with this very vocabulary.

# %%
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
small = BertTokenizer({piece: number for number, piece in enumerate(special + pieces)})
for word in tricky:
    print(f"{word:12}", *small.encode(word).tokens[1:-1])

# %% [markdown]
# "playful" begins with a piece that fits, but there is no way to go on: unknown as a whole.
#
# ## The real vocabulary
#
# That of MiniLM is the one of Google's uncased BERT. Its order tells how it was made.

# %%
tokenizer = BertTokenizer.from_pretrained("minilm")
vocabulary = tokenizer.vocabulary  # the pieces in the order of their numbers
print(f"{len(vocabulary)} pieces, {sum(piece[:2] == '##' for piece in vocabulary)} with ##")
for first in (0, 100, 1000, 1996, 2100, 10000, 20000, 30000):
    print(f"{first:6}", *vocabulary[first : first + 9])

# %% [markdown]
# First come special tokens and places left free, then single characters of many scripts, then words
# and pieces, the most frequent first. The number of a piece is its **id**; that is all the model is
# given.
#
# ## Before the pieces
#
# Two steps come before the cutting. The text is *cleaned*: lower case, accents off, every white
# space a plain blank. Then it is *split* into words, at spaces and around every punctuation mark.
# Here are both, from the library `tokenizers` that minibert builds on.

# %%
raw = "Naïve   people don't pay €3.50 for a Zürich e-mail!"
clean = BertNormalizer(lowercase=True).normalize_str(raw)
print(repr(clean))
print([word for word, _ in splitter.pre_tokenize_str(clean)])

# %% [markdown]
# (The euro sign stays with its number because Unicode does not count it among the punctuation; the
# dollar sign would be split off, as all signs of the typewriter are.)
#
# Nothing is removed: stop words, commas and endings all stay. Older recipes took them out, because
# their models could make nothing of them. BERT was pretrained with them, and reads them.
#
# Now whole sentences, with their ids.

# %%
encoding = tokenizer.encode("The weighbridge never lied.")
for token, number in zip(encoding.tokens, encoding.ids, strict=True):
    print(f"{number:6}  {token}")

# %% [markdown]
# ## The frame
#
# `[CLS]` and `[SEP]` were not in the text. Five tokens are special; each has a purpose:
#
# - `[CLS]` stands in front. It has no meaning of its own, so the model can gather there what a
#   classifier needs.
# - `[SEP]` ends each text.
# - `[PAD]` fills short texts up, where a batch needs rows of one length.
# - `[MASK]` hides a word in pretraining; the model must guess it.
# - `[UNK]` is what cannot be cut.
#
# Two texts, such as a question and a paragraph, go into one row. The **type ids** (or segment ids)
# say which piece belongs to which.

# %%
pair = tokenizer.encode("Where is the scale?", "In the cabin, at Halden Cross.")
print("tokens  ", *(f"{token:>6}" for token in pair.tokens))
print("type ids", *(f"{kind:>6}" for kind in pair.type_ids))

# %% [markdown]
# The first `[SEP]` belongs to the first text. In the library all of this is `encode`:

# %%
show(BertTokenizer.encode)

# %% [markdown]
# `max_length` is needed because a model has a longest length, and because long texts take long.
# Pieces are dropped from the end of **whichever text is longer**, so that a short question is not
# lost to a long paragraph. With two and eight words, and less and less room:

# %%
for room in (15, 11, 8, 7, 5):
    cut = tokenizer.encode("who won", "one two three four five six seven eight", max_length=room)
    print(f"{room:3}", *cut.tokens)

# %% [markdown]
# The special tokens count too: three of them go off the room for a pair.
#
# In a batch all rows must be of one length. Short ones are filled up with the id of `[PAD]`, and a
# **mask** remembers which pieces are real. Nobody will look at the others; chapter 3 shows how.

# %%
batch = tokenizer.encode_batch(["Short.", "This one is a little longer."])
ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(one.ids) for one in batch], batch_first=True)
print(ids)
print((ids != tokenizer.pad_id).int())

# %% [markdown]
# ## Offsets: the way back
#
# `decode` makes text of ids again. It is not the text that was there:

# %%
text = "Dr. Öztürk (Zürich) weighs 3.5 puffins."
encoding = tokenizer.encode(text)
print(text)
print(tokenizer.decode(encoding.ids))

# %% [markdown]
# Case, accents and spacing are gone. To cut an answer out of a paragraph, or to mark a name in a
# text, one needs the original. So every piece knows its **offsets**: where its characters begin and
# end in the text that was given. The picture shows the characters above, and the pieces that they
# became below.

# %%
figure, axes = pyplot.subplots(figsize=(12, 0.9))
for place, character in enumerate(text):
    axes.text(place + 0.5, 0.7, character, ha="center", va="center", family="monospace")
framed = list(zip(encoding.tokens, encoding.offsets, strict=True))
for number, (token, (begin, end)) in enumerate(framed[1:-1]):  # without [CLS] and [SEP]
    axes.axvspan(begin + 0.05, end - 0.05, color=f"C{number % 2}", alpha=0.3, linewidth=0)
    axes.text((begin + end) / 2, 0.3, token, ha="center", va="center", fontsize=7)
axes.set(xlim=(0, len(text)), ylim=(0, 1))
axes.set_axis_off()
pyplot.show()

# %%
for name in ("tokens", "offsets", "word_ids"):
    print(f"{name:9}", *(f"{value!s:>9}" for value in getattr(encoding, name)[:8]))

of_word_2 = [place for place, word in enumerate(encoding.word_ids) if word == 2]
begin, end = encoding.offsets[of_word_2[0]][0], encoding.offsets[of_word_2[-1]][1]
print("word 2, cut from the original:", text[begin:end])

# %% [markdown]
# `word_ids` says which word a piece is of, counted from zero; special tokens have none. Chapter 9
# finds answers by offsets, chapter 10 names by words.
#
# ## Rare words, numbers, other scripts
#
# What is cut into how many pieces? Look for the rule, and then try words of your own.

# %%
for word in (
    "bread kneading puffins xanthoria antidisestablishmentarianism 1910 2253 3.14159 "
    "don't co-operative naïve straße Привет 東京 🐟"
).split():
    print(f"{word:30}", *tokenizer.encode(word).tokens[1:-1])

# %% [markdown]
# - Rare words fall into pieces that need not mean anything.
# - A year may be whole; other numbers are cut anywhere, so that their digits lose their places.
# - Accents vanish, but ß is a letter and stays. Cyrillic goes letter by letter; of Chinese and
#   Japanese every character is a word of its own.
# - What is not in the vocabulary even as a character is `[UNK]`: the fish is lost.
#
# How rare must a word be to be cut? Here are the words of our prose by how often they occur there.

# %%
groups = {"1": (1, 1), "2 to 3": (2, 3), "4 to 9": (4, 9), "10 or more": (10, 10**6)}
lengths = {word: len(tokenizer.encode(word).ids) - 2 for word in counts}
shares = []
for name, (least, most) in groups.items():
    found = [lengths[word] for word, count in counts.items() if least <= count <= most]
    shares.append([sum(min(n, 4) == size for n in found) / len(found) for size in (1, 2, 3, 4)])
    print(f"occurs {name:10}  {len(found):5} words, {sum(found) / len(found):.2f} pieces a word")

figure, axes = pyplot.subplots(figsize=(6.4, 2.4))
left = torch.zeros(len(groups))
for label, part in zip(("1 piece", "2", "3", "4 or more"), torch.tensor(shares).T, strict=True):
    axes.barh(list(groups), part, left=left, label=label)
    left += part
axes.set(xlabel="share of the words", ylabel="occurrences", xlim=(0, 1))
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
pyplot.show()

# %% [markdown]
# ## Cased and uncased
#
# A vocabulary is learnt from texts. It begins with the single characters; then, again and again,
# the two neighbouring pieces that occur together most often are made one. Here are two of the same
# size, learnt from our prose: one that lowers the case first, and one that keeps it.

# %%
uncased = BertTokenizer.train(texts, vocab_size=2000)
cased = BertTokenizer.train(texts, vocab_size=2000, lowercase=False)
for sample in ("The bench for Mrs. Brand", "the brand on the bench", "Monday, at the Post Office"):
    print("uncased", *uncased.encode(sample).tokens[1:-1])
    print("cased  ", *cased.encode(sample).tokens[1:-1], "\n")

# %% [markdown]
# The cased one can tell Mrs. Brand from a brand. It pays for that: "The" and "the" are two entries,
# each to be learnt by itself, and a word that was hardly ever seen with a capital, like "Post",
# falls apart when it has one. The same in figures, for the same text:

# %%
print("          pieces   a word   that are whole words")
for name, one in (("uncased", uncased), ("cased", cased), ("MiniLM", tokenizer)):
    found = [token for encoding in one.encode_batch(texts) for token in encoding.tokens[1:-1]]
    entire = sum(piece[:2] != "##" and piece.isalpha() for piece in one.vocabulary)
    print(f"{name:8}{len(found):8}{len(found) / len(words):9.2f}{entire:12}")

# %% [markdown]
# Uncased gets by with fewer pieces. Cased is wanted where the capital letter carries the meaning,
# as in finding names (chapter 10). MiniLM's vocabulary is larger by far and needs the fewest pieces
# of all, although it was not made from this text. A model and its vocabulary belong together: the
# ids of one mean nothing to another.
#
# ## What you have now
#
# - Cleaning, splitting, then the longest piece first; a word with no way through is `[UNK]`.
# - `[CLS]` and `[SEP]` frame one text or two; type ids tell them apart; truncation takes from the
#   longer one; a mask tells what is `[PAD]`.
# - Offsets lead back to the original text, which `decode` cannot restore.
# - A vocabulary is learnt, cased or uncased, and belongs to its model.
#
# The real code: [`tokenization.py`](../minibert/tokenization.py); the cutting itself is done by the
# library [`tokenizers`](https://github.com/huggingface/tokenizers), in Rust.
#
# ## Exercises
#
# Copy [`exercises/01.py`](exercises/01.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 01 my_01.py
# ```
#
# 1. `split_words`: clean and split, as before the pieces
# 2. `wordpiece`: the whole rule, with `[UNK]`
# 3. `join_pair`: the frame of two texts, and truncation
# 4. `pad`: a batch and its mask
#
# Next: [chapter 2](02_embeddings.ipynb) makes vectors of the ids.
