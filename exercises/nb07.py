"""Checks and quiz of notebook 07, sentiment analysis."""

import torch

from utils.checks import Hint, Question, call, close, expect


def check_1(answer):
    """the mean vector of each review's real tokens, one tensor (B, d_model)"""
    gives = "the mean vector of each review's real tokens, one tensor (B, d_model)"
    g = torch.Generator().manual_seed(7)
    B, T, d = 3, 5, 4
    x = torch.randn(B, T, d, generator=g) + 1
    real = torch.tensor([[True, True, True, False, False], [True, True, True, True, True], [True, False, True, False, False]])
    m = real[..., None].float()
    n = m.sum(1)
    right = (x * m).sum(1) / n
    out = call(answer, x, real, kind="tensor", gives=gives)
    expect(out.shape != (d,), "this is one vector for the whole batch; each review needs its own: (B, d_model)")
    expect(out.shape != (B, 1, d), "the token dimension is still there: the result is (B, d_model), without keepdim")
    expect(out.shape != (B, T), "this has a number for each token: sum over the tokens, dim 1, not over the features")
    expect(out.shape != (B, T, d), "this still has a vector for each token: sum over the tokens, dim 1")
    expect(out.shape == right.shape, f"the result has shape {tuple(out.shape)}, expected (B, d_model) = {tuple(right.shape)}: sum over the tokens, dim 1")
    if not close(out, right):
        expect(not close(out, x.mean(1)), "this is the mean over all positions: the padding is in it")
        expect(not close(out, (x * m).mean(1)), "the padding is left out of the sum, but you still divide by T; divide by the number of real tokens")
        expect(not close(out, (x * m).sum(1)), "this is the sum: divide by the number of real tokens")
        expect(not close(out, x.sum(1) / n), "you divide by the number of real tokens, but the padding is still in the sum: multiply by the mask first")
        expect(not close(out, (x * m).sum(1) / m.sum()), "you divide by the number of real tokens of the whole batch; each review has its own")
        upside = (x * (1 - m)).sum(1)
        expect(not any(close(out, upside / c) for c in ((1 - m).sum(1), (1 - m).sum(1).clamp(min=1), n)),
               "the mask is the wrong way round: True marks real tokens")
        first = torch.stack([row[: int(k)].mean(0) for row, k in zip(x, n, strict=True)])
        expect(not close(out, first), "you take the first tokens, as many as there are real ones; padding may stand in between: use the mask")
        expect(not close(out, x[:, 0]), "this is the vector of the first token: take the mean over all real ones")
        expect(not close(out, x.masked_fill(~real[..., None], float("-inf")).amax(1)), "this is the largest value (max pooling): take the mean")
        raise Hint("some values are wrong: for each review, the sum over its real tokens divided by their number")
    x, real = torch.randn(1, 7, 3, generator=g), torch.tensor([[False, True, False, True, True, False, True]])
    out = call(answer, x, real, kind="tensor", gives=gives)
    expect(out.shape != (3,), "for a single review the result must stay (1, d_model): name the dimension in squeeze, or do without it")
    expect(close(out, x[real].mean(0, keepdim=True)), "right for B = 3 and T = 5, wrong for B = 1 and T = 7: is a size written as a number?")


def check_2(answer):
    """a list of words: the first head and the last max_len - head"""
    gives = "a list of words"
    words = [f"w{i}" for i in range(11)]

    def cut(n, max_len, head):
        return call(answer, words[:n], max_len, head, kind=list, gives=gives)

    expect(cut(4, 6, 3) == words[:4], "a text that is short enough must stay as it is, without repeats")
    expect(cut(6, 6, 2) == words[:6], "a text of exactly max_len words must stay as it is")
    out = cut(11, 7, 2)
    if out != words[:2] + words[-5:]:
        expect(out != words, "a longer text must be cut to max_len words; this is the whole text")
        expect(out != words[:7], "this is the head alone: the last max_len - head words are missing")
        expect(out != words[-7:], "this is the tail alone: the first head words are missing")
        expect(out != words[:2], "the first head words are there, but nothing of the tail: add the last max_len - head")
        expect(out != words[-5:], "the last max_len - head words are there, but nothing of the head: put the first head words before them")
        expect(out not in (words[:3] + words[-4:], words[:3] + words[-3:], words[:4] + words[-3:]),
               "these are two halves: head is ignored; the head has head words and the tail max_len - head")
        expect(out != words[:5] + words[-2:], "head words of the tail and max_len - head of the head: you have exchanged the two numbers")
        expect(len(out) <= 7, f"{len(out)} words, but at most max_len = 7: head words of the head, max_len - head of the tail, nothing besides")
        expect(out != words[-5:] + words[:2], "head and tail have changed places: keep the order of the text")
        expect(out != words[:2] + words[-5:][::-1], "the tail runs backwards: keep the order of the text")
        expect(out != words[:2] + words[-2:], "head words of the tail as well: the tail has max_len - head words")
        expect(out != words[:2] + words[-6:-1], "the last word of the text is missing: the tail ends with it")
        raise Hint(f"of 11 words, with max_len = 7 and head = 2, the first 2 and the last 5 should stay; got {len(out)} others")
    edge = cut(11, 5, 5)
    expect(len(edge) <= 5, "with head = max_len the tail has no words, but words[-0:] is the whole text")
    expect(edge == words[:5], "with head = max_len only the head may stay, all of it")
    expect(cut(11, 5, 0) == words[-5:], "with head = 0 only the tail may stay")


def _bins(p, n_bins):
    return (p * n_bins).long().clamp(max=n_bins - 1)


def _groups(p, labels, n_bins):
    """Mean stated probability, share of positives, number and bin of each bin that is not empty."""
    bins = _bins(p, n_bins)
    return [(p[bins == b].mean().item(), labels[bins == b].mean().item(), int((bins == b).sum()), int(b)) for b in bins.unique()]


def _ece(p, labels, n_bins=10):
    return sum(abs(stated - share) * k for stated, share, k, _ in _groups(p, labels, n_bins)) / len(p)


def check_3(answer):
    """the expected calibration error, one number in [0, 1]"""
    gives = "one number in [0, 1]"
    p = torch.tensor([0.03, 0.08, 0.12, 0.31, 0.33, 0.38, 0.52, 0.55, 0.91, 0.95, 0.97, 0.99, 0.62])
    labels = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    n, found, right = len(p), _groups(p, labels, 10), _ece(p, labels)
    out = call(answer, p, labels, 10, kind=float, gives=gives)
    expect(out == out, "the result is nan: an empty bin has no mean; skip it")
    if not abs(out - right) < 1e-4:

        def near(value):
            return abs(out - float(value)) < 1e-4

        gaps, sizes = [stated - share for stated, share, _, _ in found], [k for _, _, k, _ in found]
        signed = sum(gap * k for gap, k in zip(gaps, sizes, strict=True)) / n
        expect(not near(signed) and not near(-signed) and not near(abs(signed)),
               "gaps of opposite sign cancel: take the absolute value in each bin before you average")
        expect(not near(sum(map(abs, gaps)) / len(gaps)), "each bin counts the same here: weight it by the number of its reviews")
        expect(not near(sum(map(abs, gaps)) / 10), "each bin counts the same here, the empty ones too: weight it by the number of its reviews")
        expect(not near(right * n), "this is the weighted sum: divide by the number of reviews")
        expect(not near(100 * right), "this is in percent: return a share in [0, 1]")
        expect(not near(max(map(abs, gaps))), "this is the largest gap (maximum calibration error): take the weighted average")
        squares = sum(gap**2 * k for gap, k in zip(gaps, sizes, strict=True)) / n
        expect(not near(squares) and not near(squares**0.5), "the gaps are squared: take their absolute value")
        expect(not near((p - labels).abs().mean()), "this compares each review with its own label: compare the means inside each bin")
        expect(not near(((p - labels) ** 2).mean()), "this is the Brier score, each review against its own label: compare the means inside each bin")
        verdict = ((p > 0.5) == (labels > 0)).float()
        sure = torch.maximum(p, 1 - p)
        expect(not near(_ece(sure, verdict)),
               "this is the confidence in the verdict, max(p, 1 - p), against the share of right verdicts, as in the paper, where there are "
               "many classes; here p itself, the probability of 'positive', against the share of positives")
        expect(not near(_ece(p, verdict)), "the share of right verdicts is not what p states: compare with the share of positives in the bin")
        expect(not near(sum(abs((b + 0.5) / 10 - share) * k for _, share, k, b in found) / n),
               "this takes the middle of each bin: use the mean of the probabilities that are in it")
        parts = torch.tensor_split(p.argsort(), 10)
        expect(not near(sum(abs((p[i].mean() - labels[i].mean()).item()) * len(i) for i in parts if len(i)) / n),
               "these bins hold equally many reviews: make them equally wide, from 0 to 1")
        raise Hint(f"the value is {out:.4f}, expected {right:.4f} for these 13 reviews; are the bins equally wide, from 0 to 1?")
    p, labels = torch.tensor([0.05, 0.15, 0.45, 0.55, 0.75, 0.85, 0.92]), torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    five = call(answer, p, labels, 5, kind=float, gives=gives)
    expect(abs(five - _ece(p, labels, 5)) < 1e-4, "right for ten bins, wrong for five bins and 7 reviews: use n_bins and the length of p")
    p, labels = torch.tensor([0.1, 0.25, 0.25, 0.4, 0.5, 0.5, 0.6, 0.75, 0.9]), torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    edges = call(answer, p, labels, 4, kind=float, gives=gives)
    left = [(p * 4).ceil().long() - 1 == b for b in range(4)]  # bins (a, b], as in the paper, are right as well
    left = sum(abs((p[i].mean() - labels[i].mean()).item()) * int(i.sum()) for i in left) / len(p)
    expect(min(abs(edges - _ece(p, labels, 4)), abs(edges - left)) < 1e-4,
           "a probability on the edge of two bins (0.5 with 4 bins) must be in exactly one of them: one end of a bin counts, the other does not")
    top, happened = torch.tensor([1.0, 1.0, 0.95, 0.35]), torch.tensor([0.0, 1.0, 1.0, 0.0])
    sure = call(answer, top, happened, 10, kind=float, gives=gives)
    expect(abs(sure - _ece(top, happened)) < 1e-4, "a stated probability of exactly 1 belongs to the last bin; yours loses it or gives it a bin of its own")
    low, happened = torch.tensor([0.0, 0.0, 0.05, 0.35]), torch.tensor([1.0, 0.0, 0.0, 0.0])
    sure = call(answer, low, happened, 10, kind=float, gives=gives)
    expect(abs(sure - _ece(low, happened)) < 1e-4, "a stated probability of exactly 0 belongs to the first bin; yours loses it or gives it a bin of its own")


QUIZ = [
    Question("Why must a film of the test part have no review in the training part?",
             right="The model would know the film, and with it the verdict, without reading the review",
             why="Names of actors and roles give a film away, and the reviews of one film mostly agree: the score would be too good for new films.",
             wrong={"The reviews would be the same texts": "Duplicates are another leak, and are gone; these are different reviews of one film.",
                    "The classes would no longer be balanced": "A split at random keeps the classes balanced, and leaks all the same."}),
    Question("Why is the test part looked at only once?",
             right="Each choice made by it makes its accuracy optimistic",
             why="The best of many candidates on a set is partly the luckiest; only reviews without a say in any choice measure fairly.",
             wrong={"It takes too long to evaluate": "A few seconds here; the reason is not time.",
                    "The model would learn from it": "Evaluation changes no weights; the leak goes through our own choices."}),
    Question("Leaving out three quarters of the words in each step does what?",
             right="It makes steps cheaper and stops the model from leaning on single words",
             why="Shorter texts cost less, and a model that never sees the same quarter twice learns reviews by heart later.",
             wrong={"It removes the padding": "Padding comes from different lengths; batching by length deals with it.",
                    "It shortens the reviews at test time too": "Verdicts are made from whole reviews; words are left out in training only."}),
    Question("A batch of reviews gives other logits than the same reviews one by one. What do you suspect first?",
             right="The padding is in the attention or in the mean",
             why="Only the padding differs between the two; a mask is missing or the wrong way round.",
             wrong={"Rounding": "That explains differences in the sixth digit, not in the first.",
                    "The tokenizer": "It sees each review alone in both cases."}),
    Question("Green means what in the occlusion display?",
             right="Without this word the logit would be lower",
             why="The effect of a word is the logit with it minus the logit without it, measured by running the model again.",
             wrong={"The word has a large attention weight": "Attention was not looked at; a word can be attended to and change nothing.",
                    "The word is positive in every text": "The effect holds in this text; in another neighbourhood it may turn round."}),
]
