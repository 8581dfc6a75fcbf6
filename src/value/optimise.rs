//! Minimum of a function of few positive parameters: Nelder and Mead (1965), on the logarithms of the parameters.

/// Logarithms of parameters stay within this distance of 0: from 0.0001 to 10,000.
const LOG_MAX: f64 = 9.21;
/// Evaluations of one run.
const EVALUATIONS_MAX: usize = 1_500;
/// Runs, each from the result of the one before with a new simplex, until one brings nothing more.
const RUNS_MAX: usize = 12;
/// Edge of a new simplex.
const EDGE: f64 = 0.4;
/// Spread of the function's values over the simplex at which a run ends.
const SPREAD_MIN: f64 = 1e-11;
/// What a run must improve for another to follow.
const IMPROVEMENT_MIN: f64 = 1e-9;

/// The parameters with the smallest value of `function`, found from `start`; `None` if the search does not settle, or the
/// function has no finite value.
pub(super) fn minimise<const N: usize>(function: impl Fn(&[f64; N]) -> f64, start: [f64; N]) -> Option<[f64; N]> {
    let at_logs = |logs: &[f64; N]| {
        let is_within = logs.iter().all(|log| log.abs() <= LOG_MAX);
        let value = if is_within { function(&logs.map(f64::exp)) } else { f64::INFINITY };
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut best = start.map(f64::ln);
    let mut lowest = at_logs(&best);
    for _ in 0..RUNS_MAX {
        let (found, value) = run(&at_logs, best);
        let improvement = lowest - value;
        (best, lowest) = (found, value);
        if !lowest.is_finite() {
            return None;
        }
        if improvement < IMPROVEMENT_MIN {
            return Some(best.map(f64::exp));
        }
    }
    None
}

/// One run from a simplex around `start`.
fn run<const N: usize>(function: &impl Fn(&[f64; N]) -> f64, start: [f64; N]) -> ([f64; N], f64) {
    let vertex = |edge: Option<usize>| {
        let mut at = start;
        if let Some(edge) = edge {
            // Inwards where outwards leaves the range.
            at[edge] += if at[edge] + EDGE > LOG_MAX { -EDGE } else { EDGE };
        }
        (at, function(&at))
    };
    let mut simplex: Vec<([f64; N], f64)> = std::iter::once(None).chain((0..N).map(Some)).map(vertex).collect();
    let mut evaluations = N + 1;
    while evaluations < EVALUATIONS_MAX {
        simplex.sort_by(|one, other| one.1.total_cmp(&other.1));
        let (lowest, second, highest) = (simplex[0].1, simplex[N - 1].1, simplex[N].1);
        if highest - lowest < SPREAD_MIN {
            break;
        }
        let centre: [f64; N] =
            std::array::from_fn(|i| simplex[..N].iter().map(|(at, _)| at[i]).sum::<f64>() / N as f64);
        let worst = simplex[N].0;
        let along = |factor: f64| {
            let at = std::array::from_fn(|i| centre[i] + factor * (worst[i] - centre[i]));
            (at, function(&at))
        };
        let reflected = along(-1.0);
        evaluations += 1;
        let next = if reflected.1 < lowest {
            evaluations += 1;
            let expanded = along(-2.0);
            Some(if expanded.1 < reflected.1 { expanded } else { reflected })
        } else if reflected.1 < second {
            Some(reflected)
        } else {
            evaluations += 1;
            let contracted = along(if reflected.1 < highest { -0.5 } else { 0.5 });
            (contracted.1 < highest.min(reflected.1)).then_some(contracted)
        };
        if let Some(next) = next {
            simplex[N] = next;
            continue;
        }
        let best = simplex[0].0;
        for (at, value) in &mut simplex[1..] {
            *at = std::array::from_fn(|i| f64::midpoint(best[i], at[i]));
            *value = function(at);
        }
        evaluations += N;
    }
    simplex.into_iter().min_by(|one, other| one.1.total_cmp(&other.1)).unwrap_or((start, f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_of_a_curved_valley_is_found() {
        // Rosenbrock's function of the parameters, whose minimum is at (1, 1).
        let valley = |[x, y]: &[f64; 2]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
        let [x, y] = minimise(valley, [0.1, 3.0]).unwrap();
        assert!((x - 1.0).abs() < 1e-4 && (y - 1.0).abs() < 1e-4, "{x} {y}");
    }

    #[test]
    fn a_function_without_values_has_no_minimum() {
        assert_eq!(minimise(|_: &[f64; 2]| f64::NAN, [1.0, 1.0]), None);
    }
}
