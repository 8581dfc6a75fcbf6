//! Build time, memory and latency of recommendations by number of clicks:
//! `cargo bench --bench growth -- 100000 1000000 10000000`.
//!
//! The clicks are generated: Zipf-distributed popularity over items that belong to topics; visits stay in a topic, follow
//! typical item sequences, and return to viewed items. One line per size: time to build the index, peak memory, and
//! latency of one request.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use ashna::recommend::{Bounds, Learned, Model, Number, RankRequest, Scratch, Sessions, Tuned, tune};

/// Deterministic random numbers (xorshift, Marsaglia 2003).
struct Rng(u64);

impl Rng {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `bound`")]
    fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }

    /// An index below `count`, approximately Zipf-distributed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `count`")]
    fn popular(&mut self, count: usize) -> usize {
        (((count as f64 + 1.0).powf(self.unit()) - 1.0) as usize).min(count - 1)
    }
}

const TOPIC: usize = 40;
const MONTHS_S: i64 = 90 * 86_400;

/// Generates visits with about `clicks` clicks over three months.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of three months")]
fn generate(clicks: usize) -> Sessions {
    let mut rng = Rng(88_172_645_463_325_252);
    let items = (clicks.isqrt() * 30).max(2 * TOPIC);
    let topics = items / TOPIC;
    let mut sessions = Sessions::empty(0);
    let mut visit: Vec<Number> = Vec::new();
    while sessions.clicks() < clicks {
        visit.clear();
        let topic = rng.popular(topics);
        let length = 1 + rng.below(3) + if rng.below(5) == 0 { rng.below(12) } else { 0 };
        for _ in 0..length {
            let before = visit.last().map_or(0, |item| *item as usize);
            let next = match rng.below(10) {
                0..3 if !visit.is_empty() => topic * TOPIC + (before * 7 + 1) % TOPIC,
                3 if !visit.is_empty() => visit[rng.below(visit.len())] as usize,
                4 => rng.popular(items),
                _ => topic * TOPIC + rng.popular(TOPIC),
            };
            visit.push(Number::try_from(next).unwrap_or(0));
        }
        let at = sessions.clicks() as f64 / clicks as f64 * MONTHS_S as f64;
        let visitor = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        sessions.push(visit.iter().copied(), (at * 1000.0) as i64, visitor);
    }
    sessions
}

/// Peak resident memory so far, MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100_000, 1_000_000] } else { sizes };
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "{:>10} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "clicks", "items", "build s", "tune s", "peak MiB", "p50 us", "p90 us", "p99 us"
    );
    for clicks in sizes {
        let sessions = generate(clicks);
        let started = Instant::now();
        let tuned: Tuned = tune(&sessions, &Bounds { predictions_max: 10_000, ..Bounds::default() }, &mut |_| ());
        let tuning = started.elapsed();
        let requests = sessions.clone();
        let started = Instant::now();
        let learned = Learned::new(sessions, &Arc::new(tuned));
        let build = started.elapsed();
        let mut scratch = Scratch::default();
        let mut times: Vec<Duration> = Vec::new();
        let mut rng = Rng(7);
        for _ in 0..20_000 {
            let visit = requests.items(u32::try_from(rng.below(requests.len())).unwrap_or(0));
            let revealed = 1 + rng.below(visit.len());
            let started = Instant::now();
            let request =
                RankRequest { clicks: &visit[..revealed], now: requests.last_ended(), k: 21, model: Model::Blend };
            std::hint::black_box(learned.rank(&request, &mut scratch));
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let percentile = |share: usize| times[times.len() * share / 1000].as_secs_f64() * 1e6;
        let _ = writeln!(
            out,
            "{:>10} {:>9} {:>9.1} {:>9.1} {:>9} {:>8.1} {:>8.1} {:>8.1}",
            requests.clicks(),
            requests.catalogue(),
            build.as_secs_f64(),
            tuning.as_secs_f64(),
            peak_mib(),
            percentile(500),
            percentile(900),
            percentile(990)
        );
    }
}
