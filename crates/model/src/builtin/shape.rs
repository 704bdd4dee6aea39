//! The fields of the built-in kinds: data made from Kubernetes' own types by `lab/oracle/kinds`.
//!
//! Each paragraph is a struct, each line `number name type [always] [patch=…] [list=…|set] [atomic]`. `atomic`
//! after a name or a field: server-side apply takes it as one piece.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// All structs.
pub static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::read(include_str!("../../data/kubernetes.kinds")));

/// Structs by name, for example `apps.v1.Deployment`.
pub struct Shapes {
    structs: Vec<Struct>,
    names: BTreeMap<String, usize>,
}

/// One struct.
#[derive(Debug, Default)]
pub struct Struct {
    /// For example `DeploymentSpec`.
    pub name: String,
    /// Whether server-side apply takes it as one piece.
    pub atomic: bool,
    /// As protobuf has them: an embedded struct is a message of its own, with an empty name.
    pub wire: Vec<Field>,
    /// As JSON has them: embedded structs are spelled out in place.
    pub json: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its protobuf number.
    pub number: u64,
    /// Its key in JSON.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Whether it is written even when it has Go's zero value.
    pub always: bool,
    /// Key by which a strategic merge patch tells items apart; empty for a list of scalars that merges as a set.
    pub merge: Option<String>,
    /// How server-side apply merges the list.
    pub list: Vec<String>,
    /// Whether server-side apply merges the list as a set.
    pub set: bool,
    /// Whether server-side apply takes the map as one piece.
    pub atomic: bool,
}

/// A type, as JSON and protobuf see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// Truth value.
    Bool,
    /// Whole number of so many bits.
    Int(u32),
    /// Bytes, base64 in JSON.
    Bytes,
    /// `resource.Quantity`.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `metav1.Time`: whole seconds.
    Time,
    /// `metav1.MicroTime`.
    MicroTime,
    /// Any JSON, kept as it is.
    Raw,
    /// Absent, or a value.
    Pointer(Box<Type>),
    /// A list.
    List(Box<Type>),
    /// A map with text keys.
    Map(Box<Type>),
    /// A struct, by its number.
    Struct(usize),
}

impl Shapes {
    fn read(text: &str) -> Shapes {
        let paragraphs: Vec<(&str, bool, Vec<&str>)> = text
            .split("\n\n")
            .filter_map(|paragraph| {
                let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
                let title = lines.next()?;
                Some((title.trim_end_matches(" atomic"), title.ends_with(" atomic"), lines.collect()))
            })
            .collect();
        let names: BTreeMap<String, usize> =
            paragraphs.iter().enumerate().map(|(at, (name, ..))| ((*name).to_string(), at)).collect();
        let mut structs: Vec<Struct> = paragraphs
            .iter()
            .map(|(name, atomic, lines)| Struct {
                name: name.rsplit('.').next().unwrap_or(name).to_string(),
                atomic: *atomic,
                wire: lines.iter().filter_map(|line| field(line, &names)).collect(),
                json: Vec::new(),
            })
            .collect();
        let flat: Vec<Vec<Field>> = structs.iter().map(|one| flatten(&one.wire, &structs)).collect();
        for (one, json) in structs.iter_mut().zip(flat) {
            one.json = json;
        }
        Shapes { structs, names }
    }

    /// The type of a kind of a group; absent: the table does not have it.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<Type> {
        let short = group.split('.').next().filter(|short| !short.is_empty()).unwrap_or("core");
        self.of_name(&format!("{short}.v1.{kind}"))
    }
    /// A type by the name of its struct.
    pub fn of_name(&self, name: &str) -> Option<Type> {
        self.names.get(name).map(|at| Type::Struct(*at))
    }
    /// The full name of the struct with this number.
    pub fn name_of(&self, number: usize) -> &str {
        self.names.iter().find(|(_, at)| **at == number).map_or("", |(name, _)| name)
    }
    /// The struct with this number.
    pub fn get(&self, number: usize) -> &Struct {
        &self.structs[number]
    }
    /// Every struct with its full name.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = (&str, &Struct)> {
        self.names.iter().map(|(name, at)| (name.as_str(), &self.structs[*at]))
    }
}

impl Struct {
    /// A field by its key in JSON.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.json.iter().find(|field| field.name == name)
    }
}

fn flatten(fields: &[Field], structs: &[Struct]) -> Vec<Field> {
    let mut flat = Vec::new();
    for field in fields {
        match field.kind {
            Type::Struct(inner) if field.name.is_empty() => flat.extend(flatten(&structs[inner].wire, structs)),
            _ => flat.push(field.clone()),
        }
    }
    flat
}

fn field(line: &str, names: &BTreeMap<String, usize>) -> Option<Field> {
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let name = words.next()?.trim_matches(['<', '>']);
    let name = if name == "inline" { "" } else { name };
    let mut rest: Vec<&str> = words.collect();
    // A map is two words: `map string`.
    let length = 1 + usize::from(rest.first().is_some_and(|word| word.ends_with("map")));
    let marks = rest.split_off(length.min(rest.len()));
    let of = |prefix: &str| marks.iter().find_map(|mark| mark.strip_prefix(prefix));
    let merge = of("patch=")
        .filter(|patch| patch.contains("merge"))
        .map(|patch| patch.split_once(':').map_or(String::new(), |(_, key)| key.to_string()));
    Some(Field {
        number,
        name: name.to_string(),
        kind: kind(&rest.join(" "), names),
        always: marks.contains(&"always"),
        merge,
        list: of("list=").map(|keys| keys.split(',').map(str::to_string).collect()).unwrap_or_default(),
        set: marks.contains(&"set"),
        atomic: marks.contains(&"atomic"),
    })
}

fn kind(text: &str, names: &BTreeMap<String, usize>) -> Type {
    for (prefix, wrap) in [("*", Type::Pointer as fn(Box<Type>) -> Type), ("[]", Type::List), ("map ", Type::Map)] {
        if let Some(inner) = text.strip_prefix(prefix) {
            return wrap(Box::new(kind(inner, names)));
        }
    }
    match text {
        "string" => Type::Text,
        "bool" => Type::Bool,
        "int32" => Type::Int(32),
        "int64" => Type::Int(64),
        "bytes" => Type::Bytes,
        "Quantity" => Type::Quantity,
        "IntOrString" => Type::IntOrString,
        "Time" => Type::Time,
        "MicroTime" => Type::MicroTime,
        name => names.get(name).map_or(Type::Raw, |at| Type::Struct(*at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let Some(Type::Struct(at)) = SHAPES.of_kind("apps", "Deployment") else { panic!("Deployment") };
        let Some(Type::Struct(spec)) = SHAPES.get(at).field("spec").map(|field| field.kind.clone()) else {
            panic!("spec")
        };
        let spec = SHAPES.get(spec);
        assert_eq!((spec.name.as_str(), spec.json.len()), ("DeploymentSpec", 8));
        assert_eq!(
            spec.field("replicas").map(|f| (&f.kind, f.always)),
            Some((&Type::Pointer(Box::new(Type::Int(32))), false))
        );
        let selector = spec.field("selector").expect("selector");
        assert!(selector.always && SHAPES.all().any(|(name, one)| name == "meta.v1.LabelSelector" && one.atomic));
        let ports = SHAPES.all().find(|(name, _)| *name == "core.v1.Container").and_then(|(_, one)| one.field("ports"));
        assert_eq!(
            ports.map(|f| (f.merge.as_deref(), f.list.join(","))),
            Some((Some("containerPort"), "containerPort,protocol".into()))
        );
        let raw: Vec<String> = SHAPES
            .all()
            .flat_map(|(name, one)| {
                one.wire.iter().filter(|f| f.kind == Type::Raw).map(move |f| format!("{name}.{}", f.name))
            })
            .collect();
        assert_eq!(raw, ["apps.v1.ControllerRevision.data"], "every other type is known");
    }
}
