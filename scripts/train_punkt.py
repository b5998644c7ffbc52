"""Train nltk's Punkt sentence splitter on the course's own text and write it to data/nltk_data, in nltk's punkt_tab format.

    python -m scripts.train_punkt

nltk's official model is a download; this one makes ``nltk.sent_tokenize`` and ``nltk.word_tokenize`` work without a network. Punkt (Kiss and
Strunk 2006) learns from plain text, without labels, which words are abbreviations and which words begin sentences. About a minute.
"""

from pathlib import Path

from nltk.tokenize.punkt import PunktTrainer

from utils import ROOT
from utils.data import reviews, shakespeare_plays

TARGET = ROOT / "data" / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
FREQUENT = 15  # the orthographic context of rarer words is left out, to keep the file small


def corpus() -> str:
    """12,000 IMDB reviews, the Rotten Tomatoes sentences of the training part, and twelve plays: about 18 MB."""
    films = reviews("imdb", "train").text[:12_000].tolist() + reviews("rotten_tomatoes", "train").text.tolist()
    return "\n".join(films + list(shakespeare_plays().values())[:12])


def train() -> PunktTrainer:
    """Punkt's statistics over the corpus, with nltk's default thresholds.

    The penalty for abbreviations that also occur without their full stop is off: reviewers write "Mr" as often as "Mr.", and with it Punkt
    would learn neither "mr" nor "dr" nor "st".
    """
    trainer = PunktTrainer()
    trainer.INCLUDE_ALL_COLLOCS = True
    trainer.IGNORE_ABBREV_PENALTY = True
    trainer.train(corpus(), finalize=False)
    trainer.freq_threshold(ortho_thresh=FREQUENT)
    trainer.finalize_training()
    return trainer


def save(trainer: PunktTrainer, folder: Path) -> None:
    """Write the four files, sorted, so that the same text gives the same bytes."""
    params = trainer.get_params()
    lines = {
        "abbrev_types.txt": sorted(params.abbrev_types),
        "collocations.tab": sorted("\t".join(pair) for pair in params.collocations),
        "sent_starters.txt": sorted(params.sent_starters),
        "ortho_context.tab": sorted(f"{word}\t{flags}" for word, flags in params.ortho_context.items() if flags),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
        print(f"{name:18s} {len(rows):6d} rows, {(folder / name).stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    save(train(), TARGET)
