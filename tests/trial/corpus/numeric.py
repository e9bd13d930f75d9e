"""Numbers, as a person writes them and as a service that stores doubles returns them."""

from __future__ import annotations

import math

from trial.corpus.cases import refused, runs

_WHOLE = 9007199254740993  # 2**53 + 1: the smallest positive integer that a double cannot represent

FLOATS = runs(
    "floats",
    [
        (["--lr=0.003"], {"lr": 0.003}),
        (["--lr=1e-05"], {"lr": 1e-05}),
        (["--lr=1E-5"], {"lr": 1e-05}),
        (["--lr=3.0000000000000004"], {"lr": 3.0000000000000004}),
        (["--lr=.5"], {"lr": 0.5}),
        (["--lr=5."], {"lr": 5.0}),
        (["--lr=+0.5"], {"lr": 0.5}),
        (["--lr=-0.25"], {"lr": -0.25}),
        (["--lr=-1e-3"], {"lr": -0.001}),
        (["--lr=1"], {"lr": 1.0}),
        (["--lr=0"], {"lr": 0.0}),
        (["--lr=-0.0"], {"lr": -0.0}),
        (["--lr=1_000.5"], {"lr": 1000.5}),
        (["--lr=inf"], {"lr": math.inf}),
        (["--lr=-inf"], {"lr": -math.inf}),
        (["--lr=nan"], {"lr": math.nan}),
        (["--lr=0.1000000000000000055511151231257827"], {"lr": 0.1}),
        (["--lr=5e-324"], {"lr": 5e-324}),
        (["--trainer.lr=1"], {"trainer.lr": 1.0}),
        (["--trainer.lr=1e-4"], {"trainer.lr": 0.0001}),
        (["--trainer.lr=2"], {"trainer.lr": 2.0}),
        (["--dropout=1"], {"dropout": 1.0}),
        (["--optimizer.lr=3e-4", "--model.width=2"], {"optimizer.lr": 3e-4, "model.width": 2.0}),
        (["--scheduler.floor=1"], {"scheduler.floor": 1.0}),
    ],
)

INTEGERS = runs(
    "integers",
    [
        (["--batch_size=64"], {"batch_size": 64}),
        (["--batch_size=0"], {"batch_size": 0}),
        (["--seed=-3"], {"seed": -3}),
        (["--seed=1_000"], {"seed": 1000}),
        (["--seed=007"], {"seed": 7}),
        (["--trainer.epochs=20"], {"trainer.epochs": 20}),
        (["--trainer.epochs=-1"], {"trainer.epochs": -1}),
        (["--model.depth=50", "--data.workers=8"], {"model.depth": 50, "data.workers": 8}),
        ([f"--seed={_WHOLE}"], {"seed": _WHOLE}),
        ([f"--trainer.epochs={_WHOLE}"], {"trainer.epochs": _WHOLE}),
        (["--seed=123456789012345678901234567890"], {"seed": 123456789012345678901234567890}),
        (["--trainer.devices=4"], {"trainer.devices": 4}),
    ],
)

INTEGERS_AS_DOUBLES = runs(
    "integers given back as doubles",
    [
        (["--batch_size=64.0"], {"batch_size": 64}),
        (["--batch_size=6.4e1"], {"batch_size": 64}),
        (["--batch_size=6.4E+01"], {"batch_size": 64}),
        (["--batch_size=+64"], {"batch_size": 64}),
        (["--batch_size=+64.0"], {"batch_size": 64}),
        (["--batch_size=64."], {"batch_size": 64}),
        (["--batch_size=64.000000"], {"batch_size": 64}),
        (["--batch_size=1e2"], {"batch_size": 100}),
        (["--seed=0.0"], {"seed": 0}),
        (["--seed=-0.0"], {"seed": 0}),
        (["--seed=-3.0"], {"seed": -3}),
        ([f"--seed={_WHOLE}.0"], {"seed": _WHOLE}),
        (["--seed=1.2345678901234567e19"], {"seed": 12345678901234567000}),
        (["--trainer.epochs=64.0"], {"trainer.epochs": 64}),
        (["--trainer.epochs=6.4e1"], {"trainer.epochs": 64}),
        (["--trainer.epochs=+64"], {"trainer.epochs": 64}),
        ([f"--trainer.epochs={_WHOLE}.0"], {"trainer.epochs": _WHOLE}),
        (["--trainer.patience=3.0"], {"trainer.patience": 3}),
        (["--trainer.devices=2.0"], {"trainer.devices": 2}),
        (["--scheduler.steps=500.0"], {"scheduler.steps": 500}),
        (["--data.workers=8.0", "--model.depth=34.0"], {"data.workers": 8, "model.depth": 34}),
        (["--batch_size=128.0", "--lr=0.01", "--shuffle=1.0"], {"batch_size": 128, "lr": 0.01}),
    ],
)

LIST_ITEMS = runs(
    "list items",
    [
        (["--stages.1.epochs=7.0"], {"stages.1.epochs": 7}),
        (["--stages.0.lr=1"], {"stages.0.lr": 1.0}),
        (["--stages.1.frozen=1.0"], {"stages.1.frozen": True}),
        (["--stages.0.name=123"], {"stages.0.name": "123"}),
        (["--trainer.stages.1.epochs=7.0"], {"trainer.stages.1.epochs": 7}),
        (["--trainer.stages.0.lr=1"], {"trainer.stages.0.lr": 1.0}),
        (["--data.size.0=128.0"], {"data.size.0": 128}),
        (["--data.size.0=2.0", "--data.size.1=3.0"], {"data.size.0": 2, "data.size.1": 3}),
        (["--data.splits.0=1"], {"data.splits.0": 1.0}),
        (["--data.columns.1=true"], {"data.columns.1": "true"}),
        (["--trainer.hidden.1=32.0"], {"trainer.hidden.1": 32}),
        (["--trainer.betas.0=1"], {"trainer.betas.0": 1.0}),
        (["--trainer.names.0=a,b"], {"trainer.names.0": "a,b"}),
        (["--trainer.weights.cat=3"], {"trainer.weights.cat": 3.0}),
        (["--optimizer.betas.1=0.99"], {"optimizer.betas.1": 0.99}),
    ],
)

INTERPOLATED = runs(
    "interpolated keys",
    [
        (["--width=128.0"], {"width": 128}),
        (["--base_width=32.0"], {"base_width": 32, "width": 32}),
        (["--base_width=32.0", "--width=16.0"], {"base_width": 32, "width": 16}),
        (["--title=1e-05"], {"title": "1e-05"}),
        (["--name=true"], {"name": "true", "title": "true"}),
        (["--title=${name}"], {"title": "${name}"}),
    ],
)

REFUSED_NUMBERS = refused(
    "to be refused",
    [
        (["--batch_size=64.5"], "batch_size"),
        (["--batch_size=abc"], "batch_size"),
        (["--batch_size="], "batch_size"),
        (["--batch_size=1e-3"], "batch_size"),
        (["--batch_size=inf"], "batch_size"),
        (["--batch_size=true"], "batch_size"),
        (["--batch_size=1,2"], "batch_size"),
        (["--trainer.epochs=64.5"], "trainer.epochs"),
        (["--trainer.epochs=null"], "trainer.epochs"),
        (["--trainer.devices=two"], "trainer.devices"),
        (["--lr=abc"], "lr"),
        (["--lr="], "lr"),
        (["--lr=0.1,0.2"], "lr"),
        (["--lr=1e400"], "lr"),
        (["--trainer.lr=fast"], "trainer.lr"),
        (["--stages.1.epochs=7.5"], "stages.1.epochs"),
        (["--width=1.5"], "width"),
    ],
)

CASES = (*FLOATS, *INTEGERS, *INTEGERS_AS_DOUBLES, *LIST_ITEMS, *INTERPOLATED, *REFUSED_NUMBERS)
