# shellcheck shell=bash
# Summary: which desk a job is about, by its --desk: the desk's name among desks, and its market. Sourced, never run.
# pyjobs/market/desks.py has these rules in Python; tests/verbs/test_several_desks.py holds them equal.

# desk_in ARG…: sets DESK (`@us` for config/desks/us.yaml, nothing for the desk without a name), DESK_FILE (nothing: the
# sample), and MARKET to the calendar that the desk's file names, if there is one. No Python, no other program.
desk_in() {
  local given='' line found=''
  DESK='' DESK_FILE='' DESK_MARKET=''
  while (($#)); do
    case $1 in
      --desk) given=${2:-} ;;
      --desk=*) given=${1#*=} ;;
    esac
    shift
  done
  find_desk "$given"
  [[ $DESK_FILE ]] || return 0
  DESK=${DESK_FILE##*/} DESK=${DESK%.yaml} DESK=${DESK%.yml}
  case $DESK in desk | desk.sample) DESK='' ;; *) DESK=@${DESK//[^A-Za-z0-9._+-]/_} ;; esac
  local key='^["'\'']?market["'\'']?:[[:space:]]*["'\'']?([A-Za-z0-9/_-]+)'
  [[ ! -f $DESK_FILE || ! -r $DESK_FILE ]] || while IFS= read -r line || [[ $line ]]; do
    [[ ! $line =~ $key ]] || { found=${BASH_REMATCH[1]} && break; }
  done <"$DESK_FILE"
  [[ $found && -r $ROOT/config/calendars/${found//\//-}.tsv ]] || return 0
  export MARKET=$found
  DESK_MARKET=$found
}

# find_desk GIVEN: sets DESK_FILE: a path as it stands, a name's file in config/desks/, without either config/desk.yaml.
find_desk() {
  local home
  if [[ $1 == */* || $1 == *.yaml || $1 == *.yml || -f $1 ]]; then
    DESK_FILE=$1
    return
  fi
  for home in "$NIGHTDESK_HOME" "$ROOT"; do
    DESK_FILE=$home/config/${1:+desks/}${1:-desk}.yaml
    [[ ! -e $DESK_FILE && ! -L $DESK_FILE ]] || return 0
  done
  name_desks
  [[ ! $1 ]] || die 78 "no desk ${1@Q}: there is no config/desks/$1.yaml; there are: $NAMED"
  DESK_FILE=''
  [[ $NAMED == none ]] || die 78 "which desk? There is no config/desk.yaml; give --desk and one of: $NAMED"
}

# name_desks: sets NAMED to the names of the desks in config/desks/, or `none`. In this shell: a fork costs a millisecond.
name_desks() {
  local file told=''
  for file in "$NIGHTDESK_HOME"/config/desks/*.yaml "$ROOT"/config/desks/*.yaml; do
    [[ ! -e $file ]] || { file=${file##*/} && [[ " $told" == *" ${file%.yaml} "* ]] || told+="${file%.yaml} "; }
  done
  told=${told:-none} NAMED=${told% }
}

# default_strategy ARG…: sets STRATEGY to the default of a backtest: $BT_STRATEGY, else krx_ma200 where the
# desk is a person's own and its market XKRX, else ma_cross. The made-up sample has no KOSPI to follow.
default_strategy() {
  desk_in "$@"
  STRATEGY=ma_cross
  [[ $DESK_MARKET != XKRX || $DESK_FILE == */desk.sample.yaml ]] || STRATEGY=krx_ma200
  STRATEGY=${BT_STRATEGY:-$STRATEGY}
}

# guarded_desk: end here when the desk's file names no calendar for the guard.
guarded_desk() {
  [[ ! $DESK_FILE || $DESK_MARKET ]] ||
    die 78 "'$DESK_FILE' has no line \`market: XKRX\` with a market of config/calendars/, and the guard asks by it"
}
