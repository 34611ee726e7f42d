//! The terms beyond the labels, in the order of their values from 13; new ones go to the end, so that values stay.
//!
//! Codes were read from DICOM PS3.16 (CID 7140 and 7153) and from the SNOMED CT mapping that TotalSegmentator publishes; RadLex
//! ids only where two independent lists agree. A code of both sides together is marked as wider. What was not found there has none.

use crate::imaging::Region::{self, *};
use crate::vocabulary::Code;

/// One term.
pub(crate) struct Entry {
    pub name: &'static str,
    pub finding: bool,
    pub region: Region,
    pub code: Option<Code>,
    pub radlex: Option<&'static str>,
}

const fn term(finding: bool, region: Region, name: &'static str) -> Entry {
    Entry {
        name,
        finding,
        region,
        code: None,
        radlex: None,
    }
}

/// Anatomy.
const fn a(region: Region, name: &'static str) -> Entry {
    term(false, region, name)
}

/// A finding.
const fn f(region: Region, name: &'static str) -> Entry {
    term(true, region, name)
}

impl Entry {
    /// With the concept of SNOMED CT that means the same.
    const fn is(self, value: &'static str, meaning: &'static str) -> Self {
        self.code("SCT", value, meaning, true)
    }

    /// With a concept of SNOMED CT that means more.
    const fn within(self, value: &'static str, meaning: &'static str) -> Self {
        self.code("SCT", value, meaning, false)
    }

    const fn code(
        mut self,
        scheme: &'static str,
        value: &'static str,
        meaning: &'static str,
        exact: bool,
    ) -> Self {
        self.code = Some(Code {
            scheme,
            value,
            meaning,
            exact,
        });
        self
    }

    const fn radlex(mut self, id: &'static str) -> Self {
        self.radlex = Some(id);
        self
    }
}

/// The entry of value `13 + index`.
#[rustfmt::skip]
pub(crate) const TERMS: &[Entry] = &[
    // Findings of the brain.
    f(Brain, "necrotic tumour core"),
    f(Brain, "peritumoural oedema"),
    f(Brain, "enhancing tumour"),
    f(Brain, "resection cavity"),
    f(Brain, "non-enhancing tumour"),
    f(Brain, "cystic tumour component"),
    f(Brain, "brain tumour"),
    f(Brain, "brain metastasis"),
    f(Brain, "stroke lesion"),
    f(Brain, "white matter hyperintensity").code("DCM", "110702", "White Matter T2 Hyperintensity", true),
    f(Brain, "enlarged perivascular space"),
    f(Brain, "lacune"),
    f(Brain, "cerebral microbleed"),
    f(Brain, "intracranial haemorrhage"),
    f(Brain, "intracranial aneurysm"),
    f(Brain, "focal cortical dysplasia"),
    f(Brain, "arteriovenous malformation"),
    f(Brain, "traumatic brain lesion"),
    f(Brain, "vestibular schwannoma"),
    f(Brain, "brain lesion"),
    // The head as a whole, and tissues of the brain.
    a(Brain, "brain").is("12738006", "Brain").radlex("RID6434"),
    a(Brain, "intracranial cavity").is("1101003", "Cranial Cavity"),
    a(Brain, "skull").is("89546000", "Skull"),
    a(Brain, "head soft tissue"),
    a(Brain, "grey matter").is("389081007", "Gray Matter"),
    a(Brain, "white matter").is("389080008", "White Matter"),
    a(Brain, "cerebrospinal fluid").is("65216001", "Cerebrospinal Fluid"),
    a(Brain, "extra-axial cerebrospinal fluid").within("65216001", "Cerebrospinal Fluid"),
    a(Brain, "cerebral ventricles").is("35764002", "Brain ventricle"),
    a(Brain, "deep grey matter"),
    a(Brain, "cerebral cortex").is("40146001", "Cerebral cortex"),
    a(Brain, "cerebral white matter").is("68523003", "Cerebral White Matter"),
    a(Brain, "cerebellum").is("113305005", "Cerebellum"),
    a(Brain, "brainstem").is("119238007", "Brain stem"),
    a(Brain, "corpus callosum").is("88442005", "Corpus callosum"),
    a(Brain, "cavum septi pellucidi").is("74968005", "Cavum of septum pellucidum"),
    a(Brain, "third ventricle").is("49841001", "Third ventricle"),
    a(Brain, "fourth ventricle").is("35918002", "Fourth ventricle"),
    a(Brain, "pituitary gland").is("56329008", "Pituitary"),
    a(Brain, "optic chiasm").is("244453006", "Optic chiasm"),
    a(Brain, "basal ganglia"),
    // Structures of the brain, both sides together.
    a(Brain, "lateral ventricle").is("66720007", "Lateral ventricle"),
    a(Brain, "thalamus").is("42695009", "Thalamus"),
    a(Brain, "caudate nucleus").is("11000004", "Caudate nucleus"),
    a(Brain, "putamen").is("89278009", "Putamen"),
    a(Brain, "globus pallidus").is("14738005", "Globus pallidus"),
    a(Brain, "hippocampus").is("5366008", "Hippocampus"),
    a(Brain, "amygdala").is("4958002", "Amygdala"),
    a(Brain, "nucleus accumbens").is("427667007", "Nucleus accumbens"),
    a(Brain, "choroid plexus"),
    a(Brain, "frontal lobe").is("83251001", "Frontal lobe"),
    a(Brain, "parietal lobe").is("16630005", "Parietal lobe"),
    a(Brain, "temporal lobe").is("78277001", "Temporal lobe"),
    a(Brain, "occipital lobe").is("31065004", "Occipital lobe"),
    a(Brain, "insula").is("36169008", "Insula"),
    a(Brain, "cingulate cortex"),
    // Structures of the brain, by side.
    a(Brain, "left lateral ventricle").within("66720007", "Lateral ventricle"),
    a(Brain, "right lateral ventricle").within("66720007", "Lateral ventricle"),
    a(Brain, "left thalamus").within("42695009", "Thalamus"),
    a(Brain, "right thalamus").within("42695009", "Thalamus"),
    a(Brain, "left caudate nucleus").within("11000004", "Caudate nucleus"),
    a(Brain, "right caudate nucleus").within("11000004", "Caudate nucleus"),
    a(Brain, "left putamen").within("89278009", "Putamen"),
    a(Brain, "right putamen").within("89278009", "Putamen"),
    a(Brain, "left globus pallidus").within("14738005", "Globus pallidus"),
    a(Brain, "right globus pallidus").within("14738005", "Globus pallidus"),
    a(Brain, "left hippocampus").within("5366008", "Hippocampus"),
    a(Brain, "right hippocampus").within("5366008", "Hippocampus"),
    a(Brain, "left amygdala").within("4958002", "Amygdala"),
    a(Brain, "right amygdala").within("4958002", "Amygdala"),
    a(Brain, "left nucleus accumbens").within("427667007", "Nucleus accumbens"),
    a(Brain, "right nucleus accumbens").within("427667007", "Nucleus accumbens"),
    a(Brain, "left cerebral cortex").within("40146001", "Cerebral cortex"),
    a(Brain, "right cerebral cortex").within("40146001", "Cerebral cortex"),
    a(Brain, "left cerebral white matter").within("68523003", "Cerebral White Matter"),
    a(Brain, "right cerebral white matter").within("68523003", "Cerebral White Matter"),
    a(Brain, "left cerebellar cortex").within("25991003", "Cerebellar Cortex"),
    a(Brain, "right cerebellar cortex").within("25991003", "Cerebellar Cortex"),
    a(Brain, "left cerebellar white matter").within("33060004", "Cerebellar white matter"),
    a(Brain, "right cerebellar white matter").within("33060004", "Cerebellar white matter"),
    a(Brain, "left ventral diencephalon").code("DCM", "110700", "Ventral Diencephalon", false),
    a(Brain, "right ventral diencephalon").code("DCM", "110700", "Ventral Diencephalon", false),
    a(Brain, "left choroid plexus"),
    a(Brain, "right choroid plexus"),
    // Vessels, nerves and the inner ear.
    a(Brain, "intracranial artery"),
    a(Brain, "circle of Willis"),
    a(Brain, "cochlea"),
    // Head and neck.
    f(HeadAndNeck, "primary gross tumour volume"),
    f(HeadAndNeck, "nodal gross tumour volume"),
    a(HeadAndNeck, "left parotid gland"),
    a(HeadAndNeck, "right parotid gland"),
    a(HeadAndNeck, "left submandibular gland"),
    a(HeadAndNeck, "right submandibular gland"),
    a(HeadAndNeck, "mandible"),
    a(HeadAndNeck, "eye"),
    a(HeadAndNeck, "optic nerve"),
    a(HeadAndNeck, "larynx"),
    a(HeadAndNeck, "lymph node"),
    a(HeadAndNeck, "thyroid gland").is("69748006", "Thyroid gland"),
    a(Carotid, "common carotid artery").is("32062004", "Common carotid artery"),
    a(Carotid, "carotid lumen"),
    a(Carotid, "carotid wall"),
    f(Carotid, "carotid plaque"),
    // Heart and great vessels.
    a(Heart, "heart").is("80891009", "Heart"),
    a(Heart, "left ventricle myocardium").within("74281007", "Myocardium"),
    a(Heart, "right ventricle cavity").within("53085002", "Right ventricle of heart"),
    a(Heart, "right ventricle myocardium").within("74281007", "Myocardium"),
    a(Heart, "left atrium").is("82471001", "Left atrium"),
    a(Heart, "left atrium wall"),
    a(Heart, "right atrium").is("73829009", "Right atrium"),
    a(Heart, "left atrial appendage").within("68786006", "Auricular appendage"),
    a(Heart, "pulmonary vein").is("122972007", "Pulmonary vein"),
    f(Heart, "myocardial scar"),
    f(Heart, "left atrial scar"),
    f(Heart, "myocardial oedema"),
    f(Heart, "no-reflow area"),
    a(Heart, "aorta").is("15825003", "Aorta").radlex("RID480"),
    a(Heart, "pulmonary artery").is("81040000", "Pulmonary artery"),
    a(Heart, "superior vena cava").is("48345005", "Superior vena cava"),
    a(Heart, "coronary artery").is("41801008", "Coronary artery"),
    // Chest and breast.
    a(Chest, "lung"),
    a(Chest, "oesophagus").is("32849002", "Esophagus"),
    a(Breast, "breast"),
    a(Breast, "fibroglandular tissue"),
    f(Breast, "breast tumour"),
    // Spine.
    a(Spine, "vertebra").is("51282000", "Vertebra"),
    a(CervicalSpine, "vertebra C1").is("14806007", "C1 vertebra"),
    a(CervicalSpine, "vertebra C2").is("39976000", "C2 vertebra"),
    a(CervicalSpine, "vertebra C3").is("113205007", "C3 vertebra"),
    a(CervicalSpine, "vertebra C4").is("5329002", "C4 vertebra"),
    a(CervicalSpine, "vertebra C5").is("36978003", "C5 vertebra"),
    a(CervicalSpine, "vertebra C6").is("36054005", "C6 vertebra"),
    a(CervicalSpine, "vertebra C7").is("87391001", "C7 vertebra"),
    a(ThoracicSpine, "vertebra T1").is("64864005", "T1 vertebra"),
    a(ThoracicSpine, "vertebra T2").is("53733008", "T2 vertebra"),
    a(ThoracicSpine, "vertebra T3").is("1626008", "T3 vertebra"),
    a(ThoracicSpine, "vertebra T4").is("73071006", "T4 vertebra"),
    a(ThoracicSpine, "vertebra T5").is("56401006", "T5 vertebra"),
    a(ThoracicSpine, "vertebra T6").is("45296009", "T6 vertebra"),
    a(ThoracicSpine, "vertebra T7").is("62487009", "T7 vertebra"),
    a(ThoracicSpine, "vertebra T8").is("11068009", "T8 vertebra"),
    a(ThoracicSpine, "vertebra T9").is("82687006", "T9 vertebra"),
    a(ThoracicSpine, "vertebra T10").is("7610001", "T10 vertebra"),
    a(ThoracicSpine, "vertebra T11").is("12989004", "T11 vertebra"),
    a(ThoracicSpine, "vertebra T12").is("23215003", "T12 vertebra"),
    a(LumbarSpine, "vertebra L1").is("66794005", "L1 vertebra"),
    a(LumbarSpine, "vertebra L2").is("14293000", "L2 vertebra"),
    a(LumbarSpine, "vertebra L3").is("36470004", "L3 vertebra"),
    a(LumbarSpine, "vertebra L4").is("11994002", "L4 vertebra"),
    a(LumbarSpine, "vertebra L5").is("49668003", "L5 vertebra"),
    a(LumbarSpine, "sacrum").is("54735007", "Sacrum"),
    a(Spine, "intervertebral disc"),
    a(LumbarSpine, "disc L1/L2"),
    a(LumbarSpine, "disc L2/L3"),
    a(LumbarSpine, "disc L3/L4"),
    a(LumbarSpine, "disc L4/L5"),
    a(LumbarSpine, "disc L5/S1"),
    a(ThoracicSpine, "disc T12/L1"),
    a(Spine, "spinal canal"),
    a(Spine, "nerve root"),
    a(Spine, "spinal cord").is("2748008", "Spinal cord"),
    a(SpinalCord, "spinal cord grey matter").is("12958003", "Spinal cord gray matter"),
    a(SpinalCord, "spinal cord white matter").is("27088001", "Spinal cord white matter"),
    f(SpinalCord, "spinal cord lesion"),
    f(Spine, "vertebral lesion"),
    f(LumbarSpine, "spinal stenosis"),
    // Abdomen.
    a(Liver, "liver").is("10200004", "Liver").radlex("RID58"),
    f(Liver, "liver tumour"),
    a(Liver, "liver vessel"),
    a(Abdomen, "spleen").is("78961009", "Spleen"),
    a(Abdomen, "kidney").is("64033007", "Kidney").radlex("RID205"),
    a(Abdomen, "left kidney").within("64033007", "Kidney"),
    a(Abdomen, "right kidney").within("64033007", "Kidney"),
    f(Abdomen, "kidney tumour"),
    f(Abdomen, "kidney cyst"),
    a(Abdomen, "pancreas").is("15776009", "Pancreas"),
    f(Abdomen, "pancreas tumour"),
    a(Abdomen, "gallbladder").is("28231008", "Gallbladder").radlex("RID187"),
    a(Abdomen, "stomach").is("69695003", "Stomach"),
    a(Abdomen, "duodenum").is("38848004", "Duodenum"),
    a(Abdomen, "small bowel").is("30315005", "Small Intestine"),
    a(Abdomen, "colon").is("71854001", "Colon"),
    a(Abdomen, "bowel"),
    a(Abdomen, "adrenal gland").is("23451007", "Adrenal gland"),
    a(Abdomen, "left adrenal gland").within("23451007", "Adrenal gland"),
    a(Abdomen, "right adrenal gland").within("23451007", "Adrenal gland"),
    a(Abdomen, "inferior vena cava").is("64131007", "Inferior vena cava"),
    a(Abdomen, "portal and splenic vein").is("110765007", "Portal vein and splenic vein"),
    f(Abdomen, "neuroblastoma"),
    a(Abdomen, "visceral fat"),
    a(Abdomen, "subcutaneous fat").is("67769002", "Subcutaneous fatty tissue"),
    // Pelvis.
    a(Pelvis, "urinary bladder").is("89837001", "Urinary bladder").radlex("RID237"),
    a(Prostate, "prostate").is("41216001", "Prostate"),
    a(Prostate, "prostate peripheral zone"),
    a(Prostate, "prostate transition zone"),
    a(Prostate, "prostate central gland"),
    a(Prostate, "prostatic urethra"),
    a(Prostate, "seminal vesicle"),
    f(Prostate, "prostate lesion"),
    a(Pelvis, "rectum"),
    a(Pelvis, "uterus"),
    a(Pelvis, "uterine cavity"),
    f(Pelvis, "uterine fibroid"),
    f(Pelvis, "rectal tumour"),
    f(Pelvis, "cervical tumour"),
    a(Pelvis, "common iliac artery").is("73634005", "Common iliac artery"),
    a(Pelvis, "common iliac vein").is("46027005", "Common iliac vein"),
    // Bones, joints and muscles.
    a(Knee, "femoral cartilage"),
    a(Knee, "tibial cartilage"),
    a(Knee, "medial tibial cartilage"),
    a(Knee, "lateral tibial cartilage"),
    a(Knee, "patellar cartilage"),
    a(Knee, "medial meniscus"),
    a(Knee, "lateral meniscus"),
    a(Knee, "meniscus"),
    a(Knee, "anterior cruciate ligament"),
    f(Knee, "meniscal tear"),
    f(Knee, "ligament tear"),
    a(Knee, "patella").is("64234005", "Patella"),
    a(Knee, "tibia").is("12611008", "Tibia"),
    a(Knee, "fibula").is("87342007", "Fibula"),
    a(Hip, "femur").is("71341001", "Femur"),
    a(Hip, "hip bone").within("29836001", "Hip"),
    a(Shoulder, "humerus").is("85050009", "Humerus"),
    a(Pelvis, "gluteus maximus").is("181674001", "Gluteus maximus muscle"),
    a(Pelvis, "gluteus medius").is("78333006", "Gluteus medius muscle"),
    a(Pelvis, "gluteus minimus").is("75297007", "Gluteus minimus muscle"),
    a(Spine, "deep muscle of the back").is("244849004", "Deep muscle of back"),
    a(LumbarSpine, "iliopsoas").is("68455001", "Iliopsoas muscle"),
    a(Thigh, "quadriceps"),
    a(Thigh, "thigh muscle"),
    a(WholeBody, "skeletal muscle").is("127954009", "Skeletal muscle"),
    f(WholeBody, "tumour"),
    f(WholeBody, "lesion"),
];
