"""Long experiments whose results are committed: ``python -m benchmarks.nb02_architecture_ablation`` from the root, ``--smoke`` for seconds."""

import utils  # noqa: F401  (sets how threads wait, which must stand before torch is imported)
