"""The embedded tuning service: Vertex AI's JobService over REST and gRPC, with trials as child processes.

How a request becomes a trial::

    server ─┬─ api ──────┬─ operations   two fronts of one layer of operations, Google's documents in and out
            └─ grpc_api ─┘      │        (read by messages, listing, filtering, validation)
                                │
                              engine ─┬─ custom_jobs   each a command, run as a trial is
                                │     └─ driver ─ study   one driver a tuning job, and the pure state machine it asks
                                │          ├─ optimizer   which parameters come next
                                │          └─ attempt     one start of one trial: launch, watch, measure, conclude
                                │               └─ runner ┄┄ supervisor.py ┄┄ the trial's own command (3 processes)
                              devices   places on GPUs, CPU threads and memory: what each trial is given
                              store     SQLite: written before anything is answered or acted upon

`start_service` in `process` is how another program starts it; `contract` is what Google's clients may expect of it.
"""
