"""Functions and programs that raise, hang, print garbage, or give the wrong number, size or type of images."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from bad_case import Case, Ended, case, note

CALL = """run 'mine=callable(target="make.py:f")' --prompts captions.txt -m collapse -q"""
PROGRAM = f"""run 'mine=command(command="{sys.executable} make.py",timeout={{timeout}})' --prompts captions.txt -m collapse -q"""
FINE = "np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)"


def code(body: str) -> Any:
    """make.py with this text."""
    head = "import json, os, sys, time\nimport numpy as np\nfrom PIL import Image\n"
    return lambda folder: (folder / "make.py").write_text(head + textwrap.dedent(body)) and None


def reason(status: str = "failed") -> Any:
    """Tells why the first image with this status has none."""

    def tell(ended: Ended) -> str:
        rows = ended.rows()
        return str(rows[rows["status"] == status]["reason"].iloc[0])

    return tell


def counts(**wanted: int) -> Any:
    """Asserts the outcomes, and that the others are images of the run."""

    def look(ended: Ended) -> None:
        assert ended.rows()["status"].value_counts().to_dict() == wanted
        assert len(list((ended.run / "images").glob("*.png"))) == wanted.get("ok", 0)

    return look


def function(given: str, body: str, says: str, all_four: bool = True) -> Case:
    """A function whose images are refused, one by one or all: the run is written, with holes."""
    found = {"failed": 4} if all_four else {"ok": 3, "failed": 1}
    return case(given, 5, says, code(body), CALL, after=counts(**found), tells=reason())


def broken(given: str, exit_code: int, body: str, says: str) -> Case:
    """A function with which nothing can be done."""
    return case(given, exit_code, says, code(body), CALL, after=_no_run)


def program(given: str, body: str, says: str, timeout: float = 60, **found: int) -> Case:
    """A program whose images are absent or refused."""
    return case(given, 5, says, code(body), PROGRAM.format(timeout=timeout), after=counts(**(found or {"failed": 4})),
                tells=reason())  # fmt: skip


def _no_run(ended: Ended) -> None:
    assert not (ended.folder / "runs").exists() or not ended.runs


def _json_is_clean(ended: Ended) -> None:
    assert json.loads(ended.out)["runs"]
    assert "garbage" in ended.err


def _children_are_gone(ended: Ended) -> None:
    """The program's own child, whose process id it left, no longer runs."""
    for line in (ended.folder / "pids").read_text().split():
        status = Path(f"/proc/{line}/status")
        assert not status.exists() or "State:\tZ" in status.read_text()


_READ = "asked = [json.loads(line) for line in sys.stdin]\n"
_EACH = f"{_READ}for a in asked:\n    seed = a['seed']\n    pixels = {FINE}\n"

CASES: list[Case] = [
    function("a function that raises for one prompt",
             f"def f(prompt, seed):\n    if 'bird' in prompt: raise ValueError('no birds\\nhere')\n    return {FINE}\n",
             r"ValueError: no birds here", all_four=False),
    function("a function that always raises", "def f(prompts, seeds):\n    raise RuntimeError('CUDA error')\n",
             r"RuntimeError: CUDA error"),
    function("a function that calls sys.exit", "def f(prompts, seeds):\n    sys.exit(3)\n", r"SystemExit: 3"),
    function("a function that returns None for each prompt", "def f(prompt, seed):\n    return None\n",
             r"the function returned None for this prompt"),
    function("a function that returns file names", "def f(prompt, seed):\n    return 'out.png'\n",
             r"The image of sample '.+' \(k=0\) is a str; give a PIL image, an array or a tensor\."),
    function("images of NaN", "def f(prompt, seed):\n    return np.full((8, 8, 3), np.nan)\n",
             r"The image of sample '.+' \(k=0\) has 192 values that are NaN or infinite \(of 192\)\."),
    function("images from -1 to 1", "def f(prompt, seed):\n    return np.linspace(-1, 1, 192).reshape(8, 8, 3)\n",
             r"The image of sample '.+' \(k=0\) has floats from -1 to 1; they must lie in \[0, 1\]: give x \* 0\.5 \+ 0\.5 if the "
             r"range is \[-1, 1\]\."),
    function("images of floats from 0 to 255", "def f(prompt, seed):\n    return np.linspace(0, 255, 192).reshape(8, 8, 3)\n",
             r"The image of sample '.+' \(k=0\) has floats from 0 to 255; they must lie in \[0, 1\]: divide by 255\."),
    function("images of 64-bit whole numbers", "def f(prompt, seed):\n    return np.zeros((8, 8, 3), np.int64)\n",
             r"The image of sample '.+' \(k=0\) has pixels of type int64; give uint8 from 0 to 255 or floats from 0 to 1\."),
    function("images of five channels", "def f(prompt, seed):\n    return np.zeros((8, 8, 5), np.uint8)\n",
             r"The image of sample '.+' \(k=0\) has the shape \(8, 8, 5\); give \(h, w, 3\), \(3, h, w\) or \(h, w\)\."),
    function("images without pixels", "def f(prompt, seed):\n    return np.zeros((0, 8, 3), np.uint8)\n",
             r"The image of sample '.+' \(k=0\) has the shape \(0, 8, 3\); give \(h, w, 3\), \(3, h, w\) or \(h, w\)\."),
    function("arrays of Python objects", "def f(prompt, seed):\n    return np.array([[['a'] * 3] * 8] * 8, dtype=object)\n",
             r"The image of sample '.+' \(k=0\) has pixels of type object; give uint8 from 0 to 255 or floats from 0 to 1\."),
    case("images of another size than asked for", 0,
         r"4 of 4 images are not of the size 16 x 16 asked for \(first: 8 x 8 for '.+'\)\.",
         code(f"def f(prompt, seed):\n    return {FINE}\n"), f"{CALL} --size 16", tells=note("of the size"),
         after=counts(ok=4)),
    broken("a function that returns too few images", 5, f"def f(prompts, seeds):\n    seed = 1\n    return [{FINE}] * 3\n",
           r"'make\.py:f' returned 3 images for 4 prompts; it must return one for each\."),
    broken("a function that returns too many images", 5, f"def f(prompts, seeds):\n    seed = 1\n    return [{FINE}] * 5\n",
           r"'make\.py:f' returned 5 images for 4 prompts; it must return one for each\."),
    broken("a function that returns a number", 5, "def f(prompts, seeds):\n    return 42\n",
           r"'make\.py:f' returned a int; it must return one image for each prompt\."),
    broken("a function that takes no prompts", 2, "def f(x, y):\n    return x\n",
           r"'make\.py:f' takes \(x, y\); it must have an argument `prompts` .+, or `prompt` .+\."),
    broken("a function that is not in its file", 2, "def g(prompts):\n    return []\n",
           r"'make\.py' has no function 'f'; its functions are g\."),
    broken("a file with a syntax error", 2, "def f(prompts:\n", r"'make\.py' cannot be imported \(SyntaxError: .+\)\."),
    broken("a file that ends the program when it is imported", 2, "sys.exit(1)\n",
           r"'make\.py' cannot be imported \(SystemExit: 1\)\."),
    *(
        broken(f"a function that hangs, stopped by {how}", 130, f"def f(prompt, seed):\n    os.kill(os.getpid(), {number})\n    time.sleep(600)\n",
               r"interrupted: what is finished is kept; the same command goes on from there\.")
        for how, number in (("Ctrl-C", 2), ("SIGTERM", 15))
    ),
    case("a function that prints, under --json", 0, "", code(f"def f(prompt, seed):\n    print('garbage')\n    return {FINE}\n"),
         f"{CALL} --json", after=_json_is_clean, legal="what it prints goes to stderr; stdout stays JSON"),
    program("a program that fails", "print('no GPU', file=sys.stderr)\nsys.exit(3)\n",
            r"no image was written: the program ended with exit code 3; its last words: no GPU"),
    program("a program that dies by a signal", "os.kill(os.getpid(), 11)\n",
            r"no image was written: the program was killed by signal 11 \(SIGSEGV\)"),
    case("a program that hangs, and its child too", 5, r"no image was written: the program was stopped after 1 s",
         code("import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
              "open('pids', 'w').write(f'{os.getpid()} {child.pid}')\ntime.sleep(600)\n"),
         PROGRAM.format(timeout=1), after=_children_are_gone, tells=reason()),
    program("a program that prints 10 MB of garbage", f"{_EACH}    print('garbage' * 400_000)\n    Image.fromarray(pixels).save(a['out']) if a is not asked[0] else None\n",
            r"no image was written: the program ended with exit code 0; its last words: .{100,4200}", ok=3, failed=1),
    program("a program that writes text instead of PNG", f"{_READ}for a in asked: open(a['out'], 'w').write('not an image')\n",
            r"The image '00000_000\.png' is no image in a known format \(.+\); convert it or remove it\. \(the program ended with "
            r"exit code 0\)"),
    program("a program that writes half a PNG",
            f"{_EACH}    Image.fromarray(pixels).save(a['out'])\n    os.truncate(a['out'], 60)\n",
            r"The image '00000_000\.png' is truncated or damaged \(\.\.\.\); make it again or remove it\. \(the program ended with "
            r"exit code 0\)"),
    program("a program that makes some of the images", f"{_EACH}    if a is not asked[2]: Image.fromarray(pixels).save(a['out'])\n",
            r"no image was written: the program ended with exit code 0", ok=3, failed=1),
    program("a program that makes a folder where the image should be", f"{_READ}for a in asked: os.mkdir(a['out'])\n",
            r"The image '00000_000\.png' is a folder; give a file\. \(the program ended with exit code 0\)"),
    case("a program that does not exist", 2, r"The program 'absent-program' is not found or not executable; give its path\.",
         line=CALL.replace('callable(target="make.py:f")', 'command(command="absent-program --fast")'), after=_no_run),
    case("a command with an open quotation mark", 2, r"The command 'python \"x' cannot be split into words: No closing quotation\.",
         line=CALL.replace('callable(target="make.py:f")', r'command(command="python \"x")'), after=_no_run),
    case("a timeout of no time", 2, r"timeout=0 and batch_size=16 must both be above 0\.",
         line=PROGRAM.format(timeout=0), after=_no_run),
    case("a timeout that is no number", 2, r"The generator 'command\(.+timeout=soon\)' cannot be made: could not convert string to float: 'soon'\.",
         line=PROGRAM.format(timeout="soon"), after=_no_run),
]  # fmt: skip
