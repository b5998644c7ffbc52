"""Answers for the checks of notebook 02: wrong ones, each with a piece of the hint it must get, and right ones written another way."""

import numpy as np
import torch
from torch import nn


def layer(d, f, attentions=2, matrices=4, bias=True, up=None, down=None, norms=3, gain=2):
    """Parameters of a decoder layer with one thing wrong, chosen by the arguments."""
    attention = matrices * (d * d + d * bias)
    network = 2 * d * f + (f if up is None else up) + (d if down is None else down)
    return attentions * attention + network + norms * gain * d


def counted(d, f):
    with torch.device("meta"):
        block = nn.TransformerDecoderLayer(d, 1, f)
    return torch.tensor(sum(p.numel() for p in block.parameters()))


def added_up(d, f):
    total = np.float64(0)
    for rows, columns in [(d, d)] * 8 + [(d, f), (f, d)]:
        total += rows * columns + columns
    return total + 3 * (d + d)


def bos_twice(target):
    """Puts <bos> in front of an input that has one already."""
    return torch.cat([target[:, :1], target[:, :-2]], dim=1), target[:, 1:]


def fixed_ids(target):
    """Puts the ids of <bos> that it knows in front of the wanted output."""
    wanted = target[:, 1:]
    return torch.cat([torch.ones_like(wanted[:, :1]), wanted[:, :-1]], dim=1), wanted


def by_index(target):
    places = torch.arange(target.shape[1] - 1)
    return [target.index_select(1, places), target.gather(1, (places + 1).expand(len(target), -1))]


def decode(
    step,
    batch,
    bos,
    eos,
    pad,
    max_steps,
    fill=True,
    stop="all",
    early=False,
    wake=False,
    see=None,
    break_first=False,
    start=None,
    dtype=torch.long,
):
    """Greedy decoding with one thing wrong, chosen by the arguments."""
    tokens, done = (
        torch.full((batch, 1), bos if start is None else start, dtype=dtype),
        torch.zeros(batch, dtype=torch.bool),
    )
    for _ in range(max_steps):
        best = step(see(tokens) if see else tokens).argmax(dim=-1)
        if early:
            done = done | (best == eos)
        if fill:
            best = best.masked_fill(done, pad)
        done = (best == eos) if wake else done | (best == eos)
        if break_first and done.all():
            break
        tokens = torch.cat([tokens, best[:, None]], dim=1)
        if (stop == "all" and done.all()) or (stop == "any" and done.any()):
            break
    return tokens


def least_likely(step, batch, bos, eos, pad, max_steps):
    """Takes the least likely token."""
    return decode(lambda tokens: -step(tokens), batch, bos, eos, pad, max_steps)


def rows_turned(step, batch, bos, eos, pad, max_steps):
    """Gives the last row's token to the first row."""
    return decode(lambda tokens: step(tokens).flip(0), batch, bos, eos, pad, max_steps)


def no_bos(*arguments):
    return decode(*arguments)[:, 1:]


def written_by_hand(step, batch, bos, eos, pad, max_steps):
    return torch.tensor([[1, 5, 6, 2, 0], [1, 8, 2, 0, 0], [1, 5, 5, 5, 2]])


def no_limit(step, batch, bos, eos, pad, max_steps):
    return decode(step, batch, bos, eos, pad, 50)


def padded(step, batch, bos, eos, pad, max_steps):
    """Always returns 1 + max_steps columns."""
    out = decode(step, batch, bos, eos, pad, max_steps)
    return torch.cat([out, torch.full((batch, 1 + max_steps - out.shape[1]), pad)], dim=1)


def last_step_lost(step, batch, bos, eos, pad, max_steps):
    """Forces an end at the last step."""
    out = decode(step, batch, bos, eos, pad, max_steps)
    out[(out == eos).sum(dim=1) == 0, -1] = eos
    return out


def decode_lists(step, batch, bos, eos, pad, max_steps):
    rows = [[bos] for _ in range(batch)]
    for _ in range(max_steps):
        scores = step(torch.tensor(rows)).tolist()
        for row, numbers in zip(rows, scores, strict=True):
            row.append(pad if eos in row[1:] else numbers.index(max(numbers)))
        if all(eos in row[1:] for row in rows):
            break
    return rows


def decode_buffer(step, batch, bos, eos, pad, max_steps):
    out = torch.full((batch, max_steps + 1), pad, dtype=torch.int32)
    out[:, 0] = bos
    writing, length = torch.ones(batch, dtype=torch.bool), 1
    while length <= max_steps and writing.any():
        best = step(out[:, :length].long()).topk(1, dim=-1).indices[:, 0]
        out[writing, length] = best[writing].int()
        writing = writing & (best != eos)
        length += 1
    return out[:, :length].numpy()


def decode_and_fill_later(step, batch, bos, eos, pad, max_steps):
    tokens = torch.tensor([[bos]] * batch)
    ended = torch.zeros(batch, dtype=torch.long)
    for _ in range(max_steps):
        tokens = torch.cat([tokens, step(tokens).max(dim=1, keepdim=True).indices], dim=1)
        ended = (tokens[:, 1:] == eos).cumsum(dim=1)  # (B, steps)
        if (ended[:, -1] > 0).all():
            break
    tokens[:, 1:][(ended - (tokens[:, 1:] == eos).long()) > 0] = pad
    return tokens


def drawn(step, batch, bos, eos, pad, max_steps):
    """Draws from the softmax, which is greedy only where one score towers above the rest."""
    draws = torch.Generator().manual_seed(1)

    def one_hot(tokens):
        scores = step(tokens)
        chosen = torch.multinomial(scores.softmax(dim=-1), 1, generator=draws)
        return torch.zeros_like(scores).scatter(1, chosen, 1.0)

    return decode(one_hot, batch, bos, eos, pad, max_steps)


def whole_buffer(step, batch, bos, eos, pad, max_steps):
    out = torch.full((batch, max_steps + 1), pad)
    out[:, 0] = bos
    for place in range(1, max_steps + 1):
        out[:, place] = step(out).argmax(dim=-1)
    return out


PLANTED = {
    "02.1": [
        (lambda d, f: f"{layer(d, f)} parameters", "one whole number"),
        (lambda d, f: layer(d, f) + 0.5, "one whole number"),
        (lambda d, f: layer(d, f, attentions=1, norms=2), "encoder layer"),
        (lambda d, f: layer(d, f, attentions=1), "one attention is missing"),
        (lambda d, f: layer(d, f, norms=2), "a norm is missing"),
        (lambda d, f: layer(d, f, norms=1), "two norms are missing"),
        (lambda d, f: layer(d, f, norms=0), "three norms are missing"),
        (lambda d, f: layer(d, f, norms=4), "one norm too many"),
        (lambda d, f: layer(d, f, gain=1), "a gain and a bias"),
        (lambda d, f: layer(d, f, bias=False, up=0, down=0), "linear layers' biases are missing"),
        (lambda d, f: layer(d, f, bias=False, up=0, down=0, norms=0), "biases and norms are missing"),
        (lambda d, f: layer(d, f, bias=False), "attentions' biases are missing"),
        (lambda d, f: layer(d, f, up=0, down=0), "feed-forward network's biases are missing"),
        (lambda d, f: layer(d, f, down=f), "not d_ff"),
        (lambda d, f: layer(d, f, up=d), "not d_model"),
        (lambda d, f: layer(d, f, matrices=3), "four matrices"),
        (lambda d, f: layer(d, f) - d * f - d, "two linear layers"),
        (lambda d, f: layer(d, 4 * d), "use the argument"),
        (lambda d, f: layer(d, 0, up=0, down=0), "network is missing"),
        (lambda d, f: layer(d, f) + 1, "parameters, not"),
        (lambda d, f: layer(24, f), "is a size fixed"),
        (lambda d, f: layer(d, 40), "is a size fixed"),
        (lambda d, f: layer(d, f) if d == 24 else None, "returns nothing"),
    ],
    "02.2": [
        (lambda target: 3, "expected two tensors"),
        (lambda target: target[:, :-1], "returned 3 things"),
        (lambda target: (target[:, :-1], target[:, 1:], target), "returned 3 things"),
        (lambda target: (target[:, :-1], "wanted"), "a tensor of token ids"),
        (lambda target: (target[:, 0], target[:, 1:]), "two dimensions"),
        (lambda target: (target[:, :-1], target[:, 1:].flatten()), "two dimensions"),
        (lambda target: (target[:, :-1].float(), target[:, 1:]), "input is torch.float32"),
        (lambda target: (target[:, :-1], target[:, 1:].double()), "whole numbers"),
        (lambda target: (target, target), "learn to copy"),
        (lambda target: (target[:, :-1], target[:, :-1]), "learn to copy"),
        (lambda target: (target[:, 1:], target[:, :-1]), "exchanged"),
        (lambda target: (target[:-1], target[1:]), "cuts the batch"),
        (lambda target: (target[:, :-1], target), "shapes differ"),
        (lambda target: (target, target[:, 1:]), "shapes differ"),
        (lambda target: (target, target.roll(-1, 1)), "rolled around"),
        (lambda target: (target[:, :-1], target[:, :-1].roll(-1, 1)), "rolled around"),
        (lambda target: (target[:, :-1], target[:, 1:].masked_fill(target[:, 1:] == 0, -100)), "became -100"),
        (lambda target: (target[:, :-1].masked_fill(target[:, :-1] == 2, 0), target[:, 1:]), "was replaced"),
        (bos_twice, "all but the last token"),
        (lambda target: (target[:, :-1].flip(1), target[:, 1:]), "all but the last token"),
        (lambda target: (target[:, :-1], target.roll(-2, 1)[:, :-1]), "all but the first token"),
        (lambda target: (target[:, :4], target[:, 1:5]), "one batch only"),
        (fixed_ids, "one batch only"),
        (lambda target: (target[:, :-1], target[:, 1:]) if len(target) == 3 else None, "returns nothing"),
    ],
    "02.3": [
        (drawn, "does not draw"),
        (whole_buffer, "not the whole buffer"),
        (lambda *a: "text", "one tensor of shape"),
        (written_by_hand, "never calls step"),
        (lambda *a: decode(*a, see=lambda tokens: tokens[:, -1]), "it takes (batch, length)"),
        (lambda *a: decode(*a, see=lambda tokens: tokens.float()), "floating point numbers: token ids"),
        (lambda *a: decode(*a, see=lambda tokens: tokens[:, -1:]), "last token alone"),
        (lambda *a: decode(*a)[0], "expected (batch, 1 + steps)"),
        (lambda *a: decode(*a).float(), "take the argmax"),
        (lambda *a: decode(*a, start=0), "the first token that step sees"),
        (no_bos, "begins with bos"),
        (lambda *a: decode(*a, stop="any"), "first row is done"),
        (lambda *a: decode(*a, fill=False, stop="never"), "go on writing"),
        (lambda *a: decode(*a, fill=False), "go on writing"),
        (lambda *a: decode(*a, early=True), "overwritten by pad"),
        (lambda *a: decode(*a, wake=True), "wakes up"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, bos, eos, eos, n), "filled with eos"),
        (lambda *a: decode(*a, stop="never"), "loop goes on"),
        (padded, "loop goes on"),
        (lambda *a: decode(*a, break_first=True), "last <eos> is missing"),
        (least_likely, "largest score"),
        (rows_turned, "expected [[1, 5"),
        (lambda *a: torch.where(decode(*a) == 6, 4, decode(*a)), "expected [[1, 5"),
        (lambda *a: decode(*a, see=lambda tokens: tokens[:, :1].expand_as(tokens)), "written so far"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, bos, eos, pad, n - 1), "bos comes on top"),
        (no_limit, "not respected"),
        (last_step_lost, "with 2 steps expected"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, bos, 2, pad, n), "one set of ids only"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, bos, eos, 0, n), "one set of ids only"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, 1, eos, pad, n), "should be bos, 7"),
        (lambda s, b, bos, eos, pad, n: decode(s, b, bos, eos, pad, n) if bos == 1 else None, "returns nothing"),
    ],
}

RIGHT = {
    "02.1": [
        layer,
        counted,
        added_up,
        lambda d, f: np.int64(layer(d, f)),
        lambda d, f: torch.tensor(float(layer(d, f)), dtype=torch.float64),
    ],
    "02.2": [
        lambda target: (target[:, :-1], target[:, 1:]),
        by_index,
        lambda target: (target.numpy()[:, :-1], target.int()[:, 1:]),
        lambda target: ([row[:-1] for row in target.tolist()], [row[1:] for row in target]),
        lambda target: torch.stack([target[:, :-1], target[:, 1:]]),
    ],
    "02.3": [decode, decode_lists, decode_buffer, decode_and_fill_later],
}
