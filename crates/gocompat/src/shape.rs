//! The JSON shape of Go structs: which fields there are, in which order they are written, and which vanish when empty.
//!
//! The shapes are data. `data/pod-template.fields` is made by reflection over Kubernetes' own types (`lab/oracle`);
//! `data/canary-steps.fields` is written by hand. Each paragraph is a struct, each line `name type [omitempty|omitzero]`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// `core/v1` PodTemplateSpec.
pub static POD_TEMPLATE: LazyLock<Shape> =
    LazyLock::new(|| Shape::read(&[include_str!("../data/pod-template.fields")], "PodTemplateSpec"));

/// `strategy.canary.steps` of a Rollout.
pub static CANARY_STEPS: LazyLock<Shape> = LazyLock::new(|| {
    Shape::read(
        &[include_str!("../data/pod-template.fields"), include_str!("../data/canary-steps.fields")],
        "[]CanaryStep",
    )
});

/// Structs, and the type to begin with.
pub struct Shape {
    structs: Vec<Vec<Field>>,
    root: Type,
}

/// One field of a struct.
pub struct Field {
    /// Its key in JSON.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// When it vanishes.
    pub omit: Omit,
}

/// When a field is not written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Omit {
    /// Always written.
    Never,
    /// Not written when it is false, zero, empty or nil. A struct is none of these.
    Empty,
    /// Not written when it is Go's zero value; a struct may be that.
    Zero,
}

/// A Go type, as far as JSON cares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Type {
    /// Text.
    String,
    /// Truth value.
    Bool,
    /// Whole number with 32 bits.
    Int32,
    /// Whole number with 64 bits.
    Int64,
    /// `resource.Quantity`.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `meta.Time`.
    Time,
    /// JSON as it came.
    Any,
    /// May be nil.
    Pointer(Box<Type>),
    /// In order.
    List(Box<Type>),
    /// By key, sorted.
    Map(Box<Type>),
    /// By value; the number is for [`Shape::fields`].
    Struct(usize),
}

impl Shape {
    /// The type to begin with.
    pub fn root(&self) -> &Type {
        &self.root
    }

    /// Fields of a struct in the order they are written.
    pub fn fields(&self, number: usize) -> &[Field] {
        self.structs.get(number).map_or(&[], Vec::as_slice)
    }

    fn read(sources: &[&str], root: &str) -> Shape {
        let lines = || sources.iter().flat_map(|source| source.lines()).filter(|line| !line.starts_with('#'));
        let names = lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
        let numbers: BTreeMap<&str, usize> = names.enumerate().map(|(number, name)| (name, number)).collect();
        let mut structs: Vec<Vec<Field>> = Vec::new();
        for line in lines().filter(|line| !line.is_empty()) {
            match (line.strip_prefix(' '), structs.last_mut()) {
                (Some(field), Some(fields)) => fields.push(Field::read(field, &numbers)),
                _ => structs.push(Vec::new()),
            }
        }
        Shape { structs, root: Type::read(root, &numbers) }
    }
}

impl Field {
    fn read(line: &str, numbers: &BTreeMap<&str, usize>) -> Field {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_string();
        let kind = Type::read(words.next().unwrap_or_default(), numbers);
        let omit = words.fold(Omit::Never, |omit, word| match (omit, word) {
            // Zero goes further than empty for the structs that carry both.
            (Omit::Zero, _) | (_, "omitzero") => Omit::Zero,
            (_, "omitempty") => Omit::Empty,
            (omit, _) => omit,
        });
        Field { name, kind, omit }
    }
}

impl Type {
    fn read(text: &str, numbers: &BTreeMap<&str, usize>) -> Type {
        let inner = |rest| Box::new(Type::read(rest, numbers));
        if let Some(rest) = text.strip_prefix('*') {
            Type::Pointer(inner(rest))
        } else if let Some(rest) = text.strip_prefix("[]") {
            Type::List(inner(rest))
        } else if let Some(rest) = text.strip_prefix("map[string]") {
            Type::Map(inner(rest))
        } else if let Some(number) = numbers.get(text) {
            Type::Struct(*number)
        } else {
            match text {
                "string" => Type::String,
                "bool" => Type::Bool,
                "int32" => Type::Int32,
                "int64" => Type::Int64,
                "Quantity" => Type::Quantity,
                "IntOrString" => Type::IntOrString,
                "Time" => Type::Time,
                _ => Type::Any,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    /// `any` is what an unknown name would silently become.
    #[test]
    fn every_type_in_the_tables_is_known() {
        let sources = [include_str!("../data/pod-template.fields"), include_str!("../data/canary-steps.fields")];
        let scalars = ["string", "bool", "int32", "int64", "Quantity", "IntOrString", "Time", "any"];
        let lines = || sources.iter().flat_map(|source| source.lines());
        for line in lines().filter(|line| line.starts_with(' ')) {
            let kind = line.split_whitespace().nth(1).unwrap();
            let base = kind.rsplit(['*', ']']).next().unwrap();
            assert!(scalars.contains(&base) || lines().any(|other| other == base), "{line}");
        }
    }
}
