//! Whatever is sent, the answer is a row or what is wrong with it.

use mlp_core::{Entity, Value};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::support::{family, reading, travel};

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-5_i64..20).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
        "[-+0-9.eETZ: _]{0,24}".prop_map(Json::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
            .prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// A body with the entity's names and anything under them.
fn any_body(entity: &Entity) -> impl Strategy<Value = Json> + use<> {
    let names: Vec<String> = entity.fields.iter().map(|f| f.name.clone()).collect();
    prop::collection::vec(prop::option::weighted(0.9, any_json()), names.len()).prop_map(
        move |values| {
            let fields = names.iter().cloned().zip(values);
            Json::Object(
                fields
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect::<Map<_, _>>(),
            )
        },
    )
}

fn row_or_faults(entity: &Entity, body: &Json) -> Result<(), TestCaseError> {
    match entity.row_from_json(body) {
        Ok(row) => {
            prop_assert_eq!(row.values().len(), entity.columns.len());
            let mut numbers = Vec::new();
            entity.numbers(&row, &mut numbers);
            prop_assert_eq!(numbers.len(), entity.columns.len());
            prop_assert!(numbers.iter().all(|x| x.is_finite()));
            for value in row.values() {
                if let Value::Text(text) = value {
                    prop_assert!(!text.contains('\0'));
                }
            }
        }
        Err(faults) => {
            prop_assert!(!faults.is_empty());
            let sent = serde_json::to_value(&faults).unwrap();
            let order: Vec<usize> = (sent.as_array().unwrap().iter())
                .filter_map(|f| f["loc"].get(1)?.as_str())
                .map(|name| entity.fields.iter().position(|f| f.name == name).unwrap())
                .collect();
            prop_assert!(order.is_sorted(), "{:?}", order);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_a_row_or_faults(body in any_json()) {
        row_or_faults(&travel().user, &body)?;
        row_or_faults(&reading().item, &body)?;
    }

    #[test]
    fn any_fields_are_a_row_or_faults(
        user in any_body(&travel().user), location in any_body(&travel().item),
        reader in any_body(&reading().user), book in any_body(&reading().item),
    ) {
        row_or_faults(&travel().user, &user)?;
        row_or_faults(&travel().item, &location)?;
        row_or_faults(&reading().user, &reader)?;
        row_or_faults(&reading().item, &book)?;
    }

    /// One field of a good request replaced: at most that field is faulted, or the list it counts.
    #[test]
    fn one_bad_field_is_one_field_s_fault(at in 0_usize..13, value in any_json()) {
        let schema = travel();
        let name = schema.user.fields[at].name.clone();
        let mut body = family();
        body[&name] = value;
        row_or_faults(&schema.user, &body)?;
        if let Err(faults) = schema.user.row_from_json(&body) {
            for fault in serde_json::to_value(&faults).unwrap().as_array().unwrap() {
                let place = &fault["loc"][1];
                let counted = name == "people_num" && *place == json!("people_age");
                prop_assert!(*place == json!(name) || counted, "{fault}");
            }
        }
    }
}
