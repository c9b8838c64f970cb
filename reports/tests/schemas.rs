//! The published schemas say what the types say, and the files that are written keep to them.

use exuvia_reports::schema;
use serde_json::Value;

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, published, own) in [
        ("run", schema::RUN, schema::of_runs()),
        ("report", schema::REPORT, schema::of_reports()),
    ] {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("EXUVIA_WRITE_SCHEMAS").is_some() {
            std::fs::write(&path, &own).unwrap();
            continue;
        }
        assert!(
            published == own,
            "{name}: the types have changed: run this test with EXUVIA_WRITE_SCHEMAS=1 and look at the difference"
        );
    }
}

#[test]
fn a_committed_record_has_every_field_that_the_schema_demands() {
    let schema: Value = serde_json::from_str(schema::RUN).unwrap();
    let record: Value = serde_json::from_str(include_str!("../baselines/quick.json")).unwrap();
    let demanded = schema["required"].as_array().unwrap();
    assert!(!demanded.is_empty());
    for field in demanded {
        assert!(record.get(field.as_str().unwrap()).is_some(), "{field}");
    }
    let known = schema["properties"].as_object().unwrap();
    for field in record.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{field} is not in the schema");
    }
}
