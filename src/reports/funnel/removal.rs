//! No I/O. Exclusions that take a visitor out of the funnel.

use super::types::{FunnelEvent, FunnelPath, Plan};

/// Whether an excluded event takes the visitor out: one between the steps of the visitor's path, or, while the end of the
/// exclusion's range is not reached, until the window of the entry is over.
pub(super) fn is_removed(plan: &Plan, history: &[FunnelEvent], path: &FunnelPath) -> bool {
    if !plan.exclusions.iter().any(|exclusion| exclusion.removes) {
        return false;
    }
    let entry = path.events[0];
    let mut before = 0;
    for (index, &event) in history.iter().enumerate().skip(entry + 1) {
        if before + 1 == plan.steps || !plan.in_window(history[entry], event) {
            return false;
        }
        let after = (before + 1..path.depth).find(|step| path.has(*step));
        let after = after.filter(|step| path.events[*step] == index).unwrap_or(before);
        if plan.exclusions_of(event).any(|exclusion| exclusion.removes && exclusion.applies(before, after)) {
            return true;
        }
        before = after;
    }
    false
}
