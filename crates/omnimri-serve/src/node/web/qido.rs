//! QIDO-RS (PS3.18 10.6): which studies, series and instances are stored.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use serde_json::{Map, Value, json};

use super::Shared;
use super::reply::{Refusal, data_sets};
use crate::node::select::matches_pattern;
use crate::node::store::Stored;

/// Answers without a limit, and at most.
const MOST: usize = 5_000;

/// What a path names.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Place {
    pub study: Option<String>,
    pub series: Option<String>,
    pub instance: Option<String>,
}

type Asked = Query<Vec<(String, String)>>;

pub(super) async fn studies(
    State(shared): State<Shared>,
    Query(asked): Asked,
) -> Result<Response, Refusal> {
    answer(shared, Level::Study, Place::default(), asked).await
}

pub(super) async fn series(
    State(shared): State<Shared>,
    Query(asked): Asked,
) -> Result<Response, Refusal> {
    answer(shared, Level::Series, Place::default(), asked).await
}

pub(super) async fn instances(
    State(shared): State<Shared>,
    Query(asked): Asked,
) -> Result<Response, Refusal> {
    answer(shared, Level::Instance, Place::default(), asked).await
}

pub(super) async fn series_of(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
    Query(asked): Asked,
) -> Result<Response, Refusal> {
    answer(shared, Level::Series, place, asked).await
}

pub(super) async fn instances_of(
    State(shared): State<Shared>,
    Path(place): Path<Place>,
    Query(asked): Asked,
) -> Result<Response, Refusal> {
    answer(shared, Level::Instance, place, asked).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Study,
    Series,
    Instance,
}

async fn answer(
    shared: Shared,
    level: Level,
    place: Place,
    asked: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let query = Asking::of(asked)?;
    let permit = super::place(&shared).await?;
    let found = tokio::task::spawn_blocking(move || {
        let _place = permit;
        let stored = objects(&shared, &place)?;
        Ok::<_, Refusal>(query.choose(level, stored))
    });
    let found = found
        .await
        .map_err(|_| Refusal::bad("the query could not be answered"))??;
    Ok(data_sets(found))
}

/// Stored objects of what a path names.
pub(super) fn objects(shared: &Shared, place: &Place) -> Result<Vec<Stored>, Refusal> {
    let mut filter = "1".to_owned();
    let mut values: Vec<&dyn rusqlite::ToSql> = Vec::new();
    for (column, value) in [
        ("study_uid", &place.study),
        ("series_uid", &place.series),
        ("sop_uid", &place.instance),
    ] {
        if let Some(value) = value {
            values.push(value);
            filter += &format!(" AND {column} = ?{}", values.len());
        }
    }
    filter += " ORDER BY received_ms, sop_uid";
    Ok(shared.intake.store.select(&filter, &values)?)
}

/// A query: conditions, and which of the answers.
#[derive(Debug)]
struct Asking {
    conditions: Vec<(String, String)>,
    offset: usize,
    limit: usize,
}

impl Asking {
    fn of(asked: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut query = Self {
            conditions: Vec::new(),
            offset: 0,
            limit: MOST,
        };
        for (key, value) in asked {
            let number = || {
                let bad = |_| Refusal::bad(format!("{key}: expected a number, found {value}"));
                value.parse::<usize>().map_err(bad)
            };
            match key.as_str() {
                "limit" => query.limit = number()?.min(MOST),
                "offset" => query.offset = number()?,
                // Every attribute that is known is returned, and names are matched as they are written.
                "includefield" | "fuzzymatching" => {}
                name => {
                    let tag = tag_of(name)
                        .ok_or_else(|| Refusal::bad(format!("{name}: no known attribute")))?;
                    let key = format!("{:04X}{:04X}", tag.group(), tag.element());
                    query.conditions.push((key, value));
                }
            }
        }
        Ok(query)
    }

    fn choose(&self, level: Level, stored: Vec<Stored>) -> Vec<Value> {
        let mut groups: BTreeMap<(usize, String), Vec<Stored>> = BTreeMap::new();
        let mut order: std::collections::HashMap<String, usize> = Default::default();
        for object in stored {
            let uid = match level {
                Level::Study => &object.study_uid,
                Level::Series => &object.series_uid,
                Level::Instance => &object.sop_uid,
            }
            .clone();
            let next = order.len();
            let place = *order.entry(uid.clone()).or_insert(next);
            groups.entry((place, uid)).or_default().push(object);
        }
        let sets = groups.into_values().map(|group| described(level, &group));
        sets.filter(|set| self.holds(set))
            .skip(self.offset)
            .take(self.limit)
            .map(Value::Object)
            .collect()
    }

    fn holds(&self, set: &Map<String, Value>) -> bool {
        self.conditions.iter().all(|(tag, wanted)| {
            let values = values(set.get(tag));
            // Universal matching (PS3.4 C.2.2.2.3).
            wanted.is_empty()
                || wanted == "*"
                || values.iter().any(|value| matches(tag, wanted, value))
        })
    }
}

/// A keyword, or eight hexadecimal digits.
fn tag_of(name: &str) -> Option<Tag> {
    if let Some(entry) = StandardDataDictionary.by_name(name) {
        return Some(entry.tag());
    }
    if name.len() != 8 || !name.is_ascii() {
        return None;
    }
    let group = u16::from_str_radix(&name[..4], 16).ok()?;
    Some(Tag(group, u16::from_str_radix(&name[4..], 16).ok()?))
}

/// Values as texts; of a person's name the alphabetic form.
fn values(element: Option<&Value>) -> Vec<String> {
    let values = element.and_then(|e| e.get("Value")?.as_array());
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(name) => {
            let alphabetic = name.get("Alphabetic").and_then(Value::as_str);
            alphabetic.unwrap_or_default().to_owned()
        }
        other => other.to_string(),
    };
    values.into_iter().flatten().map(text).collect()
}

/// Single value, list of UIDs, range of dates or times, or wildcard (PS3.4 C.2.2.2).
fn matches(tag: &str, wanted: &str, value: &str) -> bool {
    let is_uid = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if tag.ends_with("000D") || tag.ends_with("000E") || tag == "00080018" || tag == "00080016" {
        return wanted
            .split([',', '\\'])
            .any(|uid| is_uid(uid) && uid == value);
    }
    // Dates and times.
    let timed = ["00080020", "00080030", "00080021", "00080031", "00100030"];
    if timed.contains(&tag)
        && let Some((from, to)) = wanted.split_once('-')
    {
        let head = value.get(..to.len()).unwrap_or(value);
        return (from.is_empty() || value >= from) && (to.is_empty() || head <= to);
    }
    matches_pattern(wanted, value)
}

const STUDY: [Tag; 12] = [
    tags::STUDY_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
];

const SERIES: [Tag; 9] = [
    tags::MODALITY,
    tags::SERIES_INSTANCE_UID,
    tags::SERIES_NUMBER,
    tags::SERIES_DESCRIPTION,
    tags::SERIES_DATE,
    tags::SERIES_TIME,
    tags::PERFORMED_PROCEDURE_STEP_START_DATE,
    tags::PERFORMED_PROCEDURE_STEP_START_TIME,
    tags::BODY_PART_EXAMINED,
];

/// The data set that stands for objects of one study, series or instance.
fn described(level: Level, group: &[Stored]) -> Map<String, Value> {
    let mut set = Map::new();
    let Some(first) = group.first() else {
        return set;
    };
    let copy = |set: &mut Map<String, Value>, tags: &[Tag]| {
        for tag in tags {
            let key = format!("{:04X}{:04X}", tag.group(), tag.element());
            if let Some(value) = first.attributes.get(&key) {
                set.insert(key, value.clone());
            }
        }
    };
    let distinct = |of: &dyn Fn(&Stored) -> String| {
        let all: std::collections::BTreeSet<String> = group.iter().map(of).collect();
        all.into_iter()
            .filter(|v| !v.is_empty())
            .collect::<Vec<_>>()
    };
    set.insert(
        "00080005".into(),
        json!({"vr": "CS", "Value": ["ISO_IR 192"]}),
    );
    copy(&mut set, &STUDY);
    let study = format!("/dicom-web/studies/{}", first.study_uid);
    match level {
        Level::Study => {
            let modalities = distinct(&|o| o.traits.modality.clone());
            set.insert("00080061".into(), json!({"vr": "CS", "Value": modalities}));
            let n = distinct(&|o| o.series_uid.clone()).len();
            set.insert("00201206".into(), json!({"vr": "IS", "Value": [n]}));
            set.insert(
                "00201208".into(),
                json!({"vr": "IS", "Value": [group.len()]}),
            );
            set.insert("00081190".into(), json!({"vr": "UR", "Value": [study]}));
        }
        Level::Series => {
            copy(&mut set, &SERIES);
            set.insert(
                "00201209".into(),
                json!({"vr": "IS", "Value": [group.len()]}),
            );
            let url = format!("{study}/series/{}", first.series_uid);
            set.insert("00081190".into(), json!({"vr": "UR", "Value": [url]}));
        }
        Level::Instance => {
            set.extend(first.attributes.clone());
            let syntax = json!({"vr": "UI", "Value": [first.transfer_syntax]});
            set.insert("00083002".into(), syntax);
            let url = format!(
                "{study}/series/{}/instances/{}",
                first.series_uid, first.sop_uid
            );
            set.insert("00081190".into(), json!({"vr": "UR", "Value": [url]}));
        }
    }
    // Everything stored is at hand.
    set.insert("00080056".into(), json!({"vr": "CS", "Value": ["ONLINE"]}));
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        for (tag, wanted, value, fits) in [
            ("0020000D", "1.2,1.3", "1.3", true),
            ("0020000D", "1.2", "1.25", false),
            ("00080020", "20200101-20201231", "20200615", true),
            ("00080020", "-20191231", "20200615", false),
            ("00080020", "20200615", "20200615", true),
            ("00100010", "doe*", "Doe^Jane", true),
            ("00100020", "ab", "abc", false),
        ] {
            assert_eq!(matches(tag, wanted, value), fits, "{tag} {wanted} {value}");
        }
        assert_eq!(tag_of("PatientID"), Some(tags::PATIENT_ID));
        assert_eq!(tag_of("00100020"), Some(tags::PATIENT_ID));
        assert_eq!(tag_of("Nonsense"), None);
        assert!(Asking::of(vec![("limit".into(), "x".into())]).is_err());
    }
}
