"""The weights that the course ships: small, documented, and as good as their record says."""

import json

import pytest
import torch

from utils import pretrained
from utils.data import DataError, reviews
from utils.lessons.distilbert import is_right, review_batches, shipped_student
from utils.pretrained import CHECKPOINTS, minilm, review_classifier

FILES = sorted(CHECKPOINTS.glob("*.safetensors"))


def test_size_and_kind():
    """No pickle, 20 MB in all."""
    assert FILES
    assert {path.suffix for path in CHECKPOINTS.iterdir()} <= {".safetensors", ".json"}
    assert sum(path.stat().st_size for path in CHECKPOINTS.iterdir()) < 20e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_record(path):
    """Each has a record of the command, the seed, the time and the metrics that made it."""
    record = json.loads(path.with_suffix(".json").read_text())
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
