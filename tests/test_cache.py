"""The cache: what is put comes back or is computed again; nothing that happens to its files stops the work."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab.cli import main
from bpe_lab.compare import Recipe, Texts, Trainer, trained
from bpe_lab.compare.cache import Cache, default_folder, key_of
from bpe_lab.compare.trained import training_key

TEXTS = Texts("t", ["사과나무에 사과가 열렸다".encode(), "배나무".encode()])


def only_file(folder: Path) -> Path:
    (found,) = folder.rglob("*.entry")
    return found


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new")
    assert cache.get(key_of(1)) is None
    assert cache.put(key_of(1), b"one", "number", "하나 " * 100)
    assert cache.put(key_of(1), b"uno", "number", "하나")
    assert cache.put_json(key_of(2), {"값": [1, None]}, "result")
    assert cache.get(key_of(1)) == b"uno" and cache.get_json(key_of(2)) == {"값": [1, None]}
    assert Cache(tmp_path / "new").get(key_of(1)) == b"uno"
    assert [(e.kind, e.label) for e in sorted(cache.entries(), key=lambda e: e.kind)] == [
        ("number", "하나"),
        ("result", ""),
    ]
    assert cache.get_json(key_of(1)) is None


parts = st.lists(st.binary(max_size=3) | st.text(max_size=3) | st.integers(0, 9) | st.none(), max_size=4)


@settings(deadline=None)
@given(parts, parts)
def test_keys_differ_where_parts_do(a: list[object], b: list[object]) -> None:
    assert (key_of(*a) == key_of(*b)) == (a == b)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_entry_is_none(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    key = key_of("x")
    cache.put(key, b"some result", "kind", "label")
    assert cache.folder is not None
    path = only_file(cache.folder)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(data.draw(st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]])))
    cache.entries()
    assert cache.get(key) is None
    assert cache.put(key, b"again", "kind") and cache.get(key) == b"again"


def test_what_is_used_least_goes_first(tmp_path: Path) -> None:
    """An entry of 1,000 bytes takes 1,075; five fit below 6,000, and below the nine tenths that eviction leaves."""
    cache = Cache(tmp_path, limit_bytes=6_000)
    for n in range(5):
        assert cache.put(key_of(n), bytes(1000), "zeros", str(n))
        path = next(p for p in tmp_path.rglob("*.entry") if key_of(n) in p.name)
        os.utime(path, (time.time() - 100 + n, time.time() - 100 + n))
    assert cache.get(key_of(0)) is not None  # used now, so the last to go
    assert cache.put(key_of(5), bytes(1000), "zeros", "5")
    assert sum(e.n_bytes for e in cache.entries()) <= 6_000
    assert {e.label for e in cache.entries()} == {"0", "2", "3", "4", "5"}  # 1 goes: 5 x 1,075 < 5,400
    assert not cache.put(key_of(6), bytes(7000), "zeros") and cache.get(key_of(6)) is None
    assert len(cache.entries()) == 5


def test_no_cache_and_no_right_to_write(tmp_path: Path) -> None:
    nothing = Cache(None)
    assert not nothing.put(key_of(1), b"x", "k") and nothing.get(key_of(1)) is None
    assert nothing.entries() == [] and nothing.clear() == (0, 0)
    (tmp_path / "file").touch()
    blocked = Cache(tmp_path / "file")
    assert not blocked.put(key_of(1), b"x", "k") and blocked.get(key_of(1)) is None and blocked.entries() == []


def test_clearing_takes_everything_and_leaves_strangers_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(key_of(1), b"x", "k")
    assert cache.folder is not None
    stranger = cache.folder / "notes.txt"
    stranger.touch()
    dead = only_file(cache.folder).with_name(".dead.part")
    dead.touch()
    n_bytes = only_file(cache.folder).stat().st_size
    assert cache.clear() == (1, n_bytes) and cache.entries() == []
    assert stranger.exists() and not dead.exists()


def test_parts_of_dead_writes_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(key_of(1), b"x", "k")
    old, young = (only_file(tmp_path).with_name(f".{name}.part") for name in ("old", "young"))
    for path in (old, young):
        path.touch()
    os.utime(old, (1, 1))
    cache.put(key_of(2), b"y", "k")
    assert not old.exists() and young.exists()


WRITER = """
import sys
from bpe_lab.compare.cache import Cache, key_of
cache = Cache(sys.argv[1], limit_bytes=40_000)
for n in range(60):
    key, wanted = key_of(n % 7), bytes([n % 7]) * 5000
    found = cache.get(key)
    assert found in (None, wanted), n
    cache.put(key, wanted, "k")
    if n % 20 == 19:
        cache.clear()
"""


def test_several_processes_share_one(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]


PLACES = [
    ({"BPE_LAB_CACHE": "/here"}, "/here"),
    ({"XDG_CACHE_HOME": "/caches"}, "/caches/bpe-lab"),
    ({"XDG_CACHE_HOME": "relative", "HOME": "/home/x"}, "/home/x/.cache/bpe-lab"),
    ({"HOME": "/home/x"}, "/home/x/.cache/bpe-lab"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")
@pytest.mark.parametrize(("environment", "folder"), PLACES)
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str) -> None:
    for name in ("BPE_LAB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_folder() == Path(folder)


# ---- what is kept of training


def test_a_trained_tokenizer_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)
    for typed in ("vocab=270", "unit=word,closed=true,vocab=3"):
        recipe = Recipe.parse(typed)
        first = Trainer(cache).make(recipe, TEXTS)
        with monkeypatch.context() as patch:
            for name in ("learn", "train_closed"):
                patch.setattr(trained, name, None)
            again = Trainer(cache).make(recipe.replace(name="other"), TEXTS)
        assert (again.name, again.fingerprint, again.n_ids) == ("other", first.fingerprint, first.n_ids)  # type: ignore[union-attr]
        path = next(p for p in tmp_path.rglob("*.entry") if training_key(recipe, TEXTS) in p.name)
        path.write_bytes(b"damaged")
        assert Trainer(cache).make(recipe, TEXTS).fingerprint == first.fingerprint  # type: ignore[union-attr]


def test_what_decides_a_tokenizer_decides_its_key() -> None:
    recipe = Recipe.parse("vocab=300")
    same = [recipe.replace(name="x"), recipe.replace(train=("a",)), recipe.replace(sample="10%", seed=1)]
    assert {training_key(each, TEXTS) for each in same} == {training_key(recipe, TEXTS)}
    other = [training_key(recipe.replace(tie="rustbpe"), TEXTS), training_key(recipe, Texts("t", TEXTS.documents[:1]))]
    assert len({*other, training_key(recipe, TEXTS)}) == 3


# ---- the command


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BPE_LAB_CACHE", str(tmp_path))
    assert main(["cache", "show"]) == 0
    assert capsys.readouterr().err == f"{tmp_path}/v1: 0 entries, 0 bytes of at most 2 GB\n"
    for n in range(3):
        Cache.of_user().put(key_of(n), bytes(2000), "tokenizer", f"byte {n}k on 사과")
    assert main(["cache", "show", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["kind", "size", "used", "what"] and len(out.splitlines()) == 3
    assert "tokenizer  2.1 kB" in out and out.rstrip().endswith("on 사과") and "1 more" in err
    assert main(["cache", "show", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["command"], said["n_entries"], len(said["entries"])) == ("cache", 3, 3)
    assert main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cleared"] == {"entries": 3, "bytes": said["n_bytes"]}
    assert main(["cache", "clear"]) == 0
    assert "cleared 0 entries" in capsys.readouterr().err
    assert main(["cache", "claer"]) == 2
    assert "did you mean clear?" in capsys.readouterr().err
