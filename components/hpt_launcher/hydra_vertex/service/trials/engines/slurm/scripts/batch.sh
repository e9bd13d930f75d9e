#!/bin/bash
# The batch job of one launch of hydra-vertex: @LAUNCH@
@UMASK@
launch=@FOLDER@
workers=@WORKERS@
job=$SLURM_JOB_ID

# A launch may have been submitted twice: the job that creates this link runs it.
ln -sn "$job" "$launch/claim" 2>/dev/null
if [ "$(readlink "$launch/claim")" != "$job" ]; then
  echo "hydra-vertex: job $job is a second submission of its launch, or cannot write to $launch; nothing is run"
  exit 0
fi
if [ -e "$launch/done" ] || [ -e "$launch/cancelled" ]; then
  echo "hydra-vertex: the launch has ended already; nothing is run"
  exit 0
fi
if ! cd @DIRECTORY@ 2>/dev/null; then  # Slurm starts in another folder then
  printf 'node %s has no folder %s, in which the command is to start; choose one with the key working_directory\n' \
    "$SLURMD_NODENAME" @DIRECTORY@ >"$launch/refused"
  exit 1
fi
attempt=$launch/${SLURM_RESTART_COUNT:-0}
if ! mkdir "$attempt"; then  # a controller that lost its state may start a job again, beside its first copy
  : >"$launch/twice"
  exit 1
fi

write() { printf '%s\n' "$2" >"$attempt/.$1" && mv -f "$attempt/.$1" "$attempt/$1"; }
write started "$(date +%s.%N) $SLURM_JOB_NODELIST"

addresses() {  # a line for each worker: the address of its node and a port; then the chief's with a second port
  local name address rank=0 chief=
  for name in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
    address=$(scontrol show node "$name" --oneliner 2>/dev/null | sed -n 's/.* NodeAddr=\([^ ]*\) .*/\1/p')
    address=${address:-$name}
    echo "$address:$((@FIRST_PORT@ + (job * (workers + 1) + rank) % @PORTS@))"
    chief=${chief:-$address}
    rank=$((rank + 1))
  done
  echo "$chief:$((@FIRST_PORT@ + (job * (workers + 1) + rank) % @PORTS@))"
}

signals=0 child=
pass_on() { signals=$((signals + 1)); [ -z "$child" ] || kill "-$1" "$child"; }
# Slurm sends SIGTERM to all processes of a job. The others reach only this one: SIGHUP of hydra-vertex, which asks for
# the end, and those of the option --signal=B:….
trap 'signals=$((signals + 1)); : >"$attempt/signalled"' TERM
trap ': >"$attempt/signalled"; pass_on HUP' HUP
trap 'pass_on USR1' USR1
trap 'pass_on USR2' USR2

export SLURM_EXPORT_ENV=ALL  # steps get the environment of this job, not that of --export
if [ "$workers" = 1 ]; then
  /bin/bash "$launch/worker.sh" "$attempt" </dev/null &
else
  addresses >"$attempt/addresses"
  srun --ntasks="$workers" --ntasks-per-node=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} \
    --export=ALL --kill-on-bad-exit=1 --wait=0 /bin/bash "$launch/worker.sh" "$attempt" </dev/null &
fi
child=$!
[ "$signals" = 0 ] || kill -HUP "$child"
while :; do  # a signal interrupts wait
  before=$signals
  wait "$child"; code=$?
  [ "$before" = "$signals" ] && break
done
is_signalled=0
[ ! -e "$attempt/signalled" ] || is_signalled=1
[ "$workers" = 1 ] || [ "$code$is_signalled" != 01 ] || code=143  # see the end of worker.sh
[ "$code$is_signalled" != 00 ] || : >"$launch/done"
write exit "$code $is_signalled $(date +%s.%N)"
exit "$code"
