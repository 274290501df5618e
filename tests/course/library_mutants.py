"""The bug museum applied to the library itself: each of these changes must turn a test red.

A mutant is one passage of one file, replaced. It is applied to a copy of the package, and the tests
that are named must fail there. `old` stands in its file exactly once, so that the table cannot fall
behind the code unseen.

To see what survives, of all or of some; from the root:

    python -m tests.course.library_mutants [NAME...]
"""

import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import hypothesis
import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 120  # seconds; tests that take longer have met an endless loop
# What the tests import, to be imported once for all mutants. Nothing of minibert: each has its own.
HEAVY = (
    "torch sklearn.metrics scipy.stats tokenizers hypothesis datasets matplotlib.pyplot "
    "transformers.models.bert.modeling_bert transformers.models.bert.tokenization_bert"
).split()


class Mutant(NamedTuple):
    """One mistake: `old` becomes `new` in minibert/`file`, and `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str  # below tests/, apart by blanks


FUNCTIONAL = "model/functional.py"
LAYOUT = "model/layout.py"
SPANS = "tasks/squad/spans.py"
LOOP = "training/loop.py"
PARITY = "model/test_parity.py::test_every_head_on_a_random_tiny_bert"
STEPS = "training/test_step_parity.py"

MUTANTS = (
    # attention
    Mutant(
        "mask-after-softmax",
        FUNCTIONAL,
        "    scores = scores.masked_fill(~mask, lowest)  # scores (B, H, S, S) -> (B, H, S, S)\n",
        "",
        "model/test_functional.py::test_masked_softmax_by_hand",
    ),
    Mutant(
        "mask-inverted",
        FUNCTIONAL,
        "mask = mask.bool()",
        "mask = ~mask.bool()",
        "model/test_functional.py::test_masked_softmax_by_hand",
    ),
    Mutant(
        "row-without-a-key-shares-alike",
        FUNCTIONAL,
        "torch.softmax(scores, -1).masked_fill(~mask, 0.0)",
        "torch.softmax(scores, -1)",
        "model/test_functional.py::test_masked_softmax_of_a_row_without_a_key",
    ),
    Mutant(
        "softmax-over-queries",
        FUNCTIONAL,
        "return torch.softmax(scores, -1)\n",
        "return torch.softmax(scores, -2)\n",
        "model/test_functional.py::test_masked_softmax_by_hand",
    ),
    Mutant(
        "scale-by-the-width",
        FUNCTIONAL,
        "/ math.sqrt(width)",
        "/ width",
        "model/test_functional.py::test_attention_scores_by_hand",
    ),
    Mutant(
        "attention-dropout-before-softmax",
        FUNCTIONAL,
        "masked_softmax(scores, mask))\n    if keep_mask is None:\n        probs = dropout(",
        "masked_softmax(dropout(scores, dropout_p), mask))\n    if keep_mask is None:\n"
        "        dropout(",
        "model/test_functional.py::test_attention_drops_probabilities_not_values",
    ),
    Mutant(
        "attention-dropout-missing",
        FUNCTIONAL,
        "probs = dropout(probs, dropout_p)",
        "pass",
        "model/test_functional.py::test_attention_drops_probabilities_not_values",
    ),
    Mutant(
        "attention-dropout-in-evaluation",
        "model/attention.py",
        "self.dropout_p if self.training else 0.0",
        "self.dropout_p",
        "model/test_laws.py::test_dropout_acts_in_training_alone",
    ),
    Mutant(
        "query-and-key-swapped",
        "model/attention.py",
        "WAYS[way](query, key, value, mask, dropout_p)",
        "WAYS[way](key, query, value, mask, dropout_p)",
        PARITY,
    ),
    Mutant(
        "heads-merged-without-transposing",
        FUNCTIONAL,
        "    x = x.transpose(1, 2)  # x (B, H, S, W) -> (B, S, H, W)\n    return x.flatten(2)",
        "    return x.reshape(x.shape[0], x.shape[2], -1)",
        "model/test_functional.py::test_merge_heads_undoes_split_heads",
    ),
    Mutant(
        "heads-interleaved",
        FUNCTIONAL,
        "x = x.unflatten(-1, (heads, -1))",
        "x = x.unflatten(-1, (-1, heads)).transpose(-2, -1)",
        "model/test_functional.py::test_split_heads_by_hand",
    ),
    # the other functions
    Mutant(
        "tanh-gelu",
        FUNCTIONAL,
        "return torch_functional.gelu(x)\n",
        'return torch_functional.gelu(x, approximate="tanh")\n',
        "model/test_functional.py::test_formula_of_gelu",
    ),
    Mutant(
        "epsilon-outside-the-root",
        FUNCTIONAL,
        "return torch_functional.layer_norm(x, weight.shape, weight, bias, eps)",
        "mean, spread = x.mean(-1, keepdim=True), x.std(-1, correction=0, keepdim=True)\n"
        "    return (x - mean) / (spread + eps) * weight + bias",
        "model/test_functional.py::test_formula_of_layer_norm",
    ),
    Mutant(
        "unbiased-variance",
        FUNCTIONAL,
        "return torch_functional.layer_norm(x, weight.shape, weight, bias, eps)",
        "mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True)\n"
        "    return (x - mean) / (var + eps).sqrt() * weight + bias",
        "model/test_functional.py::test_formula_of_layer_norm",
    ),
    Mutant(
        "dropout-not-made-up-for",
        FUNCTIONAL,
        ".mul_(1 / (1 - p))",
        "",
        "model/test_functional.py::test_dropout_rate_and_scale",
    ),
    Mutant(
        "dropout-keeps-instead-of-drops",
        FUNCTIONAL,
        "(bits >= steps - 2**15)",
        "(bits < steps - 2**15)",
        "model/test_functional.py::test_dropout_rate_and_scale",
    ),
    Mutant(
        "dropout-in-evaluation",
        "model/layers.py",
        "self.p if self.training else 0.0",
        "self.p",
        "model/test_laws.py::test_dropout_acts_in_training_alone",
    ),
    Mutant(
        "label-minus-100-counted",
        FUNCTIONAL,
        ".squeeze(-1).where(counted, 0.0)",
        ".squeeze(-1)",
        "model/test_functional.py::test_cross_entropy_is_torchs",
    ),
    Mutant(
        "mean-over-unlabelled-rows-too",
        FUNCTIONAL,
        "/ counted.sum().clamp(min=1)",
        "/ counted.numel()",
        "model/test_functional.py::test_cross_entropy_takes_the_mean_over_labelled_rows_by_default",
    ),
    # the model
    Mutant(
        "segments-ignored",
        "model/embeddings.py",
        "self.norm(token + position + segment)",
        "self.norm(token + position)",
        PARITY,
    ),
    Mutant(
        "embeddings-not-normalised",
        "model/embeddings.py",
        "self.norm(token + position + segment)",
        "token + position + segment",
        PARITY,
    ),
    Mutant(
        "embedding-dropout-missing",
        "model/embeddings.py",
        "hidden = self.dropout(hidden)",
        "hidden = hidden + 0",
        "model/test_parity.py::test_training_with_total_dropout",
    ),
    Mutant(
        "positions-off-by-one",
        LAYOUT,
        "return torch.arange(self.length, device=self.device)[None]",
        "return torch.arange(self.length, device=self.device)[None].add(1).clamp(max=15)",
        PARITY,
    ),
    Mutant(
        "packed-positions-do-not-restart",
        LAYOUT,
        "return self.column\n",
        "return torch.arange(len(self.column), device=self.column.device).clamp(max=15)\n",
        "model/test_laws.py::test_packed_equals_padded",
    ),
    Mutant(
        "boundaries-off-by-one",
        LAYOUT,
        "torch.searchsorted(cu_seqlens[1:], token, right=True)",
        "torch.searchsorted(cu_seqlens[1:], token, right=False)",
        "model/test_laws.py::test_packed_equals_padded",
    ),
    Mutant(
        "last-token-pooled",
        LAYOUT,
        "return hidden[:, 0]  #",
        "return hidden[:, -1]  #",
        PARITY,
    ),
    Mutant(
        "pooler-without-tanh",
        "model/bert.py",
        "torch.tanh(self.dense(first_token))",
        "self.dense(first_token)",
        PARITY,
    ),
    Mutant(
        "residual-missing",
        "model/encoder.py",
        "self.attention_norm(hidden + attended)",
        "self.attention_norm(attended)",
        PARITY,
    ),
    Mutant(
        "layer-norms-swapped",
        "model/encoder.py",
        "self.output_norm(hidden + transformed)",
        "self.attention_norm(hidden + transformed)",
        PARITY,
    ),
    Mutant(
        "hidden-dropout-missing",
        "model/encoder.py",
        "transformed = self.dropout(self.feed_forward(hidden))",
        "transformed = self.feed_forward(hidden)",
        "model/test_parity.py::test_training_with_total_dropout",
    ),
    Mutant(
        "decoder-without-bias",
        "model/heads.py",
        "torch_functional.linear(hidden, token_embedding, self.bias)",
        "torch_functional.linear(hidden, token_embedding)",
        "model/test_parity.py::test_both_activations_in_body_and_head",
    ),
    Mutant(
        "word-head-not-normalised",
        "model/heads.py",
        "self.norm(activated)",
        "activated",
        "model/test_parity.py::test_both_activations_in_body_and_head",
    ),
    Mutant(
        "next-sentence-labels-swapped",
        "lens/words.py",
        "logits.softmax(-1)[0, 0]",
        "logits.softmax(-1)[0, 1]",
        "lens/test_words.py::test_next_sentence_is_class_zero",
    ),
    # checkpoints
    Mutant(
        "kernels-not-transposed",
        "checkpoint/names.py",
        'transposed=ending == "kernel"',
        "transposed=False",
        "checkpoint/test_tensorflow.py::test_a_model_takes_every_tensor_to_its_place",
    ),
    # texts to batches
    Mutant(
        "first-text-alone-is-cut",
        "tokenization.py",
        'strategy="longest_first"',
        'strategy="only_first"',
        "test_tokenization.py::test_pairs_are_cut_longest_first",
    ),
    Mutant(
        "special-tokens-cut-off",
        "tasks/features.py",
        "return [first, *pieces[:head], *pieces[len(pieces) - (room - head) :], last]",
        "return [first, *pieces[:head], *pieces[len(pieces) - (room - head) - 1 :]]",
        "tasks/test_sentiment.py::TestTruncation",
    ),
    Mutant(
        "second-text-is-segment-zero",
        "tasks/features.py",
        "encoding.type_ids[: len(kept)]",
        "[0] * len(kept)",
        "tasks/test_features.py::test_the_second_text_is_segment_one",
    ),
    Mutant(
        "padding-is-attended-to",
        "tasks/features.py",
        "mask[line, :length] = 1",
        "mask[line] = 1",
        "tasks/test_features.py::test_a_batch_is_padded_on_the_right_to_its_longest",
    ),
    Mutant(
        "packed-boundaries-without-the-last",
        "tasks/features.py",
        "torch.tensor([0, *lengths.cumsum()], dtype=torch.int32)",
        "torch.tensor([0, *lengths[:-1].cumsum()], dtype=torch.int32)",
        "tasks/test_features.py::test_a_packed_batch_is_a_padded_one_without_its_padding",
    ),
    Mutant(
        "byte-order-mark-kept",
        "tasks/tsv.py",
        'content.decode("utf-8-sig")',
        'content.decode("utf-8")',
        "tasks/test_tsv.py::test_a_byte_order_mark_is_no_part_of_the_header",
    ),
    Mutant(
        "same-order-in-every-epoch",
        "training/batches.py",
        "np.random.default_rng((settings.seed, epoch))",
        "np.random.default_rng((settings.seed, 1))",
        "training/test_batches.py::test_the_order_is_a_function_of_seed_and_epoch_alone",
    ),
    # tasks
    Mutant(
        "mnli-in-the-hubs-order",
        "tasks/glue.py",
        '("contradiction", "entailment", "neutral")  # Google\'s order',
        '("entailment", "neutral", "contradiction")',
        "tasks/test_glue.py::TestMnli",
    ),
    Mutant(
        "mnli-of-the-hub-in-googles-order",
        "tasks/glue.py",
        'HUB_MNLI_LABELS = ("entailment", "neutral", "contradiction")',
        "HUB_MNLI_LABELS = MNLI_LABELS",
        "tasks/test_glue_hub.py::test_a_split_of_the_hub",
    ),
    Mutant(
        "biases-keep-the-old-order",
        "tasks/labels.py",
        "        classifier.bias.copy_(classifier.bias[order])\n",
        "",
        "tasks/test_labels.py",
    ),
    Mutant(
        "absolute-error-for-scores",
        "tasks/sequence.py",
        "(logits[:, 0] - labels) ** 2",
        "(logits[:, 0] - labels).abs()",
        "tasks/test_losses.py::test_regression_by_hand",
    ),
    Mutant(
        "class-weights-not-in-the-denominator",
        "tasks/losses.py",
        "return Loss((weights * losses).sum(), weights.sum())",
        "return Loss((weights * losses).sum(), counted.sum())",
        "tasks/test_losses.py",
    ),
    Mutant(
        "unlabelled-tokens-in-the-denominator",
        "tasks/losses.py",
        "return Loss(losses.sum(), counted.sum())",
        "return Loss(losses.sum(), torch.ones_like(counted).sum())",
        "tasks/test_losses.py",
    ),
    Mutant(
        "f1-of-the-other-class",
        "tasks/metrics.py",
        "pos_label=1",
        "pos_label=0",
        "tasks/test_metrics.py::test_by_hand",
    ),
    Mutant(
        "pearson-is-spearman",
        "tasks/metrics.py",
        "_correlation(stats.pearsonr,",
        "_correlation(stats.spearmanr,",
        "tasks/test_metrics.py::test_correlations_by_hand",
    ),
    Mutant(
        "outputs-in-the-order-of-batches",
        "tasks/sequence.py",
        "        for rows, out in found:\n            logits[rows] = out.logits",
        "        logits[:] = np.concatenate([out.logits for _, out in found])",
        "training/test_evaluation.py::test_logits_stand_in_the_examples_own_order",
    ),
    # questions and answers
    Mutant(
        "stride-as-overlap",
        "tasks/overlap.py",
        "step = min(doc_stride, room)",
        "step = max(room - doc_stride, 1)",
        "tasks/test_squad_windows.py::test_windows_by_hand",
    ),
    Mutant(
        "context-counted-on-the-better-side",
        "tasks/overlap.py",
        "np.minimum(left, left[::-1])",
        "np.maximum(left, left[::-1])",
        "tasks/test_squad_windows.py::test_the_window_that_counts_by_hand",
    ),
    Mutant(
        "half-an-answer-is-labelled",
        "tasks/squad/windows.py",
        "run.first <= answer.first and answer.last <= run.last",
        "run.first <= answer.first",
        "tasks/test_squad_windows.py::test_several_windows_by_hand",
    ),
    Mutant(
        "answer-not-shifted-by-the-question",
        "tasks/squad/windows.py",
        "label = Run(answer.first - run.first + shift, answer.last - run.first + shift)",
        "label = Run(answer.first - run.first, answer.last - run.first)",
        "tasks/test_squad_windows.py::test_one_window_by_hand",
    ),
    Mutant(
        "max-context-dropped",
        SPANS,
        "begins = windows.max_context &",
        "begins = (starts >= 0) &",
        "tasks/test_squad_spans.py::test_a_span_begins_in_the_window_that_shows_it_best",
    ),
    Mutant(
        "end-before-start",
        SPANS,
        "first + best % longest, 0)",
        "first - best % longest, 0)",
        "tasks/test_squad_spans.py::test_spans_lie_in_the_context_and_run_forward",
    ),
    Mutant(
        "answer-in-the-question",
        SPANS,
        "closes = (ends >= 0) & np.diff(ends, append=-1).astype(bool)",
        "closes = np.ones(len(ends), dtype=bool)",
        "tasks/test_squad_spans.py",
    ),
    Mutant(
        "maximum-of-the-null-scores",
        SPANS,
        "np.lexsort((null.sum(1), windows.owners))",
        "np.lexsort((-null.sum(1), windows.owners))",
        "tasks/test_squad_spans.py"
        "::test_no_answer_is_scored_by_the_window_that_believes_least_in_it",
    ),
    Mutant(
        "threshold-the-wrong-way-round",
        SPANS,
        "else self.odds > threshold",
        "else self.odds < threshold",
        "tasks/test_squad_spans.py::test_the_threshold_is_tuned_to_the_best_f1",
    ),
    Mutant(
        "padding-can-begin-an-answer",
        "tasks/squad/task.py",
        "padding_value=-torch.inf",
        "padding_value=0.0",
        "tasks/test_squad_loss.py",
    ),
    Mutant(
        "f1-over-sets-of-words",
        "tasks/squad/scoring.py",
        "(Counter(ours) & Counter(theirs)).total()",
        "len(set(ours) & set(theirs))",
        "tasks/test_squad_scoring.py::test_scores_by_hand",
    ),
    Mutant(
        "first-gold-answer-alone",
        "tasks/squad/scoring.py",
        "nearest = max(shares, key=shares.__getitem__)",
        "nearest = next(iter(shares))",
        "tasks/test_squad_scoring.py::test_scores_by_hand",
    ),
    Mutant(
        "articles-compared",
        "tasks/squad/scoring.py",
        r"\b(?:a|an|the)\b",
        r"\b(?:a|an)\b",
        "tasks/test_squad_scoring.py::test_what_is_left_for_comparison",
    ),
    # tagging
    Mutant(
        "labels-stand-one-piece-early",
        "tasks/ner/windows.py",
        "reads.append(read - shown.first + 1 + start)",
        "reads.append(read - shown.first + start)",
        "tasks/test_ner_windows.py::test_first_pieces_are_labelled_and_the_rest_is_not",
    ),
    Mutant(
        "last-piece-labelled",
        "tasks/ner/windows.py",
        "firsts = np.concatenate([[0], np.cumsum(counts)])",
        "firsts = np.concatenate([np.cumsum(counts) - 1, [counts.sum()]])",
        "tasks/test_ner_windows.py::test_first_pieces_are_labelled_and_the_rest_is_not",
    ),
    Mutant(
        "iob1-read-as-it-stands",
        "tasks/ner/schemes.py",
        "tuple(tags_of(entities_of(tags), len(tags))) if self.types else tags",
        "tags",
        "tasks/test_ner_schemes.py",
    ),
    Mutant(
        "another-type-goes-on-with-an-entity",
        "tasks/ner/schemes.py",
        " or type != type_before:",
        ":",
        "tasks/test_ner_schemes.py",
    ),
    Mutant(
        "precision-and-recall-swapped",
        "tasks/ner/scoring.py",
        "right / max(predicted, 1), right / max(gold, 1)",
        "right / max(gold, 1), right / max(predicted, 1)",
        "tasks/test_ner_scoring.py::test_figures_by_hand",
    ),
    Mutant(
        "entities-right-by-type-alone",
        "tasks/ner/scoring.py",
        "for entity in set(ours) & set(theirs)",
        "for entity in ours if entity.type in {other.type for other in theirs}",
        "tasks/test_ner_scoring.py::test_figures_by_hand",
    ),
    # training
    Mutant(
        "decay-on-layer-norms",
        "training/parameters.py",
        '("bias", "norm.weight")',
        '"bias"',
        "training/test_optimizer.py::test_all_decays_but_biases_and_layer_norms",
    ),
    Mutant(
        "no-warm-up",
        "training/schedule.py",
        "if step < rising:",
        "if step < 0:",
        "training/test_schedule.py::test_linear_by_hand",
    ),
    Mutant(
        "rate-never-falls",
        "training/schedule.py",
        "return 1 - done if",
        "return 1.0 if",
        "training/test_schedule.py::test_linear_by_hand",
    ),
    Mutant(
        "schedule-stepped-by-the-epoch",
        LOOP,
        "rate_factor(state.step, steps, settings)",
        "rate_factor(state.epoch, steps, settings)",
        STEPS,
    ),
    Mutant("zero-grad-forgotten", LOOP, "    optimizer.zero_grad()\n", "", STEPS),
    Mutant(
        "dropout-off-after-an-evaluation",
        LOOP,
        "            model.train()\n",
        "",
        "training/test_loop.py::test_dropout_is_on_in_every_step_and_off_in_every_evaluation",
    ),
    Mutant(
        "evaluated-with-dropout",
        "training/evaluation.py",
        "    model.eval()\n",
        "",
        "training/test_evaluation.py",
    ),
    Mutant(
        "denominator-of-the-last-part-alone",
        LOOP,
        "denominator + part.denominator",
        "part.denominator",
        "training/test_loop_options.py",
    ),
    Mutant(
        "clipped-tensor-by-tensor",
        "training/precision.py",
        "    torch._foreach_mul_(gradients, (shrink / denominator).where(norm.isfinite(), 1.0))\n",
        "    for one in gradients:\n"
        "        length = one.norm() / denominator\n"
        "        one.mul_((most / (length + 1e-6)).clamp(max=1.0) / denominator)\n",
        "training/test_optimizer.py"
        "::test_all_tensors_are_shortened_together_so_that_the_direction_stays",
    ),
    Mutant(
        "never-clipped",
        "training/precision.py",
        "if most else torch.ones_like(norm)",
        "if False else torch.ones_like(norm)",
        "training/test_optimizer.py::test_a_long_gradient_is_shortened_and_a_short_one_is_not",
    ),
    Mutant(
        "google-without-decay",
        "training/optimizer.py",
        '            torch._foreach_add_(changes, parameters, alpha=group["weight_decay"])\n',
        "",
        "training/test_optimizer.py::test_seven_steps_are_those_of_the_formula",
    ),
    Mutant(
        "second-moment-forgets-too-fast",
        "training/optimizer.py",
        "torch._foreach_mul_(squares, BETAS[1])",
        "torch._foreach_mul_(squares, BETAS[0])",
        "training/test_optimizer.py::test_seven_steps_are_those_of_the_formula",
    ),
    Mutant(
        "the-last-model-is-kept",
        "training/state.py",
        "score <= self.best_score",
        "False",
        "training/test_loop.py::test_the_weights_of_the_best_epoch_are_kept",
    ),
    Mutant(
        "layer-decay-one-layer-off",
        "training/optimizer.py",
        "(layers + 1 - depth(name, layers))",
        "(layers - depth(name, layers))",
        "training/test_optimizer.py::test_the_rate_falls_by_the_factor_from_layer_to_layer",
    ),
    Mutant(
        "resume-forgets-the-generators",
        "training/resume.py",
        "        restore_random_state(RandomState(tensors, generators[processes.rank]))\n",
        "",
        "training/test_resume.py::test_stopped_three_times",
    ),
    Mutant(
        "resume-forgets-the-optimizer",
        "training/resume.py",
        'load_state_dict({"state": states, "param_groups": groups})',
        'load_state_dict({"state": {}, "param_groups": groups})',
        "training/test_resume.py::test_stopped_three_times",
    ),
    # kernels
    Mutant(
        "running-not-shrunk",
        "kernels/steps.py",
        "            total = total * shrink + exponentials.sum(-1)\n"
        "            context = context * shrink[..., None]",
        "            total = total + exponentials.sum(-1)\n            context = context",
        "kernels/test_steps.py::test_a_step_is_attention",
    ),
    Mutant(
        "scores-gradient-no-delta",
        "kernels/steps.py",
        "        delta = (context * grad_context).sum(-1)  # (T, H)\n",
        "        delta = torch.zeros_like(log_sum_exp)\n",
        "kernels/test_steps.py::test_a_step_is_attention",
    ),
    Mutant(
        "dropout-inverted",
        "kernels/steps.py",
        "return keep_tile(seed, *places, dropout_p)",
        "return ~keep_tile(seed, *places, dropout_p)",
        "kernels/test_steps.py::test_a_step_drops_what_the_mask_says",
    ),
    Mutant(
        "philox-not-crossed",
        "kernels/random.py",
        "left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]",
        "right, left = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]",
        "kernels/test_random.py::test_known_answers",
    ),
)


def source(mutant: Mutant) -> str:
    """The file that a mutant changes, as it stands."""
    return (ROOT / "minibert" / mutant.file).read_text(encoding="utf-8")


def survivors(jobs: int = 2, mutants: tuple[Mutant, ...] = MUTANTS) -> list[str]:
    """The mutants under which their tests do not fail, each with what happened; so many at once."""
    context = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
    if sys.platform != "win32":
        context.set_forkserver_preload(HEAVY)

    def judge(mutant: Mutant) -> str | None:
        with TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "minibert", Path(folder, "minibert"))
            changed = source(mutant).replace(mutant.old, mutant.new)
            Path(folder, "minibert", mutant.file).write_text(changed, encoding="utf-8")
            child = context.Process(target=run_tests, args=(folder, mutant.tests.split()))
            child.start()
            child.join(LONGEST)
            if child.exitcode is None:
                child.kill()
                child.join()
                return None
            said = Path(folder, "said").read_text(encoding="utf-8", errors="replace")
        if child.exitcode == pytest.ExitCode.TESTS_FAILED:
            return None
        return f"{mutant.name} (pytest ended with {child.exitcode})\n{said[-2000:]}"

    with ThreadPoolExecutor(jobs) as pool:
        return [told for told in pool.map(judge, mutants) if told]


def run_tests(folder: str, tests: list[str]) -> None:
    """In a process of its own: these tests with the package in `folder`."""
    said = os.open(Path(folder, "said"), os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(ROOT)
    sys.path.insert(0, folder)
    os.environ |= {
        "PYTHONPATH": folder,
        "PYTHONSAFEPATH": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": folder,
    }
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        os.environ.pop(name, None)
    # The first example that fails is enough; a smaller one need not be looked for.
    hypothesis.settings.register_profile("first", phases=[hypothesis.Phase.generate])
    hypothesis.settings.load_profile("first")
    options = "-x -q -n 0 -p no:cacheprovider".split()
    status = pytest.main([*options, *(f"tests/{test}" for test in tests)])
    import minibert

    assert Path(minibert.__file__).is_relative_to(folder), "the tests saw another package"
    sys.exit(int(status))


if __name__ == "__main__":
    asked = tuple(one for one in MUTANTS if one.name in sys.argv[1:] or len(sys.argv) == 1)
    found = survivors(os.cpu_count() or 1, asked)
    print(*found, f"{len(found)} of {len(asked)} mutants survive", sep="\n")
    sys.exit(bool(found))
