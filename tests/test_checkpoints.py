"""The weights that the course ships: small, documented, and as good as their record says."""

import json

import pytest
import torch

from lessons.distilbert import is_right, review_batches, shipped_student
from scripts import checkpoints
from utils import pretrained
from utils.data import DataError, reviews, sha256
from utils.pretrained import CHECKPOINTS, add_differences, load_checkpoint, minilm, review_classifier

FILES = sorted(CHECKPOINTS.glob("*.safetensors"))


def test_size_and_kind():
    """No pickle, 20 MB in all."""
    assert FILES
    assert {path.suffix for path in CHECKPOINTS.iterdir()} <= {".safetensors", ".json"}
    assert sum(path.stat().st_size for path in CHECKPOINTS.iterdir()) < 20e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_record(path):
    """Each has a record of the command, the seed, the time and the metrics that made it, and of the hash of its weights."""
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["sha256"] == sha256(path)
    assert path.stem in record["command"] and "seed" in record["settings"]
    assert record["cpu_seconds"] > 0 and record["versions"] and record["date"]


def test_review_classifier():
    """The teacher of 10 and 11 is as accurate as recorded, within what 400 test reviews can tell."""
    record = json.loads((CHECKPOINTS / "minilm_rotten_tomatoes.json").read_text())
    tokenizer, model = review_classifier()
    table = reviews("rotten_tomatoes", "test")[:400]
    with torch.inference_mode():
        logits = model(**tokenizer(list(table.text), padding=True, truncation=True, return_tensors="pt")).logits
    accuracy = (logits.argmax(dim=-1) == torch.tensor(list(table.label))).float().mean().item()
    assert abs(accuracy - record["test_accuracy"]) < 0.06
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, minilm()[1].embeddings.word_embeddings.weight)
    assert not model.training


def test_review_student():
    """The student of 11 has half of the teacher's layers and is as accurate as recorded, within what 400 test reviews can tell."""
    record = json.loads((CHECKPOINTS / "review_student.json").read_text())
    tokenizer, teacher = review_classifier()
    student = shipped_student(teacher)
    table = reviews("rotten_tomatoes", "test")[:400]
    right = is_right(student, review_batches(tokenizer, list(table.text), list(table.label)))
    assert abs(right.float().mean().item() - record["test_accuracy"]) < 0.06
    assert len(student.encoder.blocks) == 3 and not student.training


def test_missing_or_broken(tmp_path, monkeypatch):
    """One sentence that says what is wrong and how to mend it."""
    monkeypatch.setattr(pretrained, "CHECKPOINTS", tmp_path)
    with pytest.raises(DataError, match="missing from data/checkpoints; get it back with: git checkout"):
        review_classifier()
    (tmp_path / "minilm_rotten_tomatoes.safetensors").write_bytes(FILES[0].read_bytes()[:5000])
    with pytest.raises(DataError, match="cannot be read"):
        review_classifier()


def test_packed_differences_come_back():
    """A matrix as two thin factors, small weights whole, what did not change not at all; 16 bits lose little."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(70, 80), torch.nn.LayerNorm(80), torch.nn.Linear(80, 3))
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    wanted = {name: weight.clone() for name, weight in start.items()}
    wanted["0.weight"] += 0.01 * torch.randn(80, 5) @ torch.randn(5, 70)
    wanted["1.bias"] += 0.1
    wanted["2.weight"] -= 0.1
    packed = checkpoints.pack(wanted, start)
    assert set(packed) == {"0.weight.left", "0.weight.right", "1.bias", "2.weight"}
    assert packed["0.weight.left"].shape == (80, checkpoints.RANK) and all(t.dtype == torch.float16 for t in packed.values())
    assert add_differences(model, {name: tensor.float() for name, tensor in packed.items()}) is model
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, wanted[name], atol=1e-3, rtol=0)  # half precision of differences of up to 0.2
    with pytest.raises(KeyError):
        add_differences(model, {"3.weight": torch.zeros(1)})
    with pytest.raises(KeyError):
        add_differences(model, {"0.weight.left": torch.zeros(80, 2)})


def test_weights_are_loaded_with_their_first_record(tmp_path, monkeypatch):
    """Weights and a first record are written together, so that a maker can load what it has just saved; other weights are refused."""
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(pretrained, "CHECKPOINTS", tmp_path)
    record = {"command": "none"}
    checkpoints.write("tiny", record, {"a": torch.ones(2).half()})
    assert load_checkpoint("tiny")["a"].tolist() == [1, 1]
    record["accuracy"] = 0.5
    checkpoints.write("tiny", record)
    noted = json.loads((tmp_path / "tiny.json").read_text())
    assert noted["accuracy"] == 0.5 and noted["sha256"] == sha256(tmp_path / "tiny.safetensors")
    checkpoints.save_file({"a": torch.zeros(2).half()}, tmp_path / "tiny.safetensors")
    with pytest.raises(DataError, match="not the file whose hash"):
        load_checkpoint("tiny")


def test_8_bit_differences():
    """Codes and a scale a row give the change back within half a step; a vector as it is; codes without scales are refused."""
    torch.manual_seed(0)
    model = torch.nn.Linear(40, 30)
    before, change = model.weight.detach().clone(), torch.randn(30, 40)
    scales = (change.abs().amax(dim=1, keepdim=True) / 127).half().float()
    codes = (change / scales).round().to(torch.int8)
    bias = model.bias.detach().clone()
    add_differences(model, {"weight.codes": codes.float(), "weight.scales": scales, "bias": torch.ones(30)})
    assert ((model.weight - before - change).abs() <= 0.51 * scales).all() and torch.allclose(model.bias, bias + 1)
    with pytest.raises(KeyError):
        add_differences(model, {"weight.codes": codes.float()})
