"""The work of update_from_git.sh: one plain step forward, a step back, or a refusal by name. Standard library only.

update_from_git.sh [--check | --to TAG | --rollback | --finish]
  --check      say what would come; nothing here changes
  --to TAG     step forward to a tag, not to the newest commit
  --rollback   back to the version before the last update: no network, packages of then
  --finish     end a switch that was interrupted (every job does that by itself)
Exit: 0 done or nothing new; 78 no plain step forward from here; 69 the remote cannot be had; 75 jobs are at work; 1 the
new version does not work here, so the old one goes on running.
"""

import json
import os
import shutil
import subprocess
import sys

import environment
import switch
from clone import Clone, Refused, Unreachable
from environment import Unfit

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
WAIT_S, BACK_WAIT_S, MIGRATION_S = 600.0, 60.0, 3600.0
FORMAT = "config/data_format.txt"
BUSY, USAGE, EXTERNAL = 75, 64, 69


class Busy(Exception):
    """Jobs have the code for longer than we wait."""

    code = BUSY


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv):
    """Do what the arguments ask for; return the exit code."""
    words = list(argv)
    tag = words.pop(1) if words[:1] == ["--to"] and len(words) > 1 else ""
    if words not in ([], ["--check"], ["--rollback"], ["--finish"], ["--to"]) or (words == ["--to"] and not tag):
        sys.stderr.write("update: usage: update_from_git.sh [--check | --to TAG | --rollback | --finish] (see -h)\n")
        return USAGE
    switch.forget_hook()
    clone = Clone(ROOT, unasked(os.environ))
    try:
        if os.path.exists(os.path.join(switch.locks(ROOT), switch.PLAN)):
            alone(lambda: switch.finish(ROOT), WAIT_S)
            say("an update that was interrupted has been finished")
        if words == ["--finish"]:
            return 0
        if words == ["--rollback"]:
            back(clone)
        else:
            forward(clone, tag, check=words == ["--check"])
    except Unreachable as why:
        return skipped(str(why))
    except (Refused, Unfit, Busy) as why:
        sys.stderr.write(f"update: {why}\n")
        return why.code
    return 0


def unasked(environ):
    """An environment in which git and ssh ask no questions."""
    asked = switch.git(ROOT, "config", "core.sshCommand")  # the variable would hide this setting
    configured = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    ssh = environ.get("GIT_SSH_COMMAND") or configured or "ssh"
    return {**environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C",
            "GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes -o ConnectTimeout=20"}  # fmt: skip


def forward(clone, tag, *, check):
    """Look, ask the remote, prepare the new version next to the old one, try it, switch."""
    clone.look(os.environ.get("UPDATE_BRANCH", ""))
    clone.fetch()
    head, target = clone.commit("HEAD"), clone.forward(tag)
    state, stale = switch.read(ROOT, switch.STATE), packages_are_old()
    if target == head and not stale:
        ahead = clone.ask("rev-list", "--count", f"{clone.ref}..HEAD")
        more = f" ([WARN] {ahead} commits here that {clone.upstream} lacks)" if ahead not in ("", "0") else ""
        say(f"up to date: {clone.branch} is at {clone.describe('HEAD')}{more}")
        return
    if state.get("held") == target and not tag:
        say(f"not updated: {clone.describe(target)} was rolled back from here; a later one is taken, or --to TAG")
        return
    if os.environ.get("UPDATE_SIGNERS"):
        clone.signed(target, tag, os.environ["UPDATE_SIGNERS"])
    put, delete = clone.changes(target)
    count = clone.ask("rev-list", "--count", f"HEAD..{target}")
    subject = clone.ask("log", "-1", "--format=%s", target)
    if check:
        fresh = ", with new packages" if any(path.startswith("requirements-") for path in put) else ""
        step = f"{head[:9]} to {target[:9]}, {count} commits, {len(put) + len(delete)} files{fresh}"
        say(f"would update {clone.branch}: {step}; then at: {subject}")
        return
    venv = prepared(clone, target, put, delete, stale=stale)
    plan = {"from": head, "to": target, "branch": f"refs/heads/{clone.branch}", "put": put, "delete": delete,
            "venv": venv, "why": "update_from_git.sh"}  # fmt: skip
    switched(clone, plan, WAIT_S)
    more = f"; packages: {venv}" if venv else ""
    say(f"updated {clone.branch}: {head[:9]} to {target[:9]}, {count} commits; now at: {subject}{more}")


def prepared(clone, target, put, delete, *, stale):
    """The new version in `.locks/update.stage`, tried there; its environment, or None when the one in use will do."""
    sets = environment.sets_here(ROOT)
    stage = os.path.join(switch.locks(ROOT), switch.STAGE)
    renewed = stale or any(f"requirements-{name}.txt" in put for name in sets)
    clone.room(environment.size_of(f"{ROOT}/.venv") if renewed else 0)
    export(clone, target, None)
    venv = environment.build(ROOT, stage, sets, say) if renewed else None
    python = f"{ROOT}/{venv}/bin/python" if venv else sys.executable
    if venv or not all(path.startswith(("docs/", "tests/")) for path in [*put, *delete]):
        environment.rehearse(ROOT, stage, python, say)
    return venv if venv != link_of() else None


def back(clone):
    """Go back to the version before the last update, with its packages. Raises Refused."""
    state = switch.read(ROOT, switch.STATE)
    before = state.get("previous") or {}
    clone.local_only()
    if not clone.commit(str(before.get("rev"))):
        raise Refused("no update was made here that could be taken back", "git log --oneline, git reset --hard COMMIT")
    head, target = clone.commit("HEAD"), before["rev"]
    if state.get("rev") != head:
        raise Refused(
            f"the head is not what the last update left, but at {clone.describe('HEAD')}", "git log --oneline -5"
        )
    needs, reads = stored_format(), format_of(clone, target)
    if needs > reads:
        what = f"the stored data has format {needs} since the update, and {clone.describe(target)} reads up to {reads}"
        raise Refused(what, "go forward, or restore a backup of before the update (python -m pyjobs.restore --list)")
    environment.usable(ROOT, before.get("venv"))
    put, delete = clone.changes(target)
    export(clone, target, put)
    plan = {"from": head, "to": target, "branch": f"refs/heads/{clone.branch}", "put": put, "delete": delete,
            "venv": before.get("venv"), "held": head, "why": "update_from_git.sh --rollback"}  # fmt: skip
    switched(clone, plan, BACK_WAIT_S)
    say(f"rolled back {clone.branch}: {head[:9]} to {target[:9]}; now at: {clone.ask('log', '-1', '--format=%s')}")


def export(clone, target, paths):
    """Write a version's files (all, or some) to the stage, as git would check them out, and sync them."""
    stage, index = os.path.join(switch.locks(ROOT), switch.STAGE), os.path.join(switch.locks(ROOT), "update.index")
    switch.drop(stage)
    os.makedirs(stage)
    env = {"GIT_INDEX_FILE": index, "GIT_WORK_TREE": stage}
    some = ["checkout-index", "-q", "-f", "-a"] if paths is None else ["checkout-index", "-q", "-f", "--", *paths]
    for words in (["read-tree", target], some) if paths != [] else ():
        done = clone.run(*words, **env)
        if done.returncode:
            raise Refused(f"git cannot write the new version: {done.stderr.strip()}", "df -h; git fsck")
    switch.drop(index)
    os.sync()


def switched(clone, plan, wait_s):
    """Wait until no job runs, look once more, and carry the plan out; from its writing on there is no way but on."""

    def act():
        clone.edited()
        if clone.commit("HEAD") != plan["from"]:
            raise Refused("the head has moved while the update was prepared", "start it again")
        here = link_of()
        was = here or (".venvs/before-updates" if plan["venv"] else None)
        previous = {"rev": plan["from"], "venv": was}
        plan["state"] = {"rev": plan["to"], "previous": previous, "held": plan.pop("held", "")}
        itself = os.path.join(switch.locks(ROOT), switch.SELF)
        shutil.copyfile(switch.__file__, itself + ".new")
        os.replace(itself + ".new", itself)
        switch.write(ROOT, switch.PLAN, plan)
        switch.finish(ROOT)
        finish_stamps()
        environment.forget(ROOT, {plan["venv"] or here, was or here})
        migrated()

    alone(act, wait_s)


def alone(act, wait_s):
    """Do it while no job runs and none can start. Raises Busy."""
    given = os.environ.get("UPDATE_WAIT_S", "")
    held = switch.take(ROOT, float(given) if given.replace(".", "", 1).isdigit() else wait_s)
    if held is None:
        raise Busy("not updated: jobs were at work all the time (jobs/why.sh names them); the next update tries again")
    try:
        act()
    finally:
        os.close(held)


def packages_are_old():
    """Whether the pinned file was changed after the packages of the environment in use were installed."""
    stamp, pinned = f"{ROOT}/.venv/.installed-nas", f"{ROOT}/requirements-nas.txt"
    return os.path.exists(stamp) and os.path.exists(pinned) and os.stat(stamp).st_mtime < os.stat(pinned).st_mtime


def finish_stamps():
    """`make setup` compares times: the environment in use has what is pinned now."""
    for name in environment.sets_here(ROOT):
        if os.path.exists(f"{ROOT}/.venv/.installed-{name}"):
            os.utime(f"{ROOT}/.venv/.installed-{name}")


def link_of():
    """Where the link to the environment in use points; None where it is a folder."""
    link = f"{ROOT}/.venv"
    return os.readlink(link) if os.path.islink(link) else None


def format_of(clone, commit):
    """The newest format of stored data that a version reads; 0 where the version does not declare one."""
    return number(clone.ask("show", f"{commit}:{FORMAT}"))


def stored_format():
    try:
        with open(os.path.join(os.environ.get("NIGHTDESK_HOME") or ROOT, "data", "format"), encoding="utf-8") as file:
            return number(file.read())
    except OSError:
        return 0


def migrated():
    """Bring what is stored to the format of the version that is here now; else the next job does so. Raises Unfit."""
    try:
        with open(os.path.join(ROOT, FORMAT), encoding="utf-8") as file:
            wanted = number(file.read())
    except OSError:
        return
    if wanted <= 1 or not os.path.exists(os.path.join(ROOT, "pyjobs", "migrate.py")):
        return
    inside = os.path.join(ROOT, ".venv", "bin", "python")
    python = inside if os.path.exists(inside) else sys.executable
    done = environment.run([python, "-m", "pyjobs.migrate"], ROOT, {"NIGHTDESK_CODE": "held"}, MIGRATION_S)
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        say(line)
    if done.returncode:
        cure = "until then no job runs: .venv/bin/python -m pyjobs.migrate, or --rollback where nothing was changed yet"
        raise Unfit(f"updated, but what is stored could not be migrated: {environment.last(done)}; {cure}")


def number(text):
    words = [line for line in text.splitlines() if line.strip().isdigit()]
    return int(words[0]) if words else 0


def skipped(why):
    """The remote's fault: under the runner a skip, as health counts them."""
    if not os.environ.get("OUTCOME_FD"):
        sys.stderr.write(f"update: {why}\n")
        return EXTERNAL
    say(f"{why}\n[SKIP] external-data-unavailable (guarded)")
    note = {"code": EXTERNAL, "kind": "network", "provider": "git", "detail": "git fetch failed"}
    os.write(int(os.environ["OUTCOME_FD"]), (json.dumps(note) + '\n{"guarded":1}\n').encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
