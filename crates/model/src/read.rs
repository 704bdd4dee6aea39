//! Get and list: which objects, of which version, in which portions.

use crate::catalogue::Kind;
use crate::failure::{Cause, Failure};
use crate::object::Fields;
use crate::route::{Address, Query};
use crate::selector::{FieldTerms, Labels};
use crate::state::State;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Which objects of a kind a list or a watch means.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only these labels.
    pub labels: Labels,
    /// Only these fields.
    pub fields: FieldTerms,
}

impl Filter {
    /// Reads the selectors of a query.
    pub fn parse(kind: &Kind, address: &Address, query: &Query) -> Result<Filter, Failure> {
        Ok(Filter {
            namespace: (kind.namespaced && !address.namespace.is_empty()).then(|| address.namespace.clone()),
            labels: Labels::parse(query.text("labelSelector"))?,
            fields: FieldTerms::parse(query.text("fieldSelector"), &kind.kind, kind.is_custom())?,
        })
    }
    /// Whether an object is meant.
    pub fn matches(&self, object: &Value) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| namespace == object.namespace())
            && self.labels.matches(object)
            && self.fields.matches(object)
    }
}

/// A list, before it is shown.
#[derive(Clone, Debug)]
pub struct List {
    /// Its objects.
    pub items: Vec<Arc<Value>>,
    /// `metadata`: version, and where the next portion starts.
    pub metadata: Map<String, Value>,
}

impl State {
    /// Lists objects.
    pub fn list(&self, kind: &Kind, filter: &Filter, query: &Query) -> Result<List, Failure> {
        let (version, after) = self.portion(query)?;
        let current = version == self.store.version();
        let chosen: Vec<Arc<Value>> = if current {
            let all = self.store.list(&kind.stored(), filter.namespace.as_deref());
            all.filter(|object| filter.matches(object)).cloned().collect()
        } else {
            let all = self.store.list_at(&kind.stored(), version);
            all.into_values().filter(|object| filter.matches(object)).collect()
        };
        let rest: Vec<Arc<Value>> = match after {
            Some((namespace, name)) => chosen
                .into_iter()
                .filter(|object| (object.namespace(), object.name()) > (namespace.as_str(), name.as_str()))
                .collect(),
            None => chosen,
        };
        let limit = query.number("limit").filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
        let count = limit.unwrap_or(rest.len()).min(rest.len());
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".into(), version.to_string().into());
        // As in a real store, there is more when anything is left, whether it would be chosen or not.
        let is_more = |last: &Value| {
            let all = self.store.list(&kind.stored(), filter.namespace.as_deref());
            all.last().is_some_and(|end| (end.namespace(), end.name()) > (last.namespace(), last.name()))
        };
        let last = rest.get(count.saturating_sub(1)).filter(|last| limit == Some(count) && is_more(last));
        if let Some(last) = last {
            metadata.insert("continue".into(), format!("{version}:{}/{}", last.namespace(), last.name()).into());
            if filter.labels.is_empty() && filter.fields.is_empty() {
                metadata.insert("remainingItemCount".into(), (rest.len() - count).into());
            }
        }
        Ok(List { items: rest.into_iter().take(count).collect(), metadata })
    }

    /// Refuses options of a list that don't go together.
    pub fn check_list(&self, query: &Query) -> Result<(), Failure> {
        let (asked, how) = (query.text("resourceVersion"), query.text("resourceVersionMatch"));
        let mut causes = Vec::new();
        if !how.is_empty() && asked.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            causes.push(Cause::forbidden("resourceVersionMatch", why));
        }
        if !matches!(how, "" | "Exact" | "NotOlderThan") {
            let allowed = ["Exact", "NotOlderThan", ""].map(str::to_string);
            causes.push(Cause::not_supported("resourceVersionMatch", &how.into(), &allowed));
        }
        if !causes.is_empty() {
            return Err(Failure::bad_options("ListOptions", &causes));
        }
        Ok(())
    }

    /// Which version is listed, and after which object.
    fn portion(&self, query: &Query) -> Result<(u64, Option<(String, String)>), Failure> {
        let current = self.store.version();
        let token = query.text("continue");
        if !token.is_empty() {
            let bad = || Failure::bad_request("continue key is not valid: unexpected format");
            let (version, after) = token.split_once(':').ok_or_else(bad)?;
            let (namespace, name) = after.split_once('/').ok_or_else(bad)?;
            let version: u64 = version.parse().map_err(|_| bad())?;
            if version < self.store.forgotten() {
                return Err(Failure::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
                ));
            }
            return Ok((version, Some((namespace.to_string(), name.to_string()))));
        }
        let (asked, how) = (query.text("resourceVersion"), query.text("resourceVersionMatch"));
        if asked.is_empty() {
            return Ok((current, None));
        }
        let asked: u64 =
            asked.parse().map_err(|_| Failure::bad_request(format!("resourceVersion: Invalid value: {asked:?}")))?;
        if asked > current {
            return Err(Failure::too_new(asked, current));
        }
        if how != "Exact" {
            return Ok((current, None));
        }
        if asked < self.store.forgotten() {
            return Err(Failure::expired(format!("The resourceVersion for the provided list is too old: {asked}")));
        }
        Ok((asked, None))
    }
}
