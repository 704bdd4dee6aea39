//! `resources` of a container: quantities that can be, and requests that fit their limits.

use super::node::Node;
use crate::finding::Finding;
use serinus_gocompat::quantity;
use std::cmp::Ordering;

/// The first thing that is wrong.
pub(super) fn check(resources: &Node<'_>) -> Option<Finding> {
    let limits = resources.field("limits");
    let requests = resources.field("requests");
    let amounts = limits.entries().into_iter().chain(requests.entries());
    amounts.map(|(name, amount)| readable(name, &amount)).find_map(|finding| finding).or_else(|| {
        requests.entries().into_iter().find_map(|(name, request)| {
            let limit = limits.value.get(name)?;
            exceeds(&requests.path, name, &spelled(request.value), &spelled(limit))
        })
    })
}

fn readable(name: &str, amount: &Node<'_>) -> Option<Finding> {
    let text = spelled(amount.value);
    match quantity::compare(&text, "0") {
        None => Some(
            Finding::invalid(amount.path.clone(), amount.value, "not a quantity")
                .hint(format!("write {name} as a number with a unit, for example 500m or 256Mi")),
        ),
        Some(Ordering::Less) => {
            Some(Finding::invalid(amount.path.clone(), &canonical(&text).into(), "must be greater than or equal to 0"))
        }
        Some(Ordering::Equal | Ordering::Greater) => None,
    }
}

fn exceeds(path: &str, name: &str, request: &str, limit: &str) -> Option<Finding> {
    // Resources of other vendors can't be promised twice: their names have a domain.
    let exact = name.contains('/') && !name.contains("kubernetes.io/");
    let (wrong, relation) = match quantity::compare(request, limit)? {
        Ordering::Greater if !exact => (true, "less than or equal to"),
        Ordering::Equal => (false, ""),
        Ordering::Less | Ordering::Greater => (exact, "equal to"),
    };
    wrong.then(|| {
        let text = format!("must be {relation} {name} limit of {}", canonical(limit));
        Finding::invalid(path, &canonical(request).into(), text)
    })
}

fn spelled(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn canonical(text: &str) -> String {
    quantity::canonical(text).unwrap_or_else(|| text.to_string())
}
