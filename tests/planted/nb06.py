"""Wrong answers to the exercises of notebook 06, each with a piece of the hint it must get, and right answers written another way."""

import cmath
import math

import numpy as np
import torch


def real(t, pad_id=0):
    return (t != pad_id).long()


def distance(T):
    return torch.arange(T)[None, :] - torch.arange(T)[:, None]


def rates(d_model):
    return 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)


def blocks(angles, sign=1):
    return torch.block_diag(*(torch.tensor([[math.cos(a), sign * math.sin(a)], [-sign * math.sin(a), math.cos(a)]]) for a in angles.tolist()))


def halves(k, d_model):
    c, s = (k * rates(d_model)).cos().diag(), (k * rates(d_model)).sin().diag()
    return torch.cat([torch.cat([c, s], 1), torch.cat([-s, c], 1)])


def turn(x, angle):
    c, s = angle.cos(), angle.sin()
    return torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], dim=1)


def in_order(x, omega):
    """The second feature from the new first one."""
    x, angle = x.clone(), omega * torch.arange(len(x))
    x[:, 0] = angle.cos() * x[:, 0] - angle.sin() * x[:, 1]
    x[:, 1] = angle.sin() * x[:, 0] + angle.cos() * x[:, 1]
    return x


def counted(t, pad_id=0):
    return (real(t, pad_id).cumsum(1) - 1) * real(t, pad_id)


def since_first(t, pad_id=0):
    return torch.arange(t.shape[1]) - real(t, pad_id).argmax(1, keepdim=True)


def index(T, k):
    return distance(T).clamp(-k, k) + k


def steps(x, omega):
    return omega * torch.arange(len(x))


def restarts(tokens, pad_id=0):
    out = torch.zeros_like(tokens)
    for i, row in enumerate(tokens.tolist()):
        place = 0
        for j, token in enumerate(row):
            out[i, j] = 0 if token == pad_id else place
            place = 0 if token == pad_id else place + 1
    return out


PLANTED = {
    "06.1": [
        (restarts, "starts again after padding in between"),
        (lambda t, pad_id=0: torch.arange(t.shape[1]).expand_as(t), "counts from the edge: left"),
        (lambda t, pad_id=0: torch.arange(t.shape[1]) * real(t, pad_id), "blanks the padding"),
        (lambda t, pad_id=0: real(t, pad_id).cumsum(1) * real(t, pad_id), "off by one"),
        (lambda t, pad_id=0: real(t, pad_id).cumsum(1), "off by one"),
        (lambda t, pad_id=0: real(t, pad_id).cumsum(1) - 1, "negative position"),
        (lambda t, pad_id=0: counted(t, pad_id) - (1 - real(t, pad_id)), "negative position"),
        (lambda t, pad_id=0: (real(t, pad_id).cumsum(1) - 1).clamp(min=0), "padding after them"),
        (lambda t, pad_id=0: (real(t, pad_id).cumsum(0) - 1) * real(t, pad_id), "down the batch"),
        (lambda t, pad_id=0: since_first(t, pad_id) * real(t, pad_id), "padding in between included"),
        (lambda t, pad_id=0: since_first(t, pad_id).clamp(min=0), "padding in between included"),
        (lambda t, pad_id=0: counted(t.flip(1), pad_id).flip(1), "some positions are wrong"),
        (lambda t, pad_id=0: counted(t), "pad_id is ignored"),
        (lambda t, pad_id=0: counted(t, pad_id) + pad_id, "as RoBERTa does"),
        (lambda t, pad_id=0: counted(t, pad_id) + pad_id * real(t, pad_id), "as RoBERTa does"),
        (lambda t, pad_id=0: counted(torch.where(t == 0, pad_id, t), pad_id), "0 a token like any other"),
        (lambda t, pad_id=0: counted(t, pad_id).float(), "integers"),
        (lambda t, pad_id=0: counted(t, pad_id) if pad_id == 0 else counted(t, pad_id).float(), "integers"),
        (lambda t, pad_id=0: counted(t, pad_id)[0], "one position a token"),
        (lambda t, pad_id=0: "text", "one position a token"),
    ],
    "06.2": [
        (lambda T, k: distance(T) + k, "not clipped"),
        (lambda T, k: distance(T), "not clipped"),
        (lambda T, k: distance(T).clamp(-k, k), "negative indices"),
        (lambda T, k: index(T, k) + 1, "not by k + 1"),
        (lambda T, k: (-distance(T)).clamp(-k, k) + k, "key minus query"),
        (lambda T, k: distance(T).abs().clamp(max=k), "share an index"),
        (lambda T, k: distance(T).abs().clamp(max=k) + k, "share an index"),
        (lambda T, k: (distance(T) + k).clamp(-k, k), "clip first"),
        (lambda T, k: (distance(T) + k).clamp(0, k), "clip first"),
        (lambda T, k: distance(T).clamp(-k, k - 1) + k, "the limit k itself counts"),
        (lambda T, k: distance(T).clamp(-k, 0) + k, "clip first"),
        (lambda T, k: distance(T).clamp(1 - k, k) + k, "some entries are wrong"),
        (lambda T, k: index(T, 2), "right for T = 7 and k = 2"),
        (lambda T, k: index(T, min(T, k)), "the shift is still k"),
        (lambda T, k: index(T, k).float(), "indices are integers"),
        (lambda T, k: index(7, k), "expected (T, T) = (9, 9)"),
    ],
    "06.3": [
        (lambda k, d_model: blocks(k * rates(d_model), sign=-1), "backwards"),
        (lambda k, d_model: blocks(rates(d_model)), "shift by one"),
        (lambda k, d_model: blocks(torch.full((d_model // 2,), float(k))), "its own rate"),
        (lambda k, d_model: blocks(k * 10000.0 ** (-torch.arange(d_model // 2) / d_model)), "lacks the 2"),
        (lambda k, d_model: blocks(k / rates(d_model).double()), "upside down"),
        (halves, "all sines first"),
        (lambda k, d_model: halves(k, d_model).T, "all sines first"),
        (lambda k, d_model: blocks(k * rates(d_model)) * torch.eye(d_model), "beside the diagonal"),
        (lambda k, d_model: blocks(k * rates(d_model))[: d_model // 2], "expected (d_model, d_model)"),
        (lambda k, d_model: torch.eye(d_model), "does not take"),
        (lambda k, d_model: blocks(3 * rates(d_model)), "k = 5 and d_model = 10"),
        (lambda k, d_model: blocks(k * rates(6)), "expected (d_model, d_model) = (10, 10)"),
        (lambda k, d_model: blocks(k * 10000.0 ** (-torch.arange(0, d_model, 2) / 6)), "k = 5 and d_model = 10"),
    ],
    "06.4": [
        (lambda x, omega: turn(x, -steps(x, omega)), "clockwise"),
        (lambda x, omega: turn(x, torch.full((len(x),), omega)), "the same angle"),
        (lambda x, omega: turn(x, torch.arange(len(x))), "omega is not used"),
        (lambda x, omega: turn(x, steps(x, omega) + omega), "off by one"),
        (lambda x, omega: turn(x, torch.deg2rad(steps(x, omega))), "radians already"),
        (in_order, "the old one"),
        (lambda x, omega: x * torch.stack([steps(x, omega).cos(), steps(x, omega).sin()], 1), "mixes both"),
        (lambda x, omega: x * omega, "lengths have changed"),
        (lambda x, omega: x > 0, "lengths have changed"),
        (lambda x, omega: x, "the directions are not"),
        (lambda x, omega: turn(x, steps(x, omega)).T, "expected that of x"),
        (lambda x, omega: turn(x, steps(x, 0.3)), "right for omega = 0.3"),
        (lambda x, omega: turn(x, steps(x, omega))[:7].repeat(7, 1)[:7], "expected that of x, (T, 2) = (4, 2)"),
    ],
}


def positions_in_loops(tokens, pad_id=0):
    rows = []
    for row in tokens.tolist():
        seen, found = 0, []
        for token in row:
            found.append(0 if token == pad_id else seen)
            seen += token != pad_id
        rows.append(found)
    return rows


def shift_in_loops(k, d_model):
    matrix = np.zeros((d_model, d_model))
    for i in range(0, d_model, 2):
        angle = k / 10000 ** (i / d_model)
        matrix[i, i] = matrix[i + 1, i + 1] = math.cos(angle)
        matrix[i, i + 1], matrix[i + 1, i] = math.sin(angle), -math.sin(angle)
    return matrix


def shift_by_least_squares(k, d_model):
    angle = torch.arange(500, dtype=torch.float64)[:, None] * rates(d_model).double()
    pe = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return torch.linalg.lstsq(pe[:-k], pe[k:]).solution.T


def rotate_in_place(x, omega):
    angle = omega * torch.arange(len(x))
    old = x.clone()
    x[:, 0] = angle.cos() * old[:, 0] - angle.sin() * old[:, 1]
    x[:, 1] = angle.sin() * old[:, 0] + angle.cos() * old[:, 1]
    return x


def rotate_complex(x, omega):
    turned = [complex(a, b) * cmath.exp(1j * omega * t) for t, (a, b) in enumerate(x.tolist())]
    return [[z.real, z.imag] for z in turned]


RIGHT = {
    "06.1": [
        counted,
        positions_in_loops,
        lambda tokens, pad_id=0: np.maximum(np.cumsum(tokens.numpy() != pad_id, axis=1) - 1, 0) * (tokens.numpy() != pad_id),
        lambda tokens, pad_id=0: (real(tokens, pad_id).cumsum(-1) - 1).masked_fill(tokens == pad_id, 0).int(),
    ],
    "06.2": [
        lambda T, k: (distance(T) + k).clamp(0, 2 * k),
        lambda T, k: [[min(max(j - i, -k), k) + k for j in range(T)] for i in range(T)],
        lambda T, k: np.clip(np.arange(T)[None] - np.arange(T)[:, None], -k, k) + k,
    ],
    "06.3": [
        lambda k, d_model: blocks(k * rates(d_model)),
        shift_in_loops,
        shift_by_least_squares,
        lambda k, d_model: shift_in_loops(k, d_model).tolist(),
    ],
    "06.4": [
        lambda x, omega: turn(x, omega * torch.arange(len(x))),
        rotate_in_place,
        rotate_complex,
        lambda x, omega: torch.view_as_real(torch.view_as_complex(x) * torch.polar(torch.ones(len(x)), omega * torch.arange(len(x)))),
        lambda x, omega: torch.stack([turn(row[None].double(), torch.tensor([omega * t]))[0] for t, row in enumerate(x)]),
    ],
}
