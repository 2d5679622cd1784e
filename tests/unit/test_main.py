import os
import subprocess
import sys
from pathlib import Path

import skryba


def test_python_dash_m_is_the_command() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(skryba.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "skryba", "version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stdout) == (0, f"{skryba.__version__}\n")
