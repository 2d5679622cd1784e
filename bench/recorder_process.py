"""The recorder in a process of its own, for a bench: `python -m bench.recorder_process FOLDER`; ends with SIGTERM.

The control socket is FOLDER/control, spools lie in FOLDER/spool, recordings in FOLDER/recordings.
"""

import sys
from pathlib import Path

from skryba.recorder.worker import RecorderConfig, run

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(RecorderConfig(recordings=folder / "recordings", spool=folder / "spool", control=folder / "control"))
