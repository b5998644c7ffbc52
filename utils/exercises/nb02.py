"""Checks and quiz of notebook 02, high-level architecture."""

import torch
from torch import nn

from utils.checks import Question, call, expect


def check_1(answer):
    d, f = 24, 40
    right = sum(p.numel() for p in nn.TransformerDecoderLayer(d, 3, f).parameters())
    n = call(answer, d, f)
    attention, feed_forward, norm = 4 * (d * d + d), 2 * d * f + f + d, 2 * d
    expect(n != attention + feed_forward + 2 * norm, "that is an encoder layer: a decoder layer has cross-attention and a third norm as well")
    expect(n != attention + feed_forward + 3 * norm, "one attention is missing: self-attention and cross-attention")
    expect(n != 2 * attention + feed_forward + 2 * norm, "a norm is missing: one for each of the three parts")
    expect(n != 2 * attention + feed_forward, "the three norms are missing: a gain and a bias each, 2 d_model")
    expect(n != 2 * attention + feed_forward + 3 * d, "a norm has a gain and a bias: 2 d_model numbers, not d_model")
    expect(n != 8 * d * d + 2 * d * f + 3 * norm, "the linear layers' biases are missing: one number for each output feature")
    expect(n != 2 * 3 * (d * d + d) + feed_forward + 3 * norm, "an attention has four matrices: query, key, value, and the one that mixes the heads' results")
    expect(n == right, f"for d_model {d} and d_ff {f} a layer has {right:,} parameters, not {n:,}")
    expect(call(answer, 11, 7) == sum(p.numel() for p in nn.TransformerDecoderLayer(11, 1, 7).parameters()), "right for one size, wrong for another: is a size fixed in the formula?")


def check_2(answer):
    target = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 9, 2, 0]])
    out = call(answer, target)
    expect(isinstance(out, tuple) and len(out) == 2, "return two tensors: decoder input, wanted output")
    fed, wanted = out
    right = target[:, :-1], target[:, 1:]
    expect(not torch.equal(fed, wanted), "input and wanted output are the same: the model would learn to copy")
    expect(not (torch.equal(fed, right[1]) and torch.equal(wanted, right[0])), "the two are exchanged: the input begins with <bos>")
    expect(fed.shape == wanted.shape, f"the shapes differ, {tuple(fed.shape)} and {tuple(wanted.shape)}: each lacks one token of the sequence")
    expect(not torch.equal(fed, target[:-1]), "this cuts the batch, not the sequence: the length is dimension 1, [:, :-1]")
    expect(not torch.equal(wanted, target.roll(-1, 1)[:, :-1]) or torch.equal(wanted, right[1]), "the wanted output is rolled around")
    expect(torch.equal(fed, right[0]) and torch.equal(wanted, right[1]), "input: all but the last token; wanted: all but the first")


def check_3(answer):
    script = torch.tensor([[5, 6, 2, 7, 7], [8, 2, 9, 9, 9], [5, 5, 5, 2, 4]])  # what the model would say at each step, whatever stands before
    calls = []

    def step(tokens):
        calls.append(tokens.clone())
        logits = torch.zeros(3, 10)
        logits[torch.arange(3), script[:, tokens.shape[1] - 1]] = 1.0
        return logits

    out = call(answer, step, 3, 1, 2, 0, 5)
    right = torch.tensor([[1, 5, 6, 2, 0], [1, 8, 2, 0, 0], [1, 5, 5, 5, 2]])
    expect(torch.is_tensor(out) and out.dim() == 2 and len(out) == 3, "return one tensor of shape (batch, 1 + steps)")
    expect((out[:, 0] == 1).all(), "the sequences begin with bos")
    expect(len(calls) != 5 or out.shape[1] != 6 or (out[0, 4:] != 0).any(), "rows are filled with pad, but the loop goes on when all rows are done: stop after the last <eos>")
    expect(out.shape != (3, 3), "the loop stops when the first row is done; wait for all rows")
    expect(not torch.equal(out[:, : right.shape[1]], torch.cat([torch.ones(3, 1, dtype=torch.long), script[:, :4]], dim=1)), "rows that have written <eos> go on writing: fill them with pad")
    expect(not (out[0] == 2).sum() == 0, "the <eos> itself is overwritten by pad: mark a row as done after its token is chosen, not before")
    expect(torch.equal(out, right), f"expected {right.tolist()}, got {out.tolist()}")
    short = call(answer, step, 3, 1, 2, 0, 2)
    expect(short.shape == (3, 3), "max_steps is not respected: with 2 steps the result has 3 columns")


QUIZ = [
    Question("What does the encoder hand to the decoder?",
             right="One contextual embedding for each source token",
             why="The memory has shape (B, S, d_model); cross-attention reads from all of it at every step.",
             wrong={"One vector for the whole source": "That was the bottleneck of recurrent encoder-decoders before attention.",
                    "The probabilities of the source tokens": "Probabilities come from the output head on top of the decoder alone."}),
    Question("Why must every box return the shape (B, length, d_model)?",
             right="Its output is added to the residual stream",
             why="Only tensors of the same shape can be added; so each layer can be stacked on any other.",
             wrong={"Layer norm works only at that shape": "A norm works on any last dimension.",
                    "Otherwise softmax would not sum to one": "Softmax is inside attention and at the very top, not in the stream."}),
    Question("Training shows the decoder the whole target at once. What keeps it honest?",
             right="The causal mask and the shift by one token",
             why="Position t sees tokens up to t, and is asked for token t + 1, which it does not see.",
             wrong={"Dropout hides the answer": "Dropout removes random features, not the future.",
                    "Nothing; it sees the future in training": "Then its loss would be near zero and it could write nothing, as in the first pitfall."}),
    Question("Which family would you take to place a million texts by meaning?",
             right="Encoder-only",
             why="It sees both sides of every token and gives one vector a token, or a text, in a single pass.",
             wrong={"Decoder-only": "It works, but each token sees only what stands before it, and it is usually larger.",
                    "Encoder-decoder": "The decoder would have nothing to write."}),
]
