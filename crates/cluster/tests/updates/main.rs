//! Updates of images by the real controller over a small Kubernetes in memory, in virtual time: from the push to the verdict.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

#[path = "../support/mod.rs"]
mod support;
mod verdicts;

use serde_json::{Value, json};
use serinus_cluster::update::{IMAGE_UPDATE, Outcome, Updates};
use serinus_decide::update::Event;
use serinus_wire::Time;
use serinus_wire::image_update::{Decision, Phase, Vote};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::seed::{self, STABLE, is_healthy};
use support::{CRD, DEPLOYMENT, NS, REPLICA_SET, ROLLOUT, Running, Tap, World, text};

async fn world(annotations: Value) -> (World, Updates, Running) {
    world_behind(annotations, &Tap::default()).await
}

async fn world_behind(annotations: Value, tap: &Tap) -> (World, Updates, Running) {
    let world = World::new().await;
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    seed::apply(&world).await;
    world.patch(&DEPLOYMENT, STABLE, json!({"metadata": {"annotations": annotations}})).await;
    let (updates, running) = start(&world, tap);
    world.until(&ROLLOUT, seed::NAME, 60, is_healthy).await;
    while !updates.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (world, updates, running)
}

fn start(world: &World, tap: &Tap) -> (Updates, Running) {
    let updates = Updates::default();
    let handle = updates.clone();
    let running = world.start_with(serinus_decide::decide, tap, |options| options.updates = Some(handle));
    (updates, running)
}

fn event(tag: &str) -> Event {
    Event::new(&format!("pregap:{tag}"), None, "native", "").unwrap()
}

/// The one workload's answer.
async fn push(updates: &Updates, tag: &str) -> Outcome {
    let mut told = updates.push(&event(tag)).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0).outcome
}

fn proposed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Proposed(name) => name,
        other => panic!("{other:?}"),
    }
}

async fn vote(updates: &Updates, name: &str, voter: &str, decision: Decision) {
    let at = Time::whole_seconds(updates.now());
    let vote = Vote { voter: voter.to_string(), decision, at, on_behalf_of: String::new() };
    let add = |spec: &mut serinus_wire::image_update::ImageUpdateSpec| {
        spec.votes.push(vote.clone());
        Ok(())
    };
    updates.change(NS, name, add).await.unwrap();
}

async fn until(world: &World, name: &str, phase: Phase) -> Value {
    world.until(&IMAGE_UPDATE, name, 120, |update| text(update, "/status/phase") == phase.to_string()).await
}

async fn image(world: &World) -> String {
    let deployment = world.get(&DEPLOYMENT, STABLE).await;
    text(&deployment, "/spec/template/spec/containers/0/image").to_string()
}

#[tokio::test(start_paused = true)]
async fn from_the_push_through_approval_and_canary_to_the_verdict() {
    let (world, updates, running) = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    let name = proposed(push(&updates, "1.1.0").await);
    // It is in the cluster by the time the answer is there.
    assert_eq!(text(&world.get(&IMAGE_UPDATE, &name).await, "/spec/tag"), "1.1.0");
    let waiting = |update: &Value| text(update, "/status/message").starts_with("waits for approval: 0 of 1");
    world.until(&IMAGE_UPDATE, &name, 5, waiting).await;
    assert_eq!(push(&updates, "1.1.0").await, Outcome::Known(name.clone()));
    assert_eq!(image(&world).await, "pregap:1.0.0");
    vote(&updates, &name, "ann", Decision::Approve).await;
    until(&world, &name, Phase::RollingOut).await;
    assert_eq!(image(&world).await, "pregap:1.1.0");
    // The canary takes its pauses.
    let (_, report) = updates.look(NS, &name).unwrap();
    assert!(report.waits().next().is_some());
    let update = until(&world, &name, Phase::Promoted).await;
    assert_eq!(text(&update, "/status/rollout/name"), seed::NAME);
    let rollout = world.get(&ROLLOUT, seed::NAME).await;
    assert_eq!(text(&update, "/status/rollout/podHash"), text(&rollout, "/status/stableRS"));
    assert!(matches!(push(&updates, "1.1.0").await, Outcome::Refused(why) if why.contains("not greater")));
    let mut reasons = world.reasons(&name).await;
    reasons.retain(|reason| reason != "ReconciliationError");
    assert_eq!(reasons, ["UpdateNeedsApproval", "UpdateApplied", "UpdatePromoted"]);
    running.stop().await;
}

/// Who has voted for the update need not promote its canary; where the workload does not say so, somebody has to.
#[tokio::test(start_paused = true)]
async fn one_approval_stands_for_the_update_and_the_promotion() {
    for promotes in [true, false] {
        let annotations = json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1", "serinus.dev/approval-promotes": promotes.to_string()});
        let (world, updates, running) = world(annotations).await;
        let steps = json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10s"}}, {"setWeight": 60}, {"pause": {}}]);
        world.patch(&ROLLOUT, seed::NAME, json!({"spec": {"strategy": {"canary": {"steps": steps}}}})).await;
        world.until(&ROLLOUT, seed::NAME, 60, is_healthy).await;
        let name = proposed(push(&updates, "1.1.0").await);
        vote(&updates, &name, "ann", Decision::Approve).await;
        if promotes {
            until(&world, &name, Phase::Promoted).await;
            let mut reasons = world.reasons(&name).await;
            reasons.retain(|reason| reason == "UpdatePromotes");
            assert_eq!(reasons.len(), 2, "each pause without an end, once");
        } else {
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(text(&world.get(&IMAGE_UPDATE, &name).await, "/status/phase"), "RollingOut");
            assert_eq!(text(&world.get(&ROLLOUT, seed::NAME).await, "/status/phase"), "Paused");
        }
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_canary_is_a_verdict_and_is_remembered() {
    let (world, updates, running) = world(json!({"keel.sh/policy": "minor"})).await;
    let name = proposed(push(&updates, "1.1.0").await);
    world.until(&IMAGE_UPDATE, &name, 30, |update| !text(update, "/status/rollout/podHash").is_empty()).await;
    world.patch_status(&ROLLOUT, seed::NAME, json!({"status": {"abort": true}})).await;
    until(&world, &name, Phase::RolledBack).await;
    seed::ship(&world, "1.0.0").await;
    world.until(&ROLLOUT, seed::NAME, 60, is_healthy).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(push(&updates, "1.1.0").await, Outcome::Refused(why) if why.contains("rolled back before")));
    assert!(matches!(push(&updates, "1.2.0").await, Outcome::Proposed(_)));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn votes_that_do_not_come_and_votes_against() {
    let annotations = json!({"keel.sh/policy": "all", "keel.sh/approvals": "2", "keel.sh/approvalDeadline": "1"});
    let (world, updates, running) = world(annotations).await;
    let name = proposed(push(&updates, "1.1.0").await);
    vote(&updates, &name, "ann", Decision::Approve).await;
    tokio::time::sleep(Duration::from_secs(3602)).await;
    let update = until(&world, &name, Phase::Expired).await;
    assert!(text(&update, "/status/message").starts_with("1 of 2 approvals came"));
    let second = proposed(push(&updates, "1.2.0").await);
    vote(&updates, &second, "bob", Decision::Reject).await;
    until(&world, &second, Phase::Rejected).await;
    assert_eq!(image(&world).await, "pregap:1.0.0");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_whenever_the_controller_dies() {
    use support::Moment;
    // What one life writes for this update, from its creation to the verdict.
    for nth in [1, 2, 3, 5, 8] {
        for moment in [Moment::Before, Moment::After] {
            let (world, updates, running) = world(json!({"keel.sh/policy": "minor"})).await;
            running.stop().await;
            let tap = Tap::ending_at(nth, moment);
            let (mortal, running) = start(&world, &tap);
            while !mortal.is_ready() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let pushed = tokio::time::timeout(Duration::from_secs(300), async {
                let _ = mortal.push(&event("1.1.0")).await;
                tap.ended().await;
            });
            let died = pushed.await.is_ok();
            running.kill().await;
            // The next life; the sender sends again, as it had no answer or to be sure.
            let (next, running) = start(&world, &Tap::default());
            while !next.is_ready() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let _ = next.push(&event("1.1.0")).await.unwrap();
            let all = world.list(&IMAGE_UPDATE).await;
            assert_eq!(all.len(), 1, "{nth} {moment:?}: {all:#?}");
            let update = until(&world, text(&all[0], "/metadata/name"), Phase::Promoted).await;
            // Each writing marks the template with its time: two of them would have made two sets of pods.
            let sets = world.list(&REPLICA_SET).await;
            let hashed = sets.iter().filter(|set| set["metadata"]["labels"][serinus_wire::keys::HASH].is_string());
            assert_eq!(hashed.count(), 2, "{nth} {moment:?}: {update:#}");
            running.stop().await;
            drop(updates);
            assert!(died || nth > 8, "the {nth}th write never came");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_tracked_and_who_is_not() {
    let (world, updates, running) = world(json!({})).await;
    assert_eq!(updates.push(&event("1.1.0")).await.unwrap(), []);
    let told = updates.explain(&event("1.1.0")).unwrap();
    let outcome = |name: &str| told.iter().find(|told| told.name == name).unwrap().outcome.clone();
    assert!(matches!(outcome(STABLE), Outcome::Apart(why) if why.contains("keel.sh/policy")));
    assert!(matches!(outcome(seed::NAME), Outcome::Apart(_)));
    // A StatefulSet, and a Rollout with a template of its own.
    let template =
        json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db:1.0"}]}});
    let stateful = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": NS, "annotations": {"keel.sh/policy": "all"}},
        "spec": {"serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}});
    let stateful_set =
        serinus_cluster::client::Resource { group: "apps", version: "v1", kind: "StatefulSet", plural: "statefulsets" };
    world.create(&stateful_set, stateful).await;
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "own", "namespace": NS, "labels": {"keel.sh/policy": "all"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "own"}},
            "template": {"metadata": {"labels": {"app": "own"}}, "spec": {"containers": [{"name": "db", "image": "db:1.0"}]}},
            "strategy": {"canary": {}}}});
    world.create(&ROLLOUT, rollout).await;
    world.until(&ROLLOUT, "own", 30, |rollout| text(rollout, "/status/phase") == "Healthy").await;
    let event = Event::new("db:1.1", None, "quay", "").unwrap();
    let told = updates.push(&event).await.unwrap();
    let kinds: Vec<&str> = told.iter().map(|told| told.kind.word()).collect();
    assert_eq!(kinds, ["Rollout", "StatefulSet"]);
    for told in told {
        let name = proposed(told.outcome);
        let phase = if told.kind.word() == "Rollout" { Phase::Promoted } else { Phase::RollingOut };
        until(&world, &name, phase).await;
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_is_missing_is_asked_for_ever_more_seldom_and_found_once_it_is_there() {
    let world = World::new().await;
    let tap = Tap::default();
    let (updates, running) = start(&world, &tap);
    let asked = || tap.listed().iter().filter(|path| path.ends_with("/imageupdates")).count();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let of_an_hour = asked();
    assert!((30..45).contains(&of_an_hour), "asked {of_an_hour} times in an hour");
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    tokio::time::sleep(Duration::from_secs(121)).await;
    let found = asked();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((found, asked()), (of_an_hour + 1, of_an_hour + 1), "found, and watched from then on");
    assert!(updates.is_ready());
    running.stop().await;
}

/// Thousands of writes at once would take as many connections, and asking for what another request has just written would double them.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pushes_is_written_in_turn() {
    const WORKLOADS: usize = 200;
    let world = World::new().await;
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    for n in 0..WORKLOADS {
        let labels = json!({"app": format!("web-{n}")});
        let pods = json!({"containers": [{"name": "app", "image": format!("r.io/web-{n}:1.0.0")}]});
        let annotations = json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": format!("web-{n}"), "namespace": NS, "annotations": annotations},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pods}}});
        world.create(&DEPLOYMENT, deployment).await;
    }
    let [flying, most, asked] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let (service, now, peak, count) = (world.model.service(), flying.clone(), most.clone(), asked.clone());
    let slow = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (mut service, now, peak, count) = (service.clone(), now.clone(), peak.clone(), count.clone());
        async move {
            let path = request.uri().path();
            let writes = request.method() == http::Method::POST && path.ends_with("/imageupdates");
            let reads = request.method() == http::Method::GET && path.contains("/imageupdates/");
            count.fetch_add((writes || reads).into(), Ordering::Relaxed);
            if writes {
                peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                now.fetch_sub(1, Ordering::Relaxed);
            }
            tower::Service::call(&mut service, request).await
        }
    });
    let updates = Updates::default();
    let handle = updates.clone();
    let running = world.start_over(serinus_decide::decide, slow, |options| options.updates = Some(handle));
    while updates.workloads().len() < WORKLOADS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Each is told three times, all of them at once.
    let pushes = (0..3 * WORKLOADS).map(|n| {
        let event = Event::new(&format!("r.io/web-{}:1.1.0", n / 3), None, "native", "").unwrap();
        let updates = updates.clone();
        async move { updates.push(&event).await.unwrap().len() }
    });
    assert_eq!(futures::future::join_all(pushes).await.iter().sum::<usize>(), 3 * WORKLOADS);
    assert_eq!(asked.load(Ordering::Relaxed), WORKLOADS, "one request for each change, however often it was told");
    assert_eq!(world.list(&IMAGE_UPDATE).await.len(), WORKLOADS, "each is in the cluster, once");
    // Their senders waited for this, and nobody for what is said about each: that comes when it is quiet again.
    let said = |update: &Value| text(update, "/status/message").starts_with("waits for approval");
    let soon = world.list(&IMAGE_UPDATE).await.iter().filter(|update| said(update)).count();
    assert!((1..=40).contains(&soon), "{soon} were looked after beside the flood");
    for update in world.list(&IMAGE_UPDATE).await {
        world.until(&IMAGE_UPDATE, text(&update, "/metadata/name"), 32, said).await;
    }
    let most = most.load(Ordering::Relaxed);
    assert!((2..=32).contains(&most), "{most} were written at the same time");
    running.stop().await;
}

/// The server may have got it or not: whoever tells of it next is not told that it is there before somebody has looked.
#[tokio::test(start_paused = true)]
async fn a_sender_who_hangs_up_leaves_nothing_that_others_believe_in() {
    let world = World::new().await;
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    seed::apply(&world).await;
    world
        .patch(
            &DEPLOYMENT,
            STABLE,
            json!({"metadata": {"annotations": {"keel.sh/policy": "all", "keel.sh/approvals": "1"}}}),
        )
        .await;
    let (service, created) = (world.model.service(), Arc::new(AtomicUsize::new(0)));
    let silent_once = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (mut service, created) = (service.clone(), created.clone());
        async move {
            let creates = request.method() == http::Method::POST && request.uri().path().ends_with("/imageupdates");
            if creates && created.fetch_add(1, Ordering::Relaxed) == 0 {
                futures::future::pending::<()>().await;
            }
            tower::Service::call(&mut service, request).await
        }
    });
    let updates = Updates::default();
    let handle = updates.clone();
    let running = world.start_over(serinus_decide::decide, silent_once, |options| options.updates = Some(handle));
    while updates.workloads().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let hung_up = tokio::time::timeout(Duration::from_secs(5), push(&updates, "1.0.1")).await;
    assert!(hung_up.is_err(), "the server is silent");
    let name = proposed(push(&updates, "1.0.1").await);
    assert_eq!(text(&world.get(&IMAGE_UPDATE, &name).await, "/spec/tag"), "1.0.1");
    running.stop().await;
}
