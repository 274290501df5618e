# %% [markdown]
# # 9. Questions and answers
#
# After this chapter you can have BERT find the words of a passage that answer a question, or see
# that none do; and you can score its answers by hand, as the SQuAD benchmark does.
#
# Three ideas are new: an answer is a *span*, so two scores for every word piece are enough; a long
# passage is read through *windows*; and *no answer* is an answer too, which needs a threshold.
#
# You need chapter 8: question and passage are a pair in one input.

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot

from minibert import BertForQuestionAnswering, BertTokenizer
from minibert.course import show, start
from minibert.tasks.overlap import window_runs
from minibert.tasks.squad import ruler_of
from minibert.tasks.squad.reading import Answer, Question, question_with_id, read_squad
from minibert.tasks.squad.scoring import best_threshold, f1, normalize, score, score_all
from minibert.tasks.squad.spans import Predictions, best_spans
from minibert.tasks.squad.task import SquadTask
from minibert.tasks.squad.windows import Pieces, Windows
from minibert.training import SavedRun, fine_tune
from minibert.training.settings import SquadSettings

start("09")
tokenizer = BertTokenizer.from_pretrained("minilm")
train_file = Path("../data/squad/train-v2.0.json")
train, dev = read_squad(train_file), read_squad(train_file.with_name("dev-v2.0.json"))

# %% [markdown]
# ## The answer is a piece of the passage
#
# A question of SQuAD comes with a passage, its *context*. The answer is not written freely: it is
# copied from there, from one character to another. (The sample has SQuAD's form; its passages were
# written for this course.)

# %%
tide = question_with_id(train, "4f6dedd5f822bc718c57d6ff")
(answer,) = tide.answers
print(tide.question)
print(f"...{tide.context[answer.start - 60 : answer.start + 60]}...")
print(f"answer: {answer.text!r}, from character {answer.start}")

# %% [markdown]
# The model works with word pieces, so characters must become pieces, and back. Each piece knows its
# **offsets**: where it begins and ends in the original text.

# %%
pieces = Pieces(tide.context, tokenizer.encode(tide.context))
run = pieces.holding(answer)
for place in range(run.first - 2, run.last + 3):
    piece = tokenizer.vocabulary[pieces.ids[place]]
    inside = "<- answer" if run.first <= place <= run.last else ""
    characters = f"characters {pieces.starts[place]:3} to {pieces.ends[place]:3}"
    print(f"piece {place}: {piece:8} {characters} {inside}")

# %% [markdown]
# The way back goes through the offsets as well. If one glued the pieces together, capitals and
# accents would be lost:

# %%
pain = next(one for one in train if one.answers and one.answers[0].text == "décret pain")
there = Pieces(pain.context, tokenizer.encode(pain.context))
span = there.holding(pain.answers[0])
print("pieces glued:       ", tokenizer.decode(there.ids[span.first : span.last + 1].tolist()))
print("cut by the offsets: ", there.text(span))

# %% [markdown]
# ## Windows
#
# A passage may be longer than the model can read. So it is read through several **windows**, each
# with the whole question in front. The next window begins `doc_stride` pieces further on; they
# overlap, so that no answer is cut in two by every window.
#
# Beware of the word: in Google's code, and here, `doc_stride` is the *step*. In other libraries
# `stride` is the *overlap*. With room for a hundred pieces, the same number gives other windows:

# %%
for name, step in (("step 30", 30), ("overlap 30", 100 - 30)):
    print(f"{name:10}", *(f"{first}-{last}" for first, last in window_runs(169, 100, step)))

# %% [markdown]
# The ruler draws what the model is given. Here our question with windows of 96 pieces, the step
# being 40: a part of the passage, and what becomes of the four windows. (On the command line it is
# `minibert squad ruler FILE --id ID`.)

# %%
drawing = ruler_of(train_file, tide.id, max_length=96, doc_stride=40, width=92).split("\n\n")
print(*drawing[:1], *drawing[3:5], *drawing[-4:], sep="\n\n")

# %% [markdown]
# Three things to see. The answer stands in two windows; at *different positions*. A window without
# it is labelled `[CLS]`: "not here". And the line is bold where a window shows a piece **better**
# than the others, with more text on both sides: an answer that begins there is looked for in that
# window only. All windows of the passage:

# %%
windows = Windows([tide], tokenizer, max_length=96, doc_stride=40)
figure, axes = pyplot.subplots(figsize=(8, 2.2))
for row in range(len(windows)):
    inside = slice(windows.starts[row], windows.starts[row + 1])
    shown = windows.char_starts[inside] >= 0
    starts, ends = windows.char_starts[inside], windows.char_ends[inside]
    best = windows.max_context[inside]
    axes.hlines(row + 1, starts[shown][0], ends[shown][-1], color="C0", linewidth=2)
    axes.hlines(row + 1, starts[best][0], ends[best][-1], color="C0", linewidth=8)
axes.axvspan(answer.start, answer.start + len(answer.text), color="C1", alpha=0.5)
axes.set(xlabel="character of the passage", ylabel="window", yticks=range(1, 5))
axes.set(title="four windows on one passage, and the answer", ylim=(4.6, 0.4))
pyplot.show()

# %% [markdown]
# ## Two scores for every piece
#
# The head is as small as can be: for each position two numbers, how much the piece is a
# *beginning*, and how much it is an *end*.

# %%
show(BertForQuestionAnswering)

# %% [markdown]
# The loss is chapter 7's cross-entropy, twice: all positions of the window are the classes, once
# for the beginning and once for the end; then the mean of both.

# %%
show(SquadTask.loss)

# %% [markdown]
# ## The best span
#
# A span from $i$ to $j$ has the score $\text{start}_i + \text{end}_j$. Why not take the best start
# and the best end, each by itself? Here is a small case with scores made up by hand. The model
# wavers between two years:

# %%
context = "The old mill, built in 1840, burned down in May 1902."
mill = Question(
    "mill", "When did it burn down?", context, (Answer("May 1902", context.index("May")),)
)
small = Windows([mill], tokenizer)
tokens = [tokenizer.vocabulary[number] for number in small.ids]
logits = np.full((len(tokens), 2), -2.0, dtype=np.float32)  # (positions, start and end)
logits[0] = (1.0, 1.5)  # [CLS]
for token, start_logit, end_logit in (("1840", 2.0, 4.5), ("may", 4.0, -1.0), ("1902", 3.0, 4.0)):
    logits[tokens.index(token)] = (start_logit, end_logit)
logits[tokens.index("burn")] = (1.5, 1.0)  # a word of the question
first, last = logits.argmax(0)
print(f"best start: {tokens[first]!r} at {first}; best end: {tokens[last]!r} at {last}")

# %% [markdown]
# The end stands before the beginning. So we look at *all* pairs at once, in a table with a row for
# each start and a column for each end, and allow only those that can be an answer: inside the
# passage, the end not before the start, and not too long.

# %%
longest = 6
sums = logits[:, 0][:, None] + logits[:, 1][None, :]
places = np.arange(len(tokens))
passage = small.char_starts >= 0
span_length = places[None, :] - places[:, None] + 1
allowed = passage[:, None] & passage[None, :] & (span_length >= 1) & (span_length <= longest)
best = np.unravel_index(np.where(allowed, sums, -np.inf).argmax(), sums.shape)

figure, axes = pyplot.subplots(figsize=(6.6, 6))
axes.imshow(np.where(allowed, np.nan, sums), cmap="Greys", vmin=-4, vmax=30)
image = axes.imshow(np.where(allowed, sums, np.nan), cmap="Blues", vmin=-4, vmax=9)
axes.plot(last, first, "x", color="C1", markersize=10, label="best start and best end")
axes.plot(*best[::-1], "s", color="C2", markersize=13, fillstyle="none", label="best allowed span")
axes.set_xticks(places, tokens, rotation=90)
axes.set_yticks(places, tokens)
axes.set(xlabel="end", ylabel="start", title="start + end; in colour what is allowed")
axes.legend(frameon=False, loc="lower left")
figure.colorbar(image, ax=axes, shrink=0.6)
pyplot.show()
print("best allowed span:", tokens[best[0] : best[1] + 1], f"score {sums[best]:.1f}")

# %% [markdown]
# The library does the same for all windows of all questions together, and keeps the twenty best of
# each. Here are its first three:

# %%
spans = best_spans(small, logits, longest=longest)
for rank in range(3):
    text = context[spans.starts[0, rank] : spans.ends[0, rank]]
    print(f"{spans.scores[0, rank]:4.1f}  {text}")
show(best_spans)

# %% [markdown]
# ## No answer
#
# In SQuAD's second version some questions have no answer in the passage. Their label is `[CLS]`,
# for start and end. So $\text{start}_0 + \text{end}_0$ is the score of *no answer*. Its lead over
# the best span is called the **odds** of no answer:
#
# $$ \text{odds} = (\text{start}_0 + \text{end}_0) - \max_{i \le j}\,(\text{start}_i + \text{end}_j)
#    \qquad \text{no answer if odds} > \text{threshold} $$

# %%
found = Predictions(small, logits, longest=longest)
print(
    f"no answer {found.null_logits.sum():.1f}, best span {found.spans.scores[0, 0]:.1f}, ", end=""
)
print(f"odds {found.odds[0]:.1f}")
for threshold in (-8.0, 0.0):
    print(f"threshold {threshold:4.1f}: {found.texts(threshold)['mill']!r}")

# %% [markdown]
# With several windows, most of them *should* say "not here", and loudly. So only the window that
# says it least is believed: if one of them sees an answer, there is one. For three windows:

# %%
null, best_span = np.array([6.0, 0.5, 6.5]), 4.0
print("no answer in each window:", null.tolist(), " best span:", best_span)
for name, value in (("least", null.min()), ("mean", null.mean()), ("most", null.max())):
    said = "no answer" if value - best_span > 0 else "the span"
    print(f"{name:5} {value:.1f}: odds {value - best_span:4.1f}, so {said}")

# %% [markdown]
# Which threshold is right? Nobody knows beforehand; it is tuned on the dev set. Sort the questions
# by their odds, and see what it brings to answer one more:

# %%
odds = np.array([-5.0, -3.0, -1.0, 0.5, 2.0, 4.0])
quality = np.array([1.0, 0.8, 0.0, 1.0, 0.0, 0.0])  # F1 of the best span, if it is given
answerable = np.array([True, True, False, True, False, False])
for threshold in (-6.0, *odds):
    scored = np.where(odds <= threshold, quality, ~answerable)
    print(
        f"threshold {threshold:4.1f}: {(odds <= threshold).sum()} answered, F1 {scored.mean():.2f}"
    )
print(best_threshold(quality, answerable, odds))

# %% [markdown]
# ## Scoring by hand
#
# **Exact match** (EM) asks whether the answer is the right one; **F1** how many words they share.
# Both first forget what should not matter: capitals, punctuation, articles, blanks. Where several
# answers are right, the one that fits best counts.

# %%
cristofori = dev[0]
given = "the Prince Ferdinando"
print(cristofori.question)
print(f"given {given!r}: normalised {normalize(given)!r}")
for gold in dict.fromkeys(one.text for one in cristofori.answers):
    ours, theirs = normalize(given).split(), normalize(gold).split()
    common = len(set(ours) & set(theirs))
    print(
        f"  {gold!r}: {common} words in common, 2 x {common} / ({len(ours)} + {len(theirs)}) = ",
        end="",
    )
    print(f"{f1(normalize(given), normalize(gold)):.3f}")
scored = score(cristofori, given)
print(f"EM {scored.exact:.0f}, F1 {scored.f1:.3f}, nearest {scored.gold!r}")

# %%
show(score)

# %% [markdown]
# A question without an answer scores one for silence and zero for anything else. So who never
# answers gets a score as well, and every other must be compared with it:

# %%
silent = score_all(dev, {question.id: "" for question in dev})
print(
    f"{sum(not question.answers for question in dev)} of {len(dev)} questions have no answer; ",
    end="",
)
print(f"never answering scores F1 {100 * np.mean([one.f1 for one in silent]):.1f}")

# %% [markdown]
# ## Train it
#
# Honestly: the sample is far too small. Real SQuAD has about a thousand times as many questions,
# and finding answers needs them. We train all the same, so that the whole way is seen once; the
# lower two layers stay as they are, which saves time. This takes most of the chapter's computing.

# %% tags=["varies"]
folder = Path(tempfile.mkdtemp())
settings = SquadSettings(
    version="2.0",
    data=Path("../data/squad"),
    output=folder / "squad",
    epochs=4,
    batch_size=8,
    max_length=256,
    learning_rate=3e-4,
    head_learning_rate=3e-3,
    freeze=2,
)
path = fine_tune(settings)

# %% [markdown]
# Look at how it learns. At first next to nothing is answered, for the tuned threshold keeps a model
# silent that knows nothing: the score is about the one of never answering. Then `HasAns_f1` grows:
# it begins to find spans. Here is what the threshold does with its answers.

# %% tags=["varies"]
model = SavedRun(path)
predictions = model.run(dev)
bare = score_all(dev, predictions.texts(None))  # as if every question were answered
quality = np.array([one.f1 for one in bare])
answerable = np.array([bool(question.answers) for question in dev])
thresholds = np.linspace(predictions.odds.min() - 1, predictions.odds.max() + 1, 200)
answered = predictions.odds <= thresholds[:, None]  # (thresholds, questions)
shares = 100 * np.where(answered, quality, ~answerable)
figure, axes = pyplot.subplots(figsize=(6.4, 3.2))
axes.plot(thresholds, shares.mean(1), label="all questions")
axes.plot(thresholds, shares[:, answerable].mean(1), label="those with an answer")
axes.plot(thresholds, shares[:, ~answerable].mean(1), label="those without")
axes.axvline(model.task.threshold, color="0.6", linestyle=":")
axes.set(xlabel="threshold", ylabel="F1", title="dotted: the threshold of the run")
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# To the left nothing is answered, to the right everything; the run took the place where all
# questions together score best. (It was chosen on the very questions it is scored on, so the figure
# flatters a little. That is how SQuAD's dev scores are made.)
#
# And this is where the model looks, for the answer of which it is surest among the right ones:

# %% tags=["varies"]
rights = [row for row, one in enumerate(bare) if one.exact and answerable[row]]
row = min(rights or range(len(dev)), key=lambda row: predictions.odds[row])
asked = Windows([dev[row]], tokenizer, max_length=256)
with torch.no_grad():
    out = model.model(**asked.packed([0]).to(model.precision.device).inputs)
place = int(out.start_logits.argmax())
near = slice(max(place - 8, 0), place + 9)
names = [tokenizer.vocabulary[number] for number in asked.ids[near]]
figure, axes = pyplot.subplots(figsize=(8, 2.6))
for shift, (name, values) in zip((-0.2, 0.2), out._asdict().items(), strict=True):
    share = values.float().cpu().softmax(-1)[near]
    axes.bar(np.arange(len(names)) + shift, share, width=0.4, label=name.removesuffix("_logits"))
axes.set_xticks(range(len(names)), names, rotation=60)
axes.set(ylabel="probability", title=dev[row].question)
axes.legend(frameon=False)
pyplot.show()

# %% [markdown]
# Some answers in full: the text, cut from the passage, and how probable it is among all candidates.

# %% tags=["varies"]
for question, found in zip(dev[:5], model.task.answers(predictions)[:5], strict=True):
    right = " / ".join(dict.fromkeys(one.text for one in question.answers)) or "no answer"
    print(f"{question.question}\n   right: {right}\n   given: {found.text or 'no answer'}", end="")
    print(f" ({found.probability:.2f})")

# %% [markdown]
# It is a beginner's work. On 7,797 real questions of SQuAD 1.1, from its dev set, the same code and
# the same small model reach an F1 of 63.4 after two epochs; `transformers`, with the same settings
# and seed, 63.0. The [README](../README.md) has the settings, under *Checked against
# transformers*.
#
# ## What you have now
#
# - An answer is a span; two scores a piece find it, and offsets cut it from the original text.
# - The best span is the best *allowed* pair, not the best start and the best end.
# - Windows overlap; `doc_stride` is the step; a window without the answer is labelled `[CLS]`.
# - The odds of no answer are those of the least convinced window; the threshold is tuned.
# - EM and F1 compare words, after forgetting what should not matter.
#
# The real code, in the order to read it in: [`tasks/squad/`](../minibert/tasks/squad/__init__.py).
# Your own passages: [Questions and answers, and tagging](../docs/questions_and_tagging.md).
#
# ## Exercises
#
# Copy [`exercises/09.py`](exercises/09.py) to a file of your own, fill it in, and have it checked:
#
# ```
# minibert check 09 my_09.py
# ```
#
# 1. `window_starts`: where windows begin
# 2. `best_span`: the best allowed pair
# 3. `normalise`: what should not matter
# 4. `token_f1`: shared words, the best of several right answers
# 5. `answer_or_null`: with the least convinced window and a threshold
#
# Next: [chapter 10](10_tagging.ipynb) gives *every* word an answer.
