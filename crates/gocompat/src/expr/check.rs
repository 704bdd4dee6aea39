//! What can be told before anything is evaluated: unknown names, and operators that do not go with the types at hand.
//!
//! The library knows the type of `result` when it compiles a condition, so `result == "ok"` over a number is an error there
//! and not `false`. What sits inside maps and mixed lists has no known type until it is looked at.

use super::ast::{Binary, Kind, Node, Unary};
use super::{Env, Fault, Value, builtins, parser};

/// What is known of a value's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Unknown,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    List,
    /// A list of floating numbers.
    Floats,
    /// A list that was written down, of whole numbers only.
    Ints,
    /// A list that was written down, of texts only.
    Texts,
    Map,
    Time,
    Duration,
}

impl Type {
    fn of(value: &Value) -> Type {
        match value {
            Value::Nil => Type::Nil,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Text(_) => Type::Text,
            Value::List(_) => Type::List,
            Value::Floats(_) => Type::Floats,
            Value::Map(_) => Type::Map,
            Value::Time(_) => Type::Time,
            Value::Duration(_) => Type::Duration,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Type::Unknown => "unknown",
            Type::Nil => "nil",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Float => "float64",
            Type::Text => "string",
            Type::List => "[]interface {}",
            Type::Floats => "[]float64",
            Type::Ints => "[]int",
            Type::Texts => "[]string",
            Type::Map => "map[string]interface {}",
            Type::Time => "time.Time",
            Type::Duration => "time.Duration",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float)
    }
    fn is_list(self) -> bool {
        matches!(self, Type::List | Type::Floats | Type::Ints | Type::Texts)
    }
    /// The type of a list's items.
    fn item(self) -> Type {
        match self {
            Type::Floats => Type::Float,
            Type::Ints => Type::Int,
            Type::Texts => Type::Text,
            _ => Type::Unknown,
        }
    }
    /// The type of a list with these items.
    fn list(items: &[Type]) -> Type {
        match items.first() {
            Some(first) if items.iter().any(|item| item != first) => Type::List,
            Some(Type::Int) => Type::Ints,
            Some(Type::Text) => Type::Texts,
            Some(Type::Float) => Type::Floats,
            _ => Type::List,
        }
    }
}

/// What is wrong with an expression before it is evaluated.
pub fn check(node: &Node, env: &Env) -> Result<(), Fault> {
    Checker { env, names: Vec::new(), items: Vec::new() }.visit(node).map(drop)
}

struct Checker<'a> {
    env: &'a Env,
    names: Vec<(String, Type)>,
    /// Types of the items that predicates look at.
    items: Vec<Type>,
}

impl Checker<'_> {
    fn visit(&mut self, node: &Node) -> Result<Type, Fault> {
        Ok(match &node.kind {
            Kind::Literal(value) => Type::of(value),
            Kind::Name(name) => return self.name(name, node.at),
            Kind::Pointer(super::ast::Pointer::Item) => self.items.last().copied().unwrap_or(Type::Unknown),
            Kind::Pointer(super::ast::Pointer::Index) => Type::Int,
            Kind::Pointer(super::ast::Pointer::Accumulated) => Type::Unknown,
            Kind::Unary(operator, operand) => {
                let operand = self.visit(operand)?;
                return unary(*operator, operand, node.at);
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.visit(left)?, self.visit(right)?);
                return binary(*operator, left, right, node.at);
            }
            Kind::Member { base, key, .. } => {
                let (base, key_type) = (self.visit(base)?, self.visit(key)?);
                return member(base, key, key_type, node.at);
            }
            Kind::Slice(base, ..) => {
                self.children(node)?;
                self.visit(base)?
            }
            Kind::Call(name, arguments) => {
                self.children(node)?;
                self.call(name, arguments.len(), node.at)?;
                result_of(name)
            }
            Kind::Over { name, list, body, rest } => return self.over(node.at, name, list, body.as_deref(), rest),
            Kind::Conditional(condition, yes, no) => {
                let condition = self.visit(condition)?;
                if !matches!(condition, Type::Bool | Type::Unknown) {
                    let text = format!("non-bool expression (type {}) used as condition", condition.name());
                    return Err(Fault::new(node.at, text));
                }
                let (yes, no) = (self.visit(yes)?, self.visit(no)?);
                if yes == no { yes } else { Type::Unknown }
            }
            Kind::Let(name, value, body) => {
                let value = self.visit(value)?;
                self.names.push((name.clone(), value));
                let body = self.visit(body);
                self.names.pop();
                return body;
            }
            Kind::Sequence(first, second) => {
                self.visit(first)?;
                return self.visit(second);
            }
            Kind::Chain(inner) => {
                self.visit(inner)?;
                Type::Unknown
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.visit(item)).collect::<Result<Vec<_>, _>>()?;
                Type::list(&items)
            }
            Kind::Map(_) => {
                self.children(node)?;
                Type::Map
            }
            Kind::Method(..) => {
                self.children(node)?;
                Type::Unknown
            }
        })
    }

    fn children(&mut self, node: &Node) -> Result<(), Fault> {
        for child in parser::children(&node.kind) {
            self.visit(child)?;
        }
        Ok(())
    }

    fn name(&self, name: &str, at: usize) -> Result<Type, Fault> {
        if name == "$env" {
            return Ok(Type::Map);
        }
        if let Some((_, kind)) = self.names.iter().rev().find(|(known, _)| known == name) {
            return Ok(*kind);
        }
        match self.env.values.get(name) {
            Some(value) => Ok(Type::of(value)),
            None => Err(Fault::new(at, format!("unknown name {name}"))),
        }
    }

    fn call(&self, name: &str, given: usize, at: usize) -> Result<(), Fault> {
        if self.env.functions.contains_key(name) {
            return Ok(());
        }
        match builtins::arity(name, given) {
            Some(fits) => fits.map_err(|message| Fault::new(at, message)),
            None => Err(Fault::new(at, format!("unknown name {name}"))),
        }
    }

    fn over(&mut self, at: usize, name: &str, list: &Node, body: Option<&Node>, rest: &[Node]) -> Result<Type, Fault> {
        let list = self.visit(list)?;
        if !(list.is_list() || list == Type::Unknown) {
            return Err(Fault::new(at, format!("builtin {name} takes only array (got {})", list.name())));
        }
        for node in rest {
            self.visit(node)?;
        }
        if let Some(body) = body {
            self.items.push(list.item());
            let body_type = self.visit(body);
            self.items.pop();
            let decides = !matches!(name, "map" | "sum" | "groupBy" | "sortBy" | "reduce");
            match body_type? {
                Type::Bool | Type::Unknown => {}
                other if decides => {
                    return Err(Fault::new(at, format!("predicate should return boolean (got {})", other.name())));
                }
                _ => {}
            }
        }
        Ok(match name {
            "all" | "none" | "any" | "one" => Type::Bool,
            "filter" | "map" | "sortBy" => Type::List,
            "count" => Type::Int,
            "groupBy" => Type::Map,
            _ => Type::Unknown,
        })
    }
}

/// Types of the functions whose answer always has one.
fn result_of(name: &str) -> Type {
    match name {
        "len" | "int" | "indexOf" | "lastIndexOf" | "asInt" => Type::Int,
        "float" | "asFloat" | "ceil" | "floor" | "round" => Type::Float,
        "string" | "type" | "trim" | "trimPrefix" | "trimSuffix" | "upper" | "lower" | "replace" | "repeat"
        | "join" | "toJSON" | "toBase64" | "fromBase64" => Type::Text,
        "hasPrefix" | "hasSuffix" | "isNaN" | "isInf" | "isNil" => Type::Bool,
        "now" | "date" => Type::Time,
        "duration" => Type::Duration,
        "keys" | "values" | "toPairs" | "split" | "splitAfter" | "concat" | "flatten" | "uniq" => Type::List,
        _ => Type::Unknown,
    }
}

fn unary(operator: Unary, operand: Type, at: usize) -> Result<Type, Fault> {
    let sign = match operator {
        Unary::Not => "!",
        Unary::Minus => "-",
        Unary::Plus => "+",
    };
    match (operator, operand) {
        (Unary::Not, Type::Bool | Type::Unknown) => Ok(Type::Bool),
        (Unary::Minus, Type::Duration) => Ok(Type::Duration),
        (Unary::Minus | Unary::Plus, Type::Int | Type::Float | Type::Unknown) => Ok(operand),
        _ => Err(Fault::new(at, format!("invalid operation: {sign} (mismatched type {})", operand.name()))),
    }
}

fn binary(operator: Binary, left: Type, right: Type, at: usize) -> Result<Type, Fault> {
    use Type::{Bool, Duration, Int, Text, Time, Unknown};
    let unknown = left == Unknown || right == Unknown;
    let numbers = left.is_number() && right.is_number();
    let both = |kind: Type| left == kind && right == kind;
    let either = |fits: fn(Type) -> bool| (fits(left) || left == Unknown) && (fits(right) || right == Unknown);
    let answer = match operator {
        Binary::Equal | Binary::Unequal => {
            let nil = left == Type::Nil || right == Type::Nil;
            (unknown || nil || numbers || left == right || (left.is_list() && right.is_list())).then_some(Bool)
        }
        Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual => {
            let ordered = |kind: Type| kind.is_number() || matches!(kind, Text | Time | Duration);
            let fits = numbers || both(Text) || both(Time) || both(Duration) || (unknown && either(ordered));
            fits.then_some(Bool)
        }
        Binary::Or | Binary::And => either(|kind| kind == Bool).then_some(Bool),
        Binary::Contains | Binary::StartsWith | Binary::EndsWith | Binary::Matches => {
            either(|kind| kind == Text).then_some(Bool)
        }
        Binary::In => {
            let item = right.item();
            let alike = left == Unknown || item == Unknown || left == item || (left.is_number() && item.is_number());
            ((right.is_list() && alike) || matches!(right, Unknown | Type::Map)).then_some(Bool)
        }
        Binary::Range => either(|kind| kind == Int).then_some(Type::List),
        Binary::Coalesce => Some(if left == right { left } else { Unknown }),
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder | Binary::Power => {
            arithmetic(operator, left, right)
        }
    };
    let text =
        || format!("invalid operation: {} (mismatched types {} and {})", operator.sign(), left.name(), right.name());
    answer.ok_or_else(|| Fault::new(at, text()))
}

fn arithmetic(operator: Binary, left: Type, right: Type) -> Option<Type> {
    use Type::{Duration, Float, Int, Text, Time, Unknown};
    let takes = |kind: Type| kind.is_number() || matches!(kind, Unknown | Text | Time | Duration);
    match (operator, left, right) {
        (Binary::Remainder, Int, Int) => Some(Int),
        (Binary::Remainder, Int | Unknown, Int | Unknown) => Some(Int),
        (Binary::Remainder, ..) => None,
        (Binary::Divide | Binary::Power, Int | Float | Unknown, Int | Float | Unknown) => Some(Float),
        (_, Int, Int) => Some(Int),
        (Binary::Add | Binary::Subtract | Binary::Multiply, Int | Float, Int | Float) => Some(Float),
        (Binary::Add, Text, Text) => Some(Text),
        (Binary::Add | Binary::Subtract, Time, Duration) | (Binary::Add, Duration, Time) => Some(Time),
        (Binary::Subtract, Time, Time) => Some(Duration),
        (Binary::Add | Binary::Subtract, Duration, Duration) => Some(Duration),
        (Binary::Multiply, Duration, Int | Float) | (Binary::Multiply, Int | Float, Duration) => Some(Duration),
        (Binary::Add | Binary::Subtract | Binary::Multiply, Unknown, other)
        | (Binary::Add | Binary::Subtract | Binary::Multiply, other, Unknown) => takes(other).then_some(Unknown),
        _ => None,
    }
}

fn member(base: Type, key: &Node, key_type: Type, at: usize) -> Result<Type, Fault> {
    match (base, key_type) {
        (Type::Unknown, _) | (Type::Map, Type::Text | Type::Unknown) => Ok(Type::Unknown),
        (Type::List | Type::Floats | Type::Ints | Type::Texts, Type::Int | Type::Unknown) => Ok(base.item()),
        (Type::Map, other) => {
            Err(Fault::new(at, format!("cannot use {} to get an element from map[string]interface {{}}", other.name())))
        }
        (Type::List | Type::Floats | Type::Ints | Type::Texts, other) => {
            Err(Fault::new(at, format!("array elements can only be selected using an integer (got {})", other.name())))
        }
        (base, _) => Err(Fault::new(
            at,
            match &key.kind {
                Kind::Literal(Value::Text(name)) => format!("type {} has no field {name}", base.name()),
                _ => format!("type {}[{}] is undefined", base.name(), key_type.name()),
            },
        )),
    }
}
