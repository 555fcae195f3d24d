//! Requests that are wrong in one way each, made from what the endpoints say they take.

use serde_json::{Map, Value, json};

use super::schemas::resolve;
use crate::{App, MOUNT, Request};

/// The body that an endpoint takes, by the service's own description.
pub(super) struct Form {
    pub(super) path: String,
    fields: Map<String, Value>,
    /// Whether no body at all will do.
    pub(super) optional: bool,
}

/// A request, and what is wrong with it.
pub(super) struct Mutation {
    pub(super) what: String,
    pub(super) request: Request,
}

/// Returns the forms of every `POST`.
pub(super) fn forms(app: &App) -> Vec<Form> {
    let document = app.get("/openapi.json", None).json();
    let paths = document["paths"].as_object().expect("it has paths");
    let posts = paths.iter().filter_map(|(path, methods)| Some((path, methods.get("post")?)));
    let forms: Vec<_> = posts
        .map(|(path, operation)| {
            let body = &operation["requestBody"];
            let schema = resolve(&document, &body["content"]["application/json"]["schema"]);
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields = fields.map(|(name, field)| (name.clone(), resolve(&document, field)));
            let path = path.strip_prefix(MOUNT).expect("it is below the mount").to_owned();
            let optional = body["required"] != true;
            Form { path, fields: fields.collect(), optional }
        })
        .collect();
    assert!(forms.len() >= 15, "the description lacks forms");
    forms
}

impl Form {
    /// Bodies that are not one JSON object.
    pub(super) fn broken_bodies(&self) -> Vec<Mutation> {
        let first = self.fields.keys().next().map_or("unknown", String::as_str);
        let field = |value: &str| format!("{{\"{first}\": {value}}}").into_bytes();
        let object = self.body().to_string();
        let mut bodies: Vec<(&str, Vec<u8>)> = vec![
            ("white space", b" \t\r\n".to_vec()),
            ("null", b"null".to_vec()),
            ("true", b"true".to_vec()),
            ("a number", b"1".to_vec()),
            ("a text", b"\"{}\"".to_vec()),
            ("an array", b"[]".to_vec()),
            ("an array of the object", format!("[{object}]").into_bytes()),
            ("a brace", b"{".to_vec()),
            ("a truncated object", object.as_bytes()[..object.len() - 1].to_vec()),
            (
                "a truncated text",
                field("\"abc")[..].strip_suffix(b"}").unwrap_or_default().to_vec(),
            ),
            ("two objects", format!("{object}{object}").into_bytes()),
            ("something after", format!("{object} x").into_bytes()),
            ("a comma at the end", field("\"a\",")),
            ("single quotes", format!("{{'{first}': 'a'}}").into_bytes()),
            ("a bare name", format!("{{{first}: \"a\"}}").into_bytes()),
            ("a comment", format!("{{/* */\"{first}\": \"a\"}}").into_bytes()),
            ("NaN", field("NaN")),
            ("a leading zero", field("01")),
            ("a huge number", field("1e999")),
            ("a raw line break in a text", field("\"a\nb\"")),
            ("a NUL in a text", field("\"a\0b\"")),
            ("a lone surrogate", field("\"\\ud800\"")),
            ("a bad escape", field("\"\\x41\"")),
            (
                "invalid UTF-8",
                field("\"\u{1}\"").iter().map(|b| if *b == 1 { 255 } else { *b }).collect(),
            ),
            ("overlong UTF-8", [&b"{\"a\": \"\xc0\xaf\"}"[..]].concat()),
            ("a byte order mark", [b"\xef\xbb\xbf", object.as_bytes()].concat()),
            ("UTF-16", object.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("a form", format!("{first}=a").into_bytes()),
            ("XML", b"<a/>".to_vec()),
            ("deep arrays", field(&"[".repeat(8_000))),
            ("deep objects", "{\"a\":".repeat(3_000).into_bytes()),
            ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
        ];
        if !self.optional {
            bodies.push(("nothing", Vec::new()));
        }
        let bodies = bodies.into_iter();
        bodies.map(|(what, body)| self.mutation(what, self.json(body))).collect()
    }

    /// Objects with a field that is of another type, unknown or there twice.
    pub(super) fn wrong_fields(&self) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        let mut push = |what: &str, body: String| {
            mutations.push(self.mutation(what, self.json(body.into_bytes())));
        };
        let unknown = ["unknown", "", "__proto__", "role", "activated_at", "user_id", "Email"];
        for name in unknown {
            let mut body = self.body();
            body[name] = json!("x");
            push(&format!("an unknown field {name:?}"), body.to_string());
        }
        for (name, schema) in &self.fields {
            let rest = self.body().to_string();
            let value = self.sample(schema).to_string();
            let separator = if rest == "{}" { "" } else { "," };
            let start = &rest[..rest.len() - 1];
            let twice = if self.body().get(name).is_some() {
                format!("{start},\"{name}\":{value}}}")
            } else {
                format!("{start}{separator}\"{name}\":{value},\"{name}\":{value}}}")
            };
            push(&format!("{name} twice"), twice);
            let is_text = self.sample(schema).is_string();
            let mut values = vec![
                json!(1),
                json!(-1.5),
                json!([]),
                json!({}),
                json!([value]),
                json!({ "a": 1 }),
            ];
            values.push(if is_text { json!(true) } else { json!("true") });
            if self.is_required(name) {
                values.push(Value::Null);
            }
            for value in values {
                let mut body = self.body();
                body[name.as_str()] = value.clone();
                push(&format!("{name} = {value}"), body.to_string());
            }
        }
        mutations
    }

    /// What is no `application/json`, or is encoded.
    pub(super) fn other_types(&self) -> Vec<Mutation> {
        let body = self.body().to_string();
        let request = || Request::new("POST", &self.path).body(body.clone());
        let mut mutations = vec![self.mutation("no type", request())];
        for media_type in [
            "",
            "text/plain",
            "text/plain;application/json",
            "text/plain; charset=application/json",
            "text/json",
            "application/*",
            "*/*",
            "application/jsonp",
            "application/json5",
            "application/problem+json",
            "application/vnd.api+json",
            "application/json, text/plain",
            "application/json; charset=latin1",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=application/json",
        ] {
            mutations.push(self.mutation(media_type, request().header("content-type", media_type)));
        }
        let json = || request().header("content-type", "application/json");
        mutations.push(self.mutation("two types", json().header("content-type", "text/plain")));
        mutations.push(self.mutation("a type twice", json().header("content-type", JSON)));
        for encoding in ["gzip", "identity", "br", ""] {
            let what = format!("the encoding {encoding:?}");
            mutations.push(self.mutation(&what, json().header("content-encoding", encoding)));
        }
        mutations
    }

    /// A body with every field that is required.
    pub(super) fn body(&self) -> Value {
        let required = self.fields.iter().filter(|(name, _)| self.is_required(name));
        let fields = required.map(|(name, schema)| (name.clone(), self.sample(schema)));
        Value::Object(fields.collect())
    }

    /// A request with such a body.
    pub(super) fn json(&self, body: impl Into<Vec<u8>>) -> Request {
        Request::new("POST", &self.path).header("content-type", JSON).body(body)
    }

    fn is_required(&self, name: &str) -> bool {
        !self.fields[name]["nullable"].as_bool().unwrap_or(false)
    }

    fn sample(&self, schema: &Value) -> Value {
        match (&schema["enum"][0], schema["type"].as_str()) {
            (Value::Null, Some("boolean")) => json!(false),
            (Value::Null, Some("string")) => json!("x"),
            (Value::Null, other) => panic!("{}: no sample of {other:?}", self.path),
            (first, _) => first.clone(),
        }
    }

    fn mutation(&self, what: &str, request: Request) -> Mutation {
        Mutation { what: format!("{}, {what}", self.path), request }
    }
}

const JSON: &str = "application/json";
