"""The rules of the house (DESIGN section 1), read off the source; and what an import costs."""

import ast
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minibert"

# Lowest first; a room may import itself and what stands before it. `minibert` itself is the
# facade, `minibert/__init__.py`: it names everything and imports nothing until asked.
ROOMS = (
    "lazy errors config trace kernels checkpoint tokenization model tasks training lens course "
    "cli __main__"
).split()
# What may wait inside a function until it is needed: other people's packages, heavy or optional.
DEFERRED = {
    "cycler",  # comes with matplotlib
    "crc32c",
    "datasets",
    "huggingface_hub",
    "matplotlib",
    "pyarrow",
    "scipy",
    "sklearn",
    "torch.utils.tensorboard",  # needs the optional package tensorboard
    "transformers",
    "triton",
}


@dataclass(frozen=True)
class Import:
    """One imported module (or name) and how the import is meant."""

    file: Path
    line: int
    target: str  # "minibert.model.bert", or "torch.nn"
    in_function: bool
    not_yet: bool  # under `if TYPE_CHECKING`, or by `lazy.exports`: not while the module loads

    def __str__(self):
        return f"{self.file}:{self.line}: {self.target}"


def sources(*folders):
    """{path below the root: parsed module} of Python files."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return {file.relative_to(ROOT): ast.parse(file.read_text(encoding="utf-8")) for file in files}


@cache
def package():
    return sources("minibert")


def module_name(file):
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file, tree, modules):
    """Every import of a module, wherever it hides, as absolute names."""

    def visit(node, in_function, not_yet):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            in_function = True
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                yield from visit(child, in_function, True)
            for child in node.orelse:
                yield from visit(child, in_function, not_yet)
            return
        lazy = isinstance(node, ast.Call)  # by name, and not before the module is there
        for target in imported(node):
            yield Import(file, node.lineno, target, in_function, not_yet or lazy)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, in_function, not_yet)

    def imported(node):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            yield from names - {"minibert"}
            if "minibert" in names:  # what of it? `minibert.__version__` is open to all
                yield from sorted(uses_of_the_facade(tree)) or ["minibert"]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: count up from this file's package
                above = file.parent.parts[: len(file.parent.parts) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in modules or base == "minibert" else base
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            name = node.args[0]
            yield name.value if isinstance(name, ast.Constant) else f"<{ast.unparse(name)}>"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("exports"):
            texts = [x.value for x in ast.walk(node) if isinstance(x, ast.Constant)]
            yield from dict.fromkeys(text for text in texts if str(text).startswith("minibert."))

    return list(visit(tree, False, False))


def uses_of_the_facade(tree):
    return {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "minibert"
    }


def all_imports(files):
    modules = {module_name(file) for file in files}
    return [found for file, tree in files.items() for found in imports_of(file, tree, modules)]


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def faults_of_order(files):
    """Imports that run upwards or hide in functions; rooms that nobody has named."""
    return [f"{found}: {fault}" for found in all_imports(files) if (fault := fault_of(found))]


def fault_of(found):
    """What is wrong with an import; None if nothing is."""
    here, there = room_of(module_name(found.file)), room_of(found.target)
    top = found.target.split(".")[0]
    if found.target == "<homes[name]>" and here == "lazy":
        return None  # `exports`, whose arguments are looked at where it is called
    if found.in_function and not {top, found.target} & DEFERRED:
        return "hides in a function"
    if top.startswith("<"):
        return "is not to be seen before it happens"
    if top != "minibert" or found.target == "minibert.__version__":
        return None
    if not here:
        at_once = there != "lazy" and not found.not_yet
        return "the facade imports when asked, not before" if at_once else None
    if found.target == "minibert.convert" and here == "cli":
        return None  # the command stands above the facade, which loads it when asked
    if not there or there[0].isupper():
        return "goes through the facade, which stands above"
    if here not in ROOMS or there not in ROOMS:
        return "between rooms that ROOMS does not name"
    return f"runs upwards from {here}" if ROOMS.index(there) > ROOMS.index(here) else None


def circle(files):
    """A circle of modules that import each other, or None. Imports for types alone do not count."""
    graph = {module_name(file): set() for file in files}
    for found in all_imports(files):
        if found.target in graph and not found.not_yet:
            graph[module_name(found.file)].add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_imports_run_downwards_and_hide_nowhere():
    assert not faults_of_order(package())


def test_no_modules_import_each_other_in_a_circle():
    assert circle(package()) is None


def parsed(**texts):
    """Made-up modules: model__heads="import torch" stands for minibert/model/heads.py."""
    paths = {name: Path("minibert", *name.split("__")).with_suffix(".py") for name in texts}
    paths |= {"facade": Path("minibert", "__init__.py")}
    return {paths[name]: ast.parse(text) for name, text in texts.items()}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (parsed(model__bert="from minibert.training import loop"), "upwards from model"),
        (parsed(model__bert="from ..training.loop import train"), "upwards from model"),
        (parsed(trace="import minibert.kernels.fused"), "upwards from trace"),
        (parsed(tasks__glue="if x:\n    from minibert import cli", cli=""), "upwards from tasks"),
        (parsed(model__bert="def f():\n    from minibert import trace", trace=""), "hides"),
        (parsed(tasks__glue="def f():\n    import minibert.trace"), "hides"),
        (parsed(tasks__glue="def f():\n    import torch"), "hides"),
        (
            parsed(config="from importlib import import_module\nimport_module('minibert.cli')"),
            "upw",
        ),
        (parsed(config="def f(x):\n    return import_module(x)"), "hides"),
        (parsed(config="import_module(x)"), "not to be seen"),
        (parsed(model="__getattr__ = exports(__name__, {'a': 'minibert.tasks.b'})"), "upwards"),
        (parsed(model__bert="from minibert import BertConfig"), "facade"),
        (parsed(model__bert="import minibert\nminibert.BertConfig()"), "facade"),
        (parsed(facade="from minibert import model", model=""), "when asked"),
        (parsed(attic="from minibert import trace", trace=""), "does not name"),
        (
            parsed(
                model__bert="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    from minibert.tasks import glue"
            ),
            "upwards from model",
        ),
    ],
)
def test_a_bad_import_is_found(files, fault):
    (found,) = faults_of_order(files)
    assert fault in found


def test_good_imports_pass_and_a_circle_is_found():
    fine = parsed(
        tasks__glue="from minibert.model import bert\ndef f():\n    import datasets",
        model__bert="import torch\nfrom minibert import trace",
        trace="import os\nimport minibert\nprint(minibert.__version__)",
        facade="from minibert.lazy import exports\nexports({'train': 'minibert.training'})",
    )
    assert not faults_of_order(fine)
    assert circle(fine) is None
    ring = parsed(
        model__a="from minibert.model import b", model__b="from minibert.model.a import thing"
    )
    assert set(circle(ring)) == {"minibert.model.a", "minibert.model.b"}


def test_config_needs_no_torch_and_the_ledger_alone_compares_with_transformers():
    for found in all_imports(package()):
        top = found.target.split(".")[0]
        if top == "transformers":
            assert found.file.name == "parity.py", found
            assert found.in_function, found
        if found.file.name in ("config.py", "errors.py", "trace.py") and not found.not_yet:
            assert top != "torch", found


def test_only_layout_and_bert_know_how_packed_input_is_described():
    mention = {
        file.name
        for file in (PACKAGE / "model").glob("*.py")
        if "cu_seqlens" in file.read_text(encoding="utf-8")
    }
    assert mention == {"layout.py", "bert.py"}


def public_without_docstring(tree):
    """(line, name) of the module and of public classes, functions and methods without one."""
    if not ast.get_docstring(tree):
        yield 1, "the module"
    nodes = [*tree.body]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If | ast.Try):
            nodes += node.body + node.orelse
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            nodes += node.body
        overload = any(ast.unparse(d).endswith("overload") for d in node.decorator_list)
        if not ast.get_docstring(node) and not overload:
            yield node.lineno, node.name


def test_everything_public_has_a_docstring():
    missing = [
        f"{file}:{line}: {name}"
        for file, tree in package().items()
        for line, name in public_without_docstring(tree)
    ]
    assert not missing
    bad = ast.parse('"""M."""\nclass A:\n    """A."""\n    def f(self): ...\n    def _g(self): ...')
    assert list(public_without_docstring(bad)) == [(4, "f")]


def test_no_line_is_too_long_and_nothing_is_left_to_do():
    to_do = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    faults = []
    for folder in ("minibert", "tests", "benchmarks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "held_out" in file.parts:  # what learners hand in
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if len(line) > 100:
                    faults.append(f"{file.relative_to(ROOT)}:{number}: {len(line)} columns")
                if to_do.search(line):
                    faults.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not faults


def unsafe_loads(tree):
    """Lines that call torch.load, under any name, without `weights_only=True`."""
    names = {"torch.load"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {f"{a.asname}.load" for a in node.names if a.name == "torch" and a.asname}
        if isinstance(node, ast.ImportFrom) and node.module in ("torch", "torch.serialization"):
            names |= {a.asname or a.name for a in node.names if a.name == "load"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            safe = {k.arg: ast.unparse(k.value) for k in node.keywords}.get("weights_only")
            if safe != "True":
                yield node.lineno


def test_no_pickle_is_loaded_that_could_run_code():
    found = [f"{file}:{line}" for file, tree in package().items() for line in unsafe_loads(tree)]
    assert not found
    bad = "import torch as t\nfrom torch import load\nt.load(x)\nload(x, weights_only=False)"
    assert list(unsafe_loads(ast.parse(bad))) == [3, 4]


def python(*arguments):
    """Run Python in a process of its own; its result."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )


def seconds(times, *arguments):
    """The median time that such a process takes: its own, whatever else the machine is doing."""
    taken = []
    for _ in range(times):
        before = os.times()
        python(*arguments)
        after = os.times()
        children = ("children_user", "children_system")
        taken.append(sum(getattr(after, name) - getattr(before, name) for name in children))
    return statistics.median(taken)


def test_importing_minibert_costs_little_more_than_torch():
    cost = seconds(3, "-c", "import minibert")
    assert cost <= 0.3 or cost <= seconds(3, "-c", "import torch") + 0.3


@pytest.mark.parametrize(
    "statement",
    ["import minibert", "from minibert import BertForSequenceClassification, BertTokenizer"],
)
def test_importing_minibert_leaves_the_heavy_packages_alone(statement):
    loaded = set(python("-c", f"{statement}\nimport sys\nprint(*sys.modules)").stdout.split())
    assert "minibert" in loaded
    assert not loaded & {"transformers", "datasets", "matplotlib", "huggingface_hub", "sklearn"}


def test_help_comes_at_once():
    times = python("-X", "importtime", "-m", "minibert", "--help")
    assert "usage" in times.stdout.lower()
    imported = {line.rpartition("|")[2].strip() for line in times.stderr.splitlines()}
    assert "minibert.cli" in imported
    assert not imported & {"torch", "transformers", "datasets", "matplotlib", "scipy", "sklearn"}
    assert seconds(5, "-m", "minibert", "--help") <= 0.5
