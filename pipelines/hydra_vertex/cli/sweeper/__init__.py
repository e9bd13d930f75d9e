"""What the sweeper plugin of Hydra runs: a study that `python app.py -m hydra/sweeper=vertex` asks for."""
