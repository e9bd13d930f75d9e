"""Generates text with a trained model: `python generate.py MODEL_DIR --prompt "The "`."""

import argparse

from gpt import generate
from outputs import local_path
from saved_model import load_model


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir", help="the folder with model.pt and config.yaml; a path or gs://")
    parser.add_argument("--prompt", default="The ", help="the text to continue")
    parser.add_argument("--length-bytes", type=int, default=300)
    parser.add_argument("--temperature", type=float, default=0.8, help="0: always the most probable byte")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main() -> None:
    parser = build_parser()
    arguments = parser.parse_args()
    try:
        model = load_model(local_path(arguments.model_dir))
        text = generate(model, arguments.prompt.encode(), arguments.length_bytes, arguments.temperature, arguments.seed)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(text.decode(errors="replace"))


if __name__ == "__main__":
    main()
