"""The program that runs one trial's command, and lives on when the tuning service does not.

    python -I -S .../supervisor/__main__.py PATHS DESCRIPTOR

PATHS are the folders that hold `hydra_vertex`; the file descriptor is of a file with one JSON object (the fields of
`order.LaunchOrder`). The command is started when a line comes from stdin, which the service sends once it has recorded
this process; when stdin ends without a line, nothing is started. Three files of the trial's folder are written:

    log.txt       what the command printed, beginning and end when it is more than the limit
    command.json  which process the command is
    exit.json     how it ended, written before its exit status is read from the kernel: a supervisor that is lost has
                  either written it or leaves the status to its own parent

SIGTERM ends the trial: SIGTERM to its process group, SIGKILL after the grace to everything it started. A trial whose
processes need more memory than the limit is killed at once, as the kernel would.

One supervisor starts for each trial, so these modules import little: pathlib would take as long as all the rest.
"""
