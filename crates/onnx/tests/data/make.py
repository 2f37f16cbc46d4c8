"""Makes the small models beside this file. The input of each is float32 [1,3,height,width].

    pip install onnx==1.23.2
    python make.py
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


def save(name, nodes, inputs, outputs, directory="."):
    info = lambda values: [helper.make_tensor_value_info(n, t, s) for n, t, s in values]
    graph = helper.make_graph(nodes, name, info(inputs), info(outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, f"{directory}/{name}.onnx")


picture = ("picture", FLOAT, [1, 3, 2, 2])
twice = helper.make_node("Add", ["picture", "picture"], ["twice"])
same = helper.make_node("Identity", ["picture"], ["same"])

# Two outputs. The second is the input times two.
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
# An operator that OpenVINO lacks and the CPU has.
save("determinant", [helper.make_node("Add", ["picture", "picture"], ["twice"]),
                     helper.make_node("Det", ["twice"], ["determinant"])],
     [picture], [("determinant", FLOAT, [1, 3])])
# A scorer of three classes that ends in a softmax: the share of each colour.
save("probabilities", [helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
                       helper.make_node("Flatten", ["pooled"], ["colours"]),
                       helper.make_node("Softmax", ["colours"], ["probabilities"], axis=1)],
     [picture], [("probabilities", FLOAT, [1, 3])])

# For run groups. This model mixes pictures: its output for one depends on the others.
save("mixes", [helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[0], keepdims=1),
               helper.make_node("Sub", ["picture", "mean"], ["out"])], [picture], [("out", FLOAT, [1, 3, 2, 2])])
# This model takes one picture only.
save("one_alone", [helper.make_node("Constant", [], ["flat"], value=numpy_helper.from_array(np.array([1, 12]))),
                   helper.make_node("Reshape", ["picture", "flat"], ["out"])], [picture], [("out", FLOAT, [1, 12])])
# This model fails where the greatest number, times the number of pictures, is 150 or more: it
# looks that up in a table of 150 ones.
constant = lambda name, values: helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))
save("brittle", [constant("ones", np.ones(150, np.float32)), constant("first", np.array(0)),
                 helper.make_node("ReduceMax", ["picture"], ["greatest"], keepdims=0),
                 helper.make_node("Shape", ["picture"], ["shape"]),
                 helper.make_node("Gather", ["shape", "first"], ["many"]),
                 helper.make_node("Cast", ["many"], ["pictures"], to=FLOAT),
                 helper.make_node("Mul", ["greatest", "pictures"], ["product"]),
                 helper.make_node("Cast", ["product"], ["index"], to=TensorProto.INT64),
                 helper.make_node("Gather", ["ones", "index"], ["one"]),
                 helper.make_node("Mul", ["picture", "one"], ["out"])], [picture], [("out", FLOAT, [1, 3, 2, 2])])
# The net with which `livegate bench` measures the way to a device and back: it reads every number
# once.
save("greatest", [helper.make_node("ReduceMax", ["picture"], ["greatest"], axes=[1, 2, 3], keepdims=0)],
     [("picture", FLOAT, ["batch", "channels", "height", "width"])], [("greatest", FLOAT, ["batch"])],
     "../../../laboratory/src/bench")


# Models for `prelu_as_max`: two PReLUs, one with a slope for each channel and one with one slope.
def save_prelu(name, stored, opset=13, first_shape=(3, 1, 1)):
    slopes = [stored("slopes", [-0.5, 0.25, 1.0], first_shape), stored("slope", [0.75], (1,))]
    nodes = [helper.make_node("PRelu", ["picture", "slopes"], ["first"], name="a"),
             helper.make_node("PRelu", ["first", "slope"], ["second"], name="b")]
    shape = [1, 3, "height", "width"]
    info = lambda name: helper.make_tensor_value_info(name, FLOAT, shape)
    graph = helper.make_graph(nodes, name, [info("picture")], [info("second")], slopes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, f"{name}.onnx")


# Slopes as bytes, as a list of floats, and in an operator set that broadcasts them in another way.
raw = lambda name, values, shape: numpy_helper.from_array(np.array(values, np.float32).reshape(shape), name)
save_prelu("prelu", raw)
save_prelu("prelu_floats", lambda name, values, shape: helper.make_tensor(name, FLOAT, shape, values))
save_prelu("prelu_old", raw, 6, (3,))
# A slope that the graph computes.
slope = raw("stored", [0.5], (1,))
graph = helper.make_graph([helper.make_node("Abs", ["stored"], ["slope"]),
                           helper.make_node("PRelu", ["picture", "slope"], ["out"])], "prelu_computed",
                          [helper.make_tensor_value_info(*picture)],
                          [helper.make_tensor_value_info("out", FLOAT, [1, 3, 2, 2])], [slope])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
onnx.checker.check_model(model)
onnx.save(model, "prelu_computed.onnx")
