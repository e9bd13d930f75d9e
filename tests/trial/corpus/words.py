"""Booleans, enums, paths, null, and keys without a type."""

from __future__ import annotations

from pathlib import Path

from trial.corpus.app.schema import Level, Precision
from trial.corpus.cases import refused, runs

_TRUE = ("true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", "1.0")
_FALSE = ("false", "False", "FALSE", "no", "No", "off", "Off", "0", "0.0")

BOOLEANS = runs(
    "booleans",
    [
        *(([f"--model.pretrained={word}"], {"model.pretrained": True}) for word in _TRUE),
        *(([f"--shuffle={word}"], {"shuffle": False}) for word in _FALSE),
        *(([f"--trainer.deterministic={word}"], {"trainer.deterministic": True}) for word in ("yes", "on", "1.0")),
        (["--trainer.deterministic=true", "--trainer.deterministic=off"], {}),
        (["--trainer.resume=no"], {"trainer.resume": False}),
        (["--trainer.resume=1"], {"trainer.resume": True}),
        (["--shuffle", "no"], {"shuffle": False}),
    ],
)

ENUMS = runs(
    "enums",
    [
        (["--trainer.precision=BF16"], {"trainer.precision": Precision.BF16}),
        (["--trainer.precision=bf16-mixed"], {"trainer.precision": Precision.BF16}),
        (["--trainer.precision=16-mixed"], {"trainer.precision": Precision.FP16}),
        (["--trainer.precision=Precision.FP16"], {"trainer.precision": Precision.FP16}),
        (["--trainer.precision", "FP16"], {"trainer.precision": Precision.FP16}),
        (["--trainer.level=HIGH"], {"trainer.level": Level.HIGH}),
        (["--trainer.level=2"], {"trainer.level": Level.HIGH}),
        (["--trainer.level=2.0"], {"trainer.level": Level.HIGH}),
        (["--trainer.fallback=FP32"], {"trainer.fallback": Precision.FP32}),
        (["--trainer.fallback=null"], {}),
    ],
)

PATHS = runs(
    "paths",
    [
        (["--trainer.root=/data/train"], {"trainer.root": Path("/data/train")}),
        (["--trainer.root=/data/my run/a,b"], {"trainer.root": Path("/data/my run/a,b")}),
        (["--trainer.root=123"], {"trainer.root": Path("123")}),
        (["--trainer.root=../up/~x"], {"trainer.root": Path("../up/~x")}),
        (["--trainer.root=/gcs/b/$HOME"], {"trainer.root": Path("/gcs/b/$HOME")}),
        (["--trainer.scratch=null"], {}),
        (["--trainer.scratch=/scratch/it's"], {"trainer.scratch": Path("/scratch/it's")}),
    ],
)

NULLS = runs(
    "optional values and null",
    [
        (["--trainer.clip=null"], {"trainer.clip": None}),
        (["--trainer.clip=2"], {"trainer.clip": 2.0}),
        (["--trainer.patience=null"], {}),
        (["--trainer.patience=5"], {"trainer.patience": 5}),
        (["--trainer.tag=null"], {}),
        (["--trainer.tag=v1", "--trainer.tag=null"], {}),
        (["--trainer.tag=none"], {"trainer.tag": "none"}),
        (["--trainer.tag=7"], {"trainer.tag": "7"}),
        (["--lr=null"], {"lr": None}),
        (["--seed=null"], {"seed": None}),
        (["--name=null"], {"name": "null", "title": "null"}),
    ],
)

UNTYPED = runs(
    "keys without a type",
    [
        (["--checkpoint=/ckpt/last.pt"], {"checkpoint": "/ckpt/last.pt"}),
        (["--checkpoint=5"], {"checkpoint": 5}),
        (["--checkpoint=5.0"], {"checkpoint": 5.0}),
        (["--checkpoint=1e-05"], {"checkpoint": 1e-05}),
        (["--checkpoint=true"], {"checkpoint": True}),
        (["--checkpoint=null"], {}),
        (["--checkpoint="], {"checkpoint": ""}),
        (["--checkpoint=007"], {"checkpoint": "007"}),
        (["--checkpoint=a,b"], {"checkpoint": "a,b"}),
        (["--checkpoint=1,2"], {"checkpoint": "1,2"}),
        (["--checkpoint=choice(1,2)"], {"checkpoint": "choice(1,2)"}),
        (["--checkpoint=range(1,3)"], {"checkpoint": "range(1,3)"}),
        (["--checkpoint=int(3.7)"], {"checkpoint": "int(3.7)"}),
        (["--checkpoint=${lr}"], {"checkpoint": "${lr}"}),
        (["--checkpoint=step=3.ckpt"], {"checkpoint": "step=3.ckpt"}),
        (["--checkpoint='quoted'"], {"checkpoint": "'quoted'"}),
        (["--checkpoint=epoch 3 (best).ckpt"], {"checkpoint": "epoch 3 (best).ckpt"}),
        (["--checkpoint=[1,2]"], {"checkpoint": [1, 2]}),
        (["--budget=100"], {"budget": 100}),
        (["--budget=1e3"], {"budget": 1000.0}),
        (["--budget=unlimited"], {"budget": "unlimited"}),
        (["--trainer.anything=3"], {"trainer.anything": 3}),
        (["--trainer.anything=a b"], {"trainer.anything": "a b"}),
        (["--trainer.anything={a:1}"], {"trainer.anything": {"a": 1}}),
        (["--data.cache=off"], {"data.cache": "off"}),
        (["--trainer.host=10.0.0.1"], {"trainer.host": "10.0.0.1"}),
        (["--trainer.host=10"], {"trainer.host": "10"}),
    ],
)

CONTAINERS = runs(
    "list and dict literals",
    [
        (["--data.size=[128,256]"], {"data.size": [128, 256]}),
        (["--data.size=[128, 256]"], {"data.size": [128, 256]}),
        (["--data.size=[]"], {"data.size": []}),
        (["--data.columns=[id,'a b',\"c,d\"]"], {"data.columns": ["id", "a b", "c,d"]}),
        (["--data.columns=['it\\'s']"], {"data.columns": ["it's"]}),
        (["--data.splits=[0.7,0.2,0.1]"], {"data.splits": [0.7, 0.2, 0.1]}),
        (["--data.limits={train:5,test:1}"], {"data.limits": {"train": 5, "test": 1}}),
        (["--data.limits={train: 5, test: 1}"], {"data.limits": {"train": 5, "test": 1}}),
        (["--trainer.hidden=[32,16,8]"], {"trainer.hidden": [32, 16, 8]}),
        (["--trainer.hidden=[32.0,16.0]"], {"trainer.hidden": [32, 16]}),
        (["--trainer.betas=[0,1]"], {"trainer.betas": [0.0, 1.0]}),
        (["--trainer.names=[x,y z]"], {"trainer.names": ["x", "y z"]}),
        (["--trainer.names=[1,true]"], {"trainer.names": ["1", "true"]}),
        (["--trainer.weights={cat:3,dog:4.5}"], {"trainer.weights": {"cat": 3.0, "dog": 4.5}}),
        (["--checkpoint=[[1,2],[3]]"], {"checkpoint": [[1, 2], [3]]}),
        (["--checkpoint={a:[1,2],b:{c:x}}"], {"checkpoint": {"a": [1, 2], "b": {"c": "x"}}}),
    ],
)

REFUSED_WORDS = refused(
    "to be refused",
    [
        (["--shuffle=maybe"], "shuffle"),
        (["--shuffle=2"], "shuffle"),
        (["--shuffle="], "shuffle"),
        (["--trainer.deterministic=null"], "trainer.deterministic"),
        (["--trainer.precision=FP8"], "trainer.precision"),
        (["--trainer.level=3.0"], "trainer.level"),
        (["--data.size=128"], "data.size"),
        (["--data.size=1,2"], "data.size"),
        (["--data.size=[1,2"], "data.size"),
        (["--data.size=range(1,3)"], "data.size"),
        (["--data.limits=[1]"], "data.limits"),
        (["--trainer.hidden=[a,b]"], "trainer.hidden"),
        (["--trainer.hidden=[1.5]"], "trainer.hidden"),
        (["--trainer.weights={cat:heavy}"], "trainer.weights"),
    ],
)

CASES = (*BOOLEANS, *ENUMS, *PATHS, *NULLS, *UNTYPED, *CONTAINERS, *REFUSED_WORDS)
