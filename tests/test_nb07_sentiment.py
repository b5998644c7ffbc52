"""The parts of notebook 07 that its page does not try at their edges."""

import numpy as np
import pytest
import torch

from lessons.sentiment import (
    SentimentConfig,
    WideAndDeep,
    collate,
    count_vocabulary,
    encode_review,
    feature_counts,
    join_by_platt,
    log_count_ratio,
    predict,
    presence,
    thin,
)

DOCUMENTS = [["a", "good", "film", "a", "good", "one"], ["a", "bad", "film"], ["bad"], []]
VOCABULARY = count_vocabulary(DOCUMENTS, min_words=1, min_pairs=1)
SIZES = len(VOCABULARY.words) + 2, len(VOCABULARY.pairs) + 1
REVIEWS = [encode_review(document, VOCABULARY) for document in DOCUMENTS]


def test_news_marks_what_comes_for_the_first_time():
    assert REVIEWS[0][3].tolist() == [
        3,
        3,
        3,
        2,
        0,
        3,
    ]  # "a" again, but "film a" is new; then "good" and "a good" again
    assert REVIEWS[3].tolist() == [[1], [0], [0], [3]]  # an empty review is one unknown word
    cut = encode_review(["a", "good", "film", "a", "good", "one"], VOCABULARY, max_len=4)
    assert cut[2].tolist() == [0, 1, 4, 5] and cut[3].tolist()[2] == 0  # what is news is decided after the cut


def test_counts_and_ratio_by_hand():
    counts = feature_counts(REVIEWS, *SIZES).toarray()
    word = VOCABULARY.words
    pair = {name: SIZES[0] + i for name, i in VOCABULARY.pairs.items()}
    assert counts[0, word["a"]] == 2 and counts[0, pair["a good"]] == 2 and counts[1, pair["bad film"]] == 1
    assert counts[:, 0].sum() == 0 and counts[:, SIZES[0]].sum() == 0  # neither padding nor "no pair"
    there = presence(feature_counts(REVIEWS, *SIZES))
    assert there[0, word["a"]] == pytest.approx(1 / 11**0.5)  # six words and five pairs; counted once
    ratio = log_count_ratio(there, np.array([1, 0, 0, 0]))
    n = counts.shape[1]
    positive, negative = n + (counts[0] > 0).sum(), n + (counts[1:] > 0).sum()
    assert ratio[word["bad"]] == pytest.approx(np.log((1 / positive) / (3 / negative)))
    assert ratio[word["good"]] == pytest.approx(np.log((2 / positive) / (1 / negative)))


def test_votes_count_once_and_padding_has_none():
    torch.manual_seed(0)
    model = WideAndDeep(SentimentConfig(), *SIZES).eval()
    votes = np.arange(1.0, sum(SIZES) + 1)
    model.set_votes(votes)
    model.mix.copy_(torch.tensor([0.0, 1.0, 0.5]))
    expected = presence(feature_counts(REVIEWS, *SIZES)) @ votes + 0.5
    assert predict(model, REVIEWS).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_join_finds_the_part_that_knows():
    torch.manual_seed(0)
    model = WideAndDeep(SentimentConfig(), *SIZES)
    many, labels = [REVIEWS[0], REVIEWS[1]] * 20, torch.tensor([1.0, 0.0] * 20)
    labels[:4] = 1 - labels[:4]  # not separable, so that the weights stay finite
    votes = np.zeros(sum(SIZES))
    votes[VOCABULARY.words["good"]], votes[VOCABULARY.words["bad"]] = 1.0, -1.0
    model.set_votes(votes)
    join_by_platt(model, many, labels)
    verdicts = predict(model, REVIEWS[:2])
    assert verdicts[0] > 0 > verdicts[1]
    assert torch.sigmoid(verdicts).tolist() == pytest.approx([0.9, 0.1], abs=0.02)  # 18 of 20 are as the votes say


def test_thin_and_collate_refuse_nonsense():
    rng = np.random.default_rng(0)
    assert thin(REVIEWS[1], 0.01, 1, rng).shape[1] >= 1
    for keep in (0, 1.5):
        with pytest.raises(ValueError, match="probability"):
            thin(REVIEWS[1], keep, 10, rng)
    with pytest.raises(ValueError, match="at least 1"):
        thin(REVIEWS[1], 0.5, 0, rng)
    with pytest.raises(ValueError, match="at least one review"):
        collate([])
    with pytest.raises(ValueError, match="at least 2"):
        encode_review(["a"], VOCABULARY, max_len=1)
