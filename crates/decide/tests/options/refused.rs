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

fn assert_only_status(world: &World) {
    for write in world.plan().writes() {
        assert!(write.target.kind == Kind::Rollout && matches!(write.op, Op::PatchStatus(_)), "{write:?}");
    }
}
