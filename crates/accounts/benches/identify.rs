//! Whether the time that it takes to refuse a caller tells which ids exist.
//!
//! Refusals of known and of unknown ids, in random order, a hundred at a time; then Welch's t on the two
//! sets of times, the slowest tenth (interrupts) left out, as in Reparaz, Balasch and Verbauwhede,
//! "Dude, is my code constant time?" (DATE 2017), who take |t| above 4.5 for a difference. With as many
//! samples a difference of a nanosecond can be seen here; through a network it cannot.

use std::hint::black_box;
use std::time::{Duration, Instant};

use accounts::{Accounts, App, Key, Limits, WhenUnavailable};

const APPS: usize = 1000;
const CALLS_A_SAMPLE: usize = 100;
const SAMPLES: usize = 20_000;

struct Class {
    name: &'static str,
    times_ns: Vec<f64>,
}

#[expect(clippy::print_stdout, reason = "what it measures is what it is for")]
fn main() {
    let mut store = accounts::open_in_memory().expect("there is memory");
    for i in 0..APPS {
        let key = Key::generate();
        let app = App::new(&format!("app-{i:05}"), "", Limits::default(), &key);
        store.create(&app.expect("the id is sound")).expect("there is memory");
    }
    let accounts = Accounts::start(store, WhenUnavailable::Refuse, Duration::from_secs(1));
    let accounts = accounts.expect("the store is there");
    let wrong = Key::generate();
    let refuse = |id: &str| {
        assert!(accounts.identify(black_box(id.as_bytes()), wrong.reveal().as_bytes()).is_none());
    };
    // Ids of one length: how long what is presented is, the caller knows.
    let known: Vec<String> = (0..APPS).map(|i| format!("app-{i:05}")).collect();
    let unknown: Vec<String> = (0..APPS).map(|i| format!("bpp-{i:05}")).collect();
    let others: Vec<String> = (0..APPS).map(|i| format!("cpp-{i:05}")).collect();
    let class = |name| Class { name, times_ns: Vec::new() };
    // Two kinds of unknown ones: what the method itself makes of nothing.
    let mut classes = [
        (class("a known id with a wrong key"), &known),
        (class("an unknown id"), &unknown),
        (class("another unknown id"), &others),
    ];
    for round in 0..3 * SAMPLES {
        // A new key's digits are as good a die as any.
        let die = usize::from(Key::generate().reveal().as_bytes()[0]) + round;
        let (class, ids) = &mut classes[die % 3];
        let some = ids.iter().cycle().skip(die / 3 % APPS).take(CALLS_A_SAMPLE);
        let began = Instant::now();
        for id in some {
            refuse(id);
        }
        class.times_ns.push(began.elapsed().as_nanos() as f64 / CALLS_A_SAMPLE as f64);
    }
    let [known, unknown, again] = classes.map(|(mut class, _)| {
        class.times_ns.sort_by(f64::total_cmp);
        class.times_ns.truncate(class.times_ns.len() * 9 / 10);
        class
    });
    for class in [&known, &unknown, &again] {
        let median = class.times_ns[class.times_ns.len() / 2];
        println!("{:<28} median {median:7.1} ns, {} samples", class.name, class.times_ns.len());
    }
    println!("Welch's t: known and unknown {:.2}", welch(&known, &unknown));
    println!("           two unknown ones  {:.2}", welch(&unknown, &again));
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
