"""Files that other Pythons run: they make `hydra_vertex` importable there, and start the trial or wait for it.

`start.py`, `import_path.py` and `python_path/sitecustomize.py` are read by their paths, before `hydra_vertex` can be
imported. They have to be accepted by a Python older than 3.10, which then refuses with one line.
"""
