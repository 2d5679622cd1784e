"""The recorder in a process of its own, for a bench, until SIGTERM: `python -m bench.recorder_process FOLDER [encrypt]`

The control socket is FOLDER/control, spools lie in FOLDER/spool, recordings in FOLDER/recordings. Every seal is signed
and entered into the chain; with `encrypt` spools and recordings are encrypted with keys in FOLDER/keys.
"""

import sys
from pathlib import Path

from skryba import clock
from skryba.recorder.verify import CHAIN
from skryba.recorder.worker import RecorderConfig, run
from skryba.vault.journal import Journal
from skryba.vault.keyfile import generate_signer
from skryba.vault.keyring import Keyring
from skryba.vault.master import FileMaster

SIGNER = "signing.pem"


def keyring(folder: Path) -> Keyring:
    """The keys of a bench's folder; a master key is made where there is none."""
    path = folder / "master.key"
    return Keyring(folder / "keys", FileMaster(path) if path.exists() else FileMaster.create(path))


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    config = RecorderConfig(recordings=folder / "recordings", spool=folder / "spool", control=folder / "control")
    journal = Journal(folder / "recordings" / CHAIN, generate_signer(folder / SIGNER), clock.at)
    run(config, keys=keyring(folder) if "encrypt" in arguments else None, journal=journal)


if __name__ == "__main__":
    main(sys.argv[1:])
