"""Checks and quiz of notebook 02, high-level architecture."""

import torch
from torch import nn

from utils.checks import Hint, NotAttempted, Question, call, cast, expect


def _later(answer, *args, what: str, **kwargs):
    """`call` for a second or later input: nothing returned is then a mistake, not an exercise that was never begun."""
    try:
        return call(answer, *args, **kwargs)
    except NotAttempted:
        raise Hint(f"for {what} your function returns nothing") from None


def check_1(answer):
    """one whole number: all weights, biases, gains of one decoder layer"""
    d, f = 24, 40
    gives = "one whole number, the count of parameters"
    right = sum(p.numel() for p in nn.TransformerDecoderLayer(d, 3, f).parameters())
    n = call(answer, d, f, kind=int, gives=gives)
    attention, feed_forward, norm = 4 * (d * d + d), 2 * d * f + f + d, 2 * d
    mistakes = [
        (
            attention + feed_forward + 2 * norm,
            "that is an encoder layer: a decoder layer has cross-attention and a third norm as well",
        ),
        (attention + feed_forward + 3 * norm, "one attention is missing: self-attention and cross-attention"),
        (2 * attention + feed_forward + 2 * norm, "a norm is missing: one for each of the three parts"),
        (2 * attention + feed_forward + norm, "two norms are missing: one for each of the three parts"),
        (2 * attention + feed_forward, "the three norms are missing: a gain and a bias each, 2 d_model"),
        (
            2 * attention + feed_forward + 4 * norm,
            "that is one norm too many: the last norm belongs to the tower, not to a layer",
        ),
        (2 * attention + feed_forward + 3 * d, "a norm has a gain and a bias: 2 d_model numbers, not d_model"),
        (8 * d * d + 2 * d * f + 3 * norm, "the linear layers' biases are missing: one number for each output feature"),
        (
            8 * d * d + 2 * d * f,
            "biases and norms are missing: one bias for each output feature, and three norms of 2 d_model",
        ),
        (
            8 * d * d + feed_forward + 3 * norm,
            "the attentions' biases are missing: d_model for each of their eight matrices",
        ),
        (
            2 * attention + 2 * d * f + 3 * norm,
            "the feed-forward network's biases are missing: d_ff for the first layer, d_model for the second",
        ),
        (
            2 * attention + 2 * d * f + 2 * f + 3 * norm,
            "the second linear layer returns d_model features, so that its bias has d_model numbers, not d_ff",
        ),
        (
            2 * attention + 2 * d * f + 2 * d + 3 * norm,
            "the first linear layer returns d_ff features, so that its bias has d_ff numbers, not d_model",
        ),
        (
            6 * (d * d + d) + feed_forward + 3 * norm,
            "an attention has four matrices: query, key, value, and the one that mixes the heads' results",
        ),
        (
            2 * attention + d * f + f + 3 * norm,
            "the feed-forward network has two linear layers, up to d_ff and back down to d_model",
        ),
        (2 * attention + 8 * d * d + 5 * d + 3 * norm, "d_ff was taken to be four times d_model; use the argument"),
        (2 * attention + 3 * norm, "the feed-forward network is missing"),
    ]
    for wrong, hint in mistakes:
        expect(n != wrong, hint)
    expect(n == right, f"for d_model {d} and d_ff {f} a layer has {right:,} parameters, not {n:,}")
    for d, f in ((11, 7), (5, 64)):
        n = _later(answer, d, f, what=f"d_model {d} and d_ff {f}", kind=int, gives=gives)
        right = sum(p.numel() for p in nn.TransformerDecoderLayer(d, 1, f).parameters())
        expect(
            n == right,
            f"right for one size, wrong for another: d_model {d} and d_ff {f} give {right:,}, not {n:,}; is a size fixed in the formula?",
        )


def _halves(answer, target, first=False):
    """The reader's two parts as tensors of ids."""
    gives = "two tensors: decoder input, wanted output"
    settings = {"kind": list, "gives": gives}
    out = call(answer, target, **settings) if first else _later(answer, target, what="another batch", **settings)
    expect(len(out) == 2, f"your function returned {len(out)} things; expected {gives}")
    fed, wanted = (cast(part, "tensor", "a tensor of token ids", "one of the two is") for part in out)
    for name, part in (("decoder input", fed), ("wanted output", wanted)):
        expect(part.dim() == 2, f"the {name} has shape {tuple(part.shape)}; expected two dimensions, (batch, length)")
        ids = not (part.is_floating_point() or part.is_complex() or part.dtype == torch.bool)
        expect(
            ids,
            f"the {name} is {part.dtype}: token ids are whole numbers, which nn.Embedding and cross_entropy require",
        )
    return fed.long(), wanted.long()


def check_2(answer):
    """two tensors (B, T) of ids: the decoder's input, and what is asked of it"""
    target = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 9, 2, 0], [1, 2, 0, 0, 0]])
    fed, wanted = _halves(answer, target, first=True)
    right = target[:, :-1], target[:, 1:]
    expect(not torch.equal(fed, wanted), "input and wanted output are the same: the model would learn to copy")
    expect(
        not (torch.equal(fed, right[1]) and torch.equal(wanted, right[0])),
        "the two are exchanged: the input begins with <bos>",
    )
    expect(
        not torch.equal(fed, target[:-1]) and not torch.equal(wanted, target[1:]),
        "this cuts the batch, not the sequence: the length is dimension 1, [:, :-1]",
    )
    expect(
        fed.shape == wanted.shape,
        f"the shapes differ, {tuple(fed.shape)} and {tuple(wanted.shape)}: each lacks one token of the sequence",
    )
    expect(
        not torch.equal(wanted, target.roll(-1, 1)) and not torch.equal(wanted, right[0].roll(-1, 1)),
        "the wanted output is rolled around: its last token is the first of the sequence; cut it off, [:, 1:]",
    )
    expect(
        not torch.equal(wanted, right[1].masked_fill(right[1] == 0, -100)),
        "the padding of the wanted output became -100; here only the shift is asked for, and the loss decides what to ignore",
    )
    expect(
        not torch.equal(fed, right[0].masked_fill(right[0] == 2, 0)),
        "the input's <eos> was replaced; cut the last column off, whatever stands in it",
    )
    expect(
        torch.equal(fed, right[0]),
        f"the input should be all but the last token, {right[0].tolist()}; yours: {str(fed.tolist())[:150]}",
    )
    expect(
        torch.equal(wanted, right[1]),
        f"the wanted output should be all but the first token, {right[1].tolist()}; yours: {str(wanted.tolist())[:150]}",
    )
    target = torch.tensor([[3, 11, 12, 13, 14, 15, 4], [3, 11, 4, 9, 9, 9, 9]])
    fed, wanted = _halves(answer, target)
    expect(
        torch.equal(fed, target[:, :-1]) and torch.equal(wanted, target[:, 1:]),
        "right for one batch only: another length and other ids of <bos>, <eos>, <pad> give a wrong result; cut by place, not by id",
    )


def _write(answer, script, ids, max_steps, vocabulary, first=False, low=-9.0):
    """The reader's decoding of a script, row by row what the model would say at each step, and the tokens that each step was shown."""
    shown = []
    bos, eos, pad = ids

    def step(tokens):
        tokens = torch.as_tensor(tokens)
        shown.append(tokens.clone())
        logits = torch.full((len(script), vocabulary), low)
        column = min(max(tokens.shape[-1] if tokens.dim() else 1, 1), script.shape[1]) - 1
        logits[torch.arange(len(script)), script[:, column]] = 1.0
        return logits

    settings = {"kind": "tensor", "gives": "one tensor of shape (batch, 1 + steps)"}
    arguments = (step, len(script), bos, eos, pad, max_steps)
    what = f"bos {bos}, eos {eos}, pad {pad} and {max_steps} steps"
    out = call(answer, *arguments, **settings) if first else _later(answer, *arguments, what=what, **settings)
    B = len(script)
    expect(shown, "your function never calls step: it is the model, which gives the scores for the next token")
    expect(
        all(tokens.dim() == 2 and len(tokens) == B and tokens.shape[1] for tokens in shown),
        f"step was given tokens of shape {tuple(shown[-1].shape)}; it takes (batch, length), here ({B}, length)",
    )
    expect(
        not any(tokens.is_floating_point() for tokens in shown),
        "step was given floating point numbers: token ids are whole numbers, torch.full((batch, 1), bos)",
    )
    expect(
        shown[0].shape[1] == 1,
        f"at the first step, step was shown {shown[0].shape[1]} tokens, and only bos is written: hand over the tokens so far, not the whole buffer",
    )
    expect(
        len(shown) < 2 or shown[1].shape[1] > 1,
        "step was given the last token alone: the model needs all tokens so far, (batch, length)",
    )
    expect(
        out.dim() == 2 and len(out) == B,
        f"the result has shape {tuple(out.shape)}; expected (batch, 1 + steps), here ({B}, ...)",
    )
    expect(
        not (out.is_floating_point() or out.is_complex() or out.dtype == torch.bool),
        f"the result is {out.dtype}; token ids are whole numbers: take the argmax, and start from torch.full((batch, 1), bos)",
    )
    expect(
        all((tokens[:, 0] == bos).all() for tokens in shown),
        f"the first token that step sees should be bos, {bos}, in every row",
    )
    expect(
        (out[:, :1] == bos).all() and out.shape[1],
        f"the result begins with bos in every row, {bos} here; yours begins with {str(out[:, :1].flatten().tolist())[:60]}",
    )
    return out.long(), shown


def check_3(answer):
    """a tensor (B, 1 + steps) of ids: bos, then the likeliest token at each step, and pad in rows that have written eos"""
    script = torch.tensor(
        [[5, 6, 2, 7, 7], [8, 2, 9, 9, 9], [5, 5, 5, 2, 4]]
    )  # what the model would say at each step, whatever stands before
    right = torch.tensor([[1, 5, 6, 2, 0], [1, 8, 2, 0, 0], [1, 5, 5, 5, 2]])
    out, shown = _write(answer, script, (1, 2, 0), 5, 10, first=True)
    steps = max(tokens.shape[1] for tokens in shown)
    free = torch.cat([right[:, :1], script], dim=1)  # what comes without any filling
    width = min(out.shape[1], 5)
    expect(out.shape[1] > 3, "the loop stops when the first row is done; wait for all rows")
    expect(
        not torch.equal(out[:, :width], free[:, :width]),
        "rows that have written <eos> go on writing: fill them with pad",
    )
    expect(
        (out[:, 1] == script[:, 0]).any(),
        "the first tokens are not those with the largest score: take argmax of the scores as step gives them, over the vocabulary",
    )
    expect(
        (out == 2).any(),
        "the <eos> itself is overwritten by pad: mark a row as done after its token is chosen, not before",
    )
    expect(
        out[1, :5].tolist() != [1, 8, 2, 0, 9],
        "a row that was done wakes up again after one pad: once done it stays done, done = done | (token == eos)",
    )
    expect(
        out[1, :5].tolist() != [1, 8, 2, 2, 2],
        "rows that are done are filled with eos: one <eos> ends a row, and pad fills the rest",
    )
    expect(
        steps < 5 and out.shape[1] < 6,
        "rows are filled with pad, but the loop goes on when all rows are done: stop after the last <eos>",
    )
    expect(
        out.tolist() != right[:, :4].tolist(),
        "the last <eos> is missing: append the tokens first, and leave the loop afterwards",
    )
    expect(torch.equal(out, right), f"expected {right.tolist()}, got {str(out.tolist())[:200]}")
    for tokens in shown:
        length = tokens.shape[1]
        writing = right[:, length - 1] != 0
        expect(
            torch.equal(tokens[writing], right[writing, :length]),
            f"at step {length} step was shown {str(tokens.tolist())[:150]}: it takes the tokens written so far, in their order",
        )
    short, _ = _write(answer, script, (1, 2, 0), 2, 10)
    expect(
        short.shape[1] != 2,
        "max_steps counts the tokens that are written; bos comes on top: with 2 steps the result has 3 columns",
    )
    expect(
        short.shape[1] == 3, f"max_steps is not respected: with 2 steps the result has 3 columns, not {short.shape[1]}"
    )
    expect(torch.equal(short, right[:, :3]), f"with 2 steps expected {right[:, :3].tolist()}, got {short.tolist()}")
    script = torch.tensor([[2, 0, 1, 6], [6, 8, 8, 8], [1, 6, 0, 0], [2, 2, 2, 2]])
    right = torch.tensor([[7, 2, 0, 1, 6], [7, 6, 9, 9, 9], [7, 1, 6, 9, 9], [7, 2, 2, 2, 2]])
    out, _ = _write(answer, script, (7, 6, 9), 4, 11)
    expect(
        torch.equal(out, right),
        f"right for one set of ids only: with bos 7, eos 6, pad 9 expected {right.tolist()}, got {str(out.tolist())[:200]}; use the arguments",
    )
    out, _ = _write(answer, script, (7, 6, 9), 4, 11, low=0.9)
    expect(
        torch.equal(out, right),
        "right only where one score towers above the rest: greedy decoding takes the largest score, it does not draw from the softmax",
    )


QUIZ = [
    Question(
        "What does the encoder hand to the decoder?",
        right="One contextual embedding for each source token",
        why="The memory has shape (B, S, d_model); cross-attention reads from all of it at every step.",
        wrong={
            "One vector for the whole source": "That was the bottleneck of recurrent encoder-decoders before attention.",
            "The probabilities of the source tokens": "Probabilities come from the output head on top of the decoder alone.",
        },
    ),
    Question(
        "Why must every box return the shape (B, length, d_model)?",
        right="Its output is added to the residual stream",
        why="Only tensors of the same shape can be added; so each layer can be stacked on any other.",
        wrong={
            "Layer norm works only at that shape": "A norm works on any last dimension.",
            "Otherwise softmax would not sum to one": "Softmax is inside attention and at the very top, not in the stream.",
        },
    ),
    Question(
        "Training shows the decoder the whole target at once. What keeps it honest?",
        right="The causal mask and the shift by one token",
        why="Position t sees tokens up to t, and is asked for token t + 1, which it does not see.",
        wrong={
            "Dropout hides the answer": "Dropout removes random features, not the future.",
            "Nothing; it sees the future in training": "Then its loss would be near zero and it could write nothing, as in the first pitfall.",
        },
    ),
    Question(
        "Which family would you take to place a million texts by meaning?",
        right="Encoder-only",
        why="It sees both sides of every token and gives one vector a token, or a text, in a single pass.",
        wrong={
            "Decoder-only": "It works, but each token sees only what stands before it, and it is usually larger.",
            "Encoder-decoder": "The decoder would have nothing to write.",
        },
    ),
]
