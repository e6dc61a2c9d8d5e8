"""External programs: what they make is kept, whatever else happens; nothing hangs and nothing is left running."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pytest

from bench.errors import GenerationFailed
from bench.generators.base import Context
from bench.registry import create
from bench.types import Request

PROGRAM = """
import json, os, subprocess, sys, time
from PIL import Image
mode = sys.argv[1] if len(sys.argv) > 1 else ""
print("loading", flush=True)
for n, line in enumerate(sys.stdin):
    r = json.loads(line)
    if mode == "die" and n == 1:
        print("CUDA out of memory", file=sys.stderr)
        sys.exit(3)
    if mode == "hang" and n == 1:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[2], "w").write(f"{os.getpid()} {child.pid}")
        time.sleep(60)
    if mode == "skip" and n == 1:
        continue
    if mode == "half" and n == 1:
        Image.new("RGB", (64, 64)).save(r["out"])
        os.truncate(r["out"], 60)
        continue
    outs = r["out"] if isinstance(r["out"], list) else [r["out"]]
    for f, out in enumerate(outs):
        Image.new("RGB", tuple(r["size"] or (4, 4)), (r["seed"] % 256, len(r["prompt"]), f)).save(out)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "my program.py"
    path.write_text(PROGRAM)
    return f"{sys.executable} '{path}'"


def ready(command, **params):
    made = create("generator", "command", {"command": command, **params})
    assert made.problems() == []
    made.setup(Context({}, "x"))
    return made


def asked(count=3, **more):
    return [Request(f"s{n}", 0, "p" * (n + 1), 10 + n, **more) for n in range(count)]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_each_request_gets_its_own_image(program):
    found = list(ready(program).generate(asked(size=(8, 2))))
    assert [o.status for o in found] == ["ok"] * 3
    assert [o.image[0, 0].tolist() for o in found] == [[10, 1, 0], [11, 2, 0], [12, 3, 0]]
    assert found[0].image.shape == (2, 8, 3)


def test_frames(program):
    (found,) = ready(program).generate(asked(1, frames=3))
    assert [int(f[0, 0, 2]) for f in found.image] == [0, 1, 2]


def test_prompts_of_any_text_arrive(tmp_path):
    script = tmp_path / "echo.py"
    script.write_text(
        "import json, sys\nfrom PIL import Image\n"
        "for l in sys.stdin:\n    r = json.loads(l)\n    level = sum(map(ord, r['prompt'])) % 256\n"
        "    Image.new('L', (1, 1), level).save(r['out'])\n"
    )
    texts = ["$(rm -rf x); 'a' \"b\"", "日本\u2028x", "a\nb"]
    found = ready(f"{sys.executable} {script}").generate([Request(str(n), 0, t, 0) for n, t in enumerate(texts)])
    assert [int(o.image[0, 0, 0]) for o in found] == [sum(map(ord, t)) % 256 for t in texts]


def test_what_was_made_before_a_crash_is_kept(program):
    found = list(ready(f"{program} die").generate(asked()))
    assert [o.status for o in found] == ["ok", "failed", "failed"]
    assert "exit code 3" in found[1].reason and "CUDA out of memory" in found[1].reason


@pytest.mark.parametrize(("mode", "said"), [("skip", "no image was written"), ("half", "truncated or damaged")])
def test_one_bad_image(program, mode, said):
    found = list(ready(f"{program} {mode}").generate(asked()))
    assert [o.status for o in found] == ["ok", "failed", "ok"]
    assert said in found[1].reason and "exit code 0" in found[1].reason
    assert "bench-command-" not in found[1].reason  # the folder is gone, so that naming it would help nobody


def test_timeout_kills_the_program_and_its_children(program, tmp_path):
    begun = time.monotonic()
    found = list(ready(f"{program} hang {tmp_path}/pids", timeout=3).generate(asked()))
    assert time.monotonic() - begun < 20
    assert [o.status for o in found] == ["ok", "failed", "failed"]
    assert "stopped after 3 s" in found[1].reason
    pids = (tmp_path / "pids").read_text().split()
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(alive(pid) for pid in pids)


def test_much_output_does_not_block(tmp_path):
    script = tmp_path / "loud.py"
    script.write_text("import sys\nsys.stderr.write('x' * 3_000_000 + '\\nthe end')\nprint('y' * 3_000_000)\n")
    (found,) = ready(f"{sys.executable} {script}").generate(asked(1))
    assert found.status == "failed" and "the end" in found.reason and len(found.reason) < 6000


def test_a_program_that_does_not_read_its_input():
    (found,) = ready("true").generate(asked(1))
    assert found.status == "failed" and "exit code 0" in found.reason


def test_problems(tmp_path):
    for command, said in [("no-such-program -x", "is not found"), ("", "is empty"), ("'open", "cannot be split")]:
        assert said in create("generator", "command", {"command": command}).problems()[0]
    assert "must both be above 0" in create("generator", "command", {"command": "true", "timeout": 0}).problems()[0]
    script = tmp_path / "gone.sh"
    script.write_text("not a program")
    os.chmod(script, 0o755)
    with pytest.raises(GenerationFailed, match="cannot be started"):
        list(ready(str(script)).generate(asked(1)))


def test_identity_follows_the_script(program, tmp_path):
    first = ready(program).identity()
    (tmp_path / "my program.py").write_text(PROGRAM + "# changed\n")
    assert ready(program).identity() != first
    assert ready(program, revision="v2").identity() == {"revision": "v2"}


def test_pixels_do_not_depend_on_the_batch(program):
    made = ready(program)
    together = [o.image for o in made.generate(asked())]
    alone = [next(iter(made.generate([r]))).image for r in asked()]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))
