"""Notebook 15's loader, masks and counting rivals on what does not fit, and against plain code."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from benchmarks.nb15_t5_exam import KneserNey, Rivals, best_threshold, f1_at, gap_lengths, hidden_places, told, untold
from lessons.t5 import (
    T5,
    T5Config,
    generate_t5,
    load_t5,
    random_lengths,
    span_corruption,
    transformers_name,
    transformers_settings,
)

OURS = T5Config(
    vocab_size=97,
    d_model=24,
    n_heads=3,
    d_head=5,
    n_layers=3,
    n_decoder_layers=2,
    d_ff=40,
    num_buckets=16,
    max_distance=20,
)


def theirs_of(config):
    return transformers.T5ForConditionalGeneration(transformers.T5Config(**transformers_settings(config)))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("vocab_size", 98, "vocab_size is 97 in theirs, ours has 98"),
        ("d_model", 27, "d_model is 24 in theirs, ours has 27"),
        ("n_heads", 4, "num_heads is 3 in theirs, ours has 4"),
        ("d_head", 6, "d_kv is 5 in theirs, ours has 6"),
        ("n_layers", 2, "num_layers is 3 in theirs, ours has 2"),
        ("n_decoder_layers", 3, "num_decoder_layers is 2 in theirs, ours has 3"),
        ("d_ff", 41, "d_ff is 40 in theirs, ours has 41"),
        ("gated", True, "feed_forward_proj is relu in theirs, ours has gated-gelu"),
        ("tied", False, "scale_decoder_outputs is True in theirs, ours has False"),
        ("num_buckets", 32, "relative_attention_num_buckets is 16 in theirs, ours has 32"),
        ("max_distance", 64, "relative_attention_max_distance is 20 in theirs, ours has 64"),
        ("pad_id", 3, "pad_token_id is 0 in theirs, ours has 3"),
        ("eos_id", 2, "eos_token_id is 1 in theirs, ours has 2"),
    ],
)
def test_load_t5_names_both_sizes(field, value, sentence):
    theirs = theirs_of(OURS)
    load_t5(T5(OURS), theirs)
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        load_t5(T5(replace(OURS, **{field: value})), theirs)


def test_a_head_of_its_own_is_not_loaded_into_a_tied_model():
    theirs = theirs_of(OURS)
    theirs.lm_head.weight = torch.nn.Parameter(torch.randn(97, 24))
    with pytest.raises(ValueError, match="matrix of its own"):
        load_t5(T5(OURS), theirs)


@pytest.mark.parametrize("gated", [False, True])
def test_names_lead_both_ways(gated):
    config = replace(OURS, gated=gated)
    theirs = set(theirs_of(config).state_dict())
    named = {name: transformers_name(name, gated) for name in T5(config).state_dict()}
    assert len(set(named.values())) == len(named)
    assert theirs - set(named.values()) <= {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
    for wrong in (
        "encoder.blocks.0.W_q.weight",
        "positions.weight",
        "encoder.blocks.0.attention.W_x.weight",
        "encoder.blocks.0.attention.W_q.bias",
    ):
        with pytest.raises(ValueError, match="no weight named"):
            transformers_name(wrong, gated)


@pytest.mark.parametrize(("n", "rate", "mean"), [(1, 0.15, 3.0), (9, 0.0, 3.0), (9, 1.0, 3.0), (9, 0.15, 0.5)])
def test_span_corruption_refuses_what_it_cannot_cut(n, rate, mean):
    with pytest.raises(ValueError, match="needed: 2 ids or more"):
        span_corruption(np.arange(n), rate, mean, np.random.default_rng(0), 100)


@pytest.mark.parametrize("parts", [0, 8])
def test_random_lengths_refuses_impossible_parts(parts):
    with pytest.raises(ValueError, match="cannot be cut into"):
        random_lengths(7, parts, np.random.default_rng(0))


def test_span_corruption_on_all_small_lengths_and_odd_settings():
    for n in range(2, 40):
        for rate in (0.05, 0.15, 0.5, 0.95):
            for mean in (1.0, 3.0, 10.0):
                source, target = span_corruption(np.arange(n), rate, mean, np.random.default_rng(n), 100)
                assert sorted(i for i in source + target if i < 100) == list(range(n))
                assert (
                    [i for i in source if i >= 100]
                    == [i for i in target if i >= 100]
                    == list(range(100, 100 + sum(i >= 100 for i in source)))
                )
                assert source[0] < 100 <= source[-1] and target[0] == 100


def test_hidden_places_reads_the_mask_back():
    source, target = span_corruption(np.arange(200, 240), 0.3, 2.0, np.random.default_rng(3), 3)
    hidden = hidden_places(source, target, 40)
    assert [i for i in np.arange(200, 240)[hidden]] == [i for i in target if i >= 200]
    assert [i for i in np.arange(200, 240)[~hidden]] == [i for i in source if i >= 200]


def test_generate_refuses_no_tokens_and_pads_behind_the_end():
    torch.manual_seed(0)
    model = T5(replace(OURS, vocab_size=6, tied=False)).eval()  # so few tokens that the end comes up
    with pytest.raises(ValueError, match="at least 1"):
        generate_t5(model, torch.ones(1, 3, dtype=torch.long), 0)
    written = generate_t5(model, torch.randint(2, 6, (40, 5)), 12)
    ended = (written == 1).cumsum(dim=1) - (written == 1).long() > 0
    assert ended.any() and (written[ended] == 0).all()


# Counting


def documents(n=120, seed=0):
    """Random documents of twelve ordinary tokens, some of them frequent."""
    rng = np.random.default_rng(seed)
    return [108 + rng.geometric(0.3, rng.integers(20, 60)).clip(max=12) - 1 for _ in range(n)]


def by_hand(docs, a, b, n_tokens):
    """Modified Kneser-Ney of order 2 by plain loops: p(b | a)."""
    pairs = Counter(pair for d in docs for pair in zip([0, *d.tolist()], d.tolist(), strict=False))
    before = Counter(second for _, second in pairs)

    def discounts(counts):
        n = [sum(c == k for c in counts.values()) for k in range(5)]
        y = n[1] / max(n[1] + 2 * n[2], 1)
        raw = [0, 1 - 2 * y * n[2] / max(n[1], 1), 2 - 3 * y * n[3] / max(n[2], 1), 3 - 4 * y * n[4] / max(n[3], 1)]
        return [min(max(d, 0.0), 2.9) for d in raw]

    d1, d2 = discounts(before), discounts(pairs)
    total = sum(before.values())
    lowest = 1 / (n_tokens - 108)
    single = (before[b] - d1[min(before[b], 3)]) / total + sum(d1[min(c, 3)] for c in before.values()) / total * lowest
    after = {second: c for (first, second), c in pairs.items() if first == a}
    left_over = sum(d2[min(c, 3)] for c in after.values()) / sum(after.values())
    own = after.get(b, 0)
    return (own - d2[min(own, 3)]) / sum(after.values()) + left_over * single


def test_kneser_ney_is_the_formula():
    docs = documents()
    model = KneserNey(docs, order=2, n_tokens=130)
    for a in (108, 110, 118):
        for b in (108, 111, 119, 125):
            assert model.distribution(np.array([a]))[b] == pytest.approx(by_hand(docs, a, b, 130), rel=1e-9)


@pytest.mark.parametrize(
    "history", [[], [109], [109, 110], [1, 2, 3], [109, 110, 111, 112], [112, 111, 110, 109, 108, 108]]
)
def test_kneser_ney_sums_to_one_and_agrees_with_itself(history):
    model, h = KneserNey(documents(), 5, 130), np.array(history, dtype=np.int64)
    p = model.distribution(h)
    assert p.sum() == pytest.approx(1) and (p[108:] > 0).all() and not p[:108].any()
    np.testing.assert_allclose(p, model.probability(np.tile(h, (130, 1)), np.arange(130)), rtol=1e-9)


def test_gap_lengths_are_those_of_the_rule():
    rng, seen = np.random.default_rng(0), Counter()
    for _ in range(4000):
        seen.update(random_lengths(14, 5, rng).tolist())
    p = gap_lengths(14, 5)
    assert p.sum() == pytest.approx(1)
    assert max(abs(seen[n] / 20_000 - p[n]) for n in range(15)) < 0.012


def test_both_sides_told_is_bayes_by_brute_force():
    """A gap of one token between known ones: left times all that follows, over every token."""
    docs = documents()
    rivals, text = Rivals(docs, 130), docs[0][:20]
    hidden = np.zeros(20, dtype=bool)
    hidden[8] = True
    (question,) = rivals.questions(text, hidden)
    powers = {"told, next to the right side": 1.0, "told, further in": 1.0, "not told": 1.0}
    joint = np.zeros(130)
    for w in range(108, 130):
        row = text.copy()
        row[8] = w
        joint[w] = np.prod([rivals.counts.distribution(row[i - 4 : i])[row[i]] for i in range(8, 13)])
    np.testing.assert_allclose(told(question, powers), joint / joint.sum(), rtol=1e-6)
    only_one = np.array([0.0, 1.0])
    np.testing.assert_allclose(untold(question, powers, only_one), told(question, powers), rtol=1e-6)


def test_thresholds_and_f1():
    scores, truth = np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False])
    threshold = best_threshold(scores, truth)
    assert threshold == 0.3 and f1_at(scores, truth, threshold) == pytest.approx(0.8)
