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
    expect(not any(isinstance(i, (list, tuple)) for i in out), "a list stands inside the list: a span is not one item, extend by it instead of appending it")
    expect(out != source, "the source came back as it was; what the answer says behind each sentinel belongs into its gap")
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
    after = call(answer, [7, 50, 8, 51], [50, 21, 50, 23, 51, 22], 50, 10, **kind)
    expect(after == [7, 21, 8, 22], "a sentinel that is mentioned twice: skip the second mention's text only, and read on behind it")
    empty = call(answer, [7, 50, 51, 8], [50, 51, 22, 22, 50, 23], 50, 10, **kind)
    expect(empty != [7, 23, 22, 22, 8], "the first mention counts even where nothing follows it: then the gap is empty")
    expect(empty == [7, 22, 22, 8], "a gap that the answer leaves empty, with another gap next to it and a token twice in that, comes out wrong")
    silent = call(answer, [7, 50, 8], [], 50, 10, **kind)
    expect(silent == [7, 8], "an answer without any token leaves all gaps empty")
    foreign = call(answer, [7, 50, 8], [50, 21, 53, 22], 50, 10, **kind)
    expect(foreign == [7, 21, 8], "a sentinel that the source does not have ends the span before it, and what follows it belongs nowhere")
    early = call(answer, [7, 50, 8], [31, 32, 50, 21], 50, 10, **kind)
    expect(early == [7, 21, 8], "what the answer says before its first sentinel belongs into no gap")
    edge = call(answer, [5, 12, 6, 13, 9, 14, 4], [12, 30, 14, 13, 9, 15], 10, 4, **kind)
    expect(edge == [5, 30, 14, 6, 9, 15, 9, 14, 4], "with other sentinels it is wrong: they are first_sentinel to first_sentinel + n_sentinels - 1, both ends counted, and no others")


def check_2(answer):
    """a tensor of ids (B, T)"""
    labels = torch.tensor([[11, 12, 13, 1, -100, -100], [21, 1, -100, -100, -100, -100], [31, 32, 33, 34, 35, 1]])
    right = torch.tensor([[2, 11, 12, 13, 1, 4], [2, 21, 1, 4, 4, 4], [2, 31, 32, 33, 34, 35]])
    given = labels.clone()
    out = call(answer, given, 2, 4, kind="tensor", keep=True)
    expect(torch.equal(given, labels), "your function changed the labels; the loss still needs their -100")
    expect(not out.is_floating_point(), "these are floats, and an embedding looks up whole numbers: make the start column of the labels' dtype, as with full_like")
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
    expect(not torch.equal(out, torch.cat([torch.zeros(3, 1, dtype=torch.long), labels[:, :-1]], dim=1).masked_fill(moved == -100, 0)), "T5's own start and padding are both 0; here they are start_id and pad_id, which are handed in")
    expect(not torch.equal(out, torch.cat([torch.full((3, 1), 4), labels[:, :-1]], dim=1).masked_fill(moved == -100, 2)), "start_id and pad_id have changed places")
    expect(not torch.equal(out, moved.masked_fill(moved == -100, 2)), "behind the end stands padding, not the start again")
    expect(not torch.equal(out[:, 1:], right[:, 1:]) or torch.equal(out, right), "the first place must be start_id, which is handed in")
    clipped = torch.cat([torch.full((3, 1), 2), labels[:, :-1]], dim=1).masked_fill(labels == -100, 4)
    expect(not torch.equal(out, clipped), "the end token was replaced as well: look for -100 after the labels have moved, not before")
    expect(torch.equal(out, right), f"expected the first row {right[0].tolist()}, got {out[0].tolist()}")
    again = call(answer, torch.tensor([[9, 1, -100, -100], [5, 6, 7, 1]]), 8, 3, kind="tensor")
    expect(torch.equal(again, torch.tensor([[8, 9, 1, 3], [8, 5, 6, 7]])), "with another start_id and pad_id it is wrong: use those that are handed in")
    one = call(answer, torch.tensor([[9], [-100]]), 0, 3, kind="tensor")
    expect(torch.equal(one, torch.zeros(2, 1, dtype=torch.long)), "for labels of length 1 the decoder reads the start only")


def check_3(answer):
    """one number: a log-probability, 0 or below"""
    g = torch.Generator().manual_seed(15)
    V = 13
    by_source, by_last, by_step = torch.randn(V, generator=g), torch.randn(V, V, generator=g), torch.randn(9, V, generator=g)

    def forward(source, target):
        if source.dim() != 2 or target.dim() != 2 or len(source) != 1 or len(target) != 1:
            raise ValueError(f"the model takes (1, S) and (1, T), it got {tuple(source.shape)} and {tuple(target.shape)}")
        T = target.shape[1]
        return by_source * source.float().sum() / 40 + 2 * by_last[target] + by_step[:T]  # (1, T, V)

    model = torch.nn.Module()  # so that model.eval() and model.parameters() work, as with a T5
    model.forward, model.config = forward, SimpleNamespace(pad_id=3, eos_id=2)
    model.table = torch.nn.Parameter(by_last, requires_grad=False)
    source, words = torch.tensor([5, 9, 4, 2]), [7, 10, 7]

    def total(inputs, written, softmax=True, places=None):
        row = model(source[None], torch.tensor([inputs]))[0]
        row = row.log_softmax(-1) if softmax else row
        return [row[i, w].item() for i, w in zip(places or range(len(written)), written, strict=False)]

    steps = total([3, *words], [*words, 2])
    kept_source, kept_words = source.clone(), list(words)
    right, out = sum(steps), call(answer, model, source, words, kind=float, keep=True)
    expect(words == kept_words, "your function changed the answer that it was given (append, insert or +=); build a new list, or the next call scores another answer")
    expect(torch.equal(source, kept_source), "your function changed the source that it was given")
    near = lambda value: abs(out - value) < 1e-4  # noqa: E731
    expect(not near(right / 4), "this is the mean a token; the log-probability of the whole answer is the sum")
    expect(not near(-right / 4), "cross_entropy gives the loss, averaged over the tokens: the log-probability of the answer is the sum, with the other sign")
    expect(not near(right / 3), "the log-probability of the whole answer is the sum: divide by nothing")
    rows = model(source[None], torch.tensor([[3, *words]]))[0]
    expect(not near(rows.log_softmax(0)[range(4), [*words, 2]].sum().item()), "log_softmax runs over the places of the text; it belongs over the vocabulary, dim=-1")
    expect(not near(rows.log_softmax(-1).max(-1).values.sum().item()), "this is the sum of the largest log-probabilities; take those of the answer's own tokens")
    expect(not near(steps[-1]), "only the last token, the end, is counted")
    expect(not near(sum(total([3, *words], [3, *words]))), "what is written is compared with what was read: the answer and then the end token are written")
    expect(not near(sum(total([0, *words], [*words, 1]))), "start and end are model.config.pad_id and eos_id, which are not 0 and 1 here")
    expect(not near(sum(total([3], [words[0]]) + [total([i], [j])[0] for i, j in zip(words, [*words[1:], 2], strict=True)])), "each token was judged with only the one before it to read: give the decoder all that comes before")
    expect(not near(-right), "the sign: this is the loss, the log-probability is minus that")
    expect(not near(sum(steps[:3])), "the end token is not counted: without it every beginning of an answer would be as probable as the answer")
    expect(not near(steps[0]), "only the first token is counted")
    expect(out != 0, "0 is the logarithm of 1, certainty: is the softmax over a dimension of size 1? It belongs over the vocabulary, dim=-1")
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
             right="W_q starts smaller by that factor",
             why="Dividing the query matrix divides the scores; the factor sits in the weights instead of the code.",
             wrong={"The relative bias, learned for each head, keeps the scores small": "The bias is added, it scales nothing; its entries start near 0.",
                    "RMS norm has divided by the root of d_head already": "RMS norm acts on x before the projections, over all of d_model."}),
    Question("A target of span corruption has 60 tokens, of which 13 are sentinels and the end. Which tokens belong in a comparison with an n-gram?",
             right="The 47 hidden ones only",
             why="Sentinels come in a known order; counted in, they make the loss look lower without a word more being known.",
             wrong={"All 60, since the model is trained on them": "That is the training loss; the n-gram is not asked to write sentinels.",
                    "Only the first token of each span": "All hidden tokens are asked for; the later ones are as much part of the text."}),
    Question("You load a trained T5 and forget the factor d_model ** -0.5 before its tied head. What do you see?",
             right="The same greedy answers, and a much higher loss",
             why="All logits are multiplied by one number: the largest stays the largest, but the probabilities become far too sure.",
             wrong={"Other greedy answers at once, and with them a higher loss": "Greedy answers need the largest logit only, and that does not change.",
                    "Nothing: softmax does not see a factor on all logits": "Softmax sees the size of the logits: loss, sampling and beam search change."}),
    Question("Why may a batch for T5 be padded on the left as well as on the right?",
             right="Its biases depend on distances; the mask hides the padding",
             why="Positions that are counted from the edge would move; see the control with sines.",
             wrong={"Padding has a position of its own, which no real token ever takes": "That is RoBERTa. T5 has no position vectors.",
                    "The encoder removes padding before it starts": "It computes with it and masks it out as a key."}),
    Question("A colleague writes \"letters: \" instead of \"case: \" in front of marked words. What may he count on?",
             right="Nothing: training tied only the learned mark to the task",
             why="case and swap look alike, and there the prefix has to decide; an unknown prefix selects neither. Understanding an instruction is another training (notebook 13).",
             wrong={"The same labels, since the words mean nearly the same in English": "The small model was never shown that they do.",
                    "An error message, since the tokenizer does not know the prefix": "A prefix is text like any other; nothing checks it."}),
]
