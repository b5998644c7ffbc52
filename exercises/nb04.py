"""Checks and quiz of notebook 04, embeddings."""

import torch
from torch.nn import functional as F

from utils.checks import Hint, NotAttempted, Question, call, close, expect


def _later(answer, *args, what: str, **kwargs):
    """`call` for a second or later input: nothing returned is then a mistake, not an exercise that was never begun."""
    try:
        return call(answer, *args, **kwargs)
    except NotAttempted:
        raise Hint(f"for {what} your function returns nothing") from None


def _table(rows: int, columns: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator) * torch.rand(rows, 1, generator=generator).mul(6).exp()


def _nearest(vectors: torch.Tensor, i: int, n: int) -> list[int]:
    unit = F.normalize(vectors, dim=1)
    return [row for row in (unit @ unit[i]).argsort(descending=True).tolist() if row != i][:n]


def check_1(answer):
    """n row numbers, nearest to row i by cosine first, without i"""

    def run(vectors, i, n, what=""):
        given = vectors.clone()
        calls = (lambda *a, **k: _later(*a, what=what, **k)) if what else call
        out = calls(answer, given, i, n, kind="tensor", gives="a tensor or list of n row numbers", keep=True)
        expect(torch.equal(given, vectors), "the function changes the table it was given; work on a copy")
        expect(
            not out.is_floating_point() or not out.numel() or torch.equal(out, out.round()),
            "the result holds cosines; the row numbers are wanted (topk(...).indices)",
        )
        expect(out.shape == (n,), f"the result has shape {tuple(out.shape)}; expected ({n},): n row numbers")
        return out.tolist()

    vectors = _table(23, 5, seed=4)  # lengths differ much
    i, n = 7, 4
    good = _nearest(vectors, i, n)
    unit = F.normalize(vectors, dim=1)
    cosines, products, distance = unit @ unit[i], vectors @ vectors[i], (vectors - vectors[i]).norm(dim=1)
    out = run(vectors, i, n)
    expect(
        i not in out,
        "row i is among its own neighbours: it has cosine 1 with itself; leave it out, with minus infinity in its place",
    )
    products[i], distance[i] = -torch.inf, torch.inf
    expect(
        out != products.topk(n).indices.tolist(),
        "these are the neighbours by scalar product, which prefers long vectors; scale the rows to length 1 first",
    )
    expect(out != cosines.argsort()[:n].tolist(), "these are the farthest rows: sort by falling cosine")
    expect(
        out != distance.argsort()[:n].tolist(),
        "these are the neighbours by distance between vectors that were not scaled; the cosine compares directions",
    )
    columns = F.normalize(vectors, dim=0)
    along = columns @ columns[i]
    along[i] = -torch.inf
    expect(
        out != along.topk(n).indices.tolist(),
        "the columns were scaled to length 1, not the rows: a vector is a row of the table, so normalize with dim=1",
    )
    size = cosines.abs()
    size[i] = -torch.inf
    expect(
        out != size.topk(n).indices.tolist(),
        "the sign was dropped: a cosine of -0.9 means the opposite direction, which is far, not near",
    )
    expect(
        sorted(out) != sorted(good) or out == good,
        f"the right rows, in another order: the nearest comes first, {good}; yours {out}",
    )
    expect(out == good, f"these are not the rows with the largest cosines: expected {good}, got {out}")
    out = run(vectors, 2, 3, what="i=2 and n=3")
    expect(
        out == _nearest(vectors, 2, 3),
        f"right for one row only: for i=2 and n=3 expected {_nearest(vectors, 2, 3)}, got {out}; use the arguments",
    )
    # here all other rows point away from row 1, so that a cosine of 0 would be the largest of all
    away = torch.tensor([[-1.0, 0.2], [3.0, 0.1], [-2.0, -1.5], [-0.3, 0.9]])
    out = run(away, 1, 2, what="a table where all cosines are negative")
    expect(
        1 not in out,
        "where all cosines are negative, row i is among its own neighbours: 0 in its place is then the largest; "
        "put minus infinity there",
    )
    expect(
        out == _nearest(away, 1, 2),
        f"where all cosines are negative, expected the rows {_nearest(away, 1, 2)}, got {out}",
    )
    twins = torch.tensor([[0.0, 1.0, 0.1], [2.0, 1.0, 0.0], [3.0, -1.0, 0.5], [3.0, 1.5, 0.0], [1.0, 0.0, 0.0]])
    for i, twin in ((3, 1), (1, 3)):
        out = run(twins, i, 2, what="a table with two rows of one direction")
        expect(
            out == [twin, 4],
            f"rows 1 and 3 point the same way, so row {twin} is the nearest to row {i}: expected [{twin}, 4], got {out}; "
            "leave out row i by its number, not whatever stands first or has cosine 1",
        )


def _ppmi(X, smoothing, clip=True):
    n = X.sum(dim=1)
    p = n**smoothing / (n**smoothing).sum()
    value = (X / (n[:, None] * p[None])).log()
    value = torch.where(X > 0, value, -torch.inf)  # also for a word without any count, where the ratio is 0 / 0
    return value.clamp(min=0) if clip else value


def check_2(answer):
    """a table of the counts' shape, max(0, ln(n_ij / (n_i P(j)))) in each cell"""

    def run(X, smoothing, what=""):
        calls = (lambda *a, **k: _later(*a, what=what, **k)) if what else call
        given = X.clone()
        out = calls(answer, given, smoothing, kind="tensor", gives=f"a tensor of shape {tuple(X.shape)}", keep=True)
        expect(torch.equal(given, X), "the function changes the counts it was given; work on a copy")
        expect(
            out.shape == X.shape,
            f"the result should have shape {tuple(X.shape)}, one value a cell; it has {tuple(out.shape)}",
        )
        return out

    X = torch.tensor([[0.0, 5, 1, 2], [5, 0, 0, 3], [1, 0, 0, 11], [2, 3, 11, 0]])
    good = _ppmi(X, 0.75)
    out = run(X, 0.75)
    expect(
        not torch.isnan(out).any(),
        "there are NaNs: 0 times the logarithm of 0; take the logarithm of the ratio, then clamp",
    )
    expect(
        not torch.isinf(out).any(), "cells without a count are minus infinity, the logarithm of 0; PPMI sets them to 0"
    )
    n, total = X.sum(dim=1), X.sum()
    power = (n / total) ** 0.75
    p = n**0.75 / (n**0.75).sum()
    ratio = X / (n[:, None] * p[None])
    expect(not close(out, ratio, 1e-4), "this is the ratio itself: take its logarithm, then set negative values to 0")
    expect(
        not close(out, ratio.clamp(min=1), 1e-4) and not close(out, ratio * (ratio > 1), 1e-4),
        "small ratios are cut off, but the logarithm is missing: ln of the ratio, then clamp(min=0)",
    )
    expect(
        not close(out, (1 + ratio).log(), 1e-4),
        "this is ln(1 + ratio), which is positive everywhere: the zeros need no 1, clamp(min=0) takes minus infinity",
    )
    expect(bool((out >= 0).all()), "there are negative values: positive PMI sets them to 0")
    expect(
        not close(out, _ppmi(X, 0.75, clip=False).abs().where(X > 0, 0.0), 1e-4),
        "negative values lost their sign: they become 0, not positive",
    )
    expect(
        not close(out, good.T, 1e-4),
        "rows and columns are swapped: the smoothed probability belongs to the context, the column",
    )
    expect(
        not close(out, _ppmi(X, 1.0), 1e-4),
        "this is PPMI without smoothing: raise the context counts to the power, divide by the sum of the powers",
    )
    expect(
        not close(out, (X / total / (power[:, None] * power[None])).log().clamp(min=0), 1e-4)
        and not close(out, (X / total / (p[:, None] * p[None])).log().clamp(min=0), 1e-4),
        "both probabilities are raised to the power; smooth the context's only, and let it sum to 1",
    )
    expect(
        not close(out, (X / (n[:, None] * power[None])).log().clamp(min=0), 1e-4)
        and not close(out, (X / (n[:, None] * (n**0.75 / total)[None])).log().clamp(min=0), 1e-4),
        "the smoothed probabilities do not sum to 1: divide the powers by the sum of the powers",
    )
    raised = X**0.75
    expect(
        not close(out, (X / (n[:, None] * (raised.sum(dim=0) / raised.sum())[None])).log().clamp(min=0), 1e-4),
        "each cell was raised to the power before the sum: first add up a word's counts, then raise the sum",
    )
    expect(
        bool(out.any()),
        "every cell is 0, so each ratio is below 1: a count stands where its probability belongs. Take P(i, j) / (P(i) P(j)) "
        "or n_ij / (n_i P(j)), not a mixture of the two",
    )
    expect(
        not close(out, good / torch.tensor(2.0).log(), 1e-4),
        "this is the logarithm to base 2; the notebook uses the natural one",
    )
    expect(close(out, good), "the values differ from max(0, ln(n_ij / (n_i P(j)))); check the row sums and the power")
    expect(close(run(X, 1.0, what="smoothing=1.0"), _ppmi(X, 1.0)), "right for smoothing 0.75 only: use the argument")
    Y = torch.tensor([[2.0, 7, 0, 1, 4], [7, 0, 0, 3, 0], [0, 0, 0, 0, 0], [1, 3, 0, 6, 9], [4, 0, 0, 9, 0]])
    out = run(Y, 0.5, what="five words, one of them without any count")
    expect(
        not torch.isnan(out).any() and not torch.isinf(out).any(),
        "a word without any count gives 0 / 0, which is NaN and stays NaN through the clamp: its row and its column are 0",
    )
    expect(
        close(out, _ppmi(Y, 0.5)),
        "right for the first table only: another table, of five words, comes out wrong; is a size or a sum fixed, "
        "or a word without any count left out?",
    )


def check_3(answer):
    """one vector of length 1 a sentence, (B, d_model)"""

    def run(x, real, what=""):
        calls = (lambda *a, **k: _later(*a, what=what, **k)) if what else call
        B, _, d_model = x.shape
        given, mask = x.clone(), real.clone()
        gives = f"a tensor of shape ({B}, {d_model}), one vector a sentence"
        out = calls(answer, given, mask, kind="tensor", gives=gives, keep=True)
        expect(torch.equal(given, x) and torch.equal(mask, real), "the function changes what it was given; work on a copy")
        expect(
            out.shape == (B, d_model),
            f"the result should have shape ({B}, {d_model}), one vector a sentence; it has {tuple(out.shape)}",
        )
        expect(not torch.isnan(out).any(), "there are NaNs: a division by zero, or minus infinity in place of the padding (a sum needs 0 there); add up the real tokens' vectors first")
        return out

    generator = torch.Generator().manual_seed(5)
    x = torch.randn(3, 7, 5, generator=generator)
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3, [True] + [False] * 6])
    good = F.normalize((x * real.unsqueeze(-1)).sum(1), dim=-1)
    out = run(x, real)
    mean = (x * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
    expect(
        not close(out, F.normalize(x.mean(1), dim=-1), 1e-4) and not close(out, x.mean(1), 1e-4),
        "padding takes part in the mean: its vectors are not zero; multiply by the mask before summing",
    )
    inverted = F.normalize((x * ~real.unsqueeze(-1)).sum(1), dim=-1)
    expect(not close(out[1], inverted[1], 1e-4), "this is the mean of the padding: True marks a real token")
    expect(
        not close(out, F.normalize(x[:, 0], dim=-1), 1e-4),
        "this is the first token's vector; MiniLM's sentence vector is the mean of all real tokens",
    )
    largest = x.masked_fill(~real.unsqueeze(-1), -torch.inf).amax(dim=1)
    masked = (x * real.unsqueeze(-1)).amax(dim=1)  # with zeros in place of the padding
    expect(
        not any(close(out, F.normalize(v, dim=-1), 1e-4) or close(out, v, 1e-4) for v in (largest, masked, x.amax(dim=1))),
        "this is the maximum over the tokens (max pooling); the mean is wanted",
    )
    expect(not close(out, mean, 1e-4), "the mean is right, but not scaled to length 1")
    total = mean * real.sum(1, keepdim=True)
    expect(
        not close(out, total, 1e-4) and not close(out, total / 7, 1e-4),
        "the direction is right, but the vectors were not scaled to length 1: F.normalize over the features comes last",
    )
    expect(
        not close(out, F.normalize(total, dim=0), 1e-4) and not close(out, F.normalize(mean, dim=0), 1e-4),
        "each column was scaled, not each sentence's vector: to length 1 over the features, dim=-1",
    )
    expect(
        close(out.norm(dim=-1), torch.ones(3), 1e-4),
        "the vectors do not have length 1: scale each over its features (dim=-1), last of all",
    )
    scaled_first = F.normalize((F.normalize(x, dim=-1) * real.unsqueeze(-1)).sum(1), dim=-1)
    expect(not close(out, scaled_first, 1e-4), "the tokens were scaled before the mean; only the sentence's vector is")
    expect(
        close(out, good),
        "the vectors differ from the mean over real tokens, scaled to length 1",
    )
    # other sizes, and padding on the left
    x = torch.randn(2, 4, 6, generator=generator)
    real = torch.tensor([[False, True, True, True], [True, False, True, False]])
    expect(
        close(run(x, real, what="padding on the left"), F.normalize((x * real.unsqueeze(-1)).sum(1), dim=-1)),
        "right only where padding stands at the end: here it stands before the tokens and between them, so use the mask itself",
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
