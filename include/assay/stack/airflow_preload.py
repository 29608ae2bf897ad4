"""Airflow's local settings of an embedded home: import once, in the scheduler, what its forked tasks need."""

import importlib
import logging
import sys

_PRELOADED = (
    "great_expectations",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.linear_model",
    "psycopg",
    "onnxruntime",
    "torch",
)

if sys.argv[1:2] == ["scheduler"]:
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    for name in _PRELOADED:
        importlib.import_module(name)
