"""Wrong answers to the exercises of notebook 06, each with a piece of the hint it must get."""

import math

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


def in_place(x, omega):
    x, angle = x.clone(), omega * torch.arange(len(x))
    x[:, 0] = angle.cos() * x[:, 0] - angle.sin() * x[:, 1]
    x[:, 1] = angle.sin() * x[:, 0] + angle.cos() * x[:, 1]
    return x


PLANTED = {
    "06.1": [
        (lambda t, pad_id=0: torch.arange(t.shape[1]).expand_as(t), "counts from the edge"),
        (lambda t, pad_id=0: torch.arange(t.shape[1]) * real(t, pad_id), "blanks the padding"),
        (lambda t, pad_id=0: real(t, pad_id).cumsum(1) * real(t, pad_id), "off by one"),
        (lambda t, pad_id=0: real(t, pad_id).cumsum(1) - 1, "negative position"),
        (lambda t, pad_id=0: (real(t, pad_id).cumsum(1) - 1).clamp(min=0), "padding on the right"),
        (lambda t, pad_id=0: (real(t, pad_id).cumsum(0) - 1) * real(t, pad_id), "down the batch"),
        (lambda t, pad_id=0: (real(t).cumsum(1) - 1) * real(t), "pad_id is ignored"),
        (lambda t, pad_id=0: ((real(t, pad_id).cumsum(1) - 1) * real(t, pad_id)).float(), "integers"),
    ],
    "06.2": [
        (lambda T, k: distance(T) + k, "not clipped"),
        (lambda T, k: distance(T).clamp(-k, k), "negative indices"),
        (lambda T, k: (-distance(T)).clamp(-k, k) + k, "key minus query"),
        (lambda T, k: distance(T).abs().clamp(max=k), "share an index"),
        (lambda T, k: (distance(T) + k).clamp(-k, k), "clip first"),
        (lambda T, k: distance(T).clamp(-k, k - 1) + k, "some entries are wrong"),
    ],
    "06.3": [
        (lambda k, d_model: blocks(k * rates(d_model), sign=-1), "backwards"),
        (lambda k, d_model: blocks(rates(d_model)), "shift by one"),
        (lambda k, d_model: blocks(torch.full((d_model // 2,), float(k))), "its own rate"),
        (lambda k, d_model: blocks(k * 10000.0 ** (-torch.arange(d_model // 2) / d_model)), "lacks the 2"),
        (halves, "all sines first"),
        (lambda k, d_model: blocks(k * rates(d_model))[: d_model // 2], "shape (d_model, d_model)"),
        (lambda k, d_model: torch.eye(d_model), "does not take"),
    ],
    "06.4": [
        (lambda x, omega: turn(x, -omega * torch.arange(len(x))), "clockwise"),
        (lambda x, omega: turn(x, torch.full((len(x),), omega)), "the same angle"),
        (lambda x, omega: turn(x, omega * torch.arange(1, len(x) + 1)), "off by one"),
        (lambda x, omega: turn(x, torch.deg2rad(omega * torch.arange(len(x)))), "radians already"),
        (in_place, "the old one"),
        (lambda x, omega: x * torch.stack([(omega * torch.arange(len(x))).cos(), (omega * torch.arange(len(x))).sin()], 1), "mixes both"),
        (lambda x, omega: x * omega, "lengths have changed"),
    ],
}
