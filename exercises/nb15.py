"""Checks and quiz of notebook 15, T5."""

from types import SimpleNamespace

import torch

from utils.checks import Question, call, expect


def check_1(answer):
    """a list of ids: the whole text, without sentinels"""
    kind = {"kind": list, "gives": "a list of ids"}
    source, written, whole = [7, 8, 50, 9, 51, 4, 52], [50, 21, 22, 51, 23, 52, 24, 25], [7, 8, 21, 22, 9, 23, 4, 24, 25]
    kept, kept_written = list(source), list(written)
    out = call(answer, source, written, 50, 10, keep=True, **kind)
    expect(source == kept and written == kept_written, "your function changed the lists it was given; build a new one")
    sentinels = [i for i in out if i in (50, 51, 52)] if all(isinstance(i, (int, float)) for i in out) else []
    expect(not (sentinels and [i for i in out if i not in sentinels] == whole), "sentinels are still in the text: put what they hide in their place, not behind them")
    expect(out != [7, 8, 9, 4], "the gaps are empty: what the answer says behind each sentinel belongs into its gap")
    expect(out != [7, 8, 9, 4, 21, 22, 23, 24, 25], "everything hidden stands at the end; each span belongs where its sentinel stood")
    expect(out != [7, 8, 21, 9, 23, 4, 24], "only the first token of each span came back; a gap may hide several")
    expect(out == whole, f"expected {whole}, got {out if len(out) < 20 else 'a list of ' + str(len(out))}")
    swapped = call(answer, source, [52, 24, 25, 50, 21, 51, 23], 50, 10, **kind)
    expect(swapped != [7, 8, 24, 25, 9, 21, 4, 23], "the answer may name the gaps in another order: match them by sentinel, not by place")
    expect(swapped == [7, 8, 21, 9, 23, 4, 24, 25], "an answer that names the gaps in another order comes out wrong: match them by sentinel")
    missing = call(answer, source, [50, 21, 52, 24], 50, 10, **kind)
    expect(missing != [7, 8, 21, 9, 51, 4, 24], "a sentinel that the answer does not mention stays in the text; it should leave nothing")
    expect(missing == [7, 8, 21, 9, 4, 24], "a sentinel that the answer does not mention leaves nothing; the others keep their spans")
    twice = call(answer, [7, 50, 8, 51], [50, 21, 51, 22, 50, 23, 24], 50, 10, **kind)
    expect(twice != [7, 23, 24, 8, 22], "a sentinel that is mentioned twice: the first mention counts, not the last")
    expect(twice != [7, 21, 23, 24, 8, 22], "a sentinel that is mentioned twice: only the first mention counts, they are not joined")
    expect(twice == [7, 21, 8, 22], "a sentinel that is mentioned twice: the first mention counts, and what follows the second belongs nowhere")
    early = call(answer, [7, 50, 8], [31, 32, 50, 21], 50, 10, **kind)
    expect(early == [7, 21, 8], "what the answer says before its first sentinel belongs into no gap")
    edge = call(answer, [5, 12, 6, 13, 9, 4], [12, 30, 13, 9], 10, 4, **kind)
    expect(edge == [5, 30, 6, 9, 9, 4], "with other sentinels it is wrong: they are first_sentinel to first_sentinel + n_sentinels - 1, both ends counted, and no others")


def check_2(answer):
    """a tensor of ids (B, T)"""
    labels = torch.tensor([[11, 12, 13, 1, -100, -100], [21, 1, -100, -100, -100, -100], [31, 32, 33, 34, 35, 1]])
    right = torch.tensor([[2, 11, 12, 13, 1, 4], [2, 21, 1, 4, 4, 4], [2, 31, 32, 33, 34, 35]])
    given = labels.clone()
    out = call(answer, given, 2, 4, kind="tensor", keep=True)
    expect(torch.equal(given, labels), "your function changed the labels; the loss still needs their -100")
    expect(out.shape != (3, 7), "one place too many: the last label is never read, so T stays as it is")
    expect(out.shape != (3, 5), "one place too few: the start comes in front of what is left of the labels, T stays as it is")
    expect(out.shape == labels.shape, f"the result has shape {tuple(out.shape)}, expected that of the labels, {tuple(labels.shape)}")
    expect(not torch.equal(out, labels) and not torch.equal(out, labels.masked_fill(labels == -100, 4)), "nothing moved: at each place the decoder would read the very token that it has to write")
    left = torch.cat([labels[:, 1:], torch.full((3, 1), 2)], dim=1)
    expect(not torch.equal(out[:, :4].masked_fill(out[:, :4] == 4, -100), left[:, :4]), "moved to the left: the decoder would read the token after the one that it has to write")
    expect(not (out == -100).any(), "-100 is still there, and no embedding can look it up: replace it by padding")
    rolled = labels.roll(1, dims=1)
    expect(not torch.equal(out, rolled.masked_fill(rolled == -100, 4)), "the first place holds the last label of the row: put start_id there")
    moved = torch.cat([torch.full((3, 1), 2), labels[:, :-1]], dim=1)
    expect(not torch.equal(out, moved.masked_fill(moved == -100, 0)), "padding is pad_id, which is handed in; here it is not 0")
    expect(not torch.equal(out, moved.masked_fill(moved == -100, 2)), "behind the end stands padding, not the start again")
    expect(not torch.equal(out[:, 1:], right[:, 1:]) or torch.equal(out, right), "the first place must be start_id, which is handed in")
    clipped = torch.cat([torch.full((3, 1), 2), labels[:, :-1]], dim=1).masked_fill(labels == -100, 4)
    expect(not torch.equal(out, clipped), "the end token was replaced as well: look for -100 after the labels have moved, not before")
    expect(torch.equal(out, right), f"expected the first row {right[0].tolist()}, got {out[0].tolist()}")
    one = call(answer, torch.tensor([[9], [-100]]), 0, 3, kind="tensor")
    expect(torch.equal(one, torch.zeros(2, 1, dtype=torch.long)), "for labels of length 1 the decoder reads the start only")


def check_3(answer):
    """one number: a log-probability, 0 or below"""
    g = torch.Generator().manual_seed(15)
    V = 13
    by_source, by_last, by_step = torch.randn(V, generator=g), torch.randn(V, V, generator=g), torch.randn(9, V, generator=g)

    def model(source, inputs):
        if source.dim() != 2 or inputs.dim() != 2 or len(source) != 1 or len(inputs) != 1:
            raise ValueError(f"the model takes (1, S) and (1, T), it got {tuple(source.shape)} and {tuple(inputs.shape)}")
        T = inputs.shape[1]
        return by_source * source.float().sum() / 40 + 2 * by_last[inputs] + by_step[:T]  # (1, T, V)

    model.config = SimpleNamespace(pad_id=3, eos_id=2)
    source, words = torch.tensor([5, 9, 4, 2]), [7, 10, 7]

    def total(inputs, written, softmax=True, places=None):
        row = model(source[None], torch.tensor([inputs]))[0]
        row = row.log_softmax(-1) if softmax else row
        return [row[i, w].item() for i, w in zip(places or range(len(written)), written, strict=False)]

    steps = total([3, *words], [*words, 2])
    right, out = sum(steps), call(answer, model, source, words, kind=float)
    near = lambda value: abs(out - value) < 1e-4  # noqa: E731
    expect(not near(right / 4), "this is the mean a token; the log-probability of the whole answer is the sum")
    expect(not near(-right), "the sign: this is the loss, the log-probability is minus that")
    expect(not near(sum(steps[:3])), "the end token is not counted: without it every beginning of an answer would be as probable as the answer")
    expect(not near(steps[0]), "only the first token is counted")
    expect(not near(torch.tensor(steps).exp().prod().item()), "this is the probability; take its logarithm, or add up log-probabilities: products of many become 0")
    expect(not near(sum(total([3, *words], [*words, 2], softmax=False))), "these are sums of logits: log_softmax over the vocabulary comes first")
    expect(not near(sum(total([*words, 2], [*words, 2]))), "the decoder reads the very tokens that it has to write: padding comes first, everything one place later")
    expect(not near(sum(total([0, *words], [*words, 2]))), "the start is model.config.pad_id, which is not 0 here")
    expect(not near(sum(total([3, *words], [*words, 1]))), "the end is model.config.eos_id, which is not 1 here")
    expect(not near(sum(total([2, *words], [*words, 2]))), "the decoder starts with pad_id, not with the end token")
    expect(not near(sum(total([3, *words], [2, *words]))), "the places are off by one: what is read at place i predicts token i of the answer")
    expect(near(right), f"expected {right:.4f}, got {out:.4f}")
    empty = call(answer, model, source, [], kind=float)
    expect(abs(empty - total([3], [2])[0]) < 1e-4, "an empty answer is the end token alone")
    other = call(answer, model, torch.tensor([12, 1]), [4], kind=float)
    wanted = model(torch.tensor([[12, 1]]), torch.tensor([[3, 4]]))[0].log_softmax(-1)
    expect(abs(other - (wanted[0, 4] + wanted[1, 2]).item()) < 1e-4, "for another source and answer it is wrong")


QUIZ = [
    Question("T5 does not divide its scores by the root of d_head. Why does its training not suffer?",
             right="W_q starts smaller by that factor, so the scores start at the same size",
             why="Dividing the query matrix divides the scores; the factor sits in the weights instead of the code.",
             wrong={"The relative bias keeps the scores small": "The bias is added, it scales nothing; its entries start near 0.",
                    "RMS norm divides by the root of d_head": "RMS norm acts on x before the projections, over all of d_model."}),
    Question("A target of span corruption has 103 tokens, of which 18 are sentinels and the end. Which tokens belong in a comparison with an n-gram?",
             right="The 85 hidden ones only",
             why="Sentinels come in a known order; counted in, they make the loss look lower without a word more being known.",
             wrong={"All 103, since the model is trained on them": "That is the training loss; the n-gram is not asked to write sentinels.",
                    "Only the first token of each span": "All hidden tokens are asked for; the later ones are as much part of the text."}),
    Question("You forget the factor d_model ** -0.5 before a tied head. What do you see?",
             right="The same greedy answers, and a much higher loss",
             why="All logits are multiplied by one number: the largest stays the largest, but the probabilities become far too sure.",
             wrong={"Other answers at once": "Greedy answers need the largest logit only, and that does not change.",
                    "Nothing at all": "Softmax sees the size of the logits: loss, sampling and beam search change."}),
    Question("Why may a batch for T5 be padded on the left as well as on the right?",
             right="Its biases depend on distances, which do not change when all tokens shift; the mask hides the padding",
             why="Positions that are counted from the edge would move; see the control with sines.",
             wrong={"Padding has a position of its own": "That is RoBERTa. T5 has no position vectors.",
                    "The encoder removes padding before it starts": "It computes with it and masks it out as a key."}),
    Question("A colleague writes \"feeling: \" in front of a review instead of \"sentiment: \". What should he expect?",
             right="Something that training tied to other texts: the prefix is a learned mark",
             why="Only prefixes that were trained with a task select it; understanding an instruction is another training (notebook 13).",
             wrong={"The same label, since the words mean nearly the same": "The small model was never shown that they do.",
                    "An error, since the prefix is unknown": "A prefix is text like any other; nothing checks it."}),
]
