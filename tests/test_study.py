"""Studies: what a command line or a TOML file becomes, and what is refused in them."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.spec import parse
from bench.study import Study, expand_systems, merge_extractor, merged, read_study, run_specs


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("ours", "cfg1", "cfg2", "noise"):
        (tmp_path / name).mkdir()
    (tmp_path / "p.txt").write_text("a\nb\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_need_no_slash_and_keep_their_label(folders):
    specs = run_specs(Study(systems=("ours", "best=cfg1"), prompts="p.txt"))
    assert [s.label for s in specs] == ["ours", "best"]
    assert all(s.system.startswith("folder(path=") for s in specs) and specs[1].system.endswith("cfg1)")


def test_a_generator_goes_before_a_folder_of_its_name(folders):
    assert expand_systems(("noise",)) == ("noise",)
    assert run_specs(Study(systems=("./noise",), prompts="p.txt"))[0].system.startswith("folder(")


def test_globs_become_their_folders(folders):
    assert [s.label for s in run_specs(Study(systems=("./cfg*",), prompts="p.txt"))] == ["cfg1", "cfg2"]
    with pytest.raises(UsageError, match="No folder matches"):
        expand_systems(("./none*",))


def test_file_is_checked_and_overridden(folders):
    study = folders / "s.toml"
    study.write_text('systems = ["./ours"]\nprompts = "./p.txt"\nseed = 3\n')
    read = read_study(study)
    assert read.systems == (str(folders / "ours"),) and read.seed == 3
    over = merged(read, {"seed": 0, "panel": None, "metrics": ()})
    assert over.seed == 0 and over.prompts == read.prompts
    study.write_text('sytems = ["ours"]\n')
    with pytest.raises(UsageError, match=r"'sytems' is no key of a study\. Did you mean systems"):
        read_study(study)
    study.write_text('systems = "ours"\n')
    with pytest.raises(UsageError, match="must be a list of texts"):
        read_study(study)


def test_a_seed_takes_the_place_of_named_weights():
    assert str(merge_extractor(parse("open-clip(pretrained=openai,model=B)"), parse("open-clip:seed=0"))) == (
        "open-clip(model=B,seed=0)"
    )
    assert str(merge_extractor(parse("inception-v3(resize=clean)"), parse("inception-v3:seed=1"))) == (
        "inception-v3(resize=clean,seed=1)"
    )
