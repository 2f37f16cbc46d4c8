//! Measures whether the time of a refusal reveals which ids exist.
//!
//! The bench times refusals of known and of unknown ids, in random order, a hundred at a time. Then
//! it computes Welch's t on the two sets of times without the slowest tenth (interrupts). The
//! method is that of Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (DATE
//! 2017): |t| above 4.5 is a difference. This many samples show a difference of 0.1 ns in the
//! process, but not through a network.
//!
//! Fifty apps fit into the first cache, so only the steps of the code count. A thousand do not fit.
//! Then unknown ids are a little faster on average: they end at some apps more often than at
//! others, and those apps stay in the cache. This reveals nothing about a single id.

use std::hint::black_box;
use std::time::{Duration, Instant};

use accounts::{Accounts, App, Key, Limits, WhenUnavailable};

const CALLS_A_SAMPLE: usize = 100;
const SAMPLES: usize = 20_000;

/// Ids have five digits.
const MAX_NUMBER: usize = 100_000;

struct Class {
    name: &'static str,
    /// First letter of its ids. Known ids begin with `a`.
    first: u8,
    /// Number of different ids.
    count: usize,
    times_ns: Vec<f64>,
}

fn main() {
    for apps in [50, 1000] {
        measure(apps);
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints its results")]
fn measure(apps: usize) {
    let mut store = accounts::open_in_memory().expect("there is memory");
    for i in 0..apps {
        let key = Key::generate();
        let app = App::new(&format!("app-{i:05}"), "", Limits::default(), &key);
        store.create(&app.expect("the id is sound")).expect("there is memory");
    }
    let accounts = Accounts::start(store, WhenUnavailable::Refuse, Duration::from_secs(1));
    let accounts = accounts.expect("the store is there");
    let wrong = Key::generate();
    let class = |name, first, count| Class { name, first, count, times_ns: Vec::new() };
    // Unknown ids of all numbers, so that they end anywhere among the known ones. Two classes of
    // them show the method's t for no difference.
    let mut classes = [
        class("a known id with a wrong key", b'a', apps),
        class("an unknown id", b'b', MAX_NUMBER),
        class("another unknown id", b'c', MAX_NUMBER),
    ];
    let mut ids = [*b"app-00000"; CALLS_A_SAMPLE];
    for round in 0..3 * SAMPLES {
        let class = &mut classes[die() % 3];
        for id in &mut ids {
            id[0] = class.first;
            let mut number = die() % class.count;
            for digit in id[4..].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        let began = Instant::now();
        for id in &ids {
            assert!(accounts.identify(black_box(id), wrong.reveal().as_bytes()).is_none());
        }
        let time_ns = began.elapsed().as_nanos() as f64 / CALLS_A_SAMPLE as f64;
        // The first samples warm up.
        if round > SAMPLES / 10 {
            class.times_ns.push(time_ns);
        }
    }
    let [known, unknown, unknown_too] = classes.map(|mut class| {
        class.times_ns.sort_by(f64::total_cmp);
        class.times_ns.truncate(class.times_ns.len() * 9 / 10);
        class
    });
    println!("{apps} apps");
    for class in [&known, &unknown, &unknown_too] {
        let median = class.times_ns[class.times_ns.len() / 2];
        println!("  {:<28} median {median:7.1} ns, {} samples", class.name, class.times_ns.len());
    }
    println!("  Welch's t: known and unknown {:.2}", welch(&known, &unknown));
    println!("             two unknown ones  {:.2}", welch(&unknown, &unknown_too));
}

/// A random number, from the digits of a new key.
fn die() -> usize {
    usize::from_str_radix(&Key::generate().reveal()[..8], 16).expect("a key is hexadecimal digits")
}

fn welch(a: &Class, b: &Class) -> f64 {
    let moments = |class: &Class| {
        let n = class.times_ns.len() as f64;
        let mean = class.times_ns.iter().sum::<f64>() / n;
        let variance = class.times_ns.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}
