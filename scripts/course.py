"""The course's plan, the tables made from it, and the repository's address in all the places that carry it."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

from utils import ROOT

# number, slug, title, what the reader builds or finds
COURSE = [
    (
        "Part I: foundations",
        [
            ("01", "use_cases", "Use cases", "five families of tasks, run live on two real models"),
            (
                "02",
                "architecture",
                "High-level architecture",
                "the 2017 transformer opened box by box; dates in words to ISO",
            ),
            ("03", "tokenization", "Tokenization", "byte-level BPE in tensors, equal to Hugging Face tokenizers"),
            ("04", "embeddings", "Embeddings", "skip-gram and GloVe; semantic search"),
            ("05", "attention", "Attention", "multi-head attention, encoder and decoder blocks, equal to PyTorch's"),
            (
                "06",
                "position_embeddings",
                "Position embeddings",
                "sinusoidal, learned, T5, ALiBi; the whole 2017 transformer",
            ),
            (
                "07",
                "project_1_sentiment_analysis",
                "Project 1: sentiment analysis with a transformer from scratch",
                "a classifier of real reviews",
            ),
        ],
    ),
    (
        "Part II: encoders",
        [
            (
                "08",
                "bert_and_roberta",
                "BERT and RoBERTa",
                "BERT with MiniLM's real weights; RoBERTa's changes measured one by one",
            ),
            (
                "09",
                "project_2_text_summarization",
                "Project 2: text summarization with BERT models from Hugging Face",
                "extractive and abstractive summaries, ROUGE with intervals",
            ),
            (
                "10",
                "knowledge_distillation",
                "Knowledge distillation",
                "soft targets, hidden states, attention transfer; a digit never seen",
            ),
            ("11", "distilbert", "DistilBERT", "a student of half the layers, the paper's claim tested"),
            (
                "12",
                "rope_and_flash_attention",
                "Longer context: RoPE and FlashAttention",
                "rotary positions and their stretching; attention in tiles",
            ),
            (
                "13",
                "fine_tuning",
                "Fine-tuning",
                "features, full, gradual, by layer; supervised fine-tuning of a chat model",
            ),
            ("14", "lora", "LoRA", "low-rank adapters, equal to PEFT"),
            ("15", "t5", "T5", "text-to-text, span corruption"),
            (
                "16",
                "project_3_ner_with_autotrain",
                "Project 3: fine-tuning T5 for named entity recognition with AutoTrain",
                "an entity recognizer",
            ),
        ],
    ),
    (
        "Part III: decoders and alignment",
        [
            ("17", "gpt", "GPT", "a GPT and its sampling"),
            (
                "18",
                "project_4_gpt_with_lightning",
                "Project 4: GPT from scratch with PyTorch and Lightning",
                "a model of Shakespeare's plays",
            ),
            ("19", "rlhf_and_dpo", "Alignment: RLHF and DPO", "a reward model, PPO, the DPO loss"),
            ("20", "project_5_dpo", "Project 5: improving GPT responses with DPO", "a better-behaved assistant"),
        ],
    ),
    (
        "Part IV: large language models",
        [
            ("21", "large_language_models", "Large language models", "scaling laws, quantization, evaluation"),
            ("22", "llama", "Llama", "Llama with SmolLM2's real weights"),
            (
                "23",
                "project_6_medical_qa_with_litgpt",
                "Project 6: fine-tuning Llama 3.3 8B for medical question answering with LitGPT",
                "question answering, fine-tuned",
            ),
            ("24", "deepseek", "DeepSeek", "latent attention, mixture of experts"),
            ("25", "grpo", "GRPO", "reasoning learned from reward alone"),
            (
                "26",
                "project_7_local_inference_with_ollama",
                "Project 7: local inference with DeepSeek via Ollama",
                "a local chat",
            ),
        ],
    ),
]


# the course agenda, word by word, and the notebook of each item; embeddings (04) have a section of their own outside the numbered list
AGENDA = [
    ("use cases", "01"),
    ("high-level architecture", "02"),
    ("tokenization", "03"),
    ("attention mechanisms", "05"),
    ("position embeddings", "06"),
    ("project 1: sentiment analysis with a transformer from scratch via PyTorch", "07"),
    ("BERT and RoBERTa", "08"),
    ("project 2: text summarization with BERT models from Hugging Face", "09"),
    ("knowledge distillation", "10"),
    ("DistilBERT", "11"),
    ("increasing context windows: RoPE and Flash Attention", "12"),
    ("fine-tuning", "13"),
    ("efficient fine-tuning with low-rank adaptation (LoRA)", "14"),
    ("T5", "15"),
    ("project 3: fine-tuning T5 for named entity recognition with AutoTrain", "16"),
    ("GPT", "17"),
    ("project 4: GPT from scratch with PyTorch and Lightning AI", "18"),
    ("alignment: RLHF and DPO", "19"),
    ("project 5: improving GPT responses with DPO", "20"),
    ("large language models", "21"),
    ("Llama", "22"),
    ("project 6: fine-tuning Llama 3.3 8B for medical question answering with LitGPT", "23"),
    ("DeepSeek", "24"),
    ("alignment variant: GRPO", "25"),
    ("project 7: local inference with DeepSeek via Ollama", "26"),
]


def notebooks() -> list[Path]:
    """The notebooks that exist, in order (00 first)."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def repository() -> str | None:
    """owner/name of the repository: what git calls origin, else pyproject.toml; None where neither names one on GitHub."""
    try:
        origin = subprocess.run(
            ["git", "-C", str(ROOT), "remote", "get-url", "origin"], capture_output=True, text=True
        ).stdout.strip()
    except OSError:
        origin = ""
    match = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", origin) or re.search(
        r'^Repository = "https://github\.com/([\w.-]+/[\w.-]+)"',
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        re.M,
    )
    return match[1] if match and not match[1].startswith("OWNER/") else None


def badges(path: str, folder: str = "figures") -> str:
    """The two badges of a notebook, as Markdown with local pictures; nothing where the address is not known, rather than dead links."""
    repo = repository()
    if repo is None:
        return ""
    return (
        f"[![Open in Colab]({folder}/badge_colab.svg)](https://colab.research.google.com/github/{repo}/blob/main/notebooks/{path}) "
        f"[![Open in Binder]({folder}/badge_binder.svg)](https://mybinder.org/v2/gh/{repo}/main?labpath=notebooks%2F{path})"
    )


def agenda(link: str) -> str:
    """The agenda's table: its number, its words, its notebook; ``link`` is the prefix of paths to notebooks."""
    slugs = {number: slug for _, entries in COURSE for number, slug, _, _ in entries}
    lines = ["| | Agenda | Notebook |", "| --- | --- | --- |"]
    for place, (words, number) in enumerate(AGENDA, 1):
        name = f"{number}_{slugs[number]}.ipynb"
        where = f"[{number}]({link}{name})" if (ROOT / "notebooks" / name).exists() else f"{number}, not written yet"
        lines.append(f"| {place} | {words[0].upper() + words[1:]} | {where} |")
    return "\n".join(lines)


def facts(path: Path) -> tuple[str, str]:
    """(minutes, memory) from a notebook's header, such as ("45 min, 30 s to run", "1.2 GB")."""
    match = re.search(
        r"\| (\d+ min) to read, (\S+ s) to run \| (\S+ GB) \|", nbformat.read(path, as_version=4).cells[0].source
    )
    return (f"{match[1]} + {match[2]}", match[3]) if match else ("", "")


def table(link: str, picture: str) -> str:
    """The course's table; ``link`` and ``picture`` are prefixes of paths to notebooks and figures."""
    lines = []
    for part, entries in COURSE:
        lines += [
            f"**{part}**",
            "",
            "| | Notebook | What you build | Read + run | Memory | |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for number, slug, title, builds in entries:
            path = ROOT / "notebooks" / f"{number}_{slug}.ipynb"
            if path.exists():
                minutes, memory = facts(path)
                colab = badges(path.name, picture).split(" [![Open in Binder")[0]
                lines.append(f"| {number} | [{title}]({link}{path.name}) | {builds} | {minutes} | {memory} | {colab} |")
            else:
                lines.append(f"| {number} | {title} | {builds} | not written yet | | |")
        lines.append("")
    return "\n".join(lines).strip()


def _between(text: str, mark: str, content: str) -> str:
    return re.sub(rf"(<!-- {mark} -->\n).*?(\n<!-- /{mark} -->)", lambda m: m[1] + content + m[2], text, flags=re.S)


def write_tables() -> None:
    """Refresh the tables in README.md and in 00_start_here, wherever the marks ``<!-- course -->`` and ``<!-- agenda -->`` stand."""
    readme = ROOT / "README.md"
    text = _between(readme.read_text(encoding="utf-8"), "course", table("notebooks/", "notebooks/figures"))
    readme.write_text(_between(text, "agenda", agenda("notebooks/")), encoding="utf-8")
    start = ROOT / "notebooks" / "00_start_here.ipynb"
    notebook = nbformat.read(start, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _between(_between(cell.source, "course", table("", "figures")), "agenda", agenda(""))
    nbformat.write(notebook, start)


def setup_source() -> str:
    """The set-up cell of every notebook, with the repository's address in it where that is known."""
    return (ROOT / "scripts" / "setup_cell.py").read_text(encoding="utf-8").rstrip()


def write_badges(repo: str | None = None) -> None:
    """Write the address into pyproject, the set-up cell and every notebook; ``repo`` is owner/name (default: what `repository` finds)."""
    if repo is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        sys.exit(f"error: REPO must look like owner/name, not {repo!r}")
    project, setup = ROOT / "pyproject.toml", ROOT / "scripts" / "setup_cell.py"
    address = repo or repository() or "OWNER/transformers-course"
    for path, pattern in (
        (project, r'(?<=Repository = "https://github\.com/)[\w.-]+/[\w.-]+(?=")'),
        (setup, r"(?<=https://github\.com/)[\w.-]+/[\w.-]+"),
    ):
        path.write_text(re.sub(pattern, address, path.read_text(encoding="utf-8")), encoding="utf-8")
    readme = ROOT / "README.md"
    clone = f"git clone https://github.com/{repo or repository()} " if repo or repository() else "git clone ADDRESS "
    readme.write_text(re.sub(r"git clone \S+ (?=transformers-course)", clone, readme.read_text(encoding="utf-8")), encoding="utf-8")
    for path in notebooks():
        notebook = nbformat.read(path, as_version=4)
        first = notebook.cells[0]
        line = f"<!-- badges -->\n\n{badges(path.name)}".rstrip()
        first.source = re.sub(
            r"<!-- badges -->(\s*\[!\[Open in [^\n]*)?", lambda _, line=line: line, first.source
        ).rstrip()
        code = next(cell for cell in notebook.cells if cell.cell_type == "code")
        lead = "".join(line + "\n" for line in code.source.splitlines() if line.startswith("#| default_exp"))
        code.source = lead + setup_source()
        code.metadata["jupyter"] = {"source_hidden": True}
        nbformat.write(notebook, path)
    write_tables()


if __name__ == "__main__":
    write_badges(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None)
    print(
        f"badges and addresses point to {repository() or 'nowhere yet: name the repository, make badges REPO=owner/name'}"
    )
