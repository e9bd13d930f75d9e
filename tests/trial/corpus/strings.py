"""Strings with special characters, which are data in every case."""

from __future__ import annotations

from trial.corpus.cases import Case, Runs, runs, verbatim

_KEYS = {"note": str, "trainer.run_name": str, "data.path": str}

LOOKALIKES = verbatim(
    "strings that look like something else",
    _KEYS,
    [
        "true", "True", "false", "null", "123", "1.0", "1e-05", "007", "0x10", "+5",
        "on", "off", "no", "nan", "-inf", "~", "-", "--", "*", "2024-01-01", "12:30", "",
    ],
)  # fmt: skip

QUOTES = verbatim(
    "quotes",
    _KEYS,
    [
        "it's", "'quoted'", '"quoted"', "'", '"', "''", '""', "\\'", '\\"', "a'b\"c", "'a' 'b'",
        "don't say \"never\"", "`whoami`", "'''",
    ],
)  # fmt: skip

SPACES = verbatim(
    "spaces, tabs and newlines",
    _KEYS,
    [
        "two words", " leading", "trailing ", "  ", "tab\there", "line\nbreak", "\n", "a\n\nb\n",
        "--two --dashes", "a --b=c", "x y=z", "non\u00a0breaking",
    ],
)  # fmt: skip

PUNCTUATION = verbatim(
    "commas, brackets and signs",
    _KEYS,
    [
        "a,b", "1,2,3", "a=b", "=", "k=v,k2=v2", "[1,2]", "[", "]", "{a:1}", "{", "{}",
        "(", "f(x)", "a:b", "a/b", "a|b", "a&b;c", "a<b>c", "#tag", "50%", "@file", "^",
    ],
)  # fmt: skip

DOLLARS = verbatim(
    "dollars, globs and backslashes",
    _KEYS,
    [
        "$HOME", "$", "${lr}", "${oc.env:HOME}", "${", "$(date)", "\\${lr}", "\\\\${lr}", "a${b}c${d}",
        "*.jpg", "*.py", "conf/*", "?", "[a-z]*", "~/x", "\\", "a\\b", "C:\\data\\new", "end\\", "\\n", "\\,",
    ],
)  # fmt: skip

UNICODE = verbatim(
    "unicode",
    _KEYS,
    [
        "é", "naïve café", "日本語", "Ω≈ç√", "🚀", "👩\u200d🔬 works", "e\u0301", "\u202eright to left", "٣",
        "\u2028", "\U0001d4b3", "ß,ẞ",
    ],
)  # fmt: skip

SWEEP_SYNTAX = verbatim(
    "sweep syntax as data",
    _KEYS,
    [
        "adam,sgd", "choice(a,b)", "range(1,3)", "interval(0,1)", "glob(*)", "shuffle(a,b)",
        "tag(t,choice(a,b))", "int(3.2)", "extend_list(1)",
    ],
)  # fmt: skip

_LONG = "word, 'quote' ${x} " * 5_400  # about 100 KB; the limit of a single argument is 128 KiB

LONG = (
    Case("100 KB", (f"--note={'x' * 100_000}",), Runs({"note": "x" * 100_000})),
    Case("100 KB", (f"--note={_LONG}",), Runs({"note": _LONG})),
    Case("100 KB", ("--trainer.tag", "1," * 50_000), Runs({"trainer.tag": "1," * 50_000})),
)

SPACED = runs(
    "values behind a space",
    [
        (["--lr", "0.003"], {"lr": 0.003}),
        (["--lr", "-3"], {"lr": -3.0}),
        (["--lr", "-1e-3"], {"lr": -0.001}),
        (["--lr", "-.5"], {"lr": -0.5}),
        (["--lr", "-inf"], {"lr": float("-inf")}),
        (["--seed", "-3"], {"seed": -3}),
        (["--seed", "-3.0"], {"seed": -3}),
        (["--batch_size", "64.0", "--seed", "7"], {"batch_size": 64, "seed": 7}),
        (["--note", "two words"], {"note": "two words"}),
        (["--note", ""], {}),
        (["--note", "a=b"], {"note": "a=b"}),
        (["--note", "lr=9"], {"note": "lr=9"}),
        (["--note", "-x"], {"note": "-x"}),
        (["--note", "+seed=3"], {"note": "+seed=3"}),
        (["--note", "~seed"], {"note": "~seed"}),
        (["--note=--lr"], {"note": "--lr"}),
        (["--note=--seed=3"], {"note": "--seed=3"}),
        (["--data.path", "/data/v--2"], {"data.path": "/data/v--2"}),
        (["--data.path=/data/v--2/a--b"], {"data.path": "/data/v--2/a--b"}),
    ],
)

CASES = (
    *LOOKALIKES,
    *QUOTES,
    *SPACES,
    *PUNCTUATION,
    *DOLLARS,
    *UNICODE,
    *SWEEP_SYNTAX,
    *LONG,
    *SPACED,
)
