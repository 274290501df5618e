"""Write this directory's checkpoints with TensorFlow itself, and the values that they hold.

    pip install tensorflow-cpu==2.21.0        # in an environment of its own
    python tests/data/tf1_tiny/make.py

`bert_model.ckpt` is a random BERT of two tiny layers under Google's names, in two shards and four
types, with `bert_config.json` and `vocab.txt` beside it. `expected.json` says what TensorFlow was
given, and the SHA-256 of the files that it writes when it puts the same tensors in one shard.
`many_blocks.zip` is a checkpoint whose index is too large for one block of 256 KiB; TensorFlow
offers no smaller blocks, and names that repeat themselves make it small again.
"""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
LAYERS, WIDTH, INNER, POSITIONS = 2, 6, 10, 8
PIECES = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat dog sat ran on mat rug ##s ##ning a .".split()


def shapes():
    """{Google's name: shape} of a BERT for pretraining."""
    tables = {"word": len(PIECES), "position": POSITIONS, "token_type": 2}
    yield from ((f"bert/embeddings/{name}_embeddings", (n, WIDTH)) for name, n in tables.items())
    yield from norm("bert/embeddings")
    for layer in (f"bert/encoder/layer_{n}" for n in range(LAYERS)):
        for name in ("query", "key", "value"):
            yield from dense(f"{layer}/attention/self/{name}", WIDTH, WIDTH)
        yield from dense(f"{layer}/attention/output/dense", WIDTH, WIDTH)
        yield from norm(f"{layer}/attention/output")
        yield from dense(f"{layer}/intermediate/dense", WIDTH, INNER)
        yield from dense(f"{layer}/output/dense", INNER, WIDTH)
        yield from norm(f"{layer}/output")
    yield from dense("bert/pooler/dense", WIDTH, WIDTH)
    yield from dense("cls/predictions/transform/dense", WIDTH, WIDTH)
    yield from norm("cls/predictions/transform")
    yield "cls/predictions/output_bias", (len(PIECES),)
    yield "cls/seq_relationship/output_weights", (2, WIDTH)
    yield "cls/seq_relationship/output_bias", (2,)


def dense(name, inputs, outputs):
    return (f"{name}/kernel", (inputs, outputs)), (f"{name}/bias", (outputs,))


def norm(name):
    return tuple((f"{name}/LayerNorm/{part}", (WIDTH,)) for part in ("gamma", "beta"))


def tensors():
    """{name: tensor}, sorted: layer 0 in float16, layer 1 in bfloat16, two Adam slots."""
    random = np.random.default_rng(20181011)
    made = {}
    for name, shape in shapes():
        values = random.normal(1.0 if name.endswith("gamma") else 0.0, 0.1, shape)
        dtype = {"0": tf.float16, "1": tf.bfloat16}.get(name.partition("layer_")[2][:1], tf.float32)
        made[name] = tf.cast(values, dtype)
    for slot in ("adam_m", "adam_v"):
        made[f"bert/pooler/dense/bias/{slot}"] = tf.cast(random.random(WIDTH), tf.float32)
    made["global_step"] = tf.constant(2**40 + 3, tf.int64)
    return dict(sorted(made.items()))


def save(prefix, values):
    """One shard, as tf.compat.v1.train.Saver writes it."""
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )


def main():
    values = tensors()
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder, f"part-{n}") for n in (0, 1)]
        for n, part in enumerate(parts):
            save(part, dict(list(values.items())[n::2]))
        tf.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=[str(part) for part in parts],
            destination_prefix=str(HERE / "bert_model.ckpt"),
        )

        whole = Path(folder, "whole")
        save(whole, values)
        ends = ("index", "data-00000-of-00001")
        digests = {e: hashlib.sha256(Path(f"{whole}.{e}").read_bytes()).hexdigest() for e in ends}

        many = Path(folder, "many.ckpt")
        save(many, {f"{n:02}/{'again/' * 1500}x": tf.constant([n, -n]) for n in range(70)})
        with zipfile.ZipFile(HERE / "many_blocks.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for end in ends:
                archive.write(f"{many}.{end}", f"many.ckpt.{end}")

    rows = [
        json.dumps(name) + ": " + json.dumps([v.dtype.name, v.shape.as_list(), flat(v)])
        for name, v in values.items()
    ]
    tensors_ = ",\n".join(rows)
    versions = json.dumps({"tensorflow": tf.__version__, "one_shard_sha256": digests})
    (HERE / "expected.json").write_text(f'{versions[:-1]},\n"tensors": {{\n{tensors_}\n}}}}\n')
    config = {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": WIDTH,
        "initializer_range": 0.02,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": 2,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": len(PIECES),
    }
    (HERE / "bert_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (HERE / "vocab.txt").write_text("".join(piece + "\n" for piece in PIECES))


def flat(value):
    """The numbers in a row, each in the fewest digits that give it back."""
    array = tf.reshape(value, [-1]).numpy()
    return [int(x) if value.dtype.is_integer else float(str(np.float32(x))) for x in array]


if __name__ == "__main__":
    main()
