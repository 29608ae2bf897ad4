"""Model files as common libraries write them, each into its folder: what a scan must let pass."""

import gzip
import io
import json
import pickle
import tarfile
import warnings
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

import joblib
import lightgbm
import lz4.frame
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
import safetensors.torch
import torch
import zstandard
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tests.tasks.scanning.hostile_models import gguf, hdf5, hdf5_compressed, keras, layer, sequential
from tests.tasks.scanning.saved_models import FILES

_TEMPLATE = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{% set loop_messages = messages %}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system = messages[0]['content'] %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('must alternate') }}{% endif %}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}"
    "{% if message.tool_calls is defined %}{% for call in message.tool_calls %}{{ call.function.arguments | tojson }}"
    "{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_WORDS = ["a fine day", "a bad day", "fine words", "bad words"] * 10


def _rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4))
    return rows, np.where(rows[:, 0] > 0, "yes", "no")


def estimators() -> dict[str, BaseEstimator]:
    rows, labels = _rows()
    mixed = np.column_stack([rows.astype(object), labels])
    columns = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [4])])
    plain = {
        "forest": RandomForestClassifier(10),
        "boosting": GradientBoostingClassifier(n_estimators=5),
        "hist_boosting": HistGradientBoostingClassifier(max_iter=5),
        "logistic": LogisticRegression(),
        "svc": SVC(probability=False),
        "knn": KNeighborsClassifier(),
        "mlp": MLPClassifier(max_iter=5),
        "sgd": SGDClassifier(random_state=np.random.RandomState(0)),
        "tree": DecisionTreeClassifier(),
        "isolation": IsolationForest(n_estimators=5),
        "kmeans": KMeans(2),
        "gaussian_process": GaussianProcessClassifier(),
        "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
        "search": GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2, scoring="accuracy"),
        "stacking": StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())], cv=2),
        "pipeline": make_pipeline(FunctionTransformer(np.abs), SelectKBest(f_classif, k=2), PCA(2), SVC()),
    }
    fitted = {name: model.fit(rows, labels) for name, model in plain.items()}
    many = np.arange(60) % 3
    fitted["hist_of_three"] = HistGradientBoostingClassifier(max_iter=3).fit(rows, many)
    frame = pd.DataFrame({"a": rows[:, 0], "b": pd.Categorical(labels)})
    fitted["hist_of_categories"] = HistGradientBoostingClassifier(max_iter=3).fit(frame, labels)
    by_type = make_column_transformer((OneHotEncoder(), make_column_selector(dtype_include="category")))
    fitted["columns_by_type"] = make_pipeline(by_type, LogisticRegression()).fit(frame, labels)
    fitted["regressor"] = RandomForestRegressor(5).fit(rows, rows[:, 0])
    fitted["columns"] = make_pipeline(columns, LogisticRegression()).fit(mixed, labels)
    fitted["words"] = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(_WORDS, [1, 0] * 20)
    return fitted


def network() -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


def write_sklearn(folder: Path) -> None:
    rows, labels = _rows()
    for at, (name, model) in enumerate(estimators().items()):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=(0, 2, 4, 5)[at % 4]))
        joblib.dump(
            model, folder / f"{name}.joblib", compress=[0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lz4", 3)][at % 6]
        )
    joblib.dump({"threshold": 0.5, "model": estimators()["boosting"]}, folder / "with_threshold.joblib")
    booster = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, min_child_samples=1).fit(rows, labels)
    joblib.dump(booster, folder / "lightgbm.joblib")
    booster.booster_.save_model(folder / "lightgbm.txt")


def write_torch(folder: Path) -> None:
    net = network()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    torch.save(net.state_dict(), folder / "state.pt")
    torch.save(net.state_dict(), folder / "legacy.pth", _use_new_zipfile_serialization=False)
    steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
    parts = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "steps": steps.state_dict(), "epoch": 3}
    torch.save({**parts, "seed": torch.get_rng_state(), "options": Namespace(rate=0.1)}, folder / "checkpoint.ckpt")
    kinds = (torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.bool, torch.uint16, torch.complex64)
    odd: dict[str, object] = {str(kind): torch.ones(3).to(kind) for kind in kinds}
    odd |= {"view": torch.ones(10)[2:5], "empty": torch.empty(0), "scalar": torch.tensor(1.0), "size": torch.Size([1])}
    odd |= {"sparse": torch.eye(3).to_sparse(), "meta": torch.empty(3, device="meta"), "array": np.ones(3)}
    odd |= {"parameter": torch.nn.Parameter(torch.ones(2)), "device": torch.device("cpu"), "shared": odd["view"]}
    odd |= {"quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}
    torch.save(odd, folder / "pytorch_model.bin")


class _Sized(torch.nn.Module):
    """Its graph computes with sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)
        self.offset = torch.ones(2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        pairs: torch.Tensor = self.linear(rows.reshape(rows.shape[0] // 2, 2, 4)) + self.offset
        return pairs.flatten(0, 1)


def write_programs(folder: Path) -> None:
    rows = torch.ones(8, 4)
    torch.export.save(torch.export.export(network().eval(), (rows,)), folder / "fixed.pt2")
    batch = {0: torch.export.Dim("batch", min=2, max=64)}
    torch.export.save(torch.export.export(network().eval(), (rows,), dynamic_shapes=(batch,)), folder / "batch.pt2")
    even = {0: 2 * torch.export.Dim("half", min=2, max=32)}
    torch.export.save(torch.export.export(_Sized(), (rows,), dynamic_shapes=(even,)), folder / "sized.pt2")


def write_numpy(folder: Path) -> None:
    table = np.zeros(3, dtype=[("a", "<f4"), ("b", "<i8", (2,)), ("c", "U5")])
    for name, array in {
        "floats": np.ones((3, 4)),
        "bools": np.ones(3, bool),
        "table": table,
        "empty": np.empty(0),
    }.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "dates.npy", np.array(["2024-01-01"], "datetime64[D]"))
    np.save(folder / "fortran.npy", np.asfortranarray(np.ones((3, 4))))
    np.savez(folder / "arrays.npz", a=np.ones(3), b=np.arange(4))
    np.savez_compressed(folder / "packed.npz", a=np.random.default_rng(0).normal(size=(50, 50)))
    (folder / "arrays.pkl").write_bytes(pickle.dumps({"w": np.ones((2, 3)), "names": np.array(["a"], object)}))
    (folder / "scalars.pkl").write_bytes(pickle.dumps([np.float32(1), np.int64(2), np.random.default_rng(0)]))
    (folder / "plain.pkl").write_bytes(
        pickle.dumps({"a": [1, 2.5, None, True, "x" * 10_000, b"y" * 10_000, {1}, (2,)]})
    )
    joblib.dump(np.ones((100, 100)), folder / "array.joblib")
    joblib.dump([np.array(["a", "b"], object)] * 2, folder / "objects.joblib", compress=True)


def write_onnx(folder: Path) -> None:
    from skl2onnx import to_onnx

    rows, _ = _rows()
    arguments = (torch.ones(1, 4),)
    torch.onnx.export(network().eval(), arguments, folder / "net.onnx", dynamo=False)
    torch.onnx.export(
        network().eval(), arguments, folder / "dynamo.onnx", dynamo=True, external_data=False, verbose=False
    )
    outside = folder / "outside"
    outside.mkdir()
    net = onnx.load(folder / "net.onnx")
    onnx.save_model(net, outside / "net.onnx", save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    for name in ("forest", "logistic", "words"):
        sample = np.array([["a day"]]) if name == "words" else rows[:1].astype(np.float32)
        model = to_onnx(estimators()[name], sample, options={"zipmap": False})
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def write_tensors(folder: Path) -> None:
    safetensors.torch.save_file(network().state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    for width in range(1, 40):  # headers of many lengths, which are the file's first bytes
        safetensors.numpy.save_file({"w" * width * 3: np.ones(width)}, folder / f"w{width}.safetensors")
    quantized = gguf(
        {"general.architecture": "llama", "tokenizer.chat_template": _TEMPLATE},
        [("a", (32, 2), 0, 0), ("b", (64,), 8, 256), ("c", (3,), 0, 352)],
        bytes(364),
    )
    (folder / "model.gguf").write_bytes(quantized)


# As Keras writes it on PyTorch.
_ADAM = layer("Adam", "keras.src.backend.torch.optimizers.torch_adam", learning_rate=0.1)


def write_keras(folder: Path) -> None:
    config = sequential(
        layer("InputLayer", batch_shape=[None, 4]),
        layer("Dense", units=2, activation="relu", kernel_initializer=layer("GlorotUniform", "keras.initializers")),
        layer(
            "Dense",
            activation={
                "module": "builtins",
                "class_name": "function",
                "config": "softmax",
                "registered_name": "softmax",
            },
        ),
        layer("StringLookup", vocabulary=["a", "b"]),
        layer("BatchNormalization", dtype=layer("DTypePolicy", "keras", name="float32")),
    )
    config["compile_config"] = {"optimizer": _ADAM, "loss": "mse", "metrics": ["accuracy"]}
    weights, file = hdf5_compressed()
    file.close()
    (folder / "model.keras").write_bytes(keras(config, **{"model.weights.h5": weights.getvalue()}))
    old = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 2}}]}}
    made, file = hdf5(old)
    file.attrs["training_config"] = json.dumps(
        {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": {}}}
    )
    file["model_weights"].attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
    for at in range(50):
        file["model_weights"].create_group(f"layer_{at}").create_dataset("w", data=np.ones(at + 1))
    file.close()
    (folder / "old.h5").write_bytes(made.getvalue())
    (folder / "model.json").write_text(json.dumps(config))


def write_hub_folder(folder: Path) -> None:
    """A folder as model hubs have it."""
    safetensors.torch.save_file(network().state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    torch.save(network().state_dict(), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"], "hidden_size": 4}, indent=2))
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"vocab": {"__init__": 0, "_": 1}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": _TEMPLATE, "bos_token": "<s>"}))
    (folder / "chat_template.jinja").write_text(_TEMPLATE)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Card\n\n```python\nimport torch\n```\n")
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "vocab.txt").write_text("cast\nos\n[PAD]\n(\nlists\n.\n")
    (folder / "merges.txt").write_text("#version: 0.2\nĠ t\nh e\n")
    (folder / "labels.csv").write_text("id,label\n0,N.\n1,(R.\n")
    (folder / "LICENSE").write_text("N.B. This is a licence.\n")
    (folder / "training.yaml").write_text("epochs: 3\nlr: 0.1\n")
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), folder / "metrics.parquet")
    (folder / "spiece.model").write_bytes(b"\x0a\x0c\x0a\x05<unk>\x15\0\0\0\0\x12\x03\x18\xe8\x07\x1a\x00")


def write_archives(folder: Path) -> None:
    made = io.BytesIO()
    torch.save(network().state_dict(), made)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for name, data in {"model/README.md": b"# Card\n", "model/state.pt": made.getvalue()}.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    with tarfile.open(folder / "posix.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        header = tarfile.TarInfo("n" * 150 + "é.txt")
        header.size, header.mtime = 4, 1.5
        archive.addfile(header, io.BytesIO(b"text"))
    (folder / "table.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    (folder / "table.csv.zst").write_bytes(zstandard.compress(b"a,b\n" + b"1,2\n" * 9) + zstandard.compress(b"3,4\n"))
    (folder / "table.csv.lz4").write_bytes(lz4.frame.compress(b"a,b\n1,2\n"))


def write_saved_model(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


BENIGN: Mapping[str, Callable[[Path], None]] = {
    "sklearn": write_sklearn,
    "torch": write_torch,
    "programs": write_programs,
    "numpy": write_numpy,
    "onnx": write_onnx,
    "tensors": write_tensors,
    "keras": write_keras,
    "hub": write_hub_folder,
    "archives": write_archives,
    "tensorflow": write_saved_model,
}


def write_benign(root: Path) -> None:
    """Every benign file, in a folder a library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, write in BENIGN.items():
            folder = root / name
            folder.mkdir(parents=True)
            write(folder)
