"""The supervisor program: runs the command of one trial, and continues when the tuning service ends.

    python -I -S .../supervisor/__main__.py PATHS DESCRIPTOR

PATHS are the folders that contain `hydra_vertex`; DESCRIPTOR is a file descriptor of a file with one JSON object (the
fields of `order.LaunchOrder`). The command is started when a line is read from stdin, which the service writes after it
has recorded this process; when stdin ends without a line, nothing is started. Three files of the trial's folder are
written:

    log.txt       the output of the command; only its beginning and end when it exceeds the limit
    command.json  the pid and start time of the command
    exit.json     how it ended, written before its exit status is reaped: if the supervisor is killed, either exit.json
                  exists or the kernel keeps the exit status for the supervisor's own parent

SIGTERM ends the trial: its process group gets SIGTERM, and after the grace period all processes that it started get
SIGKILL. A trial whose processes use more memory than the limit is killed at once.

One supervisor is started per trial, so these modules import little: importing pathlib takes as long as all the rest.
"""
