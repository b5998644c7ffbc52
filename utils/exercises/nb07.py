"""Checks and quiz of notebook 07, sentiment analysis."""

import torch

from utils.checks import Question, call, expect


def close(a, b) -> bool:
    return torch.is_tensor(a) and a.shape == b.shape and torch.allclose(a.float(), b.float(), atol=1e-5)


def check_1(answer):
    g = torch.Generator().manual_seed(7)
    B, T, d = 3, 5, 4
    x = torch.randn(B, T, d, generator=g) + 1
    real = torch.tensor([[True, True, True, False, False], [True, True, True, True, True], [True, False, True, False, False]])
    out = call(answer, x.clone(), real)
    m = real[..., None].float()
    right = (x * m).sum(1) / m.sum(1)
    expect(torch.is_tensor(out), "return one tensor (B, d_model)")
    expect(not close(out, right.unsqueeze(1)), "the token dimension is still there: the result is (B, d_model), without keepdim")
    expect(out.shape == right.shape, f"the result has shape {tuple(out.shape)}, expected (B, d_model) = {tuple(right.shape)}: sum over the tokens, dim 1")
    expect(not close(out, x.mean(1)), "this is the mean over all positions: the padding is in it")
    expect(not close(out, (x * m).mean(1)), "the padding is left out of the sum, but you still divide by T; divide by the number of real tokens")
    expect(not close(out, (x * m).sum(1)), "this is the sum: divide by the number of real tokens")
    expect(not close(out, (x * m).sum(1) / m.sum()), "you divide by the number of real tokens of the whole batch; each review has its own")
    expect(not close(out, (x * (1 - m)).sum(1) / (1 - m).sum(1).clamp(min=1)), "the mask is the wrong way round: True marks real tokens")
    expect(close(out, right), "some values are wrong: for each review, the sum over its real tokens divided by their number")


def check_2(answer):
    words = [f"w{i}" for i in range(11)]
    short = call(answer, words[:4], 6, 3)
    expect(short == words[:4], "a text that is short enough must stay as it is, without repeats")
    expect(call(answer, words[:6], 6, 2) == words[:6], "a text of exactly max_len words must stay as it is")
    out = call(answer, words, 7, 3)
    expect(isinstance(out, list), "return a list of words")
    expect(out != words[:7], "this is the head alone: the last max_len - head words are missing")
    expect(out != words[-7:], "this is the tail alone: the first head words are missing")
    expect(out != words[:3] + words[-7:] and len(out) <= 7, f"{len(out)} words, but at most max_len = 7: the tail has max_len - head words")
    expect(out != words[-4:] + words[:3], "head and tail have changed places: keep the order of the text")
    expect(out != words[:3] + words[-4:][::-1], "the tail runs backwards: keep the order of the text")
    expect(out != words[:4] + words[-3:], "head words of the head and max_len - head of the tail: you have exchanged the two numbers")
    expect(out == words[:3] + words[-4:], f"expected the first 3 and the last 4 words, got {out}")
    edge = call(answer, words, 5, 5)
    expect(len(edge) <= 5, "with head = max_len the tail has no words, but words[-0:] is the whole text")
    expect(edge == words[:5], "with head = max_len only the head may stay")
    expect(call(answer, words, 5, 0) == words[-5:], "with head = 0 only the tail may stay")


def check_3(answer):
    p = torch.tensor([0.03, 0.08, 0.12, 0.31, 0.33, 0.38, 0.52, 0.55, 0.91, 0.95, 0.97, 0.99, 0.62])
    labels = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])

    def gaps(n_bins=10):
        bins = (p * n_bins).long().clamp(max=n_bins - 1)
        for b in bins.unique():
            i = bins == b
            yield (p[i].mean() - labels[i].mean()).item(), i.sum().item()

    out = call(answer, p, labels, 10)
    out = float(out)
    n, found = len(p), list(gaps())
    right = sum(abs(gap) * k for gap, k in found) / n
    near = lambda value: abs(out - value) < 1e-4  # noqa: E731
    expect(out == out, "the result is nan: an empty bin has no mean; skip it")
    expect(not near(abs(sum(gap * k for gap, k in found)) / n) and not near(sum(gap * k for gap, k in found) / n),
           "gaps of opposite sign cancel: take the absolute value in each bin before you average")
    expect(not near(sum(abs(gap) for gap, _ in found) / len(found)), "each bin counts the same here: weight it by the number of its reviews")
    expect(not near(sum(abs(gap) for gap, _ in found) / 10), "each bin counts the same here, the empty ones too: weight it by the number of its reviews")
    expect(not near(max(abs(gap) for gap, _ in found)), "this is the largest gap (maximum calibration error): take the weighted average")
    expect(not near(sum(gap**2 * k for gap, k in found) / n), "the gaps are squared: take their absolute value")
    expect(not near((p - labels).abs().mean().item()), "this compares each review with its own label: compare the means inside each bin")
    expect(abs(out - right) < 1e-4, f"the value is {out:.4f}, expected {right:.4f} for these 13 reviews; are the bins equally wide, from 0 to 1?")
    five = float(call(answer, p, labels, 5))
    expect(abs(five - sum(abs(gap) * k for gap, k in gaps(5)) / n) < 1e-4, "right for ten bins, wrong for five: use n_bins")
    sure = float(call(answer, torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), 10))
    expect(abs(sure - 1 / 3) < 1e-4, "a stated probability of exactly 1 belongs to the last bin; yours loses it or gives it a bin of its own")


QUIZ = [
    Question("Why is the test part looked at only once?",
             right="Each choice made by it makes its accuracy optimistic",
             why="The best of many candidates on a set is partly the luckiest; only reviews without a say in any choice measure fairly.",
             wrong={"It takes too long to evaluate": "A few seconds here; the reason is not time.",
                    "The model would learn from it": "Evaluation changes no weights; the leak goes through our own choices."}),
    Question("Leaving out three quarters of the words in each step does what?",
             right="It makes steps cheaper and stops the model from leaning on single words",
             why="Shorter texts cost less, and a model that never sees the same quarter twice cannot learn reviews by heart.",
             wrong={"It removes the padding": "Padding comes from different lengths; batching by length deals with it.",
                    "It shortens the reviews at test time too": "Verdicts are made from whole reviews; words are left out in training only."}),
    Question("Which of these can temperature scaling change?",
             right="The stated probability",
             why="Dividing all logits by a positive number keeps their sign and order, so verdicts and accuracy stay as they are.",
             wrong={"The accuracy at threshold 0": "A positive factor cannot change a sign.",
                    "Which of two reviews ranks higher": "Order survives the division by a positive number."}),
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
