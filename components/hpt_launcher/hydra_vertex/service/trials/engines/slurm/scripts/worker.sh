# Runs one worker of a launch of hydra-vertex: worker.sh ATTEMPT_FOLDER
# All names begin with hv_, because the lines of the user's setup run in the same shell.
hv_attempt=$1
hv_launch=@FOLDER@
hv_grace=@GRACE@
hv_rank=${SLURM_PROCID:-0}
hv_suffix=.$hv_rank
[ "$hv_rank" != 0 ] || hv_suffix=
hv_metric_file=$hv_attempt/metrics.jsonl
hv_log=$hv_attempt/log$hv_suffix.txt
if [ -e "$hv_attempt/addresses" ]; then
  mapfile -t hv_addresses <"$hv_attempt/addresses"
  hv_master_port=${hv_addresses[-1]##*:}
fi

hv_signals=0 hv_child= hv_killer= hv_follower=
hv_note() { hv_signals=$((hv_signals + 1)); : >"$hv_attempt/signalled"; hv_kill_later; }
hv_end() { [ -z "$hv_child" ] || [ -n "$hv_killer" ] || kill -TERM -- "-$hv_child"; hv_note; }
hv_pass_on() { hv_signals=$((hv_signals + 1)); [ -z "$hv_child" ] || kill "-$1" -- "-$hv_child"; }
# Slurm sends SIGTERM to all processes of a job, so the command has it already.
trap hv_note TERM
trap hv_end HUP
trap 'hv_pass_on USR1' USR1
trap 'hv_pass_on USR2' USR2

hv_kill_after_grace() { sleep "$hv_grace"; kill -KILL -- "-$hv_child"; }
hv_kill_later() {  # a second SIGTERM does not shorten the grace period
  [ -n "$hv_child" ] && [ -z "$hv_killer" ] || return 0
  (trap '' TERM HUP; hv_kill_after_grace) </dev/null >/dev/null 2>&1 &
  hv_killer=$!
}
hv_has_chief_succeeded() { [ "$hv_rank" != 0 ] && [ -e "$hv_attempt/exit.0" ] && read -r chief _ <"$hv_attempt/exit.0" && [ "$chief" = 0 ]; }

hv_follow() {  # ends the command when its launch was cancelled and no signal came, or when the chief has ended well
  while sleep 5; do
    if [ -e "$hv_launch/cancelled" ]; then
      sleep 5
      [ ! -e "$hv_attempt/signalled" ] || return
      : >"$hv_attempt/signalled"
    elif hv_has_chief_succeeded; then
      : >"$hv_attempt/superfluous.$hv_rank"
    else
      continue
    fi
    kill -TERM -- "-$hv_child"
    hv_kill_after_grace
    return
  done
}

@PASSED@
. "$hv_launch/setup.sh" >>"$hv_log" 2>&1 </dev/null
set +eu

case $hv_rank in
@BRANCHES@
esac

if [ "$hv_signals" != 0 ] || [ -e "$hv_attempt/signalled" ] || [ -e "$hv_launch/cancelled" ]; then
  : >"$hv_attempt/signalled"
  hv_code=143
else
  set -m  # the command gets a process group of its own, and the default action of SIGINT
  env "${environment[@]}" "${command[@]}" >>"$hv_log" 2>&1 </dev/null &
  hv_child=$!
  set +m
  [ "$hv_signals" = 0 ] || { kill -TERM -- "-$hv_child"; hv_kill_later; }
  (trap '' TERM HUP; hv_follow) </dev/null >/dev/null 2>&1 &
  hv_follower=$!
  while :; do  # a signal interrupts wait
    hv_before=$hv_signals
    wait "$hv_child"; hv_code=$?
    [ "$hv_before" = "$hv_signals" ] && break
  done
  kill -KILL "$hv_follower" $hv_killer 2>/dev/null
  wait "$hv_follower" $hv_killer 2>/dev/null
fi
[ ! -e "$hv_attempt/superfluous.$hv_rank" ] || hv_code=0
printf '%s\n' "$hv_code $(date +%s.%N)" >"$hv_attempt/.exit.$hv_rank" && mv -f "$hv_attempt/.exit.$hv_rank" "$hv_attempt/exit.$hv_rank"
# The first of several workers to end after SIGTERM would otherwise end the others before their grace period is over.
[ "$hv_rank$SLURM_NTASKS" = 01 ] || [ ! -e "$hv_attempt/signalled" ] || exit 0
exit "$hv_code"
