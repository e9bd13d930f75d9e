"""Access control: who may use the service, and how a request proves that it may.

::

    gate ──┬── socket_owner ──┬── socket_diag    the user who opened the client's end of a connection
           │                  └── socket_table
           └── token ── token_file               everyone else
"""
