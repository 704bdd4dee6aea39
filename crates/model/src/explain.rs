//! OpenAPI schemas of the kinds, for `kubectl explain`: the built-in ones from the table of types, custom ones as they were defined.

use crate::builtin::shape::{SHAPES, Type};
use crate::catalogue::{Kind, Shape};
use crate::object::Fields;
use serde_json::{Map, Value, json};

/// Adds the schema of a kind, and of every struct that it is made of.
pub fn describe(kind: &Kind, identity: Value, schemas: &mut Map<String, Value>) {
    match &kind.shape {
        Shape::Typed(shape) => {
            if let Type::Struct(at) = shape {
                add(*at, schemas);
                if let Some(schema) = schemas.get_mut(&name_of(*at)) {
                    schema.put(&["x-kubernetes-group-version-kind"], json!([identity]));
                    for field in ["apiVersion", "kind"] {
                        schema.put(&["properties", field], json!({"type": "string"}));
                    }
                }
            }
        }
        Shape::Custom(schema, _) => {
            let mut schema = schema.raw().clone();
            schema.put(&["x-kubernetes-group-version-kind"], json!([identity]));
            schemas.insert(format!("{}.{}.{}", kind.resource.group, kind.version, kind.kind), schema);
        }
        Shape::Builtin(_) => {
            let schema = json!({"type": "object", "x-kubernetes-group-version-kind": [identity]});
            schemas.insert(format!("{}.{}.{}", kind.resource.group, kind.version, kind.kind), schema);
        }
    }
}

fn name_of(at: usize) -> String {
    let known = SHAPES.name_of(at);
    if known.starts_with("meta.") {
        format!("io.k8s.apimachinery.pkg.apis.{known}")
    } else {
        format!("io.k8s.api.{known}")
    }
}

fn add(at: usize, schemas: &mut Map<String, Value>) {
    let name = name_of(at);
    if schemas.contains_key(&name) {
        return;
    }
    schemas.insert(name.clone(), Value::Null);
    let fields = SHAPES.get(at).json.iter();
    let properties: Map<String, Value> =
        fields.map(|field| (field.name.clone(), schema_of(&field.kind, schemas))).collect();
    schemas.insert(name, json!({"type": "object", "properties": properties}));
}

fn schema_of(kind: &Type, schemas: &mut Map<String, Value>) -> Value {
    match kind {
        Type::Text | Type::Quantity => json!({"type": "string"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int(bits) => json!({"type": "integer", "format": format!("int{bits}")}),
        Type::Bytes => json!({"type": "string", "format": "byte"}),
        Type::IntOrString => json!({"type": "string", "format": "int-or-string"}),
        Type::Time | Type::MicroTime => json!({"type": "string", "format": "date-time"}),
        Type::Raw => json!({"type": "object"}),
        Type::Pointer(inner) => schema_of(inner, schemas),
        Type::List(inner) => json!({"type": "array", "items": schema_of(inner, schemas)}),
        Type::Map(inner) => json!({"type": "object", "additionalProperties": schema_of(inner, schemas)}),
        Type::Struct(at) => {
            add(*at, schemas);
            json!({"allOf": [{"$ref": format!("#/components/schemas/{}", name_of(*at))}]})
        }
    }
}
