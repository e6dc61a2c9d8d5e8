"""Write constraints.txt from the environment this runs in: `python tools/env.py python tools/freeze.py`.

Exact versions, without what ties a file to one machine: the accelerator's libraries (torch asks for the ones that it
was built with), local version labels such as `+cpu`, the project itself and the installer.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "constraints.txt"
LEFT_OUT = re.compile(r"nvidia-|cuda-|triton|pytorch-triton|text-image-bench$|pip$|setuptools$|wheel$")
HEADER = """\
# Versions that were installed and tested together; written by tools/freeze.py. With `pip install -c` they add nothing
# and only fix versions. torch and torchvision are a pair. The accelerator's libraries are left to torch.
"""


def pins() -> list[str]:
    """'name==version' of every installed distribution that belongs in the file, sorted by name."""
    found = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version.partition("+")[0] for d in distributions()}
    return [f"{name}=={version}" for name, version in sorted(found.items()) if not LEFT_OUT.match(name)]


if __name__ == "__main__":
    lines = pins()
    FILE.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{FILE.name}: {len(lines)} versions", file=sys.stderr)
