"""The Triton kernel of notebook 12, its very source, run on the CPU: PyTorch stands in for the few words of Triton's language that it uses.

What this checks is the algorithm: tiles, masks, shrinking sums, places in memory. Whether Triton compiles it, the notebook sees on a GPU.
"""

import importlib
import itertools
import math
import sys
import types
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F


class Pointer:
    """An address into a flat tensor, or a tensor of addresses."""

    def __init__(self, memory, places=0):
        self.memory, self.places = memory, places
        self.dtype = SimpleNamespace(element_ty=memory.dtype)

    def __add__(self, steps):
        return Pointer(self.memory, self.places + steps)


def load(pointer, mask, other):
    places, mask = torch.broadcast_tensors(pointer.places, mask)
    out = torch.full(places.shape, other, dtype=pointer.memory.dtype)
    out[mask] = pointer.memory[places[mask]]  # an address outside raises IndexError unless it is masked
    return out


def store(pointer, value, mask):
    places, mask = torch.broadcast_tensors(pointer.places, mask)
    pointer.memory[places[mask]] = value[mask]


def stand_in(order):
    """(triton, triton.language) with PyTorch inside; programs run one after the other, in an order given by ``order(list)``."""
    running = {}
    language = types.ModuleType("triton.language")
    language.constexpr, language.float32, language.int64 = int, torch.float32, torch.int64
    language.program_id = lambda axis: torch.tensor(running["program"][axis], dtype=torch.int32)
    language.load, language.store = load, store
    language.arange, language.where, language.exp, language.log = torch.arange, torch.where, torch.exp, torch.log
    language.full = lambda shape, value, dtype: torch.full(shape, value, dtype=dtype)
    language.zeros = lambda shape, dtype: torch.zeros(shape, dtype=dtype)
    language.minimum = lambda a, b: min(int(a), int(b))
    language.maximum = torch.maximum
    language.max, language.sum = (lambda x, axis: x.amax(axis)), (lambda x, axis: x.sum(axis))
    language.trans = lambda x: x.T
    language.dot = lambda a, b, input_precision: a @ b

    class Kernel:
        def __init__(self, function):
            self.function = function

        def __getitem__(self, grid):
            def launch(*args, **kwargs):
                args = [Pointer(a.view(-1)) if torch.is_tensor(a) else a for a in args]
                for program in order(list(itertools.product(*(range(n) for n in grid)))):
                    running["program"] = program
                    self.function(*args, **kwargs)

            return launch

    triton = types.ModuleType("triton")
    triton.jit, triton.language, triton.cdiv = Kernel, language, lambda a, b: -(-a // b)
    return triton, language


@pytest.fixture(params=[list, lambda programs: programs[::-1]], ids=["in order", "last first"])
def triton_attention(request, monkeypatch):
    """The function of utils/triton_attention.py, imported with the stand-in; afterwards the module is forgotten."""
    triton, language = stand_in(request.param)
    monkeypatch.setitem(sys.modules, "triton", triton)
    monkeypatch.setitem(sys.modules, "triton.language", language)
    monkeypatch.delitem(sys.modules, "utils.triton_attention", raising=False)
    yield importlib.import_module("utils.triton_attention").triton_attention
    sys.modules.pop("utils.triton_attention", None)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("T", "tile", "dtype"), [(37, 16, torch.float32), (64, 32, torch.float32), (5, 16, torch.float32), (50, 16, torch.bfloat16)])
def test_kernel_equals_sdpa(triton_attention, T, tile, dtype, causal):
    """Causal and not, lengths that no tile divides, one shorter than a tile: outputs and log-sums, whatever program runs first."""
    torch.manual_seed(T)
    q, k, v = (torch.randn(2, 3, T, 16).to(dtype) for _ in range(3))
    q[0, 0, T // 2] *= 40  # scores far apart: without the shrinking sums they overflow
    out, log_sums = triton_attention(q, k, v, causal, tile=tile)
    assert out.dtype == dtype
    loose = {} if dtype == torch.float32 else {"atol": 2e-2, "rtol": 2e-2}  # weights are rounded to 8 bits before the product with v
    torch.testing.assert_close(out, F.scaled_dot_product_attention(q, k, v, is_causal=causal), **loose)
    scores = (q @ k.mT / math.sqrt(16)).masked_fill(~torch.ones(T, T, dtype=torch.bool).tril() & causal, float("-inf"))
    torch.testing.assert_close(log_sums, scores.float().logsumexp(dim=-1), **loose)


def test_a_view_is_read_rightly(triton_attention):
    """Heads cut from one wide tensor, as a layer has them, are not contiguous."""
    q, k, v = (torch.randn(2, 21, 3, 16).transpose(1, 2) for _ in range(3))
    torch.testing.assert_close(triton_attention(q, k, v, True, tile=16)[0], F.scaled_dot_product_attention(q, k, v, is_causal=True))


def test_odd_widths_are_refused(triton_attention):
    for width in (8, 11, 48):
        with pytest.raises(ValueError, match="power of two"):
            triton_attention(*(torch.randn(1, 1, 5, width) for _ in range(3)))


def test_a_missing_shrink_is_noticed(triton_attention, monkeypatch):
    """The stand-in computes what the source says: with the shrinking factors taken as one, the outputs differ."""
    module = sys.modules["utils.triton_attention"]
    monkeypatch.setattr(module.tl, "exp", lambda x: torch.exp(x) if x.dim() == 2 else torch.ones_like(x))
    q, k, v = (torch.randn(1, 1, 40, 16) for _ in range(3))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(triton_attention(q, k, v, True, tile=16)[0], F.scaled_dot_product_attention(q, k, v, is_causal=True))
