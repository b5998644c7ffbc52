"""The two real models load quickly from the cache, and damage is answered with the command that mends it."""

import json
import shutil

import pytest
import torch

from utils import data, pretrained


def test_smollm2_is_converted_once_and_answers(monkeypatch):
    pretrained.smollm2_folder()
    monkeypatch.setattr(
        pretrained, "_convert_smollm2", lambda folder: pytest.fail("converted again although it is in the cache")
    )
    tokenizer, model = pretrained.smollm2()
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


def test_a_tables_column_keeps_its_order():
    """A shuffled column is asked by position, not by label, and a filtered one works."""
    tokenizer, model = pretrained.minilm()
    table = data.reviews("rotten_tomatoes").head(8)
    right = pretrained.sentence_embeddings(list(table.text), tokenizer, model)
    shuffled = table.text.sample(frac=1, random_state=1)
    torch.testing.assert_close(
        pretrained.sentence_embeddings(shuffled, tokenizer, model), right[shuffled.index.tolist()], atol=1e-5, rtol=1e-4
    )
    assert (
        len(pretrained.sentence_embeddings(table.text[table.label == 1], tokenizer, model)) == (table.label == 1).sum()
    )


@pytest.mark.parametrize("wrong", ["int8", torch.int8, None])
def test_a_wrong_dtype_is_no_damage(wrong):
    with pytest.raises(ValueError, match="dtype must be one of torch's floating types"):
        pretrained.minilm(wrong)


@pytest.mark.parametrize("damage", ["half", "nan", "a folder", "gone"])
def test_a_damaged_model_is_made_again(damage, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "all-minilm-l6-v2"
    shutil.copytree(pretrained.minilm_folder(), copy)
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    if damage == "half":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "nan":
        content[-400:] = b"\xff" * 400  # weights of the right size that say nothing
        weights.write_bytes(content)
    else:
        weights.unlink()
        if damage == "a folder":
            weights.mkdir()
    monkeypatch.setattr(pretrained, "CACHE", tmp_path)
    assert not pretrained.intact(copy)
    _, model = pretrained.minilm()
    assert "made again" in capsys.readouterr().out and pretrained.intact(copy)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_an_interrupted_conversion_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "CACHE", tmp_path)
    (tmp_path / "half-made-older").mkdir()  # what a kill left

    def dies(folder):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrained._make_folder("model", dies)
    assert [p.name for p in tmp_path.iterdir()] == ["model.lock"]


def test_a_full_disk_is_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "CACHE", tmp_path)

    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(data.DataError, match="No space left.*Free some space"):
        pretrained._make_folder("model", full)


def test_models_can_be_read_by_everybody():
    for path in pretrained.smollm2_folder().iterdir():
        assert path.stat().st_mode & 0o044 == 0o044


def test_checkpoints_carry_hashes(tmp_path, monkeypatch):
    for path in pretrained.CHECKPOINTS.glob("*.safetensors"):
        assert pretrained.load_checkpoint(path.stem)
    shutil.copytree(pretrained.CHECKPOINTS, tmp_path / "checkpoints")
    monkeypatch.setattr(pretrained, "CHECKPOINTS", tmp_path / "checkpoints")
    path = tmp_path / "checkpoints" / "review_student.safetensors"
    content = bytearray(path.read_bytes())
    content[-100:] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(data.DataError, match="hash.*git checkout data/checkpoints"):
        pretrained.load_checkpoint("review_student")
    with pytest.raises(data.DataError, match="missing.*git checkout data/checkpoints"):
        pretrained.load_checkpoint("nonsense")


def test_small_t5(tmp_path, monkeypatch):
    """The course's T5 loads from a folder in transformers' format; its tokenizer round-trips; damage is named with the command that mends it."""
    tokenizer, model = pretrained.small_t5()
    assert 4e6 < sum(p.numel() for p in model.parameters()) < 5e6 and not model.training
    assert model.config.vocab_size == len(tokenizer) == 3200
    stored = pretrained.load_checkpoint("small_t5")
    assert torch.equal(model.lm_head.weight, stored["lm_head.weight"]) and torch.equal(
        model.shared.weight, stored["shared.weight"]
    )
    assert not torch.equal(model.lm_head.weight, model.shared.weight) and not model.config.scale_decoder_outputs
    config = json.loads((pretrained.small_t5_folder() / "config.json").read_text())
    assert config["tie_word_embeddings"] is False  # what transformers 4 reads, and AutoTrain with it
    text = "Ms Vale said <extra_id_0> about naïve Kraków."
    ids = tokenizer(text).input_ids
    assert ids.count(3) == 1 and ids[-1] == tokenizer.eos_token_id == 1
    assert (
        tokenizer.decode(ids).replace("</s>", "").replace("<", " <").split() == text.split()
    )  # a sentinel swallows the space before it
    assert {p.suffix for p in pretrained.small_t5_folder().iterdir()} <= {".safetensors", ".json"}
    shutil.copytree(pretrained.CHECKPOINTS, tmp_path / "checkpoints")
    monkeypatch.setattr(pretrained, "CHECKPOINTS", tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "small_t5_tokenizer.json").write_text("{}")
    with pytest.raises(data.DataError, match="another hash.*git checkout data/checkpoints"):
        pretrained.small_t5_folder()
    (tmp_path / "checkpoints" / "small_t5_tokenizer.json").unlink()
    with pytest.raises(data.DataError, match="cannot be read.*git checkout data/checkpoints"):
        pretrained.small_t5_folder()


@pytest.mark.parametrize(("seconds", "wanted"), [((1.0, 40.0), torch.float32), ((1.0, 0.5), torch.bfloat16), ((1.0, 1.0), torch.bfloat16)])
def test_fast_dtype_goes_by_the_clock(monkeypatch, seconds, wanted):
    """float32 and bfloat16 take the given seconds for each product; what is faster is chosen, the smaller type where they are level."""
    ticks = iter(t for duration in seconds for _ in range(4) for t in (0.0, duration))
    monkeypatch.setattr(pretrained.time, "perf_counter", lambda: next(ticks))
    assert pretrained.fast_dtype.__wrapped__() == wanted
