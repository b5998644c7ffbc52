"""Checks and quiz of notebook 04."""

import torch
from torch.nn import functional as F

from utils.checks import Question, call, expect


def check_1(answer):
    generator = torch.Generator().manual_seed(4)
    vectors = (
        torch.randn(23, 5, generator=generator) * torch.rand(23, 1, generator=generator).mul(6).exp()
    )  # lengths differ much
    i, n = 7, 4
    unit = F.normalize(vectors, dim=1)
    cosines = unit @ unit[i]
    order = cosines.argsort(descending=True)
    good = order[order != i][:n]
    before = vectors.clone()
    out = torch.as_tensor(call(answer, vectors, i, n))
    expect(torch.equal(vectors, before), "the function changes the table it was given; work on a copy")
    expect(not out.is_floating_point(), "the result holds cosines; the row numbers are wanted (topk(...).indices)")
    expect(i not in out.tolist(), "row i is among its own neighbours: it has cosine 1 with itself; leave it out")
    expect(out.shape == (n,), f"the result has shape {tuple(out.shape)}; expected ({n},): n row numbers")
    products = vectors @ vectors[i]
    products[i] = -torch.inf
    expect(
        not torch.equal(out, products.topk(n).indices),
        "these are the neighbours by scalar product, which prefers long vectors; scale the rows to length 1 first",
    )
    expect(not torch.equal(out, cosines.argsort()[:n]), "these are the farthest rows: sort by falling cosine")
    distance = (vectors - vectors[i]).norm(dim=1)
    distance[i] = torch.inf
    expect(
        not torch.equal(out, distance.argsort()[:n]),
        "these are the neighbours by distance between vectors that were not scaled; the cosine compares directions",
    )
    expect(torch.equal(out.sort().values, good.sort().values), "these are not the rows with the largest cosines")
    expect(torch.equal(out, good), "the right rows, in another order: the nearest comes first")


def _ppmi(X, smoothing, clip=True):
    n = X.sum(dim=1)
    p = n**smoothing / (n**smoothing).sum()
    value = (X / (n[:, None] * p[None])).log()
    return value.clamp(min=0) if clip else value


def check_2(answer):
    X = torch.tensor([[0.0, 5, 1, 2], [5, 0, 0, 3], [1, 0, 0, 11], [2, 3, 11, 0]])
    good = _ppmi(X, 0.75)
    out = call(answer, X, 0.75)
    expect(
        torch.is_tensor(out) and out.shape == X.shape,
        f"the result should be a tensor of shape {tuple(X.shape)}, one value a cell",
    )
    expect(
        not torch.isnan(out).any(),
        "there are NaNs: 0 times the logarithm of 0; take the logarithm of the ratio, then clamp",
    )
    expect(
        not torch.isinf(out).any(), "cells without a count are minus infinity, the logarithm of 0; PPMI sets them to 0"
    )
    expect(bool((out >= 0).all()), "there are negative values: positive PMI sets them to 0")
    expect(
        not torch.allclose(out, good.T, atol=1e-4),
        "rows and columns are swapped: the smoothed probability belongs to the context, the column",
    )
    expect(
        not torch.allclose(out, _ppmi(X, 1.0), atol=1e-4),
        "this is PPMI without smoothing: raise the context counts to the power, divide by the sum of the powers",
    )
    wrong = (
        (X / X.sum() / ((X.sum(1) / X.sum()) ** 0.75)[:, None] / ((X.sum(1) / X.sum()) ** 0.75)[None])
        .log()
        .clamp(min=0)
    )
    expect(
        not torch.allclose(out, wrong, atol=1e-4),
        "both probabilities are raised to the power; smooth the context's only, and let it sum to 1",
    )
    half = (X / (X.sum(1)[:, None] * ((X.sum(1) / X.sum()) ** 0.75)[None])).log().clamp(min=0)
    expect(
        not torch.allclose(out, half, atol=1e-4),
        "the smoothed probabilities do not sum to 1: divide the powers by the sum of the powers",
    )
    expect(
        not torch.allclose(out, good / torch.tensor(2.0).log(), atol=1e-4),
        "this is the logarithm to base 2; the notebook uses the natural one",
    )
    expect(
        torch.allclose(out, good, atol=1e-5),
        "the values differ from max(0, ln(n_ij / (n_i P(j)))); check the row sums and the power",
    )
    expect(
        torch.allclose(call(answer, X, 1.0), _ppmi(X, 1.0), atol=1e-5),
        "right for smoothing 0.75 only: use the argument",
    )


def check_3(answer):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(3, 7, 5, generator=generator)
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3, [True] + [False] * 6])
    good = F.normalize((x * real.unsqueeze(-1)).sum(1), dim=-1)
    out = call(answer, x, real)
    expect(
        torch.is_tensor(out) and out.shape == (3, 5),
        f"the result should have shape (3, 5), one vector a sentence; it has {tuple(getattr(out, 'shape', ()))}",
    )
    expect(not torch.isnan(out).any(), "there are NaNs: a division by zero; add up the real tokens' vectors first")
    everything = F.normalize(x.mean(1), dim=-1)
    expect(
        not torch.allclose(out, everything, atol=1e-4),
        "padding takes part in the mean: its vectors are not zero; multiply by the mask before summing",
    )
    inverted = F.normalize((x * ~real.unsqueeze(-1)).sum(1), dim=-1)
    expect(
        not torch.allclose(out[1], inverted[1], atol=1e-4), "this is the mean of the padding: True marks a real token"
    )
    expect(
        not torch.allclose(out, F.normalize(x[:, 0], dim=-1), atol=1e-4),
        "this is the first token's vector; MiniLM's sentence vector is the mean of all real tokens",
    )
    mean = (x * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
    expect(not torch.allclose(out, mean, atol=1e-4), "the mean is right, but not scaled to length 1")
    expect(
        torch.allclose(out.norm(dim=-1), torch.ones(3), atol=1e-4),
        "the vectors do not have length 1: scale each over its features (dim=-1), last of all",
    )
    scaled_first = F.normalize((F.normalize(x, dim=-1) * real.unsqueeze(-1)).sum(1), dim=-1)
    expect(
        not torch.allclose(out, scaled_first, atol=1e-4),
        "the tokens were scaled before the mean; only the sentence's vector is",
    )
    expect(
        torch.allclose(out, good, atol=1e-5), "the vectors differ from the mean over real tokens, scaled to length 1"
    )


QUIZ = [
    Question(
        "What does an embedding layer compute?",
        right="It copies rows of a table, which equals multiplying the table by one-hot vectors.",
        why="The notebook shows both to be equal, values and gradients; only the cost differs.",
        wrong={
            "A small neural network that reads the letters of the word.": "It sees an index, never letters; two spellings have two unrelated rows.",
            "A hash of the word, the same in every model.": "Rows are parameters, trained with the model; two models' rows have nothing in common.",
        },
    ),
    Question(
        "Why does skip-gram push each centre away from some random words?",
        right="Without the push, making all vectors alike would be the best answer.",
        why="The pull alone is smallest when every product is large; the noise words make telling pairs from chance the task.",
        wrong={
            "To learn opposites, which the random words stand for.": "The random words are seldom opposites, and opposites end up near each other.",
            "To save memory, since the table gets sparse.": "The vectors stay dense; sampling saves computing over all V words, and no memory.",
        },
    ),
    Question(
        "On this text the trained vectors did not beat a truncated SVD of PPMI. What follows?",
        right="Training has to be justified by a measurement against the simple method, on the text at hand.",
        why="Both use the same counts. Which wins depends on text, settings and test, so it is measured, with an interval.",
        wrong={
            "Skip-gram and GloVe are wrong.": "Gradients and losses agree with the references; the neighbours make sense.",
            "PPMI-SVD is better on any text.": "One text, one test of 117 triples; and its matrix grows with the text.",
        },
    ),
    Question(
        "Why are good and bad near each other in all three sets of vectors?",
        right="They occur in the same contexts, and contexts are all these methods see.",
        why="A good film, a bad film: a window of five words holds little that tells them apart.",
        wrong={
            "The training was too short.": "The baseline has no training to lengthen, and shows the same.",
            "Cosine ignores the sign of the vectors.": "Cosine runs from -1 to 1; opposite directions would give -1.",
        },
    ),
    Question(
        "What can a contextual vector hold that a static one cannot?",
        right="What the word means in this sentence, such as which bank it is.",
        why="A static table has one row a word, so all ten banks would have cosine 1; MiniLM's differ by sense.",
        wrong={
            "More numbers.": "Size is free in both; ours could be 384 wide and would still be one row a word.",
            "The index of the word in the vocabulary.": "The index is what one starts from; it picks the row in both cases.",
        },
    ),
]
