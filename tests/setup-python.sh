#!/usr/bin/env bash
# setup-python.sh PYTHON FOLDER: a virtual environment in FOLDER; on a bare Debian the missing python3-venv is installed first.
set -euo pipefail
python=$1 folder=$2

say() { echo "skryba set-up: $*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if ! command -v "$python" >/dev/null; then
    say "no $python here. Install Python 3.11 or newer (Debian: apt-get install python3 python3-venv) or say make PYTHON=/path/to/python3."
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "$("$python" --version) is too old: Python 3.11 or newer is needed. Say make PYTHON=/path/to/python3.11."
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if ! command -v apt-get >/dev/null; then
        say "$python cannot make virtual environments (no venv or ensurepip). Install that part of Python with your system's packages."
        exit 1
    fi
    say "$python cannot make virtual environments; installing Debian's python3-venv"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
fi
if [ ! -x "$folder/bin/python" ]; then
    say "making $folder with $("$python" --version)"
    "$python" -m venv "$folder"
fi
