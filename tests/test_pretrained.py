"""The two real models load quickly from the cache, and damage is answered with the command that mends it."""

import shutil
import time

import pytest
import torch

from utils import data, pretrained


def test_smollm2_loads_fast_and_answers():
    pretrained.smollm2_folder()
    start = time.process_time()
    tokenizer, model = pretrained.smollm2()
    assert time.process_time() - start < 20  # 0.5 s on an idle machine; a conversion would take more
    assert (
        sum(p.numel() for p in model.parameters()) == 134_515_008
        and model.dtype == torch.float32
        and not model.training
    )
    batch = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    out = model.generate(**batch, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0, batch["input_ids"].shape[1] :])


def test_converted_weights_are_bf16_safetensors_without_pickle():
    folder = pretrained.smollm2_folder()
    assert {p.suffix for p in folder.iterdir()} <= {".safetensors", ".json", ".jinja", ".txt"}
    assert 2.6e8 < (folder / "model.safetensors").stat().st_size < 2.8e8


def test_sentence_embeddings():
    tokenizer, model = pretrained.minilm()
    texts = [
        "A cat sleeps on the sofa.",
        "A kitten is napping on the couch, and nobody dares to wake it.",
        "Shares fell on Monday.",
    ]
    vectors = pretrained.sentence_embeddings(texts, tokenizer, model)
    assert vectors.shape == (3, 384)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
    for i, text in enumerate(texts):  # padding and order in the batch change nothing
        torch.testing.assert_close(
            pretrained.sentence_embeddings([text], tokenizer, model)[0], vectors[i], atol=1e-5, rtol=1e-4
        )
    assert pretrained.sentence_embeddings([""], tokenizer, model).isfinite().all()
    assert pretrained.sentence_embeddings(["long " * 5000, "Привет, 世界"], tokenizer, model).isfinite().all()
    with pytest.raises(TypeError, match="in brackets"):
        pretrained.sentence_embeddings("one text", tokenizer, model)
    with pytest.raises(ValueError, match="at least one"):
        pretrained.sentence_embeddings([], tokenizer, model)


def test_a_damaged_model_names_its_mend(tmp_path, monkeypatch):
    copy = tmp_path / "all-minilm-l6-v2"
    shutil.copytree(pretrained.minilm_folder(), copy)
    (copy / "model.safetensors").write_bytes(b"half a file")
    monkeypatch.setattr(pretrained, "CACHE", tmp_path)
    with pytest.raises(data.DataError, match="cannot be read.*Delete the folder.*make data"):
        pretrained.minilm()


def test_an_interrupted_conversion_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "CACHE", tmp_path)

    def dies(folder):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrained._make_folder("model", "model.safetensors", dies)
    assert [p.name for p in tmp_path.iterdir()] == ["model.lock"]
