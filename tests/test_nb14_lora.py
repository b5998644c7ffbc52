"""lessons/lora.py beyond its notebook: other models than BERT, other dtypes, errors in one sentence."""

import copy

import pytest
import torch
import transformers
from torch import nn

from lessons.lora import (
    DoRALinear,
    LoRALinear,
    NF4Linear,
    add_lora,
    dequantize_4bit,
    merge_lora,
    nf4_levels,
    quantize_4bit,
    quantize_bases,
)


def tiny_t5():
    torch.manual_seed(0)
    return transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=31, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4)
    ).eval()


def shaken(model):
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and not name.endswith(".A"):
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("kind", [LoRALinear, DoRALinear])
def test_any_model_is_unchanged_at_the_start_and_merges_back(kind):
    model, tokens = tiny_t5(), torch.tensor([[3, 1, 4, 1, 5]])
    ours = copy.deepcopy(model)
    names = add_lora(ours, ["q", "wo"], rank=3, alpha=5.0, kind=kind)
    assert len(names) == 4 and all(name.endswith((".q", ".wo")) for name in names)
    with torch.no_grad():
        before = model(tokens).last_hidden_state
        torch.testing.assert_close(ours(tokens).last_hidden_state, before)
        changed = shaken(ours)(tokens).last_hidden_state
        assert (changed - before).abs().max() > 1e-2
        torch.testing.assert_close(merge_lora(ours)(tokens).last_hidden_state, changed, rtol=1e-4, atol=1e-5)
    assert set(ours.state_dict()) == set(model.state_dict())


def test_a_base_in_bf16_and_autocast():
    layer = LoRALinear(nn.Linear(8, 6).bfloat16(), rank=2)
    assert layer(torch.randn(3, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
    layer = LoRALinear(nn.Linear(8, 6), rank=2)
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.randn(3, 8)).float().sum().backward()
    assert layer.B.grad.dtype == torch.float32 and layer.base.weight.grad is None


def test_nf4_bases_train_the_factors_only():
    model = quantize_bases(add_and_return(tiny_t5(), ["q", "wi"]))
    assert sum(isinstance(module, NF4Linear) for module in model.modules()) == 4
    model(torch.tensor([[1, 2, 3]])).last_hidden_state.pow(2).sum().backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in model.named_parameters() if name.endswith((".A", ".B"))}
    with pytest.raises(TypeError, match="dequantize it first"):
        merge_lora(model)


def add_and_return(model, targets):
    add_lora(model, targets)
    return model


def test_blocks_and_levels():
    levels = nf4_levels()
    weight = torch.randn(4, 32)
    weight[0] = 0
    packed, scales = quantize_4bit(weight, levels, block=16)
    assert packed.dtype == torch.uint8 and packed.shape == (64,) and scales.shape == (8,)
    back = dequantize_4bit(packed, scales, weight.shape, levels)
    nearest = (weight.view(8, 16, 1) / scales.clamp(min=1e-9).view(8, 1, 1) - levels).abs().amin(dim=2)
    torch.testing.assert_close((back - weight).abs().view(8, 16), nearest * scales[:, None])
    midpoints = (levels[1:] + levels[:-1]) / 2  # as in bitsandbytes, a weight on the border goes to the lower level
    codes, _ = quantize_4bit(torch.cat([torch.ones(1), midpoints]), levels, block=16)
    assert torch.stack([codes >> 4, codes & 15], dim=1).flatten().tolist() == [15, *range(15)]


def test_errors_in_one_sentence():
    with pytest.raises(ValueError, match="no linear layer's name ends with 'querry'"):
        add_lora(tiny_t5(), ["q", "querry"])
    with pytest.raises(ValueError, match="rank must be at least 1"):
        LoRALinear(nn.Linear(2, 2), rank=0)
    for block in (60, 3):
        with pytest.raises(ValueError, match="cannot be cut into blocks"):
            quantize_4bit(torch.zeros(6, 64), nf4_levels(), block=block)
    model = tiny_t5()
    add_lora(model, ["q"])
    with pytest.raises(ValueError, match="no linear layer's name"):
        add_lora(model, ["q"])  # the layers are adapters now
