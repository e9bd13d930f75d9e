"""The embedded tuning service: Vertex AI's JobService REST API on loopback, with trials as child processes.

How a request becomes a trial::

    server ─ api ─ validation           HTTP on 127.0.0.1, Google's documents in and out
              │
            engine ─ driver ─ study     one driver a job; `study` is the pure state machine that it asks
                       │  ├─ optimizer  which parameters come next (Optuna, or a grid)
                       │  └─ attempt    one start of one trial: launch, watch, measure, conclude
                       │       └─ runner ┄┄ supervise.py ┄┄ the trial's own command (three processes)
                     devices    places on GPUs, CPU threads and memory: what each trial is given
                     store              SQLite: written before anything is answered or acted upon

`start_service` in `process` is how another program starts it.
"""
