"""An ONNX graph of class scores as a torch module, differentiable with respect to its rows.

Everything that can be known beforehand is done once, when the module is made: attributes are parsed, constants
folded, and an operator that is not supported is refused by name. A pass then is one Python call a node.
"""

from tasks.foreign.onnx_plan import plan_pass
from tasks.foreign.score_graph import ScoreGraph
from tasks.foreign.steps import StepModule


class OnnxModule(StepModule):
    """Rows to logits, as the graph computes them.

    Raises SpecError, before any row is run, when the graph has an operator, or a form of one, that is not supported.
    """

    def __init__(self, graph: ScoreGraph) -> None:
        super().__init__(plan_pass(graph), graph.head, graph.input.type)
