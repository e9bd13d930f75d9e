"""Keys: config groups, aliases, dashes and underscores, added keys and missing keys."""

from __future__ import annotations

from dataclasses import replace

from trial.corpus.cases import ABSENT, Case, Refused, Runs, refused, runs
from trial.corpus.hydras_own import SGD, VIT

_MLP = {"name": "mlp", "layers": [128, 64]}
_LIGHT = {"flip": True, "crop": 224}
_STEP = {"every": 30, "gamma": 0.1, "strict": True}
_CSV = {"file": "log.csv", "flush": 10}
_POSTGRES = {"host": "localhost", "port": 5432, "schema": "public"}

GROUPS = runs(
    "config groups",
    [
        (["--model=vit"], {"model": VIT}),
        (["--model", "vit"], {"model": VIT}),
        (["--model=resnet"], {}),
        (["--model=vit", "--model.patch=8"], {"model": {**VIT, "patch": 8}}),
        (["--model.patch=8", "--model=vit"], {"model": {**VIT, "patch": 8}}),
        (["--model.patch=8", "--lr=0.5", "--model=vit"], {"model": {**VIT, "patch": 8}, "lr": 0.5}),
        (["--optimizer.nesterov=true", "--optimizer=sgd"], {"optimizer": {**SGD, "nesterov": True}}),
        (["--optimizer=sgd", "--optimizer.momentum=0.5"], {"optimizer": {**SGD, "momentum": 0.5}}),
        (["--scheduler=step", "--scheduler.every=10", "--scheduler.gamma=0.5"],
         {"scheduler": {**_STEP, "every": 10, "gamma": 0.5}}),
        (["--scheduler.strict=false", "--scheduler=step"], {"scheduler": {**_STEP, "strict": False}}),
        (["--db/driver=postgres"], {"db.driver": _POSTGRES}),
        (["--db/driver=postgres", "--db.driver.port=1"], {"db.driver": {**_POSTGRES, "port": 1}}),
        (["--db.driver.schema=123", "--db/driver", "postgres"], {"db.driver": {**_POSTGRES, "schema": "123"}}),
        (["--db/engine@db.main=b"], {"db.main": {"kind": "b", "buffer": 0.5}}),
        (["--db/engine@db.main=b", "--db.main.buffer=0.25"], {"db.main": {"kind": "b", "buffer": 0.25}}),
        (["--augment=light"], {"augment": _LIGHT}),
        (["--augment=light", "--augment.crop=96"], {"augment": {"flip": True, "crop": 96}}),
        (["--augment=[light,heavy]"], {"augment": {"flip": True, "crop": 112, "noise": 0.1}}),
        (["--experiment=long", "--model.heads=4"], {"model": {**VIT, "heads": 4}, "seed": 7, "batch_size": 256}),
        (["--logger=csv"], {"logger": _CSV}),
        (["--logger=csv", "--logger.flush=1"], {"logger": {**_CSV, "flush": 1}}),
        (["+logger=csv", "--logger.file=true"], {"logger": {**_CSV, "file": "true"}}),
        (["--model=vit", "--optimizer=sgd", "--lr=0.5"], {"model": VIT, "optimizer": SGD, "lr": 0.5}),
    ],
)  # fmt: skip

GROUPS_WITHOUT = runs(
    "config groups, null and twice",
    [
        (["--augment=null"], {}),
        (["--model=null"], {"model": ABSENT}),
        (["--db/driver=null"], {"db.driver": ABSENT}),
        (["--db/engine@db.main=null"], {"db.main": ABSENT}),
        (["--logger=null"], {}),
        (["--experiment=null", "--lr=0.5"], {"lr": 0.5}),
        (["--augment=light", "--augment=null"], {}),
        (["--augment=null", "--augment=light"], {"augment": _LIGHT}),
        (["--model=null", "--model=vit"], {"model": VIT}),
        (["--model=vit", "--model=mlp"], {"model": _MLP}),
        (["--model=vit", "--model=mlp", "--model=vit"], {"model": VIT}),
        (["model=vit", "--model=mlp"], {"model": _MLP}),
        (["--model=mlp", "model=vit"], {"model": VIT}),
        (["--model=mlp", "--model=vit", "--model.patch=8"], {"model": {**VIT, "patch": 8}}),
    ],
)

NEW_KEYS = runs(
    "keys to be added",
    [
        (["--+extra=5"], {"extra": 5}),
        (["--+extra=1e-3"], {"extra": 0.001}),
        (["--+extra=a,b"], {"extra": "a,b"}),
        (["--+extra=${lr}"], {"extra": "${lr}"}),
        (["--+extra", "x y"], {"extra": "x y"}),
        (["--+data.seed=5"], {"data.seed": 5}),
        (["--+trainer.weights.bird=3"], {"trainer.weights.bird": 3.0}),
        (["--++extra=true"], {"extra": True}),
        (["--++seed=3"], {"seed": 3}),
        (["--++note=true"], {"note": "true"}),
        (["--++trainer.epochs=7"], {"trainer.epochs": 7}),
        (["--+logger=csv"], {"logger": _CSV}),
        (["--+extra=5", "--++extra=6"], {"extra": 6}),
    ],
)

SPELLINGS = (
    *runs(
        "dashes and underscores",
        [
            (["--batch-size=64"], {"batch_size": 64}),
            (["--batch-size", "64.0"], {"batch_size": 64}),
            (["--log-every=7"], {"log_every": 7}),
            (["--trainer.run-name=true"], {"trainer.run_name": "true"}),
            (["--batch-size=64", "--batch_size=32"], {"batch_size": 32}),
            (["--batch_size=32", "--batch-size=64"], {"batch_size": 64}),
            (["--data.limits.train=9", "--base-width=8"], {"data.limits.train": 9, "base_width": 8, "width": 8}),
        ],
    ),
    *(
        replace(case, hydra="1.3")
        for case in runs(
            "dashes and underscores",
            [
                (["--max-steps=7"], {"max-steps": 7}),
                (["--max_steps=7"], {"max-steps": 7}),
                (["--max-steps", "7.0"], {"max-steps": 7}),
            ],
        )
    ),
)

_RENAMED = (
    "--alias",
    "learning_rate=lr",
    "--alias",
    "p1=trainer.epochs",
    "--alias=net=model",
    "--alias",
    "drv=db/driver",
)

ALIASES = tuple(
    Case("aliases", tuple(arguments), Runs(changes), _RENAMED)
    for arguments, changes in [
        (["--learning_rate=0.5"], {"lr": 0.5}),
        (["--p1=64"], {"trainer.epochs": 64}),
        (["--p1", "64", "--learning_rate=0.5"], {"trainer.epochs": 64, "lr": 0.5}),
        (["--net=vit", "--model.patch=8"], {"model": {**VIT, "patch": 8}}),
        (["--drv=postgres"], {"db.driver": _POSTGRES}),
        (["--lr=0.5", "--learning_rate=0.25"], {"lr": 0.25}),
        (["--learning_rate=0.25", "lr=0.5"], {"lr": 0.5}),
    ]
)  # fmt: skip

REFUSED_KEYS = (
    *refused(
        "to be refused",
        [
            (["--lrr=0.1"], "lrr"),
            (["--trainer.epoch=3"], "trainer.epoch"),
            (["--optimizer.momentum=0.9"], "optimizer.momentum"),
            (["--data.size.2=5"], "data.size.2"),
            (["--stages.one.epochs=5"], "stages.one.epochs"),
            (["--nope.deep.key=1"], "nope.deep.key"),
            (["--model=vti"], "vti"),
            (["--db/driver=oracle"], "oracle"),
            (["--db/drivers=mysql"], "db/drivers"),
            (["--model=vit,resnet"], "vit,resnet"),
            (["--model="], "model"),
            (["--lr.nested=1"], "lr.nested"),
            (["--model=vit", "--model.depth=50"], "model.depth"),
            (["--Seed=3"], "Seed"),
            (["--+seed=3"], "seed"),
        ],
    ),
    Case("to be refused", ("--learning_rate=fast",), Refused("lr"), _RENAMED),
)

CASES = (*GROUPS, *GROUPS_WITHOUT, *NEW_KEYS, *SPELLINGS, *ALIASES, *REFUSED_KEYS)
