"""The pipeline tune, select, retrain, and the command `hydra-vertex` around it."""
