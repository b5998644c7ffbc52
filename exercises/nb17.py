"""Checks and quiz of notebook 17, GPT."""

import math

import torch

from utils.checks import Question, call, close, expect


def check_1(answer):
    """one number for the whole batch, a perplexity"""
    generator = torch.Generator().manual_seed(0)
    logprobs = -5 * torch.rand(3, 7, generator=generator) - 0.1
    mask = torch.stack([torch.arange(7) >= first for first in (0, 5, 3)])  # padded on the left
    mask[2, 5] = False  # and a token that does not count

    def given(logprobs, mask):
        return call(answer, logprobs, mask, kind=float, gives="one number, the perplexity of the batch")

    def near(a, b):
        return math.isclose(a, float(b), rel_tol=1e-4)

    got, real = given(logprobs, mask), logprobs[mask]
    n, count, rows = mask.sum(dim=1), len(real), [row[keep] for row, keep in zip(logprobs, mask, strict=True)]
    means = torch.stack([row.mean() for row in rows])
    first = torch.cat([row[:k] for row, k in zip(logprobs, n.tolist(), strict=True)])
    expect(not near(got, -real.mean()), "this is the mean loss in nats: the perplexity is e to it")
    expect(
        not near(got, real.mean()),
        "this is the mean log-probability: the loss is minus it, and the perplexity e to the loss",
    )
    expect(
        not near(got, -means.mean()),
        "this is a mean loss, each text counting the same: take one mean over all real tokens, then e to it",
    )
    expect(
        not near(got, -real.mean() / math.log(2)),
        "this is the mean loss in bits: the perplexity is e to the loss in nats",
    )
    expect(not near(got, real.mean().exp()), "the sign: a log-probability is negative, the loss is minus it")
    expect(
        not near(got, (-logprobs.mean()).exp()), "padding is counted: take the real tokens only, where the mask is True"
    )
    expect(
        not near(got, (-(logprobs * mask).mean()).exp()),
        "padding counts as zero in the mean: divide by the number of real tokens, not of all",
    )
    expect(
        not near(got, (-first.mean()).exp()),
        "the first tokens of each row are taken: the mask says which are real, and here the padding stands on the left",
    )
    expect(
        not near(got, (-means).exp().mean()) and not near(got, ((-means).exp() * n).sum() / count),
        "this is a mean of the texts' perplexities: take one mean over all real tokens, and e to it last",
    )
    expect(
        not near(got, (-means).exp().sum()),
        "the texts' perplexities are added up: take one mean over all real tokens, and e to it last",
    )
    expect(
        not near(got, (-means.mean()).exp()),
        "each text counts the same here: each real token should, so long texts count more",
    )
    expect(
        not near(got, (-real).exp().mean()), "e to each token's loss, then the mean: take the mean first, e to it last"
    )
    expect(not near(got, (-real.sum()).exp()), "the sum is not divided by the number of real tokens")
    expect(
        not near(got, (-real.sum() / 3).exp()),
        "the sum is divided by the number of texts: divide by the number of real tokens",
    )
    expect(not near(got, 2 ** -real.mean()), "2 to the mean loss: the logarithms are natural ones, so the base is e")
    expect(not near(got, (-logprobs[~mask].mean()).exp()), "the mask is turned round: True means a real token")
    expect(got != math.inf, "infinite: padding was set to minus infinity and then counted; leave it out")
    wanted = (-real.mean()).exp().item()
    expect(
        abs(got - wanted) > 0.05 or near(got, wanted),
        f"{got:.4f} is near {wanted:.4f}, but rounded or in half precision: hand back all digits",
    )
    expect(near(got, wanted), f"for a batch of {count} real tokens it is {wanted:.4f}, yours is {got:.4f}")
    sure = given(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))
    expect(near(sure, 1.0), f"a model that is sure and right has the perplexity 1, yours says {sure:.4f}")
    other = -torch.rand(5, 4, generator=generator) - 0.5
    expect(
        near(given(other, torch.ones(5, 4, dtype=torch.bool)), (-other.mean()).exp()),
        "right for one batch, but not for one of 5 texts of 4 tokens without padding: no number of the batch may stand in the code",
    )


def check_2(answer):
    """a tensor of logits (B, V)"""
    logits = torch.tensor(
        [[2.0, -1.0, 0.05, 3.0, -4.0, 9.0], [-0.05, 1.5, -2.0, -0.5, 0.3, 8.0], [0.7, -0.3, 6.0, 0.1, 2.5, -1.5]]
    )
    tokens = torch.tensor([[0, 2, 0, 1], [2, 4, 4, 0], [1, 3, 3, 4]])
    B, V = logits.shape

    def given(logits, tokens, factor, keep=False):
        got = call(answer, logits, tokens, factor, kind="tensor", gives="logits of shape (B, V)", keep=keep)
        expect(
            got.shape == logits.shape, f"expected logits of shape {tuple(logits.shape)}, yours have {tuple(got.shape)}"
        )
        expect(not got.is_complex(), "logits are real numbers, yours are complex")
        return got

    def right(logits, tokens, factor):
        there = logits.gather(1, tokens)
        return logits.scatter(1, tokens, torch.where(there > 0, there / factor, there * factor))

    factor = 2.5
    got, wanted = given(logits, tokens, factor), right(logits, tokens, factor)
    there = torch.zeros(B, V).scatter(1, tokens, 1.0).bool()
    punished = torch.where(logits > 0, logits / factor, logits * factor)

    def at(mask, changed, hint):
        expect(not close(got, torch.where(mask, changed, logits)), hint)

    expect(
        not close(got, logits),
        "nothing has changed: `scatter` gives a new tensor, and only `scatter_` writes into an old one",
    )
    at(
        there,
        logits / factor,
        f"a negative logit divided by {factor} comes nearer to zero, so the token gets likelier: multiply those",
    )
    at(there, logits * factor, f"a positive logit times {factor} makes the token likelier: divide those")
    at(
        there,
        torch.where(logits > 0, logits * factor, logits / factor),
        "the two cases are exchanged: this rewards repetition",
    )
    at(there & (logits > 0), punished, "negative logits are left as they were: multiply those by the factor")
    at(there & (logits < 0), punished, "positive logits are left as they were: divide those by the factor")
    at(there, logits - factor, "the factor is subtracted: it divides positive logits and multiplies negative ones")
    at(
        there,
        logits - math.log(factor),
        "the factor's logarithm is subtracted, which divides probabilities: the rule is about logits",
    )
    at(there, logits.abs() / factor, "the sign of negative logits is lost: multiply those, and leave them negative")
    at(there, float("-inf"), "the tokens are forbidden: they should get less likely by a factor")
    expect(
        not close(got, torch.where(there, punished, torch.zeros(()))),
        "the logits of the other tokens became 0: they stay as they were",
    )
    counts = torch.zeros(B, V).scatter_add(1, tokens, torch.ones(tokens.shape))
    twice = torch.where(logits > 0, logits / factor**counts, logits * factor**counts)
    expect(not close(got, twice), "a token that stands there twice is punished twice: once is what the rule says")
    at(counts > 1, punished, "only tokens that stand there twice are punished: once is enough")
    at(
        there.any(dim=0).expand(B, V),
        punished,
        "a row is punished for the tokens of another row: each text has its own",
    )
    at(~there, punished, "the tokens that do NOT stand in the text are punished")
    expect(not close(got, punished), "all tokens are punished: only those that stand in the text already")
    expect(
        not close(got, logits / factor),
        "all logits are divided: that is a temperature; the rule is for tokens that stand in the text already",
    )
    for part, name in (
        ((tokens[:, -1:]), "only the last token is"),
        (tokens[:, :1], "only the first token is"),
        (tokens[:, :-1], "all but the last token are"),
    ):
        at(torch.zeros(B, V).scatter(1, part, 1.0).bool(), punished, f"{name} punished: all that stand in the text are")
    at(there & (torch.arange(B) == 0)[:, None], punished, "only the first row is punished: a `return` inside the loop?")
    by_id = logits.scatter(
        1, tokens, torch.where(tokens > 0, logits.gather(1, tokens) / factor, logits.gather(1, tokens) * factor)
    )
    expect(not close(got, by_id), "the sign of the token's number is asked, not that of its logit")
    expect(
        close(got, wanted, atol=1e-4) or not close(got, wanted, atol=0.05),
        "nearly right: these numbers are rounded, or in half precision",
    )
    expect(
        close(got, wanted),
        "some logits differ from: divided by the factor where positive, multiplied where negative, the others as they were",
    )
    mine, seen = logits.clone(), tokens.clone()
    given(mine, seen, factor, keep=True)
    expect(
        close(mine, logits),
        "your function changed the logits that it was given: work on a copy, or use scatter without the underscore",
    )
    expect(torch.equal(seen, tokens), "your function changed the tokens that it was given: work on a copy")
    expect(
        close(given(logits, tokens, 1.3), right(logits, tokens, 1.3)),
        f"right for a factor of {factor}, but not for 1.3",
    )
    more, text = torch.randn(2, 9, generator=torch.Generator().manual_seed(1)), torch.tensor([[5], [8]])
    expect(
        close(given(more, text, 2.0), right(more, text, 2.0)),
        "right for three texts of four tokens, but not for two of one token",
    )
    forbidden = logits.masked_fill(logits < -1.2, float("-inf"))
    expect(
        close(given(forbidden, tokens, factor), right(forbidden, tokens, factor)),
        "a token that another rule has forbidden (minus infinity) must stay so, and no other may become not a number",
    )


def check_3(answer):
    """one whole number of bytes"""
    from lessons.gpt import GPTConfig

    config = GPTConfig(vocab_size=1009, max_len=512, d_model=91, n_heads=13, n_layers=5)

    def given(B, S, size):
        return call(answer, config, B, S, size, kind=int, gives="one whole number of bytes")

    B, S, size = 3, 11, 7
    n, d, heads = config.n_layers, config.d_model, config.n_heads
    right = 2 * n * B * S * d * size
    got = given(B, S, size)
    expect(got != right // 2, "half of it: keys are kept, and values as well")
    expect(got != right * 2, "twice of it: one factor of 2 is enough, for keys and values")
    expect(got != right // n, "only one block is counted: each has a cache of its own")
    expect(
        got != right // n * heads,
        "n_heads stands where n_layers should: each block has a cache, and d_model is what all its heads have",
    )
    expect(got != right // size, "these are numbers, not bytes: each takes `size` bytes")
    expect(
        got not in (right // size * 2, right // size * 4),
        "the bytes of a number are fixed in your code: each takes `size` bytes",
    )
    expect(got != right // size * 8, "bits? The question is bytes, and each number takes `size` of them")
    expect(got != right * size, "`size` is counted twice")
    expect(got != right // B, "only one text is counted: there are B of them")
    expect(got != right // S, "only one token is counted: all S are kept")
    expect(got != right * heads, "times n_heads is too much: d_model is what all heads have together")
    expect(
        got != right // heads,
        "only one head is counted: d_model // n_heads is its width, all heads together have d_model",
    )
    expect(got != right // S * 512, "max_len is what the model could hold; the cache holds the S tokens that were read")
    expect(got != right * 4, "4 * d_model is the feed-forward layer's width; keys and values are d_model wide")
    expect(got != right // 2 * 3, "queries are not kept: two things a token, not three")
    scores = n * B * heads * S * S * size
    expect(got not in (right * S, scores, right + scores), "the scores (S by S) are not kept, only keys and values")
    expect(
        got != right // S * (S * (S + 1) // 2),
        "the triangle is what each token sees; a key and a value are kept once, whoever looks at them",
    )
    expect(got == right, f"for 3 texts of 11 tokens, 7 bytes a number, it is {right}, yours is {got}")
    got = given(2, 17, 4)
    expect(got == 2 * n * 2 * 17 * d * 4, "right for one set of sizes, but not for another: use B, S and size")


QUIZ = [
    Question(
        "Why are queries not kept in the cache?",
        right="a query is used once, by its own token",
        why="a new token asks all earlier keys and takes from all earlier values; nobody asks again for an earlier token",
        wrong={
            "they are the same numbers as the keys": "they have a matrix of their own",
            "they would take more memory than keys and values": "they would take half as much again, and still be of no use",
            "a query depends on tokens that come later": "it depends on its own position's vector alone",
        },
    ),
    Question(
        "The model gives one token 0.97. What does top-p with p = 0.9 do, and what top-k with k = 50?",
        right="top-p leaves that token alone, top-k keeps 49 others",
        why="top-p counts probability and adapts to how sure the model is; top-k counts tokens",
        wrong={
            "both leave that token alone, since it is likelier than all others": "top-k keeps 50 tokens whatever their probability",
            "top-p keeps no token, as none has exactly 0.9": "the token that crosses the line stays",
            "top-p keeps nine tenths of the vocabulary": "it counts probability, not tokens",
        },
    ),
    Question(
        "A GPT's loss falls to 0.02 within a hundred steps, on texts that it sees for the first time. What do you check first?",
        right="whether a position sees what it should predict",
        why="targets that are not shifted, or a mask that looks ahead; the gradient of section 5 finds the second, a look at the batch the first",
        wrong={
            "whether the learning rate is too high for this model": "a high rate makes a loss large, not impossibly small",
            "whether the test set is too small for a fair judgement": "a small one makes the loss uncertain, not nearly zero",
            "whether the head is tied to the embedding": "that is as it should be, and gives away nothing",
        },
    ),
    Question(
        "Why are prompts of unequal length padded on the left for writing?",
        right="all of them then end where new tokens begin",
        why="the new token's logits come from the last column, which must be a real token",
        wrong={
            "the causal mask hides all that stands on the left": "it hides what stands on the right; padding needs a mask of its own",
            "the model has seen padding on the left in its training": "in training there is often no padding at all",
            "positions on the left are cheaper to compute": "each column costs the same",
        },
    ),
    Question(
        "All logits of a text grow by 5, which leaves softmax as it was. What of the repetition penalty of exercise 2?",
        right="its result changes: it asks for the logits' sign",
        why="softmax knows differences only, the rule knows zero, which for logits means nothing in itself",
        wrong={
            "its result stays, since softmax stays": "dividing 7 by 2 is not dividing 2 by 2 and adding 5",
            "it punishes nothing any more, since all logits are positive": "positive ones are divided, so all written tokens lose",
            "it becomes a temperature, since all logits are divided by one number": "only the written tokens' are",
        },
    ),
]
