"""The Triton kernel of notebook 12, run by Triton's interpreter in a process of its own: no GPU needed."""

import importlib.util
import os
import subprocess
import sys

import pytest

CODE = """
import torch
from torch.nn import functional as F
from utils.triton_attention import triton_attention

torch.manual_seed(0)
for T in (37, 64, 100):
    for causal in (True, False):
        q, k, v = (torch.randn(2, 3, T, 16) for _ in range(3))
        out, log_sums = triton_attention(q, k, v, causal, tile=16)
        torch.testing.assert_close(out, F.scaled_dot_product_attention(q, k, v, is_causal=causal))
        scores = (q @ k.mT / 4).masked_fill(~torch.ones(T, T, dtype=torch.bool).tril() & causal, float("-inf"))
        torch.testing.assert_close(log_sums, scores.logsumexp(dim=-1))
try:
    triton_attention(*(torch.randn(1, 1, 5, 11) for _ in range(3)))
except ValueError as error:
    assert "power of two" in str(error)
else:
    raise RuntimeError("a head of 11 features should be refused")
print("equal")
"""


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton has wheels for Linux only; the kernel is checked there")
def test_kernel_equals_sdpa(request):
    """Causal and not, lengths that no tile divides: outputs and log-sums."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(request.config.rootpath)}
    result = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == "equal", result.stderr[-2000:]
