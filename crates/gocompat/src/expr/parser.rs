//! From tokens to a tree, by binding strength.

use super::ast::{Binary, Kind, Node, OPERATORS, Pointer, Unary};
use super::lexer::{self, Token};
use super::{Env, Fault, Value};

/// Deeper nests are refused, so that nothing overflows.
const DEEPEST: usize = 200;

/// Functions over a list, and whether they can do without a predicate.
const OVER_LISTS: [(&str, bool); 15] = [
    ("all", false),
    ("none", false),
    ("any", false),
    ("one", false),
    ("filter", false),
    ("map", false),
    ("count", true),
    ("sum", true),
    ("find", false),
    ("findIndex", false),
    ("findLast", false),
    ("findLastIndex", false),
    ("groupBy", false),
    ("sortBy", false),
    ("reduce", false),
];

/// The tree of an expression.
pub fn parse(tokens: &[Token], env: &Env) -> Result<Node, Fault> {
    let mut parser = Parser { tokens, next: 0, depth: 0, inside: 0, env };
    let node = parser.sequence()?;
    match parser.kind() {
        lexer::Kind::End => Ok(node),
        other => Err(Fault::new(parser.at(), format!("unexpected token {}", shown(other)))),
    }
}

fn shown(kind: &lexer::Kind) -> String {
    match kind {
        lexer::Kind::Int(number) => format!("Number(\"{number}\")"),
        lexer::Kind::Float(number) => format!("Number(\"{number}\")"),
        lexer::Kind::Text(text) => format!("String({text:?})"),
        lexer::Kind::Name(name) => format!("Identifier({name:?})"),
        lexer::Kind::Sign(sign) if matches!(*sign, "(" | ")" | "[" | "]" | "{" | "}") => format!("Bracket({sign:?})"),
        lexer::Kind::Sign(sign) => format!("Operator({sign:?})"),
        lexer::Kind::End => "EOF".to_string(),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    /// How deep the parser itself stands.
    depth: usize,
    /// How many predicates it stands in.
    inside: usize,
    env: &'a Env,
}

impl Parser<'_> {
    fn kind(&self) -> &lexer::Kind {
        self.tokens.get(self.next).map_or(&lexer::Kind::End, |token| &token.kind)
    }
    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |token| token.at)
    }
    fn is(&self, sign: &str) -> bool {
        matches!(self.kind(), lexer::Kind::Sign(found) if *found == sign)
    }
    fn is_word(&self, word: &str) -> bool {
        matches!(self.kind(), lexer::Kind::Name(found) if found == word)
    }
    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.next += usize::from(found);
        found
    }
    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.accept(sign) {
            return Ok(());
        }
        Err(Fault::new(self.at(), format!("unexpected token {}, expected {sign:?}", shown(self.kind()))))
    }

    /// A part made of other parts.
    fn node(&self, at: usize, kind: Kind) -> Result<Node, Fault> {
        let depth = 1 + children(&kind).map(|child| child.depth).max().unwrap_or(0);
        if depth > DEEPEST {
            return Err(Fault::new(at, format!("the expression nests deeper than {DEEPEST} levels")));
        }
        Ok(Node { at, kind, depth })
    }

    /// `let x = 1; x + 1`, `a; b`.
    fn sequence(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        if self.is_word("let") {
            self.next += 1;
            let name = self.name()?;
            self.expect("=")?;
            let value = self.expression(0)?;
            self.expect(";")?;
            let body = self.deeper(Self::sequence)?;
            return self.node(at, Kind::Let(name, Box::new(value), Box::new(body)));
        }
        let first = self.expression(0)?;
        if !self.accept(";") || matches!(self.kind(), lexer::Kind::End) {
            return Ok(first);
        }
        let second = self.deeper(Self::sequence)?;
        self.node(at, Kind::Sequence(Box::new(first), Box::new(second)))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(self.at(), format!("the expression nests deeper than {DEEPEST} levels")));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.kind().clone() {
            lexer::Kind::Name(name) => {
                self.next += 1;
                Ok(name)
            }
            other => Err(Fault::new(self.at(), format!("unexpected token {}, expected a name", shown(&other)))),
        }
    }

    /// Everything that binds at least as strongly as `least`.
    fn expression(&mut self, least: u8) -> Result<Node, Fault> {
        self.deeper(|parser| parser.expression_here(least))
    }

    fn expression_here(&mut self, least: u8) -> Result<Node, Fault> {
        if least == 0 && self.is_word("if") {
            return self.if_else();
        }
        let mut left = self.unary()?;
        let mut before = None;
        loop {
            let at = self.at();
            let negated = self.is_word("not");
            if negated {
                self.next += 1;
            }
            let Some((operator, strength)) = self.operator().filter(|(_, strength)| *strength >= least) else {
                self.next -= usize::from(negated);
                break;
            };
            if negated
                && !matches!(
                    operator,
                    Binary::In | Binary::Matches | Binary::Contains | Binary::StartsWith | Binary::EndsWith
                )
            {
                return Err(Fault::new(at, format!("unexpected token {}", shown(self.kind()))));
            }
            if before == Some(Binary::Coalesce) && operator != Binary::Coalesce {
                let text =
                    format!("Operator (??) and ({}) cannot be mixed: put one of them in parentheses", operator.sign());
                return Err(Fault::new(at, text));
            }
            self.next += 1;
            left = if operator.compares() {
                self.comparison(left, operator, strength, at)?
            } else {
                self.binary(left, operator, strength, at)?
            };
            before = Some(operator);
            if negated {
                left = self.node(at, Kind::Unary(Unary::Not, Box::new(left)))?;
            }
        }
        while least == 0 && self.accept("|") {
            left = self.piped(left)?;
        }
        if least == 0 && self.accept("?") {
            return self.conditional(left);
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(Binary, u8)> {
        let sign = match self.kind() {
            lexer::Kind::Sign(sign) => sign,
            lexer::Kind::Name(name) => name.as_str(),
            _ => return None,
        };
        OPERATORS.iter().find(|(known, ..)| *known == sign).map(|(_, operator, strength)| (*operator, *strength))
    }

    fn binary(&mut self, left: Node, operator: Binary, strength: u8, at: usize) -> Result<Node, Fault> {
        let right = self.expression(if operator == Binary::Power { strength } else { strength + 1 })?;
        self.node(at, Kind::Binary(operator, Box::new(left), Box::new(right)))
    }

    /// `a < b < c`: each operand but the first and the last stands in two comparisons.
    fn comparison(&mut self, left: Node, operator: Binary, strength: u8, at: usize) -> Result<Node, Fault> {
        let mut right = self.expression(strength + 1)?;
        let mut whole = self.node(at, Kind::Binary(operator, Box::new(left), Box::new(right.clone())))?;
        loop {
            let at = self.at();
            let Some((operator, _)) = self.operator().filter(|(operator, _)| operator.compares()) else {
                return Ok(whole);
            };
            self.next += 1;
            let next = self.expression(strength + 1)?;
            let kind = Kind::Binary(operator, Box::new(right), Box::new(next.clone()));
            let kind = Kind::Binary(Binary::And, Box::new(whole), Box::new(self.node(at, kind)?));
            whole = self.node(at, kind)?;
            right = next;
        }
    }

    fn conditional(&mut self, condition: Node) -> Result<Node, Fault> {
        let at = condition.at;
        if self.accept(":") {
            return Err(Fault::new(at, "`?:` is not supported: write `a ? a : b` or `a ?? b`"));
        }
        let yes = self.expression(0)?;
        self.expect(":")?;
        let no = self.expression(0)?;
        self.node(at, Kind::Conditional(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn if_else(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        self.next += 1;
        let condition = self.expression(1)?;
        self.expect("{")?;
        let yes = self.deeper(Self::sequence)?;
        self.expect("}")?;
        if !self.is_word("else") {
            return Err(Fault::new(self.at(), format!("unexpected token {}, expected \"else\"", shown(self.kind()))));
        }
        self.next += 1;
        let no = if self.is_word("if") {
            self.deeper(Self::if_else)?
        } else {
            self.expect("{")?;
            let no = self.deeper(Self::sequence)?;
            self.expect("}")?;
            no
        };
        self.node(at, Kind::Conditional(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let (operator, strength) = match self.kind() {
            lexer::Kind::Sign("!") => (Unary::Not, 50),
            lexer::Kind::Name(name) if name == "not" => (Unary::Not, 50),
            lexer::Kind::Sign("-") => (Unary::Minus, 90),
            lexer::Kind::Sign("+") => (Unary::Plus, 90),
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        self.next += 1;
        let operand = self.expression(strength)?;
        self.node(at, Kind::Unary(operator, Box::new(operand)))
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let literal = match self.kind().clone() {
            lexer::Kind::Int(number) => Value::Int(number),
            lexer::Kind::Float(number) => Value::Float(number),
            lexer::Kind::Text(text) => Value::text(text),
            lexer::Kind::Name(name) => return self.named(name),
            lexer::Kind::Sign("(") => {
                self.next += 1;
                let inner = self.deeper(Self::sequence)?;
                self.expect(")")?;
                return Ok(inner);
            }
            lexer::Kind::Sign("[") => return self.list(),
            lexer::Kind::Sign("{") => return self.map(),
            lexer::Kind::Sign("#") => return self.pointer(),
            lexer::Kind::Sign(".") if self.inside > 0 => return self.node(at, Kind::Pointer(Pointer::Item)),
            other => return Err(Fault::new(at, format!("unexpected token {}", shown(&other)))),
        };
        self.next += 1;
        self.node(at, Kind::Literal(literal))
    }

    fn named(&mut self, name: String) -> Result<Node, Fault> {
        let at = self.at();
        self.next += 1;
        let literal = match name.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "nil" => Value::Nil,
            _ if self.is("(") => return self.call(at, name, None),
            _ => return self.node(at, Kind::Name(name)),
        };
        self.node(at, Kind::Literal(literal))
    }

    fn pointer(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        self.next += 1;
        if self.inside == 0 {
            return Err(Fault::new(at, "cannot use pointer accessor outside predicate"));
        }
        let behind = self.tokens.get(self.next).filter(|token| token.at == at + 1);
        let pointer = match behind.map(|token| &token.kind) {
            Some(lexer::Kind::Name(name)) if name == "acc" => Pointer::Accumulated,
            Some(lexer::Kind::Name(name)) if name == "index" => Pointer::Index,
            Some(lexer::Kind::Name(name)) => return Err(Fault::new(at, format!("unknown pointer {name}"))),
            _ => return self.node(at, Kind::Pointer(Pointer::Item)),
        };
        self.next += 1;
        self.node(at, Kind::Pointer(pointer))
    }

    fn list(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        self.next += 1;
        let items = self.items("]")?;
        self.node(at, Kind::List(items))
    }

    /// Expressions with commas between them, up to the bracket.
    fn items(&mut self, bracket: &str) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        while !self.accept(bracket) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.accept(bracket) {
                    break;
                }
            }
            items.push(self.expression(0)?);
        }
        Ok(items)
    }

    fn map(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        self.next += 1;
        let mut pairs = Vec::new();
        while !self.accept("}") {
            if !pairs.is_empty() {
                self.expect(",")?;
                if self.accept("}") {
                    break;
                }
            }
            let at = self.at();
            let key = match self.kind().clone() {
                lexer::Kind::Name(name) | lexer::Kind::Text(name) => Value::text(name),
                lexer::Kind::Int(number) => Value::text(number.to_string()),
                lexer::Kind::Sign("(") => Value::Nil,
                other => {
                    return Err(Fault::new(
                        at,
                        format!(
                            "a map key must be a quoted string, a number, an identifier, or an expression enclosed in parentheses (unexpected token {})",
                            shown(&other)
                        ),
                    ));
                }
            };
            let key = if matches!(key, Value::Nil) {
                self.expression(0)?
            } else {
                self.next += 1;
                self.node(at, Kind::Literal(key))?
            };
            self.expect(":")?;
            pairs.push((key, self.expression(0)?));
        }
        self.node(at, Kind::Map(pairs))
    }

    /// A function by name; `first` is what was piped into it.
    fn call(&mut self, at: usize, name: String, first: Option<Node>) -> Result<Node, Fault> {
        self.expect("(")?;
        let known = OVER_LISTS.iter().find(|(known, _)| *known == name);
        if let Some((name, alone)) = known.filter(|_| !self.env.functions.contains_key(name.as_str())) {
            return self.over(at, name, *alone, first);
        }
        let mut arguments: Vec<Node> = first.into_iter().collect();
        arguments.extend(self.items(")")?);
        self.node(at, Kind::Call(name, arguments))
    }

    fn over(&mut self, at: usize, name: &'static str, alone: bool, first: Option<Node>) -> Result<Node, Fault> {
        let piped = first.is_some();
        let list = match first {
            Some(list) => list,
            None => self.expression(0)?,
        };
        let mut body = None;
        let more = if piped { !self.is(")") } else { self.accept(",") && !self.is(")") };
        if more {
            body = Some(Box::new(self.predicate()?));
        } else if !alone {
            return Err(Fault::new(at, format!("not enough arguments to call {name}")));
        }
        let mut rest = Vec::new();
        while self.accept(",") && !self.is(")") {
            rest.push(self.expression(0)?);
        }
        self.expect(")")?;
        self.node(at, Kind::Over { name, list: Box::new(list), body, rest })
    }

    fn predicate(&mut self) -> Result<Node, Fault> {
        self.inside += 1;
        let body = if self.accept("{") {
            let body = self.deeper(Self::sequence)?;
            self.expect("}")?;
            body
        } else {
            self.expression(0)?
        };
        self.inside -= 1;
        Ok(body)
    }

    /// `value | name(arguments)`.
    fn piped(&mut self, value: Node) -> Result<Node, Fault> {
        let at = self.at();
        let name = self.name()?;
        let call = self.call(at, name, Some(value))?;
        self.postfix(call)
    }

    /// `.name`, `?.name`, `[index]`, `[from:to]` and calls behind a part.
    fn postfix(&mut self, mut node: Node) -> Result<Node, Fault> {
        let mut chained = false;
        loop {
            let at = self.at();
            let optional = self.is("?.");
            if self.accept(".") || self.accept("?.") {
                chained |= optional;
                if optional && self.accept("[") {
                    node = self.indexed(at, node, true)?;
                    continue;
                }
                let name = self.name()?;
                if self.accept("(") {
                    let arguments = self.items(")")?;
                    node = self.node(at, Kind::Method(Box::new(node), name, arguments))?;
                } else {
                    let key = Box::new(self.node(at, Kind::Literal(Value::text(name)))?);
                    node = self.node(at, Kind::Member { base: Box::new(node), key, optional })?;
                }
            } else if self.accept("[") {
                node = self.indexed(at, node, false)?;
            } else {
                break;
            }
        }
        if chained { self.node(node.at, Kind::Chain(Box::new(node))) } else { Ok(node) }
    }

    fn indexed(&mut self, at: usize, base: Node, optional: bool) -> Result<Node, Fault> {
        let base = Box::new(base);
        let from = if self.is(":") { None } else { Some(Box::new(self.expression(0)?)) };
        if self.accept(":") {
            let to = if self.is("]") { None } else { Some(Box::new(self.expression(0)?)) };
            self.expect("]")?;
            return self.node(at, Kind::Slice(base, from, to));
        }
        self.expect("]")?;
        match from {
            Some(key) => self.node(at, Kind::Member { base, key, optional }),
            None => Err(Fault::new(at, "an index is missing")),
        }
    }
}

/// The parts that a part is made of.
pub fn children(kind: &Kind) -> Box<dyn Iterator<Item = &Node> + '_> {
    use std::iter::{empty, once};
    match kind {
        Kind::Literal(_) | Kind::Name(_) | Kind::Pointer(_) => Box::new(empty()),
        Kind::Unary(_, one) | Kind::Chain(one) => Box::new(once(&**one)),
        Kind::Binary(_, one, two) | Kind::Let(_, one, two) | Kind::Sequence(one, two) => {
            Box::new(once(&**one).chain(once(&**two)))
        }
        Kind::Member { base, key, .. } => Box::new(once(&**base).chain(once(&**key))),
        Kind::Slice(base, from, to) => {
            Box::new(once(&**base).chain(from.iter().map(|node| &**node)).chain(to.iter().map(|node| &**node)))
        }
        Kind::Call(_, arguments) | Kind::List(arguments) => Box::new(arguments.iter()),
        Kind::Method(base, _, arguments) => Box::new(once(&**base).chain(arguments.iter())),
        Kind::Over { list, body, rest, .. } => {
            Box::new(once(&**list).chain(body.iter().map(|node| &**node)).chain(rest.iter()))
        }
        Kind::Conditional(one, two, three) => Box::new([&**one, &**two, &**three].into_iter()),
        Kind::Map(pairs) => Box::new(pairs.iter().flat_map(|(key, value)| [key, value])),
    }
}
