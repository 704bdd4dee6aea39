//! A workload as updates see it: what people say on it, its images, and how far its own rollout is.

use super::expression::Expression;
use super::pull::Pull;
use super::reference::{Reference, with_tag};
use crate::plan::Kind;
use serde_json::{Value, json};
use serinus_wire::image_update::{Change, Place};
use serinus_wire::keel::Settings;
use serinus_wire::{ObjectMeta, Rollout};

/// A workload whose images can be updated.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracked {
    /// Deployment, StatefulSet, DaemonSet, CronJob or Rollout.
    pub kind: Kind,
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What people say on it.
    pub settings: Settings,
    /// `spec` of its pods, of which only the lists with images are kept, raw. Nothing when it is not tracked.
    pub pods: Value,
    /// How far its own controller is.
    pub progress: Progress,
    /// A Rollout that takes its pods from another workload.
    pub refers: bool,
    /// How its pods get their image; nothing when it is not polled for.
    pub pull: Option<Box<Pull>>,
    /// All images of its containers, also where nobody tracks it.
    pub images: Vec<String>,
    /// Its pods by state.
    pub replicas: Replicas,
}

/// Pods of a workload by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// All of them.
    pub all: i64,
    /// Of the wanted version.
    pub updated: i64,
    /// Ready.
    pub ready: i64,
    /// Ready for long enough.
    pub available: i64,
    /// Wanted and not available.
    pub unavailable: i64,
}

/// How far the controller of a workload is with the last change of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Its controller has not seen the last change yet.
    #[default]
    Unseen,
    /// Under way.
    Moving,
    /// All pods have it and are available.
    Done,
    /// It gave up: why.
    Failed(String),
}

/// One image in a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where.
    pub place: Place,
    /// Name of the container or volume.
    pub name: String,
    /// The image.
    pub image: String,
}

/// The lists of a pod that hold images.
const LISTS: [(Place, &str); 3] =
    [(Place::Container, "containers"), (Place::InitContainer, "initContainers"), (Place::Volume, "volumes")];

impl Tracked {
    /// Reads a workload of one of the built-in kinds.
    pub fn read(kind: Kind, metadata: ObjectMeta, object: &Value) -> Tracked {
        let pods = object.pointer(&format!("/{}/spec", template_path(kind).join("/")));
        let settings = Settings::of(&metadata);
        let (pull, images) = (pull(pods, &settings), images(pods));
        let pods = kept(pods, settings.policy.is_some());
        let progress = progress(kind, &metadata, object);
        let replicas = Replicas::of(kind, object);
        Tracked { kind, metadata, settings, pods, progress, refers: false, pull, images, replicas }
    }

    /// Of a Rollout. How far it is is told by its status, not by `progress`.
    pub fn of_rollout(rollout: &Rollout) -> Tracked {
        let settings = Settings::of(&rollout.metadata);
        let pods = rollout.spec.template.as_ref().and_then(|template| template.get("spec"));
        let (pull, images, status) = (pull(pods, &settings), images(pods), &rollout.status);
        Tracked {
            kind: Kind::Rollout,
            pods: kept(pods, settings.policy.is_some()),
            settings,
            metadata: rollout.metadata.clone(),
            progress: Progress::Unseen,
            refers: rollout.spec.workload_ref.is_some(),
            pull,
            images,
            replicas: Replicas {
                all: status.replicas.into(),
                updated: status.updated_replicas.into(),
                ready: status.ready_replicas.into(),
                available: status.available_replicas.into(),
                unavailable: (status.replicas - status.available_replicas).max(0).into(),
            },
        }
    }

    /// Its images, those that the settings leave out as well.
    pub fn slots(&self) -> Vec<Slot> {
        let of = |(place, list): (Place, &str)| {
            let items = self.pods.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            items.iter().filter_map(move |item| {
                let image = image_of(place, item)?;
                let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
                Some(Slot { place, name: name.to_string(), image: image.to_string() })
            })
        };
        LISTS.into_iter().flat_map(of).collect()
    }

    /// The images that updates may change, by the settings.
    pub fn monitored(&self) -> Vec<Slot> {
        let names = self.settings.monitor_containers.iter().find_map(|text| Expression::parse(text).ok());
        let wanted = |slot: &Slot| match slot.place {
            Place::Container => true,
            Place::InitContainer => self.settings.init_containers_updated,
            Place::Volume => self.settings.image_volumes,
        };
        let named = |slot: &Slot| names.as_ref().is_none_or(|names| names.is_found(&slot.name));
        self.slots().into_iter().filter(|slot| wanted(slot) && named(slot)).collect()
    }

    /// The image that stands where `change` means it.
    pub fn image(&self, change: &Change) -> Option<String> {
        let slot = self.slots().into_iter().find(|slot| slot.place == change.place && slot.name == change.name)?;
        Some(slot.image)
    }

    /// A merge patch that puts the images in, and `template` and `workload` annotations with them. Lists are written whole,
    /// as they were seen: the guard of the write says that they still are.
    pub fn patch(&self, images: &[(Change, String)], template: Value, workload: Value) -> Value {
        let mut pods = json!({});
        for (place, list) in LISTS {
            if !images.iter().any(|(change, _)| change.place == place) {
                continue;
            }
            let mut items = self.pods.get(list).cloned().unwrap_or_default();
            for item in items.as_array_mut().into_iter().flatten() {
                let is = |change: &Change| {
                    change.place == place && item.get("name").and_then(Value::as_str) == Some(&change.name)
                };
                let Some((_, image)) = images.iter().find(|(change, _)| is(change)) else { continue };
                match place {
                    Place::Container | Place::InitContainer => item["image"] = json!(image),
                    Place::Volume => item["image"]["reference"] = json!(image),
                }
            }
            pods[list] = items;
        }
        // Keel marks a CronJob one level higher than the template of its pods.
        let annotations = json!({"annotations": template});
        let spec = match self.kind {
            Kind::CronJob => json!({"jobTemplate": {"metadata": annotations, "spec": {"template": {"spec": pods}}}}),
            _ => json!({"template": {"metadata": annotations, "spec": pods}}),
        };
        json!({"metadata": {"annotations": workload}, "spec": spec})
    }
}

/// The slot's image with another tag: in its owner's spelling, or as Keel spells it.
pub fn replaced(image: &str, tag: &str, digest: Option<&str>, as_keel: bool) -> String {
    match Reference::parse(image) {
        Ok(reference) if as_keel => reference.rewritten(tag),
        Ok(reference) => with_tag(image, tag, digest.filter(|_| reference.digest.is_some())),
        Err(_) => with_tag(image, tag, None),
    }
}

fn image_of(place: Place, item: &Value) -> Option<&str> {
    match place {
        Place::Container | Place::InitContainer => item.get("image")?.as_str(),
        Place::Volume => item.get("image")?.get("reference")?.as_str(),
    }
}

/// Where the pod template is.
fn template_path(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::CronJob => &["spec", "jobTemplate", "spec", "template"],
        _ => &["spec", "template"],
    }
}

impl Replicas {
    fn of(kind: Kind, object: &Value) -> Replicas {
        let status =
            |field: &str| object.pointer(&format!("/status/{field}")).and_then(Value::as_i64).unwrap_or_default();
        match kind {
            Kind::DaemonSet => Replicas {
                all: status("desiredNumberScheduled"),
                updated: status("updatedNumberScheduled"),
                ready: status("numberReady"),
                available: status("numberAvailable"),
                unavailable: status("numberUnavailable"),
            },
            _ => Replicas {
                all: status("replicas"),
                updated: status("updatedReplicas"),
                ready: status("readyReplicas"),
                available: status("availableReplicas"),
                unavailable: status("unavailableReplicas"),
            },
        }
    }
}

fn images(pods: Option<&Value>) -> Vec<String> {
    let containers = pods.and_then(|pods| pods.get("containers")?.as_array());
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| Some(container.get("image")?.as_str()?.to_string()))
        .collect()
}

fn pull(pods: Option<&Value>, settings: &Settings) -> Option<Box<Pull>> {
    (settings.polls && settings.policy.is_some()).then(|| Box::new(Pull::of(pods.unwrap_or(&Value::Null))))
}

/// Only what holds images, and nothing of a workload that nobody tracks.
fn kept(pods: Option<&Value>, tracked: bool) -> Value {
    let Some(pods) = pods.filter(|_| tracked) else { return Value::Null };
    let mut kept = json!({});
    for (place, list) in LISTS {
        let Some(items) = pods.get(list).and_then(Value::as_array) else { continue };
        if items.iter().any(|item| image_of(place, item).is_some()) {
            kept[list] = json!(items);
        }
    }
    kept
}

fn progress(kind: Kind, metadata: &ObjectMeta, object: &Value) -> Progress {
    let status = |field: &str| object.pointer(&format!("/status/{field}")).and_then(Value::as_i64).unwrap_or_default();
    if kind == Kind::CronJob {
        return Progress::Done;
    }
    if status("observedGeneration") < metadata.generation {
        return Progress::Unseen;
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let done = match kind {
        Kind::DaemonSet => {
            let wanted = status("desiredNumberScheduled");
            status("updatedNumberScheduled") >= wanted && status("numberAvailable") >= wanted
        }
        Kind::StatefulSet => status("updatedReplicas") >= wanted && status("readyReplicas") >= wanted,
        _ => {
            status("updatedReplicas") >= wanted
                && status("availableReplicas") >= wanted
                && status("replicas") <= status("updatedReplicas")
        }
    };
    match (gave_up(object), done) {
        (Some(why), _) => Progress::Failed(why),
        (None, true) => Progress::Done,
        (None, false) => Progress::Moving,
    }
}

/// What a Deployment says when its time is up.
fn gave_up(object: &Value) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let late = conditions.iter().find(|condition| condition["reason"] == "ProgressDeadlineExceeded")?;
    Some(late["message"].as_str().unwrap_or("the progress deadline passed").to_string())
}
