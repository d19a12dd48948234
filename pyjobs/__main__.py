"""The one door: `nightdesk`, or `python -m pyjobs`, lists the verbs and the jobs with a line each, and runs them.

A verb runs at once, in this terminal; a job (what cron starts) with its lock, its log and its record. `nightdesk VERB
-h` is the verb's own help.
"""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from utils import paths
from utils.errors import UsageError
from utils.run import run

HERE = Path(__file__).resolve().parent
COMPLETION = """\
_nightdesk() {
  local door=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}
  door=${door/#\\~/$HOME}
  # shellcheck disable=SC2207  # words without spaces
  COMPREPLY=($(compgen -W "$("$door" completion "${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}" -- 2>/dev/null)" -- "$word"))
}
complete -o default -F _nightdesk nightdesk ./nightdesk {path}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """List, complete, or run; 64 for a name that there is not."""
    words = list(sys.argv[1:] if argv is None else argv)
    sys.argv[:1] = ["nightdesk"]  # what messages are signed with
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in ("", "-h", "--help", "help"):
        print(listing())
        return 0
    if name == "completion":
        print(completed(rest[:-1]) if rest[-1:] == ["--"] else COMPLETION.replace("{path}", shlex.quote(str(door()))))
        return 0
    name = name.replace("-", "_").removesuffix(".sh")
    if name in verbs():
        sys.argv = [str(HERE / f"{name}.py"), *rest]
        runpy.run_module(f"pyjobs.{name}", run_name="__main__", alter_sys=True)
        return 0
    if name in jobs():
        print(f"# {shlex.join([str(jobs()[name]), *rest])}", file=sys.stderr, flush=True)
        os.environ.setdefault("NIGHTDESK_ECHO", "1")  # a person called: what the job prints is shown on a pipe, too
        os.environ.pop("NIGHTDESK_ENTERED", None)  # its settings are a job's, not a person's
        os.execv(str(jobs()[name]), [str(jobs()[name]), *rest])
    from utils.settings.config import nearest  # needs a package, which doctor does without

    known = [*verbs(), *jobs()]
    raise UsageError(f"there is no verb or job {words[0]!r}{nearest(name, known)}; nightdesk alone lists them")


def verbs() -> dict[str, str]:
    """Every verb with the first sentence of its help, read from its file; nothing of it is imported."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        if not path.stem.startswith("__"):
            with path.open(encoding="utf-8") as lines:
                found[path.stem] = next(lines, "").strip().strip('"')
    return found


def jobs() -> dict[str, Path]:
    """What cron calls, and what a person calls through the same chain, by name."""
    scripts = [*(paths.ROOT / "batch").glob("*.sh"), *(paths.ROOT / "jobs").glob("*.sh")]
    return {path.stem: path for path in sorted(scripts) if path.parent.name == "batch" or path.stem == "bt_postprocess"}


def listing() -> str:
    """All of them, a line each."""
    summaries = {name: _summary(path) for name, path in jobs().items()}
    width = max(map(len, [*verbs(), *summaries]))

    def table(rows: dict[str, str]) -> list[str]:
        return [f"  {name:{width}}  {what}" for name, what in rows.items()]

    lines = ["usage: nightdesk VERB|JOB [ARG…]    (… VERB -h: its flags)", "", "verbs: at once, in this terminal"]
    lines += [*table(verbs()), "", "jobs: as cron starts them, with lock, log and record"]
    return "\n".join([*lines, *table(summaries)])


def completed(before: Sequence[str]) -> str:
    """What may come after these words: names first, then the flags of that verb or job; after --desk the desks."""
    if not before:
        return " ".join([*verbs(), *jobs(), "completion", "help"])
    if before[-1] == "--desk":
        from pyjobs.market.desks import named_desks

        return " ".join(each.name for each in named_desks(paths.config_dir()))
    import re
    import subprocess

    name = before[0].replace("-", "_").removesuffix(".sh")
    verb = _verb_of(name)
    if verb is None:
        return ""
    shown = subprocess.run(
        [sys.executable, "-m", f"pyjobs.{verb}", "-h"], cwd=paths.ROOT, capture_output=True, text=True, check=False
    )
    return " ".join(dict.fromkeys(re.findall(r"--[a-z][a-z-]+", shown.stdout)))


def door() -> Path:
    """The script in the root of the clone."""
    return paths.ROOT / "nightdesk"


def _verb_of(name: str) -> str | None:
    """The verb that parses the flags of a verb or a job."""
    if name in verbs() or name not in jobs():
        return name if name in verbs() else None
    _, _, rest = jobs()[name].read_text(encoding="utf-8").partition("-m pyjobs.")
    return rest.split()[0] if rest else None


def _summary(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("# Summary: ") for line in lines if line.startswith("# Summary: ")), "")


if __name__ == "__main__":
    sys.exit(run(main))
