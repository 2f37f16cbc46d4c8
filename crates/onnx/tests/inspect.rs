//! Files that ONNX Runtime must not get, written here field by field with the numbers of
//! `onnx.proto`.

use onnx::{Device, Dim, InspectError, Model, ModelError, Signature};
use proptest::prelude::*;

/// [`onnx::inspect`] without the accepted bytes.
fn inspect(bytes: &[u8]) -> Result<(), InspectError> {
    onnx::inspect(bytes).map(|inspected| assert_eq!(inspected.bytes(), bytes))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn message(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn too_many(most: u64, parts: &'static str) -> InspectError {
    InspectError::TooMany { most, parts }
}

/// A `TensorProto` of float32 called `w`.
fn tensor(dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&side| number(1, side)).collect();
    [dims, number(2, 1), message(8, b"w")].concat()
}

/// A tensor whose data is in `/etc/passwd`, as exporters write it.
fn external() -> Vec<u8> {
    let entry = |key: &[u8], value: &[u8]| [message(1, key), message(2, value)].concat();
    let place = message(13, &entry(b"location", b"../../../etc/passwd"));
    [tensor(&[4]), place, number(14, 1)].concat()
}

fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 7), message(7, graph)].concat()
}

/// A graph with one node that has `attribute`.
fn graph_with(attribute: &[u8]) -> Vec<u8> {
    message(1, &message(5, attribute))
}

/// A model with `tensor` in each place that `onnx.proto` has for one.
fn everywhere(tensor: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let in_graph = message(5, tensor);
    let sparse = message(1, tensor);
    vec![
        ("an initializer", model(&in_graph)),
        ("a constant", model(&graph_with(&message(5, tensor)))),
        ("one of several constants", model(&graph_with(&message(10, tensor)))),
        ("the branch of an If", model(&graph_with(&message(6, &in_graph)))),
        ("one of several branches", model(&graph_with(&message(11, &in_graph)))),
        (
            "a loop in a branch",
            model(&graph_with(&message(6, &graph_with(&message(6, &in_graph))))),
        ),
        ("a sparse initializer", model(&message(15, &sparse))),
        ("a sparse initializer's indices", model(&message(15, &message(2, tensor)))),
        ("a sparse constant", model(&graph_with(&message(22, &sparse)))),
        ("one of several sparse constants", model(&graph_with(&message(23, &sparse)))),
        (
            "a function",
            [model(&[]), message(25, &message(7, &message(5, &message(5, tensor))))].concat(),
        ),
        (
            "a function's default",
            [model(&[]), message(25, &message(11, &message(5, tensor)))].concat(),
        ),
        ("a training graph", [model(&[]), message(20, &message(1, &in_graph))].concat()),
    ]
}

fn load(bytes: &[u8]) -> Result<Model, ModelError> {
    let signature = Signature { input: [Dim::Any; 4], outputs: vec![] };
    Model::load(testbed::runtime(), bytes, Device::Cpu, &signature)
}

#[test]
fn a_tensor_in_another_file_is_refused_in_every_place() {
    for (place, bytes) in everywhere(&external()) {
        let found = inspect(&bytes);
        assert_eq!(found, Err(InspectError::ExternalData { tensor: "w".into() }), "{place}");
    }
    // Either field is enough.
    for field in [number(14, 1), number(14, 1 << 40), message(13, &[])] {
        let bytes = model(&message(5, &[tensor(&[4]), field].concat()));
        assert!(matches!(inspect(&bytes), Err(InspectError::ExternalData { .. })));
    }
    let message = inspect(&model(&message(5, &external()))).unwrap_err().to_string();
    assert!(message.contains("another file") && message.contains("one file"), "{message}");
}

#[test]
fn a_tensor_of_terabytes_is_refused_in_every_place() {
    for dims in [&[1 << 20, 1 << 20][..], &[1 << 62, 1 << 62], &[0, 1 << 40], &[i64::MAX as u64]] {
        for (place, bytes) in everywhere(&tensor(dims)) {
            let found = inspect(&bytes);
            assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{place}: {found:?}");
        }
    }
    // Packed sides count in the same way.
    let packed = [message(1, &[varint(1 << 20), varint(1 << 20)].concat()), number(2, 1)].concat();
    let found = inspect(&model(&message(5, &packed)));
    assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{found:?}");
    // ONNX Runtime makes a sparse tensor dense, so its announced sides count.
    let sparse = [number(3, 1 << 20), number(3, 1 << 20), message(1, &tensor(&[1]))].concat();
    let found = inspect(&model(&message(15, &sparse)));
    assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{found:?}");
    // Sizes are added up.
    let half = message(5, &tensor(&[onnx::MOST_TENSOR_BYTES / 8]));
    assert_eq!(inspect(&model(&half.repeat(2))), Ok(()));
    let found = inspect(&model(&half.repeat(3)));
    assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{found:?}");
}

#[test]
fn a_negative_side_is_refused() {
    let found = inspect(&model(&message(5, &tensor(&[(-4_i64) as u64]))));
    assert!(matches!(found, Err(InspectError::NotOnnx { .. })), "{found:?}");
}

/// A protobuf decoder merges parts that come twice.
#[test]
fn a_tensor_in_two_halves_is_refused() {
    let half = message(5, &tensor(&[1 << 14]));
    assert_eq!(inspect(&model(&graph_with(&half))), Ok(()));
    let found = inspect(&model(&graph_with(&half.repeat(2))));
    assert!(matches!(found, Err(InspectError::NotOnnx { .. })), "{found:?}");
}

fn input(dims: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| message(1, dim)).collect();
    let tensor_type = [number(1, 1), message(2, &dims)].concat();
    let value_type = message(1, &tensor_type);
    message(11, &[message(1, b"picture"), message(2, &value_type)].concat())
}

#[test]
fn an_input_of_gigabytes_is_refused_and_an_open_one_is_not() {
    let side = |value: i64| number(1, value as u64);
    let named = || message(2, b"height");
    let huge = input(&[side(1), side(3), side(100_000), side(100_000)]);
    let found = inspect(&model(&huge));
    assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{found:?}");
    for open in [side(-1), named(), vec![]] {
        let input = input(&[side(1), side(3), open.clone(), open]);
        assert_eq!(inspect(&model(&input)), Ok(()));
    }
}

#[test]
fn graphs_nested_too_deep_are_refused() {
    let mut graph = Vec::new();
    for _ in 0..10_000 {
        graph = graph_with(&message(6, &graph));
    }
    assert_eq!(inspect(&model(&graph)), Err(InspectError::TooDeep));
}

#[test]
fn a_file_of_millions_of_empty_parts_is_refused() {
    let bytes = model(&message(5, &[]).repeat(5_000_000));
    assert_eq!(inspect(&bytes), Err(too_many(300_000, "fields")));
}

#[test]
fn the_largest_number_of_fields_and_nodes_passes_and_one_more_is_refused() {
    // Two fields are the model's own.
    let parts = |count: usize| inspect(&model(&message(5, &[]).repeat(count)));
    assert_eq!(parts(300_000 - 2), Ok(()));
    let found = parts(300_000 - 1).unwrap_err();
    assert_eq!(found, too_many(300_000, "fields"));
    assert!(found.to_string().contains("more than 300000 fields"), "{found}");

    let nodes = |count: usize| inspect(&model(&message(1, &[]).repeat(count)));
    assert_eq!(nodes(50_000), Ok(()));
    let found = nodes(50_001).unwrap_err();
    assert_eq!(found, too_many(50_000, "nodes"));
    assert!(found.to_string().contains("more than 50000 nodes"), "{found}");

    // Messages that are not looked into count one field per byte.
    let annotated = |bytes: usize| inspect(&model(&message(14, &vec![0; bytes])));
    assert_eq!(annotated(300_000 - 3), Ok(()));
    assert_eq!(annotated(300_000 - 2), Err(too_many(300_000, "fields")));
}

#[test]
fn packed_numbers_of_attributes_are_counted_one_by_one() {
    for (field, bytes_each) in [(7, 4), (8, 1)] {
        let numbers = |count: usize| {
            inspect(&model(&graph_with(&message(field, &vec![1; count * bytes_each]))))
        };
        assert_eq!(numbers(1_000_000), Ok(()), "{field}");
        let found = numbers(1_000_001).unwrap_err();
        assert_eq!(found, too_many(1_000_000, "numbers in attributes of nodes"), "{field}");
        assert!(found.to_string().contains("more than 1000000 numbers"), "{found}");
    }
    // Numbers of several nodes add up.
    let half = graph_with(&message(8, &vec![1; 500_000]));
    assert_eq!(inspect(&model(&half.repeat(2))), Ok(()));
    assert_eq!(
        inspect(&model(&half.repeat(3))),
        Err(too_many(1_000_000, "numbers in attributes of nodes"))
    );
}

#[test]
fn a_tensor_of_more_than_64_sides_is_refused_packed_or_not() {
    let packed = |sides: usize| message(1, &vec![1; sides]);
    let one_by_one = |sides: usize| number(1, 1).repeat(sides);
    let sparse = |sides: usize| message(3, &vec![1; sides]);
    for (field, dims) in
        [(5, &packed as &dyn Fn(usize) -> Vec<u8>), (5, &one_by_one), (15, &sparse)]
    {
        let of = |sides: usize| inspect(&model(&message(field, &dims(sides))));
        assert_eq!(of(64), Ok(()));
        let found = of(65).unwrap_err();
        assert_eq!(found, too_many(64, "sides of one tensor"));
        assert!(found.to_string().contains("more than 64 sides"), "{found}");
    }
    let found = inspect(&model(&message(5, &packed(10_000_000))));
    assert_eq!(found, Err(too_many(64, "sides of one tensor")));
}

/// A number of eight bytes may take one byte of the file.
#[test]
fn packed_data_counts_with_its_unpacked_size() {
    let rest = message(5, &tensor(&[onnx::MOST_TENSOR_BYTES / 4 - 64]));
    for (field, bytes) in [(4, 256), (5, 64), (7, 32), (10, 256), (11, 32)] {
        let with = |bytes: usize| {
            let data = [number(1, 1), number(2, 1), message(field, &vec![1; bytes])].concat();
            inspect(&model(&[rest.clone(), message(5, &data)].concat()))
        };
        assert_eq!(with(bytes), Ok(()), "{field}");
        let found = with(bytes + 1);
        assert!(matches!(found, Err(InspectError::TooLarge { .. })), "{field}: {found:?}");
    }
}

#[test]
fn a_sparse_tensor_counts_with_the_type_of_its_values() {
    // One value of 16 bytes, and then as many elements as fit.
    let complex = message(1, &number(2, 15));
    let of =
        |side: u64| inspect(&model(&message(15, &[number(3, side), complex.clone()].concat())));
    assert_eq!(of(onnx::MOST_TENSOR_BYTES / 16 - 1), Ok(()));
    assert!(matches!(of(onnx::MOST_TENSOR_BYTES / 16), Err(InspectError::TooLarge { .. })));
}

#[test]
fn bytes_that_are_no_onnx_file_are_refused() {
    for bytes in [&b""[..], b"no model", b"\x89PNG\r\n\x1a\n", &number(1, 7), &[0x3a, 0xff]] {
        assert!(matches!(inspect(bytes), Err(InspectError::NotOnnx { .. })), "{bytes:?}");
    }
    // ONNX Runtime recognises its own format by these bytes and reads the rest as such.
    let polyglot = [&[0x3a, 0x08, 0, 0][..], b"ORTM", &[0; 16]].concat();
    assert_eq!(inspect(&polyglot), Err(InspectError::OrtFormat));
}

#[test]
fn a_refused_file_does_not_reach_onnx_runtime() {
    for bytes in [external(), tensor(&[1 << 20, 1 << 20])] {
        let error = load(&model(&message(5, &bytes))).unwrap_err();
        assert!(matches!(error, ModelError::Refused(_)), "{error:?}");
    }
}

#[test]
fn the_models_of_every_pack_pass() {
    for name in testbed::packs() {
        let pack = testbed::pack(name);
        for model in std::iter::once(pack.detector_model()).chain(pack.scorer_models()) {
            assert_eq!(inspect(model), Ok(()), "{name}");
        }
    }
}

const TWICE: &[u8] = include_bytes!("data/twice.onnx");

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = inspect(&bytes);
    }

    #[test]
    fn any_graph_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = inspect(&model(&bytes));
        let _ = inspect(&model(&graph_with(&bytes)));
        let _ = inspect(&model(&message(5, &bytes)));
    }

    #[test]
    fn a_model_cut_short_is_refused(cut in 0..TWICE.len()) {
        prop_assert!(load(&TWICE[..cut]).is_err());
    }

    #[test]
    fn a_changed_model_is_read_or_refused(place in 0..TWICE.len(), value in any::<u8>()) {
        let mut bytes = TWICE.to_vec();
        bytes[place] = value;
        let _ = load(&bytes);
    }

    #[test]
    fn a_changed_real_model_is_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let pack = testbed::pack("starter");
        let mut bytes = pack.detector_model().to_vec();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = inspect(&bytes);
        let _ = inspect(&bytes[..cut.index(bytes.len())]);
    }
}
