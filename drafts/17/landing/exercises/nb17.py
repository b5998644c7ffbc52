"""Checks and quiz of notebook 17, GPT."""

import math
from types import SimpleNamespace

import torch

from utils.checks import Question, call, close, expect


def check_1(answer):
    """one number: e to the mean of -logprob over all real tokens of the batch"""
    generator = torch.Generator().manual_seed(0)
    logprobs = -5 * torch.rand(3, 7, generator=generator) - 0.1
    mask = torch.arange(7) < torch.tensor([[7], [2], [4]])

    def given(logprobs, mask):
        return call(answer, logprobs, mask, kind=float, gives="one number, the perplexity of the batch")

    def near(a, b):
        return math.isclose(a, float(b), rel_tol=1e-4)

    got, real = given(logprobs, mask), logprobs[mask]
    rows = torch.stack([row[keep].mean() for row, keep in zip(logprobs, mask, strict=True)])
    expect(not near(got, -real.mean()), "this is the mean loss in nats: the perplexity is e to it")
    expect(not near(got, real.mean().exp()), "the sign: a log-probability is negative, the loss is minus it")
    expect(not near(got, (-logprobs.mean()).exp()), "padding is counted: take the real tokens only, where the mask is True")
    expect(
        not near(got, (-(logprobs * mask).mean()).exp()),
        "padding counts as zero in the mean: divide by the number of real tokens, not of all",
    )
    expect(
        not near(got, (-rows).exp().mean()),
        "this is the mean of the texts' perplexities: take one mean over all real tokens, and e to it last",
    )
    expect(
        not near(got, (-rows.mean()).exp()),
        "each text counts the same here: each real token should, so long texts count more",
    )
    expect(not near(got, (-real).exp().mean()), "e to each token's loss, then the mean: take the mean first, e to it last")
    expect(not near(got, (-real.sum()).exp()), "the sum is not divided by the number of real tokens")
    expect(not near(got, 2 ** -real.mean()), "2 to the mean loss: the logarithms are natural ones, so the base is e")
    expect(not near(got, (-logprobs[~mask].mean()).exp()), "the mask is turned round: True means a real token")
    expect(near(got, (-real.mean()).exp()), f"for a batch of 13 real tokens it is {(-real.mean()).exp().item():.4f}, yours is {got:.4f}")
    sure = given(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))
    expect(near(sure, 1.0), f"a model that is sure and right has the perplexity 1, yours says {sure:.4f}")


def check_2(answer):
    """a tensor (B, V): the logits of tokens that stand in the row's text divided by the factor where positive, multiplied where negative; the others as they were"""
    logits = torch.tensor([[2.0, -1.0, 0.5, 3.0, -4.0], [1.0, 1.5, -2.0, -0.5, 0.25]])
    tokens = torch.tensor([[0, 1, 0], [2, 4, 4]])

    def given(logits, tokens, factor, keep=False):
        return call(answer, logits, tokens, factor, kind="tensor", gives="logits of shape (B, V)", keep=keep)

    def right(logits, tokens, factor):
        there = logits.gather(1, tokens)
        return logits.scatter(1, tokens, torch.where(there > 0, there / factor, there * factor))

    got, wanted = given(logits, tokens, 2.0), right(logits, tokens, 2.0)
    expect(got.shape == (2, 5), f"expected logits of shape (2, 5), yours have {tuple(got.shape)}")
    there = torch.zeros(2, 5).scatter(1, tokens, 1.0).bool()
    expect(not close(got, torch.where(there, logits / 2, logits)), "a negative logit divided by 2 comes nearer to zero, so the token gets likelier: multiply those")
    expect(not close(got, torch.where(there, logits * 2, logits)), "a positive logit times 2 makes the token likelier: divide those")
    expect(
        not close(got, torch.where(there, torch.where(logits > 0, logits * 2, logits / 2), logits)),
        "the two cases are exchanged: this rewards repetition",
    )
    expect(not close(got, torch.where(there, logits - 2, logits)), "the factor is subtracted: it divides positive logits and multiplies negative ones")
    twice = logits.clone()
    for i in range(2):
        for token in tokens[i].tolist():
            twice[i, token] = twice[i, token] / 2 if twice[i, token] > 0 else twice[i, token] * 2
    expect(not close(got, twice), "a token that stands there twice is punished twice: once is what the rule says")
    anywhere = there.any(dim=0).expand(2, 5)
    punished = torch.where(logits > 0, logits / 2, logits * 2)
    expect(not close(got, torch.where(anywhere, punished, logits)), "a row is punished for the tokens of another row: each text has its own")
    expect(not close(got, torch.where(there, logits, punished)), "the tokens that do NOT stand in the text are punished")
    expect(not close(got, punished), "all tokens are punished: only those that stand in the text already")
    expect(not close(got, torch.where(there, float("-inf"), logits)), "the tokens are forbidden: they should get less likely by a factor")
    last = torch.zeros(2, 5).scatter(1, tokens[:, -1:], 1.0).bool()
    expect(not close(got, torch.where(last, punished, logits)), "only the last token is punished: all that stand in the text are")
    expect(close(got, wanted), "some logits differ from: divided by the factor where positive, multiplied where negative, the others as they were")
    mine = logits.clone()
    given(mine, tokens, 2.0, keep=True)
    expect(close(mine, logits), "your function changed the logits that it was given: work on a copy, or use scatter without the underscore")
    expect(close(given(logits, tokens, 1.0), logits), "a factor of 1 changes nothing")
    expect(close(given(logits, tokens, 1.3), right(logits, tokens, 1.3)), "right for a factor of 2, but not for 1.3")


def check_3(answer):
    """one whole number: 2 * n_layers * B * S * d_model * size"""
    config = SimpleNamespace(vocab_size=1009, max_len=512, d_model=84, n_heads=7, n_layers=5, d_ff=None, dropout=0.0)

    def given(B, S, size):
        return call(answer, config, B, S, size, kind=int, gives="one whole number of bytes")

    B, S, size = 3, 11, 4
    right = 2 * 5 * B * S * 84 * size
    got = given(B, S, size)
    expect(got != right // 2, "half of it: keys are kept, and values as well")
    expect(got != right // 5, "only one block is counted: each has a cache of its own")
    expect(got != right // size, "these are numbers, not bytes: each takes `size` bytes")
    expect(got != right // B, "only one text is counted: there are B of them")
    expect(got != right // S, "only one token is counted: all S are kept")
    expect(got != right * 7, "times n_heads is too much: d_model is what all heads have together")
    expect(got != right // 7, "only one head is counted: d_model // n_heads is its width, all heads together have d_model")
    expect(got != right // S * 512, "max_len is what the model could hold; the cache holds the S tokens that were read")
    expect(got != right // 84 * 4 * 84, "4 * d_model is the feed-forward layer's width; keys and values are d_model wide")
    expect(got != right // 2 * 3, "queries are not kept: two things a token, not three")
    expect(got != right // S * S * S, "the scores (S by S) are not kept, only keys and values")
    expect(got == right, f"for 3 texts of 11 tokens, 4 bytes a number, it is {right}, yours is {got}")
    got = given(2, 7, 2)
    expect(got == 2 * 5 * 2 * 7 * 84 * 2, "right for one set of sizes, but not for another: use B, S and size")


QUIZ = [
    Question(
        "Why are queries not kept in the cache?",
        right="a query is used once, for the token that asks",
        why="a new token asks all earlier keys and takes from all earlier values; nobody asks again for an earlier token",
        wrong={
            "they are the same as the keys": "they have a matrix of their own",
            "they would take too much memory": "they would take half as much again, and still be of no use",
        },
    ),
    Question(
        "The model gives one token 0.97. What does top-p with p = 0.9 do, and what top-k with k = 50?",
        right="top-p leaves that token alone; top-k may still draw one of 49 others",
        why="top-p counts probability and adapts to how sure the model is; top-k counts tokens",
        wrong={
            "both leave that token alone": "top-k keeps 50 tokens whatever their probability",
            "top-p keeps nothing, as no set of tokens has exactly 0.9": "the token that crosses the line stays",
        },
    ),
    Question(
        "A GPT's loss falls to 0.02 within a hundred steps, on texts that it sees for the first time. What do you check first?",
        right="whether the mask lets a token see what it should predict",
        why="new text cannot be predicted like that; the gradient of the logits by the inputs shows a leak at once",
        wrong={
            "whether the learning rate is too high": "a high rate makes a loss large, not impossibly small",
            "whether the test set is too small": "a small one makes the loss uncertain, not one fiftieth of what is possible",
        },
    ),
    Question(
        "Why are prompts of unequal length padded on the left for writing?",
        right="all of them then end where the new tokens begin",
        why="the new token's logits come from the last column, which must be a real token",
        wrong={
            "the causal mask hides what stands on the left": "it hides what stands on the right; padding needs a mask of its own",
            "the model was trained that way": "in training there is often no padding at all",
        },
    ),
]
