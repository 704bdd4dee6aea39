//! Evaluation, with a bound on steps and on what is held.

use super::ast::{Binary, Kind, Node, Pointer, Unary};
use super::{Env, Fault, Value, builtins, operators};
use crate::regex::{self, Regex};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Steps that an expression may take.
const MOST_STEPS: u64 = 1_000_000;
/// Items and bytes that it may make.
const MOST_MADE: u64 = 1_000_000;

/// Why an evaluation does not go on.
enum Stop {
    Fault(Fault),
    /// `?.` met nothing: the rest of the chain is nothing.
    Nothing,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// What a predicate looks at.
struct Scope {
    item: Value,
    index: usize,
    accumulated: Value,
}

/// Evaluates one expression.
pub struct Machine<'a> {
    env: &'a Env,
    scopes: Vec<Scope>,
    names: Vec<(String, Value)>,
    steps: u64,
    made: u64,
    patterns: BTreeMap<String, Regex>,
}

impl<'a> Machine<'a> {
    /// A machine that has done nothing yet.
    pub fn new(env: &'a Env) -> Machine<'a> {
        Machine { env, scopes: Vec::new(), names: Vec::new(), steps: 0, made: 0, patterns: BTreeMap::new() }
    }

    /// The surroundings.
    pub fn env(&self) -> &'a Env {
        self.env
    }

    /// The value of a part.
    pub fn eval(&mut self, node: &Node) -> Result<Value, Fault> {
        match self.value(node) {
            Ok(value) => Ok(value),
            Err(Stop::Nothing) => Ok(Value::Nil),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    /// The value of a predicate for an item.
    pub fn apply(&mut self, body: &Node, item: Value, index: usize, accumulated: Value) -> Result<Value, Fault> {
        self.scopes.push(Scope { item, index, accumulated });
        let value = self.eval(body);
        self.scopes.pop();
        value
    }

    /// Charges for what is about to be made.
    pub fn charge(&mut self, at: usize, amount: usize) -> Result<(), Fault> {
        self.made = self.made.saturating_add(amount as u64);
        if self.made > MOST_MADE {
            return Err(Fault::new(at, "memory budget exceeded"));
        }
        Ok(())
    }

    fn tick(&mut self, at: usize, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MOST_STEPS {
            return Err(Fault::new(at, format!("the expression takes more than {MOST_STEPS} steps")));
        }
        Ok(())
    }

    fn value(&mut self, node: &Node) -> Result<Value, Stop> {
        self.tick(node.at, 1)?;
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Name(name) => Ok(self.variable(name, node.at)?),
            Kind::Pointer(pointer) => Ok(self.pointed(*pointer)),
            Kind::Unary(operator, operand) => {
                let operand = self.value(operand)?;
                Ok(unary(*operator, operand).map_err(|message| Fault::new(node.at, message))?)
            }
            Kind::Binary(operator, left, right) => self.binary(node.at, *operator, left, right),
            Kind::Chain(inner) => match self.value(inner) {
                Err(Stop::Nothing) => Ok(Value::Nil),
                other => other,
            },
            Kind::Member { base, key, optional } => self.member(node.at, base, key, *optional),
            Kind::Slice(base, from, to) => Ok(self.slice(node.at, base, from.as_deref(), to.as_deref())?),
            Kind::Call(name, arguments) => Ok(self.call(node.at, name, arguments)?),
            Kind::Method(base, name, arguments) => Ok(self.method(node.at, base, name, arguments)?),
            Kind::Over { name, list, body, rest } => {
                let list = self.eval(list)?;
                Ok(super::lists::over(self, node.at, name, &list, body.as_deref(), rest)?)
            }
            Kind::Conditional(condition, yes, no) => match self.value(condition)? {
                Value::Bool(true) => self.value(yes),
                Value::Bool(false) => self.value(no),
                other => Err(not_bool(node.at, &other).into()),
            },
            Kind::Let(name, value, body) => {
                let value = self.eval(value)?;
                self.names.push((name.clone(), value));
                let body = self.eval(body);
                self.names.pop();
                Ok(body?)
            }
            Kind::Sequence(first, second) => {
                self.eval(first)?;
                self.value(second)
            }
            Kind::List(items) => Ok(self.list(node.at, items)?),
            Kind::Map(pairs) => Ok(self.map(node.at, pairs)?),
        }
    }

    fn variable(&self, name: &str, at: usize) -> Result<Value, Fault> {
        let own = self.names.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
        if name == "$env" {
            return Ok(Value::Map(Arc::new(self.env.values.clone())));
        }
        own.or_else(|| self.env.values.get(name)).cloned().ok_or_else(|| Fault::new(at, format!("unknown name {name}")))
    }

    fn pointed(&self, pointer: Pointer) -> Value {
        let Some(scope) = self.scopes.last() else { return Value::Nil };
        match pointer {
            Pointer::Item => scope.item.clone(),
            Pointer::Accumulated => scope.accumulated.clone(),
            Pointer::Index => Value::Int(i64::try_from(scope.index).unwrap_or(i64::MAX)),
        }
    }

    fn binary(&mut self, at: usize, operator: Binary, left: &Node, right: &Node) -> Result<Value, Stop> {
        let left = self.value(left)?;
        match (operator, &left) {
            (Binary::Or, Value::Bool(true)) | (Binary::And, Value::Bool(false)) => return Ok(left),
            (Binary::Or | Binary::And, Value::Bool(false) | Value::Bool(true)) => {
                return match self.value(right)? {
                    Value::Bool(truth) => Ok(Value::Bool(truth)),
                    other => Err(not_bool(at, &other).into()),
                };
            }
            (Binary::Or | Binary::And, other) => return Err(not_bool(at, other).into()),
            (Binary::Coalesce, Value::Nil) => return self.value(right),
            (Binary::Coalesce, _) => return Ok(left),
            _ => {}
        }
        let right = self.value(right)?;
        Ok(self.operate(at, operator, &left, &right)?)
    }

    fn operate(&mut self, at: usize, operator: Binary, left: &Value, right: &Value) -> Result<Value, Fault> {
        match (operator, left, right) {
            (Binary::Matches, Value::Text(text), Value::Text(pattern)) => {
                return Ok(Value::Bool(self.matches(at, text, pattern)?));
            }
            (Binary::Range, Value::Int(from), Value::Int(to)) => return self.range(at, *from, *to),
            (Binary::Add, Value::Text(one), Value::Text(two)) => {
                self.charge(at, one.len() + two.len())?;
                return Ok(Value::text(format!("{one}{two}")));
            }
            (Binary::In, _, Value::List(items)) => self.tick(at, items.len() as u64)?,
            _ => {}
        }
        operators::binary(operator, left, right).map_err(|message| Fault::new(at, message))
    }

    fn matches(&mut self, at: usize, text: &str, pattern: &str) -> Result<bool, Fault> {
        // A regular expression takes time that grows with the text, whatever it is.
        self.tick(at, text.len() as u64 / 8)?;
        if let Some(known) = self.patterns.get(pattern) {
            return Ok(known.is_match(text));
        }
        self.tick(at, 1_000)?;
        let regex = regex::compile(pattern).map_err(|error| Fault::new(at, error))?;
        let found = regex.is_match(text);
        self.patterns.insert(pattern.to_string(), regex);
        Ok(found)
    }

    fn range(&mut self, at: usize, from: i64, to: i64) -> Result<Value, Fault> {
        if to < from {
            return Ok(Value::list(Vec::new()));
        }
        let size = to.checked_sub(from).and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        self.charge(at, size)?;
        Ok(Value::list((from..=to).map(Value::Int).collect()))
    }

    fn member(&mut self, at: usize, base: &Node, key: &Node, optional: bool) -> Result<Value, Stop> {
        let base = self.value(base)?;
        if optional && matches!(base, Value::Nil) {
            return Err(Stop::Nothing);
        }
        let key = self.eval(key)?;
        Ok(operators::fetch(&base, &key).map_err(|message| Fault::new(at, message))?)
    }

    fn slice(&mut self, at: usize, base: &Node, from: Option<&Node>, to: Option<&Node>) -> Result<Value, Fault> {
        let base = self.eval(base)?;
        let mut bound = |node: Option<&Node>| node.map(|node| self.eval(node)).transpose();
        let (from, to) = (bound(from)?, bound(to)?);
        operators::slice(&base, from.as_ref(), to.as_ref()).map_err(|message| Fault::new(at, message))
    }

    fn all(&mut self, nodes: &[Node]) -> Result<Vec<Value>, Fault> {
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    fn call(&mut self, at: usize, name: &str, arguments: &[Node]) -> Result<Value, Fault> {
        let arguments = self.all(arguments)?;
        let answer = match self.env.functions.get(name) {
            Some(function) => function(&arguments, self.env),
            None => return builtins::call(self, at, name, &arguments),
        };
        answer.map_err(|message| Fault::new(at, message))
    }

    fn method(&mut self, at: usize, base: &Node, name: &str, arguments: &[Node]) -> Result<Value, Fault> {
        let base = self.eval(base)?;
        let arguments = self.all(arguments)?;
        super::times::method(&base, name, &arguments).map_err(|message| Fault::new(at, message))
    }

    fn list(&mut self, at: usize, items: &[Node]) -> Result<Value, Fault> {
        self.charge(at, items.len())?;
        Ok(Value::list(self.all(items)?))
    }

    fn map(&mut self, at: usize, pairs: &[(Node, Node)]) -> Result<Value, Fault> {
        self.charge(at, pairs.len())?;
        let mut fields = BTreeMap::new();
        for (key, value) in pairs {
            let key = self.eval(key)?;
            let Value::Text(key) = key else {
                return Err(Fault::new(at, format!("a map key must be a string, not {}", key.type_name())));
            };
            fields.insert(key.to_string(), self.eval(value)?);
        }
        Ok(Value::Map(Arc::new(fields)))
    }
}

fn not_bool(at: usize, value: &Value) -> Fault {
    Fault::new(at, format!("interface conversion: interface {{}} is {}, not bool", value.type_name()))
}

fn unary(operator: Unary, operand: Value) -> Result<Value, String> {
    match (operator, operand) {
        (Unary::Not, Value::Bool(truth)) => Ok(Value::Bool(!truth)),
        (Unary::Minus, Value::Int(number)) => Ok(Value::Int(number.wrapping_neg())),
        (Unary::Minus, Value::Float(number)) => Ok(Value::Float(-number)),
        (Unary::Minus, Value::Duration(span)) => {
            span.checked_neg().map(Value::Duration).ok_or_else(|| "the duration is too long".to_string())
        }
        (Unary::Plus, number @ (Value::Int(_) | Value::Float(_))) => Ok(number),
        (Unary::Not, other) => Err(format!("invalid operation: ! on {}", other.type_name())),
        (Unary::Minus, other) => Err(format!("invalid operation: - {}", other.type_name())),
        (Unary::Plus, other) => Err(format!("invalid operation: + {}", other.type_name())),
    }
}
