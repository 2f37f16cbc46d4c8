//! The check that a model can be a scorer, with messages that name what it must take and give.

use engine::{UsageError, refuse};
use frame::Size;
use model_pack::Activation;
use onnx::{Device, Dim, Graph, Model, ModelError, OutputSignature, Port, Runtime, Signature};

/// The input and the output of a scorer, for messages.
const INPUT: &str =
    "a scorer takes one input, float32 [1,3,height,width]: one picture, a plane per colour";
const OUTPUT: &str = "a scorer has one output, float32 [1,classes], with two classes or more: a logit or a probability of each";

/// The facts about a graph.
#[derive(Debug)]
pub(crate) struct Described {
    pub input: String,
    pub output: String,
    pub size: Size,
    pub classes: usize,
}

/// Combines the flags with the graph.
///
/// # Errors
/// When they contradict each other, leave a size open, or the graph is no scorer's.
pub(crate) fn describe(
    graph: &Graph,
    size: Option<Size>,
    classes: Option<usize>,
) -> Result<Described, UsageError> {
    let [input] = &graph.inputs[..] else {
        let (count, names) = (graph.inputs.len(), names(&graph.inputs));
        refuse!("the model takes {count} inputs ({names}); {INPUT}");
    };
    let size = input_size(input, size)?;
    let [output] = &graph.outputs[..] else {
        let (count, names) = (graph.outputs.len(), names(&graph.outputs));
        refuse!("the model has {count} outputs ({names}); {OUTPUT}");
    };
    let classes = output_classes(output, classes)?;
    Ok(Described { input: input.name.clone(), output: output.name.clone(), size, classes })
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", ")
}

fn input_size(port: &Port, stated: Option<Size>) -> Result<Size, UsageError> {
    let flaw = match port.shape.as_deref() {
        None => "not a tensor of 32-bit floats; export the model with float32 inputs",
        Some([_, _, _]) => "it has no batch dimension; export the model with a batch of 1",
        Some([_, _, _, Some(3)]) => {
            "the colours come last (NHWC); export the model with the colours first (NCHW)"
        }
        Some(&[None | Some(1), None | Some(3), height, width]) => {
            let is_same = |side: Option<usize>, stated| side.is_none_or(|side| side == stated);
            match (stated, height, width) {
                (Some(size), ..) if is_same(height, size.height) && is_same(width, size.width) => {
                    return Ok(size);
                }
                (Some(Size { width, height }), ..) => {
                    &format!("--size says {width} {height}, and the graph something else")
                }
                (None, Some(height), Some(width)) => return Ok(Size::new(width, height)),
                _ => "it takes pictures of any size; say with --size which it was trained on",
            }
        }
        Some([None | Some(1), _, _, _]) => "it is not a picture of three colours",
        Some([_, _, _, _]) => "it takes several pictures at once; export it for a batch of 1",
        Some(_) => "it has another number of dimensions",
    };
    let Port { name, declared, .. } = port;
    refuse!("the input {name:?} is {declared}: {flaw}; {INPUT}")
}

fn output_classes(port: &Port, stated: Option<usize>) -> Result<usize, UsageError> {
    let flaw = match (port.shape.as_deref(), stated) {
        (None, _) => "not a tensor of 32-bit floats",
        (Some([_]), _) => "it has no batch dimension; export the model with a batch of 1",
        (Some([None | Some(1), Some(0 | 1)]), _) | (Some([None | Some(1), _]), Some(0 | 1)) => {
            "one number alone; export the model with one for each class"
        }
        (Some([None | Some(1), Some(declared)]), Some(stated)) if *declared != stated => {
            &format!("--classes says {stated}, and the graph {declared}")
        }
        (Some([None | Some(1), Some(classes)]), _) => return Ok(*classes),
        (Some([None | Some(1), None]), Some(classes)) => return Ok(classes),
        (Some([None | Some(1), None]), None) => {
            "the graph does not say how many classes; say it with --classes"
        }
        _ => "it has another number of dimensions, or several pictures' answers",
    };
    let Port { name, declared, .. } = port;
    refuse!("the output {name:?} is {declared}: {flaw}; {OUTPUT}")
}

/// The kind of the model's numbers, logits or probabilities, as two test pictures show it; none
/// where they are neither.
pub(crate) fn activation(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    described: &Described,
) -> Result<Option<Activation>, ModelError> {
    let Size { width, height } = described.size;
    let signature = Signature {
        input: [1, 3, height, width].map(Dim::Is),
        outputs: vec![OutputSignature {
            name: None,
            shape: vec![Dim::Is(1), Dim::Is(described.classes)],
        }],
    };
    let mut model = Model::load(runtime, bytes, device, &signature)?;
    let black = vec![0.0; 3 * width * height];
    let stripes: Vec<f32> = (0..black.len()).map(|i| (i % 256) as f32).collect();
    let mut outputs_of = Vec::new();
    for mut tensor in [black, stripes] {
        let outputs = model.run([1, 3, height, width], &mut tensor)?;
        outputs_of.push(outputs.get(0)?.iter().copied().collect());
    }
    Ok(activation_of(&outputs_of))
}

fn activation_of(outputs: &[Vec<f32>]) -> Option<Activation> {
    let mut numbers = outputs.iter().flatten();
    if !numbers.all(|number| (0.0..=1.0).contains(number)) {
        return Some(Activation::Softmax);
    }
    // The numbers of a sigmoid for each class do not. As logits they would carry little.
    let add_up = |numbers: &Vec<f32>| (numbers.iter().sum::<f32>() - 1.0).abs() <= 1e-3;
    outputs.iter().all(add_up).then_some(Activation::Probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, shape: Option<&[usize]>) -> Port {
        // 0 stands for a side that the graph leaves open.
        let open = |&side: &usize| (side > 0).then_some(side);
        let shape = shape.map(|shape| shape.iter().map(open).collect());
        Port { name: name.into(), declared: format!("{shape:?}"), shape }
    }

    fn refused(input: Option<&[usize]>, output: Option<&[usize]>) -> String {
        let graph = Graph { inputs: vec![port("in", input)], outputs: vec![port("out", output)] };
        describe(&graph, None, None).unwrap_err().to_string()
    }

    #[test]
    fn the_refusal_of_a_graph_names_the_expected_shape() {
        const PICTURE: Option<&[usize]> = Some(&[1, 3, 80, 80]);
        for (input, said) in [
            (None, "32-bit floats"),
            (Some(&[3, 80, 80][..]), "no batch dimension"),
            (Some(&[1, 80, 80, 3]), "NCHW"),
            (Some(&[1, 1, 80, 80]), "three colours"),
            (Some(&[8, 3, 80, 80]), "batch of 1"),
            (Some(&[1, 3]), "number of dimensions"),
            (Some(&[1, 3, 0, 0]), "--size"),
        ] {
            let found = refused(input, Some(&[1, 3]));
            assert!(found.contains(said) && found.contains("[1,3,height,width]"), "{found}");
        }
        for (output, said) in [
            (None, "32-bit floats"),
            (Some(&[3][..]), "no batch dimension"),
            (Some(&[1, 1]), "one number alone"),
            (Some(&[1, 3, 80]), "number of dimensions"),
            (Some(&[1, 0]), "--classes"),
        ] {
            let found = refused(PICTURE, output);
            assert!(found.contains(said) && found.contains("[1,classes]"), "{found}");
        }
        let two = vec![port("picture", PICTURE), port("depth", PICTURE)];
        let graph = Graph { inputs: two, outputs: vec![] };
        let found = describe(&graph, None, None).unwrap_err().to_string();
        assert!(found.contains("2 inputs (\"picture\", \"depth\"); a scorer takes one"), "{found}");
    }

    #[test]
    fn a_graph_of_several_outputs_is_refused_with_their_names() {
        let outputs = vec![port("class", Some(&[1, 3])), port("\u{1b}[2J", Some(&[1, 3]))];
        let graph = Graph { inputs: vec![port("in", Some(&[1, 3, 80, 80]))], outputs };
        let found = describe(&graph, None, None).unwrap_err().to_string();
        assert!(
            found.contains("2 outputs (\"class\", \"\\u{1b}[2J\"); a scorer has one"),
            "{found}"
        );
    }

    #[test]
    fn numbers_that_are_neither_logits_nor_probabilities_get_no_activation() {
        let of = |first: [f32; 2], second: [f32; 2]| activation_of(&[first.into(), second.into()]);
        assert_eq!(of([0.25, 0.75], [0.5, 0.5]), Some(Activation::Probabilities));
        assert_eq!(of([0.25, 0.75], [-0.5, 1.5]), Some(Activation::Softmax));
        assert_eq!(of([3.0, 4.0], [0.2, 0.1]), Some(Activation::Softmax));
        assert_eq!(of([f32::NAN, 0.5], [0.5, 0.5]), Some(Activation::Softmax));
        assert_eq!(of([0.25, 0.75], [0.9, 0.8]), None);
    }

    #[test]
    fn flags_fill_only_the_sizes_that_the_graph_leaves_open() {
        let graph = Graph {
            inputs: vec![port("in", Some(&[0, 3, 0, 80]))],
            outputs: vec![port("out", Some(&[0, 0]))],
        };
        let described = describe(&graph, Some(Size::new(80, 64)), Some(2)).unwrap();
        assert_eq!((described.size, described.classes), (Size::new(80, 64), 2));
        assert!(describe(&graph, Some(Size::new(64, 64)), Some(2)).is_err());
        for classes in [0, 1] {
            assert!(describe(&graph, Some(Size::new(80, 64)), Some(classes)).is_err());
        }
    }
}
