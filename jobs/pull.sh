#!/usr/bin/env bash
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# Summary: the work of update_from_git.sh: fetch, look whether a plain step forward is possible, take it, renew packages.
# Usage: pull.sh [-h]
# Exit: 0 done, or nothing new; 78 there is no plain step forward from the state of this clone; 69 the remote cannot be had
# (under the runner a skip). The head has moved only when the line `updated` says so.
# shellcheck source=jobs/lib.sh
. "${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}./lib.sh"

# in_clone ARG…: git on this clone, whoever owns it, and never with a question to anybody.
in_clone() {
  git -c safe.directory="$ROOT" -c core.askPass= -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=60 -C "$ROOT" "$@"
}

# refuse WHAT CURE: say what is in the way, and the one line that mends it.
refuse() {
  die 78 "not updated: $1. Mend it: $2"
}

# look: sets BRANCH, UPSTREAM and REMOTE, or refuses.
look() {
  local edited first
  in_clone rev-parse --git-dir >/dev/null 2>&1 || refuse "'$ROOT' is no git clone (where is its .git folder?)" \
    "git clone URL beside it, and move config/desk.yaml, config/desks, config/env.local.sh, secret, data there"
  BRANCH=$(in_clone symbolic-ref -q --short HEAD) ||
    refuse "the head is detached, at $(in_clone log -1 --format='%h, %s')" "git switch $(home_branch)"
  UPSTREAM=$(in_clone rev-parse -q --abbrev-ref '@{upstream}' 2>/dev/null) ||
    refuse "branch '$BRANCH' follows no branch of a remote" "git branch --set-upstream-to=origin/$BRANCH"
  REMOTE=$(in_clone config "branch.$BRANCH.remote")
  edited=$(in_clone status --porcelain --untracked-files=no)
  if [[ $edited ]]; then
    first=${edited%%$'\n'*}
    refuse "$(printf '%s\n' "$edited" | wc -l | tr -d ' ') tracked files are edited here, the first is '${first:3}'" \
      "git stash (keeps the edits; git restore . throws them away)"
  fi
}

# home_branch: the branch that the remote calls its own, else main.
home_branch() {
  local known
  known=$(in_clone symbolic-ref -q --short refs/remotes/origin/HEAD) || known=origin/main
  printf '%s' "${known#origin/}"
}

# packages_are_old BEFORE SET: whether the pinned file of a set changed since, or was never installed after a change.
packages_are_old() {
  local stamp=$ROOT/.venv/.installed-$2
  [[ $2 == nas || -e $stamp ]] || return 1 # the optional ones only where somebody has them
  ! in_clone diff --quiet "$1" HEAD -- "requirements-$2.txt" || [[ -e $stamp && requirements-$2.txt -nt $stamp ]]
}

# unreachable: the remote cannot be had. Under the runner that is a skip of the outside's, as health counts them.
unreachable() {
  local what="not updated: '$REMOTE' cannot be had, see the line above. Try it: git fetch $REMOTE"
  [[ ${OUTCOME_FD:-} ]] || die 69 "$what"
  printf '%s\n[SKIP] external-data-unavailable (guarded)\n' "$what"
  printf '{"code":69,"kind":"network","provider":"git","detail":"git fetch failed"}\n{"guarded":1}\n' >&"$OUTCOME_FD"
  exit 0
}

case ${1:-} in -h | --help) say_help && exit 0 ;; esac
type -P git >/dev/null || refuse "git is not installed" "apt-get install git"
ssh=${GIT_SSH_COMMAND:-$(in_clone config core.sshCommand || echo ssh)}
export GIT_TERMINAL_PROMPT=0 GIT_ASKPASS='' SSH_ASKPASS='' GIT_SSH_COMMAND="$ssh -o BatchMode=yes -o ConnectTimeout=20"
cd -- "$ROOT" || die 77 "cannot enter '$ROOT'"
look
before=$(in_clone rev-parse HEAD)
in_clone fetch -q --prune "$REMOTE" </dev/null || unreachable
ahead=$(in_clone rev-list --count "$UPSTREAM..HEAD") behind=$(in_clone rev-list --count "HEAD..$UPSTREAM")
if ((ahead && behind)); then
  refuse "branch '$BRANCH' has diverged: $ahead commits here that '$UPSTREAM' has not, $behind there" \
    "git branch mine && git reset --hard $UPSTREAM (keeps what is here as branch 'mine')"
fi
if ((behind)); then
  in_clone merge -q --ff-only "$UPSTREAM" </dev/null ||
    refuse "git cannot take the step, see the lines above" "move the files it names away"
  printf 'updated %s: %s to %s, %d commits; now at: %s\n' "$BRANCH" "${before:0:9}" \
    "$(in_clone rev-parse --short=9 HEAD)" "$behind" "$(in_clone log -1 --format=%s)"
else
  printf 'up to date: %s is at %s%s\n' "$BRANCH" "$(in_clone log -1 --format='%h, %s')" \
    "$( ((! ahead)) || printf ' ([WARN] %d commits here that %s has not)' "$ahead" "$UPSTREAM")"
fi
for set in nas providers; do
  packages_are_old "$before" "$set" || continue
  target=setup && [[ $set == nas ]] || target=setup-providers
  printf 'requirements-%s.txt has changed: make %s\n' "$set" "$target"
  make "$target" </dev/null || die 1 "the code is new and its packages are not: make $target"
done
