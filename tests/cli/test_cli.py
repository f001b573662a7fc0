from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from nasgym import cli
from nasgym.compare.comparison import default_folder, former_folder, plan_comparison
from nasgym.ledger import Budget
from nasgym.ledger.store import Store
from tests.compare.small import environment, make_data_folder, run
from tests.importers.image_files import write_idx_folder

COMPARE = ("compare", "nasgym/Table-v0", "--set", "table=small", "--agents", "random,regularized-evolution")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture
def call(data, tmp_path, monkeypatch, capsys):
    """``call("list")``: exit code, stdout and stderr of the command, in this process."""

    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nasgym", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    monkeypatch.setenv("NASGYM_DATA", str(data))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return run_here


def test_list_names_everything(call):
    code, out, _ = call("list")
    assert code == 0
    for wanted in ("nasgym/Digits-v0", "regularized-evolution", "mnasnet-soft", "nats-tss", "small", "phone"):
        assert wanted in out


def test_list_names_device_files_by_space_and_ids_that_measure(call):
    lines = call("list")[1].splitlines()
    shown = {
        line.split()[0]: line
        for line in lines[next(i for i, line in enumerate(lines) if "Device files" in line) :]
        if line.split()
    }
    assert "x86-1t, x86-1t-int8" in shown["digits"]
    assert "x86-1t" in shown["proxylessnas"]
    assert "nats-tss" not in shown
    (timed,) = (line for line in lines if "nasgym/live-Digits-v0" in line)
    assert "MnasNet-v0" in timed
    assert "NATS-TSS-v0" in timed


def test_list_loads_nothing_heavy(data):
    script = (
        "import sys; sys.argv = ['nasgym', 'list']\n"
        "from nasgym.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code or 0\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'pymoo', 'jinja2', 'stable_baselines3', 'sklearn'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy)); sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(data), capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout


def test_compare_says_where_results_of_a_former_fingerprint_are(call, tmp_path):
    arguments = ("nasgym/Digits-v0", "--set", "accuracy=training", "--agents", "random", "--seeds", "1", "--budget", "3")
    budget = Budget("distinct", 3.0)
    plan, problem = plan_comparison("nasgym/Digits-v0", ["random"], [0], budget, {"accuracy": "training"})
    former = former_folder(plan, problem)
    (tmp_path / former).mkdir(parents=True)
    code, _, err = call("compare", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert f"Store({str(former / 'evaluations.sqlite')!r}).adopt_former(), with --out {former}" in err
    assert f"--out {default_folder(plan)}" in err
    # and a store in there says so, too
    store = Store(tmp_path / former / "evaluations.sqlite")
    store.record("training:e7b229a696d88baf", [((b"x", 3, 0), (0.5, 0.5, 1.0))])
    store.close()
    code, _, err = call("compare", *arguments, "--jobs", "1", "--out", str(former))
    assert code == 2
    assert "adopt_former()" in err


def test_compare_writes_everything_and_names_the_default_folder(call, tmp_path):
    code, out, err = call(*COMPARE, "--budget", "20", "--seeds", "2", "--jobs", "1")
    assert code == 0, err
    (folder,) = (tmp_path / "nasgym-results").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {"leaderboard.txt", "leaderboard.csv", "results.csv", "report.html", "comparison.json"} <= names
    assert "regularized-evolution" in out
    assert str(folder.relative_to(tmp_path)) in out
    start = time.monotonic()
    assert call(*COMPARE, "--budget", "20", "--seeds", "2", "--jobs", "1")[:2] == (0, out)  # nothing left to run
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "nasgym/Tabel-v0", "--agents", "random"), "Did you mean 'nasgym/Table-v0'"),
        (("compare", "nasgym/Table-v0", "--agents", "randm", "--set", "table=small"), "Did you mean 'random'"),
        ((*COMPARE, "--set", "tabl=small"), "Did you mean 'table'"),
        ((*COMPARE, "--set", "rubbish"), "KEY=VALUE"),
        ((*COMPARE, "--set", "agent.random.bach=3"), "Did you mean 'batch'"),
        ((*COMPARE, "--agent-set", "ppo.lr=3"), "agent of this comparison"),
        ((*COMPARE, "--budget", "0"), "positive"),
        ((*COMPARE, "--budget", "2.5"), "whole number"),
        ((*COMPARE, "--budget-unit", "epochs"), "unknown budget unit 'epochs'"),
        ((*COMPARE, "--seeds", "0"), "seeds are a count"),
        ((*COMPARE, "--targets", "30..80"), "--targets takes LOW..HIGH/STEP"),
        ((*COMPARE, "--targets", "80..30/1%"), "write the lower end first"),
        ((*COMPARE, "--seeds", "1,1"), "named twice"),
        ((*COMPARE, "--jobs", "0"), "jobs must be at least 1"),
        ((*COMPARE, "--set", "target=-3"), "target"),
        (("compare", "nasgym/NATS-TSS-v0", "--agents", "random"), "nasgym data import nats-bench"),
        (("search", "nasgym/Table-v0", "--agent", "nobody", "--set", "table=small"), "unknown agent 'nobody'"),
        (("draw", "zzz"), "no space reads 'zzz'"),
        (("draw", "0", "--space", "nats"), "unknown space 'nats'"),
        (("draw", "8,8,8,8,9", "--space", "small"), "unknown option of"),
        (("tabulate", "nowhere", "--out", "x"), "nowhere"),
        (("data", "import", "nas-bench-macro", "nowhere.json"), "nowhere.json"),
        (("data", "import", "nats-bench", "nowhere"), "nowhere"),
        (("data", "import", "table", "no.csv", "no.json"), "no.json"),
        (("data", "import", "images", "nowhere", "--name", "mine"), "nowhere does not exist; expected the folder"),
        (("data", "import", "images", "nowhere", "--name", "digits"), "give another --name"),
    ],
)
def test_mistakes_are_one_line_and_code_2(call, arguments, words):
    code, out, err = call(*arguments)
    assert code == 2
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err + out


@pytest.mark.parametrize("arguments", [("compar",), ("compare",), ("list", "--wrong"), ("compare", "x", "--budget", "many")])
def test_wrong_usage_is_code_2(call, arguments):
    code, _, err = call(*arguments)
    assert code == 2
    assert "Usage" in err


@pytest.mark.parametrize("arguments", [(), ("data",), ("data", "import")])
def test_groups_show_their_help(call, arguments):
    _, out, err = call(*arguments)
    assert "Commands" in out + err


@pytest.mark.parametrize("command", ["list", "compare", "search", "draw", "tabulate", "data"])
def test_every_command_has_help(call, command):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Usage" in out


def test_out_that_is_a_file_is_refused(call, tmp_path):
    (tmp_path / "taken").write_text("mine")
    code, _, err = call(*COMPARE, "--out", "taken")
    assert code == 2
    assert "is a file" in err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_sentence(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = call(*COMPARE, "--out", "file/below")
    assert code == 2
    assert err.startswith("error: file/below cannot be read or written (Not a directory)")
    assert err.count("\n") == 1


def test_search_equals_the_library(call):
    from nasgym import make_problem
    from nasgym.agents import make_agent

    problem = make_problem("nasgym/Table-v0", table="small", target=8.0, reward="constrained")
    result = make_agent("regularized-evolution").search(problem, budget=80, seed=3)
    settings = ("--set", "table=small", "--set", "target=8.0", "--set", "reward=constrained")
    code, out, _ = call("search", "nasgym/Table-v0", "--budget", "80", "--seed", "3", *settings, "--report")
    assert code == 0
    found = dict(line.split(":", 1) for line in out.splitlines())
    assert found["architecture"].strip() == problem.space.to_str(result.best_arch[None])[0]
    assert found["reward"].strip() == f"{result.best_reward:.6g}"
    assert found["constraint"].strip() == "met"
    assert found["test accuracy"].strip().startswith(f"{100 * problem.report(result.best_arch[None]).test_accuracy[0]:.2f} %")
    assert "test accuracy" not in call("search", "nasgym/Table-v0", "--budget", "5", *settings)[1]


def test_draw_guesses_the_space(call, tmp_path):
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    code, out, _ = call("draw", cell)
    assert code == 0
    assert out.strip()
    assert call("draw", cell, "--space", "nasgym/NATS-TSS-v0")[1] == out
    code, out, _ = call("draw", "8,16,8,32,8", "--svg", "picture.svg")  # only the own table reads it
    assert code == 0
    assert "<svg" in (tmp_path / "picture.svg").read_text()
    code, _, err = call("draw", cell, "--svg", "no/such/folder/picture.svg")
    assert code == 2
    assert "no folder" in err


def test_draw_knows_published_networks(call, tmp_path):
    code, out, _ = call("draw", "mnasnet-a1")
    assert code == 0
    assert out.splitlines()[:2] == ["mnasnet-a1", "312 M MACs · 3.89 M params · 3 × 224×224 images"]  # noqa: RUF001
    code, out, _ = call("draw", "mnasnet-a1", "--svg", "named.svg")
    assert code == 0
    assert "MBConv" in (tmp_path / "named.svg").read_text()
    code, _, err = call("draw", "mnasnet-a7")
    assert code == 2
    assert "mnasnet-a1" in err


def test_data_commands(call, data, tmp_path):
    code, out, _ = call("data", "list")
    assert code == 0
    assert "small" in out
    assert "1,024" in out
    assert call("data", "verify")[0] == 0


def test_images_are_imported_listed_and_verified(call, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "new"))
    write_idx_folder(tmp_path / "raw", packed=True)
    code, out, err = call("data", "import", "images", "raw", "--name", "fashion-mnist")
    assert code == 0, err
    assert "30 train and 9 test images of 1 x 6 x 6, 3 classes" in out
    assert "fashion-mnist.npz" in out.replace("\n", "")
    (line,) = (line for line in call("data", "list")[1].splitlines() if line.strip().startswith("images"))
    assert "fashion-mnist" in line
    code, out, _ = call("data", "verify")
    assert code == 0
    assert "images fashion-mnist: ok, 30 train and 9 test images" in out


def test_devices_are_imported_listed_and_verified(call, tmp_path, monkeypatch):
    from nasgym.spaces.nats_bench import TopologySpace

    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "new"))
    space = TopologySpace()
    rows = [f"{text},{i},{i % 7 or ''}" for i, text in enumerate(space.to_str(space.enumerate()))]
    (tmp_path / "d.csv").write_text("\n".join(["arch_str,phone_ms,board_uj", *rows]))
    (tmp_path / "d.json").write_text(json.dumps({"phone_ms": {"dataset": "cifar10", "note": "mine"}}))
    code, out, err = call("data", "import", "nb201-devices", "d.csv", "d.json", "--name", "mine")
    assert code == 0, err
    assert "2 columns, 1 of them for all 15,625 architectures" in out
    out = call("data", "list")[1]
    (line,) = (line for line in out.splitlines() if line.strip().startswith("cost columns"))
    assert "nats-tss" in line
    assert "2 columns of 15,625 architectures" in line
    assert "phone" in call("list")[1]
    code, out, _ = call("data", "verify")
    assert code == 0
    assert "cost columns nats-tss/mine: ok" in out
    path = tmp_path / "new" / "costs" / "nats-tss" / "mine.npz"
    path.write_bytes(path.read_bytes()[:-9])
    code, out, _ = call("data", "verify")
    assert code == 1
    assert "cost columns nats-tss/mine: DAMAGED" in out
    assert "NOT READABLE" in call("data", "list")[1]
    code, _, err = call("data", "import", "nb201-devices", "d.csv", "e.json")
    assert code == 2
    assert "not readable as JSON" in err


def test_damaged_table_is_named_and_code_1(call, tmp_path, monkeypatch):
    make_data_folder(tmp_path / "data")
    table = tmp_path / "data" / "tables" / "small.npz"
    table.write_bytes(table.read_bytes()[:-100])
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "data"))
    code, out, _ = call("data", "verify")
    assert code == 1
    assert "small: DAMAGED" in out
    assert "NOT READABLE" in call("data", "list")[1]


def test_importing_an_own_table_says_how_to_play_it(call, tmp_path, monkeypatch):
    monkeypatch.setenv("NASGYM_DATA", str(tmp_path / "new"))
    (tmp_path / "t.csv").write_text("op,acc\nconv,0.9\npool,0.4\n")
    spec = {
        "name": "pair",
        "decisions": [{"name": "op", "column": "op", "role": "op", "choices": ["conv", "pool"]}],
        "search_fidelity": 1,
        "report_fidelity": 1,
        "accuracies": [{"columns": ["acc"], "fidelity": 1, "split": "test", "unit": "fraction"}],
    }
    (tmp_path / "t.json").write_text(json.dumps(spec))
    code, out, err = call("data", "import", "table", "t.csv", "t.json")
    assert code == 0, err
    assert "--set table=pair" in out
    assert "pair" in call("data", "list")[1]


def test_missing_package_is_one_sentence(call, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "matplotlib" else real(name, *rest))
    code, _, err = call(*COMPARE)
    assert (code, err) == (
        2,
        "error: this needs matplotlib, which is not installed; get it with: pip install 'nasgym[report]'\n",
    )


def test_missing_package_of_an_agent_is_one_sentence(call, monkeypatch):
    def refuse(*_):
        raise ModuleNotFoundError("No module named 'torch._C'", name="torch._C")

    monkeypatch.setattr("nasgym.agents.make_agent", refuse)
    code, _, err = call(*COMPARE)
    assert code == 2
    assert err.endswith("pip install 'nasgym[agents]'\n")


def test_module_and_broken_pipe(data):
    done = run(data, "list")
    assert done.returncode == 0
    assert done.stderr == ""
    shell = f"{sys.executable} -m nasgym list | head -n 1"
    piped = subprocess.run(["bash", "-c", shell], env=environment(data), capture_output=True, text=True, check=False)
    assert "Environments" in piped.stdout
    assert piped.stderr == ""


def test_official_import_is_wired(call, monkeypatch, tmp_path):
    seen = {}

    def fake(path, progress, **options):
        progress(1, 2)
        seen.update(path=path, **options)
        return tmp_path / "x.npz"

    monkeypatch.setattr("nasgym.importers.import_nats_bench", fake)
    monkeypatch.setattr("nasgym.importers.import_nas_bench_macro", fake)
    for command in ("nats-bench", "nas-bench-macro"):
        code, out, _ = call("data", "import", command, "archive")
        assert (code, str(seen["path"])) == (0, "archive")
        assert "x.npz" in out
    assert seen["partial"] is False
    call("data", "import", "nats-bench", "archive", "--partial")
    assert seen["partial"] is True
