//! The description of all routes: `OpenAPI` 3.1, made from the routes themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use entity::route::Access;
use entity::{Method, Route};
use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use super::idempotency::KEY_CHARS_MAX;
use super::pages::Page;
use super::responses::{of_page, of_route, problem_schema};

/// Where schemas that others refer to are.
pub(crate) const DEFINITIONS: &str = "/components/schemas";

/// Describes the endpoints, the gateway's own pages, and `channels` as they are described already.
/// `definitions` holds what schemas refer to.
pub(crate) fn document(
    endpoints: &[Arc<Endpoint>],
    channels: &Value,
    mut definitions: Map<String, Value>,
) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for page in Page::ALL {
        paths.entry(page.path()).or_default().insert("get".into(), of_one_page(page));
    }
    for endpoint in endpoints {
        let method = endpoint.route.method.name().to_lowercase();
        let path = paths.entry(endpoint.route.path).or_default();
        path.insert(method, operation(endpoint, endpoints));
    }
    definitions.insert("Problem".into(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "roost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The back end of a social platform in one program. Every answer carries \
                its name in `X-Request-Id`.",
        },
        "paths": paths,
        "x-channels": channels,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "account": { "type": "http", "scheme": "bearer", "description":
                    "The token of an account's session: register or log in to get one." },
                "operator": { "type": "http", "scheme": "bearer", "description":
                    "The operator's token, printed at every start." },
            },
        },
    })
}

fn of_one_page(page: Page) -> Value {
    json!({
        "operationId": page.name(),
        "summary": page.description(),
        "tags": [if page.access() == Access::Operator { "operator" } else { "gateway" }],
        "security": security(page.access()),
        "responses": of_page(page),
    })
}

fn operation(endpoint: &Endpoint, all: &[Arc<Endpoint>]) -> Value {
    let route = &endpoint.route;
    let (summary, _) =
        endpoint.description.split_once("\n\n").unwrap_or((&endpoint.description, ""));
    let mut operation = json!({
        "operationId": operation_id(endpoint, all),
        "summary": summary.replace('\n', " "),
        "description": endpoint.description,
        "tags": [tag(route)],
        "security": security(route.access),
        "parameters": parameters(endpoint),
        "responses": of_route(endpoint),
    });
    if route.method.has_body() && endpoint.fields.properties.keys().any(|it| !endpoint.is_part(it))
    {
        operation["requestBody"] = body(endpoint);
    }
    operation
}

/// The route's name, or with its method and path where several have that name.
pub(crate) fn operation_id(endpoint: &Endpoint, all: &[Arc<Endpoint>]) -> String {
    let route = &endpoint.route;
    if all.iter().filter(|it| it.route.name == route.name).count() == 1 {
        return route.name.to_owned();
    }
    let path = route.path.replace(['{', '}'], "").replace('/', "_");
    format!("{}_{}{path}", route.name, route.method.name().to_lowercase())
}

/// Where people look for a route: among those of its service, or of operators.
fn tag(route: &Route) -> &'static str {
    match route.access {
        Access::Operator => "operator",
        Access::Anyone | Access::Account => route.service,
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Anyone => json!([]),
        Access::Account => json!([{ "account": [] }]),
        Access::Operator => json!([{ "operator": [] }]),
    }
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let route = &endpoint.route;
    let properties = &endpoint.fields.properties;
    let mut parameters: Vec<Value> = Vec::new();
    for name in route.parts() {
        let schema = properties.get(name).cloned().unwrap_or_else(|| json!({ "type": "string" }));
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    }
    if !route.method.has_body() {
        for (name, schema) in properties.iter().filter(|it| !endpoint.is_part(it.0)) {
            let required = endpoint.fields.required.contains(name);
            let schema = without_null(schema.clone());
            parameters.push(
                json!({ "name": name, "in": "query", "required": required, "schema": schema }),
            );
        }
    }
    if route.method != Method::Get {
        parameters.push(idempotency_key());
    }
    parameters
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Makes a repeat harmless: it gets the first answer. Kept for 24 hours.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": KEY_CHARS_MAX,
            "pattern": "^[!-~]+$",
        },
    })
}

/// What a query string cannot say: a parameter is there or it is not.
fn without_null(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else { return schema };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    let mut rest = Vec::new();
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        rest.clone_from(types);
    }
    if let [only] = &rest[..] {
        object.insert("type".into(), only.clone());
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|it| it.get("type").is_none_or(|it| it != "null"));
    }
    schema
}

fn body(endpoint: &Endpoint) -> Value {
    let is_field = |name: &&String| !endpoint.is_part(name);
    let properties = endpoint.fields.properties.iter().filter(|it| is_field(&it.0));
    let properties: Map<String, Value> =
        properties.map(|(name, schema)| (name.clone(), schema.clone())).collect();
    let required: Vec<&String> = endpoint.fields.required.iter().filter(is_field).collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    let required = !endpoint.may_be_empty();
    json!({ "required": required, "content": { "application/json": { "schema": schema } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_not_null() {
        let reference = json!({ "$ref": "#/components/schemas/A" });
        let cases = [
            (json!({ "type": ["string", "null"], "default": null }), json!({ "type": "string" })),
            (
                json!({ "type": "integer", "default": 20 }),
                json!({ "type": "integer", "default": 20 }),
            ),
            (json!({ "anyOf": [reference, { "type": "null" }] }), json!({ "anyOf": [reference] })),
            (json!(true), json!(true)),
        ];
        for (schema, expected) in cases {
            assert_eq!(without_null(schema), expected);
        }
    }
}
