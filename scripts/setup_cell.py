# Set-up, the same in every notebook: find the course's folder (on Colab, fetch it first, and what that machine lacks).
import subprocess
import sys
from pathlib import Path

ROOT = next(
    (p for p in (Path.cwd(), *Path.cwd().parents) if (p / "utils/checks.py").is_file()), Path("/content/course")
)
sys.path.insert(0, str(ROOT))
if "google.colab" in sys.modules:
    if not (ROOT / "utils/checks.py").is_file():
        address = "https://github.com/OWNER/transformers-course"
        subprocess.run(["rm", "-rf", str(ROOT)], check=True)  # what a first try left half-made
        subprocess.run(["git", "clone", "-q", "--depth", "1", address, str(ROOT)], check=True)
    from scripts.colab import complete

    complete()

import utils  # noqa: E402, F401  (sets how threads wait, which must stand before torch is imported)
