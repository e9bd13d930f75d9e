"""The plugin of Hydra that makes `python app.py -m hydra/sweeper=vertex` a study of hydra-vertex.

Hydra imports the modules of this package whenever an app starts, so they import nothing but Hydra.
"""
