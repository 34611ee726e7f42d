//! The content tree of a structured report (PS3.3 C.17.3 SR Document Content) and the modules around it.

use dicom_core::header::HasLength;
use dicom_core::value::PrimitiveValue;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::dataset::{Concept, decimal, put, put_code, put_items, reference};
use super::shell::{Ids, Kind, Shell};

/// How a content item relates to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Contains,
    ConceptModifier,
    ObservationContext,
    AcquisitionContext,
}

impl Relation {
    const fn name(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::ConceptModifier => "HAS CONCEPT MOD",
            Self::ObservationContext => "HAS OBS CONTEXT",
            Self::AcquisitionContext => "HAS ACQ CONTEXT",
        }
    }
}

/// Value of a content item.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// With the identifier of its template, where it begins one.
    Container(Option<&'static str>),
    Text(String),
    Code(Concept),
    /// The item of a code sequence, copied from another object.
    CodeItem(Box<InMemDicomObject>),
    Uid(String),
    /// With its unit of UCUM.
    Number(f64, Concept),
    /// An instance, with the segment that is meant where it is a segmentation.
    Image(Box<InMemDicomObject>),
}

/// A content item with those below it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    relation: Relation,
    /// Absent only for images.
    concept: Option<Concept>,
    value: Value,
    below: Vec<Item>,
}

impl Item {
    pub(crate) fn new(relation: Relation, concept: Concept, value: Value) -> Self {
        Self {
            relation,
            concept: Some(concept),
            value,
            below: Vec::new(),
        }
    }

    /// An item that its parent contains.
    pub(crate) fn contained(concept: Concept, value: Value) -> Self {
        Self::new(Relation::Contains, concept, value)
    }

    /// A code that qualifies its parent.
    pub(crate) fn modifier(concept: Concept, code: Concept) -> Self {
        Self::new(Relation::ConceptModifier, concept, Value::Code(code))
    }

    /// An entry of an image library.
    pub(crate) fn library_image(image: InMemDicomObject) -> Self {
        Self {
            relation: Relation::Contains,
            concept: None,
            value: Value::Image(Box::new(image)),
            below: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, below: impl IntoIterator<Item = Self>) -> Self {
        self.below.extend(below);
        self
    }

    /// Its attributes without the relation, as the root of a document has them.
    fn content(&self, o: &mut InMemDicomObject) {
        let kind = match &self.value {
            Value::Container(_) => "CONTAINER",
            Value::Text(_) => "TEXT",
            Value::Code(_) | Value::CodeItem(_) => "CODE",
            Value::Uid(_) => "UIDREF",
            Value::Number(..) => "NUM",
            Value::Image(_) => "IMAGE",
        };
        put(o, tags::VALUE_TYPE, kind);
        if let Some(concept) = self.concept {
            put_code(o, tags::CONCEPT_NAME_CODE_SEQUENCE, concept);
        }
        match &self.value {
            Value::Container(template) => {
                put(o, tags::CONTINUITY_OF_CONTENT, "SEPARATE");
                if let Some(template) = template {
                    let mut item = InMemDicomObject::new_empty();
                    put(&mut item, tags::MAPPING_RESOURCE, "DCMR");
                    put(&mut item, tags::TEMPLATE_IDENTIFIER, *template);
                    put_items(o, tags::CONTENT_TEMPLATE_SEQUENCE, vec![item]);
                }
            }
            Value::Text(text) => put(o, tags::TEXT_VALUE, unlimited(text)),
            Value::Code(code) => put_code(o, tags::CONCEPT_CODE_SEQUENCE, *code),
            Value::CodeItem(item) => {
                put_items(o, tags::CONCEPT_CODE_SEQUENCE, vec![item.as_ref().clone()]);
            }
            Value::Uid(uid) => put(o, tags::UID, uid.as_str()),
            Value::Number(value, unit) => {
                let mut item = InMemDicomObject::new_empty();
                put(&mut item, tags::NUMERIC_VALUE, decimal(*value));
                put_code(&mut item, tags::MEASUREMENT_UNITS_CODE_SEQUENCE, *unit);
                put_items(o, tags::MEASURED_VALUE_SEQUENCE, vec![item]);
            }
            Value::Image(image) => {
                put_items(
                    o,
                    tags::REFERENCED_SOP_SEQUENCE,
                    vec![image.as_ref().clone()],
                );
            }
        }
        if !self.below.is_empty() {
            let items = self.below.iter().map(Self::item).collect();
            put_items(o, tags::CONTENT_SEQUENCE, items);
        }
    }

    fn item(&self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        put(&mut item, tags::RELATIONSHIP_TYPE, self.relation.name());
        self.content(&mut item);
        item
    }
}

/// A text of any length without control characters but line breaks (PS3.5 6.2, UT).
fn unlimited(text: &str) -> String {
    let keep = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().map(keep).collect::<String>().trim().to_owned()
}

/// A document with `root` as its content; `evidence` are the series that it refers to.
///
/// SR Document Series (C.17.1) and SR Document General (C.17.2): complete, not verified, preliminary.
pub(crate) fn document(
    shell: &Shell<'_>,
    kind: Kind,
    ids: &Ids,
    root: &Item,
    evidence: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    let mut object = shell.object(kind, ids);
    let o = &mut object;
    put_items(
        o,
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
        vec![],
    );
    put_items(o, tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, vec![]);
    put(o, tags::COMPLETION_FLAG, "COMPLETE");
    put(o, tags::VERIFICATION_FLAG, "UNVERIFIED");
    put(o, tags::PRELIMINARY_FLAG, "PRELIMINARY");
    let mut study = InMemDicomObject::new_empty();
    put(
        &mut study,
        tags::STUDY_INSTANCE_UID,
        shell.source.study_uid.as_str(),
    );
    put_items(&mut study, tags::REFERENCED_SERIES_SEQUENCE, evidence);
    put_items(
        o,
        tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE,
        vec![study],
    );
    root.content(o);
    object
}

/// A series of the evidence: its UID and instances.
pub(crate) fn evidence(series_uid: &str, instances: Vec<InMemDicomObject>) -> InMemDicomObject {
    let mut series = InMemDicomObject::new_empty();
    put(&mut series, tags::SERIES_INSTANCE_UID, series_uid);
    put_items(&mut series, tags::REFERENCED_SOP_SEQUENCE, instances);
    series
}

/// TID 1204 Language of Content Item and Descendants, and TID 1002 Observer Context with the model as device (TID 1004).
pub(crate) fn context(shell: &Shell<'_>, device_uid: &str) -> Vec<Item> {
    let text = |code: &'static str, meaning: &'static str, text: &str| {
        Item::new(
            Relation::ObservationContext,
            Concept(code, "DCM", meaning),
            Value::Text(text.to_owned()),
        )
    };
    let [program, model] = shell.versions();
    vec![
        Item::modifier(
            Concept("121049", "DCM", "Language of Content Item and Descendants"),
            Concept("en", "RFC5646", "English"),
        ),
        Item::new(
            Relation::ObservationContext,
            Concept("121005", "DCM", "Observer Type"),
            Value::Code(Concept("121007", "DCM", "Device")),
        ),
        Item::new(
            Relation::ObservationContext,
            Concept("121012", "DCM", "Device Observer UID"),
            Value::Uid(device_uid.to_owned()),
        ),
        text(
            "121013",
            "Device Observer Name",
            &format!("{program}, model {model}"),
        ),
        text(
            "121014",
            "Device Observer Manufacturer",
            super::shell::MAKER,
        ),
        text("121015", "Device Observer Model Name", &shell.model_name()),
        text("121016", "Device Observer Serial Number", &shell.serial()),
    ]
}

/// Procedure Reported: the study's procedure codes, or magnetic resonance imaging where it has none.
pub(crate) fn procedure(shell: &Shell<'_>) -> Vec<Item> {
    let name = Concept("121058", "DCM", "Procedure reported");
    let coded = shell
        .source
        .attributes
        .get(tags::PROCEDURE_CODE_SEQUENCE)
        .and_then(|e| e.items())
        .unwrap_or_default();
    let items: Vec<Item> = coded
        .iter()
        .filter(|item| item.get(tags::CODE_VALUE).is_some_and(|e| !e.is_empty()))
        .map(|item| {
            let value = Value::CodeItem(Box::new(item.clone()));
            Item::new(Relation::ConceptModifier, name, value)
        })
        .collect();
    if items.is_empty() {
        let mri = Concept("113091000", "SCT", "Magnetic resonance imaging");
        vec![Item::modifier(name, mri)]
    } else {
        items
    }
}

/// Reference to a segment of a segmentation.
pub(crate) fn segment_reference(class: &str, instance: &str, number: u16) -> InMemDicomObject {
    let mut item = reference(class, instance);
    let numbers = PrimitiveValue::U16([number].into_iter().collect());
    put(&mut item, tags::REFERENCED_SEGMENT_NUMBER, numbers);
    item
}
