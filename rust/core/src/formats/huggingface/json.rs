//! Looking into JSON with errors that name the path.

use crate::{Error, Result};
use serde_json::{Map, Value};

/// A JSON object and where it lies in the file.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub path: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    /// `value`, which must be an object.
    pub fn new(path: impl Into<String>, value: &'a Value) -> Result<Self> {
        let path = path.into();
        match value.as_object() {
            Some(fields) => Ok(Self { path, fields }),
            None => Err(wrong(&path, "an object", value)),
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field that is there and not null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Result<&'a Value> {
        self.get(name).ok_or_else(|| Error::format(format!("{} is missing", self.path_of(name))))
    }

    /// An object.
    pub fn node(&self, name: &str) -> Result<Node<'a>> {
        Node::new(self.path_of(name), self.required(name)?)
    }

    /// A list, empty where it is missing.
    pub fn list(&self, name: &str) -> Result<&'a [Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(wrong(&self.path_of(name), "a list", other)),
        }
    }

    /// Objects of a list, empty where it is missing.
    pub fn nodes(&self, name: &str) -> Result<Vec<Node<'a>>> {
        let node = |(i, value)| Node::new(format!("{}[{i}]", self.path_of(name)), value);
        self.list(name)?.iter().enumerate().map(node).collect()
    }

    /// A string.
    pub fn str(&self, name: &str) -> Result<&'a str> {
        let value = self.required(name)?;
        value.as_str().ok_or_else(|| wrong(&self.path_of(name), "a string", value))
    }

    /// A boolean; `default` where it is missing.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| wrong(&self.path_of(name), "true or false", value)),
        }
    }

    /// A whole number from 0 on.
    pub fn number(&self, name: &str) -> Result<u64> {
        let value = self.required(name)?;
        value.as_u64().ok_or_else(|| wrong(&self.path_of(name), "a whole number", value))
    }

    /// A map.
    pub fn map(&self, name: &str) -> Result<&'a Map<String, Value>> {
        let value = self.required(name)?;
        value.as_object().ok_or_else(|| wrong(&self.path_of(name), "an object", value))
    }

    /// The `type` of a part; `""` where it has none.
    pub fn type_name(&self) -> &'a str {
        self.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Fails unless the field is missing, null, or as `is_neutral` wants it.
    pub fn neutral(&self, name: &str, is_neutral: impl Fn(&Value) -> bool) -> Result<()> {
        match self.get(name) {
            Some(value) if !is_neutral(value) => Err(refused(&self.path_of(name), &brief(value))),
            _ => Ok(()),
        }
    }
}

/// The error for a part that bpe-lab does not reproduce.
pub(super) fn refused(path: &str, what: &str) -> Error {
    Error::unsupported(format!("{path}: {what} is not reproduced by bpe-lab, so ids would differ"))
}

pub(super) fn wrong(path: &str, want: &str, value: &Value) -> Error {
    let path = if path.is_empty() { "the file" } else { path };
    Error::format(format!("{path} must be {want}, got {}", brief(value)))
}

/// A value for messages: the type of a part where it has one, else the beginning of its text.
pub(super) fn brief(value: &Value) -> String {
    match value.get("type").and_then(Value::as_str) {
        Some(name) => name.chars().take(60).collect(),
        None => crate::formats::shown(value.to_string().as_bytes()),
    }
}
