"""Makes the small models beside this file. Each takes float32 [1,3,height,width].

    pip install onnx==1.23.2
    python make.py
"""
import onnx
from onnx import TensorProto, helper

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


def save(name, nodes, inputs, outputs):
    info = lambda values: [helper.make_tensor_value_info(n, t, s) for n, t, s in values]
    graph = helper.make_graph(nodes, name, info(inputs), info(outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, f"{name}.onnx")


picture = ("picture", FLOAT, [1, 3, 2, 2])
twice = helper.make_node("Add", ["picture", "picture"], ["twice"])
same = helper.make_node("Identity", ["picture"], ["same"])

# Two outputs, of which the second is the input times two.
save("twice", [same, twice], [picture], [("same", FLOAT, [1, 3, 2, 2]), ("twice", FLOAT, [1, 3, 2, 2])])
# Any height and width.
save("dynamic", [helper.make_node("Add", ["picture", "picture"], ["twice"])],
     [("picture", FLOAT, [1, 3, "height", "width"])], [("twice", FLOAT, [1, 3, "height", "width"])])
# Two inputs.
save("two_inputs", [helper.make_node("Add", ["picture", "other"], ["sum"])],
     [picture, ("other", FLOAT, [1, 3, 2, 2])], [("sum", FLOAT, [1, 3, 2, 2])])
# 64-bit floats.
save("double", [helper.make_node("Add", ["picture", "picture"], ["twice"])],
     [("picture", DOUBLE, [1, 3, 2, 2])], [("twice", DOUBLE, [1, 3, 2, 2])])
# A scorer of three classes that ends in a softmax: how much of each colour there is.
save("probabilities", [helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
                       helper.make_node("Flatten", ["pooled"], ["colours"]),
                       helper.make_node("Softmax", ["colours"], ["probabilities"], axis=1)],
     [picture], [("probabilities", FLOAT, [1, 3])])
