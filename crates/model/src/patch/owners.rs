//! Who owns which field: `metadata.managedFields` as sets of paths, read, updated and written.

use super::fields::{Difference, Path, Set, flatten, tree};
use super::rules::Place;
use crate::object::{Fields, stamp};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The fields of one manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Name of the manager.
    pub manager: String,
    /// Whether by server-side apply.
    pub applies: bool,
    /// Empty, or `status`.
    pub subresource: String,
    /// Version of the kind that was written.
    pub api_version: String,
    time: String,
    /// Its paths.
    pub paths: Set,
}

/// The owners of an object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owners(pub Vec<Owner>);

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// Name of the manager.
    pub manager: &'a str,
    /// Whether by server-side apply.
    pub applies: bool,
    /// Empty, or `status`.
    pub subresource: &'a str,
    /// Version of the kind.
    pub api_version: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Writer<'_> {
    /// Whether an entry is this writer's.
    pub fn is(&self, owner: &Owner) -> bool {
        owner.manager == self.manager
            && owner.applies == self.applies
            && owner.subresource == self.subresource
            && owner.api_version == self.api_version
    }
}

impl Owners {
    /// Reads `metadata.managedFields`.
    pub fn read(object: &Value) -> Owners {
        let owner = |entry: &Value| Owner {
            manager: entry.text("/manager").to_string(),
            applies: entry.text("/operation") == "Apply",
            subresource: entry.text("/subresource").to_string(),
            api_version: entry.text("/apiVersion").to_string(),
            time: entry.text("/time").to_string(),
            paths: entry.map("/fieldsV1").map(flatten).unwrap_or_default(),
        };
        Owners(object.items("/metadata/managedFields").iter().map(owner).collect())
    }
    /// Writes `metadata.managedFields`.
    pub fn write(&self, object: &mut Value) {
        let entry = |owner: &Owner| {
            let mut entry = json!({
                "manager": owner.manager, "operation": if owner.applies { "Apply" } else { "Update" },
                "apiVersion": owner.api_version, "fieldsType": "FieldsV1", "fieldsV1": tree(&owner.paths),
            });
            if !owner.time.is_empty() {
                entry.put(&["time"], owner.time.as_str());
            }
            if !owner.subresource.is_empty() {
                entry.put(&["subresource"], owner.subresource.as_str());
            }
            entry
        };
        let mut owners: Vec<&Owner> = self.0.iter().filter(|owner| !owner.paths.is_empty()).collect();
        owners
            .sort_by_key(|owner| (!owner.applies, &owner.time, &owner.manager, &owner.api_version, &owner.subresource));
        let entries: Vec<Value> = owners.into_iter().map(entry).collect();
        if entries.is_empty() {
            object.cut(&["metadata", "managedFields"]);
        } else {
            object.put(&["metadata", "managedFields"], entries);
        }
    }
    /// The entry of a writer, made when there is none.
    pub fn entry(&mut self, writer: Writer<'_>) -> &mut Owner {
        let at = self.0.iter().position(|owner| writer.is(owner)).unwrap_or_else(|| {
            self.0.push(Owner {
                manager: writer.manager.to_string(),
                applies: writer.applies,
                subresource: writer.subresource.to_string(),
                api_version: writer.api_version.to_string(),
                time: String::new(),
                paths: Set::new(),
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
    /// Notes when a writer changed something last.
    pub fn date(&mut self, writer: Writer<'_>) {
        if let Some(owner) = self.0.iter_mut().find(|owner| writer.is(owner)) {
            owner.time = stamp(writer.now);
        }
    }
    /// After a plain write: what changed belongs to its writer alone. `ignored`: fields that this write can't reach.
    pub fn changed(
        &mut self,
        before: &Value,
        after: &Value,
        place: Place<'_>,
        writer: Writer<'_>,
        ignored: impl Fn(&Path) -> bool,
    ) {
        let mut difference = Difference::between(&bare(before), &bare(after), place);
        difference.forget(&ignored);
        let written = difference.written();
        for owner in self.0.iter_mut().filter(|owner| !writer.is(owner)) {
            owner.paths.retain(|path| !written.contains(path) && !difference.removed.contains(path));
        }
        let known = self.0.iter().any(|owner| writer.is(owner));
        let mut own: Set = if known { self.entry(writer).paths.clone() } else { Set::new() };
        own.retain(|path| !difference.removed.contains(path));
        own.extend(written);
        own.retain(|path| !is_servers(path));
        if known || !own.is_empty() {
            self.entry(writer).paths = own;
            self.date(writer);
        }
        self.0.retain(|owner| !owner.paths.is_empty());
    }
}

/// Without the owners themselves.
pub fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    object.cut(&["metadata", "managedFields"]);
    object
}

/// What the server alone writes belongs to nobody.
pub fn is_servers(path: &Path) -> bool {
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["f:apiVersion" | "f:kind" | "f:metadata"] => true,
        ["f:metadata", name] => matches!(
            *name,
            "f:name"
                | "f:namespace"
                | "f:uid"
                | "f:resourceVersion"
                | "f:generation"
                | "f:creationTimestamp"
                | "f:selfLink"
                | "f:managedFields"
        ),
        _ => false,
    }
}
