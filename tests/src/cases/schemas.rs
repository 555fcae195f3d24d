//! As much of JSON Schema as the service's description of itself uses.

use serde_json::{Value, json};

/// Follows references, and replaces "this or null" by this with `"nullable": true`.
pub(super) fn resolve(document: &Value, schema: &Value) -> Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#')) {
        return resolve(document, document.pointer(pointer).expect("a reference leads somewhere"));
    }
    let is_null = |schema: &Value| schema["type"] == "null";
    for choice in ["anyOf", "oneOf"] {
        let options = schema[choice].as_array().map_or(&[][..], Vec::as_slice);
        if let [one, other] = options
            && is_null(one) != is_null(other)
        {
            let mut schema = resolve(document, if is_null(one) { other } else { one });
            schema["nullable"] = json!(true);
            return schema;
        }
    }
    let mut schema = schema.clone();
    if let Some(types) = schema["type"].as_array().cloned() {
        let mut rest = types.iter().filter(|name| *name != "null");
        let (Some(only), None) = (rest.next(), rest.next()) else { panic!("{schema}") };
        schema["nullable"] = json!(rest.next().is_none() && types.len() > 1);
        schema["type"] = only.clone();
    }
    schema
}

/// Says where `value` is not what `schema` describes; a member that is not described is none.
pub(super) fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolve(document, schema);
    if value.is_null() && schema["nullable"] == true {
        return None;
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return mismatch_of_all(document, parts, value);
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(options) = schema[choice].as_array() {
            let faults: Vec<_> =
                options.iter().map(|option| mismatch(document, option, value)).collect();
            let fits = faults.iter().any(Option::is_none);
            return (!fits).then(|| format!("none of {choice}: {faults:?}"));
        }
    }
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) => None,
        (Some("integer"), Value::Number(number)) if number.is_u64() || number.is_i64() => None,
        (Some("array"), Value::Array(values)) => {
            values.iter().find_map(|value| mismatch(document, &schema["items"], value))
        }
        (Some("object"), Value::Object(members)) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let mut missing =
                required.filter(|name| value.get(name.as_str().unwrap_or_default()).is_none());
            if let Some(name) = missing.next() {
                return Some(format!("{name} is missing"));
            }
            let properties = schema["properties"].as_object()?;
            members.iter().find_map(|(name, member)| match properties.get(name) {
                None => Some(format!("{name} is not described")),
                Some(property) => {
                    mismatch(document, property, member).map(|fault| format!("{name}: {fault}"))
                }
            })
        }
        (kind, value) => Some(format!("{value} is no {kind:?}")),
    }
}

/// The parts of `allOf` describe some of the members each.
fn mismatch_of_all(document: &Value, parts: &[Value], value: &Value) -> Option<String> {
    let mut whole = json!({ "type": "object", "properties": {}, "required": [] });
    for part in parts {
        let part = resolve(document, part);
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            whole["properties"][name.as_str()] = property.clone();
        }
        let required = part["required"].as_array().into_iter().flatten().cloned();
        whole["required"].as_array_mut().expect("it is one").extend(required);
    }
    mismatch(document, &whole, value)
}
