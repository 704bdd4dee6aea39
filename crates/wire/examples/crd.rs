//! Prints the CustomResourceDefinition of Rollouts, for `kubectl apply --server-side -f -`.

fn main() {
    println!("{}", serinus_wire::crd::rollout());
}
