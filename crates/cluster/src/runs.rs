//! One look at one AnalysisRun: what is seen, what is decided, carry it out, measure, and look again with the answers.

use crate::cache::Change;
use crate::conclude::{FAILED, PANICKED, conclude, pause_until, trouble};
use crate::events::{About, Events};
use crate::lens::{AnalysisRuns, JobPods, Jobs, Lens};
use crate::measure::Measure;
use crate::memory::Memory;
use crate::queue::Action;
use crate::watches::{Caches, key};
use crate::write::{Outcome, carry_out};
use crate::{Clock, Error};
use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use serinus_decide::analysis::{Answer, Ask, Seen, decide, secrets};
use serinus_wire::analysis::SecretKeyRef;
use serinus_wire::k8s::{Job, Pod};
use serinus_wire::{AnalysisRun, keys};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An AnalysisRun by namespace and name: what the queue holds.
pub type RunRef = ObjectRef<Lens<AnalysisRuns>>;

/// Measurements under way, and those that came back, by run.
#[derive(Default)]
pub(crate) struct Pending {
    runs: Mutex<HashMap<String, Measured>>,
}

#[derive(Clone, Default)]
struct Measured {
    asked: BTreeSet<String>,
    answers: Vec<Answer>,
}

impl Pending {
    fn of<T>(&self, uid: &str, change: impl FnOnce(&mut Measured) -> T) -> T {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        change(runs.entry(uid.to_string()).or_default())
    }

    /// A run is gone.
    pub fn forget(&self, uid: &str) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What every look needs.
pub(crate) struct RunPass {
    pub client: Client,
    pub caches: Caches,
    pub memory: Arc<Memory<RunRef>>,
    pub pending: Arc<Pending>,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
    pub measure: Measure,
    /// Where Jobs are made; empty: beside their run.
    pub job_namespace: String,
    pub queue: UnboundedSender<RunRef>,
    pub resync: Duration,
}

/// The look as the queue calls it.
pub(crate) async fn reconcile(subject: Arc<RunRef>, pass: Arc<RunPass>) -> Action {
    let overdue = match pass.memory.due(&subject, &pass.caches) {
        Ok(overdue) => overdue,
        Err(left) => return Action::After(left),
    };
    let Some(lens) = pass.caches.analysis_runs.named(&subject) else { return Action::OnChange };
    let seen = if overdue {
        match pass.read_directly(&lens.value).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Action::OnChange,
            Err(error) => return pass.trouble(&subject, &lens.value, &error.to_string()),
        }
    } else {
        let of_run = jobs_of(&lens.meta().uid);
        let jobs = pass.caches.jobs.find(&of_run);
        let pods = pass.caches.job_pods.find(&of_run);
        Seen {
            run: lens.value.clone(),
            jobs: jobs.iter().map(|job| job.value.clone()).collect(),
            pods: pods.iter().map(|pod| pod.value.clone()).collect(),
            ..Seen::default()
        }
    };
    pass.look(&subject, seen).await
}

impl RunPass {
    async fn look(self: &Arc<Self>, subject: &RunRef, seen: Seen) -> Action {
        let secrets = match self.secrets(&seen.run).await {
            Ok(secrets) => secrets,
            Err(error) => return self.trouble(subject, &seen.run, &error.to_string()),
        };
        let uid = seen.run.metadata.uid.clone();
        let measured = self.pending.of(&uid, |measured| measured.clone());
        let taken = measured.answers.len();
        let job_namespace = self.job_namespace.clone();
        let seen = Seen { secrets, answers: measured.answers, asked: measured.asked, job_namespace, ..seen };
        let now = self.clock.now();
        let Ok(decision) = catch_unwind(AssertUnwindSafe(|| decide(&seen, now))) else {
            return self.trouble(subject, &seen.run, PANICKED);
        };
        for line in decision.plan.report.waits() {
            tracing::debug!(%subject, part = line.part, verdict = %line.verdict, "{}", line.text);
        }
        let about = About::run(&seen.run);
        let carried = carry_out(&self.client, &self.events, &about, &decision.plan).await;
        if carried.outcome == Outcome::Done {
            self.pending.of(&uid, |measured| {
                measured.answers.drain(..taken);
                measured.asked.extend(decision.asks.iter().map(|ask| ask.metric.clone()));
            });
            for ask in decision.asks {
                self.ask(subject, &uid, ask);
            }
        }
        let next = pause_until(decision.plan.wake, self.clock.now(), self.resync);
        conclude(&self.memory, subject, carried, next).tell(&self.events, &about, FAILED)
    }

    /// Measures beside everything else; the answer wakes the run.
    fn ask(self: &Arc<Self>, subject: &RunRef, uid: &str, ask: Ask) {
        let (pass, subject, uid) = (self.clone(), subject.clone(), uid.to_string());
        tokio::spawn(async move {
            let answer = pass.measure.carry_out(ask).await;
            pass.pending.of(&uid, |measured| {
                measured.asked.remove(&answer.metric);
                measured.answers.push(answer);
            });
            let _ = pass.queue.unbounded_send(subject);
        });
    }

    /// Values of the Secrets that the run names. One that is not there, or may not be read, is simply not among them.
    async fn secrets(&self, run: &AnalysisRun) -> Result<BTreeMap<SecretKeyRef, String>, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &run.metadata.namespace);
        let mut found = BTreeMap::new();
        for wanted in secrets(run) {
            let secret = match api.get(&wanted.name).await {
                Ok(secret) => secret,
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(value) = secret.data.and_then(|data| data.get(&wanted.key).cloned()) {
                found.insert(wanted, String::from_utf8_lossy(&value.0).into_owned());
            }
        }
        Ok(found)
    }

    /// The run, its Jobs and their pods as the API server has them.
    async fn read_directly(&self, run: &AnalysisRun) -> Result<Option<Seen>, Error> {
        let meta = &run.metadata;
        let runs: Api<Lens<AnalysisRuns>> = Api::namespaced(self.client.clone(), &meta.namespace);
        let Some(read) = runs.get_opt(&meta.name).await? else { return Ok(None) };
        let place = if self.job_namespace.is_empty() { &meta.namespace } else { &self.job_namespace };
        let jobs: Api<Lens<Jobs>> = Api::namespaced(self.client.clone(), place);
        let pods: Api<Lens<JobPods>> = Api::namespaced(self.client.clone(), place);
        let labels = ListParams::default().labels(&format!("{}={}", keys::JOB_RUN_UID, read.meta().uid));
        let jobs = jobs.list(&labels).await?.items.into_iter().map(|job| job.value).collect();
        let pods = match pods.list(&labels).await {
            Ok(pods) => pods.items.into_iter().map(|pod| pod.value).collect(),
            // As with the watch: without leave to read pods there are none.
            Err(kube::Error::Api(status)) if status.code == 403 => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Seen { run: read.value, jobs, pods, ..Seen::default() }))
    }

    fn trouble(&self, subject: &RunRef, run: &AnalysisRun, text: &str) -> Action {
        trouble(&self.memory, subject, text, None).tell(&self.events, &About::run(run), FAILED)
    }
}

/// Key of runs by what controls them.
pub(crate) fn runs_of(uid: &str) -> String {
    key("run-owner", "", uid)
}

/// Key of Jobs by the run whose uid their label has.
pub(crate) fn jobs_of(uid: &str) -> String {
    key("run", "", uid)
}

/// Keys of a run.
pub(crate) fn run_keys(run: &AnalysisRun) -> Vec<String> {
    run.metadata.controller().map(|owner| runs_of(&owner.uid)).into_iter().collect()
}

/// Keys of a Job.
pub(crate) fn job_keys(job: &Job) -> Vec<String> {
    job.metadata.labels.get(keys::JOB_RUN_UID).map(|uid| jobs_of(uid)).into_iter().collect()
}

/// Keys of a Job's pod.
pub(crate) fn job_pod_keys(pod: &Pod) -> Vec<String> {
    pod.metadata.labels.get(keys::JOB_RUN_UID).map(|uid| jobs_of(uid)).into_iter().collect()
}

/// The run that a Job belongs to.
pub(crate) fn run_of(job: &Job) -> Option<RunRef> {
    let name = job.metadata.annotations.get(keys::JOB_RUN_NAME)?;
    let namespace = job.metadata.annotations.get(keys::JOB_RUN_NAMESPACE).unwrap_or(&job.metadata.namespace);
    Some(RunRef::new(name).within(namespace))
}

/// Whether a change of a run concerns its owner: it came, went, or stands otherwise.
pub(crate) fn concerns_owner(change: &Change<AnalysisRuns>) -> bool {
    let phase = |lens: &Option<Arc<Lens<AnalysisRuns>>>| lens.as_ref().map(|lens| lens.value.status.phase);
    phase(&change.before) != phase(&change.after)
}
