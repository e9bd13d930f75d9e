"""The embedded tuning service: Vertex AI's JobService over REST and gRPC, with trials as child processes.

How a request becomes a trial::

    server ─┬─ api.rest ───────┬─ api.operations   REST and gRPC call the same operations on Google's documents
            └─ api.grpc_front ─┘        │          (parsed by google_messages, listing and filter; see validation)
                                        │
                                     engine ─┬─ custom_job_run   runs the command of one custom job
                                        │    └─ tuning_job_run   runs one tuning job
                                        │         ├─ jobs.tuning_job_state   pure state machine
                                        │         ├─ optimizer               suggests parameters
                                        │         └─ engine.trial_run        launch, watch, measure and conclude a trial
                                        │              └─ trials.supervised_run ┄┄ trials.supervisor ┄┄ the command
                                     devices      assigns GPUs, CPU threads and memory to trials
                                     jobs.store   SQLite: written before a request is answered or acted upon

The service, the supervisor and the command are three processes. `start.start_service` starts the service from another
program; `contract` contains the checks of what Google's clients expect from it.
"""
