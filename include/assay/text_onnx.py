"""Raw text to class probabilities as one ONNX graph: tokens, TF-IDF and a linear classifier inside.

Tokens are the longest runs of ASCII letters and digits, case kept: Python's `re` and ONNX Runtime's RE2 agree
on them for every text, so the graph answers as the framework does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOKEN_PATTERN = "[A-Za-z0-9]+"  # noqa: S105 - a regular expression for words, no secret
# Fills short rows of the token matrix; no text can contain it as a token.
_PADDING = "#"
_OPSET, _ML_DOMAIN = 20, "com.microsoft"


def export_text_classifier(
    path: Path,
    vocabulary: Sequence[str],
    *,
    idf: "NDArray[np.float32]",
    weights: "NDArray[np.float32]",
    bias: "NDArray[np.float32]",
) -> None:
    """Write the graph. weights: (words, classes); logits = l2_normalised(counts * idf) @ weights + bias.

    Input `input`: strings (rows, 1). Outputs: `label` INT64 (rows,), `probabilities` FP32 (rows, classes).
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants: dict[str, NDArray[Any]] = {
        "flat": np.array([-1], np.int64),
        "idf": idf.astype(np.float32),
        "weights": weights.astype(np.float32),
        "bias": bias.astype(np.float32),
        "tiny": np.array(1e-12, np.float32),
        "last": np.array([1], np.int64),
    }
    graph = helper.make_graph(
        _nodes(vocabulary),
        "text_classifier",
        [helper.make_tensor_value_info("input", TensorProto.STRING, ["rows", 1])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", int(weights.shape[1])]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_ML_DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=10, producer_name="assay")
    onnx.save(model, path)


def _nodes(vocabulary: Sequence[str]) -> list[Any]:
    from onnx import helper

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        return helper.make_node(kind, inputs, [output], name=output, **attributes)

    return [
        node("Reshape", ["input", "flat"], "texts"),
        node(
            "Tokenizer", ["texts"], "tokens", domain=_ML_DOMAIN,
            mark=0, mincharnum=1, pad_value=_PADDING, tokenexp=TOKEN_PATTERN,
        ),
        node(
            "TfIdfVectorizer", ["tokens"], "counts", mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0,
            ngram_counts=[0], ngram_indexes=list(range(len(vocabulary))), pool_strings=list(vocabulary),
        ),
        node("Mul", ["counts", "idf"], "weighted"),
        node("ReduceL2", ["weighted", "last"], "length", keepdims=1),
        node("Max", ["length", "tiny"], "safe_length"),
        node("Div", ["weighted", "safe_length"], "features"),
        node("MatMul", ["features", "weights"], "products"),
        node("Add", ["products", "bias"], "logits"),
        node("Softmax", ["logits"], "probabilities", axis=1),
        node("ArgMax", ["logits"], "label", axis=1, keepdims=0),
    ]  # fmt: skip
