"""Twenty optimizer steps of our loop against an independent one: every parameter, to 1e-9.

The other side is `transformers` with its own tokenizer, torch's AdamW and the linear schedule; or
AdamW and schedule as in google-research/bert, written out here. Of `minibert` it takes only the
saved model. Dropout is 0, all is float64, and most batches have rows of several lengths.
"""

import math

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_runs import MAX_LENGTH, SIZES, examples_of, features_of, json_lines, tiny_tokenizer

from minibert import BertConfig, BertTokenizer
from minibert.checkpoint.names import theirs
from minibert.tasks.glue import task_named
from minibert.tasks.ner.task import TaggingTask
from minibert.tasks.sources import Sources
from minibert.tasks.squad.reading import read_squad
from minibert.tasks.squad.task import SquadTask
from minibert.training.learner import Learner
from minibert.training.loop import train
from minibert.training.precision import Precision
from minibert.training.run import RunDirectory
from minibert.training.settings import Settings

EXAMPLES, BATCH, EPOCHS, STEPS = 15, 4, 5, 20  # the last batch of each epoch holds three
RATE, DECAY, WARMUP = 0.02, 0.1, 0.25
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
STRIDE = 40  # word pieces between SQuAD's windows


class Texts:
    """A task of GLUE, on both sides."""

    unseen = ("key.bias",)  # parameters that no loss depends on: softmax takes no notice
    their_model = transformers.BertForSequenceClassification

    def __init__(self, name, root):
        self.name, self.task = name, task_named(name)

    def features(self, tokenizer, split):
        return features_of(self.name, EXAMPLES if split == "train" else 4, tokenizer, split)

    def their_loss(self, model, tokenizer, rows):
        examples = examples_of(self.name, EXAMPLES)
        chosen = [examples[row] for row in rows]
        pairs = [example.pair for example in chosen]
        inputs = tokenizer(
            [example.text for example in chosen],
            None if None in pairs else pairs,
            max_length=MAX_LENGTH,
            truncation=True,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.tensor([example.label for example in chosen])
        return model(**inputs, labels=labels.double() if self.name == "sts-b" else labels).loss


class Tags:
    """Entities on both sides; theirs reads and cuts with benchmarks/ner_transformers.py."""

    unseen = ("key.bias",)
    their_model = transformers.BertForTokenClassification

    def __init__(self, name, root):
        self.folder = root / "data" / "ner"
        self.task = TaggingTask().prepared(Sources(self.folder))

    def features(self, tokenizer, split):
        sentences = self.task.examples(split, Sources(self.folder))
        return self.task.features(sentences[:EXAMPLES], tokenizer, MAX_LENGTH)

    def their_loss(self, model, tokenizer, rows):
        import ner_transformers as ner

        numbers = {name: number for number, name in enumerate(self.task.label_names)}
        sentences = ner.read(self.folder / "train.txt")
        cut = [ner.parts_of(sentences[row], tokenizer, numbers, MAX_LENGTH) for row in rows]
        batch = ner.collate([part for (part,) in cut], tokenizer.pad_token_id)
        return model(**batch).loss


class Spans:
    """SQuAD on both sides; theirs reads and cuts with benchmarks/squad_transformers.py."""

    # What is added to all positions alike changes none's share
    unseen = ("key.bias", "layer.1.output.LayerNorm.bias", "qa_outputs.bias")
    their_model = transformers.BertForQuestionAnswering
    task = SquadTask("2.0", doc_stride=STRIDE)

    def __init__(self, name, root):
        self.folder = root / "data" / "squad"

    def features(self, tokenizer, split):
        questions = read_squad(self.folder / f"{split}-v2.0.json")[::9]
        windows = self.task.features(questions, tokenizer, MAX_LENGTH)
        if split == "dev":
            return windows
        return Rows(windows, chosen(windows.lengths, windows.labels[:, 0].numpy()))

    def their_loss(self, model, tokenizer, rows):
        """That of `transformers`, but for padding: no batch's loss depends on its longest row."""
        import squad_transformers as squad

        questions = squad.read(self.folder / "train-v2.0.json")[::9]
        cut = [w for q in questions for w in squad.windows_of(q, tokenizer, MAX_LENGTH, STRIDE)]
        order = chosen([len(window.ids) for window in cut], [window.label[0] for window in cut])
        batch = squad.collate([cut[order[row]] for row in rows], tokenizer.pad_token_id)
        labels = batch.pop("start_positions"), batch.pop("end_positions")
        out, padding = model(**batch), batch["attention_mask"] == 0
        sides = zip((out.start_logits, out.end_logits), labels, strict=True)
        return sum(
            torch.nn.functional.cross_entropy(logits.masked_fill(padding, -torch.inf), places) / 2
            for logits, places in sides
        )


def chosen(lengths, starts):
    """As many windows as there are examples: those with an answer, and the shortest without."""
    return np.lexsort((lengths, np.equal(starts, 0)))[:EXAMPLES]


class Rows:
    """Some rows of a set of features."""

    def __init__(self, features, rows):
        self.features, self.rows = features, rows
        self.lengths, self.labels = features.lengths[rows], features.labels[rows]

    def packed(self, rows):
        return self.features.packed(self.rows[rows])


SIDES = {"sst-2": Texts, "mrpc": Texts, "sts-b": Texts, "ner": Tags, "squad": Spans}
every_kind = pytest.mark.parametrize("kind", ["standard", "google"])


@pytest.fixture(params=SIDES)
def sides(request, root, monkeypatch):
    """A task as both sides have it."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    return SIDES[request.param](request.param, root)


@pytest.fixture
def start(tmp_path, randomized, sides):
    """A saved model with the task's head, from which both sides begin."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    config = BertConfig(**{"vocab_size": tokenizer.vocab_size, **SIZES, **NO_DROPOUT})
    labels = {"num_labels": sides.task.num_labels} if sides.task.num_labels else {}
    model = sides.task.model(config, **labels)
    randomized(model).save_pretrained(tmp_path / "start", tokenizer)
    return tmp_path / "start"


class GoogleAdam:
    """AdamWeightDecayOptimizer of google-research/bert, on parameters and rates one by one."""

    def __init__(self, groups):
        self.groups = groups
        self.slots = {p: [0.0, 0.0] for group in groups for p in group["params"]}
        self.step_number = 0

    @property
    def rate(self):
        """create_optimizer: polynomial decay from step 0, or in warm-up linearly up to it."""
        rising = int(WARMUP * STEPS)
        if self.step_number < rising:
            return RATE * self.step_number / rising
        return RATE * (1 - self.step_number / STEPS)

    @torch.no_grad()
    def step(self):
        for group in self.groups:
            for p in group["params"]:
                m, v = self.slots[p]
                next_m = 0.9 * m + 0.1 * p.grad
                next_v = 0.999 * v + 0.001 * p.grad**2
                update = next_m / (next_v**0.5 + 1e-6)
                update += group["weight_decay"] * p
                p -= self.rate * update
                self.slots[p] = [next_m, next_v]
        self.step_number += 1

    def zero_grad(self):
        for p in self.slots:
            p.grad = None


class TorchAdam:
    """torch's AdamW under the linear schedule of `transformers`, with the same methods."""

    def __init__(self, groups):
        self.adam = torch.optim.AdamW(groups, lr=RATE)
        self.schedule = transformers.get_linear_schedule_with_warmup(
            self.adam, math.ceil(WARMUP * STEPS), STEPS
        )

    @property
    def rate(self):
        return self.schedule.get_last_lr()[0]

    def step(self):
        self.adam.step()
        self.schedule.step()

    def zero_grad(self):
        self.adam.zero_grad()


def our_steps(sides, start, folder, kind):
    """Parameters after our loop, under the names on disk; its log; the batches in their order."""
    tokenizer = BertTokenizer.from_pretrained(start)
    settings = Settings(
        epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE, weight_decay=DECAY, warmup=WARMUP,
        max_length=MAX_LENGTH, seed=3, optimizer=kind,
    )  # fmt: skip
    model = sides.task.model.from_pretrained(start).double()
    train_set, dev_set = (sides.features(tokenizer, split) for split in ("train", "dev"))
    batches, cut = [], train_set.packed

    def batch(rows):
        batches.append(rows)
        return cut(rows)

    train_set.packed = batch
    precision = Precision("float32", "no autocast", torch.device("cpu"))
    with RunDirectory(folder, settings.as_json()) as run:
        learner = Learner.start(model, sides.task, settings, precision)
        train(learner, train_set, dev_set, run, tokenizer)
    parameters = {theirs(ours): value for ours, value in model.state_dict().items()}
    log = [row for row in json_lines(folder / "log.jsonl") if "loss" in row]
    return parameters, log, batches, train_set.lengths


def their_steps(sides, start, batches, kind):
    """The same without our code; returns parameters and [(loss, rate, norm)]."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    model = sides.their_model.from_pretrained(
        start, dtype=torch.float64, attn_implementation="eager"
    ).train()
    plain = [p for n, p in model.named_parameters() if "LayerNorm" in n or n.endswith("bias")]
    decayed = [p for p in model.parameters() if not any(p is other for other in plain)]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = (GoogleAdam if kind == "google" else TorchAdam)(groups)
    log = []
    for rows in batches:
        loss = sides.their_loss(model, tokenizer, rows)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        log.append((loss.item(), optimizer.rate, norm.item()))
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict(), log


@every_kind
def test_twenty_steps_equal_those_of_transformers(sides, kind, start, tmp_path):
    before = load_file(start / "model.safetensors")

    ours, our_log, batches, lengths = our_steps(sides, start, tmp_path / "run", kind)
    theirs, their_log = their_steps(sides, start, batches, kind)

    assert [len(rows) for rows in batches] == [4, 4, 4, 3] * EPOCHS
    assert sum(len(set(lengths[rows])) > 1 for rows in batches) > STEPS / 2  # padded, most of them
    assert ours.keys() == theirs.keys()
    for parameter, value in theirs.items():
        assert ours[parameter].dtype == torch.float64
        assert (ours[parameter] - value).abs().max() < 1e-9, parameter
        moved = (value - before[parameter]).abs().max() > 1e-6
        assert moved or parameter.endswith(sides.unseen), parameter

    logged = [(row["loss"], row["rate"], row["gradient_norm"]) for row in our_log]
    assert torch.tensor(logged) == pytest.approx(torch.tensor(their_log), rel=1e-6)
    assert max(norm for _, _, norm in logged) > 1  # so that clipping had something to do
