//! The whole memory of a running service, searched for pictures that it has checked.

use std::fs::File;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use testbed::service::Service;

use super::marked::{self, Marked, Trace};
use super::requests::{Request, WAYS, Way};
use crate::batching::start_on_the_cpu;
use crate::demo::{demo_on, start};

/// Longest wait until the task of a closed connection is gone, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Whether this process may read the memory of process `id`; says so where it may not.
fn can_be_read(id: u32) -> bool {
    let can = File::open(format!("/proc/{id}/mem")).is_ok();
    if !can {
        testbed::left_out_for_want_of(
            "the right to read another process's memory",
            "what stays in memory",
        );
    }
    can
}

/// Every place in the readable memory of process `id` that holds one of `traces`.
fn found(id: u32, traces: &[Trace]) -> Vec<String> {
    let memory = File::open(format!("/proc/{id}/mem")).unwrap();
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let mut places = Vec::new();
    let mut searched = 0;
    for map in maps.lines() {
        let mut fields = map.split_ascii_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with('r') || map.ends_with("[vvar]") || map.ends_with("[vsyscall]") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; (end - start) as usize];
        // The service may give back a part of the range meanwhile.
        let mut read = 0;
        while let Ok(more @ 1..) = memory.read_at(&mut bytes[read..], start + read as u64) {
            read += more;
        }
        bytes.truncate(read);
        searched += bytes.len();
        for Trace { what, bytes: trace } in traces {
            if let Some(at) = memmem::find(&bytes, trace) {
                places.push(format!("{what}: {at} bytes into {map}"));
            }
        }
    }
    // The models alone take that much.
    assert!(searched > 10 << 20, "only {searched} bytes of memory could be read");
    places
}

/// The places that still hold `traces` after [`PATIENCE`]; none as soon as all are gone.
fn left(id: u32, traces: &[Trace]) -> Vec<String> {
    let began = Instant::now();
    loop {
        let places = found(id, traces);
        if places.is_empty() || began.elapsed() > PATIENCE {
            return places;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the trace called `what` is in memory.
fn wait_for(id: u32, traces: &[Trace], what: &str) {
    let trace = traces.iter().find(|trace| trace.what.starts_with(what)).unwrap();
    let began = Instant::now();
    while found(id, std::slice::from_ref(trace)).is_empty() {
        assert!(began.elapsed() < PATIENCE, "never in memory: {what}");
    }
}

/// Shows that the other tests here can fail.
#[test]
fn a_selfie_is_in_memory_while_it_is_checked() {
    let service = start();
    let (id, address) = (service.id(), service.address());
    if !can_be_read(id) {
        return;
    }
    let picture = marked::good().swap_remove(0);
    for (way, what) in [(Way::Form, "bytes"), (Way::Chunked, "bytes"), (Way::Json, "base64 text")] {
        let connection = Request::of_demo(&picture, way).begin(address);
        wait_for(id, &picture.traces(), what);
        drop(connection);
        assert_eq!(left(id, &picture.traces()), [""; 0], "given up, {way:?}");
    }

    let picture = marked::faceless();
    let request = Request::of_demo(&picture, Way::Form);
    let is_enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_enough.load(Ordering::Relaxed) {
                assert_eq!(request.ask(address), "200 2");
            }
        });
        // Also after a panic the other thread must end.
        let seen = std::panic::catch_unwind(|| {
            wait_for(id, &picture.traces(), "bytes");
            wait_for(id, &picture.traces(), "the detector's input");
        });
        is_enough.store(true, Ordering::Relaxed);
        seen.unwrap();
    });
    assert_eq!(left(id, &picture.traces()), [""; 0], "answered");
}

#[test]
fn nothing_of_a_selfie_is_in_memory_after_its_answer() {
    let good = marked::good().into_iter().map(|picture| ("200 0", picture));
    search_after_answers(&start(), good.chain(marked::bad()), &WAYS);
}

/// OpenVINO has buffers and a heap of its own.
#[test]
fn nothing_of_a_selfie_is_in_memory_after_its_answer_on_openvino() {
    if testbed::openvino_library().is_none() {
        return;
    }
    let good = marked::good().into_iter().map(|picture| ("200 0", picture));
    search_after_answers(&Service::start(demo_on("openvino", "starter")), good, &WAYS[..1]);
}

/// A run group has input buffers of its own.
#[test]
fn nothing_of_a_selfie_is_in_memory_after_its_answer_where_models_are_shared() {
    let good = marked::good().into_iter().map(|picture| ("200 0", picture));
    search_after_answers(&start_on_the_cpu(), good, &WAYS[..1]);
}

fn search_after_answers(
    service: &Service,
    pictures: impl Iterator<Item = (&'static str, Marked)>,
    ways: &[Way],
) {
    let (id, address) = (service.id(), service.address());
    if !can_be_read(id) {
        return;
    }
    for (expected, picture) in pictures {
        for &way in ways {
            let outcome = Request::of_demo(&picture, way).ask(address);
            assert_eq!(outcome, expected, "{}, {way:?}", picture.name);
        }
        assert_eq!(left(id, &picture.traces()), [""; 0]);
    }
}

/// A client, or a proxy, may keep a connection for hours.
#[test]
fn nothing_of_a_selfie_is_in_memory_while_its_connection_stays() {
    let service = start();
    let (id, address) = (service.id(), service.address());
    if !can_be_read(id) {
        return;
    }
    let mut connection = TcpStream::connect(address).unwrap();
    for picture in marked::good() {
        for way in WAYS {
            let status = Request::of_demo(&picture, way).ask_over(&mut connection);
            assert_eq!(status, "200", "{}, {way:?}", picture.name);
        }
        assert_eq!(left(id, &picture.traces()), [""; 0]);
    }
}

#[test]
fn nothing_of_a_body_that_is_refused_is_in_memory_after_its_answer() {
    let service = start();
    let (id, address) = (service.id(), service.address());
    if !can_be_read(id) {
        return;
    }
    for picture in [marked::oversized(), marked::faceless()] {
        for way in WAYS {
            let is_oversized = picture.file.len() > 20 << 20;
            let expected = if is_oversized { "413 body_too_large" } else { "200 2" };
            assert_eq!(Request::of_demo(&picture, way).ask(address), expected, "{way:?}");
            let stranger = Request::new(&picture, way, "wrong").ask(address);
            assert_eq!(stranger, "401 invalid_credentials", "{way:?}");
        }
        assert_eq!(left(id, &picture.traces()), [""; 0]);
    }
}
