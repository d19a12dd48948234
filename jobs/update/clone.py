"""What state the clone is in: whether a plain step forward is possible; if not, why, and the line that mends it."""

import os
import pwd
import shutil
import subprocess

from switch import git, git_path

PROTECTED = ("data/", "secret/", "logs/", ".locks/", ".venv", ".venvs/", ".env", "strategies/",
             "config/desk.yaml", "config/desks/", "config/instances/", "config/env.local")  # fmt: skip
SHIPPED = (".env.example", "secret/README.md")  # ours, among what is yours
CODE_BYTES = 200_000_000
SLOW = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60", "-c", "core.askPass="]


class Refused(Exception):
    """Not updated, for a reason that a person here has to mend."""

    code = 78

    def __init__(self, what, cure):
        super().__init__(f"not updated: {what}. Mend it: {cure}")


class Unreachable(Exception):
    """The remote cannot be had: tried again another time."""

    code = 69


class Clone:
    """The git clone at `root`. `branch`, `remote`, `upstream` (short) and its `ref` are known once `look` was called.

    git is asked for refs by their full names: where a short one is also a tag's, it takes the tag.
    """

    def __init__(self, root, environ):
        self.root, self.environ = root, environ
        self.branch = self.remote = self.upstream = self.ref = ""

    def run(self, *words, more=(), **env):
        """Run git with `words`, without prompts."""
        command = git(self.root, *more, *words)
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            env={**self.environ, **env},
        )  # fmt: skip

    def ask(self, *words):
        """What git prints, or the empty string when it fails."""
        done = self.run(*words)
        return done.stdout.strip() if done.returncode == 0 else ""

    def printed_by(self, *words):
        """What git prints, where silence means that there is nothing. Raises Refused when it fails."""
        done = self.run(*words)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise Refused(f"git {words[0]} fails here: {why}", "git fsck; a damaged index: rm .git/index && git reset")
        return done.stdout

    def commit(self, name):
        """The commit that `name` means, or the empty string."""
        return self.ask("rev-parse", "-q", "--verify", f"{name}^{{commit}}")

    def is_ancestor(self, older, newer):
        return self.run("merge-base", "--is-ancestor", older, newer).returncode == 0

    def describe(self, commit):
        return self.ask("log", "-1", "--format=%h, %s", commit)

    def look(self, home_branch=""):
        """Whether this clone can be updated at all, before the remote is asked. Raises Refused."""
        self._a_clone()
        lock = git_path(self.root, "index.lock")
        if os.path.exists(lock):
            raise Refused(f"'{lock}' is there: a git is at work here, or one was killed", f"rm '{lock}'")
        if not self.ask("remote"):
            raise Refused("this clone has no remote", "git remote add origin URL")
        self.branch = self.ask("symbolic-ref", "-q", "HEAD").removeprefix("refs/heads/")
        if not self.branch:
            raise Refused(f"the head is detached, at {self.describe('HEAD')}", f"git switch {self._home()}")
        self.ref = self.ask("rev-parse", "-q", "--symbolic-full-name", "@{upstream}")
        self.upstream = self.ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
        if not self.ref:
            cure = f"git branch --set-upstream-to=origin/{self.branch}"
            raise Refused(f"branch '{self.branch}' follows no branch of a remote", cure)
        self.remote = self.ask("config", f"branch.{self.branch}.remote")
        wanted = home_branch or self._home()
        if self.branch != wanted:
            raise Refused(f"the branch here is '{self.branch}', updates are of '{wanted}'",
                          f"git switch {wanted} (or UPDATE_BRANCH={self.branch} in config/env.local.sh)")  # fmt: skip
        if self.ask("rev-parse", "--is-shallow-repository") == "true":
            what = "this clone is shallow: whether this is a step forward cannot be seen"
            raise Refused(what, "git fetch --unshallow")
        self.edited()

    def local_only(self):
        """What a step back needs: a clone of ours, on a branch, with no edits; the remote is not asked."""
        self._a_clone()
        self.branch = self.ask("symbolic-ref", "-q", "HEAD").removeprefix("refs/heads/")
        if not self.branch:
            raise Refused(f"the head is detached, at {self.describe('HEAD')}", f"git switch {self._home()}")
        self.edited()

    def edited(self):
        """Raises Refused where tracked files were edited here; a changed mode is no edit."""
        edits = self.printed_by("status", "--porcelain", "--untracked-files=no").splitlines()
        if edits:
            raise Refused(f"{len(edits)} tracked files are edited here, the first is '{edits[0][3:]}'",
                          "git stash (keeps the edits; git restore . throws them away)")  # fmt: skip

    def fetch(self):
        """Ask the remote. Raises Unreachable."""
        done = self.run("fetch", "-q", "--prune", "--tags", "--no-write-fetch-head", self.remote, more=SLOW)
        if done.returncode:
            found = done.stderr.partition("\nfatal: Could not read from remote repository")[0]  # ssh's own words
            why = (found.strip().splitlines() or ["no output of git"])[-1]
            raise Unreachable(f"not updated: '{self.remote}' cannot be had: {why}. Try it: git fetch {self.remote}")

    def forward(self, to):
        """The commit to step to: the upstream's, or that of a tag `to`. Raises Refused where it is no step forward."""
        ref = f"refs/tags/{to}" if to else self.ref
        named = not to or self.run("show-ref", "--verify", "-q", ref).returncode == 0  # v1~1 is a commit, and no tag
        target, head = self.commit(ref) if named else "", self.commit("HEAD")
        if not target:
            raise Refused(f"there is no tag '{to}' there" if to else f"'{self.upstream}' is gone", "git tag --list")
        if self.is_ancestor(head, target):
            return target
        if self.is_ancestor(target, head):
            if to:
                raise Refused(f"'{to}' is older than what is here", "batch/update_from_git.sh --rollback")
            return head  # commits here that the remote does not have: nothing to do, the caller reports it
        ahead = self.ask("rev-list", "--count", f"{target}..HEAD")
        behind = self.ask("rev-list", "--count", f"HEAD..{target}")
        keep = f"git branch mine && git reset --hard {self.upstream} (keeps what is here as branch 'mine')"
        if head in self.ask("reflog", "show", "--format=%H", self.ref).split():
            raise Refused(f"'{self.upstream}' was force-pushed: it had this commit once and has it no more", keep)
        raise Refused(f"branch '{self.branch}' has diverged: {ahead} commits here that '{self.upstream}' lacks, "
                      f"{behind} there", keep)  # fmt: skip

    def changes(self, target):
        """(paths to put, paths to delete) from here to `target`. Raises Refused for what would be overwritten."""
        lines = self.printed_by("diff", "--raw", "-z", "--no-renames", "HEAD", target).split("\0")
        put, delete = [], []
        for about, path in zip(lines[::2], lines[1::2], strict=False):
            (delete if about.endswith("D") else put).append(path)
            if " 160000 " in about[:15]:
                raise Refused(f"the new version has a submodule, '{path}', and an update brings files only",
                              "ask those who publish it: repos.lock pins repositories")  # fmt: skip
            if path.startswith(PROTECTED) and path not in SHIPPED and not path.endswith("/.gitkeep"):
                raise Refused(f"the new version brings '{path}', which is yours", "ask those who publish it")
            if about.endswith("A") and os.path.lexists(os.path.join(self.root, path)):
                raise Refused(f"'{path}' is here, is not git's, and the new version has a file of that name",
                              f"mv '{path}' '{path}.mine'")  # fmt: skip
        for folder in sorted({up for path in put for up in _above(path)} - set(delete)):
            at = os.path.join(self.root, folder)
            if os.path.islink(at) or os.path.isfile(at):
                raise Refused(f"'{folder}' is here, is not git's, and the new version has a folder of that name",
                              f"mv '{folder}' '{folder}.mine'")  # fmt: skip
        return put, delete

    def room(self, more_bytes):
        """Raises Refused where there is no room for the new version next to the old one."""
        free, need = shutil.disk_usage(self.root).free, CODE_BYTES + more_bytes
        if free < need:
            raise Refused(f"the disk is too small: {free / 1e6:.0f} MB free, {need / 1e6:.0f} MB needed",
                          "batch/run_prune.sh --dry-run shows what may go; df -h")  # fmt: skip

    def signed(self, target, tag, signers):
        """Raises Refused unless the commit (or the tag, by its own name) is signed by a key in the file `signers`.

        A tag that is no object of its own has no signature: then the commit's counts.
        """
        more = ["-c", f"gpg.ssh.allowedSignersFile={signers}"]
        for other in ("gpg.program", "gpg.openpgp.program", "gpg.x509.program"):  # their keyrings are not that file
            more += ["-c", f"{other}=false"]
        ref = f"refs/tags/{tag}"
        of_tag = bool(tag) and self.ask("cat-file", "-t", ref) == "tag"
        own = self.ask("for-each-ref", "--format=%(tag)", ref) if of_tag else tag
        if own != tag:
            raise Refused(f"what is published as tag '{tag}' is the tag '{own}'", "ask those who publish it")
        words = ["verify-tag", ref] if of_tag else ["verify-commit", target]
        if not os.path.isfile(signers):
            raise Refused(f"UPDATE_SIGNERS='{signers}' is not there", "lines `you@example.com ssh-ed25519 AAAA…` in it")
        done = self.run(*words, more=more)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it has no signature"])[-1]
            raise Refused(f"{tag or self.describe(target)} is not signed by anybody in '{signers}': {why}",
                          "have it signed (git commit -S, git tag -s), or unset UPDATE_SIGNERS")  # fmt: skip

    def _a_clone(self):
        """Raises Refused for what is none of ours; a folder inside another clone is none."""
        if shutil.which("git") is None:
            raise Refused("git is not installed", "apt-get install git")
        self._owned()
        if os.path.exists(os.path.join(self.root, ".release.json")):
            raise Refused(f"'{self.root}' is a release, which never changes", "python -m pyjobs.release install ROOT "
                          "FOLDER, or promote, from the clone where releases are built")  # fmt: skip
        if not os.path.lexists(os.path.join(self.root, ".git")) or not self.ask("rev-parse", "--git-dir"):
            raise Refused(f"'{self.root}' is no git clone (where is its .git folder?)", "git clone URL next to it, and "
                          "move config/desk.yaml, config/desks, config/env.local.sh, secret, data there")  # fmt: skip

    def _owned(self):
        """git refuses a clone of another user's; with --git forced it would leave files that the owner cannot write."""
        place = os.path.join(self.root, ".git")
        if os.path.lexists(place) and os.stat(place).st_uid != os.geteuid():
            owner, here = _name(os.stat(place).st_uid), _name(os.geteuid())
            raise Refused(f"dubious ownership: the clone is {owner}'s, this is {here}",
                          f"run it as {owner} (his crontab), or chown -R {here} '{self.root}'")  # fmt: skip

    def _home(self):
        """The branch that the remote calls its own, else main."""
        known = self.ask("symbolic-ref", "-q", "refs/remotes/origin/HEAD")
        return known.removeprefix("refs/remotes/origin/") or "main"


def _above(path):
    """The folders that a path lies in: `a`, `a/b` for a/b/c."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
