"""Secrets of Secret Manager: variables that refer to one get its value before the app is started.

::

    resolve ──┬── secret_manager ──┬── http
              └── access_token ────┘

Standard library only. The modules are imported only when a variable refers to a secret.
"""
