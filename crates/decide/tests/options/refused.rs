//! What can't be acted on is named, and pods and traffic stay as they are.

use crate::world::World;
use crate::{routed, set_image};
use serde_json::{Value, json};
use serinus_decide::{Kind, Op};

#[test]
fn a_plugin_that_is_not_built_in_is_named() {
    let steps = json!([{"setWeight": 20}, {"plugin": {"name": "acme/check", "config": {"any": ["thing"]}}}]);
    let table: [(Value, &str); 3] = [
        (
            json!({"trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web"}}}}),
            "spec.strategy.canary.trafficRouting.plugins[argoproj-labs/gatewayAPI]: Forbidden: the plugin \"argoproj-labs/gatewayAPI\" is not built in",
        ),
        (
            json!({"steps": steps}),
            "spec.strategy.canary.steps[1].plugin.name: Forbidden: the plugin \"acme/check\" is not built in",
        ),
        (
            json!({"steps": [{"setHeaderRoute": {"name": "h"}}]}),
            "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix",
        ),
    ];
    for (change, text) in table {
        let mut world = routed(json!({"steps": [{"setWeight": 40}, {"pause": {}}]}));
        world.run();
        set_image(&mut world, "web:2");
        world.run();
        let before = (world.sizes(), world.canary_weight(), world.selected("web-canary"));
        world.edit_rollout(&json!({"spec": {"strategy": {"canary": change}}}), false);
        assert_only_status(&world);
        world.run();
        assert_eq!(world.phase(), "Degraded");
        let message = &world.seen.rollout.status.message;
        assert!(message.contains(text), "{message}");
        assert_eq!((world.sizes(), world.canary_weight(), world.selected("web-canary")), before);
    }
}

/// With what is left of it, something else would be measured.
#[test]
fn an_analysis_template_that_can_not_be_read_is_named_with_its_field() {
    let metric = json!({"name": "m", "count": {"at": "once"}, "provider": {"web": {"url": "http://h/"}}});
    let analysis = json!({"analysis": {"templates": [{"templateName": "checks"}]}});
    let mut world = routed(json!({"steps": [{"setWeight": 40}, analysis]}));
    world.add_template("checks", &json!({"metrics": [metric]}));
    assert_only_status(&world);
    world.run();
    let message = &world.seen.rollout.status.message;
    assert!(message.contains("AnalysisTemplate 'checks': spec.metrics[0].count: Invalid value"), "{message}");
    assert!(message.ends_with("(correct the template)"), "{message}");
}

fn assert_only_status(world: &World) {
    for write in world.plan().writes() {
        assert!(write.target.kind == Kind::Rollout && matches!(write.op, Op::PatchStatus(_)), "{write:?}");
    }
}
