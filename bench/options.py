"""What all measurements are asked alike."""

import argparse


def parser(name: str, description: str, *, calls: int = 100, seconds: float = 10.0) -> argparse.ArgumentParser:
    """With --calls, --seconds and --json; a measurement adds its own."""
    made = argparse.ArgumentParser(prog=f"python -m bench {name}", description=description)
    made.add_argument("--calls", type=int, default=calls, help=f"calls at once (default {calls})")
    made.add_argument("--seconds", type=float, default=seconds, help=f"of each measurement (default {seconds:g})")
    made.add_argument("--json", action="store_true", help="one JSON object as the last line of standard output")
    return made
