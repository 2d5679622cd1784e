"""`python -m bench NAME …`: one measurement. Each is a module of this folder with `main(arguments) -> exit code`."""

import importlib
import sys

NAMES = ("relay", "record", "signalling", "decode", "truth", "seal", "catalogue", "policy")


def main(arguments: list[str]) -> int:
    """Hand over to the measurement; only its own module is imported."""
    if not arguments or arguments[0] not in NAMES:
        asked_for_help = bool(arguments) and arguments[0] in ("-h", "--help")
        print(f"usage: python -m bench {{{','.join(NAMES)}}} [--calls N] [--seconds S] [--json]")
        return 0 if asked_for_help else 2
    return int(importlib.import_module(f"bench.{arguments[0]}").main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
