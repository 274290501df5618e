"""The shape comments of `minibert/model`, executed; and proof that wrong ones are found."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest
import torch
from arrows import ArrowError, Watch, find_arrows

import minibert.model
from minibert import BertConfig, kernels
from minibert.trace import record

# Pairwise distinct, so that no letter can stand for another one.
SIZES = {"B": 2, "S": 5, "D": 12, "H": 3, "W": 4, "F": 20, "V": 31, "T": 7, "C": 9}
LENGTHS = (5, 2)  # of the B sequences: S, and together T
HEADS = (
    "BertModel BertForSequenceClassification BertForTokenClassification BertForQuestionAnswering "
    "BertForMaskedLM BertForNextSentencePrediction BertForPreTraining BertForMultipleChoice"
).split()


def tiny_config():
    return BertConfig(
        vocab_size=SIZES["V"],
        hidden_size=SIZES["D"],
        num_hidden_layers=2,
        num_attention_heads=SIZES["H"],
        intermediate_size=SIZES["F"],
        max_position_embeddings=16,
    )


def batches(lengths):
    """(layout, inputs) for sequences of these lengths: padded with and without mask, packed."""
    length = torch.tensor(lengths)
    input_ids = torch.randint(1, SIZES["V"], (len(lengths), max(lengths)))
    mask = (torch.arange(max(lengths)) < length[:, None]).long()
    packed = torch.cat([row[:n] for row, n in zip(input_ids, lengths, strict=True)])
    cu_seqlens = torch.cat([torch.zeros(1, dtype=torch.int32), length.cumsum(0).int()])
    return [
        ("padded", {"input_ids": input_ids, "attention_mask": mask}),
        ("padded", {"input_ids": input_ids}),
        ("packed", {"input_ids": packed, "cu_seqlens": cu_seqlens, "max_seqlen": max(lengths)}),
        ("packed", {"input_ids": packed, "cu_seqlens": cu_seqlens}),
    ]


@pytest.fixture(autouse=True)
def kernels_anywhere(monkeypatch):
    """Shapes are those of the fused kernels' result, on any machine and for heads of any width."""
    monkeypatch.setattr(kernels, "fused_attention", lambda query, *rest, **more: query)
    monkeypatch.setattr("minibert.kernels.availability.why_not", lambda *given: None)
    monkeypatch.setattr("minibert.model.attention.why_not", lambda *given: None)


def run_everything(package, watch, heads=HEADS):
    """Every head of the package `package`, under each way, mode and layout."""
    for head in heads:
        for way in ("math", "sdpa", "fused"):
            chosen = {"num_labels": SIZES["C"]} if "Classification" in head else {}
            model = getattr(package, head)(tiny_config(), attention=way, **chosen)
            for train in (True, False):
                model.train(train)
                if head == "BertForMultipleChoice":
                    run_choices(model, watch)
                    continue
                for layout, inputs in batches(LENGTHS):
                    with watch.layout(layout):
                        model(**inputs)
                    if not train:
                        with watch.layout(layout), record():
                            model(**inputs)


def run_choices(model, watch):
    """The head alone: below it, the B of the comments are the B * C sequences."""
    for layout, inputs in batches(LENGTHS * SIZES["C"]):
        body = model.bert(**inputs)
        with watch.layout(layout):
            model.head_of_choices(body, SIZES["C"])


def model_arrows(folder):
    return [arrow for file in sorted(folder.glob("*.py")) for arrow in find_arrows(file)]


def test_every_arrow_of_the_model_holds(root, capsys):
    sizes = SIZES.values()
    assert len({*sizes, SIZES["B"] * SIZES["C"]}) == len(sizes) + 1
    assert SIZES["D"] == SIZES["H"] * SIZES["W"]
    assert (len(LENGTHS), max(LENGTHS), sum(LENGTHS)) == tuple(SIZES[x] for x in "BST")
    watch = Watch(model_arrows(Path(minibert.model.__file__).parent), SIZES)
    run_everything(minibert.model, watch)
    with capsys.disabled():
        padded, packed = (len(watch.ran[layout]) for layout in ("padded", "packed"))
        print(f" {len(watch.arrows)} arrows: {padded} ran padded, {packed} packed ", end="")
    assert not watch.faults(), "\n" + "\n".join(watch.faults())
    assert len(watch.arrows) >= 30


# What is changed in a copy of the model, and what has to be reported, with {line} its line.
WRONG = {
    "output": (
        "attention.py",
        "# key (B, S, D) -> (B, H, S, W)",
        "# key (B, S, D) -> (B, S, H, W)",
        [
            "attention.py:{line}: padded output `key`: "
            "expected (B, S, H, W) = (2, 5, 3, 4), got (2, 3, 5, 4)",
            "attention.py:{line}: packed output `key`: "
            "expected (B, S, H, W) = (2, 5, 3, 4), got (2, 3, 5, 4)",
        ],
    ),
    "input": (
        "layout.py",
        "# x (T, D) -> (B * S, D)",
        "# x (S, D) -> (B * S, D)",
        ["layout.py:{line}: packed input `x`: expected (S, D) = (5, 12), got (7, 12)"],
    ),
    "one alternative": (
        "embeddings.py",
        "# input_ids (B, S) | (T,) -> (B, S, D) | (T, D)",
        "# input_ids (B, S) | (T,) -> (B, S, D) | (B, D)",
        ["embeddings.py:{line}: packed output `token`: expected (B, D) = (2, 12), got (7, 12)"],
    ),
    "returned": (
        "functional.py",
        "# x (B, H, S, W) -> (B, S, H, W)\n    return x.flatten(2)  # x (B, S, H, W) -> (B, S, D)",
        "# x (B, H, S, W) -> (B, S, H, W)\n    return x.flatten(2)  # x (B, S, H, W) -> (B, S, F)",
        [
            "functional.py:{line}: padded output `return`: "
            "expected (B, S, F) = (2, 5, 20), got (2, 5, 12)",
            "functional.py:{line}: packed output `return`: "
            "expected (B, S, F) = (2, 5, 20), got (2, 5, 12)",
        ],
    ),
    "never": (
        "layers.py",
        "return functional.dropout(x, self.p if self.training else 0.0)",
        "return functional.dropout(x, self.p if self.training else 0.0)\n\n\n"
        "def nobody_calls_this(x):\n    return x[0]  # x (B, D) -> (D,)",
        ["layers.py:{line}: never ran"],
    ),
    "never packed": (
        "layout.py",
        "return hidden[:, 0]  # hidden (B, S, D) -> (B, D)",
        "return hidden[:, 0]  # hidden (B, S, D) | (T, D) -> (B, D) | (B, D)",
        ["layout.py:{line}: never ran packed"],
    ),
    "no such name": (
        "layout.py",
        "# hidden (T, D) -> (B, D)",
        "# self.length (T, D) -> (B, D)",
        [
            "layout.py:{line}: packed input `self.length`: expected (T, D) = (7, 12), got "
            "AttributeError(\"'Packed' object has no attribute 'length'\")"
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_arrow_is_found_and_nothing_else(case, tmp_path, monkeypatch):
    name, right, wrong, expected = WRONG[case]
    package = tmp_path / f"model_{'_'.join(case.split())}"
    shutil.copytree(Path(minibert.model.__file__).parent, package)
    for file in package.glob("*.py"):
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace("minibert.model", package.name), encoding="utf-8")
    source = (package / name).read_text(encoding="utf-8")
    assert right in source, "the test's own text is out of date"
    source = source.replace(right, wrong, 1)
    (package / name).write_text(source, encoding="utf-8")
    line = source[: source.index(wrong) + len(wrong)].count("\n") + 1

    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    try:
        watch = Watch(find_arrows(package / name), SIZES)
        run_everything(importlib.import_module(package.name), watch, heads=["BertModel"])
    finally:
        for module in set(sys.modules) - before:
            if module.startswith(package.name):
                del sys.modules[module]
    assert watch.faults() == [message.format(line=line) for message in expected]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("y = x.T  # x (B, S) -> (S B)", "does not read"),
        ("y = x.T  # (B, S) -> (S, B)", "does not read"),
        ("y = x.T  # x (B, S) -> (S, B), transposed", "does not read"),
        ("y = x.T  # x (B) -> (B)", "does not read"),
        ("y = x.T  # x (B, S) -> (S, B) | (T,) | (V,)", "does not read"),
        ("y = x.T  # x y (B, S) -> (S, B)", "is no expression"),
        ("y, z = x  # x (B, S) -> (S,)", "neither a return nor an assignment"),
        ("print(x)  # x (B, S) -> (S,)", "neither a return nor an assignment"),
        ("if True:  # x (B, S) -> (S,)\n    y = 1", "belongs to no statement"),
    ],
)
def test_a_comment_that_is_no_arrow_is_refused(text, complaint, tmp_path):
    file = tmp_path / "source.py"
    file.write_text(f"x = 1\n{text}\n", encoding="utf-8")
    with pytest.raises(ArrowError, match=rf"source\.py:2: .*{complaint}"):
        find_arrows(file)


def test_where_an_arrow_may_stand(tmp_path, monkeypatch):
    """On any line of its statement or alone above it; in loops, after a `with`, and in products."""
    source = """
def work(x):
    for row in (x, x):
        y = row[0]  # row (B, S) -> (S,)
    with open(__file__):
        return twice(  # x (B, S) -> (B * S, 1)
            x,
            y,
        )


def twice(x, y):
    if y is None:
        raise ValueError
    try:
        z = twice(x, None)  # x (B, S) -> (V,)
    except ValueError:
        z = x
    # z (B, S) | (S, B) -> (B * S,)
    z = z.reshape(
        -1
    )
    return z[:, None]  # z (B * S,) -> (B * S, 1)
"""
    file = tmp_path / "arrows_stand_here.py"
    file.write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("arrows_stand_here")
    monkeypatch.delitem(sys.modules, "arrows_stand_here")
    arrows = find_arrows(file)
    assert [arrow.line for arrow in arrows] == [4, 6, 16, 19, 23]
    watch = Watch(arrows, SIZES)
    with watch.layout("padded"):
        module.work(torch.ones(2, 5))
    # The one that raised did not come to its end, and nothing was packed yet.
    assert watch.faults() == [f"{file.name}:16: never ran", f"{file.name}:19: never ran packed"]
    with watch.layout("packed"):
        module.work(torch.ones(5, 2))
    assert f"{file.name}:19: never ran packed" not in watch.faults()
    assert any("4: packed input `row`: expected (B, S)" in fault for fault in watch.faults())


def test_tracing_is_left_as_it_was(root):
    before = sys.gettrace()
    watch = Watch([], SIZES)
    with pytest.raises(RuntimeError), watch.layout("padded"):
        raise RuntimeError
    assert sys.gettrace() is before
