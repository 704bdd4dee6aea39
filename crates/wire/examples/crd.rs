//! Prints the CustomResourceDefinitions of argoproj.io, for `kubectl apply --server-side -f -`.

fn main() {
    println!("{}", serinus_wire::crd::list());
}
