"""Make the environments of the tools that need one of their own: ``make tools``. A second run finds them and needs no network."""

import sys

from utils import tools


def main() -> int:
    """Make what is missing; returns the exit status. An error is one sentence on stderr."""
    try:
        for name in tools.PROGRAMS:
            print(tools.environment(name))
    except tools.ToolError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
