"""The house stays as drawn: who may import whom, what the doors are, what is never there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "rust" / "core" / "src"
PACKAGE = ROOT / "python" / "bpe_lab"

# Heavy or optional packages are imported inside the function that needs them.
LAZY = {
    "torch",
    "datasets",
    "transformers",
    "ray",
    "altair",
    "jinja2",
    "vl_convert",
    "selenium",
    "kiwipiepy",
    "mecab",
    "rich",
    "shtab",
    "zstandard",
    "numpy",
    "sentencepiece",
    "tokenizers",
}

# Who may import whom in the core: a module may name those to its right.
CORE_FLOORS = [
    ["formats"],
    ["tokenizer"],
    ["encode", "decode", "train", "ingest", "measure"],
    ["vocab", "count"],
    ["merges", "pretokenize", "unit", "morphology"],
    ["symbol", "error", "raw", "hangul"],
]


def rust_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.rs"))


def code_of(path: Path) -> str:
    """Return Rust source without comments and without its tests."""
    text = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def core_module(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".rs")


def core_imports(path: Path) -> set[str]:
    text = code_of(path)
    names = set(re.findall(r"crate::(\w+)", text))
    for group in re.findall(r"crate::\{([^}]*)\}", text):
        names |= set(re.findall(r"(\w+)", group))
    return names


def imports_at_top(path: Path) -> set[str]:
    """Return the packages that importing this file imports."""
    found: set[str] = set()
    pending: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("path", rust_files(CORE), ids=lambda p: p.relative_to(CORE).as_posix())
def test_core_names_no_python_opens_no_file_and_prints_nothing(path: Path) -> None:
    text = code_of(path)
    for never in ("pyo3", "std::fs", "std::path", "println!", "eprintln!", "print!", "dbg!", "todo!"):
        assert never not in text, f"{never} in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("path", rust_files(CORE), ids=lambda p: p.relative_to(CORE).as_posix())
def test_core_imports_go_down(path: Path) -> None:
    module = core_module(path)
    floors = {name: floor for floor, names in enumerate(CORE_FLOORS) for name in names}
    if module == "lib":
        return
    for other in core_imports(path) & floors.keys():
        assert other == module or floors[other] > floors[module], f"{module} must not use {other}"


def test_train_knows_neither_patterns_nor_encoders() -> None:
    for path in rust_files(CORE / "train"):
        assert not core_imports(path) & {"pretokenize", "encode", "ingest", "tokenizer", "formats"}, path


def test_measuring_knows_no_tokenizer() -> None:
    for path in rust_files(CORE / "measure"):
        allowed = {"measure", "hangul", "unit", "symbol", "error", "Symbol", "Error", "ErrorKind", "Result"}
        assert core_imports(path) - {"self", "Script", "Jamo", "Unit", "decompose", "compose"} <= allowed, path
    for path in (PACKAGE / "metrics").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) bpe_lab\.(tokenizer|training|interop|cli|compare)", text, re.M), path
        assert "Tokenizer" not in "".join(re.findall(r"^\s*from bpe_lab import .*", text, re.M)), path


def test_unsafe_stands_in_at_most_one_module() -> None:
    files = [p for p in rust_files(ROOT / "rust") if re.search(r"\bunsafe\b(?!_)", code_of(p))]
    assert len(files) <= 1, files


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_heavy_packages_are_imported_late(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imports_at_top(path)} & LAZY
    assert not heavy, f"{path.name} imports {heavy} at the top"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_bpe_lab_knows_no_torch(path: Path) -> None:
    assert not re.search(r"^\s*(import|from) torch\b", path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("door", sorted(PACKAGE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_doors_define_nothing(door: Path) -> None:
    for node in ast.parse(door.read_text(encoding="utf-8")).body:
        defines = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not isinstance(node, defines), f"{door.relative_to(ROOT)} defines {getattr(node, 'name', '')}"


def test_the_public_names_are_exactly_those_listed() -> None:
    import bpe_lab

    seen = {name for name in vars(bpe_lab) if not name.startswith("_")} - {"TYPE_CHECKING"}
    packages = {p.name for p in PACKAGE.iterdir() if p.is_dir()}
    modules = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py"} | packages
    assert seen - modules <= set(bpe_lab.__all__) == set(dir(bpe_lab))
    assert list(bpe_lab.__all__) == sorted(bpe_lab.__all__)
    for name in bpe_lab.__all__:
        assert getattr(bpe_lab, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'tran'"):
        bpe_lab.tran  # noqa: B018


def test_import_is_light() -> None:
    """At most 60 ms of processor time over bare Python (the best of seven), and nothing heavy comes along."""
    code = "import time; t = time.process_time(); import bpe_lab; print(time.process_time() - t)"
    seconds = sorted(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in range(7)
    )
    assert seconds[0] <= 0.06, seconds
    heavy = "import sys, bpe_lab; print([m for m in ('numpy', 'rich', 'torch', 'transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_nothing_committed_speaks_of_a_machine() -> None:
    """No absolute path of a developer's machine stands in the tree."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    if files == [""]:
        pytest.skip("not a git checkout")
    for name in files:
        path = ROOT / name
        if path.suffix in {".py", ".rs", ".md", ".toml", ".json", ".txt", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert "/" + "work/" not in text and "/" + "root/" not in text, name
