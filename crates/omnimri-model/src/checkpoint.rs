//! A checkpoint is a folder in the Hugging Face layout: `config.json`, `model.safetensors` (f16), `tokenizer.json`,
//! `preprocessor_config.json`, `README.md`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::*;
use burn::store::{HalfPrecisionAdapter, ModuleSnapshot, SafetensorsStore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{ModelConfig, NEIGHBOURS};
use crate::error::{Error, Result};
use crate::model::OmniMri;
use crate::preprocess::{SIDE, SMALL_CROP, SMALL_SIDE, WINDOW_PERCENTILES};
use crate::tokenizer::Tokenizer;

/// What `config.json` holds: sizes, provenance and licences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Always `omnimri`.
    pub model_type: String,
    /// Version of the program that trained it.
    pub version: String,
    /// Sizes.
    pub model: ModelConfig,
    /// Datasets trained on and their licences.
    pub licences: BTreeMap<String, String>,
    /// Stages run, in order, with their steps.
    pub history: Vec<String>,
}

/// What `preprocessor_config.json` holds; loading refuses other values than this program applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessorConfig {
    /// Side of the network's square.
    pub side: usize,
    /// Side for small crops.
    pub small_side: usize,
    /// Longest side of a small crop.
    pub small_crop: usize,
    /// Neighbouring slices as channels.
    pub neighbours: usize,
    /// Percentiles that become the range.
    pub window_percentiles: [f64; 2],
}

impl Default for PreprocessorConfig {
    fn default() -> Self {
        Self {
            side: SIDE,
            small_side: SMALL_SIDE,
            small_crop: SMALL_CROP,
            neighbours: NEIGHBOURS,
            window_percentiles: WINDOW_PERCENTILES,
        }
    }
}

/// The files of a checkpoint in memory; the embedded one is made of these.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointFiles<'a> {
    /// `config.json`
    pub config: &'a [u8],
    /// `model.safetensors`
    pub weights: &'a [u8],
    /// `tokenizer.json`
    pub tokenizer: &'a [u8],
    /// `preprocessor_config.json`
    pub preprocessor: &'a [u8],
}

/// A loaded checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    /// The weights.
    pub model: OmniMri,
    /// Sizes and provenance.
    pub config: CheckpointConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// SHA-256 of `model.safetensors`.
    pub sha256: String,
}

fn half() -> HalfPrecisionAdapter {
    [
        "NormConv",
        "StudyAttention",
        "DenseDecoder",
        "Step",
        "RestoreBlock",
        "Unrolled",
        "RmsNorm",
    ]
    .into_iter()
    .fold(
        HalfPrecisionAdapter::new(),
        HalfPrecisionAdapter::with_module,
    )
}

impl Checkpoint {
    /// Reads a checkpoint folder onto `device`.
    ///
    /// # Errors
    /// If a file is missing or damaged, or a tensor is missing, unused or misshapen.
    pub fn read(dir: &Path, device: &Device) -> Result<Self> {
        Self::read_except(dir, None, &[], device)
    }

    /// As [`Self::read`], except that the parts of the model named in `fresh` (paths of fields of [`OmniMri`]) keep random weights, with
    /// sizes from `sizes` where given: so that a part can change its shape without losing the others.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_except(
        dir: &Path,
        sizes: Option<&ModelConfig>,
        fresh: &[&str],
        device: &Device,
    ) -> Result<Self> {
        let file = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(|source| Error::Read { path, source })
        };
        let (config, weights) = (file("config.json")?, file("model.safetensors")?);
        let (tokenizer, preprocessor) =
            (file("tokenizer.json")?, file("preprocessor_config.json")?);
        let files = CheckpointFiles {
            config: &config,
            weights: &weights,
            tokenizer: &tokenizer,
            preprocessor: &preprocessor,
        };
        Self::build(files, sizes, fresh, device)
    }

    /// Builds a checkpoint from the content of its files.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_files(files: CheckpointFiles<'_>, device: &Device) -> Result<Self> {
        Self::build(files, None, &[], device)
    }

    fn build(
        files: CheckpointFiles<'_>,
        sizes: Option<&ModelConfig>,
        fresh: &[&str],
        device: &Device,
    ) -> Result<Self> {
        fn json<T: for<'a> Deserialize<'a>>(name: &str, bytes: &[u8]) -> Result<T> {
            serde_json::from_slice(bytes).map_err(|source| Error::Json {
                name: name.to_owned(),
                source,
            })
        }
        let mut config: CheckpointConfig = json("config.json", files.config)?;
        if let Some(sizes) = sizes {
            config.model = sizes.clone();
        }
        let preprocessor: PreprocessorConfig =
            json("preprocessor_config.json", files.preprocessor)?;
        if preprocessor != PreprocessorConfig::default() {
            return Err(Error::Config {
                field: "preprocessor_config.json",
                expected: format!("{:?}", PreprocessorConfig::default()),
                found: format!("{preprocessor:?}"),
            });
        }
        let tokenizer = Tokenizer::from_json(files.tokenizer)?;
        if tokenizer.vocab_size() > config.model.language.vocab_size {
            return Err(Error::Config {
                field: "language.vocab_size",
                expected: format!("at least {} (tokenizer.json)", tokenizer.vocab_size()),
                found: config.model.language.vocab_size.to_string(),
            });
        }
        let mut model = config.model.init(device)?;
        load_weights(&mut model, files.weights, fresh)?;
        let sha256 = Sha256::digest(files.weights)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(Self {
            model,
            config,
            tokenizer,
            sha256,
        })
    }

    /// Writes a checkpoint folder: into a new folder beside `dir`, which then takes its place.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(
        dir: &Path,
        model: &OmniMri,
        config: &CheckpointConfig,
        tokenizer: &Tokenizer,
        card: &str,
    ) -> Result<()> {
        let write_error = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let fresh = dir.with_extension("new.tmp");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(write_error(&fresh))?;
        }
        std::fs::create_dir_all(&fresh).map_err(write_error(&fresh))?;
        let weights = fresh.join("model.safetensors");
        let mut store = SafetensorsStore::from_file(&weights).with_to_adapter(half());
        model.save_into(&mut store).map_err(|e| Error::Weights {
            name: weights.display().to_string(),
            problem: e.to_string(),
        })?;
        let put = |name: &str, content: String| {
            let path = fresh.join(name);
            std::fs::write(&path, content).map_err(write_error(&path))
        };
        let pretty = |name: &str, value: serde_json::Result<String>| {
            value.map_err(|source| Error::Json {
                name: name.to_owned(),
                source,
            })
        };
        put(
            "config.json",
            pretty("config.json", serde_json::to_string_pretty(config))?,
        )?;
        put("tokenizer.json", tokenizer.to_json()?)?;
        let preprocessor = serde_json::to_string_pretty(&PreprocessorConfig::default());
        put(
            "preprocessor_config.json",
            pretty("preprocessor_config.json", preprocessor)?,
        )?;
        put("README.md", card.to_owned())?;
        let old = dir.with_extension("old.tmp");
        if dir.exists() {
            std::fs::rename(dir, &old).map_err(write_error(dir))?;
        }
        std::fs::rename(&fresh, dir).map_err(write_error(dir))?;
        if old.exists() {
            std::fs::remove_dir_all(&old).map_err(write_error(&old))?;
        }
        Ok(())
    }
}

/// Loads safetensors into a model of the same sizes; every tensor must be there, fit, and be used.
///
/// # Errors
/// [`Error::Weights`] naming the tensors.
pub fn load_weights(model: &mut OmniMri, bytes: &[u8], fresh: &[&str]) -> Result<()> {
    let fail = |problem: String| Error::Weights {
        name: "model.safetensors".into(),
        problem,
    };
    // Parsed first by the reference implementation: it refuses headers that lie about sizes.
    let tensors = safetensors::SafeTensors::deserialize(bytes).map_err(|e| fail(e.to_string()))?;
    let is_fresh = |name: &str| {
        fresh.iter().any(|f| {
            let rest = name.strip_prefix(f);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let kept = if fresh.is_empty() {
        bytes.to_vec()
    } else {
        let kept = tensors.iter().filter(|(name, _)| !is_fresh(name));
        let metadata = safetensors::SafeTensors::read_metadata(bytes)
            .map_err(|e| fail(e.to_string()))?
            .1
            .metadata()
            .clone();
        safetensors::serialize(kept, metadata).map_err(|e| fail(e.to_string()))?
    };
    let mut store = SafetensorsStore::from_bytes(Some(kept))
        .with_from_adapter(half())
        .allow_partial(!fresh.is_empty());
    let report = model
        .load_from(&mut store)
        .map_err(|e| fail(e.to_string()))?;
    let list = |names: Vec<String>| names.into_iter().take(3).collect::<Vec<_>>().join(", ");
    if !report.errors.is_empty() {
        let errors = report.errors.iter().map(ToString::to_string).collect();
        return Err(fail(format!("misshapen tensors: {}", list(errors))));
    }
    let missing: Vec<String> = report
        .missing
        .into_iter()
        .map(|m| m.0)
        .filter(|name| !is_fresh(name))
        .collect();
    if !missing.is_empty() {
        return Err(fail(format!("missing tensors: {}", list(missing))));
    }
    if !report.unused.is_empty() {
        return Err(fail(format!("unused tensors: {}", list(report.unused))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    fn written(dir: &Path) -> (OmniMri, CheckpointConfig) {
        let device = Device::flex();
        device.seed(5);
        let model = ModelConfig::tiny();
        let config = CheckpointConfig {
            model_type: "omnimri".into(),
            version: "0".into(),
            model: model.clone(),
            licences: BTreeMap::new(),
            history: Vec::new(),
        };
        let model = model.init(&device).unwrap();
        let texts = vec!["a report of an image".to_owned(); 4];
        let tokenizer = Tokenizer::train(&texts, 400).unwrap();
        Checkpoint::write(dir, &model, &config, &tokenizer, "card").unwrap();
        (model, config)
    }

    #[test]
    fn saved_and_loaded_models_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        let (model, config) = written(&path);
        let loaded = Checkpoint::read(&path, &Device::flex()).unwrap();
        assert_eq!(loaded.config, config);
        let x = Tensor::<4>::random([2, 32, 48, 3], Distribution::Default, &Device::flex());
        let (a, b) = (model.see(x.clone(), 2), loaded.model.see(x, 2));
        // f16 keeps three digits.
        a.masks
            .into_data()
            .assert_approx_eq::<f32>(&b.masks.into_data(), Tolerance::absolute(3e-2));
        let header = std::fs::read(path.join("model.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&header).unwrap();
        assert!(
            tensors
                .iter()
                .all(|(_, t)| t.dtype() == safetensors::Dtype::F16)
        );
        // Writing again replaces the folder.
        written(&path);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_or_strange_tensor_is_an_error() {
        use safetensors::tensor::{SafeTensors, serialize};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        written(&path);
        let file = path.join("model.safetensors");
        let bytes = std::fs::read(&file).unwrap();
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors: Vec<_> = parsed.tensors().into_iter().collect::<Vec<_>>();
        let removed = tensors.remove(3);
        std::fs::write(&file, serialize(tensors.clone(), None).unwrap()).unwrap();
        let error = Checkpoint::read(&path, &Device::flex())
            .unwrap_err()
            .to_string();
        assert!(error.contains(&removed.0), "{error}");
        tensors.push(removed.clone());
        tensors.push(("stranger".into(), removed.1));
        std::fs::write(&file, serialize(tensors, None).unwrap()).unwrap();
        let error = Checkpoint::read(&path, &Device::flex())
            .unwrap_err()
            .to_string();
        assert!(error.contains("stranger"), "{error}");
        std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        assert!(Checkpoint::read(&path, &Device::flex()).is_err());
    }
}
