//! The document of the interface as a page without scripts.

use serde_json::Value;
use std::fmt::Write;

/// The page of a document.
pub(super) fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>syntopic: what the server answers</title>\n<link rel=\"stylesheet\" href=\"/assets/page.css\">\n\
         </head>\n<body>\n<main>\n<h1>What the server answers</h1>\n",
    );
    let about = text(&document["info"]["description"]);
    let _ = writeln!(
        html,
        "<p>{about} <a href=\"/openapi.json\">openapi.json</a> is the same for programs.</p>"
    );
    let paths = document["paths"].as_object();
    for (path, item) in paths.into_iter().flatten() {
        for method in ["get", "post", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                operation_html(&mut html, path, method, operation);
            }
        }
    }
    html.push_str("<h1>Shapes</h1>\n");
    let schemas = document["components"]["schemas"].as_object();
    for (name, schema) in schemas.into_iter().flatten() {
        schema_html(&mut html, name, schema);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn operation_html(html: &mut String, path: &str, method: &str, operation: &Value) {
    let (path, method) = (escaped(path), method.to_uppercase());
    let _ = writeln!(html, "<h2><code>{method} {path}</code></h2>");
    let said = [&operation["summary"], &operation["description"]].map(text);
    let _ = writeln!(html, "<p>{}</p>", said.join(" "));
    html.push_str("<table>\n");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, what) = (text(&parameter["name"]), text(&parameter["description"]));
        let kind = escaped(&kind(&parameter["schema"]));
        let _ = writeln!(
            html,
            "<tr><td><code>{name}</code></td><td>{kind}</td><td>{what}</td></tr>"
        );
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let kind = kind_html(body);
        let _ = writeln!(html, "<tr><td>body</td><td>{kind}</td><td></td></tr>");
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"].as_object();
        let kinds = content.into_iter().flatten().map(|(media, content)| {
            let kind = kind_html(&content["schema"]);
            if media == "application/json" {
                kind
            } else {
                escaped(media)
            }
        });
        let kinds: Vec<String> = kinds.collect();
        let (what, kinds) = (text(&response["description"]), kinds.join(", "));
        let _ = writeln!(
            html,
            "<tr><td>{status}</td><td>{kinds}</td><td>{what}</td></tr>"
        );
    }
    html.push_str("</table>\n");
}

fn schema_html(html: &mut String, name: &str, schema: &Value) {
    let name = escaped(name);
    let _ = writeln!(html, "<h2 id=\"{name}\"><code>{name}</code></h2>");
    let _ = writeln!(html, "<p>{}</p>\n<table>", text(&schema["description"]));
    let parts = std::iter::once(schema).chain(schema["allOf"].as_array().into_iter().flatten());
    for part in parts {
        for (field, of) in part["properties"].as_object().into_iter().flatten() {
            let (field, what) = (escaped(field), text(&of["description"]));
            let kind = kind_html(of);
            let _ = writeln!(
                html,
                "<tr><td><code>{field}</code></td><td>{kind}</td><td>{what}</td></tr>"
            );
        }
        if let Some(known) = part["$ref"].as_str() {
            let kind = link(known);
            let _ = writeln!(html, "<tr><td>and all of</td><td>{kind}</td><td></td></tr>");
        }
    }
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        let (kind, what) = (kind_html(one), text(&one["description"]));
        let _ = writeln!(
            html,
            "<tr><td>one of</td><td>{kind}</td><td>{what}</td></tr>"
        );
    }
    html.push_str("</table>\n");
}

fn link(reference: &str) -> String {
    let name = escaped(reference.rsplit('/').next().unwrap_or_default());
    format!("<a href=\"#{name}\"><code>{name}</code></a>")
}

/// What a value is, with links to the shapes of ours.
fn kind_html(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    match (schema["type"].as_str(), &schema["properties"]) {
        (Some("array"), _) => format!("list of {}", kind_html(&schema["items"])),
        (_, Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, of)| {
                let kind = kind_html(of);
                format!("<code>{}</code>: {kind}", escaped(name))
            });
            fields.collect::<Vec<_>>().join(", ")
        }
        _ => escaped(&kind(schema)),
    }
}

/// What a plain value is.
fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        return values.join(" or ");
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if schema["type"] == "array" {
        return format!("list of {}", kind(&schema["items"]));
    }
    let mut of: Vec<&str> = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    of.retain(|kind| *kind != "null");
    let bound = |name: &str| schema.get(name).map(ToString::to_string);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{}, {least} to {most}", of.join(" or ")),
        _ => of.join(" or "),
    }
}
