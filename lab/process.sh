# shellcheck shell=bash
# Components as processes: start, wait until they answer, notice when they die, stop. Only processes that this lab started are ever signalled.

say() { echo "lab: $*" >&2; }
die() { say "$@"; exit 1; }

# The moment a process began, in clock ticks since boot; nothing when it has ended. With it a recorded id can't be mistaken for a later process
# of the same number.
began() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | awk '$1 != "Z" {print $20}'; }

# start NAME COMMAND...: in the background, in a session of its own, with its output in a log. The subshell makes it nobody's child at once:
# Envoy ends when its parent does.
start() {
  local name=$1
  shift
  (
    setsid nohup "$@" > "$RUN/log/$name.log" 2>&1 < /dev/null &
    echo "$! $(began $!)" > "$RUN/$name.pid"
  )
}

# Succeeds while the component NAME runs, and prints its process id.
alive() {
  local id since
  [ -f "$RUN/$1.pid" ] || return 1
  read -r id since < "$RUN/$1.pid"
  [ -n "$since" ] && [ "$(began "$id")" = "$since" ] && echo "$id"
}

started() { find "$RUN" -maxdepth 1 -name '*.pid' -printf '%f\n' 2>/dev/null | sed 's/\.pid$//' | sort; }

# blame NAME WHAT: names the component, says what is wrong with it, shows the last lines of its log, and ends.
blame() {
  say "$1 $2; the last lines of $RUN/log/$1.log:"
  tail -n 15 "$RUN/log/$1.log" | sed 's/^/  | /' >&2
  exit 1
}

# ready NAME COMMAND...: waits until the command succeeds, as long as the component lives, 90 seconds at most.
ready() {
  local name=$1 until=$((SECONDS + 90))
  shift
  until "$@" > /dev/null 2>&1; do
    alive "$name" > /dev/null || blame "$name" "ended before it was ready"
    [ "$SECONDS" -lt "$until" ] || blame "$name" "is not ready after 90 s"
    sleep 0.2
  done
}

# Every component that was started must still run; a verb ends with this, so that an early death is seen at once.
all_alive() {
  local name
  for name in $(started); do alive "$name" > /dev/null || blame "$name" "died"; done
}

# Refuses ports that somebody else listens on: PORT=MEANING...
free_ports() {
  local pair
  for pair; do
    [ -z "$(ss -Hltn "sport = :${pair%%=*}")" ] || die "port ${pair%%=*} (${pair#*=}) is taken; choose another LAB_PORT, or end what listens there: ss -ltnp sport = :${pair%%=*}"
  done
}

# stop NAME: SIGTERM, up to 5 seconds of grace, then SIGKILL. Nothing to do when it does not run.
stop() {
  local id i
  if id=$(alive "$1"); then
    kill "$id" 2> /dev/null || true
    for i in $(seq 50); do
      alive "$1" > /dev/null || break
      [ "$i" -lt 50 ] || kill -9 "$id" 2> /dev/null || true
      sleep 0.1
    done
  fi
  rm -f "$RUN/$1.pid"
}

status() {
  local name id bad=0
  [ -n "$(started)" ] || { say "$LAB_NAME is down"; return 1; }
  for name in $(started); do
    if id=$(alive "$name"); then
      echo "$name: process $id, $(awk '/VmRSS/ {printf "%.0f MB", $2 / 1024}' "/proc/$id/status")"
    else
      echo "$name: died, see $RUN/log/$name.log"
      bad=1
    fi
  done
  return "$bad"
}
