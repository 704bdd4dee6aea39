//! The tree below a rollout: nodes with a sign for their kind, drawn as rows of a table.

use super::text::{Paint, Text, table};

/// One thing in the tree.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Sign of the kind and name.
    pub name: Text,
    /// Kind; empty for a revision, which is no object.
    pub kind: &'static str,
    /// Sign and word.
    pub status: Text,
    /// Age.
    pub age: String,
    /// What else is worth knowing.
    pub info: Vec<Text>,
    /// What belongs to it.
    pub children: Vec<Node>,
}

/// The tree as a table.
pub fn draw(root: &Node, paint: Paint) -> String {
    let mut rows = vec![["NAME", "KIND", "STATUS", "AGE", "INFO"].map(Text::plain).to_vec()];
    add(root, "", "", &mut rows);
    table(&rows, paint)
}

fn add(node: &Node, own: &str, below: &str, rows: &mut Vec<Vec<Text>>) {
    rows.push(vec![
        Text::plain(own).then(node.name.clone()),
        node.kind.into(),
        node.status.clone(),
        node.age.as_str().into(),
        Text::joined(node.info.iter().cloned(), ","),
    ]);
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, rest) = if index == last { ("└──", "   ") } else { ("├──", "│  ") };
        add(child, &format!("{below}{branch}"), &format!("{below}{rest}"), rows);
    }
}
