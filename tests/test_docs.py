"""Documentation is tested: what exists stands in the runbook, and what the runbook names exists."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.runbook import OF_PERSONS, PAGES
from tests.support.runbook import RUNBOOK as OPERATIONS
from tests.support.verb_process import run_verb
from utils.exit_codes import MEANING, ExitCode

ROOT = Path(__file__).resolve().parent.parent
CRONTAB = (ROOT / "config/schedule/crontab.example").read_text(encoding="utf-8")
ENTRY_POINTS = sorted(path.name for path in (ROOT / "batch").glob("*.sh"))
VERBS = sorted(path.stem for path in (ROOT / "pyjobs").glob("*.py") if not path.name.startswith("__"))
BY_HAND = {
    "deploy.sh",
    "fetch_runs.sh",
    "push_data.sh",
    "uninstall.sh",
}  # outside the chain: they run on your own machine
INTERNAL = {  # the shell's own, and names that never leave a script
    "PATH",
    "HOME",
    "BASH_VERSION",
    "BASH_SOURCE",
    "BASH_VERSINFO",
    "PPID",
    "OLDPWD",
    "EPOCHSECONDS",
    "PYTHON",
    "CI",
    "NAME",
    "ROOT",
    "ENDS_AS",
    "GIT_ASKPASS",
    "GIT_SSH_COMMAND",
    "GIT_TERMINAL_PROMPT",
}


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_is_in_the_runbook_and_in_the_crontab_example(name: str) -> None:
    assert f"`batch/{name}`" in OPERATIONS
    assert f"/batch/{name}" in CRONTAB


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_says_whether_it_is_safe_twice_and_what_to_do_at_ten_in_the_evening(name: str) -> None:
    rows, head = list[str](), list[str]()
    for line in OPERATIONS.splitlines():
        if line.startswith("|---"):
            continue
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        head = [] if not cells else head or cells
        if "at 22:00" in head and any(cell.startswith("twice") for cell in head) and f"`batch/{name}`" in cells[0]:
            assert all(cells), line
            rows.append(line)
    assert rows, name


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.*")), ids=lambda path: path.name)
def test_every_file_of_the_chain_is_in_the_runbook(path: Path) -> None:
    assert f"jobs/{path.name}" in OPERATIONS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_each_of_its_flags_is_in_the_runbook(verb: str) -> None:
    shown = run_verb(verb, "-h", env=os.environ)
    assert shown.returncode == 0, shown.stderr
    assert f"`{verb}`" in OPERATIONS
    for flag in set(re.findall(r"--[a-z][a-z-]+", shown.stdout)) - {"--help"}:
        assert f"`{flag}" in OPERATIONS, f"{verb} {flag}"


@pytest.mark.parametrize("link", ["run_with_lock.sh", "_run_generic.sh", "run_py_guarded.sh"])
def test_every_option_of_a_link_is_in_the_runbook(link: str) -> None:
    source = (ROOT / "jobs" / link).read_text(encoding="utf-8")
    for option in set(re.findall(r"^ +(--[a-z-]+)[ |)]", source, re.M)) - {"--help"}:
        assert option in OPERATIONS, option


def test_the_table_of_exit_codes_is_the_one_in_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|", OPERATIONS, re.M))
    assert {int(code): text.strip() for code, text in rows.items()} == {int(code): MEANING[code] for code in ExitCode}


def test_bash_uses_no_exit_code_that_is_not_in_the_table() -> None:
    for path in sorted((ROOT / "jobs").glob("*.sh")):
        codes = {int(code) for code in re.findall(r"\b(?:die|exit|return) (\d+)", path.read_text(encoding="utf-8"))}
        assert codes <= {int(code) for code in ExitCode}, path


def test_every_environment_variable_is_in_the_runbook() -> None:
    used: set[str] = set()
    for path in [*(ROOT / "pyjobs").rglob("*.py"), *(ROOT / "utils").rglob("*.py"), *(ROOT / "jobs").glob("*.py")]:
        used |= set(re.findall(r"environ(?:\.get|\.pop)?[\[(]\s*\"([A-Z_]+)\"", path.read_text(encoding="utf-8")))
    for path in [*(ROOT / "batch").glob("*.sh"), *(ROOT / "jobs").glob("*.sh"), ROOT / "config/env.nas.sh"]:
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r"\$\{([A-Z_]+):[-=]", text))
        for line in re.findall(r"\bexport ([A-Z_0-9 =\$\"a-z.-]+)", text):
            used |= set(re.findall(r"\b([A-Z][A-Z_0-9]+)\b(?==| |$)", line))
    missing = {name for name in used - INTERNAL if f"`{name}" not in OPERATIONS and f"{name}`" not in OPERATIONS}
    assert not missing


def test_every_config_file_begins_with_what_it_is_for_and_is_in_the_runbook() -> None:
    for path in sorted((ROOT / "config").glob("*.*")):
        assert path.name in OPERATIONS, path.name
        if path.suffix == ".yaml":
            assert path.read_text(encoding="utf-8").lstrip().startswith("#"), path.name


def explained(text: str, key: str) -> bool:
    """Whether a comment has `key` as a key, or is beside one, or above it."""
    lines = text.splitlines()
    return any(
        re.search(rf"(?<![\w.]){key}(?::|`| {{2,}})", line) and ("#" in line or above.lstrip().startswith("#"))
        for above, line in zip(["", *lines], lines, strict=False)
    )


def test_every_key_that_a_config_file_may_hold_is_explained_by_a_comment_of_an_example() -> None:
    from pyjobs.market.desk.written import Account, Block, Entry, WrittenDesk
    from pyjobs.runs.job_history import JobPlan

    names = ("desk.sample.yaml", "desk.dumps.example.yaml", "desk.fetched.example.yaml", "desk.us.example.yaml")
    desks = "\n".join((ROOT / "config" / name).read_text() for name in names)
    for struct, text in (
        (WrittenDesk, desks),
        (Account, desks),
        (Entry, desks),
        (Block, desks),
        (JobPlan, (ROOT / "config/jobs.yaml").read_text()),
    ):
        for field in struct.__struct_fields__:
            assert explained(text, field), f"{struct.__name__}.{field}"
    assert not explained("# a desk\ndumps: here", "dump") and not explained("dumps: here", "dumps")


def test_every_job_of_the_crontab_has_a_plan_and_a_log_named_in_the_runbook() -> None:
    from pyjobs.runs.job_history import load_job_plans

    plans = load_job_plans(ROOT / "config/jobs.yaml")
    for name in set(ENTRY_POINTS) - BY_HAND:
        source = (ROOT / "batch" / name).read_text(encoding="utf-8")
        job = re.search(r"--name ([a-z_]+)", source)
        log = re.search(r"--log ([a-z_]+)", source)
        assert job and log
        assert job[1] in plans.jobs
        assert (plans.jobs[job[1]].log or job[1]) == log[1]
        assert f"`logs/{log[1]}_DATE.log`" in OPERATIONS


def test_the_crontab_starts_each_job_as_often_as_its_interval_says() -> None:
    from pyjobs.runs.job_history import load_job_plans

    plans = load_job_plans(ROOT / "config/jobs.yaml").jobs
    often = {
        r"\* +\*": "60s",
        r"\*/5 +(?:\*|22-23,0-5)": "5m",
        r"\d+ +\*/6": "6h",
        r"\*/10 +\*": "10m",
        r"\d+ +\d+": "",
    }
    for when, script in re.findall(r"^(?:# )?(\S+ +\S+) .*/batch/(\S+)(?: --desk us)?$", CRONTAB, re.M):
        if script in BY_HAND:
            continue
        job = re.search(r"--name ([a-z_]+)", (ROOT / "batch" / script).read_text(encoding="utf-8"))
        assert job is not None
        assert [plans[job[1]].interval] == [interval for how, interval in often.items() if re.fullmatch(how, when)]


def test_the_tree_of_the_design_is_what_ls_shows() -> None:
    design = (ROOT / "docs/DESIGN.md").read_text(encoding="utf-8")
    shown, path = set(), list[str]()
    for indent, name in re.findall(r"^( *)([a-z_]+)/ ", design.split("```")[1], re.M):
        path = [*path[: len(indent) // 2], name]
        shown.add("/".join(path))
    tops = ("batch", "jobs", "pyjobs", "utils", "config")
    there = {str(each.parent.relative_to(ROOT)) for top in tops for each in (ROOT / top).rglob("*.py")} | set(tops)
    assert shown == there


def test_what_the_design_says_to_change_exists() -> None:
    design = (ROOT / "docs/DESIGN.md").read_text(encoding="utf-8")
    rows = design.partition("## Where to change what")[2].partition("\n## ")[0]
    for name in re.findall(r"`([a-z_./]+(?:/|\.(?:py|toml|yaml|example)))`", rows):
        at = (ROOT, ROOT / "pyjobs", ROOT / "pyjobs/market")
        assert any((folder / name).exists() for folder in at), name


def test_the_files_that_semantics_and_scaling_name_exist() -> None:
    for page in ("SEMANTICS.md", "SCALING.md"):
        for name in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", (ROOT / "docs" / page).read_text(encoding="utf-8")):
            assert (ROOT / name).exists() or (ROOT / "pyjobs" / name).exists(), f"{page}: {name}"


def test_no_sentence_of_ours_begins_with_of_or_the_same() -> None:
    start = re.compile(r'(?:^ *|""" ?|# |[.:] )(?:Of|The same) ', re.M)
    prose = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    code = [path for folder in ("pyjobs", "utils", "jobs", "batch") for path in (ROOT / folder).rglob("*.*")]
    for path in (*prose, *(each for each in code if each.suffix in (".py", ".sh"))):
        found = start.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path}: {found.group() if found else ''}"


def test_in_documents_nothing_is_told_said_or_beside_something() -> None:
    """Values are printed, listed or shown; things are next to each other (names in code are what they are)."""
    for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"):
        text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.S)
        assert not (found := OF_PERSONS.search(text)), f"{path}: {text[max(found.start() - 40, 0) : found.end() + 40]}"


def test_no_cell_of_a_table_has_more_than_thirty_words() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        for line in path.read_text(encoding="utf-8").splitlines():
            for cell in re.split(r"(?<!\\)\|", line) if line.startswith("|") else ():
                assert len(cell.split()) <= 30, f"{path.name}: {cell}"


def test_what_the_runbook_names_exists() -> None:
    for name in set(re.findall(r"`((?:batch|jobs|config)/[A-Za-z0-9_./-]+\.(?:sh|py|yaml|toml|example))", OPERATIONS)):
        if name not in ("config/env.local.sh", "config/desk.yaml") and not name.startswith("config/desks/"):
            assert (ROOT / name).exists(), name


def test_the_readme_has_one_sentence_two_commands_and_links_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first_block = re.search(r"```bash\n(.*?)```", readme, re.S)
    assert first_block is not None
    assert [line.split("#")[0].strip() for line in first_block[1].splitlines()] == ["make demo", "make test"]
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_the_links_of_the_runbook_lead_somewhere() -> None:
    for page in PAGES:
        for target, mark in re.findall(
            r"\]\(([a-zA-Z./_]+\.(?:md|ipynb))(#[a-z-]+)?\)", page.read_text(encoding="utf-8")
        ):
            text = (page.parent / target).read_text(encoding="utf-8")
            headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}
            assert not mark or mark[1:] in headings, f"{page.name}: {target}{mark}"
        assert page.name == "OPERATIONS.md" or f"operations/{page.name}" in PAGES[0].read_text(encoding="utf-8")


def test_the_crontab_example_can_be_given_to_cron() -> None:
    assert CRONTAB.endswith("\n")
    for line in CRONTAB.splitlines():
        if line and not line.startswith("#"):
            fields = line.replace("@reboot", "at each boot of it").removesuffix(" --desk us").split()
            assert len(fields) == 6 and "%" not in line, line


def test_the_table_of_what_health_looks_at_is_the_one_in_the_code() -> None:
    from pyjobs.runs.verdict.findings import LOOKED_AT

    for kind, row in LOOKED_AT.items():
        assert f"| {kind} | {row.what} | {row.why} | {row.cure} |" in OPERATIONS


def test_every_key_of_alerts_yaml_is_in_the_runbook() -> None:
    from pyjobs.runs.alerts.bell import Alerts

    for field in Alerts.__struct_fields__:
        assert f"| `{field}` |" in OPERATIONS
