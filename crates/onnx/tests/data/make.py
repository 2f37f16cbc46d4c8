"""Makes the small models beside this file. Each takes float32 [1,3,height,width].

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
# Something that OpenVINO does not do, and the CPU does.
save("determinant", [helper.make_node("Add", ["picture", "picture"], ["twice"]),
                     helper.make_node("Det", ["twice"], ["determinant"])],
     [picture], [("determinant", FLOAT, [1, 3])])
# A scorer of three classes that ends in a softmax: how much of each colour there is.
save("probabilities", [helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
                       helper.make_node("Flatten", ["pooled"], ["colours"]),
                       helper.make_node("Softmax", ["colours"], ["probabilities"], axis=1)],
     [picture], [("probabilities", FLOAT, [1, 3])])

# For runs of several pictures. One that sees them all: its answer for one depends on the others.
save("mixes", [helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[0], keepdims=1),
               helper.make_node("Sub", ["picture", "mean"], ["out"])], [picture], [("out", FLOAT, [1, 3, 2, 2])])
# One that takes just one.
save("one_alone", [helper.make_node("Constant", [], ["flat"], value=numpy_helper.from_array(np.array([1, 12]))),
                   helper.make_node("Reshape", ["picture", "flat"], ["out"])], [picture], [("out", FLOAT, [1, 12])])
# One that fails for pictures whose greatest number, times how many there are, is 150 or more: it looks itself up.
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
# The net that `livegate bench` takes to see what the way to a device and back costs: it looks at every number once.
save("greatest", [helper.make_node("ReduceMax", ["picture"], ["greatest"], axes=[1, 2, 3], keepdims=0)],
     [("picture", FLOAT, ["batch", "channels", "height", "width"])], [("greatest", FLOAT, ["batch"])],
     "../../../livegate/src/bench")


# What `prelu_as_max` rewrites, and what it leaves as it is: two PReLUs, one for each channel and one for all.
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


# As bytes, as a list of floats, and in the operator set in which slopes are broadcast in another way.
raw = lambda name, values, shape: numpy_helper.from_array(np.array(values, np.float32).reshape(shape), name)
save_prelu("prelu", raw)
save_prelu("prelu_floats", lambda name, values, shape: helper.make_tensor(name, FLOAT, shape, values))
save_prelu("prelu_old", raw, 6, (3,))
# A slope that is worked out.
slope = raw("stored", [0.5], (1,))
graph = helper.make_graph([helper.make_node("Abs", ["stored"], ["slope"]),
                           helper.make_node("PRelu", ["picture", "slope"], ["out"])], "prelu_computed",
                          [helper.make_tensor_value_info(*picture)],
                          [helper.make_tensor_value_info("out", FLOAT, [1, 3, 2, 2])], [slope])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
onnx.checker.check_model(model)
onnx.save(model, "prelu_computed.onnx")
