"""Parameters mixed with the user's own Hydra arguments, whose meaning does not depend on their position."""

from __future__ import annotations

from trial.corpus.cases import ABSENT, Case, Prints, Refused, Runs, Sweeps, refused, runs

VIT = {"name": "vit", "patch": 16, "heads": 8, "dropout": 0.1}
_LION = {"lr": 0.0001, "weight_decay": 1.0}
SGD = {"lr": 0.1, "momentum": 0.9, "nesterov": False}

OVERRIDES = runs(
    "beside the user's own overrides",
    [
        (["seed=3", "--lr=0.5"], {"seed": 3, "lr": 0.5}),
        (["--lr=0.5", "seed=3"], {"seed": 3, "lr": 0.5}),
        (["lr=1", "--seed=3"], {"lr": 1, "seed": 3}),
        (["+extra=5", "--lr=0.5"], {"extra": 5, "lr": 0.5}),
        (["--lr=0.5", "+extra=[1,2]"], {"extra": [1, 2], "lr": 0.5}),
        (["++seed=4", "--lr=0.5"], {"seed": 4, "lr": 0.5}),
        (["++brand.new=x", "--lr=0.5"], {"brand": {"new": "x"}, "lr": 0.5}),
        (["~note", "--lr=0.5"], {"note": ABSENT, "lr": 0.5}),
        (["--seed=2", "~data.pattern"], {"seed": 2, "data.pattern": ABSENT}),
        (["note='a,b'", "--seed=2"], {"note": "a,b", "seed": 2}),
        (["note=null", "--seed=2"], {"note": None, "seed": 2}),
        (["width=${seed}", "--seed=2"], {"width": 2, "seed": 2}),
        (["model=vit", "--lr=0.5"], {"model": VIT, "lr": 0.5}),
        (["model=vit", "--model.patch=8"], {"model": {**VIT, "patch": 8}}),
        (["--model.patch=8", "model=vit"], {"model": {**VIT, "patch": 8}}),
        (["+model@second=vit", "--second.patch=8"], {"second": {**VIT, "patch": 8}}),
        (["experiment=long", "--lr=0.5"], {"model": VIT, "seed": 7, "batch_size": 256, "lr": 0.5}),
        (["experiment=long", "--seed=8"], {"model": VIT, "seed": 8, "batch_size": 256}),
        (["--model.patch=8", "experiment=long"], {"model": {**VIT, "patch": 8}, "seed": 7, "batch_size": 256}),
        (["data.size=[1,2]", "--data.size.0=9"], {"data.size": [9, 2]}),
    ],
)

LAST_WINS = runs(
    "the last one wins",
    [
        (["--lr=0.5", "--lr=0.6"], {"lr": 0.6}),
        (["--lr=0.5", "--lr", "0.6"], {"lr": 0.6}),
        (["lr=0.5", "--lr=0.6"], {"lr": 0.6}),
        (["--lr=0.6", "lr=0.5"], {"lr": 0.5}),
        (["--lr=0.6", "++lr=0.5"], {"lr": 0.5}),
        (["++lr=0.5", "--lr=0.6"], {"lr": 0.6}),
        (["--seed=1", "seed=2", "--seed=3"], {"seed": 3}),
        (["--seed=3", "--lr=0.7", "seed=2", "lr=0.5"], {"seed": 2, "lr": 0.5}),
        (["--note=a,b", "note=x", "--note=c d"], {"note": "c d"}),
        (["--data.size=[1,2]", "--data.size.1=5"], {"data.size": [1, 5]}),
    ],
)

FLAGS = (
    *runs(
        "beside Hydra's own flags",
        [
            (["--config-name", "debug", "--lr=0.5"], {"seed": 99, "lr": 0.5}),
            (["--lr=0.5", "--config-name", "debug"], {"seed": 99, "lr": 0.5}),
            (["--lr=0.5", "--config-name=debug", "note=x"], {"seed": 99, "lr": 0.5, "note": "x"}),
            (["-cn", "debug", "--seed=5"], {"seed": 5}),
            (["--seed=5", "-cn=debug"], {"seed": 5}),
            (["--lr", "0.5", "-cn", "debug"], {"seed": 99, "lr": 0.5}),
            (["--config-dir", "more", "optimizer=lion", "--optimizer.lr=0.5"], {"optimizer": {**_LION, "lr": 0.5}}),
            (["--optimizer=lion", "--config-dir", "more"], {"optimizer": _LION}),
            (["--optimizer.lr=0.5", "-cd", "more", "--optimizer=lion"], {"optimizer": {**_LION, "lr": 0.5}}),
            (["--run", "--lr=0.5"], {"lr": 0.5}),
            (["--lr=0.5", "-r", "seed=2"], {"lr": 0.5, "seed": 2}),
        ],
    ),
    Case(
        "beside Hydra's own flags",
        ("--config-path", "small", "--size=3", "-cn", "tiny"),
        Runs({"size": 3, "name": "tiny"}, alone=True),
    ),
)  # fmt: skip

SWITCHES_AS_PARAMETERS = runs(
    "parameters that are called like a switch",
    [
        (["--run=3"], {"run": 3}),
        (["--run=3", "--lr=0.5"], {"run": 3, "lr": 0.5}),
        (["--version=2"], {"version": 2}),
        (["--multirun=4"], {"multirun": 4}),
        (["--resolve=yes"], {"resolve": True}),
        (["--run", "--run=3"], {"run": 3}),
    ],
)

ANSWERS = tuple(
    Case("answers of Hydra", tuple(arguments), Prints(text))
    for arguments, text in [
        (["--cfg", "job", "--lr=0.5"], "\nlr: 0.5\n"),
        (["--lr=0.5", "--cfg=job"], "\nlr: 0.5\n"),
        (["--batch_size=64", "-c", "job"], "\nbatch_size: 64\n"),
        (["--cfg", "job", "--resolve", "--base_width=32"], "\nwidth: 32\n"),
        (["--cfg", "job", "--package", "data", "--data.workers=8"], "\nworkers: 8\n"),
        (["-c", "job", "-p", "data.size", "--data.size=[1,2]"], "- 1\n- 2\n"),
        (["--cfg", "job", "--name=true"], "\nname: 'true'\n"),
        (["--help"], "Configuration groups"),
        (["--help", "--lr=0.5"], "Configuration groups"),
        (["--hydra-help"], "--config-name"),
        (["--version"], "Hydra"),
        (["--info", "config", "--lr=0.5"], "lr: 0.5"),
        (["--lr=0.5", "--info", "defaults"], "trainer_schema"),
        (["-i", "searchpath"], "Config search path"),
    ]
)

_TWO_RATES = Sweeps(({"lr": 0.1, "seed": 3}, {"lr": 0.2, "seed": 3}))

MULTIRUN = tuple(
    Case("multirun", tuple(arguments), expected)
    for arguments, expected in [
        (["-m", "lr=0.1,0.2", "--seed=3"], _TWO_RATES),
        (["--seed=3", "lr=0.1,0.2", "-m"], _TWO_RATES),
        (["--seed", "3", "--multirun", "lr=choice(0.1,0.2)"], _TWO_RATES),
        (["-m", "seed=range(1,3)", "--note=a,b"], Sweeps(({"seed": 1, "note": "a,b"}, {"seed": 2, "note": "a,b"}))),
        (["-m", "--note=choice(a,b)"], Sweeps(({"note": "choice(a,b)"},))),
        (["-m", "model=resnet,vit", "--lr=0.5"], Sweeps(({"lr": 0.5}, {"lr": 0.5, "model": VIT}))),
        (["-m", "seed=1,2", "--model=vit"], Sweeps(({"seed": 1, "model": VIT}, {"seed": 2, "model": VIT}))),
    ]
)  # fmt: skip

SEPARATOR = runs(
    "a bare --",
    [
        (["--", "--lr=0.5"], {"lr": 0.5}),
        (["seed=3", "--", "--lr=0.5"], {"seed": 3, "lr": 0.5}),
        (["--lr=0.5", "--"], {"lr": 0.5}),
        (["-cn", "debug", "--", "--lr=0.5", "--note=x y"], {"seed": 99, "lr": 0.5, "note": "x y"}),
    ],
)

REFUSED_FLAGS = (
    *refused(
        "to be refused",
        [
            (["--lr"], "--lr"),
            (["--lr", "--seed=3"], "--lr"),
            (["--lr", "-m"], "--lr"),
            (["--no-such-switch"], "--no-such-switch"),
            (["--lr=0.5", "--no-such-switch"], "--no-such-switch"),
            (["--config-name"], "--config-name"),
            (["--lr=0.5", "nope=3"], "nope"),
            (["--lr=0.5", "--config-name", "nope"], "nope"),
        ],
    ),
    Case("to be refused", ("-z",), Refused("-z", by_hydra=True)),
    Case("to be refused", ("--lr=0.5", "-z"), Refused("-z")),
)

CASES = (
    *OVERRIDES,
    *LAST_WINS,
    *FLAGS,
    *SWITCHES_AS_PARAMETERS,
    *ANSWERS,
    *MULTIRUN,
    *SEPARATOR,
    *REFUSED_FLAGS,
)
