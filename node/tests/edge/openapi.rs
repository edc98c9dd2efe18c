//! The description of all routes is complete and well formed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rig::{ask, rig};

/// Every reference in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(to)) => {
                        found.insert(to.clone());
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn document() -> Value {
    rig().await.send(ask("GET /openapi.json")).await.json()
}

#[tokio::test]
async fn every_route_is_described() {
    let document = document().await;
    for route in actors::routes() {
        let operation = &document["paths"][route.path][route.method.name().to_lowercase()];
        assert!(operation.is_object(), "{route:?}");
        let responses = operation["responses"].as_object().expect("there are responses");
        let success = [route.success.to_string(), "204".to_owned()];
        assert!(success.iter().any(|it| responses.contains_key(it)), "{route:?}");
        for class in &route.problems {
            let description = responses[&class.status.to_string()]["description"].as_str();
            let code = format!("`{}`", class.code);
            assert!(description.is_some_and(|it| it.contains(&code)), "{route:?} {}", class.code);
        }
        let parameters = operation["parameters"].as_array().expect("there are parameters");
        for part in route.parts() {
            let is_part = |it: &&Value| it["name"] == part && it["in"] == "path";
            assert!(parameters.iter().any(|it| is_part(&it)), "{route:?} {part}");
        }
    }
    let pages = ["/", "/console", "/docs", "/livez", "/readyz", "/openapi.json", "/metrics"];
    for path in pages.into_iter().chain(["/v1/operator/nodes", "/v1/operator/shards"]) {
        assert!(document["paths"][path]["get"].is_object(), "{path}");
    }
}

#[tokio::test]
async fn every_channel_is_described() {
    let described = document().await["x-channels"].clone();
    assert_eq!(described["path"], "/connection/websocket");
    let channels = described["channels"].as_object().expect("there are channels");
    let declared = actors::channels();
    assert_eq!(channels.len(), declared.len() + 1);
    let status = &channels["cluster"];
    assert_eq!(
        (&status["name"], &status["audience"]),
        (&"cluster:status".into(), &"Operators.".into())
    );
    assert!(status["publication"]["properties"]["shards"].is_object(), "{status}");
    for channel in declared {
        let it = &channels[channel.name];
        let name = format!("{}:{{{}}}", channel.name, channel.key);
        assert_eq!((&it["name"], &it["description"]), (&name.into(), &channel.about.into()));
        assert_eq!(it["history_items_max"], channel.items_max);
        assert!(it["key"]["pattern"].is_string() && it["audience"].is_string(), "{it}");
        assert!(it["publication"]["oneOf"].is_array(), "{it}");
    }
    assert_eq!(channels["feed"]["tags"], serde_json::json!(["feeds"]));
    assert_eq!(channels["feed"]["recovered_items_max"], 1_000);
}

#[tokio::test]
async fn the_document_is_well_formed() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/Problem"));
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("all is in one document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for operations in document["paths"].as_object().expect("there are paths").values() {
        for operation in operations.as_object().expect("there are methods").values() {
            let id = operation["operationId"].as_str().expect("each has one");
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            assert!(operation["security"].is_array(), "{id}");
        }
    }
}

#[tokio::test]
async fn parameters_and_bodies_have_schemas() {
    let document = document().await;
    let feed = &document["paths"]["/v1/me/feed"];
    let limit = feed["get"]["parameters"]
        .as_array()
        .and_then(|it| it.iter().find(|it| it["name"] == "limit"));
    let limit = limit.expect("a page has a limit");
    assert_eq!((&limit["in"], &limit["schema"]["maximum"]), (&"query".into(), &100.into()));
    let body = &feed["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["required"], serde_json::json!(["body"]));
    assert_eq!(body["additionalProperties"], false);
    let following = &document["paths"]["/v1/me/following/{user}"]["put"];
    assert!(following.get("requestBody").is_none(), "{following}");
    assert!(following["responses"]["204"].is_object(), "{following}");
}
